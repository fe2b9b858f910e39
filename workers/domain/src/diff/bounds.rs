//! The bounds of a sweep as those of its bundles.

use super::Bounds;
use queue_schema::sweep::DiffBounds;

impl From<&DiffBounds> for Bounds {
    fn from(bounds: &DiffBounds) -> Self {
        let bytes = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Self {
            split_over: bytes(bounds.split_over_bytes),
            warn_over: bytes(bounds.warn_over_bytes),
            refuse_over: bytes(bounds.refuse_over_bytes),
            force: bounds.force,
        }
    }
}

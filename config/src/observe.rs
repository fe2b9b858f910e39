//! `[observe]`: what is told of what happens, and what is made of failures that pile up.

use crate::validate::Checks;
use serde::Deserialize;

/// `[observe]`: what is told of what happens, and what is made of failures that pile up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObserveSettings {
    /// Whether the fleet writes events.
    pub enabled: bool,
    /// Events of each source that are kept.
    pub ring: u32,
    /// Names under which others may send events, at most.
    pub max_sources: u32,
}

impl ObserveSettings {
    /// Tells of values that are out of range.
    pub(crate) fn validate(&self, check: &mut Checks) {
        check.range("observe.ring", self.ring.into(), 100, 1_000_000);
        check.range("observe.max_sources", self.max_sources.into(), 0, 1000);
    }
}

//! Typed records: what the state of a review, a sweep or a run of the applier holds, and the changes that a
//! commit may make to it. Names of fields stand here and nowhere else.

pub mod finding;
pub mod memory;
pub mod pathway;
pub mod review;
pub mod run;
pub mod sweep;

pub use finding::{
    Audited, Decided, FileFindings, FindingsRecord, KeptFinding, Look, Observed, Proven, Sighting,
};
pub use memory::{MemoryCounter, MemoryRecord, MemoryState};
pub use pathway::{AreaCounts, AreaRecord, PathwayRecord};
pub use review::{ReviewRecord, ReviewState};
pub use run::RunRecord;
pub use sweep::{Counter, SweepRecord};

use crate::effects::Effect;
use crate::keys;

/// Adds to the ledger of all sweeps.
pub fn trust(adds: Vec<(String, i64)>) -> Effect {
    Effect::Tally { key: keys::TRUST.to_owned(), adds }
}

/// A counter's step; what does not fit is as much as fits.
fn step(by: u64) -> i64 {
    i64::try_from(by).unwrap_or(i64::MAX)
}

//! Diff: one attempt at the review of a part of a change, by a rung of one reviewer's ladder.

use super::{JobKind, Pool};
use crate::ids::{JobId, SweepId};
use serde::{Deserialize, Serialize};

/// Asks one model of one reviewer about one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// Which sweep.
    pub sweep: SweepId,
    /// Ordinal of the target: the part, and who reviews it.
    pub target: u32,
    /// Index into the reviewer's ladder.
    pub rung: u32,
    /// Number of this attempt within the review, from 1.
    pub attempt: u32,
    /// Provider of the rung: names the lane, so that the pool's limit is known without the sweep.
    pub provider: String,
    /// Rungs passed over since the attempt before, as too dear.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // what serde calls
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl JobKind for Diff {
    const KIND: &'static str = "diff";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Provider;
    fn id(&self) -> JobId {
        let (turn, passed) = (self.attempt, self.passed);
        let passed = if passed == 0 { String::new() } else { format!(".{passed}") };
        format!("{}-{}.diff.{turn}{passed}", self.sweep, self.target).into()
    }
    fn lane(&self) -> String {
        format!("diff:{}", self.provider)
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        Some(self.target)
    }
}

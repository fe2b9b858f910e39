//! Diff: one attempt at the review of a part of a change, by a rung of one reviewer's ladder.

use super::{JobKind, Pool, numbered};
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
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub passed: u32,
}

impl JobKind for Diff {
    const KIND: &'static str = "diff";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Provider;
    fn id(&self) -> JobId {
        numbered(format!("{}-{}.diff.{}", self.sweep, self.target, self.attempt), self.passed)
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

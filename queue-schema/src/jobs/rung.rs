//! Rung: one attempt at one review by one model.

use super::{JobKind, Pool, numbered};
use crate::ids::{JobId, SweepId};
use serde::{Deserialize, Serialize};

/// One call of one rung of the ladder for one review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Which sweep.
    pub sweep: SweepId,
    /// Ordinal of the target.
    pub target: u32,
    /// Index in the ladder, from 0.
    pub rung: u32,
    /// 1 for the first attempt; grows over the whole life of the review, retries from the
    /// dead-letter queue included.
    pub attempt: u32,
    /// Provider of that rung: the pool whose limit this job counts against.
    pub provider: String,
    /// Rungs passed over before it because the sweep's budget is nearly spent. They are no attempts,
    /// and so the number keeps the ids of these jobs apart.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub passed: u32,
}

impl JobKind for Rung {
    const KIND: &'static str = "rung";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Provider;
    fn id(&self) -> JobId {
        numbered(format!("{}-{}.rung.{}", self.sweep, self.target, self.attempt), self.passed)
    }
    fn lane(&self) -> String {
        format!("rung:{}", self.provider)
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        Some(self.target)
    }
}

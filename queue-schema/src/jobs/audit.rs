//! Audit: what one voter says of the findings of a review; the last one counts the votes.

use super::{JobKind, Pool, numbered};
use crate::ids::{JobId, SweepId};
use serde::{Deserialize, Serialize};

/// Asks one model of one voter about the findings of one review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Which sweep.
    pub sweep: SweepId,
    /// Ordinal of the target: the review, and in a sweep that audits another one, also of that one's.
    pub target: u32,
    /// Which voter, from 0. The one behind the last counts the votes, and breaks ties.
    pub voter: u32,
    /// Index into the voter's ladder.
    pub rung: u32,
    /// Number of this attempt within the vote, from 1.
    pub attempt: u32,
    /// Provider of the rung: names the lane, so that the pool's limit is known without the sweep.
    pub provider: String,
    /// Rungs passed over since the attempt before, as too dear.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub passed: u32,
}

impl JobKind for Audit {
    const KIND: &'static str = "audit";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Provider;
    fn id(&self) -> JobId {
        let (voter, turn) = (self.voter, self.attempt);
        numbered(format!("{}-{}.audit.{voter}.{turn}", self.sweep, self.target), self.passed)
    }
    fn lane(&self) -> String {
        format!("audit:{}", self.provider)
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        Some(self.target)
    }
}

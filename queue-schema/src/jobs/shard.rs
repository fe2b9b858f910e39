//! Shard: summarise one piece of a file that is too large for one prompt.

use super::{JobKind, Pool, numbered};
use crate::ids::{JobId, SweepId};
use serde::{Deserialize, Serialize};

/// One call of one rung of the shard ladder for one piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which sweep.
    pub sweep: SweepId,
    /// Ordinal of the target.
    pub target: u32,
    /// Which piece, from 0.
    pub k: u32,
    /// How many pieces.
    pub of: u32,
    /// First byte of the piece.
    pub start: u64,
    /// Byte after the last.
    pub end: u64,
    /// Index in the shard ladder, from 0.
    pub rung: u32,
    /// Provider of that rung: the pool whose limit this job counts against.
    pub provider: String,
    /// Times that all shards were asked before and none could be read: a person had them asked again.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub round: u32,
}

impl JobKind for Shard {
    const KIND: &'static str = "shard";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Provider;
    fn id(&self) -> JobId {
        let id = format!("{}-{}.shard.{}.{}", self.sweep, self.target, self.k, self.rung);
        numbered(id, self.round)
    }
    fn lane(&self) -> String {
        format!("shard:{}", self.provider)
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        Some(self.target)
    }
}

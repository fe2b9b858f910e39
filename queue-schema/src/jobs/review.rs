//! Review: look at one target and decide how it is reviewed, whole or by shards.

use super::{JobKind, Pool};
use crate::ids::{JobId, SweepId};
use serde::{Deserialize, Serialize};

/// Starts the work on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Which sweep.
    pub sweep: SweepId,
    /// Ordinal of the target.
    pub target: u32,
}

impl JobKind for Review {
    const KIND: &'static str = "review";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::None;
    fn id(&self) -> JobId {
        format!("{}-{}.review", self.sweep, self.target).into()
    }
    fn lane(&self) -> String {
        "review".to_owned()
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        Some(self.target)
    }
}

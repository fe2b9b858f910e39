//! Patch: ask the patch model for patches to one reviewed file.

use super::{JobKind, Pool};
use crate::ids::{JobId, RunId, SweepId};
use serde::{Deserialize, Serialize};

/// One call of the patch model for one file of a run of the applier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// Which sweep.
    pub sweep: SweepId,
    /// Which run of the applier.
    pub run: RunId,
    /// Which of its files, from 0.
    pub member: u32,
    /// Provider of the patch model: the pool whose limit this job counts against.
    pub provider: String,
}

impl JobKind for Patch {
    const KIND: &'static str = "patch";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Provider;
    fn id(&self) -> JobId {
        format!("{}.patch.{}.{}", self.sweep, self.run, self.member).into()
    }
    fn lane(&self) -> String {
        format!("patch:{}", self.provider)
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    /// None, though it is about one: the target is resolved, and nothing here changes that.
    fn target(&self) -> Option<u32> {
        None
    }
}

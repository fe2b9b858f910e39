//! Apply: put the patches of a run through the gates, and commit those that pass.

use super::{JobKind, Pool};
use crate::ids::{JobId, RunId, SweepId};
use serde::{Deserialize, Serialize};

/// The gates and the commits of one run of the applier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apply {
    /// Which sweep.
    pub sweep: SweepId,
    /// Which run of the applier.
    pub run: RunId,
    /// Stands for the repository and the branch: at most one job of a pool runs at a time.
    pub pool: String,
}

impl JobKind for Apply {
    const KIND: &'static str = "apply";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Own;
    fn id(&self) -> JobId {
        format!("{}.apply.{}", self.sweep, self.run).into()
    }
    fn lane(&self) -> String {
        format!("apply:{}", self.pool)
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        None
    }
}

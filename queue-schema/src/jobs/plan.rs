//! Plan: write one page of a sweep's targets, then ask for the next page.

use super::{JobKind, Pool};
use crate::ids::{JobId, SweepId};
use serde::{Deserialize, Serialize};

/// Lists the commit's tree and records the targets from `first` on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Which sweep.
    pub sweep: SweepId,
    /// Ordinal of the first target of this page, from 0.
    pub first: u32,
}

impl JobKind for Plan {
    const KIND: &'static str = "plan";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::None;
    fn id(&self) -> JobId {
        format!("{}.plan.{}", self.sweep, self.first).into()
    }
    fn lane(&self) -> String {
        "plan".to_owned()
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        None
    }
}

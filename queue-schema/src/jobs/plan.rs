//! Plan: write one page of a sweep's targets, then ask for the next page.

use super::{JobKind, Pool};
use serde::{Deserialize, Serialize};

/// Lists the commit's tree and records the targets from `first` on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Which sweep.
    pub sweep: String,
    /// Ordinal of the first target of this page, from 0.
    pub first: u32,
}

impl JobKind for Plan {
    const KIND: &'static str = "plan";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::None;
    fn id(&self) -> String {
        format!("{}.plan.{}", self.sweep, self.first)
    }
    fn lane(&self) -> String {
        "plan".to_owned()
    }
    fn sweep(&self) -> &str {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        None
    }
}

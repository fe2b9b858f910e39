//! Diagnose: what failures of a sweep that pile up say together, as a row.

use super::{JobKind, Pool};
use crate::ids::{JobId, SweepId};
use serde::{Deserialize, Serialize};

/// Makes the diagnosis of one trouble in one window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnose {
    /// Which sweep.
    pub sweep: SweepId,
    /// What fails: a task of models, or a kind of job.
    pub task: String,
    /// Who fails.
    pub endpoint: String,
    /// How it fails.
    pub class: String,
    /// Where; empty for many places.
    #[serde(default)]
    pub area: String,
    /// The id of its row: the trouble and its window.
    pub row: String,
    /// When the window begins, in milliseconds since the epoch, Redis clock.
    pub from_ms: u64,
    /// When it ends.
    pub to_ms: u64,
    /// Failures that were seen by whoever asked.
    pub count: u64,
    /// The first of them.
    pub since_ms: u64,
    /// The last of them.
    pub until_ms: u64,
    /// Provider of the model that is asked; empty without one.
    #[serde(default)]
    pub provider: String,
}

impl Diagnose {
    /// What stands for the provider in a lane without one.
    const NO_PROVIDER: &'static str = "none";
}

impl JobKind for Diagnose {
    const KIND: &'static str = "diagnose";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Own;
    fn id(&self) -> JobId {
        format!("{}.{}.{}", self.sweep, Self::KIND, self.row).into()
    }
    fn lane(&self) -> String {
        let provider =
            if self.provider.is_empty() { Self::NO_PROVIDER } else { self.provider.as_str() };
        format!("{}:{provider}", Self::KIND)
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        None
    }
}

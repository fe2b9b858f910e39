//! Tally: what the reviewers of a change say together, as rows.

use super::{JobKind, Pool};
use crate::ids::{JobId, SweepId};
use serde::{Deserialize, Serialize};

/// Tallies the answers of a sweep whose reviews have ended. It comes again when the sweep ends again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Which sweep.
    pub sweep: SweepId,
}

impl JobKind for Tally {
    const KIND: &'static str = "tally";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::None;
    fn id(&self) -> JobId {
        format!("{}.tally", self.sweep).into()
    }
    fn lane(&self) -> String {
        Self::KIND.to_owned()
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        None
    }
}

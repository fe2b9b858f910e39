//! News: the sweep of a schedule has ended.

use super::{JobKind, Pool};
use crate::ids::{JobId, SweepId};
use serde::{Deserialize, Serialize};

/// Counts and tells which findings the sweep before of the same schedule did not have. It comes again when the sweep ends
/// again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// Which sweep.
    pub sweep: SweepId,
}

impl JobKind for News {
    const KIND: &'static str = "news";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::None;
    fn id(&self) -> JobId {
        format!("{}.news", self.sweep).into()
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

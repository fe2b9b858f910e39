//! Due: a schedule has come due, and its sweep is to be begun.

use super::{JobKind, Pool};
use crate::ids::{JobId, ScheduleName, SweepId};
use serde::{Deserialize, Serialize};

/// Begins the sweep of one due time. It belongs to no sweep: that is what it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Which schedule.
    pub schedule: ScheduleName,
    /// When the schedule was added: one of the same name that was added later is another one.
    pub added_ms: u64,
    /// When it was due, in milliseconds since the epoch.
    pub due_ms: u64,
    /// None.
    #[serde(skip)]
    pub sweep: SweepId,
}

impl Due {
    /// The id of the job of a due time.
    pub fn id_of(schedule: &ScheduleName, due_ms: u64) -> JobId {
        // The name comes second: one that reads as the id of a review must not make it a job of that.
        format!("{}.{schedule}.{due_ms}", Self::KIND).into()
    }
}

impl JobKind for Due {
    const KIND: &'static str = "due";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::None;
    fn id(&self) -> JobId {
        Self::id_of(&self.schedule, self.due_ms)
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

//! What a person says to the queue as a whole: pause, resume, cancel.

use super::scripts::SCRIPTS;
use super::{Queue, QueueError};
use crate::ids::SweepId;
use crate::keys;
use std::collections::BTreeSet;

/// What can be paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pausable {
    /// A named queue.
    Lane,
    /// All jobs of a sweep.
    Sweep,
}

impl Queue {
    /// Stops claiming from a lane or for a sweep, or goes on. Running jobs are not touched. True
    /// when that changed something.
    ///
    /// # Errors
    /// A failure of Redis; saying it again is safe.
    pub async fn pause(&self, what: Pausable, name: &str, pause: bool) -> Result<bool, QueueError> {
        let kind = match what {
            Pausable::Lane => "lane",
            Pausable::Sweep => "sweep",
        };
        let flag = if pause { "1" } else { "0" };
        let args: Vec<Vec<u8>> = vec![kind.into(), name.into(), flag.into()];
        // A lane is everywhere, a sweep in one place.
        let parts: Vec<_> = match what {
            Pausable::Lane => self.each().collect(),
            Pausable::Sweep => vec![self.of_sweep(&name.into())],
        };
        let mut changed = false;
        for part in parts {
            changed |= part.run::<i64>(&SCRIPTS.pause, args.clone()).await? == 1;
        }
        Ok(changed)
    }

    /// What is paused: `lane:NAME`, `sweep:ID`.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn paused(&self) -> Result<Vec<String>, QueueError> {
        let mut conn = self.conn();
        let mut all = BTreeSet::new();
        for part in self.each() {
            let some: Vec<String> =
                redis::cmd("SMEMBERS").arg(part.key(keys::PAUSED)).query_async(&mut conn).await?;
            all.extend(some);
        }
        Ok(all.into_iter().collect())
    }

    /// Cancels a sweep: its jobs are not claimed any more; running ones finish. False when there
    /// is no such sweep or it was over.
    ///
    /// # Errors
    /// A failure of Redis; saying it again is safe.
    pub async fn cancel_sweep(&self, sweep: &SweepId) -> Result<bool, QueueError> {
        let part = self.of_sweep(sweep);
        Ok(part.run::<i64>(&SCRIPTS.cancel, vec![sweep.clone().into()]).await? == 1)
    }
}

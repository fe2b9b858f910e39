//! What a person says to the queue as a whole: limits, pause, resume, cancel.

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
    /// Sets how many jobs of a pool may be leased at a time, and how many may start in a minute,
    /// over the whole fleet; `None` lifts a limit. A lane's pool is what stands behind its `:`, or
    /// the lane itself.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn set_limits(
        &self,
        pool: &str,
        at_a_time: Option<u32>,
        per_minute: Option<u32>,
    ) -> Result<(), QueueError> {
        for part in self.each() {
            part.set_limits_here(pool, at_a_time, per_minute).await?;
        }
        Ok(())
    }

    /// The same in this handle's partition alone, where the pool has no limit: it was lost.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn keep_limits(
        &self,
        pool: &str,
        at_a_time: Option<u32>,
        per_minute: Option<u32>,
    ) -> Result<(), QueueError> {
        let mut conn = self.conn();
        let limits = self.key(keys::LIMITS);
        if redis::cmd("HEXISTS").arg(limits).arg(pool).query_async(&mut conn).await? {
            return Ok(());
        }
        self.set_limits_here(pool, at_a_time, per_minute).await
    }

    async fn set_limits_here(
        &self,
        pool: &str,
        at_a_time: Option<u32>,
        per_minute: Option<u32>,
    ) -> Result<(), QueueError> {
        let word = |n: Option<u32>| n.map_or_else(Vec::new, |n| n.to_string().into_bytes());
        let args = vec![pool.into(), word(at_a_time), word(per_minute)];
        self.run::<i64>(&self.scripts.limits, args).await?;
        Ok(())
    }

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
            changed |= part.run::<i64>(&self.scripts.pause, args.clone()).await? == 1;
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
        Ok(part.run::<i64>(&self.scripts.cancel, vec![sweep.clone().into()]).await? == 1)
    }
}

//! What a person says to the queue as a whole: limits, pause, resume, cancel.

use super::{Queue, QueueError};

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
        let mut pipe = redis::pipe();
        for (key, limit) in [("limits", at_a_time), ("rates", per_minute)] {
            match limit {
                Some(n) => pipe.cmd("HSET").arg(self.key(key)).arg(pool).arg(n).ignore(),
                None => pipe.cmd("HDEL").arg(self.key(key)).arg(pool).ignore(),
            };
        }
        let mut conn = self.conn();
        Ok(pipe.query_async::<()>(&mut conn).await?)
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
        let args = vec![kind.into(), name.into(), flag.into()];
        Ok(self.run::<i64>(&self.scripts.pause, args).await? == 1)
    }

    /// What is paused: `lane:NAME`, `sweep:ID`.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn paused(&self) -> Result<Vec<String>, QueueError> {
        let mut conn = self.conn();
        let mut all: Vec<String> =
            redis::cmd("SMEMBERS").arg(self.key("paused")).query_async(&mut conn).await?;
        all.sort();
        Ok(all)
    }

    /// Cancels a sweep: its jobs are not claimed any more; running ones finish. False when there
    /// is no such sweep or it was over.
    ///
    /// # Errors
    /// A failure of Redis; saying it again is safe.
    pub async fn cancel_sweep(&self, sweep: &str) -> Result<bool, QueueError> {
        Ok(self.run::<i64>(&self.scripts.cancel, vec![sweep.into()]).await? == 1)
    }
}

//! What is not kept for ever: ended sweeps with all that belongs to them, old dead letters.

use super::scripts::SCRIPTS;
use super::{Queue, QueueError, SweepState};
use crate::ids::SweepId;
use crate::keys;
use crate::records::sweep::fields;
use crate::rows::STREAMS;
use serde::Serialize;
use std::time::Duration;

/// What is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// An ended sweep without dead letters, and an event; `None`: for ever.
    pub sweeps: Option<Duration>,
    /// A dead letter whose sweep is over; `None`: until a person decides.
    pub letters: Option<Duration>,
    /// Jobs or targets that one call removes at most; up to 1000.
    pub batch: u32,
}

/// How forgetting a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// Nothing is left of it.
    Gone {
        /// Jobs that went with it, dead ones included.
        jobs: u64,
    },
    /// There is no such sweep.
    Unknown,
    /// It is not over.
    Running,
    /// It is kept for longer, or has dead letters.
    Kept,
}

/// What one round of retention did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Upkeep {
    /// Sweeps that are gone.
    pub sweeps: Vec<SweepId>,
    /// Dead letters that are gone.
    pub letters: u64,
}

/// The longest turn of upkeep that the settings allow.
pub(super) const LONGEST_TURN_MS: i64 = 24 * 3_600_000;

impl Queue {
    /// Forgets an ended sweep with its targets, rows, attempts, events, jobs and dead letters, and the
    /// documents that no other sweep has. In steps of `batch`, so that no single one holds the
    /// server up; should this end in between, the next upkeep goes on with it.
    ///
    /// # Errors
    /// A failure of Redis; doing it again is safe.
    pub async fn forget_sweep(&self, id: &SweepId, batch: u32) -> Result<Forgotten, QueueError> {
        let part = self.of_sweep(id);
        let forgotten = part.forget(id, batch, None).await?;
        if matches!(forgotten, Forgotten::Gone { .. }) {
            part.forget_events(id).await?;
        }
        Ok(forgotten)
    }

    /// The same within this handle's partition.
    pub(super) async fn forget(
        &self,
        id: &SweepId,
        batch: u32,
        older: Option<Duration>,
    ) -> Result<Forgotten, QueueError> {
        let mut args: Vec<Vec<u8>> = vec![
            id.clone().into(),
            batch.to_string().into(),
            older.map(|d| d.as_millis().to_string()).unwrap_or_default().into(),
        ];
        args.push(keys::beginnings_of_sweep().into());
        args.extend(STREAMS.iter().map(|s| s.as_bytes().to_vec()));
        let mut all = 0;
        loop {
            let (code, jobs): (i64, u64) = self.run(&SCRIPTS.forget, args.clone()).await?;
            all += jobs;
            match code {
                2 => {}
                1 => return Ok(Forgotten::Gone { jobs: all }),
                -1 => return Ok(Forgotten::Running),
                -2 => return Ok(Forgotten::Kept),
                _ => return Ok(Forgotten::Unknown),
            }
        }
    }

    /// True for one caller at a time: it looks after this handle's partition until `lease` is
    /// over. Nothing breaks when two do; it would only be work done twice.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn take_upkeep(&self, who: &str, lease: Duration) -> Result<bool, QueueError> {
        self.take_turn(keys::UPKEEP, who, lease).await
    }

    /// The same for whoever looks for failures that pile up.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn take_observing(&self, who: &str, lease: Duration) -> Result<bool, QueueError> {
        self.take_turn(keys::OBSERVING, who, lease).await
    }

    async fn take_turn(&self, turn: &str, who: &str, lease: Duration) -> Result<bool, QueueError> {
        let (mut conn, key) = (self.conn(), self.key(turn));
        let taken: Option<String> = redis::cmd("SET")
            .arg(&key)
            .arg(who)
            .arg("NX")
            .arg("PX")
            .arg(lease.as_millis().max(1) as u64)
            .query_async(&mut conn)
            .await?;
        if taken.is_none() {
            // A lock without an end is stale: the next round finds it gone.
            let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut conn).await?;
            if left == -1 || left > LONGEST_TURN_MS {
                redis::cmd("UNLINK").arg(&key).query_async::<()>(&mut conn).await?;
            }
        }
        Ok(taken.is_some())
    }

    /// Removes from this handle's partition what is past its retention, and goes on with what
    /// somebody has begun to forget.
    ///
    /// # Errors
    /// A failure of Redis; doing it again is safe.
    pub async fn retain(&self, retention: &Retention) -> Result<Upkeep, QueueError> {
        let mut done = Upkeep::default();
        for id in self.forgetting().await? {
            if let Forgotten::Gone { .. } = self.forget(&id, retention.batch, None).await? {
                done.sweeps.push(id);
            }
        }
        if let Some(age) = retention.letters {
            done.letters = self.expire(age, retention.batch).await?;
        }
        if let Some(age) = retention.sweeps {
            self.trim_events(age).await?;
            for id in self.made_before(age).await? {
                // Asked of each: only the script knows at one moment that it is over and due.
                let ended = self.forget(&id, retention.batch, Some(age)).await?;
                if let Forgotten::Gone { .. } = ended {
                    done.sweeps.push(id);
                }
            }
        }
        self.forget_workers().await?;
        Ok(done)
    }

    /// Discards dead letters of this partition that are older than `age` and whose sweep is over.
    /// Returns how many.
    ///
    /// # Errors
    /// A failure of Redis; doing it again is safe.
    pub async fn expire(&self, age: Duration, batch: u32) -> Result<u64, QueueError> {
        let (mut gone, mut passed) = (0, 0_u64);
        loop {
            let args = [age.as_millis().to_string(), batch.to_string(), passed.to_string()];
            let args = args.map(String::into_bytes).to_vec();
            let (discarded, left, looked): (u64, u64, u64) =
                self.run(&SCRIPTS.expire, args).await?;
            gone += discarded;
            passed += left;
            if looked < u64::from(batch) {
                return Ok(gone);
            }
        }
    }

    /// Workers that ended without a word, a day after their last sign of life.
    async fn forget_workers(&self) -> Result<(), QueueError> {
        const KEEP_MS: u64 = 86_400_000;
        let mut conn = self.conn();
        let now = self.now_ms().await?;
        redis::cmd("ZREMRANGEBYSCORE")
            .arg(self.key(keys::WORKERS))
            .arg("-inf")
            .arg(now.saturating_sub(KEEP_MS))
            .query_async::<()>(&mut conn)
            .await?;
        Ok(())
    }

    /// Sweeps of this partition that are being forgotten.
    pub(super) async fn forgetting(&self) -> Result<Vec<SweepId>, QueueError> {
        self.ids_of(keys::FORGETTING).await
    }

    /// Sweeps of this partition, oldest first.
    pub(super) async fn sweeps_here(&self) -> Result<Vec<SweepId>, QueueError> {
        self.ids_of(keys::SWEEPS).await
    }

    async fn ids_of(&self, set: &str) -> Result<Vec<SweepId>, QueueError> {
        let mut conn = self.conn();
        let all: Vec<Vec<u8>> =
            redis::cmd("ZRANGE").arg(self.key(set)).arg(0).arg(-1).query_async(&mut conn).await?;
        // Ids are text; `form` reports others.
        Ok(all.into_iter().filter_map(|id| String::from_utf8(id).ok()).map(SweepId::from).collect())
    }

    /// Sweeps of this partition that are older than that: those that ended before are among them.
    async fn made_before(&self, age: Duration) -> Result<Vec<SweepId>, QueueError> {
        let mut conn = self.conn();
        let now = self.now_ms().await?;
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let all: Vec<String> = redis::cmd("ZRANGEBYSCORE")
            .arg(self.key(keys::SWEEPS))
            .arg("-inf")
            .arg(now.saturating_sub(age))
            .query_async(&mut conn)
            .await?;
        Ok(all.into_iter().map(SweepId::from).collect())
    }

    /// How far a sweep of this partition is.
    pub(super) async fn state_here(
        &self,
        sweep: &SweepId,
    ) -> Result<Option<SweepState>, QueueError> {
        let mut conn = self.conn();
        let word: Option<String> = redis::cmd("HGET")
            .arg(self.key(&keys::sweep(sweep)))
            .arg(fields::STATE)
            .query_async(&mut conn)
            .await?;
        Ok(word.map(|w| SweepState::from_word(&w)))
    }

    /// Number of jobs of a sweep of this partition, dead ones included.
    pub(super) async fn jobs_of(&self, sweep: &SweepId) -> Result<u64, QueueError> {
        let mut conn = self.conn();
        let index = self.key(&keys::jobs(sweep));
        Ok(redis::cmd("SCARD").arg(index).query_async(&mut conn).await?)
    }
}

//! Memory: how much is left before something new is taken in, and what a sweep takes.

use super::scripts::SCRIPTS;
use super::{Queue, QueueError};
use crate::ids::SweepId;
use crate::keys;
use crate::rows::STREAMS;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a server has in use, and what it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Bytes that count against `maxmemory`.
    pub used: u64,
    /// `maxmemory`; 0 for none.
    pub most: u64,
}

/// What the records of a sweep take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SweepMemory {
    /// Bytes of its record, targets, rows and index of jobs, estimated from samples.
    pub bytes: u64,
    /// The same for each target that is settled; `None` before there is one.
    pub bytes_per_review: Option<u64>,
}

/// The last look at each partition's server, so that a process asks once in a while and not for
/// every job.
#[derive(Debug, Default)]
pub(super) struct Gauge(Mutex<HashMap<u16, (Instant, Memory)>>);

/// A look is good for this long.
const FRESH: Duration = Duration::from_secs(1);

impl Queue {
    /// Memory of this partition's server, as of at most a second ago.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn memory(&self) -> Result<Memory, QueueError> {
        let last = |gauge: &Gauge| {
            let looks = gauge.0.lock().unwrap_or_else(PoisonError::into_inner);
            looks.get(&self.number()).copied().filter(|(at, _)| at.elapsed() < FRESH)
        };
        if let Some((_, memory)) = last(&self.gauge) {
            return Ok(memory);
        }
        let (used, most): (u64, u64) = self.run(&SCRIPTS.memory, vec![Vec::new()]).await?;
        let memory = Memory { used, most };
        let mut looks = self.gauge.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.insert(self.number(), (Instant::now(), memory));
        Ok(memory)
    }

    /// Refuses when this partition's server has less memory left than the bound leaves free.
    /// Only what is new asks: the follow-ups of a commit are work that is done already.
    ///
    /// # Errors
    /// [`QueueError::OutOfMemory`], or a failure of Redis.
    pub async fn check_memory(&self) -> Result<(), QueueError> {
        let percent = self.options().max_memory_percent;
        let Memory { used, most } = self.memory().await?;
        if most > 0 && u128::from(used) * 100 > u128::from(most) * u128::from(percent) {
            return Err(QueueError::OutOfMemory { used, most, percent });
        }
        Ok(())
    }

    /// What a sweep takes on the server. What its reviews in work have gathered is not counted: it
    /// goes when they end. Documents and answers are shared between sweeps, and not counted either.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn sweep_memory(
        &self,
        id: &SweepId,
        settled: u64,
    ) -> Result<SweepMemory, QueueError> {
        /// Entries of a large key that are measured; the others are taken to be like them.
        const SAMPLES: u32 = 50;
        let part = self.of_sweep(id);
        let mut names = vec![keys::sweep(id), keys::statuses(id), keys::targets(id)];
        names.extend([keys::jobs(id), keys::ledger(id), keys::loop_counters(id)]);
        for stream in STREAMS {
            names.extend([keys::rows(stream, id), keys::row_ids(stream, id)]);
        }
        let mut pipe = redis::pipe();
        for name in &names {
            pipe.cmd("MEMORY").arg("USAGE").arg(part.key(name)).arg("SAMPLES").arg(SAMPLES);
        }
        let mut conn = self.conn();
        let sizes: Vec<Option<u64>> = pipe.query_async(&mut conn).await?;
        let bytes = sizes.into_iter().flatten().sum();
        Ok(SweepMemory { bytes, bytes_per_review: (settled > 0).then(|| bytes / settled) })
    }
}

//! Reads of counters: a sweep's ledger, what models have shown over all sweeps, loop counters.

use super::{Queue, QueueError};
use crate::ids::SweepId;
use crate::keys;
use crate::ledger::{self, Counts, Ledger};

impl Queue {
    /// The ledger of a sweep by model and task; empty for one that was reviewed by a version without.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn ledger(&self, sweep: &SweepId) -> Result<Ledger, QueueError> {
        let mut all = Ledger::new();
        ledger::gather(&mut all, self.of_sweep(sweep).counters(&keys::ledger(sweep)).await?);
        Ok(all)
    }

    /// What models have shown over all sweeps, those included that are forgotten.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn trust(&self) -> Result<Ledger, QueueError> {
        let mut all = Ledger::new();
        for part in self.each() {
            ledger::gather(&mut all, part.counters(keys::TRUST).await?);
        }
        Ok(all)
    }

    /// The loop counters of a sweep; empty before its first accepted review.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn loop_counters(&self, sweep: &SweepId) -> Result<Counts, QueueError> {
        self.of_sweep(sweep).counters(&keys::loop_counters(sweep)).await
    }

    /// A hash of counters. As many fields as there are metrics, tasks and models in use: not as many
    /// as there are reviews.
    async fn counters(&self, suffix: &str) -> Result<Counts, QueueError> {
        let mut conn = self.conn();
        let found: std::collections::HashMap<String, i64> =
            redis::cmd("HGETALL").arg(self.key(suffix)).query_async(&mut conn).await?;
        Ok(found.into_iter().map(|(field, n)| (field, u64::try_from(n).unwrap_or(0))).collect())
    }
}

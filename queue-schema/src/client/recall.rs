//! What is remembered of repositories: reads, and changes that no job stands behind.

use super::scripts::SCRIPTS;
use super::{Queue, QueueError};
use crate::effects::Effects;
use crate::ids::{MemoryId, SweepId};
use crate::keys;
use crate::records::MemoryState;
use crate::records::sweep::fields;
use std::collections::{BTreeMap, HashMap};

impl Queue {
    /// A handle on the partition of a repository's memory.
    #[must_use]
    pub fn of_memory(&self, memory: &MemoryId) -> Self {
        self.at(keys::partition_of_memory(memory, self.partitions()))
    }

    /// A repository's memory as a whole.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn memory_state(&self, memory: &MemoryId) -> Result<MemoryState, QueueError> {
        let mut conn = self.conn();
        let hash: HashMap<String, String> = redis::cmd("HGETALL")
            .arg(self.of_memory(memory).key(&keys::memory(memory)))
            .query_async(&mut conn)
            .await?;
        Ok(MemoryState::from_fields(&hash))
    }

    /// All repositories of which something is remembered, with their names.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn memories(&self) -> Result<BTreeMap<MemoryId, String>, QueueError> {
        let mut all = BTreeMap::new();
        for part in self.each() {
            let mut conn = self.conn();
            let hash: HashMap<String, String> =
                redis::cmd("HGETALL").arg(part.key(keys::MEMORIES)).query_async(&mut conn).await?;
            all.extend(hash.into_iter().map(|(id, name)| (MemoryId::from(id), name)));
        }
        Ok(all)
    }

    /// The number of a sweep among those of its repository, from 1; `None` for one that has none.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn sweep_number(&self, sweep: &SweepId) -> Result<Option<u64>, QueueError> {
        Ok(self.sweep_field(sweep, fields::NUMBER).await?.and_then(|n| n.parse().ok()))
    }

    /// When a sweep was requested, as its record says it: a sweep that was forgotten and comes again under its id has
    /// another life. `None` for one that is not there.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn sweep_life(&self, sweep: &SweepId) -> Result<Option<String>, QueueError> {
        self.sweep_field(sweep, fields::CREATED).await
    }

    async fn sweep_field(
        &self,
        sweep: &SweepId,
        field: &str,
    ) -> Result<Option<String>, QueueError> {
        let mut conn = self.conn();
        let value = redis::cmd("HGET")
            .arg(self.of_sweep(sweep).key(&keys::sweep(sweep)))
            .arg(field)
            .query_async(&mut conn)
            .await?;
        Ok(value)
    }

    /// Makes changes to what is remembered that a person, or another program, asks for. All happen, or none.
    ///
    /// # Errors
    /// A failure of Redis: then it is not known whether they happened, and what adds to a counter may count twice when
    /// it is sent again.
    pub async fn change_memory(
        &self,
        memory: &MemoryId,
        effects: &Effects,
    ) -> Result<(), QueueError> {
        // No key has an empty name, so that this is never taken for done.
        let mut args = vec![Vec::new()];
        effects.encode_list(self.sending(), &mut args);
        let part = self.of_memory(memory);
        part.check_memory().await?;
        part.run::<i64>(&SCRIPTS.submit, args).await?;
        Ok(())
    }
}

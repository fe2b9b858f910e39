//! What is remembered of a repository as a whole. Its pathways, areas and findings have records of their own.

use crate::effects::Effect;
use crate::ids::{MemoryId, SweepId};
use crate::keys;
use std::collections::HashMap;

/// Names of fields.
pub mod fields {
    pub(super) const NAME: &str = "name";
    pub(super) const SWEEPS: &str = "sweeps";
    pub(super) const COMMIT: &str = "commit";
    /// All of them but those that count.
    pub const NAMES: [&str; 3] = [NAME, SWEEPS, COMMIT];
}

/// What pathways count, over the whole repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryCounter {
    /// Reviews that were accepted.
    Reviews,
    /// Traces that were kept.
    Traces,
    /// Reviews that began at a remembered model.
    Hits,
    /// Reviews that went as a remembered one, whether they began at its model or not.
    Replays,
    /// Those of them in which the first answer of its model was accepted.
    ReplaysSucceeded,
    /// Rungs that were not climbed thanks to hits.
    RungsSaved,
    /// Traces that are retired.
    Retired,
}

impl MemoryCounter {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Reviews,
        Self::Traces,
        Self::Hits,
        Self::Replays,
        Self::ReplaysSucceeded,
        Self::RungsSaved,
        Self::Retired,
    ];

    /// The name of its field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reviews => "reviews",
            Self::Traces => "traces",
            Self::Hits => "hits",
            Self::Replays => "replays",
            Self::ReplaysSucceeded => "replays_succeeded",
            Self::RungsSaved => "rungs_saved",
            Self::Retired => "retired",
        }
    }
}

/// A repository's memory as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryState {
    /// The repository, as [`crate::sweep::SweepSpec::identity`] names it.
    pub name: String,
    /// Sweeps that were planned; also the number of the last one.
    pub sweeps: u64,
    /// The commit of the last one, hex; empty before it.
    pub commit: String,
    /// Counters in the order of [`MemoryCounter::ALL`].
    counters: [u64; MemoryCounter::ALL.len()],
}

impl MemoryState {
    /// Reads the fields of the hash. A field that can't be read counts as missing.
    pub fn from_fields(hash: &HashMap<String, String>) -> Self {
        let text = |field: &str| hash.get(field).cloned().unwrap_or_default();
        let n = |field: &str| hash.get(field).and_then(|v| v.parse().ok()).unwrap_or(0);
        Self {
            name: text(fields::NAME),
            sweeps: n(fields::SWEEPS),
            commit: text(fields::COMMIT),
            counters: MemoryCounter::ALL.map(|counter| n(counter.as_str())),
        }
    }

    /// One of its counters.
    pub fn counted(&self, counter: MemoryCounter) -> u64 {
        self.counters[counter as usize]
    }
}

/// Changes of it.
#[derive(Debug, Clone, Copy)]
pub struct MemoryRecord<'a>(&'a MemoryId);

impl<'a> MemoryRecord<'a> {
    /// Of the repository with this id.
    pub const fn of(memory: &'a MemoryId) -> Self {
        Self(memory)
    }

    /// A sweep begins to be planned: it gets the number after `state`'s.
    pub fn sweep_begins(
        self,
        name: &str,
        sweep: &SweepId,
        commit: &str,
        state: &MemoryState,
    ) -> Vec<Effect> {
        let key = || keys::memory(self.0);
        let mut effects = self.named(name).to_vec();
        effects.extend([
            Effect::Put { key: key(), field: fields::COMMIT.to_owned(), value: commit.to_owned() },
            Effect::Add { key: key(), field: fields::SWEEPS.to_owned(), by: 1 },
            super::SweepRecord::of(sweep).numbered(state.sweeps + 1),
        ]);
        effects
    }

    /// It stands in the list of what is remembered.
    pub fn named(self, name: &str) -> [Effect; 2] {
        let put = |key: String, field: &str| Effect::Put {
            key,
            field: field.to_owned(),
            value: name.to_owned(),
        };
        [put(keys::memory(self.0), fields::NAME), put(keys::MEMORIES.to_owned(), self.0)]
    }

    /// Adds to its counters.
    pub fn count(self, adds: &[(MemoryCounter, u64)]) -> Effect {
        let adds = adds.iter().filter(|(_, by)| *by > 0);
        let adds = adds.map(|(counter, by)| (counter.as_str().to_owned(), super::step(*by)));
        Effect::Tally { key: keys::memory(self.0), adds: adds.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_with_what_can_be_read() {
        let hash = [("name", "h/r"), ("sweeps", "7"), ("hits", "2"), ("replays", "no number")];
        let hash = hash.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let state = MemoryState::from_fields(&hash);
        assert_eq!((state.name.as_str(), state.sweeps, state.commit.as_str()), ("h/r", 7, ""));
        assert_eq!(state.counted(MemoryCounter::Hits), 2);
        assert_eq!(state.counted(MemoryCounter::Replays), 0);
    }
}

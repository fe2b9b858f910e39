//! What is remembered of a pathway and of an area: the names of their fields, and the changes of them.
//! `scrum_domain::pathway` reads the fields.

use super::step;
use crate::effects::Effect;
use crate::ids::{FindingId, MemoryId, PathwayId};
use crate::keys;

/// Between an area and its pathway in the list of pathways: it sorts before all that paths hold.
const BETWEEN: char = '\0';

/// Changes of a pathway.
#[derive(Debug, Clone, Copy)]
pub struct PathwayRecord<'a> {
    memory: &'a MemoryId,
    pathway: &'a PathwayId,
}

impl<'a> PathwayRecord<'a> {
    /// Of a pathway of a repository.
    pub const fn of(memory: &'a MemoryId, pathway: &'a PathwayId) -> Self {
        Self { memory, pathway }
    }

    fn key(self) -> String {
        keys::pathway(self.memory, self.pathway)
    }

    fn put(self, field: String, value: impl Into<String>) -> Effect {
        Effect::Put { key: self.key(), field, value: value.into() }
    }

    /// A trace under a name that no other one has.
    pub fn trace(self, trace: &str, json: &str) -> Effect {
        self.put(format!("t:{trace}"), json)
    }

    /// Another trace under the name of one that is let go: nothing of that one counts for it.
    pub fn anew(self, trace: &str, (replays, succeeded): (u32, u32), retired: &str) -> Vec<Effect> {
        vec![
            self.put(format!("n:{trace}"), replays.to_string()),
            self.put(format!("k:{trace}"), succeeded.to_string()),
            self.put(format!("x:{trace}"), retired),
            self.put(format!("a:{trace}"), ""),
        ]
    }

    /// A later review asked the same, and the trace's model did it at once or not.
    pub fn replayed(self, trace: &str, succeeded: bool) -> Effect {
        let mut adds = vec![(format!("n:{trace}"), 1)];
        adds.extend(succeeded.then(|| (format!("k:{trace}"), 1)));
        Effect::Tally { key: self.key(), adds }
    }

    /// It is not used any more.
    pub fn retired(self, trace: &str, why: &str) -> Effect {
        self.put(format!("x:{trace}"), why)
    }

    /// What an audit of a review of its model says; nothing where it does not decide.
    pub fn audited(self, trace: &str, consensus: Option<bool>) -> Effect {
        self.put(
            format!("a:{trace}"),
            consensus.map_or_else(|| "null".to_owned(), |c| c.to_string()),
        )
    }

    /// It stands in the list, under its area.
    pub fn listed(self, area: &str) -> Effect {
        let member = format!("{area}{BETWEEN}{}", self.pathway);
        Effect::Index { key: keys::pathways(self.memory), member }
    }

    /// It is forgotten.
    pub fn forgotten(self, area: &str) -> Vec<Effect> {
        let member = format!("{area}{BETWEEN}{}", self.pathway);
        vec![
            Effect::Delete { key: self.key() },
            Effect::Unindex { key: keys::pathways(self.memory), member },
        ]
    }
}

/// An entry of the list of pathways: the area, and the pathway.
pub fn listed(member: &str) -> Option<(&str, PathwayId)> {
    let (area, pathway) = member.rsplit_once(BETWEEN)?;
    Some((area, pathway.parse().ok()?))
}

/// What an accepted review adds to the numbers of its area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AreaCounts {
    /// Findings.
    pub findings: u64,
    /// Mistakes with a pattern key among them.
    pub prints: u64,
    /// Those of them that an earlier sweep had found.
    pub back: u64,
}

/// Changes of an area.
#[derive(Debug, Clone, Copy)]
pub struct AreaRecord<'a> {
    memory: &'a MemoryId,
    area: &'a str,
}

impl<'a> AreaRecord<'a> {
    /// Of an area of a repository, by the beginning of its paths.
    pub const fn of(memory: &'a MemoryId, area: &'a str) -> Self {
        Self { memory, area }
    }

    fn key(self) -> String {
        keys::area(self.memory, crate::ids::name_key(self.area))
    }

    fn put(self, field: String, value: impl Into<String>) -> Effect {
        Effect::Put { key: self.key(), field, value: value.into() }
    }

    /// An accepted review of the sweep of this number.
    pub fn reviewed(self, seq: u64, counts: AreaCounts) -> Effect {
        let AreaCounts { findings, prints, back } = counts;
        let all = [("v", 1), ("g", findings), ("p", prints), ("b", back)];
        let adds = all.into_iter().filter(|(_, by)| *by > 0);
        let adds = adds.map(|(what, by)| (format!("{what}:{seq}"), step(by))).collect();
        Effect::Tally { key: self.key(), adds }
    }

    /// A mistake was found so many times by the sweep of this number. `json` is what is kept of it.
    pub fn found(self, key: &str, json: &str, times: u32, seq: u64) -> Vec<Effect> {
        let field = format!("o:{key}");
        vec![
            self.put(format!("f:{key}"), json),
            Effect::Add { key: self.key(), field, by: step(times.into()) },
            self.still_there(key, seq),
        ]
    }

    /// A mistake is still there in the sweep of this number.
    pub fn still_there(self, key: &str, seq: u64) -> Effect {
        self.put(format!("l:{key}"), seq.to_string())
    }

    /// What its reviewers are told of a finding that a person dismissed; nothing any more when it is empty.
    pub fn dismissed(self, finding: &FindingId, json: &str) -> Effect {
        self.put(format!("d:{finding}"), json)
    }

    /// Who says that a mistake is none, and why; it is not shown any more.
    pub fn rejected(self, key: &str, why: &str) -> Effect {
        self.put(format!("r:{key}"), why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_pathways_is_read_as_it_is_written() {
        let (memory, pathway) = (MemoryId::of("h/r"), PathwayId::from("0".repeat(64)));
        for area in ["src/a", "a\0b/c", ""] {
            let Effect::Index { member, .. } = PathwayRecord::of(&memory, &pathway).listed(area)
            else {
                panic!()
            };
            assert_eq!(listed(&member), Some((area, pathway.clone())));
        }
        assert_eq!(listed("src/a"), None);
    }
}

//! The state of a review: what its jobs leave for each other until its target settles.

use super::step;
use crate::effects::{Effect, NewJob};
use crate::ids::ReviewId;
use crate::keys;
use crate::ledger::Taken;
use crate::rows::Attempt;
use crate::sweep::Ladder;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Names of fields.
pub mod fields {
    /// A ladder of its own, as JSON; signed.
    pub const LADDER: &str = "ladder";
    /// What it goes by of earlier reviews, as JSON; signed.
    pub const MEMORY: &str = "recalled";
    pub(super) const SHARDS: &str = "shards";
    pub(super) const CUTS: &str = "cuts";
    pub(super) const GAP_REASON: &str = "gap";
    pub(super) const UNREAD: &str = "unread";
    pub(super) const AGAIN: &str = "again";
    pub(super) const LEFT_OUT: &str = "left";
    pub(super) const ACCEPTED: &str = "accepted";
    pub(super) const FACTS: &str = "facts";
    pub(super) const AUDIT: &str = "audit";
    pub(super) const TOKENS_IN: &str = "tokens_in";
    pub(super) const TOKENS_OUT: &str = "tokens_out";
    pub(super) const COST: &str = "cost_micro_usd";
    pub(super) const DURATION: &str = "duration_ms";
    /// Beginnings of fields that a number follows: of a shard.
    pub(super) const SUMMARY: &str = "s";
    pub(super) const GAP: &str = "m";
    pub(super) const MASKED: &str = "x";
    /// Of a voter.
    pub(super) const VOTE: &str = "v";
    /// Of an attempt.
    pub(super) const LOOKUPS: &str = "lookups.";
    /// Of the life of a job.
    pub(super) const TRIES: &str = "tries.";
    /// Those that are a word of their own.
    pub const NAMES: [&str; 15] = [
        LADDER, MEMORY, SHARDS, CUTS, GAP_REASON, UNREAD, AGAIN, LEFT_OUT, ACCEPTED, FACTS, AUDIT,
        TOKENS_IN, TOKENS_OUT, COST, DURATION,
    ];
}

/// What became of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Piece {
    /// Its summary.
    pub summary: Option<String>,
    /// Its bytes, when no rung could summarise it.
    pub gap: Option<(u64, u64)>,
    /// Secrets that were masked in what was sent of it.
    pub masked: u64,
}

/// A review's state as it stands. A field that can't be read counts as missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReviewState {
    /// Shards of the file; 0 when it was not split.
    pub shards: u32,
    /// What became of them.
    pub pieces: BTreeMap<u32, Piece>,
    /// What their summaries took.
    pub spent: Taken,
    /// Ends of the shards in bytes, ascending, where they run one after the other.
    pub cuts: Vec<u64>,
    /// Why the last shard failed that no rung could read.
    pub gap_reason: Option<String>,
    /// Times that it died because no shard could be read.
    pub unread: u32,
    /// Times that all shards were asked again after that.
    pub again: u32,
    /// Why a shard was left out, and with it the review.
    pub left_out: Option<String>,
    /// A ladder of its own, as JSON.
    pub ladder: Option<String>,
    /// What it goes by of earlier reviews, as JSON.
    pub memory: Option<String>,
    /// The accepted review until its facts are taken out, as JSON.
    pub accepted: Option<String>,
    /// The facts until they are checked, as JSON.
    pub facts: Option<String>,
    /// Its findings are put to the vote when the work on it is over.
    pub audit: bool,
    /// What voters said of a claim or of its findings, as JSON, by their number.
    pub votes: BTreeMap<u32, String>,
    lookups: BTreeMap<u32, u32>,
    tries: HashMap<String, u32>,
}

impl ReviewState {
    /// Reads the fields of the hash.
    pub fn from_fields(hash: HashMap<String, String>) -> Self {
        let mut state = Self::default();
        for (field, value) in hash {
            state.take(&field, value);
        }
        state
    }

    fn take(&mut self, field: &str, value: String) {
        fn n<T: std::str::FromStr + Default>(value: &str) -> T {
            value.parse().unwrap_or_default()
        }
        match field {
            fields::SHARDS => self.shards = n(&value),
            fields::CUTS => {
                self.cuts = value.split(',').filter_map(|end| end.parse().ok()).collect();
            }
            fields::GAP_REASON => self.gap_reason = Some(value),
            fields::UNREAD => self.unread = n(&value),
            fields::AGAIN => self.again = n(&value),
            fields::LEFT_OUT => self.left_out = Some(value),
            fields::LADDER => self.ladder = Some(value),
            fields::MEMORY => self.memory = Some(value),
            fields::ACCEPTED => self.accepted = Some(value),
            fields::FACTS => self.facts = Some(value),
            fields::AUDIT => self.audit = value == "1",
            fields::TOKENS_IN => self.spent.tokens_in = n(&value),
            fields::TOKENS_OUT => self.spent.tokens_out = n(&value),
            fields::DURATION => self.spent.ms = n(&value),
            fields::COST => self.spent.cost_micro_usd = Some(n(&value)),
            _ => self.take_numbered(field, value),
        }
    }

    fn take_numbered(&mut self, field: &str, value: String) {
        let number = |beginning: &str| field.strip_prefix(beginning)?.parse::<u32>().ok();
        if let Some(attempt) = number(fields::LOOKUPS) {
            self.lookups.insert(attempt, value.parse().unwrap_or_default());
        } else if let Some(life) = field.strip_prefix(fields::TRIES) {
            self.tries.insert(life.to_owned(), value.parse().unwrap_or_default());
        } else if let Some(k) = number(fields::SUMMARY) {
            self.pieces.entry(k).or_default().summary = Some(value);
        } else if let Some(k) = number(fields::VOTE) {
            self.votes.insert(k, value);
        } else if let Some(k) = number(fields::MASKED) {
            self.pieces.entry(k).or_default().masked = value.parse().unwrap_or_default();
        } else if let Some(k) = number(fields::GAP) {
            let bounds = value.split_once('-');
            self.pieces.entry(k).or_default().gap =
                bounds.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        }
    }

    /// The ladder that it climbs: the sweep's, unless a person gave it another one with a retry, or it begins at a
    /// remembered model.
    ///
    /// # Errors
    /// When its own ladder can't be read.
    pub fn ladder<'a>(&self, of_sweep: &'a Ladder) -> Result<Cow<'a, Ladder>, serde_json::Error> {
        match &self.ladder {
            None => Ok(Cow::Borrowed(of_sweep)),
            Some(json) => serde_json::from_str(json).map(Cow::Owned),
        }
    }

    /// Lookups of passages that failed in an attempt.
    pub fn lookups(&self, attempt: u32) -> u32 {
        self.lookups.get(&attempt).copied().unwrap_or(0)
    }

    /// Calls of one life of a job that met a transient error.
    pub fn tries(&self, life: &str) -> u32 {
        self.tries.get(life).copied().unwrap_or(0)
    }
}

/// Changes of the state of one review.
#[derive(Debug, Clone, Copy)]
pub struct ReviewRecord<'a>(&'a ReviewId);

impl<'a> ReviewRecord<'a> {
    /// Of the review with this id.
    pub const fn of(review: &'a ReviewId) -> Self {
        Self(review)
    }

    fn put(self, field: impl Into<String>, value: impl Into<String>) -> Effect {
        Effect::Put { key: keys::review_state(self.0), field: field.into(), value: value.into() }
    }

    fn add(self, field: impl Into<String>, by: u64) -> Effect {
        Effect::Add { key: keys::review_state(self.0), field: field.into(), by: step(by) }
    }

    /// The file is split into so many shards.
    pub fn shards(self, of: u32) -> Effect {
        self.put(fields::SHARDS, of.to_string())
    }

    /// See [`ReviewState::cuts`].
    pub fn cuts(self, ends: impl IntoIterator<Item = u64>) -> Effect {
        let ends: Vec<String> = ends.into_iter().map(|end| end.to_string()).collect();
        self.put(fields::CUTS, ends.join(","))
    }

    /// The summary of a shard.
    pub fn summary(self, k: u32, text: &str) -> Effect {
        self.put(format!("{}{k}", fields::SUMMARY), text)
    }

    /// Bytes of a shard that no rung could summarise.
    pub fn gap(self, k: u32, start: u64, end: u64) -> Effect {
        self.put(format!("{}{k}", fields::GAP), format!("{start}-{end}"))
    }

    /// See [`ReviewState::gap_reason`].
    pub fn gap_reason(self, why: &str) -> Effect {
        self.put(fields::GAP_REASON, why)
    }

    /// Secrets masked in what was sent of a shard.
    pub fn masked(self, k: u32, n: u32) -> Effect {
        self.put(format!("{}{k}", fields::MASKED), n.to_string())
    }

    /// What the summary of a shard took.
    pub fn spent(self, taken: &Taken) -> Vec<Effect> {
        let always = [
            (fields::TOKENS_IN, taken.tokens_in),
            (fields::TOKENS_OUT, taken.tokens_out),
            (fields::DURATION, taken.ms),
        ];
        let cost = taken.cost_micro_usd.map(|cost| (fields::COST, cost));
        always.into_iter().chain(cost).map(|(field, by)| self.add(field, by)).collect()
    }

    /// See [`ReviewState::unread`].
    pub fn unread(self, times: u32) -> Effect {
        self.put(fields::UNREAD, times.to_string())
    }

    /// See [`ReviewState::again`].
    pub fn again(self, times: u32) -> Effect {
        self.put(fields::AGAIN, times.to_string())
    }

    /// See [`ReviewState::left_out`].
    pub fn left_out(self, why: &str) -> Effect {
        self.put(fields::LEFT_OUT, why)
    }

    /// See [`ReviewState::memory`].
    pub fn memory(self, json: &str) -> Effect {
        self.put(fields::MEMORY, json)
    }

    /// See [`ReviewState::ladder`].
    ///
    /// # Errors
    /// Only if it does not serialise.
    pub fn ladder(self, ladder: &Ladder) -> Result<Effect, serde_json::Error> {
        Ok(self.put(fields::LADDER, serde_json::to_string(ladder)?))
    }

    /// See [`ReviewState::accepted`].
    pub fn accepted(self, json: &str) -> Effect {
        self.put(fields::ACCEPTED, json)
    }

    /// See [`ReviewState::facts`].
    pub fn facts(self, json: &str) -> Effect {
        self.put(fields::FACTS, json)
    }

    /// See [`ReviewState::audit`].
    pub fn to_audit(self) -> Effect {
        self.put(fields::AUDIT, "1")
    }

    /// What a voter said, as JSON. All voters meet; then `wait_for_votes` has its job go on.
    pub fn voted(self, k: u32, json: &str) -> [Effect; 2] {
        let arrived = Effect::Arrive { name: keys::vote_barrier(self.0), member: k };
        [self.put(format!("{}{k}", fields::VOTE), json), arrived]
    }

    /// So many voters meet; then `then` goes on.
    pub fn wait_for_votes(self, size: u32, then: NewJob) -> Effect {
        Effect::Barrier { name: keys::vote_barrier(self.0), size, then }
    }

    /// A lookup of passages failed and is tried again.
    pub fn lookup_failed(self, attempt: u32) -> Effect {
        self.add(format!("{}{attempt}", fields::LOOKUPS), 1)
    }

    /// A call met a transient error and is made again in the same life of its job.
    pub fn tried(self, life: &str) -> Effect {
        self.add(format!("{}{life}", fields::TRIES), 1)
    }

    /// An attempt is over and was not accepted.
    ///
    /// # Errors
    /// Only if it does not serialise.
    pub fn attempt(self, attempt: &Attempt) -> Result<Effect, serde_json::Error> {
        let value = serde_json::to_string(attempt)?;
        Ok(Effect::Append { key: keys::attempts(self.0), value })
    }

    /// Its attempts stand in its row now.
    pub fn remove_attempts(self) -> Effect {
        Effect::Delete { key: keys::attempts(self.0) }
    }

    /// The work on it is over.
    pub fn remove(self) -> Effect {
        Effect::Delete { key: keys::review_state(self.0) }
    }

    /// Its shards meet; then `then` goes on.
    pub fn wait_for_shards(self, size: u32, then: NewJob) -> Effect {
        Effect::Barrier { name: keys::shard_barrier(self.0), size, then }
    }

    /// A shard is over.
    pub fn shard_over(self, k: u32) -> Effect {
        Effect::Arrive { name: keys::shard_barrier(self.0), member: k }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes effects into a hash as the script does.
    fn hash(effects: impl IntoIterator<Item = Effect>) -> HashMap<String, String> {
        let mut hash: HashMap<String, String> = HashMap::new();
        for effect in effects {
            match effect {
                Effect::Put { field, value, .. } => {
                    hash.insert(field, value);
                }
                Effect::Add { field, by, .. } => {
                    let n: i64 = hash.get(&field).and_then(|n| n.parse().ok()).unwrap_or(0);
                    hash.insert(field, (n + by).to_string());
                }
                other => panic!("{other:?}"),
            }
        }
        hash
    }

    #[test]
    fn what_is_written_is_read() {
        let review = ReviewId::from("s-1");
        let to = ReviewRecord::of(&review);
        let taken = Taken { tokens_in: 3, tokens_out: 2, cost_micro_usd: Some(7), ms: 9, asked: 0 };
        let mut effects = vec![
            to.shards(3),
            to.cuts([10, 20, 30]),
            to.summary(0, "notes"),
            to.masked(0, 2),
            to.gap(1, 10, 20),
            to.gap_reason("p/m: thin"),
            to.unread(1),
            to.again(2),
            to.left_out("no budget"),
            to.memory("{}"),
            to.accepted("{}"),
            to.facts("[]"),
            to.to_audit(),
            to.lookup_failed(4),
            to.lookup_failed(4),
            to.tried("job@1"),
        ];
        effects.extend(to.voted(1, "{}").into_iter().take(1));
        effects.extend(to.spent(&taken));
        let state = ReviewState::from_fields(hash(effects));
        let read = Piece { summary: Some("notes".into()), gap: None, masked: 2 };
        let gap = Piece { gap: Some((10, 20)), ..Piece::default() };
        let want = ReviewState {
            shards: 3,
            pieces: [(0, read), (1, gap)].into(),
            spent: taken,
            cuts: vec![10, 20, 30],
            gap_reason: Some("p/m: thin".into()),
            unread: 1,
            again: 2,
            left_out: Some("no budget".into()),
            ladder: None,
            memory: Some("{}".into()),
            accepted: Some("{}".into()),
            facts: Some("[]".into()),
            audit: true,
            votes: [(1, "{}".to_owned())].into(),
            lookups: [(4, 2)].into(),
            tries: [("job@1".to_owned(), 1)].into(),
        };
        assert_eq!(state, want);
        assert_eq!((state.lookups(4), state.lookups(5), state.tries("job@1")), (2, 0, 1));
    }

    #[test]
    fn what_cannot_be_read_counts_as_missing() {
        let odd = ["shards", "cuts", "m1", "x1", "unread", "tokens_in", "lookups.1", "odd", "s"];
        let odd = odd.into_iter().map(|field| (field.to_owned(), "odd".to_owned())).collect();
        let mut state = ReviewState::from_fields(odd);
        assert!(state.pieces.remove(&1).is_some_and(|p| p == Piece::default()));
        state.lookups.clear();
        assert_eq!(state, ReviewState::default());
    }
}

//! Whether a review begins at a remembered model instead of the first rung.

use queue_schema::ids::PathwayId;
use queue_schema::limits::MemoryLimits;
use queue_schema::sweep::Ladder;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A remembered review that a new one may go like.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Candidate {
    /// Which trace.
    pub trace: String,
    /// Its pathway.
    pub pathway: PathwayId,
    /// The model whose answer was accepted, `provider/model`.
    pub model: String,
    /// When, RFC 3339.
    pub created_at: String,
    /// What the auditor said of it.
    pub audit_consensus: Option<bool>,
    /// Later reviews that asked the same.
    pub replays: u32,
    /// Those of them in which the first answer of its model was accepted.
    pub succeeded: u32,
    /// It is not used any more.
    pub retired: bool,
    /// How alike the new review is, 0 to 1.
    pub similarity: f64,
}

/// Why a review does not begin at a remembered model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    /// It is of another pathway.
    Pathway,
    /// The auditor rejected what it said.
    Audit,
    /// Too few reviews asked the same since.
    Replays,
    /// Too few of them succeeded.
    Success,
    /// It is retired.
    Retired,
    /// The new review is too unlike it.
    Similarity,
}

impl Blocked {
    /// The reason in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pathway => "it is of another pathway",
            Self::Audit => "the auditor rejected what it said",
            Self::Replays => "too few reviews asked the same since",
            Self::Success => "too few of its replays succeeded",
            Self::Retired => "it is retired",
            Self::Similarity => "no remembered review is like it",
        }
    }
}

impl Candidate {
    /// Share of replays that succeeded, 0 to 1; `None` before the first one.
    pub fn rate(&self) -> Option<f64> {
        let of = |n: u32| f64::from(n);
        (self.replays > 0).then(|| of(self.succeeded.min(self.replays)) / of(self.replays))
    }

    /// Whether a new review of this pathway goes like it, so that its end says something of the model.
    pub fn is_replayed(&self, pathway: &PathwayId, limits: &MemoryLimits) -> bool {
        self.pathway == *pathway && !self.retired && self.similarity >= limits.min_similarity
    }

    /// Whether it has failed too often to be used ever again.
    pub fn has_failed(&self, limits: &MemoryLimits) -> bool {
        self.replays >= limits.min_replays && self.rate().is_some_and(|r| r < limits.min_success)
    }

    /// Those in use first, then the most alike, then the most tried, then the newest.
    fn order(&self, other: &Self) -> Ordering {
        other
            .retired
            .cmp(&self.retired)
            .then(self.similarity.total_cmp(&other.similarity))
            .then(self.replays.cmp(&other.replays))
            .then_with(|| self.created_at.cmp(&other.created_at))
            .then_with(|| self.trace.cmp(&other.trace))
    }
}

/// The candidate of a review, among all traces of its pathway.
pub fn best(candidates: impl IntoIterator<Item = Candidate>) -> Option<Candidate> {
    candidates.into_iter().max_by(Candidate::order)
}

/// Whether a review of a pathway may begin at the candidate's model: six conditions, each of which must hold.
///
/// # Errors
/// The first one that does not.
pub fn swap(
    pathway: &PathwayId,
    candidate: &Candidate,
    limits: &MemoryLimits,
) -> Result<(), Blocked> {
    let conditions = [
        (candidate.pathway == *pathway, Blocked::Pathway),
        (candidate.audit_consensus != Some(false), Blocked::Audit),
        (candidate.replays >= limits.min_replays, Blocked::Replays),
        (candidate.rate().is_none_or(|rate| rate >= limits.min_success), Blocked::Success),
        (!candidate.retired, Blocked::Retired),
        (candidate.similarity >= limits.min_similarity, Blocked::Similarity),
    ];
    match conditions.into_iter().find(|(holds, _)| !holds) {
        Some((_, why)) => Err(why),
        None => Ok(()),
    }
}

/// The place of a model in a ladder.
pub fn place(ladder: &Ladder, model: &str) -> Option<usize> {
    ladder.rungs.iter().position(|rung| rung.name() == model)
}

/// A ladder that begins with the rung at a place, then has all others in their order: no rung is lost.
#[must_use]
pub fn begun_at(ladder: &Ladder, place: usize) -> Ladder {
    let mut ladder = ladder.clone();
    if place < ladder.rungs.len() {
        ladder.rungs[..=place].rotate_right(1);
    }
    ladder
}

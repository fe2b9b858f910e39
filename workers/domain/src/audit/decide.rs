//! What the votes on a finding come to.

use super::Said;
use crate::votes::{self, Count};
use queue_schema::rows::{AuditStand, AuditVerdict, Heard};
use std::collections::BTreeMap;

/// All that one voter says of a review.
pub type Vote = Heard<Vec<Said>>;

/// What the votes on a finding come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The verdict.
    pub verdict: AuditVerdict,
    /// How they were counted, and why votes are missing.
    pub reason: String,
    /// Votes that count and uphold it.
    pub upheld: u32,
    /// Votes that count and reject it.
    pub rejected: u32,
    /// Who was asked about it.
    pub voters: u32,
}

impl Decided {
    /// Nobody was asked about it.
    pub fn not_asked(why: &str) -> Self {
        let reason = format!("nobody was asked: {why}");
        Self { verdict: AuditVerdict::Undecided, reason, upheld: 0, rejected: 0, voters: 0 }
    }
}

/// Counts the votes on the finding at a place of the review: those of the voters, in any order, and that of the
/// tie-breaker where one was asked. `last` says that there is nobody else to ask; `None` that one more is needed.
pub fn decide(
    index: u32,
    votes: &[Vote],
    tie_breaker: Option<&Vote>,
    last: bool,
) -> Option<Decided> {
    let about = |vote: &Vote| vote.said.as_ref()?.iter().find(|said| said.index == index).cloned();
    let counted = |vote: &Vote| about(vote).filter(|said| said.counts).map(|said| said.stand);
    let stands: Vec<AuditStand> = votes.iter().filter_map(counted).collect();
    let tie = tie_breaker.and_then(counted);
    let count = votes::count(&stands, votes.len(), tie, last)?;
    let n = |stand| stands.iter().chain(&tie).filter(|s| **s == stand).count();
    let asked = votes.len() + usize::from(tie_breaker.is_some());
    let mut reason = AuditStand::ALL.map(|s| format!("{} {}", n(s), s.words())).join(", ");
    reason = format!("of {asked} votes: {reason}");
    let (verdict, why) = match count {
        Count::Majority(AuditStand::CantTell) | Count::Most(AuditStand::CantTell) => {
            (AuditVerdict::Undecided, "most can't tell")
        }
        Count::Majority(stand) => (verdict(stand), ""),
        Count::Most(stand) => (verdict(stand), "the tie-breaker decided"),
        Count::Split => (AuditVerdict::Split, "the votes split"),
        Count::TooFew => (AuditVerdict::Undecided, "too few votes"),
    };
    if !why.is_empty() {
        reason = format!("{why}; {reason}");
    }
    // Sorted, so that the order of voters says nothing here either.
    let mut without = BTreeMap::<String, usize>::new();
    for vote in votes.iter().chain(tie_breaker) {
        let why = match about(vote) {
            Some(said) if said.counts => continue,
            Some(said) => format!("does not count: {}", said.note),
            None if vote.said.is_some() => "says nothing of it".to_owned(),
            None => format!("is missing: {}", vote.missing),
        };
        *without.entry(why).or_default() += 1;
    }
    for (why, n) in without {
        reason = format!("{reason}; {n} {why}");
    }
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Some(Decided {
        verdict,
        reason,
        upheld: small(n(AuditStand::Upheld)),
        rejected: small(n(AuditStand::Rejected)),
        voters: small(asked),
    })
}

fn verdict(stand: AuditStand) -> AuditVerdict {
    match stand {
        AuditStand::Upheld => AuditVerdict::Upheld,
        AuditStand::Rejected => AuditVerdict::Rejected,
        AuditStand::CantTell => AuditVerdict::Undecided,
    }
}

/// What an audit says of a review as a whole: it is wrong where more findings were rejected than upheld, and right
/// where any was upheld otherwise.
pub fn consensus(verdicts: impl IntoIterator<Item = AuditVerdict>) -> Option<bool> {
    let (mut upheld, mut rejected) = (0, 0);
    for verdict in verdicts {
        upheld += u32::from(verdict == AuditVerdict::Upheld);
        rejected += u32::from(verdict == AuditVerdict::Rejected);
    }
    if rejected > upheld { Some(false) } else { (upheld > 0).then_some(true) }
}

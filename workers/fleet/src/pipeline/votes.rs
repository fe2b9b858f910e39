//! What follows what among votes, on a claim or on the findings of a review: all voters at once, and behind them one more
//! job, which counts.

use super::{Climb, over, provider_at};
use crate::runtime::HandlerError;
use queue_schema::effects::{Effects, NewJob};
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::jobs::{Audit, Vote};
use queue_schema::records::ReviewRecord;
use queue_schema::sweep::{Ladder, Reviewer, SweepSpec};

/// A job by which one voter is heard.
pub trait Turn: Climb + Clone {
    /// The first attempt of a voter.
    fn first(sweep: SweepId, target: u32, voter: u32, provider: String) -> Self;
    /// Which voter, from 0; the one behind the last counts the votes.
    fn voter(&self) -> u32;
}

macro_rules! turn {
    ($kind:ident) => {
        impl Turn for $kind {
            fn first(sweep: SweepId, target: u32, voter: u32, provider: String) -> Self {
                Self { sweep, target, voter, rung: 0, attempt: 1, provider, passed: 0 }
            }
            fn voter(&self) -> u32 {
                self.voter
            }
        }
    };
}

turn!(Vote);
turn!(Audit);

/// Something is put to all voters at once. When they are heard, one more job counts the votes, in the lane of the
/// tie-breaker.
///
/// # Errors
/// When a ladder is empty.
pub fn begin_votes<T: Turn>(
    effects: Effects,
    (sweep, target): (&SweepId, u32),
    voters: &[Reviewer],
    tie_breaker: Option<&Reviewer>,
) -> Result<Effects, HandlerError> {
    let turn = |voter: u32, ladder: &Ladder| {
        Ok::<_, HandlerError>(T::first(sweep.clone(), target, voter, provider_at(ladder, 0)?))
    };
    let size = u32::try_from(voters.len()).unwrap_or(u32::MAX);
    let counts = tie_breaker.or(voters.first());
    let counts = counts.ok_or_else(|| HandlerError::Fatal("there are no voters".to_owned()))?;
    let then = NewJob::of(&turn(size, &counts.ladder)?)?;
    let review = ReviewId::new(sweep, target);
    let mut effects = effects.with(ReviewRecord::of(&review).wait_for_votes(size, then));
    for (k, voter) in (0..).zip(voters) {
        effects = effects.enqueue(&turn(k, &voter.ladder)?)?;
    }
    Ok(effects)
}

/// The same vote from the next rung of the voter's ladder; none when they are spent.
pub fn next_vote<T: Turn>(ladder: &Ladder, job: &T) -> Option<T> {
    let (rung, attempt) = job.place();
    let provider = ladder.rungs.get(rung as usize + 1)?.provider.clone();
    Some(job.clone().moved(rung + 1, attempt + 1, job.passed(), provider))
}

/// A voter was heard, whatever it said.
pub fn voted<T: Turn>(effects: Effects, job: &T, json: &str) -> Effects {
    let review = ReviewId::new(job.sweep(), job.target().unwrap_or_default());
    effects.with_all(ReviewRecord::of(&review).voted(job.voter(), json))
}

/// The work on a file is over, unless `audit` says that its findings are to be put to the vote. It is accepted already: whatever becomes of
/// the votes, the review stands.
///
/// # Errors
/// When a voter's ladder is empty.
pub fn file_over(
    effects: Effects,
    spec: &SweepSpec,
    audit: bool,
    (sweep, target): (&SweepId, u32),
) -> Result<Effects, HandlerError> {
    match spec.audit.as_ref().filter(|_| audit) {
        Some(audit) => {
            let tie_breaker = audit.tie_breaker.as_ref();
            begin_votes::<Audit>(effects, (sweep, target), &audit.voters, tie_breaker)
        }
        None => Ok(over(effects, sweep, target)),
    }
}

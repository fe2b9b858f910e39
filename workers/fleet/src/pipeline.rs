//! What follows what: the one place that enqueues the next job of a review or a run, and that ends one.
//!
//! ```text
//! plan   -> plan                         the next page of targets; the scripts admit their reviews
//! review -> rung                         the first rung of the ladder
//! rung   -> shard.. -> (barrier) rung    a rung that can't take the whole file; in a chain one shard enqueues the next
//! shard  -> shard                        the next rung for the same piece
//! rung   -> rung                         the next rung of the ladder, a cheaper one, one that takes the whole file, or the
//!                                        same one after an empty answer
//! rung   -> shard..                      all pieces again, when a person retries a review that nobody could read
//! rung   -> facts | audit.. | resolved   an accepted review
//! rung   -> dead letter | left out       the ladder, or the budget, is spent
//! facts  -> facts | audit.. | resolved   extract, then verify
//! review -> diff                         in a sweep over a change: the first rung of the reviewer's ladder
//! diff   -> diff | resolved | ..         as a rung, but for shards and facts
//! review -> vote.. -> (barrier) vote     of a claim about a change: all voters at once, then who counts, and breaks a tie
//! vote   -> vote | resolved              the next rung of the voter's ladder
//! review | rung | facts -> audit.. -> (barrier) audit    the same of the findings of a review
//! audit  -> audit | resolved
//! the sweep is done -> tally             scripts enqueue it, see `lua/include/targets.lua`
//! patch.. -> (barrier) apply             see `Queue::start_apply`
//! ```
//!
//! Nothing here reads or asks: each function takes what is known and gives effects.

mod votes;

pub use votes::{Turn, begin_votes, file_over, next_vote, voted};

use crate::runtime::HandlerError;
use queue_schema::effects::{DeadClass, Effect, Effects, Ending, NewJob};
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::jobs::facts::FactsStage;
use queue_schema::jobs::{Audit, Diff, Facts, JobKind, Plan, Review, Rung, Shard, Vote};
use queue_schema::records::{ReviewRecord, ReviewState, SweepRecord};
use queue_schema::rows::{Attempt, Outcome};
use queue_schema::sweep::{FactsSpec, Ladder, SweepSpec, TargetStatus};
use scrum_domain::accept;
use std::ops::Range;

/// A job that is one attempt on a ladder.
pub trait Climb: JobKind + Sized {
    /// Which rung, and the number of the attempt.
    fn place(&self) -> (u32, u32);
    /// The same work on another rung; `passed` rungs were passed over since the attempt before.
    #[must_use]
    fn moved(self, rung: u32, attempt: u32, passed: u32, provider: String) -> Self;
    /// Rungs passed over before it.
    fn passed(&self) -> u32;
}

macro_rules! climb {
    ($kind:ident) => {
        impl Climb for $kind {
            fn place(&self) -> (u32, u32) {
                (self.rung, self.attempt)
            }
            fn moved(self, rung: u32, attempt: u32, passed: u32, provider: String) -> Self {
                Self { rung, attempt, passed, provider, ..self }
            }
            fn passed(&self) -> u32 {
                self.passed
            }
        }
    };
}

climb!(Rung);
climb!(Diff);
climb!(Vote);
climb!(Audit);

/// Sweep and target of a job that has both.
fn about<J: JobKind>(job: &J) -> (SweepId, u32) {
    (job.sweep().clone(), job.target().unwrap_or_default())
}

/// The first rung of a target's ladder.
fn first_rung(ladder: &Ladder, job: &Review) -> Result<Rung, HandlerError> {
    Ok(Rung {
        sweep: job.sweep.clone(),
        target: job.target,
        rung: 0,
        attempt: 1,
        provider: provider_at(ladder, 0)?,
        passed: 0,
    })
}

fn provider_at(ladder: &Ladder, rung: u32) -> Result<String, HandlerError> {
    let at = ladder.rungs.get(rung as usize);
    at.map(|r| r.provider.clone()).ok_or_else(|| {
        HandlerError::Fatal(format!("the ladder '{}' has no rung {rung}", ladder.name))
    })
}

/// A page of so many targets is written: the next page, or the end of planning.
///
/// # Errors
/// Only if a payload does not serialise.
pub fn planned(
    effects: Effects,
    job: Plan,
    written: u32,
    more: bool,
) -> Result<Effects, HandlerError> {
    if more {
        return Ok(effects.enqueue(&Plan { first: job.first + written, ..job })?);
    }
    Ok(effects.with(Effect::PlanDone { sweep: job.sweep }))
}

/// The work on a file begins, at the first rung of the ladder that it climbs.
///
/// # Errors
/// When the ladder is empty.
pub fn begin(ladder: &Ladder, job: &Review) -> Result<Effects, HandlerError> {
    Ok(Effects::done().enqueue(&first_rung(ladder, job)?)?)
}

/// The review of a part of a change begins, at the first rung of its reviewer's ladder.
///
/// # Errors
/// When the ladder is empty.
pub fn begin_diff(ladder: &Ladder, job: &Review) -> Result<Effects, HandlerError> {
    Ok(Effects::done().enqueue(&Diff {
        sweep: job.sweep.clone(),
        target: job.target,
        rung: 0,
        attempt: 1,
        provider: provider_at(ladder, 0)?,
        passed: 0,
    })?)
}

/// A rung can't take the whole file: it goes on when notes on these pieces are there.
///
/// # Errors
/// When the shard ladder is empty.
pub fn shards_first(
    spec: &SweepSpec,
    rung: &Rung,
    pieces: &[Range<usize>],
) -> Result<Effects, HandlerError> {
    by_shards(spec, rung, pieces, 0)
}

/// All shards at once, or the first of a chain, and `then` when the last of them has arrived. The waiting review
/// holds no place: it is a barrier.
///
/// # Errors
/// When the shard ladder is empty.
fn by_shards(
    spec: &SweepSpec,
    then: &Rung,
    pieces: &[Range<usize>],
    round: u32,
) -> Result<Effects, HandlerError> {
    let review = ReviewId::new(&then.sweep, then.target);
    let record = ReviewRecord::of(&review);
    let of = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
    let provider = provider_at(&spec.shard_ladder, 0)?;
    let mut effects =
        Effects::done().with(record.shards(of)).with(record.wait_for_shards(of, NewJob::of(then)?));
    // In a chain each shard enqueues the next.
    let at_once = if spec.limits.chained { 1 } else { pieces.len() };
    if spec.limits.chained {
        effects = effects.with(record.cuts(pieces.iter().map(|r| r.end as u64)));
    }
    for (k, range) in (0_u32..).zip(pieces).take(at_once) {
        effects = effects.enqueue(&Shard {
            sweep: then.sweep.clone(),
            target: then.target,
            k,
            of,
            start: range.start as u64,
            end: range.end as u64,
            rung: 0,
            provider: provider.clone(),
            round,
        })?;
    }
    Ok(effects)
}

/// The shard that follows in a chain; `None` where shards run at once, and after the last one.
///
/// # Errors
/// When the review's state does not know where it ends.
pub fn next_in_chain(
    spec: &SweepSpec,
    state: &ReviewState,
    job: &Shard,
) -> Result<Option<Shard>, HandlerError> {
    let k = job.k + 1;
    if !spec.limits.chained || k >= job.of {
        return Ok(None);
    }
    let end = state.cuts.get(k as usize).copied().ok_or_else(|| {
        HandlerError::Fatal(format!("the review does not know shard {k} of its chain"))
    })?;
    let provider = provider_at(&spec.shard_ladder, 0)?;
    Ok(Some(Shard { k, start: job.end, end, rung: 0, provider, ..job.clone() }))
}

/// A shard is over, whatever became of it: it arrives, and its chain goes on.
///
/// # Errors
/// Only if a payload does not serialise.
pub fn shard_over(
    effects: Effects,
    job: &Shard,
    next: Option<Shard>,
) -> Result<Effects, HandlerError> {
    let review = ReviewId::new(&job.sweep, job.target);
    let effects = effects.with(ReviewRecord::of(&review).shard_over(job.k));
    Ok(match next {
        Some(next) => effects.enqueue(&next)?,
        None => effects,
    })
}

/// The budget does not reach a shard. Its review is left out, but by the rung that waits at the
/// barrier: other shards may be in work.
///
/// # Errors
/// Only if a payload does not serialise.
pub fn shard_left_out(
    job: &Shard,
    why: &str,
    next: Option<Shard>,
) -> Result<Effects, HandlerError> {
    let review = ReviewId::new(&job.sweep, job.target);
    let why = format!("part {} of {}: {why}", job.k + 1, job.of);
    shard_over(Effects::done().with(ReviewRecord::of(&review).left_out(&why)), job, next)
}

/// The same piece for another rung of the shard ladder.
///
/// # Errors
/// When there is no such rung.
pub fn shard_at(
    effects: Effects,
    spec: &SweepSpec,
    job: &Shard,
    rung: u32,
) -> Result<Effects, HandlerError> {
    let provider = provider_at(&spec.shard_ladder, rung)?;
    Ok(effects.enqueue(&Shard { rung, provider, ..job.clone() })?)
}

/// The next rung that none is cheaper than; without one the review is left out. No attempt was made.
///
/// # Errors
/// Only if a payload does not serialise.
pub fn pass_over<J: Climb>(ladder: &Ladder, job: J, why: &str) -> Result<Effects, HandlerError> {
    let ((sweep, target), (rung, _)) = (about(&job), job.place());
    if let Some(next) = ladder.cheapest_after(rung) {
        tracing::debug!(%sweep, target, rung, next, why, "dearer rungs are passed over");
        return passed_to(ladder, job, next);
    }
    let why = format!("{why}; no rung that is cheap enough is left on the ladder");
    Ok(leave_out(&sweep, target, why))
}

/// The rungs before `next` are passed over.
fn passed_to<J: Climb>(ladder: &Ladder, job: J, next: u32) -> Result<Effects, HandlerError> {
    let (passed, attempt) = (job.passed() + 1, job.place().1);
    let provider = provider_at(ladder, next)?;
    Ok(Effects::done().enqueue(&job.moved(next, attempt, passed, provider))?)
}

/// A review is left out because of the budget. Its attempts stay for the report.
pub fn leave_out(sweep: &SweepId, target: u32, why: String) -> Effects {
    tracing::info!(%sweep, target, why, "left out because of the budget");
    SweepRecord::of(sweep).leave_out(target, why)
}

/// An answer was rejected: the same rung once more, or the next one, or the dead-letter queue when there is none.
///
/// # Errors
/// Only if a payload does not serialise.
pub fn rejected<J: Climb>(
    effects: Effects,
    ladder: &Ladder,
    job: J,
    attempt: &Attempt,
    same_rung: bool,
) -> Result<Effects, HandlerError> {
    let ((sweep, target), (rung, n)) = (about(&job), job.place());
    let review = ReviewId::new(&sweep, target);
    let effects = effects.with(ReviewRecord::of(&review).attempt(attempt)?);
    let next = if same_rung { rung } else { rung + 1 };
    if (next as usize) < ladder.rungs.len() {
        let provider = provider_at(ladder, next)?;
        return Ok(effects.enqueue(&job.moved(next, n + 1, 0, provider))?);
    }
    Ok(effects.ending(Ending::Dead {
        class: DeadClass::LadderExhausted,
        reason: format!(
            "all {} rungs of '{}' are spent; last: {} {}: {}",
            ladder.rungs.len(),
            ladder.name,
            attempt.model_name(),
            attempt.outcome,
            attempt.reason,
        ),
    }))
}

/// Whether a rung is asked once more: an empty answer is mostly a server's mishap, and the next one is not empty.
pub fn asks_once_more(history: &[Attempt], attempt: &Attempt, most: u32) -> bool {
    let is_empty = |a: &Attempt| a.outcome == Outcome::Thin && a.reason == accept::EMPTY;
    may_repeat(history, attempt, most, is_empty)
}

/// Whether the last rung is asked again after an answer that can't be used: nobody is left to ask, and the next prompt
/// says what was wrong with this one.
pub fn asks_last_again(ladder: &Ladder, history: &[Attempt], attempt: &Attempt, most: u32) -> bool {
    let is_last = attempt.rung as usize + 1 >= ladder.rungs.len();
    let unusable =
        |a: &Attempt| matches!(a.outcome, Outcome::Thin | Outcome::Malformed | Outcome::Truncated);
    is_last && may_repeat(history, attempt, most, unusable)
}

/// Whether an attempt ended in such a way, and fewer than `most` right before it on the same rung.
fn may_repeat(
    history: &[Attempt],
    attempt: &Attempt,
    most: u32,
    such: impl Fn(&Attempt) -> bool,
) -> bool {
    let same = |a: &&Attempt| a.rung == attempt.rung && such(a);
    such(attempt) && history.iter().rev().take_while(same).count() < most as usize
}

/// What becomes of a review none of whose shards could be read: a reviewer would have nothing to go by. It
/// goes on at the rung `whole`, which takes the file whole; without one it is a dead letter. When a person sends that
/// back, all of its shards are asked again (`pieces`, by [`asks_again`]), and then `rung`.
///
/// # Errors
/// When the ladder has no such rung.
pub fn unread(
    spec: &SweepSpec,
    state: &ReviewState,
    rung: &Rung,
    pieces: Option<&[Range<usize>]>,
    whole: Option<(&Ladder, u32)>,
) -> Result<Effects, HandlerError> {
    let review = ReviewId::new(&rung.sweep, rung.target);
    let record = ReviewRecord::of(&review);
    if let Some((ladder, at)) = whole {
        return passed_to(ladder, rung.clone(), at);
    }
    if let Some(pieces) = pieces {
        return Ok(by_shards(spec, rung, pieces, state.unread)?.with(record.again(state.unread)));
    }
    let last = state.gap_reason.as_ref().map(|why| format!("; last: {why}")).unwrap_or_default();
    let reason = format!(
        "no rung of the shard ladder '{}' could read any of the file's {} parts{last}; a retry asks for all of them again",
        spec.shard_ladder.name, state.shards,
    );
    Ok(Effects::dead(DeadClass::LadderExhausted, reason).with(record.unread(state.again + 1)))
}

/// Whether a person sent a review back that was dead because nobody could read its shards.
pub fn asks_again(state: &ReviewState) -> bool {
    state.unread > state.again
}

/// A review was accepted and has its row: its facts are next, with the accepted review as `kept` has it; then votes on its
/// findings, where `audit` says so; then the work on the file is over.
///
/// # Errors
/// Only if a payload does not serialise.
pub fn accepted(
    effects: Effects,
    job: &Rung,
    spec: &SweepSpec,
    audit: bool,
    facts: Option<(&FactsSpec, &str)>,
) -> Result<Effects, HandlerError> {
    let review = ReviewId::new(&job.sweep, job.target);
    let record = ReviewRecord::of(&review);
    let mut effects = effects.with(record.remove_attempts());
    let Some((facts, kept)) = facts else {
        return file_over(effects, spec, audit, (&job.sweep, job.target));
    };
    effects.list.extend(audit.then(|| record.to_audit()));
    Ok(effects.with(record.accepted(kept)).enqueue(&Facts {
        sweep: job.sweep.clone(),
        target: job.target,
        stage: FactsStage::Extract,
        provider: facts.extractor.provider.clone(),
    })?)
}

/// The facts were taken out, and are to be checked.
///
/// # Errors
/// Only if a payload does not serialise.
pub fn check_facts(
    effects: Effects,
    job: &Facts,
    spec: &FactsSpec,
    facts: &str,
) -> Result<Effects, HandlerError> {
    let review = ReviewId::new(&job.sweep, job.target);
    let provider = spec.verifier.provider.clone();
    let effects = effects.with(ReviewRecord::of(&review).facts(facts));
    Ok(effects.enqueue(&Facts { stage: FactsStage::Verify, provider, ..job.clone() })?)
}

/// The review of a part of a change has its row.
pub fn reviewed(effects: Effects, job: &Diff) -> Effects {
    let review = ReviewId::new(&job.sweep, job.target);
    let effects = effects.with(ReviewRecord::of(&review).remove_attempts());
    over(effects, &job.sweep, job.target)
}

/// The work on a file is over, and it is resolved.
pub fn over(effects: Effects, sweep: &SweepId, target: u32) -> Effects {
    effects
        .with(ReviewRecord::of(&ReviewId::new(sweep, target)).remove())
        .with(SweepRecord::of(sweep).settle(target, TargetStatus::Resolved))
}

/// A file is not reviewed.
pub fn skipped(effects: Effects, sweep: &SweepId, target: u32) -> Effects {
    effects.with(SweepRecord::of(sweep).settle(target, TargetStatus::Skipped))
}

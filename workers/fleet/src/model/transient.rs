//! What may pass by itself: transient errors of a provider, and a provider that this worker can't call.

use super::Question;
use super::ledger::Account;
use crate::context::Context;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use crate::runtime::places::Patience;
use queue_schema::client::Backoff;
use queue_schema::effects::{Effect, Effects, Ending};
use queue_schema::ids::ReviewId;
use queue_schema::records::{ReviewRecord, SweepRecord};
use queue_schema::sweep::{Rung, SweepSpec};
use scrum_calls::ended::refusal;
use scrum_providers::{ChatError, Pause};
use std::time::Duration;

/// A wait that a person is told the end of.
const LONG_WAIT: Duration = Duration::from_secs(30);

/// Milliseconds until the next try after a transient error, when there were `tries` before.
pub fn wait_ms(ctx: &Context, tries: u32, pause: Pause) -> u64 {
    let s = &ctx.settings().queue;
    let max = Duration::from_millis(s.backoff_max_ms);
    let plain =
        || Backoff::nth(Duration::from_millis(s.backoff_base_ms), max, s.backoff_jitter, tries);
    // At its first step too a wait keeps to the bound of all.
    let patient = |base_ms| {
        let base = Duration::from_millis(base_ms).min(max);
        Backoff::at_least(base, max, s.backoff_jitter, tries)
    };
    // The provider's own word counts, up to a bound: it must not park a job for ever.
    let longest = Duration::from_secs(s.retry_after_max_s);
    let wait = match pause {
        Pause::Asked(asked) => asked.min(longest).max(plain()),
        Pause::TooMany(Some(asked)) if tries == 0 => asked.min(longest).max(plain()),
        // Limits are counted by the minute: what comes back sooner is turned away again, and who
        // was turned away at the time that it was told need not believe the next one.
        Pause::TooMany(asked) => {
            let least = patient(s.rate_limit_backoff_ms);
            asked.unwrap_or_default().min(longest).max(least)
        }
        Pause::Away => patient(s.unavailable_backoff_ms),
        Pause::Untold => plain(),
    };
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

/// Handles a job whose provider this worker can't call: it is retried later, a bounded number of times, as after a
/// transient error, so that another worker takes it. `None` if the provider can be called, or the worker is set to
/// skip such rungs.
pub(super) fn left_to_others(ctx: &Context, info: &JobInfo, rung: &Rung) -> Option<Effects> {
    if ctx.settings().worker.skip_unserved {
        return None;
    }
    let why = ctx.providers().unusable(&rung.provider)?;
    let reason = format!("this worker can't call {}: {why}; it was left to others", rung.provider);
    Some(Effects::retry(wait_ms(ctx, info.attempt, Pause::Away), reason))
}

/// The same call again later, when its error is a transient one and tries are left. A rung is spent rather than
/// the job's last retry: the next one may do.
///
/// # Errors
/// When Redis fails in a way that waiting doesn't mend.
pub(super) async fn again(
    ctx: &Context,
    info: &JobInfo,
    q: &Asked<'_>,
    error: &ChatError,
    probes: bool,
) -> Result<Option<Effects>, HandlerError> {
    let ChatError::Transient { kind, retry_after, .. } = error else { return Ok(None) };
    let refused = refusal(*kind).is_some();
    let reason = format!("{}: {error}", q.rung.name());
    let alert = |said: String| SweepRecord::of(&q.account.sweep).alert(q.rung.name(), said);
    if refused && probes {
        // It asked for all jobs of its pool whether the provider takes calls again, and waits on with them.
        let waits = Effects::done().ending(Ending::Wait { delay_ms: 0, reason });
        let waits = waits.with(alert(error.to_string()));
        return Ok(Some(q.account.again(error).into_iter().fold(waits, Effects::with)));
    }
    let tries = tries(ctx, info, q.review).await?;
    let retries_left = info.attempt + 1 < ctx.settings().queue.max_attempts;
    if tries >= q.most || !retries_left {
        return Ok(None);
    }
    // How long a provider that refuses is left alone is its pool's matter.
    let pause = if refused { Pause::Untold } else { kind.pause(*retry_after) };
    let wait = wait_ms(ctx, tries, pause);
    let later = Effects::retry(wait, reason).with(alert(until(error, wait)));
    let count: Option<Effect> = q.review.map(|review| ReviewRecord::of(review).tried(&info.life));
    Ok(Some(count.into_iter().chain(q.account.again(error)).fold(later, Effects::with)))
}

/// An error, and until when its call waits, where a person would wonder.
fn until(error: &ChatError, wait_ms: u64) -> String {
    let wait = Duration::from_millis(wait_ms);
    match jiff::Timestamp::now().checked_add(wait) {
        Ok(at) if wait >= LONG_WAIT => format!("{error}; the call is made again at {at:.0}"),
        _ => error.to_string(),
    }
}

/// How long jobs wait for a place while their provider refuses all calls: as long as the retries of one call
/// would take.
pub(super) fn patience(ctx: &Context, q: &Question<'_>) -> Patience {
    let s = &ctx.settings().queue;
    let refusals = q.spec.limits.transient_retries;
    let waits = (0..refusals.min(20))
        .map(|n| s.rate_limit_backoff_ms.saturating_mul(1 << n).min(s.backoff_max_ms));
    Patience { model: q.rung.model.clone(), refusals, time: Duration::from_millis(waits.sum()) }
}

/// What was asked, as far as trying again hangs on it.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) review: Option<&'a ReviewId>,
    pub(super) rung: &'a Rung,
    /// Calls that may meet a transient error and be made again.
    pub(super) most: u32,
    pub(super) account: &'a Account,
}

impl<'a> Asked<'a> {
    pub(super) fn of(
        spec: &SweepSpec,
        review: Option<&'a ReviewId>,
        rung: &'a Rung,
        account: &'a Account,
    ) -> Self {
        Self { review, rung, most: spec.limits.transient_retries, account }
    }
}

/// Times that this life of the job met a transient error before. Its retries count other failures too, and
/// those are none of the rung's.
async fn tries(
    ctx: &Context,
    info: &JobInfo,
    review: Option<&ReviewId>,
) -> Result<u32, HandlerError> {
    let Some(review) = review.filter(|_| info.attempt > 0) else { return Ok(info.attempt) };
    Ok(ctx.review_state(review).await?.tries(&info.life))
}

//! What a sweep's budget says before a call.

use super::Question;
use super::answer::micro_usd;
use crate::context::Context;
use crate::runtime::HandlerError;
use queue_schema::client::{Held, Lease, Spend};
pub use scrum_domain::fit::{guess, guess_asked};

/// Holds what a call may take.
///
/// # Errors
/// When Redis fails in a way that waiting doesn't mend.
pub async fn hold(ctx: &Context, lease: &Lease, q: &Question<'_>) -> Result<Held, HandlerError> {
    if q.optional {
        let look = |queue: queue_schema::client::Queue| async move { queue.budget(q.sweep).await };
        if ctx.read("the budget", look).await?.is_some_and(|b| b.is_degraded()) {
            return Ok(Held::No("the budget of the sweep is nearly spent".to_owned()));
        }
    }
    let spend = estimate(q);
    let who = (q.rung.provider.as_str(), q.rung.model.as_str(), q.task);
    let hold = |queue: queue_schema::client::Queue| async move {
        if q.rung.has_price() {
            queue.hold_budget(lease, &spend).await
        } else {
            queue.hold_unpriced(lease, &spend, q.sweep, who).await
        }
    };
    ctx.read("the budget", hold).await
}

/// The most that a call should take: what is asked, and the longest answer that it may get.
fn estimate(q: &Question<'_>) -> Spend {
    let (asked, answered) = (guess_asked(&q.prompt), u64::from(q.max_tokens));
    Spend {
        tokens: asked + answered,
        micro_usd: q.rung.price(asked, answered).map_or(0, micro_usd),
        cheaper: q.ladder.has_cheaper(q.rung),
        further: q.further,
    }
}

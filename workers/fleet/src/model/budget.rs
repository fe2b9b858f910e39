//! What a sweep's budget says before a call.

use super::Question;
use super::answer::micro_usd;
use crate::context::Context;
use crate::runtime::HandlerError;
use queue_schema::client::{Held, Lease, Spend};
use scrum_domain::prompt::Prompt;

/// Bytes of text that make a token, or fewer: code and English have about four.
const BYTES_A_TOKEN: u64 = 4;

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
    ctx.read("the budget", |queue| async move { queue.hold_budget(lease, &spend).await }).await
}

/// Tokens of a text, as far as that can be told without the model.
pub fn guess(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_A_TOKEN)
}

/// What a call asks, in tokens.
pub fn guess_asked(prompt: &Prompt) -> u64 {
    let schema = prompt.schema.as_ref().map_or(0, |s| s.to_string().len());
    guess(prompt.system.len() + prompt.user.len() + schema)
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

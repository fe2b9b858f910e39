//! Asking a model: answer cache, call, keep. Shared by the handlers that ask.

use super::{budget, whom};
use crate::context::Context;
use crate::registry::JobInfo;
use crate::runtime::{HandlerError, trace};
use queue_schema::budget::{CALLS_FIELD, GUESSED_FIELD};
use queue_schema::client::{Backoff, Held, Queue};
use queue_schema::effects::{Effect, Effects, Ending};
use queue_schema::ids::{content_id, sha256_hex};
use queue_schema::keys;
use queue_schema::ledger::MOST_PER_CALL;
use queue_schema::rows::{Attempt, Outcome};
use queue_schema::sweep::{Ladder, Rung, SweepSpec};
use scrum_config::Wire;
use scrum_domain::prompt::Prompt;
use scrum_domain::redact::MASK_VERSION;
use scrum_domain::review::Spent;
use scrum_providers::{
    ChatError, ChatReply, ChatRequest, FailedKind, Finish, Pause, Subject, TerminalKind,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Characters of a reason kept in an attempt's record.
const REASON_CHARS: usize = 500;

/// An answer as it is kept under its content key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What the model wrote.
    pub text: String,
    /// Cut by the provider.
    pub truncated: bool,
    /// Declined by the provider's own flag.
    pub refused: bool,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Generated tokens.
    pub tokens_out: u64,
    /// Dollars.
    pub cost_usd: Option<f64>,
    /// Wall time of the call.
    pub duration_ms: u64,
    /// Secrets masked in what was sent.
    #[serde(default)]
    pub masked: u32,
    /// The life of the job that asked for it, see [`JobInfo::life`]. Whoever finds it in the same one
    /// goes on for a worker that died before it could count it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub paid_by: String,
    /// Tokens that it took as far as can be guessed, when the provider told none.
    #[serde(default)]
    pub guessed: u64,
    /// Found, not asked for.
    #[serde(skip)]
    pub cached: bool,
    /// By the built-in reviewer: no call was made.
    #[serde(skip)]
    pub free: bool,
}

/// How asking ended.
#[derive(Debug)]
pub enum Asked {
    /// There is an answer, good or bad.
    Answered(Answer),
    /// Passing trouble, or no room in the budget now: the same rung again later. No rung is spent.
    Later(Effects),
    /// The budget is nearly spent: a cheaper rung should be asked. No rung is spent.
    PassOver(String),
    /// The budget does not reach this call: nothing was asked, and what it is for is left out.
    LeftOut(String),
    /// This rung is spent.
    Failed {
        /// How the attempt counts.
        outcome: Outcome,
        /// For the attempt's record.
        reason: String,
        /// The call counted, if one was made; the operator told once, if the provider will keep
        /// saying no.
        effects: Vec<Effect>,
    },
}

/// What is asked of whom.
#[derive(Debug)]
pub struct Question<'a> {
    /// The sweep, for limits and defaults.
    pub spec: &'a SweepSpec,
    /// Its id.
    pub sweep: &'a str,
    /// The review whose state counts passing trouble; without one all failures of the job count.
    pub review: Option<&'a str>,
    /// The rung.
    pub rung: &'a Rung,
    /// Whether the sweep's record, or the run's, says that its provider is local.
    pub local: bool,
    /// The ladder that it is on.
    pub ladder: &'a Ladder,
    /// Whether an earlier attempt of the same work was rejected: near the cap there is no other one.
    pub further: bool,
    /// The prompt.
    pub prompt: Prompt,
    /// The marker in it.
    pub fence: &'a str,
    /// For the built-in reviewer.
    pub subject: Subject,
    /// Tokens to generate at most.
    pub max_tokens: u32,
    /// Secrets that are masked in the prompt already.
    pub masked: u32,
}

/// Asks, or finds what was answered before. A call is held of the sweep's budget until the job's commit,
/// which counts it: see [`count`] and [`Asked::Failed`]. A job holds one call at a time, so one that
/// asks again before it commits has only its last one held.
///
/// # Errors
/// When Redis fails in a way that waiting doesn't mend.
pub async fn ask(ctx: &Context, info: &JobInfo, q: Question<'_>) -> Result<Asked, HandlerError> {
    let temperature = q.rung.temperature.unwrap_or(q.spec.limits.temperature);
    if let Some(effects) = whom::left_to_others(ctx, info, q.rung) {
        return Ok(Asked::Later(effects));
    }
    let leaves = whom::leaves(ctx, q.local, q.rung);
    let provider = ctx.settings().providers.get(&q.rung.provider);
    let shape = provider
        .map(|p| p.answer_shape(&q.rung.provider, q.prompt.schema.is_some()))
        .unwrap_or_default();
    let key = content_key(&q, temperature, leaves, &shape);
    let masked = q.masked;
    // The built-in reviewer costs nothing and is quicker than the cache.
    let paid = provider.is_none_or(|p| p.wire != Wire::Builtin);
    if paid {
        let found = ctx.read("the answer cache", |queue| {
            let key = key.clone();
            async move { queue.answer(&key).await }
        });
        if let Some(answer) =
            found.await?.and_then(|json| serde_json::from_str::<Answer>(&json).ok())
        {
            // Paid for in this very job, by a worker that did not live to say so.
            if answer.paid_by == info.life {
                return Ok(Asked::Answered(answer));
            }
            return Ok(Asked::Answered(Answer { cached: true, duration_ms: 0, ..answer }));
        }
        match budget::hold(ctx, &info.lease, &q).await? {
            Held::Granted => {}
            Held::PassOver(why) => return Ok(Asked::PassOver(why)),
            Held::No(why) => return Ok(Asked::LeftOut(why)),
            Held::Wait(reason) => {
                let ending = Ending::Wait { delay_ms: ctx.settings().budget.wait_ms, reason };
                return Ok(Asked::Later(Effects::done().ending(ending)));
            }
            Held::Stale => return Err(HandlerError::Retry("the lease was lost".to_owned())),
        }
    }
    let asked = budget::guess_asked(&q.prompt);
    let request = ChatRequest {
        model: q.rung.model.clone(),
        system: q.prompt.system,
        user: q.prompt.user,
        schema: q.prompt.schema,
        max_tokens: q.max_tokens,
        temperature,
        local: q.local,
        subject: q.subject,
        trace: trace::current().map(|t| t.to_string()),
    };
    match ctx.providers().chat(&q.rung.provider, &request).await {
        Ok(reply) => {
            let mut answer = Answer::from(reply);
            answer.masked = answer.masked.saturating_add(masked);
            answer.free = !paid;
            if paid {
                settle_up(&mut answer, q.rung, asked);
                answer.paid_by.clone_from(&info.life);
                keep(ctx, key, &answer).await?;
            }
            Ok(Asked::Answered(answer))
        }
        Err(error) => on_error(ctx, info, (q.spec, q.sweep, q.review), q.rung, &error).await,
    }
}

/// What an answer took: the provider knows best, else the price says. Tokens are guessed where none
/// were told, so that a budget holds all the same.
fn settle_up(answer: &mut Answer, rung: &Rung, asked: u64) {
    let (mut tokens_in, mut tokens_out) = (answer.tokens_in, answer.tokens_out);
    if tokens_in + tokens_out == 0 {
        (tokens_in, tokens_out) = (asked, budget::guess(answer.text.len()));
        answer.guessed = tokens_in + tokens_out;
    }
    answer.cost_usd =
        answer.cost_usd.or_else(|| rung.price(tokens_in, tokens_out).and_then(sane_cost));
}

impl Answer {
    /// What it took of this sweep, for a row.
    pub fn took(&self) -> Spent {
        let took = Spent {
            tokens_in: self.tokens_in,
            tokens_out: self.tokens_out,
            cost_usd: self.cost_usd,
            duration_ms: self.duration_ms,
        };
        if self.cached { took.found() } else { took }
    }
}

impl From<ChatReply> for Answer {
    fn from(reply: ChatReply) -> Self {
        Self {
            truncated: reply.finish == Finish::Length,
            refused: reply.finish == Finish::Refusal,
            text: reply.text,
            // Bounded as the ledgers' are: one absurd claim must not fill a counter of the sweep for good.
            tokens_in: reply.tokens_in.min(MOST_PER_CALL),
            tokens_out: reply.tokens_out.min(MOST_PER_CALL),
            cost_usd: reply.cost_usd.and_then(sane_cost),
            duration_ms: reply.duration_ms,
            masked: reply.masked,
            paid_by: String::new(),
            guessed: 0,
            cached: false,
            free: false,
        }
    }
}

/// All that decides the answer. The fence is taken out, so that the same question has the same
/// key in every sweep. Masking is part of it: what a model answered to the secrets themselves is
/// no answer to their masks, and a provider that was local may be so no longer.
///
/// `shape` is what the provider's settings change of an answer: a person who has changed one of them
/// wants another answer. It counts where there is any, so that keys of before go on.
fn content_key(q: &Question<'_>, temperature: f64, leaves: bool, shape: &str) -> String {
    let masking = if leaves { MASK_VERSION } else { "" };
    let schema = q.prompt.schema.as_ref().map(ToString::to_string).unwrap_or_default();
    let system = q.prompt.system.replace(q.fence, "");
    let user = q.prompt.user.replace(q.fence, "");
    let (max_tokens, temperature) = (q.max_tokens.to_string(), temperature.to_string());
    let mut parts: Vec<&[u8]> = vec![
        scrum_domain::prompt::template_version().as_bytes(),
        q.rung.provider.as_bytes(),
        q.rung.model.as_bytes(),
        system.as_bytes(),
        user.as_bytes(),
        schema.as_bytes(),
        max_tokens.as_bytes(),
        temperature.as_bytes(),
        masking.as_bytes(),
    ];
    if !shape.is_empty() {
        parts.push(shape.as_bytes());
    }
    content_id(&parts)
}

/// Keeps a paid answer. In a task of its own: should the handler be told to stop now, the answer
/// is kept all the same, and whoever runs the job next finds it.
async fn keep(ctx: &Context, key: String, answer: &Answer) -> Result<(), HandlerError> {
    let json = serde_json::to_string(answer)?;
    let days = u64::from(ctx.settings().queue.answer_cache_days);
    let ctx = ctx.clone();
    let kept = tokio::spawn(async move {
        let store = |queue: Queue| {
            let (key, json) = (key.clone(), json.clone());
            async move { queue.keep_answer(&key, &json, Duration::from_secs(days * 86_400)).await }
        };
        ctx.read("keeping the answer", store).await
    });
    kept.await.map_err(|e| HandlerError::retry("keeping the answer", e))?
}

/// Milliseconds until the next try after passing trouble, when there were `tries` before.
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

/// Times that this life of the job met passing trouble before. Its retries count other failures too, and
/// those are none of the rung's.
async fn tries(ctx: &Context, info: &JobInfo, review: Option<&str>) -> Result<u32, HandlerError> {
    let Some(review) = review.filter(|_| info.attempt > 0) else { return Ok(info.attempt) };
    let state = ctx.read("the review", |q| async move { q.review_state(review).await }).await?;
    Ok(state.get(&keys::tries_field(&info.life)).and_then(|n| n.parse().ok()).unwrap_or(0))
}

async fn on_error(
    ctx: &Context,
    info: &JobInfo,
    (spec, sweep, review): (&SweepSpec, &str, Option<&str>),
    rung: &Rung,
    error: &ChatError,
) -> Result<Asked, HandlerError> {
    if let ChatError::Transient { kind, retry_after, .. } = error {
        let tries = tries(ctx, info, review).await?;
        // A rung is spent rather than the job's last retry: the next one may do.
        let retries_left = info.attempt + 1 < ctx.settings().queue.max_attempts;
        if tries < spec.limits.transient_retries && retries_left {
            let wait_ms = wait_ms(ctx, tries, kind.pause(*retry_after));
            let later = Effects::retry(wait_ms, format!("{}: {error}", rung.name()));
            let count = review.map(|review| Effect::Add {
                key: keys::review_state(review),
                field: keys::tries_field(&info.life),
                by: 1,
            });
            return Ok(Asked::Later(
                count.into_iter().fold(later, Effects::with).with(called(sweep, 1)),
            ));
        }
    }
    Ok(match error {
        ChatError::Terminal { kind, .. } => {
            let alert = Effect::Put {
                key: keys::alerts(sweep),
                field: rung.name(),
                value: error.to_string(),
            };
            // Without a key there was no call.
            let call = (*kind != TerminalKind::MissingKey).then(|| called(sweep, 1));
            let effects = std::iter::once(alert).chain(call).collect();
            Asked::Failed { outcome: Outcome::Error, reason: error.to_string(), effects }
        }
        // A filter that refuses the prompt is a refusal, whoever says it.
        ChatError::Failed { kind: FailedKind::Declined, .. } => Asked::Failed {
            outcome: Outcome::Refused,
            reason: error.to_string(),
            effects: vec![called(sweep, 1)],
        },
        _ => Asked::Failed {
            outcome: Outcome::Error,
            reason: error.to_string(),
            effects: vec![called(sweep, 1)],
        },
    })
}

/// Counts calls of a sweep. A failed one counts too: it was made, and may be charged for; its tokens
/// nobody knows.
fn called(sweep: &str, by: i64) -> Effect {
    Effect::Add { key: keys::sweep(sweep), field: CALLS_FIELD.to_owned(), by }
}

/// Counters of a sweep that one attempt at a review, shard or its facts changes. That a failed call was made is
/// among the effects of [`Asked::Failed`].
pub fn count(sweep: &str, answer: Option<&Answer>) -> Vec<Effect> {
    let attempt = Effect::Add { key: keys::sweep(sweep), field: "attempts".to_owned(), by: 1 };
    std::iter::once(attempt).chain(spent(sweep, answer)).collect()
}

/// What an answer took, for the counters of its sweep.
pub fn spent(sweep: &str, answer: Option<&Answer>) -> Vec<Effect> {
    let add = |field: &str, by: u64| Effect::Add {
        key: keys::sweep(sweep),
        field: field.to_owned(),
        by: i64::try_from(by).unwrap_or(i64::MAX),
    };
    let mut effects = Vec::new();
    // A cached answer was counted when it was paid for.
    if let Some(a) = answer.filter(|a| !a.cached) {
        effects.push(called(sweep, i64::from(!a.free)));
        effects.push(add("tokens_in", a.tokens_in));
        effects.push(add("tokens_out", a.tokens_out));
        effects.extend((a.guessed > 0).then(|| add(GUESSED_FIELD, a.guessed)));
        effects.push(add("cost_micro_usd", a.cost_usd.map_or(0, micro_usd)));
    }
    effects
}

/// The record of an attempt, with the first `preview_chars` characters of the answer.
pub fn attempt(
    n: u32,
    index: u32,
    rung: &Rung,
    outcome: Outcome,
    reason: &str,
    answer: Option<&Answer>,
    preview_chars: u32,
) -> Attempt {
    let text = answer.map(|a| a.text.as_str()).unwrap_or_default();
    Attempt {
        n,
        rung: index,
        provider: rung.provider.clone(),
        model: rung.model.clone(),
        outcome,
        reason: reason.chars().take(REASON_CHARS).collect(),
        chars: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
        answer_preview: text.chars().take(preview_chars as usize).collect(),
        answer_sha256: answer.map(|a| sha256_hex(a.text.as_bytes())),
        tokens_in: answer.map_or(0, |a| a.tokens_in),
        tokens_out: answer.map_or(0, |a| a.tokens_out),
        cost_usd: answer.and_then(|a| a.cost_usd),
        duration_ms: answer.map_or(0, |a| a.duration_ms),
        cached: answer.is_some_and(|a| a.cached),
        masked: answer.map_or(0, |a| a.masked),
    }
}

/// The marker that fences repository text in a sweep's prompts. It hangs on the commit's id, which
/// no file of that commit can contain, and it is the same for all prompts of a sweep, so that
/// they share a prefix that providers can cache.
pub fn fence(sweep: &str, spec: &SweepSpec) -> String {
    content_id(&[b"fence", sweep.as_bytes(), spec.commit.as_bytes()])[..24].to_owned()
}

/// Dollars as the integer that counters hold.
pub fn micro_usd(dollars: f64) -> u64 {
    ((dollars.max(0.0) * 1e6).round() as u64).min(MOST_PER_CALL)
}

/// A cost that a call can have: what is no number, or below nothing, says nothing.
fn sane_cost(dollars: f64) -> Option<f64> {
    (dollars.is_finite() && dollars >= 0.0).then(|| dollars.min(MOST_PER_CALL as f64 / 1e6))
}

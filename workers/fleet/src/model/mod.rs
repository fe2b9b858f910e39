//! The one way to ask a model: look for the answer, hold the budget, call, keep, count.
//!
//! A job asks a [`Question`] and gets back what was [`Said`]. If it was [`Said::Tried`], the job judges the answer
//! with [`Tried::judge`], which gives the verdict together with the effects that count the try. A call is held of the
//! sweep's budget until the job's commit. A job holds one call at a time, so one that asks again before it commits has
//! only its last one held.

mod answer;
mod budget;
mod class;
mod ledger;
mod transient;

pub use answer::{Answer, attempt};
pub use transient::wait_ms;

use crate::context::Context;
use crate::figures;
use crate::registry::JobInfo;
use crate::runtime::places::{self, NoPlace};
use crate::runtime::{HandlerError, trace};
use ledger::Account;
use queue_schema::client::Held;
use queue_schema::effects::{Effect, Effects, Ending};
use queue_schema::ids::{ReviewId, SweepId, content_id};
use queue_schema::ledger::TaskClass;
use queue_schema::records::SweepRecord;
use queue_schema::rows::Outcome;
use queue_schema::sweep::{Ladder, Rung, SweepSpec};
use queue_schema::trace::Trace;
use scrum_calls::ended;
use scrum_config::Wire;
use scrum_domain::observe::Class;
use scrum_domain::prompt::Prompt;
use scrum_domain::redact::{Known, Masked};
use scrum_providers::{
    ChatError, ChatReply, ChatRequest, Checking, FailedKind, Talk, TerminalKind,
};
use scrum_shown::plain;
use scrum_traces::Span;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is asked of whom.
#[derive(Debug)]
pub struct Question<'a> {
    /// The sweep, for limits and defaults.
    pub spec: &'a SweepSpec,
    /// Its id.
    pub sweep: &'a SweepId,
    /// The review whose state counts transient errors; without one all failures of the job count.
    pub review: Option<&'a ReviewId>,
    /// What it is counted under.
    pub task: TaskClass,
    /// Path of the file that it is about.
    pub path: &'a str,
    /// The rung.
    pub rung: &'a Rung,
    /// Whether the sweep's record, or the run's, says that its provider is local.
    pub local: bool,
    /// The ladder that it is on.
    pub ladder: &'a Ladder,
    /// Whether an earlier attempt of the same work was rejected: near the cap there is no other one.
    pub further: bool,
    /// Whether reviews can do without it: near the cap it is not asked.
    pub optional: bool,
    /// The prompt.
    pub prompt: Prompt,
    /// The part of it that decides no key: an answer stays good when this changes.
    pub apart: &'a str,
    /// The marker in it.
    pub fence: &'a str,
    /// What stands in the prompt that is not masked yet, as in [`ChatRequest::unmasked`].
    pub unmasked: Arc<str>,
    /// For the built-in reviewer; `None` for a question that only a model answers.
    pub builtin: Option<Checking>,
    /// Tokens to generate at most.
    pub max_tokens: u32,
    /// Secrets that are masked in the prompt already.
    pub masked: u32,
}

/// How asking ended.
#[derive(Debug)]
pub enum Said {
    /// The rung was tried: there is an answer, good or bad, or the rung is spent without one.
    Tried(Tried),
    /// A transient error, or no room in the budget now: these effects bring the same job back later. No rung is
    /// spent.
    Later(Effects),
    /// The budget is nearly spent: a cheaper rung should be asked. No rung is spent.
    PassOver(String),
    /// The budget does not reach this call: nothing was asked, and what it is for is left out.
    LeftOut(String),
}

/// A rung that was tried.
#[derive(Debug)]
pub struct Tried {
    account: Account,
    end: Result<Answer, Failed>,
    /// As in the question: no piece of its secrets is kept in a reason.
    unmasked: Arc<str>,
}

/// A call without an answer.
#[derive(Debug)]
struct Failed {
    outcome: Outcome,
    class: Class,
    reason: String,
    /// The call counted, if one was made; the operator told once, if the provider will keep saying no.
    effects: Vec<Effect>,
}

impl Failed {
    /// A provider that has refused all calls for too long is not called.
    fn refusing(provider: &str, why: &str, time: Duration) -> Self {
        let time = time.as_secs();
        let reason = format!(
            "no call was made: {provider} has refused all calls for {time} s; the last time: {why}"
        );
        Self { outcome: Outcome::Error, class: Class::RateLimited, reason, effects: Vec::new() }
    }
}

/// The job goes back untouched.
fn hand_back() -> Effects {
    Effects::done().ending(Ending::HandBack)
}

/// Why an answer is of no use: how the attempt counts, and the reason for a person.
pub type Rejected = (Outcome, String);

/// A rung that was tried, and what came of it.
#[derive(Debug)]
pub struct Judged<T> {
    /// What the answer is, or why it is of no use.
    pub verdict: Result<T, Rejected>,
    /// The answer, if there was one.
    pub answer: Option<Answer>,
    /// They count the try.
    pub effects: Vec<Effect>,
}

impl<T> Judged<T> {
    /// How the attempt counts.
    pub fn outcome(&self) -> Outcome {
        self.verdict.as_ref().err().map_or(Outcome::Accepted, |(outcome, _)| *outcome)
    }

    /// Why the answer is of no use; empty if it is of use.
    pub fn reason(&self) -> &str {
        self.verdict.as_ref().err().map_or("", |(_, reason)| reason)
    }
}

impl Tried {
    /// What a program of ours says of a review's file, without a call.
    pub fn by_program(review: &ReviewId, path: &str, rung: &Rung, text: String) -> Self {
        let account = Account::of(&review.sweep(), rung, TaskClass::Review);
        let account = account.about(Some(review), path);
        Self { account, end: Ok(Answer::free(text)), unmasked: "".into() }
    }

    /// Judges the answer, if there is one.
    pub fn judge<T>(self, judge: impl FnOnce(&Answer) -> Result<T, Rejected>) -> Judged<T> {
        let (verdict, answer, effects, class) = match self.end {
            Ok(answer) => {
                let verdict = answer.only_thoughts().map_or_else(|| judge(&answer), Err);
                let class = verdict.as_ref().err().map(|(outcome, _)| Class::of_outcome(*outcome));
                (verdict, Some(answer), Vec::new(), class)
            }
            Err(failed) => {
                (Err((failed.outcome, failed.reason)), None, failed.effects, Some(failed.class))
            }
        };
        // Later attempts and diagnoses go by it, and may be somebody else's.
        let safe = |(outcome, reason)| (outcome, without_secrets(reason, &self.unmasked));
        let mut judged = Judged { verdict: verdict.map_err(safe), answer, effects };
        let (outcome, reason) = (judged.outcome(), judged.reason());
        let event = self.account.event(outcome.as_str(), class, reason, judged.answer.as_ref());
        let counted = self.account.ended(outcome, judged.answer.as_ref());
        judged.effects.extend(counted);
        judged.effects.extend(event);
        judged
    }
}

/// A reason without pieces of the secrets of the file that it may quote.
fn without_secrets(reason: String, file: &str) -> String {
    if reason.is_empty() || file.is_empty() {
        return reason;
    }
    Known::of(file).mask(Masked { text: reason, ..Masked::default() }).text
}

/// Asks, or finds what was answered before.
///
/// # Errors
/// When Redis fails in a way that waiting doesn't mend.
pub async fn ask(ctx: &Context, info: &JobInfo, q: Question<'_>) -> Result<Said, HandlerError> {
    if let Some(effects) = transient::left_to_others(ctx, info, q.rung) {
        return Ok(Said::Later(effects));
    }
    let mut account = Account::of(q.sweep, q.rung, q.task).about(q.review, q.path);
    let unmasked = Arc::clone(&q.unmasked);
    let tried = |account, end| Ok(Said::Tried(Tried { account, end, unmasked }));
    let provider = ctx.settings().providers.get(&q.rung.provider);
    if provider.is_some_and(|p| p.wire == Wire::Builtin) {
        // It costs nothing and is quicker than the cache.
        let masked = q.masked;
        let reply = call(ctx, q, trace::current()).await;
        let free = |reply| Answer { free: true, ..Answer::of(reply, masked) };
        let end = reply.map(free).map_err(|error| failed(&account, &error, None));
        return tried(account, end);
    }
    let key = key_of(ctx, &q);
    if let Some(answer) = answer::find(ctx, &key, &info.life).await? {
        return tried(account, Ok(answer));
    }
    let mut place = match places::take(&q.rung.provider, transient::patience(ctx, &q)).await {
        Ok(place) => place,
        Err(NoPlace::Stopping) => return Ok(Said::Later(hand_back())),
        Err(NoPlace::Refusing { why, time }) => {
            return tried(account, Err(Failed::refusing(&q.rung.provider, &why, time)));
        }
    };
    // Just before the call: the job may have waited long for its place.
    match budget::hold(ctx, &info.lease, &q).await? {
        Held::Granted => {}
        Held::Stopped => return Ok(Said::Later(hand_back())),
        Held::PassOver(why) => return Ok(Said::PassOver(why)),
        Held::No(why) => return Ok(Said::LeftOut(why)),
        Held::Wait(reason) => {
            let ending = Ending::Wait { delay_ms: ctx.settings().budget.wait_ms, reason };
            return Ok(Said::Later(Effects::done().ending(ending)));
        }
        Held::Stale => return Err(HandlerError::Retry("the lease was lost".to_owned())),
    }
    let (asked, masked, rung) = (budget::guess_asked(&q.prompt), q.masked, q.rung);
    let (review, spec) = (q.review, q.spec);
    let probes = place.probes();
    place.begin();
    let mut counted = figures::of_process().call(&rung.provider);
    let began = Instant::now();
    let (place_in_trace, mut span) = trace::call(&rung.provider, &rung.model);
    let reply = call(ctx, q, place_in_trace).await;
    if reply.is_ok() {
        counted.answered();
    }
    drop(counted);
    seen(&mut span, &reply);
    drop(span);
    account.took(began.elapsed());
    let why = reply.as_ref().err().map(ToString::to_string).unwrap_or_default();
    place.end(ended::ending(&reply), ended::units(&reply), why);
    match reply {
        Ok(reply) => {
            let mut answer = Answer::of(reply, masked);
            answer.settle_up(rung, asked);
            answer.paid_by.clone_from(&info.life);
            answer::keep(ctx, key, &answer).await?;
            tried(account, Ok(answer))
        }
        Err(error) => {
            let of = transient::Asked::of(spec, review, rung, &account);
            if let Some(effects) = transient::again(ctx, info, &of, &error, probes).await? {
                return Ok(Said::Later(effects));
            }
            let end = failed(&account, &error, Some(rung));
            tried(account, Err(end))
        }
    }
}

fn key_of(ctx: &Context, q: &Question<'_>) -> String {
    let provider = ctx.settings().providers.get(&q.rung.provider);
    let shape = provider
        .map(|p| p.answer_shape(&q.rung.provider, q.prompt.schema.is_some()))
        .unwrap_or_default();
    answer::key_of(q, temperature(q), leaves(ctx, q.local, q.rung), &shape)
}

/// Whether an answer to this question is kept, so that asking it costs nothing.
///
/// # Errors
/// When Redis fails in a way that waiting doesn't mend.
pub async fn is_kept(ctx: &Context, q: &Question<'_>) -> Result<bool, HandlerError> {
    Ok(answer::find(ctx, &key_of(ctx, q), "").await?.is_some())
}

/// Writes into the span of a call how it ended.
fn seen(span: &mut Span, reply: &Result<ChatReply, ChatError>) {
    match reply {
        Ok(reply) => {
            for (name, n) in [
                ("gen_ai.usage.input_tokens", reply.tokens_in),
                ("gen_ai.usage.output_tokens", reply.tokens_out),
            ] {
                span.set(name, i64::try_from(n).unwrap_or(i64::MAX));
            }
        }
        Err(error) => span.fails(plain(&error.to_string())),
    }
}

/// The call itself, at its place in a trace.
async fn call(ctx: &Context, q: Question<'_>, at: Option<Trace>) -> Result<ChatReply, ChatError> {
    let request = ChatRequest {
        model: q.rung.model.clone(),
        temperature: temperature(&q),
        system: q.prompt.system,
        user: q.prompt.user,
        schema: q.prompt.schema,
        max_tokens: q.max_tokens,
        context_tokens: q.rung.context_tokens,
        local: q.local,
        unmasked: q.unmasked,
        builtin: q.builtin,
        trace: at.map(|t| t.to_string()),
        talk: Talk::default(),
    };
    ctx.providers().chat(&q.rung.provider, &request).await
}

fn temperature(q: &Question<'_>) -> f64 {
    q.rung.temperature.unwrap_or(q.spec.limits.temperature)
}

/// A rung that is spent without an answer. The operator is told why.
fn failed(account: &Account, error: &ChatError, rung: Option<&Rung>) -> Failed {
    let mut effects = Vec::new();
    // A filter that refuses the prompt is a refusal, whoever says it.
    let declined = matches!(error, ChatError::Failed { kind: FailedKind::Declined, .. });
    if let Some(rung) = rung.filter(|_| !declined) {
        effects.push(SweepRecord::of(&account.sweep).alert(rung.name(), error.to_string()));
    }
    // Without a key there was no call.
    if !matches!(error, ChatError::Terminal { kind: TerminalKind::MissingKey, .. }) {
        effects.push(account.called());
    }
    let outcome = if declined { Outcome::Refused } else { Outcome::Error };
    Failed { outcome, class: class::of(error), reason: error.to_string(), effects }
}

/// Whether text for this rung leaves the user's machines, so that secrets must be masked. `local` is what the
/// record of the sweep or run says of its provider.
pub fn leaves(ctx: &Context, local: bool, rung: &Rung) -> bool {
    !ctx.providers().stays_here(&rung.provider, &rung.model, local)
}

/// As [`leaves`], of a rung of the sweep itself.
pub fn sweep_leaves(ctx: &Context, spec: &SweepSpec, rung: &Rung) -> bool {
    leaves(ctx, spec.says_local(&rung.provider), rung)
}

/// The marker that fences repository text in a sweep's prompts. It hangs on the commit's id, which
/// no file of that commit can contain, and it is the same for all prompts of a sweep, so that
/// they share a prefix that providers can cache.
pub fn fence(sweep: &SweepId, spec: &SweepSpec) -> String {
    content_id(&[b"fence", sweep.as_bytes(), spec.commit.as_bytes()])[..24].to_owned()
}

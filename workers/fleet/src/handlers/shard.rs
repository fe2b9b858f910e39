//! Shard: one rung's summary of one piece, then the barrier; or the next rung.

use super::ask::{self, Asked, Question};
use super::ledger;
use super::whom;
use crate::context::Context;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::effects::{Effect, Effects};
use queue_schema::ids::review_id;
use queue_schema::jobs::Shard;
use queue_schema::keys;
use queue_schema::ledger::TaskClass;
use queue_schema::rows::Outcome;
use queue_schema::sweep::SweepSpec;
use scrum_domain::accept;
use scrum_domain::prompt::{self, ShardInput};
use scrum_domain::redact::{self, Masked};
use scrum_domain::text::clip_marked;
use scrum_domain::{scratchpad, target};
use scrum_providers::{Subject, Task};

/// Characters that are kept of why a shard failed.
const REASON_CHARS: usize = 300;

/// Summarises one piece.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Shard) -> Result<Effects, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let record = ctx.target(&job.sweep, job.target).await?;
    let bytes = ctx.blob(&spec, &record.blob).await?;
    let source = target::inspect(&bytes).map_err(|e| HandlerError::Fatal(e.to_string()))?;
    let range = usize::try_from(job.start).unwrap_or(usize::MAX)
        ..usize::try_from(job.end).unwrap_or(usize::MAX);
    let text = source.get(range.clone()).ok_or_else(|| {
        HandlerError::Fatal(format!("bytes {}..{} are not in {}", job.start, job.end, record.path))
    })?;
    let rung =
        spec.shard_ladder.rungs.get(job.rung as usize).ok_or_else(|| {
            HandlerError::Fatal(format!("the shard ladder has no rung {}", job.rung))
        })?;
    // A key that lies across the edge of the piece is known from the whole file alone.
    let masks = whom::sweep_leaves(ctx, &spec, rung);
    let safe = masks.then(|| redact::mask_range(source, range));
    let masked = safe.as_ref().map_or(0, Masked::count);
    let text = safe.as_ref().map_or(text, |safe| &safe.text);
    let review = review_id(&job.sweep, job.target);
    let chain =
        if spec.limits.chained { Some(chain(ctx, &review, source, &job).await?) } else { None };
    let fence = ask::fence(&job.sweep, &spec);
    let question = Question {
        spec: &spec,
        sweep: &job.sweep,
        review: Some(&review),
        rung,
        local: spec.says_local(&rung.provider),
        ladder: &spec.shard_ladder,
        further: job.rung > 0,
        prompt: prompt::shard_prompt(&ShardInput {
            path: &record.path,
            language: target::language(&record.path),
            k: job.k + 1,
            of: job.of,
            start: job.start,
            end: job.end,
            text,
            before: chain.as_ref().map_or("", |c| c.before.as_str()),
            round: job.round,
            fence: &fence,
        }),
        fence: &fence,
        subject: Subject {
            task: Task::Shard,
            path: record.path.clone(),
            // The notes of a chain may hold pieces of secrets from anywhere in the file.
            source: if masks && chain.is_some() { source } else { text }.to_owned(),
            prd_terms: Vec::new(),
        },
        max_tokens: spec.limits.shard_max_tokens,
        masked,
    };
    let (outcome, result, answer, called) = match ask::ask(ctx, &info, question).await? {
        Asked::Later(effects) => {
            return Ok(ledger::later(effects, &job.sweep, rung, TaskClass::Shard));
        }
        Asked::PassOver(why) => {
            if let Some(next) = spec.shard_ladder.cheapest_after(job.rung) {
                return Ok(Effects::done().enqueue(&at_rung(&spec, job, next)?)?);
            }
            return left_out(&spec, &job, &review, chain, &why);
        }
        Asked::LeftOut(why) => return left_out(&spec, &job, &review, chain, &why),
        Asked::Failed { outcome, reason, effects } => (outcome, Err(reason), None, effects),
        Asked::Answered(answer) => {
            let given = accept::Answer {
                text: &answer.text,
                truncated: answer.truncated,
                refused: answer.refused,
            };
            let judged = accept::judge_shard_summary(&given, &fence);
            let outcome =
                judged.as_ref().map_or_else(|(outcome, _)| *outcome, |_| Outcome::Accepted);
            let judged = judged.map_err(|(outcome, reason)| format!("{outcome}: {reason}"));
            (outcome, judged, Some(answer), Vec::new())
        }
    };
    let mut effects = Effects::done();
    effects.list.extend(called);
    effects.list.extend(ask::count(&job.sweep, answer.as_ref()));
    let ended = ledger::ended(&job.sweep, rung, TaskClass::Shard, outcome, answer.as_ref());
    effects.list.extend(ended);
    if let Some(a) = answer.as_ref().filter(|a| !a.cached) {
        let cost = a.cost_usd.map(|c| ("cost_micro_usd", ask::micro_usd(c)));
        let spent = [
            ("tokens_in", a.tokens_in),
            ("tokens_out", a.tokens_out),
            ("duration_ms", a.duration_ms),
        ];
        for (field, by) in spent.into_iter().chain(cost) {
            effects.list.push(Effect::Add {
                key: keys::review_state(&review),
                field: field.into(),
                by: i64::try_from(by).unwrap_or(i64::MAX),
            });
        }
    }
    if let Some(a) = answer.as_ref().filter(|a| a.masked > 0) {
        effects.list.push(Effect::Put {
            key: keys::review_state(&review),
            field: keys::shard_masked(job.k),
            value: a.masked.to_string(),
        });
    }
    let arrive = Effect::Arrive { name: keys::shard_barrier(&review), member: job.k };
    let put = |field: String, value: String| Effect::Put {
        key: keys::review_state(&review),
        field,
        value,
    };
    match result {
        Ok(summary) => {
            let summary = scratchpad::kept(&summary, spec.limits.shard_max_tokens);
            let effects = effects.with(put(format!("s{}", job.k), summary)).with(arrive);
            Ok(then(effects, chain, &spec)?)
        }
        Err(reason) => {
            tracing::debug!(file = %record.path, shard = job.k, rung = %rung.name(), reason, "shard summary failed");
            let next = job.rung + 1;
            if spec.shard_ladder.rungs.len() > next as usize {
                return Ok(effects.enqueue(&at_rung(&spec, job, next)?)?);
            }
            // A shard that no rung could do does not vanish: the review goes on and names the bytes
            // that are not covered.
            let gap = put(format!("m{}", job.k), format!("{}-{}", job.start, job.end));
            let why = format!("{}: {}", rung.name(), clip_marked(&reason, REASON_CHARS));
            let why = put(keys::GAP_FIELD.into(), why);
            Ok(then(effects.with(gap).with(why).with(arrive), chain, &spec)?)
        }
    }
}

/// The same piece for another rung.
fn at_rung(spec: &SweepSpec, job: Shard, rung: u32) -> Result<Shard, HandlerError> {
    let at = spec.shard_ladder.rungs.get(rung as usize);
    let provider = at.map(|r| r.provider.clone());
    let provider = provider
        .ok_or_else(|| HandlerError::Fatal(format!("the shard ladder has no rung {rung}")))?;
    Ok(Shard { rung, provider, ..job })
}

/// The budget does not reach a piece. Its review is left out, but by the rung that waits at the
/// barrier: other pieces may be in work.
fn left_out(
    spec: &SweepSpec,
    job: &Shard,
    review: &str,
    chain: Option<Chain>,
    why: &str,
) -> Result<Effects, HandlerError> {
    let effects = Effects::done()
        .with(Effect::Put {
            key: keys::review_state(review),
            field: keys::LEFT_FIELD.into(),
            value: format!("part {} of {}: {why}", job.k + 1, job.of),
        })
        .with(Effect::Arrive { name: keys::shard_barrier(review), member: job.k });
    Ok(then(effects, chain, spec)?)
}

/// What a shard of a chain needs of the others.
struct Chain {
    /// The notes on those before it.
    before: String,
    /// The one after it.
    next: Option<Shard>,
}

async fn chain(
    ctx: &Context,
    review: &str,
    source: &str,
    job: &Shard,
) -> Result<Chain, HandlerError> {
    let state = ctx
        .read("the review", |q| {
            let review = review.to_owned();
            async move { q.review_state(&review).await }
        })
        .await?;
    let notes: Vec<(u32, String)> =
        (0..job.k).filter_map(|k| Some((k, state.get(&format!("s{k}"))?.clone()))).collect();
    let next = if job.k + 1 < job.of {
        let ends = state.get(keys::CUTS_FIELD).map(String::as_str).unwrap_or_default();
        let end = ends.split(',').nth(job.k as usize + 1).and_then(|end| end.parse().ok());
        let end = end.ok_or_else(|| {
            HandlerError::Fatal(format!(
                "the review does not know shard {} of its chain",
                job.k + 1
            ))
        })?;
        Some(Shard { k: job.k + 1, start: job.end, end, rung: 0, ..job.clone() })
    } else {
        None
    };
    Ok(Chain { before: scratchpad::notes(&notes, source, 0).text, next })
}

/// Goes on with the chain, whatever became of this shard.
fn then(
    effects: Effects,
    chain: Option<Chain>,
    spec: &SweepSpec,
) -> Result<Effects, serde_json::Error> {
    match (chain.and_then(|c| c.next), spec.shard_ladder.rungs.first()) {
        (Some(next), Some(rung)) => {
            effects.enqueue(&Shard { provider: rung.provider.clone(), ..next })
        }
        _ => Ok(effects),
    }
}

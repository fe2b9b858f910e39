//! Shard: one rung's summary of one piece, then the barrier; or the next rung.

use super::ask::{self, Asked, Question};
use crate::context::Context;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::effects::{Effect, Effects};
use queue_schema::ids::review_id;
use queue_schema::jobs::Shard;
use queue_schema::keys;
use scrum_domain::accept;
use scrum_domain::prompt::{self, ShardInput};
use scrum_domain::redact::{self, Masked};
use scrum_domain::target;
use scrum_providers::{Subject, Task};

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
    let safe = ask::leaves(ctx, rung).then(|| redact::mask_range(source, range));
    let masked = safe.as_ref().map_or(0, Masked::count);
    let text = safe.as_ref().map_or(text, |safe| &safe.text);
    let fence = ask::fence(&job.sweep, &spec);
    let question = Question {
        spec: &spec,
        sweep: &job.sweep,
        rung,
        prompt: prompt::shard_prompt(&ShardInput {
            path: &record.path,
            language: target::language(&record.path),
            k: job.k + 1,
            of: job.of,
            start: job.start,
            end: job.end,
            text,
            fence: &fence,
        }),
        fence: &fence,
        subject: Subject {
            task: Task::Shard,
            path: record.path.clone(),
            source: text.to_owned(),
            prd_terms: Vec::new(),
        },
        max_tokens: spec.limits.shard_max_tokens,
        masked,
    };
    let review = review_id(&job.sweep, job.target);
    let (result, answer, alert) = match ask::ask(ctx, info, question).await? {
        Asked::Later(effects) => return Ok(effects),
        Asked::Failed { reason, alert, .. } => (Err(reason), None, alert),
        Asked::Answered(answer) => {
            let judged = accept::judge_shard_summary(&accept::Answer {
                text: &answer.text,
                truncated: answer.truncated,
                refused: answer.refused,
            });
            (judged.map_err(|(outcome, reason)| format!("{outcome}: {reason}")), Some(answer), None)
        }
    };
    let mut effects = Effects::done();
    effects.list.extend(alert);
    effects.list.extend(ask::count(&job.sweep, answer.as_ref()));
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
        Ok(summary) => Ok(effects.with(put(format!("s{}", job.k), summary)).with(arrive)),
        Err(reason) => {
            tracing::debug!(file = %record.path, shard = job.k, rung = %rung.name(), reason, "shard summary failed");
            let next = job.rung + 1;
            match spec.shard_ladder.rungs.get(next as usize) {
                Some(rung) => {
                    let provider = rung.provider.clone();
                    Ok(effects.enqueue(&Shard { rung: next, provider, ..job })?)
                }
                // A shard that no rung could do does not vanish: the review goes on and names
                // the bytes that are not covered.
                None => Ok(effects
                    .with(put(format!("m{}", job.k), format!("{}-{}", job.start, job.end)))
                    .with(arrive)),
            }
        }
    }
}

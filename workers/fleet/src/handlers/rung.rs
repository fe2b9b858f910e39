//! Rung: one attempt by one model; then a row, the next rung, or the dead-letter queue.

use super::ask::{self, Answer, Asked, Question};
use super::budget;
use super::facts;
use super::ledger;
use super::passages::{self, Lookup};
use super::whom;
use crate::context::{Context, Document};
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::effects::{DeadClass, Effect, Effects, Ending};
use queue_schema::ids::review_id;
use queue_schema::jobs::Rung;
use queue_schema::keys;
use queue_schema::ledger::TaskClass;
use queue_schema::rows::{Attempt, Outcome};
use queue_schema::sweep::{DocRef, Ladder, SweepSpec};
use scrum_domain::accept::{self, Judgement};
use scrum_domain::prompt::{self, Body, ReviewInput};
use scrum_domain::retrieve::{self, Chunk};
use scrum_domain::review::{self, Accepted, Pathway, RowLimits, Spent};
use scrum_domain::scratchpad::{self, Notes};
use scrum_domain::{anchor, builtin, target};
use scrum_providers::{Subject, Task};
use std::collections::HashMap;
use std::sync::Arc;

/// What the shards of a review left behind.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) shards_total: u32,
    pub(super) notes: Notes,
    /// Shards with a summary.
    read: u32,
    missing: Vec<(u64, u64)>,
    spent: Spent,
    masked: u32,
}

impl Gathered {
    /// True when the file was split and nobody could read any of it.
    fn is_unread(&self) -> bool {
        self.shards_total > 0 && self.read == 0
    }
}

/// Makes one attempt.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Rung) -> Result<Effects, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let id = review_id(&job.sweep, job.target);
    let review = id.as_str();
    // At once: a place of the provider is held all the while.
    let (record, history, state) = tokio::try_join!(
        ctx.target(&job.sweep, job.target),
        ctx.read("the attempts", |q| async move { q.attempts(review).await }),
        ctx.read("the review", |q| async move { q.review_state(review).await }),
    )?;
    let bytes = ctx.blob(&spec, &record.blob).await?;
    let source = target::inspect(&bytes).map_err(|e| HandlerError::Fatal(e.to_string()))?;
    let gathered = gather(&state, source, spec.limits.notes_chars);
    let ladder = spec.ladder_of(&state).map_err(|e| {
        HandlerError::Fatal(format!("the ladder given with a retry can't be read: {e}"))
    })?;
    // A shard that the budget did not reach takes its review with it.
    if let Some(why) = state.get(keys::LEFT_FIELD) {
        return Ok(budget::leave_out(Effects::done(), job.sweep, job.target, why.clone()));
    }
    if gathered.is_unread() {
        return super::review::unread(&spec, &record.path, source, &state, job).await;
    }
    let rung = ladder
        .rungs
        .get(job.rung as usize)
        .ok_or_else(|| HandlerError::Fatal(format!("the ladder has no rung {}", job.rung)))?;

    let prd = document(ctx, &job.sweep, "prd", spec.prd.as_ref(), &spec).await?;
    let proposal = document(ctx, &job.sweep, "proposal", spec.proposal.as_ref(), &spec).await?;
    let forensic = document(ctx, &job.sweep, "forensic", spec.forensic.as_ref(), &spec).await?;
    let asked = passages::Asked {
        spec: &spec,
        sweep: &job.sweep,
        review: &id,
        attempt: job.attempt,
        state: &state,
        prd: prd.as_deref(),
        proposal: proposal.as_deref(),
        source,
    };
    let found = match passages::find(ctx, &asked).await? {
        Lookup::Later(effects) => return Ok(effects),
        Lookup::Found(found) => found,
    };
    let (prd_chunks, proposal_chunks, masked) = if whom::sweep_leaves(ctx, &spec, rung) {
        let (prd_chunks, a) = masked_chunks(prd.as_deref(), &found.prd);
        let (proposal_chunks, b) = masked_chunks(proposal.as_deref(), &found.proposal);
        (prd_chunks, proposal_chunks, a + b)
    } else {
        (found.prd.clone(), found.proposal.clone(), 0)
    };

    let fence = ask::fence(&job.sweep, &spec);
    let body = if gathered.shards_total > 1 {
        Body::Distilled {
            scratchpad: &gathered.notes.text,
            shortened: gathered.notes.shortened,
            bytes: record.bytes,
            missing: &gathered.missing,
        }
    } else {
        Body::Whole(source)
    };
    let prompt = prompt::review_prompt(&ReviewInput {
        path: &record.path,
        language: target::language(&record.path),
        body,
        prd_chunks: &prd_chunks,
        proposal_chunks: &proposal_chunks,
        forensic: forensic.as_ref().map(|d| d.text.as_str()),
        wants_forensic: spec.wants_forensic(),
        history: &history,
        fence: &fence,
        shown_chars: spec.limits.documents.shown_chars,
        reason_chars: spec.limits.history.reason_chars,
    });
    let question = Question {
        spec: &spec,
        sweep: &job.sweep,
        review: Some(review),
        rung,
        local: spec.says_local(&rung.provider),
        ladder: &ladder,
        further: job.attempt > 1,
        prompt,
        fence: &fence,
        subject: Subject {
            task: Task::Review { forensic: spec.wants_forensic() },
            path: record.path.clone(),
            source: source.to_owned(),
            prd_terms: prd.as_ref().map(|d| builtin::prd_terms(&d.text)).unwrap_or_default(),
        },
        max_tokens: rung.max_tokens.unwrap_or(spec.limits.max_tokens),
        masked,
    };
    let (outcome, reason, answer, called, parsed) = match ask::ask(ctx, &info, question).await? {
        Asked::Later(effects) => {
            return Ok(ledger::later(effects, &job.sweep, rung, TaskClass::Review));
        }
        Asked::PassOver(why) => return pass_over(&ladder, job, &why),
        Asked::LeftOut(why) => {
            return Ok(budget::leave_out(Effects::done(), job.sweep, job.target, why));
        }
        Asked::Failed { outcome, reason, effects } => (outcome, reason, None, effects, None),
        Asked::Answered(answer) => {
            match judge(&spec, source, gathered.shards_total, &fence, &answer) {
                Judgement::Accepted(parsed) => {
                    (Outcome::Accepted, String::new(), Some(answer), Vec::new(), Some(parsed))
                }
                Judgement::Rejected { outcome, reason } => {
                    (outcome, reason, Some(answer), Vec::new(), None)
                }
            }
        }
    };
    let kept = spec.limits.history.preview_chars;
    let attempt =
        ask::attempt(job.attempt, job.rung, rung, outcome, &reason, answer.as_ref(), kept);
    tracing::info!(file = %record.path, rung = %rung.name(), attempt = job.attempt, %outcome, reason, "attempt");
    let mut effects = Effects::done();
    effects.list.extend(called);
    effects.list.extend(found.alert);
    effects.list.extend(ask::count(&job.sweep, answer.as_ref()));
    let ended = ledger::ended(&job.sweep, rung, TaskClass::Review, outcome, answer.as_ref());
    effects.list.extend(ended);
    match (parsed, answer) {
        (Some(mut parsed), Some(answer)) => {
            anchor::anchor(&mut parsed.findings, source);
            let mut attempts = history;
            attempts.push(attempt);
            let row = review::row(&Accepted {
                reviewed_at: &jiff::Timestamp::now().to_string(),
                sweep_id: &job.sweep,
                review_id: &id,
                repo: &spec.repo,
                commit: &spec.commit,
                path: &record.path,
                blob: &record.blob,
                answer: &answer.text,
                parsed: &parsed,
                attempts: &attempts,
                shards_spent: gathered.spent,
                shards_total: gathered.shards_total,
                shards_missing: &gathered.missing,
                shards_shortened: gathered.notes.shortened,
                top_chunks: &found.top,
                retrieval: &found.retrieval,
                shards_masked: gathered.masked,
                pathway: &Pathway::default(),
                limits: RowLimits { tiers: spec.limits.tiers, history: spec.limits.history },
            });
            let counted = ledger::reviewed(&job.sweep, &row, source).await?;
            let effects = effects
                .with(counted)
                .append_row(&job.sweep, &row)?
                .with(Effect::Delete { key: keys::attempts(&id) });
            facts::after(ctx, &spec, &job.sweep, job.target, (&answer.text, source), effects)
        }
        _ => rejected(effects, &ladder, job, &attempt, &id),
    }
}

/// The next rung that none is cheaper than; without one the review is left out. No attempt was made.
fn pass_over(ladder: &Ladder, job: Rung, why: &str) -> Result<Effects, HandlerError> {
    let next = ladder.cheapest_after(job.rung);
    if let Some((next, rung)) = next.and_then(|n| Some((n, ladder.rungs.get(n as usize)?))) {
        tracing::debug!(job.sweep, job.target, job.rung, next, why, "dearer rungs are passed over");
        let (passed, provider) = (job.passed + 1, rung.provider.clone());
        return Ok(Effects::done().enqueue(&Rung { rung: next, passed, provider, ..job })?);
    }
    let why = format!("{why}; no rung that is cheap enough is left on the ladder");
    Ok(budget::leave_out(Effects::done(), job.sweep, job.target, why))
}

/// The next rung, or the dead-letter queue when there is none.
fn rejected(
    effects: Effects,
    ladder: &Ladder,
    job: Rung,
    attempt: &Attempt,
    review: &str,
) -> Result<Effects, HandlerError> {
    let effects = effects.with(Effect::Append {
        key: keys::attempts(review),
        value: serde_json::to_string(attempt)?,
    });
    let next = job.rung + 1;
    match ladder.rungs.get(next as usize) {
        Some(rung) => Ok(effects.enqueue(&Rung {
            rung: next,
            attempt: job.attempt + 1,
            provider: rung.provider.clone(),
            passed: 0,
            ..job
        })?),
        None => Ok(effects.ending(Ending::Dead {
            class: DeadClass::LadderExhausted,
            reason: format!(
                "all {} rungs of '{}' are spent; last: {} {}: {}",
                ladder.rungs.len(),
                ladder.name,
                attempt.model_name(),
                attempt.outcome,
                attempt.reason,
            ),
        })),
    }
}

fn judge(
    spec: &SweepSpec,
    source: &str,
    shards_total: u32,
    fence: &str,
    answer: &Answer,
) -> Judgement {
    accept::judge(
        &accept::Answer {
            text: &answer.text,
            truncated: answer.truncated,
            refused: answer.refused,
        },
        &accept::Context {
            policy: spec.policy,
            markdown_policy: spec.limits.markdown_policy,
            wants_forensic: spec.wants_forensic(),
            shards_total,
            source,
            fence,
            limits: spec.limits.accept,
        },
    )
}

pub(super) fn gather(state: &HashMap<String, String>, source: &str, notes_chars: u32) -> Gathered {
    let n = |field: &str| state.get(field).and_then(|v| v.parse().ok()).unwrap_or(0);
    // No more than there are bytes, whatever the record says.
    let most = u32::try_from(source.len()).unwrap_or(u32::MAX);
    let total = u32::try_from(n("shards")).unwrap_or(u32::MAX).min(most);
    let mut summaries = Vec::new();
    let mut missing = Vec::new();
    let mut masked = 0_u64;
    for k in 0..total {
        masked = masked.saturating_add(n(&keys::shard_masked(k)));
        if let Some(summary) = state.get(&format!("s{k}")) {
            summaries.push((k, summary.clone()));
        } else if let Some(range) = state.get(&format!("m{k}")) {
            let bounds =
                range.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
            missing.extend(bounds);
        }
    }
    Gathered {
        shards_total: total,
        read: u32::try_from(summaries.len()).unwrap_or(u32::MAX),
        notes: scratchpad::notes(&summaries, source, notes_chars as usize),
        missing,
        masked: u32::try_from(masked).unwrap_or(u32::MAX),
        spent: Spent {
            tokens_in: n("tokens_in"),
            tokens_out: n("tokens_out"),
            cost_usd: state
                .contains_key("cost_micro_usd")
                .then(|| n("cost_micro_usd") as f64 / 1e6),
            duration_ms: n("duration_ms"),
        },
    }
}

async fn document(
    ctx: &Context,
    sweep: &str,
    origin: &str,
    doc: Option<&DocRef>,
    spec: &SweepSpec,
) -> Result<Option<Arc<Document>>, HandlerError> {
    match doc {
        Some(doc) => ctx.document(sweep, origin, doc, &spec.limits.documents).await.map(Some),
        None => Ok(None),
    }
}

/// The chunks as they may leave, and how many secrets that took.
fn masked_chunks(doc: Option<&Document>, chunks: &[Chunk]) -> (Vec<Chunk>, u32) {
    let Some(doc) = doc else { return (Vec::new(), 0) };
    let (chunks, counts): (Vec<Chunk>, Vec<u32>) =
        retrieve::masked_all(&doc.text, chunks).into_iter().unzip();
    (chunks, counts.iter().sum())
}

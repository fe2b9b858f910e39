//! Shard: one rung's summary of one piece, then the barrier; or the next rung.

use crate::context::Context;
use crate::model::{self, Judged, Question, Said};
use crate::pipeline;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::effects::Effects;
use queue_schema::ids::ReviewId;
use queue_schema::jobs::Shard;
use queue_schema::ledger::TaskClass;
use queue_schema::records::{ReviewRecord, ReviewState};
use queue_schema::sweep::{Rung, SweepSpec, Target};
use scrum_domain::accept;
use scrum_domain::gathered::Gathered;
use scrum_domain::prompt::{self, ShardInput};
use scrum_domain::redact;
use scrum_domain::text::clip_marked;
use scrum_domain::{scratchpad, target};
use scrum_providers::{Checking, Task};
use std::ops::Range;
use std::sync::Arc;

/// Characters that are kept of why a shard failed.
const REASON_CHARS: usize = 300;

/// A piece, and what its summary hangs on.
struct Work {
    spec: Arc<SweepSpec>,
    job: Shard,
    review: ReviewId,
    record: Target,
    source: String,
    range: Range<usize>,
    rung: Rung,
    /// What the review has gathered, where shards run one after the other.
    chain: Option<ReviewState>,
    /// The piece that follows there.
    next: Option<Shard>,
    fence: String,
}

/// Summarises one piece.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Shard) -> Result<Effects, HandlerError> {
    let work = load(ctx, job).await?;
    let tried = match model::ask(ctx, &info, work.question(ctx)).await? {
        Said::Tried(tried) => tried,
        Said::Later(effects) => return Ok(effects),
        Said::PassOver(why) => return work.pass_over(&why),
        Said::LeftOut(why) => return pipeline::shard_left_out(&work.job, &why, work.next),
    };
    let judged = tried.judge(|answer| accept::judge_shard_summary(&answer.seen(), &work.fence));
    work.settle(judged)
}

async fn load(ctx: &Context, job: Shard) -> Result<Work, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let record = ctx.target(&job.sweep, job.target).await?;
    let source = ctx.source(&spec, &record.blob).await?;
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let range = at(job.start)..at(job.end);
    if source.get(range.clone()).is_none() {
        let why = format!("bytes {}..{} are not in {}", job.start, job.end, record.path);
        return Err(HandlerError::Fatal(why));
    }
    let rung =
        spec.shard_ladder.rungs.get(job.rung as usize).cloned().ok_or_else(|| {
            HandlerError::Fatal(format!("the shard ladder has no rung {}", job.rung))
        })?;
    let review = ReviewId::new(&job.sweep, job.target);
    let chain = if spec.limits.chained { Some(ctx.review_state(&review).await?) } else { None };
    let next = match &chain {
        Some(state) => pipeline::next_in_chain(&spec, state, &job)?,
        None => None,
    };
    let fence = model::fence(&job.sweep, &spec);
    Ok(Work { spec, job, review, record, source, range, rung, chain, next, fence })
}

impl Work {
    fn question(&self, ctx: &Context) -> Question<'_> {
        // A key that lies across the edge of the piece is known from the whole file alone.
        let masks = model::sweep_leaves(ctx, &self.spec, &self.rung);
        let safe = masks.then(|| redact::mask_range(&self.source, self.range.clone()));
        let text = match &safe {
            Some(safe) => &safe.text,
            None => self.source.get(self.range.clone()).unwrap_or_default(),
        };
        let before = self.chain.as_ref();
        let before = before.map(|state| Gathered::notes_before(state, self.job.k, &self.source));
        // The notes of a chain may hold pieces of secrets from anywhere in the file.
        let secrets_of = if masks && self.chain.is_some() { self.source.as_str() } else { text };
        Question {
            spec: &self.spec,
            sweep: &self.job.sweep,
            review: Some(&self.review),
            task: TaskClass::Shard,
            path: &self.record.path,
            rung: &self.rung,
            local: self.spec.says_local(&self.rung.provider),
            ladder: &self.spec.shard_ladder,
            further: self.job.rung > 0,
            optional: false,
            apart: "",
            prompt: prompt::shard_prompt(&ShardInput {
                path: &self.record.path,
                language: target::language(&self.record.path),
                k: self.job.k + 1,
                of: self.job.of,
                start: self.job.start,
                end: self.job.end,
                text,
                before: before.as_deref().unwrap_or_default(),
                round: self.job.round,
                fence: &self.fence,
            }),
            fence: &self.fence,
            unmasked: secrets_of.into(),
            builtin: Some(Checking {
                task: Task::Shard,
                path: self.record.path.clone(),
                source: text.into(),
                prd_terms: Vec::new(),
            }),
            max_tokens: self.spec.limits.shard_max_tokens,
            masked: safe.as_ref().map_or(0, redact::Masked::count),
        }
    }

    fn pass_over(self, why: &str) -> Result<Effects, HandlerError> {
        match self.spec.shard_ladder.cheapest_after(self.job.rung) {
            Some(rung) => pipeline::shard_at(Effects::done(), &self.spec, &self.job, rung),
            None => pipeline::shard_left_out(&self.job, why, self.next),
        }
    }

    fn settle(self, judged: Judged<String>) -> Result<Effects, HandlerError> {
        let record = ReviewRecord::of(&self.review);
        let mut effects = Effects::done().with_all(judged.effects);
        if let Some(answer) = &judged.answer {
            effects = effects.with_all(answer.taken().iter().flat_map(|taken| record.spent(taken)));
            if answer.masked > 0 {
                effects = effects.with(record.masked(self.job.k, answer.masked));
            }
        }
        let reason = match judged.verdict {
            Ok(summary) => {
                let summary = scratchpad::kept(&summary, self.spec.limits.shard_max_tokens);
                let effects = effects.with(record.summary(self.job.k, &summary));
                return pipeline::shard_over(effects, &self.job, self.next);
            }
            // The reason of a call without an answer says by itself what went wrong.
            Err((_, reason)) if judged.answer.is_none() => reason,
            Err((outcome, reason)) => format!("{outcome}: {reason}"),
        };
        tracing::debug!(file = %self.record.path, shard = self.job.k, rung = %self.rung.name(), reason, "shard summary failed");
        let next = self.job.rung + 1;
        if self.spec.shard_ladder.rungs.len() > next as usize {
            return pipeline::shard_at(effects, &self.spec, &self.job, next);
        }
        // A shard that no rung could do does not vanish: the review goes on and names the bytes
        // that are not covered.
        let why = format!("{}: {}", self.rung.name(), clip_marked(&reason, REASON_CHARS));
        let effects = effects
            .with(record.gap(self.job.k, self.job.start, self.job.end))
            .with(record.gap_reason(&why));
        pipeline::shard_over(effects, &self.job, self.next)
    }
}

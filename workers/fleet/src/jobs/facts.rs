//! Facts: what an accepted review says of its file, taken out by one model and checked by another;
//! then the row, and only then the file is done. Whatever goes wrong here, the review stays accepted:
//! a failure costs the facts, is counted, and has its reason kept.

use crate::context::Context;
use crate::model::{self, Answer, Judged, Question, Rejected, Said};
use crate::pipeline;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::effects::Effects;
use queue_schema::ids::ReviewId;
use queue_schema::jobs::Facts;
use queue_schema::jobs::facts::FactsStage;
use queue_schema::ledger::TaskClass;
use queue_schema::records::{Counter, ReviewState, SweepRecord};
use queue_schema::sweep::{FactsSpec, Rung, SweepSpec, Target};
use scrum_config::Wire;
use scrum_domain::facts::{self, Extracted, Known, Part, Verified};
use scrum_domain::gathered::Gathered;
use scrum_domain::prompt::{self, ExtractInput, Prompt, Shown, VerifyInput};
use scrum_domain::review::Spent;
use scrum_domain::target;
use scrum_domain::text::clip;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Characters of a reason that are kept.
const REASON_CHARS: usize = 300;

/// The facts as they wait for the verifier.
#[derive(Debug, Serialize, Deserialize)]
struct Taken {
    at: String,
    facts: Extracted,
    tokens_in: u64,
    tokens_out: u64,
    cost_usd: Option<f64>,
    duration_ms: u64,
    masked: u32,
}

/// One of the two calls, with what it is about.
struct Work {
    job: Facts,
    spec: Arc<SweepSpec>,
    facts: FactsSpec,
    record: Target,
    source: String,
    review: ReviewId,
    state: ReviewState,
    fence: String,
}

/// How a call ended.
enum Called<T> {
    /// The same job again later.
    Later(Effects),
    /// Nobody was asked.
    NotAsked(String),
    /// It was made, or its answer was found.
    Judged(Judged<T>),
}

/// Makes one of the two calls.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Facts) -> Result<Effects, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let Some(facts) = spec.facts.clone() else {
        let state = ctx.review_state(&ReviewId::new(&job.sweep, job.target)).await?;
        return pipeline::file_over(Effects::done(), &spec, state.audit, (&job.sweep, job.target));
    };
    let record = ctx.target(&job.sweep, job.target).await?;
    let review = ReviewId::new(&job.sweep, job.target);
    let state = ctx.review_state(&review).await?;
    let source = ctx.source(&spec, &record.blob).await?;
    let fence = model::fence(&job.sweep, &spec);
    let work = Work { job, spec, facts, record, source, review, state, fence };
    match work.job.stage {
        FactsStage::Extract => work.extract(ctx, &info).await,
        FactsStage::Verify => work.verify(ctx, &info).await,
    }
}

impl Work {
    async fn extract(&self, ctx: &Context, info: &JobInfo) -> Result<Effects, HandlerError> {
        let Some(accepted) = read::<Part>(self.state.accepted.as_deref()) else {
            return self.without(Effects::done(), "the accepted review is no longer there");
        };
        let prompt = prompt::extract_prompt(&ExtractInput {
            path: &self.record.path,
            review: &accepted.text,
            bounds: &self.facts.bounds,
            fence: &self.fence,
        });
        let judge = |answer: &Answer| facts::judge_extraction(&answer.seen(), &self.facts.bounds);
        let rung = &self.facts.extractor;
        let judged = match self.ask(ctx, info, rung, prompt, accepted.masked, judge).await? {
            Called::Later(effects) => return Ok(effects),
            Called::NotAsked(why) => return self.without(Effects::done(), &why),
            Called::Judged(judged) => judged,
        };
        let effects = Effects::done().with_all(judged.effects);
        let (found, answer) = match (judged.verdict, judged.answer) {
            (Ok(found), Some(answer)) => (found, answer),
            (Err(why), _) => return self.without(effects, &named(&why)),
            (Ok(_), None) => return self.without(effects, "there is no answer"),
        };
        let took = answer.took();
        let taken = Taken {
            at: super::now(),
            facts: found,
            tokens_in: took.tokens_in,
            tokens_out: took.tokens_out,
            cost_usd: took.cost_usd,
            duration_ms: took.duration_ms,
            masked: answer.masked,
        };
        if taken.facts.facts.is_empty() {
            // Nothing to check, so nobody is asked.
            return self.with_row(effects, &taken, Ok(&Verified::default()), None);
        }
        let taken = serde_json::to_string(&taken)?;
        pipeline::check_facts(effects, &self.job, &self.facts, &taken)
    }

    async fn verify(&self, ctx: &Context, info: &JobInfo) -> Result<Effects, HandlerError> {
        let Some(taken) = read::<Taken>(self.state.facts.as_deref()) else {
            return self.without(Effects::done(), "the facts are no longer there");
        };
        let shown = self.shown(ctx);
        let prompt = prompt::verify_prompt(&VerifyInput {
            path: &self.record.path,
            language: target::language(&self.record.path),
            facts: &taken.facts.facts,
            shown: shown.0,
            source: &shown.1.text,
            cut: shown.1.cut,
            fence: &self.fence,
        });
        let (count, bounds) = (taken.facts.facts.len(), &self.facts.bounds);
        let judge = |answer: &Answer| facts::judge_verification(&answer.seen(), count, bounds);
        let rung = &self.facts.verifier;
        let judged = match self.ask(ctx, info, rung, prompt, shown.1.masked, judge).await? {
            Called::Later(effects) => return Ok(effects),
            Called::NotAsked(why) => return self.unchecked(Effects::done(), &taken, &why, None),
            Called::Judged(judged) => judged,
        };
        let effects = Effects::done().with_all(judged.effects);
        let answer = judged.answer.as_ref();
        match judged.verdict {
            Ok(verified) => self.with_row(effects, &taken, Ok(&verified), answer),
            Err(why) => self.unchecked(effects, &taken, &named(&why), answer),
        }
    }

    /// What the verifier sees of the file: the file, or the notes on it.
    fn shown(&self, ctx: &Context) -> (Shown, Part) {
        let source = self.source.as_str();
        let gathered = Gathered::of(&self.state, source, self.spec.limits.notes_chars);
        let (kind, text) = if gathered.shards_total > 1 {
            (Shown::Notes, gathered.notes.text.as_str())
        } else {
            (Shown::File, source)
        };
        let leaves = model::sweep_leaves(ctx, &self.spec, &self.facts.verifier);
        (kind, Part::shown(text, self.facts.bounds.source_chars, leaves.then_some(source)))
    }

    /// Asks one of the two models.
    async fn ask<T>(
        &self,
        ctx: &Context,
        info: &JobInfo,
        rung: &Rung,
        prompt: Prompt,
        masked: u32,
        judge: impl FnOnce(&Answer) -> Result<T, Rejected>,
    ) -> Result<Called<T>, HandlerError> {
        let wire = ctx.settings().providers.get(&rung.provider).map(|p| p.wire);
        if wire == Some(Wire::Builtin) {
            // A sweep's record names models, but this worker may be set up otherwise.
            let why = format!("{} is no model and knows no facts", rung.provider);
            return Ok(Called::NotAsked(why));
        }
        let question = Question {
            spec: &self.spec,
            sweep: &self.job.sweep,
            review: Some(&self.review),
            task: TaskClass::Facts,
            path: &self.record.path,
            rung,
            local: self.spec.says_local(&rung.provider),
            ladder: &self.spec.ladder,
            further: false,
            // What is left of a budget is for other reviews.
            optional: true,
            prompt,
            apart: "",
            fence: &self.fence,
            // Facts of a local model may hold pieces of secrets, and the next one may not be local.
            unmasked: self.source.as_str().into(),
            builtin: None,
            max_tokens: self.facts.bounds.max_tokens,
            masked: if model::sweep_leaves(ctx, &self.spec, rung) { masked } else { 0 },
        };
        Ok(match model::ask(ctx, info, question).await? {
            Said::Tried(tried) => Called::Judged(tried.judge(judge)),
            Said::Later(effects) => Called::Later(effects),
            Said::PassOver(why) | Said::LeftOut(why) => Called::NotAsked(why),
        })
    }

    /// The end, with a row.
    fn with_row(
        &self,
        effects: Effects,
        taken: &Taken,
        verified: Result<&Verified, &str>,
        answer: Option<&Answer>,
    ) -> Result<Effects, HandlerError> {
        let first = Spent {
            tokens_in: taken.tokens_in,
            tokens_out: taken.tokens_out,
            cost_usd: taken.cost_usd,
            duration_ms: taken.duration_ms,
        };
        let second = answer.map(Answer::took);
        let row = facts::row(&Known {
            extracted_at: &taken.at,
            sweep_id: &self.job.sweep,
            review_id: &self.review,
            repo: &self.spec.repo,
            commit: &self.spec.commit,
            path: &self.record.path,
            blob: &self.record.blob,
            extractor: &self.facts.extractor.name(),
            verifier: &self.facts.verifier.name(),
            extracted: &taken.facts,
            verified,
            spent: first.plus(&second.unwrap_or_default()),
            masked: taken.masked.max(answer.map_or(0, |a| a.masked)),
        });
        tracing::info!(file = %self.record.path, facts = row.facts.len(), "facts");
        let counted = SweepRecord::of(&self.job.sweep).count(Counter::Facts, 1);
        let effects = effects.append_row(&self.job.sweep, &row)?.with(counted);
        self.over(effects)
    }

    fn over(&self, effects: Effects) -> Result<Effects, HandlerError> {
        let of = (&self.job.sweep, self.job.target);
        pipeline::file_over(effects, &self.spec, self.state.audit, of)
    }

    /// The end, with a row of facts that nobody has checked.
    fn unchecked(
        &self,
        effects: Effects,
        taken: &Taken,
        reason: &str,
        answer: Option<&Answer>,
    ) -> Result<Effects, HandlerError> {
        let effects = self.failed(effects, &format!("not checked: {reason}"));
        self.with_row(effects, taken, Err(reason), answer)
    }

    /// The end, without a row.
    fn without(&self, effects: Effects, reason: &str) -> Result<Effects, HandlerError> {
        self.over(self.failed(effects, reason))
    }

    /// Counts a failure, and keeps why.
    fn failed(&self, effects: Effects, reason: &str) -> Effects {
        let stage = self.job.stage.as_str();
        tracing::warn!(file = %self.record.path, stage, reason, "facts could not be extracted");
        let record = SweepRecord::of(&self.job.sweep);
        effects
            .with(record.count(Counter::FactsFailed, 1))
            .with(record.without_facts(self.job.target, clip(reason, REASON_CHARS)))
    }
}

/// What an earlier step left in the review's state.
fn read<T: for<'de> Deserialize<'de>>(kept: Option<&str>) -> Option<T> {
    kept.and_then(|json| serde_json::from_str(json).ok())
}

fn named((outcome, reason): &Rejected) -> String {
    format!("{outcome}: {reason}")
}

//! Diff: one attempt at the review of a part of a change by one model; then a row, the next rung, or the dead-letter
//! queue.

use crate::context::Context;
use crate::model::{self, Answer, Judged, Question, Rejected, Said, Tried};
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use crate::{change, pipeline};
use queue_schema::effects::Effects;
use queue_schema::ids::ReviewId;
use queue_schema::jobs::Diff;
use queue_schema::ledger::TaskClass;
use queue_schema::rows::diff::SCHEMA_VERSION;
use queue_schema::rows::{Attempt, DiffReview};
use queue_schema::sweep::{DiffSpec, Ladder, Rung, SweepSpec};
use scrum_config::Wire;
use scrum_domain::diff::{self, Bundle, DiffInput, FilePatch, Opinion, Plan, Sides};
use scrum_domain::redact;
use scrum_domain::text::clip;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The review of a part at one of its rungs.
struct Work {
    spec: Arc<SweepSpec>,
    job: Diff,
    review: ReviewId,
    plan: Arc<Plan>,
    part: usize,
    reviewer: String,
    ladder: Ladder,
    history: Vec<Attempt>,
    fence: String,
}

/// A part as a model is shown it.
struct Shown {
    text: String,
    context: String,
    hints: String,
    masked: u32,
    /// The files that it is made of.
    files: Arc<str>,
}

/// Makes one attempt.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Diff) -> Result<Effects, HandlerError> {
    let work = load(ctx, job).await?;
    let rung = work.rung()?;
    let leaves = model::sweep_leaves(ctx, &work.spec, &rung);
    let sides = change::sides(ctx, &work.spec, &[work.bundle()], leaves).await?;
    let provider = ctx.settings().providers.get(&rung.provider);
    if provider.is_some_and(|p| p.wire == Wire::Builtin) {
        let opinion = work.by_program(sides.after).await?;
        let text = opinion.written();
        let tried = Tried::by_program(&work.review, &work.bundle().name, &rung, text);
        return work.settle(&rung, tried.judge(|_| Ok(opinion)));
    }
    let bounds = &work.change()?.bounds;
    let most = usize::try_from(bounds.context_bytes).unwrap_or(usize::MAX);
    let shown = work.shown(&sides, leaves, most, work.hints(ctx).await?);
    let prompt = diff::prompt(&DiffInput {
        text: &shown.text,
        context: &shown.context,
        hints: &shown.hints,
        wants_json: provider.is_some_and(|p| p.json_schema),
        max_findings: rung.max_findings.unwrap_or(bounds.max_findings),
        masked: shown.masked > 0,
        history: &work.history,
        fence: &work.fence,
        reason_chars: work.spec.limits.history.reason_chars,
    });
    let max_tokens = rung.max_tokens.unwrap_or(bounds.max_tokens);
    let question = Question {
        spec: &work.spec,
        sweep: &work.job.sweep,
        review: Some(&work.review),
        task: TaskClass::Review,
        path: work.bundle().name.as_str(),
        rung: &rung,
        local: work.spec.says_local(&rung.provider),
        ladder: &work.ladder,
        further: work.job.attempt > 1,
        optional: false,
        prompt,
        apart: "",
        fence: &work.fence,
        unmasked: Arc::clone(&shown.files),
        builtin: None,
        max_tokens,
        masked: shown.masked,
    };
    let tried = match model::ask(ctx, &info, question).await? {
        Said::Tried(tried) => tried,
        Said::Later(effects) => return Ok(effects),
        Said::PassOver(why) => return pipeline::pass_over(&work.ladder, work.job, &why),
        Said::LeftOut(why) => {
            return Ok(pipeline::leave_out(&work.job.sweep, work.job.target, why));
        }
    };
    let judged = tried.judge(|answer| work.judge(answer));
    work.settle(&rung, judged)
}

async fn load(ctx: &Context, job: Diff) -> Result<Work, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let review = ReviewId::new(&job.sweep, job.target);
    let history = async {
        // Nothing stands before the first attempt.
        if job.attempt == 1 { Ok(Vec::new()) } else { ctx.attempts(&review).await }
    };
    let (record, history, state, plan) = tokio::try_join!(
        ctx.target(&job.sweep, job.target),
        history,
        ctx.review_state(&review),
        change::plan(ctx, &spec),
    )?;
    let fatal = |why: String| HandlerError::Fatal(why);
    let place = change::spec_of(&spec)?.place(job.target);
    let (part, reviewer) =
        place.ok_or_else(|| fatal(format!("target {} is no part of the change", job.target)))?;
    let ladder = state
        .ladder(&reviewer.ladder)
        .map_err(|e| fatal(format!("the ladder given with a retry can't be read: {e}")))?;
    let (ladder, reviewer, part) = (ladder.into_owned(), reviewer.name.clone(), part as usize);
    if plan.bundles.get(part).is_none_or(|bundle| bundle.id != record.blob) {
        return Err(fatal(format!(
            "{} is another part of the change to this worker than to the one that planned it; let all workers be of \
             one version, and ask again with --again",
            record.path
        )));
    }
    let fence = model::fence(&job.sweep, &spec);
    Ok(Work { spec, job, review, plan, part, reviewer, ladder, history, fence })
}

impl Work {
    fn change(&self) -> Result<&DiffSpec, HandlerError> {
        change::spec_of(&self.spec)
    }

    fn bundle(&self) -> &Bundle {
        // It was looked for when the work was loaded.
        &self.plan.bundles[self.part]
    }

    fn rung(&self) -> Result<Rung, HandlerError> {
        let at = self.ladder.rungs.get(self.job.rung as usize).cloned();
        at.ok_or_else(|| HandlerError::Fatal(format!("the ladder has no rung {}", self.job.rung)))
    }

    /// What a model is shown: without secrets, where the text leaves the user's machines. Of what lies around the change
    /// at most so many bytes.
    fn shown(&self, sides: &Sides, leaves: bool, most: usize, hints: String) -> Shown {
        let (bundle, files) = (self.bundle(), Arc::from(sides.joined()));
        if !leaves {
            let context = diff::context(bundle, &sides.after, most);
            return Shown { text: bundle.text.clone(), context, hints, masked: 0, files };
        }
        let text = diff::masked(bundle, sides);
        let context = diff::context(bundle, &sides.safe_after(), most);
        let hints = redact::Known::of(&files).safe(&hints);
        let masked = text.count() + diff::masks_in(&context) + hints.count();
        Shown { text: text.text, context, hints: hints.text, masked, files }
    }

    /// What earlier sweeps found in its files.
    async fn hints(&self, ctx: &Context) -> Result<String, HandlerError> {
        let paths: Vec<String> = self.bundle().files.iter().map(FilePatch::path).collect();
        let known = change::known(ctx, &self.spec, &paths, self.change()?.bounds.max_hints).await?;
        Ok(diff::hints(&known))
    }

    /// What the built-in checks say. They take their time on large files.
    async fn by_program(&self, sources: BTreeMap<String, String>) -> Result<Opinion, HandlerError> {
        let (plan, part) = (self.plan.clone(), self.part);
        let look = move || diff::builtin(&plan.bundles[part], &sources);
        let found = tokio::task::spawn_blocking(look).await;
        found.map_err(|e| HandlerError::retry("the built-in checks", e))
    }

    fn judge(&self, answer: &Answer) -> Result<Opinion, Rejected> {
        diff::judge(&answer.seen(), self.bundle(), &self.fence)
    }

    fn settle(self, rung: &Rung, judged: Judged<Opinion>) -> Result<Effects, HandlerError> {
        let (outcome, reason) = (judged.outcome(), judged.reason());
        let (part, n) = (&self.bundle().name, self.job.attempt);
        tracing::info!(part, reviewer = self.reviewer, rung = %rung.name(), attempt = n, %outcome, reason, "review of a change");
        let attempt = model::attempt(
            (n, self.job.rung),
            rung,
            (outcome, reason),
            judged.answer.as_ref(),
            self.spec.limits.history.preview_chars,
        );
        let effects = Effects::done().with_all(judged.effects);
        let (Ok(opinion), Some(answer)) = (judged.verdict, judged.answer) else {
            let most = self.spec.limits.empty_retries;
            let retries = self.change()?.bounds.retries;
            let again = pipeline::asks_once_more(&self.history, &attempt, most)
                || pipeline::asks_last_again(&self.ladder, &self.history, &attempt, retries);
            return pipeline::rejected(effects, &self.ladder, self.job, &attempt, again);
        };
        let row = self.row(rung, opinion, &answer, attempt)?;
        Ok(pipeline::reviewed(effects.append_row(&self.job.sweep, &row)?, &self.job))
    }

    fn row(
        &self,
        rung: &Rung,
        opinion: Opinion,
        answer: &Answer,
        last: Attempt,
    ) -> Result<DiffReview, HandlerError> {
        let kept = clip(&answer.text, self.spec.limits.history.answer_chars as usize);
        let attempts = [&self.history[..], &[last]].concat();
        let paid = || attempts.iter().filter(|a| !a.cached);
        let costs: Vec<f64> = paid().filter_map(|a| a.cost_usd).collect();
        let bundle = self.bundle();
        Ok(DiffReview {
            sweep_id: self.job.sweep.to_string(),
            review_id: self.review.to_string(),
            repo: queue_schema::url::public_address(&self.spec.repo),
            base: self.change()?.base.clone(),
            head: self.spec.commit.clone(),
            bundle: bundle.name.clone(),
            bundle_id: bundle.id.clone(),
            files: bundle.files.iter().map(FilePatch::path).collect(),
            reviewer: self.reviewer.clone(),
            model: rung.name(),
            reviewed_at: super::now(),
            verdict: opinion.verdict,
            verdict_note: opinion.note,
            verdict_derived: opinion.derived,
            remarks: opinion.remarks,
            answer: kept.to_owned(),
            cut: opinion.cut,
            tokens_in: paid().map(|a| a.tokens_in).sum(),
            tokens_out: paid().map(|a| a.tokens_out).sum(),
            cost_usd: (!costs.is_empty()).then(|| costs.iter().sum()),
            duration_ms: attempts.iter().map(|a| a.duration_ms).sum(),
            masked: answer.masked,
            attempts: if answer.free { Vec::new() } else { attempts },
            schema_version: SCHEMA_VERSION,
        })
    }
}

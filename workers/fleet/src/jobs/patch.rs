//! Patch: ask the patch model for patches to one file, and for the test of a finding that is to be proven; keep what
//! it proposed for the apply job.

use crate::context::Context;
use crate::model::{self, Answer, Judged, Question, Rejected, Said};
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::apply::{ApplySpec, Proposal, ProposedPatch, ProposedTest, TestPlan};
use queue_schema::effects::{Effect, Effects};
use queue_schema::ids::ReviewId;
use queue_schema::jobs::Patch;
use queue_schema::ledger::TaskClass;
use queue_schema::records::RunRecord;
use queue_schema::rows::{Finding, Outcome, ReviewRow};
use queue_schema::sweep::SweepSpec;
use scrum_domain::apply::{gates, parse, prompt, prove, select};
use scrum_domain::prompt::Prompt;
use scrum_domain::review::Spent;
use scrum_domain::{accept, redact, target};
use std::sync::Arc;

/// A file of a run, with what was found in it.
struct Work {
    job: Patch,
    spec: Arc<SweepSpec>,
    run: ApplySpec,
    path: String,
    row: ReviewRow,
    source: String,
    /// The same without secrets, for a model that is not local.
    safe: Option<redact::Masked>,
    encoding: &'static str,
    fence: String,
}

/// Asks, and arrives whatever came of it: the run goes on with the files that have patches. Of a finding that is to be
/// proven, the test is asked for first: without one no patch of it can land.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Patch) -> Result<Effects, HandlerError> {
    let work = load(ctx, job).await?;
    let mut so_far = SoFar::default();
    if let Some(rules) = work.run.prove.filter(|_| work.plan().is_some()) {
        let most = rules.max_lines.min(ctx.settings().apply.prove_max_lines);
        let (text, trouble) = match work.test_question(ctx, most) {
            Err(why) => (String::new(), why),
            Ok(question) => match Box::pin(model::ask(ctx, &info, question)).await? {
                Said::Later(effects) => return Ok(effects),
                Said::PassOver(why) | Said::LeftOut(why) => (String::new(), why),
                Said::Tried(tried) => {
                    let judged = tried.judge(|answer| judge_test(answer, most));
                    so_far.count(&judged);
                    match work.usable(judged) {
                        Ok(text) => (text, String::new()),
                        Err(why) => (String::new(), why),
                    }
                }
            },
        };
        tracing::info!(file = %work.path, model = %work.run.model.name(), lines = text.lines().count(), trouble, "test");
        let none = text.is_empty();
        so_far.test = Some(ProposedTest { text, trouble });
        if none {
            return work
                .nothing(so_far, "no patch was asked for, because there is no test".to_owned());
        }
    }
    let question = match work.question(ctx) {
        Ok(question) => question,
        Err(why) => return work.nothing(so_far, why),
    };
    let tried = match Box::pin(model::ask(ctx, &info, question)).await? {
        Said::Tried(tried) => tried,
        Said::Later(effects) => return Ok(effects),
        Said::PassOver(why) | Said::LeftOut(why) => return work.nothing(so_far, why),
    };
    work.settle(so_far, tried.judge(judge))
}

/// What the calls of a job came to.
#[derive(Default)]
struct SoFar {
    test: Option<ProposedTest>,
    took: Spent,
    masked: u32,
    effects: Vec<Effect>,
}

impl SoFar {
    fn count<T>(&mut self, judged: &Judged<T>) {
        if let Some(answer) = &judged.answer {
            self.took = self.took.plus(&answer.took());
            self.masked = self.masked.saturating_add(answer.masked);
        }
        self.effects.extend(judged.effects.iter().cloned());
    }
}

async fn load(ctx: &Context, job: Patch) -> Result<Work, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let run = ctx.apply_run(&job.sweep, &job.run).await?.spec;
    let file = run.files.get(job.member as usize).cloned().ok_or_else(|| {
        HandlerError::Fatal(format!("run {} has no file {}", job.run, job.member))
    })?;
    let row = ctx.review_row(&job.sweep, &ReviewId::new(&job.sweep, file.target)).await?;
    let (source, encoding) = ctx.decoded(&spec, &file.blob).await?;
    // It is masked while it is whole: what a secret is known by may lie outside of the regions that are shown.
    let safe = model::leaves(ctx, run.local, &run.model).then(|| redact::mask(&source));
    let fence = model::fence(&job.sweep, &spec);
    Ok(Work { job, spec, run, path: file.path, row, source, safe, encoding, fence })
}

impl Work {
    /// What is to be proven of the file.
    fn plan(&self) -> Option<&TestPlan> {
        self.run.files.get(self.job.member as usize)?.prove.as_ref()
    }

    /// The finding that is to be proven, and how.
    fn claim(&self) -> Option<(&Finding, &TestPlan)> {
        let plan = self.plan().filter(|_| self.run.prove.is_some())?;
        let finding = self.row.findings.get(plan.finding as usize);
        finding.filter(|f| select::is_patched(f, true)).map(|finding| (finding, plan))
    }

    /// What is shown of the file, or why nobody is asked.
    fn shown(&self, ctx: &Context) -> Result<prompt::Shown, String> {
        let most = ctx.settings().apply.max_files as usize;
        if self.job.member as usize >= most {
            // The apply job would leave it alone: no call is spent on it.
            return Err(crate::applier::too_many(most));
        }
        gates::encoding(self.encoding).map_err(|failed| failed.reason)?;
        let rules = &self.run.rules;
        let (source, findings) = (&self.source, &self.row.findings);
        let shown = prompt::shown(source, findings, rules.whole_chars, rules.around_lines);
        Ok(shown
            .ok_or("the file is too large to be shown whole, and no finding has a place in it")?)
    }

    fn input<'a>(&'a self, ctx: &Context, shown: &'a prompt::Shown) -> prompt::PatchInput<'a> {
        let rules = &self.run.rules;
        prompt::PatchInput {
            path: &self.path,
            language: target::language(&self.path),
            source: self.safe.as_ref().map_or(self.source.as_str(), |safe| &safe.text),
            shown,
            findings: &self.row.findings,
            unconfirmed: rules.unconfirmed && ctx.settings().apply.unconfirmed,
            most: rules.max_patches,
            lines: rules.max_lines,
            fence: &self.fence,
        }
    }

    /// What the model is asked for a test, or why it is not.
    fn test_question(&self, ctx: &Context, lines: u32) -> Result<Question<'_>, String> {
        let shown = self.shown(ctx)?;
        let (finding, plan) = self.claim().ok_or("the review has no such finding any more")?;
        let input = prompt::PatchInput { lines, ..self.input(ctx, &shown) };
        Ok(self.asking(prove::ask::test_prompt(&input, finding, plan)))
    }

    /// What the model is asked for patches, or why it is not.
    fn question(&self, ctx: &Context) -> Result<Question<'_>, String> {
        let shown = self.shown(ctx)?;
        let input = self.input(ctx, &shown);
        Ok(self.asking(match self.claim() {
            Some((finding, _)) => prove::ask::proven_prompt(&input, finding),
            None => prompt::patch_prompt(&input),
        }))
    }

    fn asking(&self, prompt: Prompt) -> Question<'_> {
        Question {
            spec: &self.spec,
            sweep: &self.job.sweep,
            review: None,
            task: TaskClass::Patch,
            path: &self.path,
            rung: &self.run.model,
            local: self.run.local,
            ladder: &self.spec.ladder,
            further: false,
            optional: false,
            prompt,
            apart: "",
            fence: &self.fence,
            unmasked: self.source.as_str().into(),
            builtin: None,
            max_tokens: self.run.model.max_tokens.unwrap_or(self.spec.limits.max_tokens),
            masked: self.safe.as_ref().map_or(0, redact::Masked::count),
        }
    }

    /// What a call gave, or why it is of no use.
    fn usable<T>(&self, judged: Judged<T>) -> Result<T, String> {
        let answered = judged.answer.is_some();
        judged.verdict.map_err(|(outcome, why)| {
            if answered {
                format!("{outcome}: {why}")
            } else {
                format!("{}: {outcome}: {why}", self.run.model.name())
            }
        })
    }

    fn settle(
        &self,
        mut so_far: SoFar,
        judged: Judged<Vec<ProposedPatch>>,
    ) -> Result<Effects, HandlerError> {
        so_far.count(&judged);
        let (patches, trouble) = match self.usable(judged) {
            Ok(patches) => (patches, String::new()),
            Err(trouble) => (Vec::new(), trouble),
        };
        tracing::info!(file = %self.path, model = %self.run.model.name(), patches = patches.len(), trouble, "proposal");
        self.arrive(so_far, patches, trouble)
    }

    /// Nobody was asked for patches.
    fn nothing(&self, so_far: SoFar, trouble: String) -> Result<Effects, HandlerError> {
        self.arrive(so_far, Vec::new(), trouble)
    }

    fn arrive(
        &self,
        so_far: SoFar,
        patches: Vec<ProposedPatch>,
        trouble: String,
    ) -> Result<Effects, HandlerError> {
        let SoFar { test, took, masked, effects } = so_far;
        let proposal = Proposal {
            patches,
            trouble,
            tokens_in: took.tokens_in,
            tokens_out: took.tokens_out,
            cost_usd: took.cost_usd,
            masked,
            test,
        };
        let record = RunRecord::of(&self.job.sweep, &self.job.run);
        Ok(Effects::done()
            .with_all(effects)
            .with(record.proposal(self.job.member, &proposal)?)
            .with(record.proposed(self.job.member)))
    }
}

/// An answer that is whole, and that declines nothing.
fn whole(answer: &Answer) -> Result<(), Rejected> {
    if answer.truncated {
        return Err((Outcome::Truncated, "the answer was cut at the token limit".to_owned()));
    }
    match accept::refused(&answer.seen()) {
        Some(reason) => Err((Outcome::Refused, reason)),
        None => Ok(()),
    }
}

/// What the answer proposes, or why it is of no use.
fn judge(answer: &Answer) -> Result<Vec<ProposedPatch>, Rejected> {
    whole(answer)?;
    parse::patches(&answer.text).map_err(|e| (Outcome::Malformed, e))
}

/// The test in the answer, or why it is of no use.
fn judge_test(answer: &Answer, most_lines: u32) -> Result<String, Rejected> {
    whole(answer)?;
    prove::ask::test(&answer.text, most_lines).map_err(|e| (Outcome::Malformed, e))
}

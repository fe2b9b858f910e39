//! Patch: ask the patch model for patches to one file, and keep what it proposed for the apply job.

use crate::context::Context;
use crate::model::{self, Answer, Judged, Question, Rejected, Said};
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::apply::{ApplySpec, Proposal, ProposedPatch};
use queue_schema::effects::Effects;
use queue_schema::ids::ReviewId;
use queue_schema::jobs::Patch;
use queue_schema::ledger::TaskClass;
use queue_schema::records::RunRecord;
use queue_schema::rows::{Outcome, ReviewRow};
use queue_schema::sweep::SweepSpec;
use scrum_domain::apply::{gates, parse, prompt};
use scrum_domain::{accept, target};
use scrum_providers::{Subject, Task};
use std::sync::Arc;

/// A file of a run, with what was found in it.
struct Work {
    job: Patch,
    spec: Arc<SweepSpec>,
    run: ApplySpec,
    path: String,
    row: ReviewRow,
    source: String,
    encoding: &'static str,
    fence: String,
}

/// Asks once, and arrives whatever came of it: the run goes on with the files that have patches.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Patch) -> Result<Effects, HandlerError> {
    let work = load(ctx, job).await?;
    let question = match work.question(ctx) {
        Ok(question) => question,
        Err(why) => return work.nothing(why),
    };
    let tried = match model::ask(ctx, &info, question).await? {
        Said::Tried(tried) => tried,
        Said::Later(effects) => return Ok(effects),
        Said::PassOver(why) | Said::LeftOut(why) => return work.nothing(why),
    };
    work.settle(tried.judge(judge))
}

async fn load(ctx: &Context, job: Patch) -> Result<Work, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let run = ctx.apply_run(&job.sweep, &job.run).await?.spec;
    let file = run.files.get(job.member as usize).cloned().ok_or_else(|| {
        HandlerError::Fatal(format!("run {} has no file {}", job.run, job.member))
    })?;
    let row = ctx.review_row(&job.sweep, &ReviewId::new(&job.sweep, file.target)).await?;
    let (source, encoding) = ctx.decoded(&spec, &file.blob).await?;
    let fence = model::fence(&job.sweep, &spec);
    Ok(Work { job, spec, run, path: file.path, row, source, encoding, fence })
}

impl Work {
    /// What the model is asked, or why it is not.
    fn question(&self, ctx: &Context) -> Result<Question<'_>, String> {
        let most = ctx.settings().apply.max_files as usize;
        if self.job.member as usize >= most {
            // The apply job would leave it alone: no call is spent on it.
            return Err(crate::applier::too_many(most));
        }
        gates::encoding(self.encoding).map_err(|failed| failed.reason)?;
        let rules = &self.run.rules;
        let (source, findings) = (&self.source, &self.row.findings);
        let shown = prompt::shown(source, findings, rules.whole_chars, rules.around_lines);
        let shown = shown
            .ok_or("the file is too large to be shown whole, and no finding has a place in it")?;
        let prompt = prompt::patch_prompt(&prompt::PatchInput {
            path: &self.path,
            language: target::language(&self.path),
            source,
            shown: &shown,
            findings,
            unconfirmed: rules.unconfirmed && ctx.settings().apply.unconfirmed,
            most: rules.max_patches,
            lines: rules.max_lines,
            fence: &self.fence,
        });
        Ok(Question {
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
            subject: Subject {
                task: Task::Review { forensic: false },
                path: self.path.clone(),
                source: source.clone(),
                prd_terms: Vec::new(),
            },
            max_tokens: self.run.model.max_tokens.unwrap_or(self.spec.limits.max_tokens),
            masked: 0,
        })
    }

    fn settle(&self, judged: Judged<Vec<ProposedPatch>>) -> Result<Effects, HandlerError> {
        let took = judged.answer.as_ref().map(Answer::took).unwrap_or_default();
        let masked = judged.answer.as_ref().map_or(0, |a| a.masked);
        let (patches, trouble) = match judged.verdict {
            Ok(patches) => (patches, String::new()),
            Err((outcome, why)) if judged.answer.is_some() => {
                (Vec::new(), format!("{outcome}: {why}"))
            }
            Err((outcome, why)) => {
                (Vec::new(), format!("{}: {outcome}: {why}", self.run.model.name()))
            }
        };
        tracing::info!(file = %self.path, model = %self.run.model.name(), patches = patches.len(), trouble, "proposal");
        let proposal = Proposal {
            patches,
            trouble,
            tokens_in: took.tokens_in,
            tokens_out: took.tokens_out,
            cost_usd: took.cost_usd,
            masked,
        };
        self.arrive(Effects::done().with_all(judged.effects), &proposal)
    }

    /// Nobody was asked.
    fn nothing(&self, trouble: String) -> Result<Effects, HandlerError> {
        self.arrive(Effects::done(), &Proposal { trouble, ..Proposal::default() })
    }

    fn arrive(&self, effects: Effects, proposal: &Proposal) -> Result<Effects, HandlerError> {
        let record = RunRecord::of(&self.job.sweep, &self.job.run);
        Ok(effects
            .with(record.proposal(self.job.member, proposal)?)
            .with(record.proposed(self.job.member)))
    }
}

/// What the answer proposes, or why it is of no use.
fn judge(answer: &Answer) -> Result<Vec<ProposedPatch>, Rejected> {
    if answer.truncated {
        return Err((Outcome::Truncated, "the answer was cut at the token limit".to_owned()));
    }
    if let Some(reason) = accept::refused(&answer.seen()) {
        return Err((Outcome::Refused, reason));
    }
    parse::patches(&answer.text).map_err(|e| (Outcome::Malformed, e))
}

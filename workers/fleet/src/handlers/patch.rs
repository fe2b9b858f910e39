//! Patch: ask the patch model for patches to one file, and keep what it proposed for the apply job.

use super::ask::{self, Asked, Question};
use super::ledger;
use crate::context::Context;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::apply::Proposal;
use queue_schema::effects::{Effect, Effects};
use queue_schema::ids::review_id;
use queue_schema::jobs::Patch;
use queue_schema::keys;
use queue_schema::ledger::TaskClass;
use queue_schema::rows::{Outcome, ReviewRow};
use scrum_domain::apply::{parse, prompt};
use scrum_domain::{accept, target};
use scrum_providers::{Subject, Task};

/// Asks once, and arrives whatever came of it: the run goes on with the files that have patches.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Patch) -> Result<Effects, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let run = ctx.apply_run(&job.sweep, &job.run).await?.spec;
    let file = run.files.get(job.member as usize).ok_or_else(|| {
        HandlerError::Fatal(format!("run {} has no file {}", job.run, job.member))
    })?;
    let id = review_id(&job.sweep, file.target);
    let row: ReviewRow = ctx
        .read("the review's row", |q| {
            let (sweep, id) = (job.sweep.clone(), id.clone());
            async move { q.row(&sweep, &id).await }
        })
        .await?
        .ok_or_else(|| HandlerError::Fatal(format!("review {id} has no row")))?;
    let bytes = ctx.blob(&spec, &file.blob).await?;
    let source = target::inspect(&bytes).map_err(|e| HandlerError::Fatal(e.to_string()))?;

    let most = ctx.settings().apply.max_files as usize;
    if job.member as usize >= most {
        // The apply job would leave it alone: no call is spent on it.
        let trouble = crate::applier::too_many(most);
        return arrive(Effects::done(), &job, &Proposal { trouble, ..Proposal::default() });
    }
    let rules = &run.rules;
    let shown = prompt::shown(source, &row.findings, rules.whole_chars, rules.around_lines);
    let Some(shown) = shown else {
        let trouble = "the file is too large to be shown whole, and no finding has a place in it";
        return arrive(
            Effects::done(),
            &job,
            &Proposal { trouble: trouble.into(), ..Proposal::default() },
        );
    };
    let fence = ask::fence(&job.sweep, &spec);
    let prompt = prompt::patch_prompt(&prompt::PatchInput {
        path: &file.path,
        language: target::language(&file.path),
        source,
        shown: &shown,
        findings: &row.findings,
        most: rules.max_patches,
        lines: rules.max_lines,
        fence: &fence,
    });
    let question = Question {
        spec: &spec,
        sweep: &job.sweep,
        review: None,
        rung: &run.model,
        local: run.local,
        ladder: &spec.ladder,
        further: false,
        prompt,
        fence: &fence,
        subject: Subject {
            task: Task::Review { forensic: false },
            path: file.path.clone(),
            source: source.to_owned(),
            prd_terms: Vec::new(),
        },
        max_tokens: run.model.max_tokens.unwrap_or(spec.limits.max_tokens),
        masked: 0,
    };
    let (proposal, answer, called) = match ask::ask(ctx, &info, question).await? {
        Asked::Later(effects) => {
            return Ok(ledger::later(effects, &job.sweep, &run.model, TaskClass::Patch));
        }
        Asked::PassOver(why) | Asked::LeftOut(why) => {
            let proposal = Proposal { trouble: why, ..Proposal::default() };
            return arrive(Effects::done(), &job, &proposal);
        }
        Asked::Failed { outcome, reason, effects } => {
            let trouble = format!("{}: {outcome}: {reason}", run.model.name());
            ((Proposal { trouble, ..Proposal::default() }, outcome), None, effects)
        }
        Asked::Answered(answer) => (proposal(&answer), Some(answer), Vec::new()),
    };
    let (proposal, outcome) = proposal;
    tracing::info!(file = %file.path, model = %run.model.name(), patches = proposal.patches.len(), trouble = proposal.trouble, "proposal");
    let mut effects = Effects::done();
    effects.list.extend(called);
    // Paid for by the sweep, and no attempt at any of its reviews.
    effects.list.extend(ask::spent(&job.sweep, answer.as_ref()));
    let ended = ledger::ended(&job.sweep, &run.model, TaskClass::Patch, outcome, answer.as_ref());
    effects.list.extend(ended);
    arrive(effects, &job, &proposal)
}

/// What the answer proposes, or why it is of no use; and how that counts.
fn proposal(answer: &ask::Answer) -> (Proposal, Outcome) {
    let read = if answer.truncated {
        Err((Outcome::Truncated, "the answer was cut at the token limit".to_owned()))
    } else {
        let given =
            accept::Answer { text: &answer.text, truncated: false, refused: answer.refused };
        match accept::refused(&given) {
            Some(reason) => Err((Outcome::Refused, reason)),
            None => parse::patches(&answer.text).map_err(|e| (Outcome::Malformed, e)),
        }
    };
    let (patches, trouble, outcome) = match read {
        Ok(patches) => (patches, String::new(), Outcome::Accepted),
        Err((outcome, why)) => (Vec::new(), format!("{outcome}: {why}"), outcome),
    };
    let took = answer.took();
    let proposal = Proposal {
        patches,
        trouble,
        tokens_in: took.tokens_in,
        tokens_out: took.tokens_out,
        cost_usd: took.cost_usd,
        masked: answer.masked,
    };
    (proposal, outcome)
}

fn arrive(effects: Effects, job: &Patch, proposal: &Proposal) -> Result<Effects, HandlerError> {
    Ok(effects
        .with(Effect::Put {
            key: keys::apply_run(&job.sweep, &job.run),
            field: keys::proposal(job.member),
            value: serde_json::to_string(proposal)?,
        })
        .with(Effect::Arrive {
            name: keys::apply_barrier(&job.sweep, &job.run),
            member: job.member,
        }))
}

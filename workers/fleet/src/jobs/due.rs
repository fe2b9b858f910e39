//! Due: a schedule has come due. The commit of the day is looked up, and its sweep is begun.
//!
//! Which sweep a due time gets is written down before the sweep is: whoever takes over after a death begins the same one,
//! whatever was pushed meanwhile.

use crate::context::Context;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::budget::BudgetRequest;
use queue_schema::client::Queue;
use queue_schema::effects::{Effects, Priority};
use queue_schema::jobs::Due;
use queue_schema::schedule::{Occasion, Schedule, ScheduledSweep};
use queue_schema::sweep::SweepSpec;

/// Begins the sweep of a due time, or finds it there.
///
/// # Errors
/// When the repository can't be read from here, or has no such revision any more.
pub async fn run(ctx: &Context, _: JobInfo, job: Due) -> Result<Effects, HandlerError> {
    let (name, due_ms) = (&job.schedule, job.due_ms);
    let look = |queue: Queue| async move { queue.schedule(name).await };
    let schedule = ctx.read("the schedule", look).await?;
    let Some(schedule) = schedule.filter(|schedule| schedule.added_ms == job.added_ms) else {
        tracing::info!(schedule = %name, due_ms, "the schedule was removed or replaced: no sweep is begun");
        return Ok(Effects::done());
    };
    let look = |queue: Queue| async move { queue.schedule_runs(name).await };
    let runs = ctx.read("the runs of the schedule", look).await?;
    let pinned = runs.into_iter().find(|run| run.due_ms == due_ms).and_then(|run| run.sweep);
    let commit = match pinned {
        Some(sweep) => sweep.commit,
        None => now(ctx, &schedule.spec).await?,
    };
    let wanted = ScheduledSweep { id: of(&schedule, due_ms, &commit).id(), commit };
    let pin = &wanted;
    let pin = |queue: Queue| async move { queue.pin_run(name, due_ms, pin).await };
    let Some(kept) = ctx.read("the sweep of the due time", pin).await? else {
        tracing::warn!(schedule = %name, due_ms, "so many due times came after this one that it is not kept (schedules.keep_runs): no sweep is begun");
        return Ok(Effects::done());
    };
    let spec = of(&schedule, due_ms, &kept.commit);
    begin(ctx, &schedule, &spec).await?;
    Ok(Effects::done())
}

/// The commit that the schedule's revision means now.
async fn now(ctx: &Context, spec: &SweepSpec) -> Result<String, HandlerError> {
    let rev = spec.rev.clone();
    ctx.with_fresh_repo(&spec.repo, move |repo| repo.resolve(&rev)).await
}

/// The request of a due time.
fn of(schedule: &Schedule, due_ms: u64, commit: &str) -> SweepSpec {
    let name = schedule.name.clone();
    SweepSpec {
        commit: commit.to_owned(),
        schedule: Some(Occasion { name, due_ms }),
        ..schedule.spec.clone()
    }
}

async fn begin(ctx: &Context, schedule: &Schedule, spec: &SweepSpec) -> Result<(), HandlerError> {
    let mut documents = Vec::new();
    for doc in [&spec.prd, &spec.proposal, &spec.forensic, &spec.hints].into_iter().flatten() {
        let (name, sha) = (&schedule.name, &doc.sha256);
        let look = |queue: Queue| async move { queue.schedule_document(name, sha).await };
        let text = ctx.read("a document of the schedule", look).await?.ok_or_else(|| {
            HandlerError::Fatal(format!(
                "the document {} of the schedule {name} is gone; add the schedule again with --replace",
                doc.name
            ))
        })?;
        documents.push((sha.clone(), text));
    }
    let budget = &BudgetRequest {
        calls: schedule.budget_calls,
        tokens: schedule.budget_tokens,
        micro_usd: schedule.budget_micro_usd,
        defaults: ctx.settings().budget.caps(),
    };
    let (documents, rank) = (&documents, Priority::from_number(schedule.priority));
    let create = |queue: Queue| async move {
        queue.create_sweep_within(spec, documents, rank, budget).await
    };
    let span = scrum_traces::sweep(&spec.id());
    let created = ctx.read("the record of the sweep", create).await;
    if !created.as_ref().is_ok_and(|created| created.new) {
        span.discard();
    }
    let created = created?;
    tracing::info!(sweep = %created.id, schedule = %schedule.name, commit = %spec.commit, new = created.new, "the sweep of a schedule");
    Ok(())
}

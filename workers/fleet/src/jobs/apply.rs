//! Apply: the patches of a run go through the gates; those that pass become commits.

use crate::applier::{self, ApplyError, Cancel, Decided, Place, Work};
use crate::context::Context;
use crate::proved;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use crate::runtime::places::{self, Patience};
use queue_schema::effects::{Effects, Ending};
use queue_schema::ids::{ReviewId, RunId};
use queue_schema::jobs::Apply;
use queue_schema::records::RunRecord;
use scrum_domain::apply::policy::Vouched;
use scrum_repo::RepoError;
use std::sync::atomic::{AtomicU64, Ordering};

/// Earlier runs of a sweep whose journals are looked for.
const LOOKED_BACK: usize = 32;

/// Decides about every file of the run, one row each.
///
/// # Errors
/// When the repository or Redis can't be read, or somebody else wrote the branch meanwhile.
pub async fn run(ctx: &Context, _: JobInfo, job: Apply) -> Result<Effects, HandlerError> {
    // One run at a time for a branch.
    let Ok(_turn) = places::take(&job.pool, Patience::ENDLESS).await else {
        return Ok(Effects::done().ending(Ending::HandBack));
    };
    let run = ctx.apply_run(&job.sweep, &job.run).await?;
    let mut reviews = Vec::with_capacity(run.spec.files.len());
    for file in &run.spec.files {
        reviews.push(ctx.review_row(&job.sweep, &ReviewId::new(&job.sweep, file.target)).await?);
    }
    let over = over(ctx, &job).await?;
    let now = jiff::Timestamp::now();
    let spec = ctx.spec(&job.sweep).await?;
    let of_run = reviews.clone();
    let work = Work {
        run: job.run.clone(),
        vouched: vouched(ctx),
        spec: run.spec,
        reviews,
        proposals: run.proposals.into_iter().map(Option::unwrap_or_default).collect(),
        over,
        now: (now.as_second(), super::timestamp(now)),
    };
    let place = Place { dir: ctx.apply_dir(), token: token() };
    let settings = ctx.settings().apply.clone();
    let cancel = Cancel::default();
    let flag = cancel.flag();
    let done = tokio::task::spawn_blocking(move || applier::run(&work, &settings, &place, &flag));
    let decided = done.await.map_err(|e| HandlerError::retry("the applier", e))?;
    let decided = decided.map_err(|e| trouble(&e))?;
    let proven = Box::pin(proved::effects(ctx, &spec, &decided.rows, &of_run)).await?;
    Ok(effects(&job, &decided)?.with_all(proven))
}

/// Who answers for a run's commands. With a key, a record whose signature does not hold was refused when it
/// was read.
fn vouched(ctx: &Context) -> Vouched {
    if ctx.queue().options().signer.is_on() { Vouched::Key } else { Vouched::Nobody }
}

/// Other runs over the sweep that have ended, the latest of them.
async fn over(ctx: &Context, job: &Apply) -> Result<Vec<RunId>, HandlerError> {
    let sweep = &job.sweep;
    let runs = ctx.read("the runs of the applier", |q| async move { q.apply_runs(sweep).await });
    let mut over = Vec::new();
    for run in runs.await?.into_iter().rev().filter(|r| *r != job.run).take(LOOKED_BACK) {
        match ctx.apply_run(sweep, &run).await {
            Ok(state) if state.ended.is_some() => over.push(run),
            // One of before there was a key, or a stranger's: nothing of it is taken up.
            Ok(_) | Err(HandlerError::Unsigned(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(over)
}

/// A branch that somebody else wrote is read anew; what this worker refuses, it refuses the next time
/// too.
fn trouble(error: &ApplyError) -> HandlerError {
    match error {
        ApplyError::Refused(_)
        | ApplyError::Repo(
            RepoError::Branch { .. } | RepoError::Sandbox(_) | RepoError::NoSandbox(_),
        ) => HandlerError::Fatal(error.to_string()),
        ApplyError::Repo(e) if e.is_permanent() => HandlerError::Fatal(error.to_string()),
        ApplyError::Repo(_) => HandlerError::retry("the applier", error),
    }
}

fn effects(job: &Apply, decided: &Decided) -> Result<Effects, HandlerError> {
    let mut effects = Effects::done();
    for row in &decided.rows {
        tracing::info!(file = %row.file, action = row.action.as_str(), reason = row.reason, "decision");
        effects = effects.append_row(&job.sweep, row)?;
    }
    let ended = serde_json::json!({ "checks": decided.checks }).to_string();
    Ok(effects.with(RunRecord::of(&job.sweep, &job.run).ended(ended)))
}

/// Unique to this execution, so that a later one can tell itself from this.
fn token() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{}-{n}", jiff::Timestamp::now().as_nanosecond(), std::process::id())
}

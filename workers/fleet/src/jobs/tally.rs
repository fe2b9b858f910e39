//! Tally: what the reviewers of a change say together, as rows of the knowledge base. Whoever shows a change makes its
//! tally of the reviews themselves; these rows are for those who look at findings over many changes.

use crate::change;
use crate::context::Context;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::client::{Queue, SweepState, SweepStatus};
use queue_schema::effects::{Effect, Effects, NewJob, Priority};
use queue_schema::ids::SweepId;
use queue_schema::jobs::{Post, Tally};

/// Writes the findings of a change whose reviews have ended, and has them published where its record says so. A finding
/// that was written before stays as it is.
///
/// # Errors
/// When Redis can't be read.
pub async fn run(ctx: &Context, _: JobInfo, job: Tally) -> Result<Effects, HandlerError> {
    let sweep = &job.sweep;
    let tallied = change::tallied(ctx, sweep).await?;
    let rows = tallied.map(|(change, tally)| change.rows(&tally)).unwrap_or_default();
    tracing::info!(%sweep, findings = rows.len(), "tally");
    let mut effects = Effects::done();
    for row in &rows {
        effects = effects.append_row(sweep, row)?;
    }
    let posts = post(ctx, sweep).await?;
    Ok(effects.with_all(posts.map(Effect::Enqueue)))
}

/// The job that publishes the review, if somebody has asked for that. A sweep that runs again is published at its next
/// end.
async fn post(ctx: &Context, sweep: &SweepId) -> Result<Option<NewJob>, HandlerError> {
    let spec = ctx.spec(sweep).await?;
    let Some(what) = spec.diff.as_ref().and_then(|change| change.post.clone()) else {
        return Ok(None);
    };
    let look = |queue: Queue| async move { queue.sweep_status(sweep).await };
    let status = ctx.read("how far the sweep is", look).await?;
    let done = |status: &SweepStatus| status.state == SweepState::Done;
    let ended = status.filter(done).and_then(|status| status.ended_ms);
    let post = ended.map(|asked_ms| Post { sweep: sweep.clone(), what, asked_ms });
    let job = post.map(|post| NewJob::of(&post)).transpose();
    let job = job.map_err(|e| HandlerError::Fatal(e.to_string()))?;
    Ok(job.map(|job| job.priority(Priority::High)))
}

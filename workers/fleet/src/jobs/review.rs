//! Review: look at one target and send it on its way: skipped, or to the first rung.

use crate::context::Context;
use crate::pipeline;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::effects::Effects;
use queue_schema::jobs::Review;
use queue_schema::records::SweepRecord;
use scrum_domain::target;

/// Starts the work on one target.
///
/// # Errors
/// When the repository can't be read from here.
pub async fn run(ctx: &Context, _: JobInfo, job: Review) -> Result<Effects, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let mut record = ctx.target(&job.sweep, job.target).await?;
    let bytes = ctx.blob(&spec, &record.blob).await?;
    if let Err(reason) = target::inspect(&bytes) {
        record.skip = Some(reason.to_string());
        let why = SweepRecord::of(&job.sweep).target(job.target, &record)?;
        return Ok(pipeline::skipped(Effects::done().with(why), &job.sweep, job.target));
    }
    pipeline::begin(&spec, &job)
}

//! Review: look at one target and send it on its way: skipped, whole, or by shards.

use crate::context::Context;
use crate::pieces::pieces;
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
    let text = match target::inspect(&bytes) {
        Ok(text) => text,
        Err(reason) => {
            record.skip = Some(reason.to_string());
            let why = SweepRecord::of(&job.sweep).target(job.target, &record)?;
            return Ok(pipeline::skipped(Effects::done().with(why), &job.sweep, job.target));
        }
    };
    let pieces = if text.len() as u64 > spec.limits.split_over_bytes {
        Some(pieces(&spec, &record.path, text).await?)
    } else {
        None
    };
    pipeline::begin(&spec, &job, pieces.as_deref())
}

//! Review: look at one target and send it on its way: skipped, or to the first rung.

use crate::context::Context;
use crate::memory;
use crate::pipeline;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::effects::Effects;
use queue_schema::ids::ReviewId;
use queue_schema::jobs::{Audit, Review, Vote};
use queue_schema::records::SweepRecord;
use scrum_domain::target;

/// Starts the work on one target.
///
/// # Errors
/// When the repository can't be read from here.
pub async fn run(ctx: &Context, _: JobInfo, job: Review) -> Result<Effects, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    if let Some(change) = spec.diff.as_ref().filter(|change| change.claims.is_some()) {
        let claims = change.claims.as_ref();
        let tie_breaker = claims.and_then(|claims| claims.tie_breaker.as_ref());
        let of = (&job.sweep, job.target);
        return pipeline::begin_votes::<Vote>(Effects::done(), of, &change.reviewers, tie_breaker);
    }
    if let Some(change) = &spec.diff {
        let found = change.place(job.target);
        let (_, reviewer) = found.ok_or_else(|| HandlerError::Fatal("no such part".to_owned()))?;
        return pipeline::begin_diff(&reviewer.ladder, &job);
    }
    if let Some(audit) = spec.audit.as_ref().filter(|audit| audit.of.is_some()) {
        let (of, tie_breaker) = ((&job.sweep, job.target), audit.tie_breaker.as_ref());
        return pipeline::begin_votes::<Audit>(Effects::done(), of, &audit.voters, tie_breaker);
    }
    let mut record = ctx.target(&job.sweep, job.target).await?;
    let bytes = ctx.blob(&spec, &record.blob).await?;
    let source = match target::inspect(&bytes) {
        Ok(read) => read.text,
        Err(reason) => {
            record.skip = Some(reason.to_string());
            let why = SweepRecord::of(&job.sweep).target(job.target, &record)?;
            return Ok(pipeline::skipped(Effects::done().with(why), &job.sweep, job.target));
        }
    };
    let review = ReviewId::new(&job.sweep, job.target);
    let (recalled, swapped) =
        memory::recall(ctx, &spec, (&job.sweep, &review), &record, &source).await?;
    let ladder = swapped.as_ref().unwrap_or(&spec.ladder);
    Ok(pipeline::begin(ladder, &job)?.with_all(recalled))
}

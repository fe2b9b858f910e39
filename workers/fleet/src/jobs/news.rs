//! News: the sweep of a schedule has ended, and what it has found that the one before had not is counted and told.

use crate::context::Context;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::client::Queue;
use queue_schema::effects::Effects;
use queue_schema::events;
use queue_schema::jobs::News;
use queue_schema::records::SweepRecord;
use scrum_domain::observe::{Event, clipped};
use scrum_knowledge::{Error, schedules};

/// Counts and tells. A sweep that ends again, after a retry say, is told again when its number has changed.
///
/// # Errors
/// When Redis can't be read.
pub async fn run(ctx: &Context, _: JobInfo, job: News) -> Result<Effects, HandlerError> {
    let sweep = &job.sweep;
    let spec = ctx.spec(sweep).await?;
    let Some(of) = spec.schedule.as_ref() else { return Ok(Effects::done()) };
    let look = |queue: Queue| async move {
        match schedules::news(&queue, sweep, of).await {
            Err(Error::Queue(error)) => Err(error),
            other => Ok(other.map_err(|error| error.to_string())),
        }
    };
    let found = ctx.read("what the sweep has found", look).await?.map_err(HandlerError::Fatal)?;
    let look = |queue: Queue| async move { queue.sweep_news(sweep).await };
    if ctx.read("what was told of the sweep", look).await? == Some(found.count) {
        return Ok(Effects::done());
    }
    let told = found.told();
    tracing::info!(%sweep, schedule = %of.name, news = found.count, "the sweep of a schedule has ended: {told}");
    let event = Event {
        source: events::SCHEDULES.to_owned(),
        endpoint: of.name.to_string(),
        success: true,
        sweep: sweep.clone(),
        news: Some(found.count),
        reason: clipped(&told),
        ..Event::default()
    };
    let told = event.effect(events::SCHEDULES);
    Ok(Effects::done().with(SweepRecord::of(sweep).news(found.count)).with_all(told))
}

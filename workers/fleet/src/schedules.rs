//! Looks for schedules that have come due, and has the sweep of each due time begun. Every worker looks. What is due is
//! moved on and its job enqueued in one step, which one of them wins; whoever dies before it leaves it to the others, and
//! whoever dies after it leaves the job.

use queue_schema::client::{Queue, QueueError};
use queue_schema::ids::ScheduleName;
use scrum_config::{ScheduleSettings, Settings};
use scrum_domain::schedule::moved;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// Schedules that one look begins at most; the others wait for the next one.
const AT_ONCE: usize = 100;

/// Starts the looks; they end when the handle is dropped.
pub fn start(queue: Queue, settings: &Settings) -> AbortOnDropHandle<()> {
    let schedules = settings.schedules.clone();
    let every = Duration::from_secs(schedules.interval_s);
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            // An outage is told by those whose work it stops.
            if let Err(error) = look(&queue, &schedules).await {
                tracing::debug!(%error, "looking for schedules that are due failed");
            }
            tokio::time::sleep(every).await;
        }
    }))
}

async fn look(queue: &Queue, settings: &ScheduleSettings) -> Result<(), QueueError> {
    let now_ms = settings.now_ms(queue.now_ms().await?);
    for (name, due_ms) in queue.due_schedules(now_ms, AT_ONCE).await? {
        // One that can't be read must not hold up the others.
        match begin(queue, settings, &name, due_ms, now_ms).await {
            Err(error) if !error.is_outage() => {
                tracing::error!(schedule = %name, %error, "the schedule is due and can't be used: `scrum schedule remove` it, or add it again with --replace");
            }
            done => done?,
        }
    }
    Ok(())
}

async fn begin(
    queue: &Queue,
    settings: &ScheduleSettings,
    name: &ScheduleName,
    due_ms: u64,
    now_ms: u64,
) -> Result<(), QueueError> {
    // One that is gone is taken off the list by whoever asks for it next: the script looks for it too.
    let Some(schedule) = queue.schedule(name).await? else { return Ok(()) };
    let moved = moved(&schedule.when, schedule.added_ms, due_ms, now_ms).map_err(|error| {
        QueueError::Record { what: format!("schedule {name}"), message: error.to_string() }
    })?;
    if queue.begin_due(&schedule, moved, settings.keep_runs).await? {
        tracing::info!(schedule = %name, due_ms, missed = moved.missed, "a schedule is due");
    }
    Ok(())
}

//! Upkeep: what is past its retention goes, and counters are held against what they count. Every
//! worker asks for its turn; one in the fleet gets it.

use queue_schema::client::{Queue, QueueError, Retention};
use scrum_config::Settings;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// Starts the rounds; they end when the handle is dropped. A round that is cut short is taken up
/// again by whoever has the next one.
pub fn start(queue: Queue, settings: &Settings) -> AbortOnDropHandle<()> {
    let every = Duration::from_secs(settings.queue.upkeep_interval_s);
    let retention = settings.retention();
    let who = crate::runtime::worker_id();
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            for part in queue.each() {
                // An outage is told by those whose work it stops.
                if let Err(error) = round(&part, &retention, &who, every).await {
                    tracing::debug!(%error, partition = part.number(), "upkeep failed");
                }
            }
        }
    }))
}

async fn round(
    part: &Queue,
    retention: &Retention,
    who: &str,
    every: Duration,
) -> Result<(), QueueError> {
    // A little less than the interval, or the next round would find the last one's turn.
    if !part.take_upkeep(who, every.mul_f64(0.9)).await? {
        return Ok(());
    }
    let done = part.retain(retention).await?;
    if !done.sweeps.is_empty() || done.letters > 0 {
        tracing::info!(sweeps = ?done.sweeps, letters = done.letters, "past their retention: forgotten");
    }
    let found = part.check(false, true).await?;
    for fault in found.faults {
        tracing::warn!(
            partition = fault.partition,
            kind = fault.kind,
            what = fault.what,
            "the queue was mended: {}",
            fault.message
        );
    }
    Ok(())
}

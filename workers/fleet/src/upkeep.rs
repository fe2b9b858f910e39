//! Upkeep: what is past its retention goes, and counters are held against what they count. Every
//! worker asks for its turn; one in the fleet gets it.

use crate::runtime::alarm;
use queue_schema::client::{PoolLimits, Queue, QueueError, Retention};
use scrum_config::Settings;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// What this worker says of its providers.
pub type Limits = BTreeMap<String, PoolLimits>;

/// Starts the rounds; they end when the handle is dropped. A round that is cut short is taken up
/// again by whoever has the next one.
pub fn start(queue: Queue, settings: &Settings, limits: Limits) -> AbortOnDropHandle<()> {
    let every = Duration::from_secs(settings.queue.upkeep_interval_s);
    let retention = settings.retention();
    let who = crate::runtime::worker_id();
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            for part in queue.each() {
                // An outage is told by those whose work it stops.
                let done = async {
                    // A little less than the interval, or the next round would find the last one's turn.
                    if part.take_upkeep(&who, every.mul_f64(0.9)).await? {
                        round(&part, &retention, &limits).await?;
                    }
                    Ok(())
                };
                if let Err::<(), QueueError>(error) = done.await {
                    if error.is_damage() {
                        alarm::damaged("upkeep can't go on", &error);
                    }
                    tracing::debug!(%error, partition = part.number(), "upkeep failed");
                }
            }
        }
    }))
}

async fn round(part: &Queue, retention: &Retention, limits: &Limits) -> Result<(), QueueError> {
    let met = part.take_damage().await?;
    if let Some(what) = &met {
        tracing::error!(
            partition = part.number(),
            what,
            "a script met what it can't use: looking at everything"
        );
    }
    for fault in part.check(met.is_some(), true).await?.faults {
        let (partition, kind, what, message) =
            (fault.partition, fault.kind, fault.what, fault.message);
        if fault.mended {
            tracing::warn!(partition, kind, what, "the queue was mended: {message}");
        } else {
            tracing::error!(
                partition,
                kind,
                what,
                "a person must mend the queue, by `scrum doctor --queue --mend`: {message}"
            );
        }
    }
    for (pool, of_pool) in limits {
        if part.of_pool(pool).number() == part.number() {
            part.keep_limits(pool, *of_pool).await?;
        }
    }
    let done = part.retain(retention).await?;
    if !done.sweeps.is_empty() || done.letters > 0 {
        tracing::info!(sweeps = ?done.sweeps, letters = done.letters, "past their retention: forgotten");
    }
    Ok(())
}

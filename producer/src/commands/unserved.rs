//! Lanes whose jobs wait for a worker that there is not, and what to do about it.

use super::wait::jobs;
use queue_schema::client::{LaneStatus, Queue, QueueError, unserved};
use queue_schema::jobs::{Job, Pool};
use queue_schema::keys::pool_of;
use scrum_config::Settings;
use std::time::Duration;

/// A worker counts as long as its last sign of life is not older.
pub const WORKER_SEEN: Duration = Duration::from_secs(15);

/// One line for each lane that no live worker serves, though some live.
///
/// # Errors
/// A failure of Redis.
pub async fn look(queue: &Queue, settings: &Settings) -> Result<Vec<String>, QueueError> {
    let (lanes, workers) = (queue.lanes().await?, queue.workers(WORKER_SEEN).await?);
    Ok(unserved(&lanes, &workers).into_iter().map(|lane| told(lane, settings)).collect())
}

fn told(lane: &LaneStatus, settings: &Settings) -> String {
    let (name, pool) = (&lane.lane, pool_of(&lane.lane));
    let kind = lane.lane.split(':').next().unwrap_or_default();
    let of_provider = Job::POOLS.iter().any(|(k, pool)| *k == kind && *pool == Pool::Provider);
    let what = match settings.providers.get(pool) {
        _ if !of_provider => "start a worker without --lane".to_owned(),
        None => format!("add [providers.{pool}] to the settings of the workers"),
        Some(provider) => match &provider.api_key_env {
            Some(key) => format!("set {key} where workers run"),
            None => format!(
                "add [providers.{pool}] to the settings of the workers, or start one without --lane"
            ),
        },
    };
    format!("no worker serves {name} ({} wait): {what}", jobs(lane.ready))
}

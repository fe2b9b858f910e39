//! Lanes whose jobs wait for a worker that there is not, and what to do about it.

use super::wait::jobs;
use crate::session::Session;
use queue_schema::client::{LaneStatus, QueueError, unserved};
use queue_schema::jobs::{Job, Pool};
use queue_schema::keys::pool_of;
use scrum_config::Settings;
use std::time::Duration;

/// A worker counts as long as its last sign of life is not older.
pub const WORKER_SEEN: Duration = Duration::from_secs(15);

/// One line for each lane that no live worker serves, or one where jobs of a fleet wait and no worker lives.
///
/// # Errors
/// A failure of Redis.
pub async fn look(session: &Session) -> Result<Vec<String>, QueueError> {
    let queue = &session.queue;
    let (lanes, workers) = (queue.lanes().await?, queue.workers(WORKER_SEEN).await?);
    let ready = lanes.iter().map(|lane| lane.ready).sum();
    // The commands that use a private server start its workers.
    if workers.is_empty() && ready > 0 && session.private.is_none() {
        let wait = jobs(ready);
        return Ok(vec![format!(
            "no worker runs ({wait} wait): start scrum-worker with this Redis"
        )]);
    }
    Ok(unserved(&lanes, &workers).into_iter().map(|lane| told(lane, &session.settings)).collect())
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

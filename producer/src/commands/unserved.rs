//! Lanes with jobs that no live worker serves, and what to do about them.

use super::wait::jobs;
use crate::session::Session;
use queue_schema::client::{LaneStatus, QueueError, WorkerInfo, unserved};
use queue_schema::jobs::{Job, Pool};
use queue_schema::keys::pool_of;
use scrum_config::Settings;
use std::fmt;
use std::time::Duration;

/// A worker counts as long as its last sign of life is not older.
pub const WORKER_SEEN: Duration = Duration::from_secs(15);

/// Jobs that no worker takes.
pub struct Unserved {
    /// What is missing: the same however many jobs wait.
    pub what: String,
    /// Jobs that wait for it.
    ready: u64,
    /// What to do.
    todo: String,
}

impl fmt::Display for Unserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} wait): {}", self.what, jobs(self.ready), self.todo)
    }
}

/// The lanes that no live worker serves; where no worker of a fleet lives, one entry for all jobs.
///
/// # Errors
/// A failure of Redis.
pub async fn look(session: &Session) -> Result<Vec<Unserved>, QueueError> {
    let queue = &session.queue;
    Ok(among(session, &queue.lanes().await?, &queue.workers(WORKER_SEEN).await?))
}

/// As [`look`], for lanes and workers that were read before.
pub fn among(session: &Session, lanes: &[LaneStatus], workers: &[WorkerInfo]) -> Vec<Unserved> {
    let ready = lanes.iter().map(|lane| lane.ready).sum();
    // The commands that use a private server start its workers.
    if workers.is_empty() && ready > 0 && session.private.is_none() {
        let (what, todo) =
            ("no worker runs".to_owned(), "start scrum-worker with this Redis".into());
        return vec![Unserved { what, ready, todo }];
    }
    unserved(lanes, workers).into_iter().map(|lane| of(lane, &session.settings)).collect()
}

fn of(lane: &LaneStatus, settings: &Settings) -> Unserved {
    let (name, pool) = (&lane.lane, pool_of(&lane.lane));
    let kind = lane.lane.split(':').next().unwrap_or_default();
    let of_provider = Job::POOLS.iter().any(|(k, pool)| *k == kind && *pool == Pool::Provider);
    let todo = match settings.providers.get(pool) {
        _ if !of_provider => "start a worker without --lane".to_owned(),
        None => format!("add [providers.{pool}] to the settings of the workers"),
        Some(provider) => match &provider.api_key_env {
            Some(key) => format!("set {key} where workers run"),
            None => format!(
                "add [providers.{pool}] to the settings of the workers, or start one without --lane"
            ),
        },
    };
    Unserved { what: format!("no worker serves {name}"), ready: lane.ready, todo }
}

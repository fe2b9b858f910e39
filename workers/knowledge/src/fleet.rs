//! The fleet as it stands: what waits where, who works, and what nobody takes.

use crate::{Error, sweeps};
use queue_schema::client::{
    LaneStatus, PoolStatus, Queue, SweepMemory, SweepStatus, WorkerInfo, unserved,
};
use queue_schema::ids::SweepId;
use queue_schema::jobs::{Job, Pool};
use queue_schema::keys::pool_of;
use scrum_config::Settings;
use scrum_domain::text::counted;
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A worker counts as long as its last sign of life is not older.
pub(crate) const WORKER_SEEN: Duration = Duration::from_secs(15);

/// Jobs over all lanes that do not wait for a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Jobs {
    /// Workers have them.
    pub leased: u64,
    /// They wait for a time.
    pub delayed: u64,
    /// They are in the dead-letter queue.
    pub dead: u64,
}

/// Sweeps, and the fleet that works on them.
#[derive(Debug, Clone, Serialize)]
pub struct Overview {
    /// What the records of the sweep take, if there is only one.
    pub memory: Option<SweepMemory>,
    /// The sweeps, newest first.
    pub sweeps: Vec<SweepStatus>,
    /// Lanes with jobs that wait.
    pub lanes: Vec<LaneStatus>,
    /// Providers, and how many calls they get.
    pub pools: Vec<PoolStatus>,
    /// Workers that live.
    pub workers: Vec<WorkerInfo>,
    /// Lanes and sweeps that a person has paused.
    pub paused: Vec<String>,
    /// Lanes with jobs that no live worker serves.
    pub unserved: Vec<Unserved>,
    /// Jobs over all lanes.
    pub jobs: Jobs,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Its settings, by which it is said what to do about a lane that nobody serves.
    pub settings: &'a Settings,
    /// True with a private server: the commands that use it start its workers.
    pub is_private: bool,
}

/// The fleet and one sweep, or its newest `most` sweeps.
///
/// # Errors
/// A failure of Redis.
pub async fn overview(
    queue: &Queue,
    asker: Asker<'_>,
    sweep: Option<&SweepId>,
    most: usize,
) -> Result<Overview, Error> {
    let sweeps = match sweep {
        Some(id) => queue.sweep_status(id).await?.into_iter().collect(),
        None => sweeps::latest(queue, most).await?,
    };
    // Measured for one sweep only: it is asked of the server key by key.
    let memory = match (sweeps.as_slice(), sweep) {
        ([s], Some(_)) => Some(queue.sweep_memory(&s.id, s.settled()).await?),
        _ => None,
    };
    let (lanes, workers) = (queue.lanes().await?, queue.workers(WORKER_SEEN).await?);
    let (leased, delayed, dead) = queue.totals().await?;
    Ok(Overview {
        memory,
        sweeps,
        unserved: among(asker, &lanes, &workers),
        lanes,
        pools: queue.pools().await?,
        workers,
        paused: queue.paused().await?,
        jobs: Jobs { leased, delayed, dead },
    })
}

/// Jobs that no worker takes; written as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unserved {
    /// What is missing: the same however many jobs wait.
    pub what: String,
    /// Jobs that wait for it.
    pub ready: u64,
    /// What to do.
    pub todo: String,
}

impl fmt::Display for Unserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = usize::try_from(self.ready).unwrap_or(usize::MAX);
        write!(f, "{} ({} wait): {}", self.what, counted(ready, "job", "jobs"), self.todo)
    }
}

impl Serialize for Unserved {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The lanes that no live worker serves; where no worker of a fleet lives, one entry for all jobs.
///
/// # Errors
/// A failure of Redis.
pub async fn unserved_lanes(queue: &Queue, asker: Asker<'_>) -> Result<Vec<Unserved>, Error> {
    Ok(among(asker, &queue.lanes().await?, &queue.workers(WORKER_SEEN).await?))
}

fn among(asker: Asker<'_>, lanes: &[LaneStatus], workers: &[WorkerInfo]) -> Vec<Unserved> {
    let ready = lanes.iter().map(|lane| lane.ready).sum();
    if workers.is_empty() && ready > 0 && !asker.is_private {
        let what = "no worker runs".to_owned();
        return vec![Unserved { what, ready, todo: "start scrum-worker with this Redis".into() }];
    }
    unserved(lanes, workers).into_iter().map(|lane| of_lane(lane, asker.settings)).collect()
}

fn of_lane(lane: &LaneStatus, settings: &Settings) -> Unserved {
    let (name, pool) = (&lane.lane, pool_of(&lane.lane));
    let kind = lane.lane.split(':').next().unwrap_or_default();
    let of_provider = Job::POOLS.iter().any(|(k, pool)| *k == kind && *pool == Pool::Provider);
    let todo = match settings.providers.get(pool) {
        _ if !of_provider => "start a worker without --lane".to_owned(),
        None => format!("add [providers.{pool}] to the settings of the workers"),
        Some(provider) => match provider.key_named() {
            Some(key) => format!("set {key} where workers run"),
            None => format!(
                "add [providers.{pool}] to the settings of the workers, or start one without --lane"
            ),
        },
    };
    Unserved { what: format!("no worker serves {name}"), ready: lane.ready, todo }
}

/// What a finished review takes of Redis, in bytes, over the newest `most` sweeps, and how many finished
/// reviews that is over; `None` before there is one.
///
/// # Errors
/// A failure of Redis.
pub async fn bytes_per_review(queue: &Queue, most: usize) -> Result<Option<(u64, u64)>, Error> {
    let (mut bytes, mut settled) = (0, 0);
    for status in sweeps::latest(queue, most).await? {
        bytes += queue.sweep_memory(&status.id, status.settled()).await?.bytes;
        settled += status.settled();
    }
    Ok(bytes.checked_div(settled).map(|each| (each, settled)))
}

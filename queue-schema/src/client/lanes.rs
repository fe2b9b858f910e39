//! Lanes as a person sees them: what waits there, since when, and what holds it back.

use super::{Queue, QueueError, WorkerInfo};
use crate::keys;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// A lane as `scrum status` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LaneStatus {
    /// Name.
    pub lane: String,
    /// Jobs that wait for a worker.
    pub ready: u64,
    /// Calls of its pool under way.
    pub in_call: u64,
    /// Calls of its pool allowed at a time now; `None`: any number.
    pub limit: Option<u64>,
    /// Calls of its pool that may start in a minute; `None`: any number.
    pub rate_per_minute: Option<u64>,
    /// True when a person has paused it.
    pub paused: bool,
    /// Milliseconds since the job was enqueued that has waited longest.
    pub oldest_ms: Option<u64>,
}

/// Lanes with jobs that no live worker serves; empty if there is no worker at all.
pub fn unserved<'a>(lanes: &'a [LaneStatus], workers: &[WorkerInfo]) -> Vec<&'a LaneStatus> {
    let is =
        |lane: &&LaneStatus| !workers.is_empty() && !workers.iter().any(|w| w.serves(&lane.lane));
    lanes.iter().filter(|lane| lane.ready > 0).filter(is).collect()
}

/// Groups of a lane whose first job is looked at for its age.
const GROUPS: i64 = 100;

impl Queue {
    /// Lanes with ready jobs, by name.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn lanes(&self) -> Result<Vec<LaneStatus>, QueueError> {
        let mut all: BTreeMap<String, LaneStatus> = BTreeMap::new();
        let pools = self.pools().await?;
        for part in self.each() {
            for lane in part.lanes_here().await? {
                let sum = all.entry(lane.lane.clone()).or_insert_with(|| LaneStatus {
                    ready: 0,
                    oldest_ms: None,
                    ..lane.clone()
                });
                sum.ready += lane.ready;
                sum.paused |= lane.paused;
                sum.oldest_ms = sum.oldest_ms.max(lane.oldest_ms);
            }
        }
        for lane in all.values_mut() {
            let own = keys::pool_of(&lane.lane);
            if let Some(pool) = pools.iter().find(|p| p.pool == own) {
                lane.in_call = pool.in_call;
                (lane.limit, lane.rate_per_minute) = (pool.limit, pool.rate_per_minute);
            }
        }
        Ok(all.into_values().collect())
    }

    /// The lane of a job for which whoever made it ready should have woken a worker; `None` for
    /// one that the clock may have made ready: it was put off before.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn should_have_woken(&self, job: &str) -> Result<Option<String>, QueueError> {
        let mut conn = self.conn();
        let (lane, put_off): (Option<String>, Option<String>) = redis::cmd("HMGET")
            .arg(self.key(&keys::job(job)))
            .arg(&["l", "lr"])
            .query_async(&mut conn)
            .await?;
        Ok(lane.filter(|_| put_off.is_none()))
    }

    async fn lanes_here(&self) -> Result<Vec<LaneStatus>, QueueError> {
        let mut conn = self.conn();
        let (ready, paused): (HashMap<String, u64>, Vec<String>) = redis::pipe()
            .cmd("HGETALL")
            .arg(self.key(keys::READY))
            .cmd("SMEMBERS")
            .arg(self.key(keys::PAUSED))
            .query_async(&mut conn)
            .await?;
        let mut lanes = Vec::with_capacity(ready.len());
        for (lane, ready) in ready {
            lanes.push(LaneStatus {
                ready,
                paused: paused.contains(&format!("lane:{lane}")),
                oldest_ms: self.oldest(&lane).await?,
                lane,
                ..LaneStatus::default()
            });
        }
        Ok(lanes)
    }

    /// Age of the oldest first job of a lane's groups.
    async fn oldest(&self, lane: &str) -> Result<Option<u64>, QueueError> {
        let mut conn = self.conn();
        let groups: Vec<String> = redis::cmd("ZRANGE")
            .arg(self.key(&keys::ring(lane)))
            .arg(0)
            .arg(GROUPS - 1)
            .query_async(&mut conn)
            .await?;
        if groups.is_empty() {
            return Ok(None);
        }
        let mut pipe = redis::pipe();
        for group in &groups {
            pipe.cmd("LINDEX").arg(self.key(&keys::queue(lane, group))).arg(0);
        }
        let first: Vec<Option<String>> = pipe.query_async(&mut conn).await?;
        let mut pipe = redis::pipe();
        pipe.cmd("TIME");
        for id in first.iter().flatten() {
            pipe.cmd("HMGET").arg(self.key(&keys::job(id))).arg(&["e"]);
        }
        // The time is an array as well, so that all answers are of one kind.
        let all: Vec<Vec<Option<u64>>> = pipe.query_async(&mut conn).await?;
        let mut all = all.into_iter();
        let now = match all.next().as_deref() {
            Some([Some(s), Some(us)]) => s * 1000 + us / 1000,
            _ => 0,
        };
        let since = all.filter_map(|e| e.first().copied().flatten()).min();
        Ok(since.map(|e| now.saturating_sub(e)))
    }
}

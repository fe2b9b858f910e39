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
    /// Jobs of its pool that workers have.
    pub leased: u64,
    /// Jobs of its pool that workers may have at a time; `None`: any number.
    pub limit: Option<u64>,
    /// Jobs of its pool that may start in a minute; `None`: any number.
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
        for part in self.each() {
            for lane in part.lanes_here().await? {
                let sum = all.entry(lane.lane.clone()).or_insert_with(|| LaneStatus {
                    ready: 0,
                    leased: 0,
                    oldest_ms: None,
                    ..lane.clone()
                });
                sum.ready += lane.ready;
                sum.leased += lane.leased;
                sum.paused |= lane.paused;
                sum.oldest_ms = sum.oldest_ms.max(lane.oldest_ms);
            }
        }
        Ok(all.into_values().collect())
    }

    /// The lane of a job for which whoever made it ready should have woken a worker; `None` for
    /// one that the clock may have made ready: it was put off before, or its pool has a rate.
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
        let (Some(lane), None) = (lane, put_off) else { return Ok(None) };
        let pool = keys::pool_of(&lane);
        let rated: bool = redis::cmd("HEXISTS")
            .arg(self.key(keys::RATES))
            .arg(pool)
            .query_async(&mut conn)
            .await?;
        Ok((!rated).then_some(lane))
    }

    async fn lanes_here(&self) -> Result<Vec<LaneStatus>, QueueError> {
        type Numbers = HashMap<String, u64>;
        let mut conn = self.conn();
        let mut pipe = redis::pipe();
        for key in [keys::READY, keys::LEASED, keys::LIMITS, keys::RATES] {
            pipe.cmd("HGETALL").arg(self.key(key));
        }
        pipe.cmd("SMEMBERS").arg(self.key(keys::PAUSED));
        let (ready, leased, limits, rates, paused): (
            Numbers,
            Numbers,
            Numbers,
            Numbers,
            Vec<String>,
        ) = pipe.query_async(&mut conn).await?;
        let mut lanes = Vec::with_capacity(ready.len());
        for (lane, ready) in ready {
            let pool = keys::pool_of(&lane);
            lanes.push(LaneStatus {
                ready,
                leased: leased.get(pool).copied().unwrap_or(0),
                limit: limits.get(pool).copied(),
                rate_per_minute: rates.get(pool).copied(),
                paused: paused.contains(&format!("lane:{lane}")),
                oldest_ms: self.oldest(&lane).await?,
                lane,
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

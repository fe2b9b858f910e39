//! Events: sent by other programs, and read. The fleet's own lie in the partition of what they are about, those of
//! others in the first one.

use super::scripts::SCRIPTS;
use super::{Queue, QueueError};
use crate::events::OF_FLEET;
use crate::ids::SweepId;
use crate::keys;
use redis::FromRedisValue;
use std::collections::HashMap;
use std::time::Duration;

/// Events that one look for those of a forgotten sweep reads.
const FORGET_PAGE: usize = 500;

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEvent {
    /// Its place among those of its source and partition.
    pub id: String,
    /// Milliseconds since the epoch, Redis clock.
    pub at_ms: u64,
    /// The event as it came.
    pub json: String,
}

/// How sending an event ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It is kept under this id.
    Kept(String),
    /// There are as many sources as there may be.
    TooManySources,
    /// No events are kept.
    Off,
}

impl Queue {
    /// A handle on the partition of the events that other programs send.
    #[must_use]
    pub fn of_events(&self) -> Self {
        self.at(0)
    }

    /// Keeps an event of another program.
    ///
    /// # Errors
    /// A failure of Redis: then it is not known whether it is kept.
    pub async fn send_event(
        &self,
        source: &str,
        json: &str,
        max_sources: u32,
    ) -> Result<Sent, QueueError> {
        let part = self.of_events();
        part.check_memory().await?;
        let args = vec![source.into(), json.into(), max_sources.to_string().into()];
        let kept: Option<String> = part.run(&SCRIPTS.observe, args).await?;
        Ok(match kept {
            None => Sent::Off,
            Some(id) if id.is_empty() => Sent::TooManySources,
            Some(id) => Sent::Kept(id),
        })
    }

    /// The sources that there can be events of in this handle's partition, the fleet's first.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn event_sources(&self) -> Result<Vec<String>, QueueError> {
        let mut all: Vec<String> = OF_FLEET.map(str::to_owned).to_vec();
        if self.number() == self.of_events().number() {
            let mut conn = self.conn();
            let key = self.key(keys::EVENT_SOURCES);
            let mut others: Vec<String> =
                redis::cmd("SMEMBERS").arg(key).query_async(&mut conn).await?;
            others.sort_unstable();
            all.extend(others);
        }
        Ok(all)
    }

    /// Up to `count` events of a source in this handle's partition that follow `after`, oldest first. From the first
    /// one on where `after` is empty; all from a millisecond on where it is one.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn events_after(
        &self,
        source: &str,
        after: &str,
        count: usize,
    ) -> Result<Vec<KeptEvent>, QueueError> {
        let from = match after {
            "" => "-".to_owned(),
            id if id.contains('-') => format!("({id}"),
            ms => ms.to_owned(),
        };
        let mut cmd = redis::cmd("XRANGE");
        cmd.arg(self.key(&keys::events(source))).arg(from).arg("+").arg("COUNT").arg(count);
        self.entries(&cmd).await
    }

    /// The latest `count` events of a source in this handle's partition, latest first.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn latest_events(
        &self,
        source: &str,
        count: usize,
    ) -> Result<Vec<KeptEvent>, QueueError> {
        let mut cmd = redis::cmd("XREVRANGE");
        cmd.arg(self.key(&keys::events(source))).arg("+").arg("-").arg("COUNT").arg(count);
        self.entries(&cmd).await
    }

    /// Drops the events of this handle's partition that are older than that.
    pub(super) async fn trim_events(&self, age: Duration) -> Result<(), QueueError> {
        let mut conn = self.conn();
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let oldest = self.now_ms().await?.saturating_sub(age);
        for source in self.event_sources().await? {
            redis::cmd("XTRIM")
                .arg(self.key(&keys::events(source)))
                .arg("MINID")
                .arg(oldest)
                .query_async::<()>(&mut conn)
                .await?;
        }
        Ok(())
    }

    /// Drops the fleet's events about a sweep from this handle's partition.
    pub(super) async fn forget_events(&self, sweep: &SweepId) -> Result<(), QueueError> {
        let (mut conn, named) = (self.conn(), format!("\"sweep\":\"{sweep}\""));
        for source in OF_FLEET {
            let mut after = String::new();
            loop {
                let page = self.events_after(source, &after, FORGET_PAGE).await?;
                let Some(last) = page.last() else { break };
                after.clone_from(&last.id);
                let gone = page.iter().filter(|event| event.json.contains(&named));
                let gone: Vec<&str> = gone.map(|event| event.id.as_str()).collect();
                if !gone.is_empty() {
                    let key = self.key(&keys::events(source));
                    redis::cmd("XDEL").arg(key).arg(gone).query_async::<()>(&mut conn).await?;
                }
            }
        }
        Ok(())
    }

    async fn entries(&self, cmd: &redis::Cmd) -> Result<Vec<KeptEvent>, QueueError> {
        let mut conn = self.conn();
        let entries: Vec<(String, HashMap<String, redis::Value>)> =
            cmd.query_async(&mut conn).await?;
        let event = |(id, mut fields): (String, HashMap<String, redis::Value>)| {
            let bytes = Vec::<u8>::from_redis_value(fields.remove("e")?).ok()?;
            let at_ms = id.split('-').next().and_then(|ms| ms.parse().ok()).unwrap_or(0);
            Some(KeptEvent { id, at_ms, json: String::from_utf8_lossy(&bytes).into_owned() })
        };
        Ok(entries.into_iter().filter_map(event).collect())
    }

    /// How many events of a source were ever written in this handle's partition.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn events_written(&self, source: &str) -> Result<u64, QueueError> {
        let mut conn = self.conn();
        let key = self.key(&keys::events(source));
        let there: bool = redis::cmd("EXISTS").arg(&key).query_async(&mut conn).await?;
        if !there {
            return Ok(0);
        }
        let told: HashMap<String, redis::Value> =
            redis::cmd("XINFO").arg("STREAM").arg(&key).query_async(&mut conn).await?;
        let number =
            |name: &str| told.get(name).cloned().and_then(|n| u64::from_redis_value(n).ok());
        Ok(number("entries-added").or_else(|| number("length")).unwrap_or(0))
    }
}

//! Reads, and the few writes that are no job's: documents, paid answers, workers' signs.

use super::error::is_damage;
use super::sweeps::texts;
use super::{Queue, QueueError};
use crate::ids::{ReviewId, SweepId, WorkerId};
use crate::keys;
use crate::records::review::{ReviewState, fields};
use crate::rows::{Attempt, Row};
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

/// A worker as `scrum status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerInfo {
    /// Unique id.
    pub id: String,
    /// Machine it runs on.
    pub host: String,
    /// Process id there.
    pub pid: u32,
    /// Jobs it runs at a time.
    pub concurrency: u32,
    /// Lanes that it serves, `KIND:*` for all of a kind; empty for all.
    pub lanes: Vec<String>,
    /// Milliseconds since its last sign of life.
    pub silent_ms: u64,
}

impl WorkerInfo {
    /// Whether it takes jobs of a lane.
    pub fn serves(&self, lane: &str) -> bool {
        let is = |served: &String| match served.strip_suffix('*') {
            Some(kind) => lane.starts_with(kind),
            None => served == lane,
        };
        self.lanes.is_empty() || self.lanes.iter().any(is)
    }
}

/// What `scrum doctor` asks the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerInfo {
    /// Its own name for itself, new with each start.
    pub run_id: String,
    /// The port that it serves; 0 for a unix socket.
    pub port: u16,
    /// Redis version, or Valkey's Redis-compatible one.
    pub version: String,
    /// `valkey` or `redis`.
    pub flavour: String,
    /// `appendonly` is on.
    pub aof: bool,
    /// `appendfsync`; empty when the server does not tell.
    pub appendfsync: String,
    /// `maxmemory-policy`.
    pub maxmemory_policy: String,
    /// Bytes in use.
    pub used_memory: u64,
    /// `maxmemory`, 0 for none.
    pub maxmemory: u64,
    /// What was last written to disk, and whether that succeeded.
    pub persistence: Vec<(&'static str, bool)>,
}

/// Figures of `INFO` that say `ok` or `err`, under the names by which [`ServerInfo::persistence`] has them.
const PERSISTENCE: [(&str, &str); 3] = [
    ("aof_write", "aof_last_write_status"),
    ("aof_rewrite", "aof_last_bgrewrite_status"),
    ("snapshot", "rdb_last_bgsave_status"),
];

impl Queue {
    /// One row of a sweep by its id; `None` when there is none.
    ///
    /// # Errors
    /// A failure of Redis, or a row that this program can't read.
    pub async fn row<R: Row>(&self, sweep: &SweepId, id: &str) -> Result<Option<R>, QueueError> {
        Ok(self.rows_of(sweep, &[id.to_owned()]).await?.pop().flatten())
    }

    /// What a review has gathered so far.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn review_state(&self, review: &ReviewId) -> Result<ReviewState, QueueError> {
        let mut conn = self.conn();
        let key = keys::review_state(review);
        let mut hash: HashMap<String, String> = redis::cmd("HGETALL")
            .arg(self.of_review(review).key(&key))
            .query_async(&mut conn)
            .await?;
        if let Some(ladder) = hash.get_mut(fields::LADDER) {
            *ladder = self.opened(&key, fields::LADDER, ladder)?.to_owned();
        }
        if let Some(memory) = hash.remove(fields::MEMORY) {
            // Without its signature it is told to nobody.
            let opened = self.opened(&key, fields::MEMORY, &memory).map(str::to_owned);
            hash.extend(opened.ok().map(|memory| (fields::MEMORY.to_owned(), memory)));
        }
        Ok(ReviewState::from_fields(hash))
    }

    /// The attempts of a review so far.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn attempts(&self, review: &ReviewId) -> Result<Vec<Attempt>, QueueError> {
        Ok(self.attempts_of(std::slice::from_ref(review)).await?.pop().unwrap_or_default())
    }

    /// A document of a sweep by the hash of its content.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn document(
        &self,
        sweep: &SweepId,
        sha256: &str,
    ) -> Result<Option<String>, QueueError> {
        let mut conn = self.conn();
        let key = self.of_sweep(sweep).key(&keys::document(sha256));
        Ok(redis::cmd("GET").arg(key).query_async(&mut conn).await?)
    }

    /// What the operator of a sweep must be told: rung and message, each once.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn alerts(&self, sweep: &SweepId) -> Result<Vec<(String, String)>, QueueError> {
        let mut conn = self.conn();
        let map: HashMap<String, String> = redis::cmd("HGETALL")
            .arg(self.of_sweep(sweep).key(&keys::alerts(sweep)))
            .query_async(&mut conn)
            .await?;
        // An empty one has ended.
        let mut alerts: Vec<_> = map.into_iter().filter(|(_, said)| !said.is_empty()).collect();
        alerts.sort();
        Ok(alerts)
    }

    /// A paid answer under its content key.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn answer(&self, content_key: &str) -> Result<Option<String>, QueueError> {
        let mut conn = self.conn();
        let key = keys::answer(content_key);
        let kept: redis::RedisResult<Option<String>> =
            redis::cmd("GET").arg(self.of_name(content_key).key(&key)).query_async(&mut conn).await;
        // A forged answer counts as missing: the model is asked again.
        let kept = unless_damaged(kept)?;
        Ok(kept.and_then(|kept| Some(self.opened(&key, "", &kept).ok()?.to_owned())))
    }

    /// Keeps a paid answer, before the commit that uses it, so that a crash never pays twice.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn keep_answer(
        &self,
        content_key: &str,
        answer: &str,
        keep: Duration,
    ) -> Result<(), QueueError> {
        let key = keys::answer(content_key);
        let mut conn = self.conn();
        redis::cmd("SET")
            .arg(self.of_name(content_key).key(&key))
            .arg(&*self.options().signer.seal(&key, "", answer))
            .arg("EX")
            .arg(keep.as_secs().max(1))
            .query_async::<()>(&mut conn)
            .await?;
        Ok(())
    }

    /// A kept vector under its content key, as bytes.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn vector(&self, content_key: &str) -> Result<Option<Vec<u8>>, QueueError> {
        let mut conn = self.conn();
        let kept = redis::cmd("GET")
            .arg(self.of_name(content_key).key(&keys::vector(content_key)))
            .query_async(&mut conn)
            .await;
        unless_damaged(kept)
    }

    /// Keeps a vector. Sent again, it writes the same.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn keep_vector(
        &self,
        content_key: &str,
        vector: &[u8],
        keep: Duration,
    ) -> Result<(), QueueError> {
        let mut conn = self.conn();
        redis::cmd("SET")
            .arg(self.of_name(content_key).key(&keys::vector(content_key)))
            .arg(vector)
            .arg("EX")
            .arg(keep.as_secs().max(1))
            .query_async::<()>(&mut conn)
            .await?;
        Ok(())
    }

    /// Jobs leased, delayed and dead, over all lanes.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn totals(&self) -> Result<(u64, u64, u64), QueueError> {
        let mut conn = self.conn();
        let mut all = (0, 0, 0);
        for part in self.each() {
            let (leased, delayed, dead): (u64, u64, u64) = redis::pipe()
                .cmd("ZCARD")
                .arg(part.key(keys::LEASES))
                .cmd("ZCARD")
                .arg(part.key(keys::DELAYED))
                .cmd("ZCARD")
                .arg(part.key(keys::DEAD))
                .query_async(&mut conn)
                .await?;
            all = (all.0 + leased, all.1 + delayed, all.2 + dead);
        }
        Ok(all)
    }

    /// Tells the fleet that this worker is here.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn register_worker(
        &self,
        id: &WorkerId,
        host: &str,
        pid: u32,
        concurrency: u32,
        lanes: &[String],
    ) -> Result<(), QueueError> {
        let mut conn = self.conn();
        let first = self.at(0);
        let key = first.key(&keys::worker(id));
        redis::cmd("HSET")
            .arg(&key)
            .arg("host")
            .arg(host)
            .arg("pid")
            .arg(pid)
            .arg("conc")
            .arg(concurrency)
            .arg("lanes")
            .arg(lanes.join(" "))
            .query_async::<()>(&mut conn)
            .await?;
        first.renew(id, &[]).await?;
        Ok(())
    }

    /// Tells the fleet that this worker is gone.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn unregister_worker(&self, id: &WorkerId) -> Result<(), QueueError> {
        let mut conn = self.conn();
        for part in self.each() {
            redis::pipe()
                .cmd("ZREM")
                .arg(part.key(keys::WORKERS))
                .arg(id.as_str())
                .ignore()
                .cmd("UNLINK")
                .arg(part.key(&keys::worker(id)))
                .ignore()
                .query_async::<()>(&mut conn)
                .await?;
        }
        Ok(())
    }

    /// Workers that gave a sign of life within `within`.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn workers(&self, within: Duration) -> Result<Vec<WorkerInfo>, QueueError> {
        let mut conn = self.conn();
        let first = self.at(0);
        let now = first.now_ms().await?;
        let seen: Vec<(String, f64)> = redis::cmd("ZRANGE")
            .arg(first.key(keys::WORKERS))
            .arg(0)
            .arg(-1)
            .arg("WITHSCORES")
            .query_async(&mut conn)
            .await?;
        let mut out = Vec::new();
        for (id, at) in seen {
            let silent_ms = now.saturating_sub(at as u64);
            if u128::from(silent_ms) > within.as_millis() {
                continue;
            }
            let map: redis::RedisResult<HashMap<Vec<u8>, Vec<u8>>> = redis::cmd("HGETALL")
                .arg(first.key(&keys::worker(&id)))
                .query_async(&mut conn)
                .await;
            // A worker with a broken record is still listed.
            let map =
                texts(map.or_else(|e| if is_damage(&e) { Ok(HashMap::new()) } else { Err(e) })?);
            let n = |f: &str| map.get(f).and_then(|v| v.parse().ok()).unwrap_or(0);
            out.push(WorkerInfo {
                host: map.get("host").cloned().unwrap_or_default(),
                pid: n("pid"),
                concurrency: n("conc"),
                // Workers of older versions serve all lanes.
                lanes: map
                    .get("lanes")
                    .map(|l| l.split_whitespace().map(str::to_owned).collect())
                    .unwrap_or_default(),
                silent_ms,
                id,
            });
        }
        Ok(out)
    }

    /// The clock of this partition's server, in milliseconds since the epoch.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn now_ms(&self) -> Result<u64, QueueError> {
        let time = self.conn().ask_at(&self.key(""), redis::cmd("TIME")).await?;
        let (s, us): (u64, u64) = read(&time)?;
        Ok(s * 1000 + us / 1000)
    }

    /// What is known of each server that holds a partition.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn servers(&self) -> Result<Vec<ServerInfo>, QueueError> {
        let mut all: Vec<ServerInfo> = Vec::new();
        for part in self.each() {
            let info = part.server_info().await?;
            if !all.iter().any(|known| known.run_id == info.run_id) {
                all.push(info);
            }
        }
        Ok(all)
    }

    /// Version, durability and memory policy of this partition's server.
    ///
    /// # Errors
    /// A failure of Redis. Settings that the server keeps to itself come back empty.
    pub async fn server_info(&self) -> Result<ServerInfo, QueueError> {
        let mut conn = self.conn();
        let here = self.key("");
        let mut info = redis::cmd("INFO");
        info.arg("everything");
        let info: String = read(&conn.ask_at(&here, info).await?)?;
        let field = |name: &str| {
            info.lines()
                .find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))
                .map(|v| v.trim().to_owned())
        };
        // CONFIG is often renamed or forbidden by ACL on hosted servers: that is no error.
        let mut fsync = redis::cmd("CONFIG");
        fsync.arg("GET").arg("appendfsync");
        let fsync = conn.ask_at(&here, fsync).await.ok();
        let fsync: HashMap<String, String> = fsync.and_then(|v| read(&v).ok()).unwrap_or_default();
        let persistence =
            PERSISTENCE.iter().filter_map(|(name, of)| Some((*name, field(of)? == "ok")));
        Ok(ServerInfo {
            persistence: persistence.collect(),
            run_id: field("run_id").unwrap_or_default(),
            port: field("tcp_port").and_then(|p| p.parse().ok()).unwrap_or(0),
            flavour: if field("valkey_version").is_some() { "valkey" } else { "redis" }.to_owned(),
            version: field("valkey_version").or_else(|| field("redis_version")).unwrap_or_default(),
            aof: field("aof_enabled").as_deref() == Some("1"),
            appendfsync: fsync.get("appendfsync").cloned().unwrap_or_default(),
            maxmemory_policy: field("maxmemory_policy").unwrap_or_default(),
            used_memory: field("used_memory").and_then(|v| v.parse().ok()).unwrap_or(0),
            maxmemory: field("maxmemory").and_then(|v| v.parse().ok()).unwrap_or(0),
        })
    }
}

/// A damaged value counts as missing: it is made again and overwritten.
fn unless_damaged<T>(kept: redis::RedisResult<Option<T>>) -> Result<Option<T>, QueueError> {
    match kept {
        Err(error) if is_damage(&error) => Ok(None),
        kept => Ok(kept?),
    }
}

fn read<T: redis::FromRedisValue>(value: &redis::Value) -> Result<T, QueueError> {
    T::from_redis_value_ref(value).map_err(|e| QueueError::record("reply", e))
}

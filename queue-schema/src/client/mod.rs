//! The one client of the queue: it runs the scripts, and nothing else writes queue keys.

mod backoff;
mod claim;
mod dead;
mod error;
mod forget;
mod lanes;
mod memory;
mod operate;
mod read;
mod reconcile;
mod reconcile_look;
mod scripts;
mod sweeps;

pub use backoff::Backoff;
pub use claim::{Claim, ClaimRequest, ClaimedJob, Commit, Lease, Waiter};
pub use dead::{DeadFilter, DeadLetter};
pub use error::QueueError;
pub use forget::{Forgotten, Retention, Upkeep};
pub use lanes::LaneStatus;
pub use memory::{Memory, SweepMemory};
pub use operate::Pausable;
pub use read::{ServerInfo, WorkerInfo};
pub use reconcile::{Fault, QueueCheck};
pub use sweeps::{HELD_FIELD, SweepState, SweepStatus};

use crate::effects::NewJob;
use crate::keys::{self, Partition};
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client};
use scripts::Scripts;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How to reach the queue and how it behaves; values come from the settings.
#[derive(Debug, Clone)]
pub struct QueueOptions {
    /// `redis://`, `rediss://` or `redis+unix://` URL.
    pub url: String,
    /// Keeps several fleets on one server apart.
    pub namespace: String,
    /// Into how many parts the keys are divided, each with a hash tag of its own; at least 1.
    pub partitions: u16,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for a reply; a blocking wait has its own.
    pub response_timeout: Duration,
    /// Length of a lease.
    pub lease: Duration,
    /// Crashes after which a job is poison.
    pub crash_limit: u32,
    /// Leases taken back by one claim at most.
    pub take_back_batch: u32,
    /// Delayed jobs promoted by one claim at most.
    pub promote_batch: u32,
    /// Attempts a job has before it is dead as `attempts_exhausted`.
    pub max_attempts: u32,
    /// Largest body of a job in bytes; a larger one is refused before it is sent.
    pub max_payload_bytes: usize,
    /// Share of the server's `maxmemory` over which nothing new is enqueued, in percent.
    pub max_memory_percent: u8,
}

/// A handle on the queue; cheap to clone, safe to share.
#[derive(Clone)]
pub struct Queue {
    conn: ConnectionManager,
    client: Client,
    options: Arc<QueueOptions>,
    scripts: Arc<Scripts>,
    gauge: Arc<memory::Gauge>,
    partition: Partition,
    number: u16,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Queue").field("partition", &self.partition).finish_non_exhaustive()
    }
}

impl Queue {
    /// Connects and checks that the server answers.
    ///
    /// # Errors
    /// [`QueueError::Url`] for an address that can't be read, [`QueueError::Unreachable`] when
    /// nothing answers there.
    pub async fn connect(options: QueueOptions) -> Result<Self, QueueError> {
        let client = Client::open(options.url.as_str())
            .map_err(|e| QueueError::Url { url: redact(&options.url), message: e.to_string() })?;
        // The manager reconnects but never sends a command again: that is for the callers, who
        // know which of their scripts may be repeated. One retry of the connection is enough,
        // because parking and backing off is theirs too.
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.response_timeout))
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_millis(500));
        let conn = client
            .get_connection_manager_with_config(config)
            .await
            .map_err(|cause| QueueError::Unreachable { url: redact(&options.url), cause })?;
        let queue = Self {
            conn,
            client,
            partition: Partition::new(&options.namespace, 0),
            number: 0,
            options: Arc::new(options),
            scripts: Arc::new(Scripts::load()),
            gauge: Arc::default(),
        };
        let mut conn = queue.conn.clone();
        redis::cmd("PING")
            .query_async::<String>(&mut conn)
            .await
            .map_err(|cause| QueueError::Unreachable { url: redact(&queue.options.url), cause })?;
        Ok(queue)
    }

    /// The options it was made with.
    pub fn options(&self) -> &QueueOptions {
        &self.options
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> u16 {
        self.options.partitions.max(1)
    }

    /// The partition that this handle's scripts work on.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// A handle on one partition.
    #[must_use]
    pub fn at(&self, number: u16) -> Self {
        let partition = Partition::new(&self.options.namespace, number);
        Self { partition, number, ..self.clone() }
    }

    /// A handle on the partition where a sweep lives with all its reviews and jobs.
    #[must_use]
    pub fn of_sweep(&self, sweep: &str) -> Self {
        self.at(keys::partition_of(sweep, self.partitions()))
    }

    /// A handle on the partition where a review lives: that of its sweep.
    #[must_use]
    pub fn of_review(&self, review: &str) -> Self {
        self.of_sweep(review.rsplit_once('-').map_or(review, |(sweep, _)| sweep))
    }

    /// A handle on each partition, in order.
    pub fn each(&self) -> impl Iterator<Item = Self> + '_ {
        (0..self.partitions()).map(|p| self.at(p))
    }

    /// A connection of its own for blocking commands, which would hold up the shared one.
    pub(crate) async fn dedicated(
        &self,
        response: Duration,
    ) -> Result<MultiplexedConnection, QueueError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect_timeout))
            .set_response_timeout(Some(response));
        Ok(self.client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    pub(crate) fn conn(&self) -> ConnectionManager {
        self.conn.clone()
    }

    pub(crate) fn key(&self, suffix: &str) -> String {
        self.partition.key(suffix)
    }

    pub(crate) fn check_size(&self, job: &NewJob) -> Result<(), QueueError> {
        let max = self.options.max_payload_bytes;
        if job.body.len() > max {
            return Err(QueueError::TooLarge { job: job.id.clone(), bytes: job.body.len(), max });
        }
        Ok(())
    }

    /// Puts jobs into the queue; those whose id is there already are left alone. Returns how
    /// many were new.
    ///
    /// # Errors
    /// [`QueueError::TooLarge`] or [`QueueError::OutOfMemory`] before anything is sent, or a failure
    /// of Redis: then it is not known whether the jobs arrived, and sending them again is safe.
    pub async fn enqueue(&self, jobs: &[NewJob]) -> Result<u64, QueueError> {
        let mut parts: BTreeMap<u16, Vec<&NewJob>> = BTreeMap::new();
        for job in jobs {
            self.check_size(job)?;
            parts.entry(keys::partition_of(&job.sweep, self.partitions())).or_default().push(job);
        }
        let mut new = 0;
        for (part, jobs) in parts {
            let mut args = vec![jobs.len().to_string().into_bytes()];
            for job in jobs {
                job.encode(self.options.max_attempts, &mut args);
            }
            self.at(part).check_memory().await?;
            new += self.at(part).run::<u64>(&self.scripts.enqueue, args).await?;
        }
        Ok(new)
    }

    pub(crate) async fn run<T: redis::FromRedisValue>(
        &self,
        script: &redis::Script,
        args: Vec<Vec<u8>>,
    ) -> Result<T, QueueError> {
        let mut call = script.prepare_invoke();
        call.key(self.partition.prefix());
        for arg in args {
            call.arg(arg);
        }
        let mut conn = self.conn();
        Ok(call.invoke_async(&mut conn).await?)
    }
}

/// The URL without its password, for messages.
pub(crate) fn redact(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}://***@{}", &url[..scheme], &url[at + 1..])
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn passwords_do_not_reach_messages() {
        assert_eq!(redact("redis://:s3cret@host:6379/0"), "redis://***@host:6379/0");
        assert_eq!(redact("redis://host/0"), "redis://host/0");
    }
}

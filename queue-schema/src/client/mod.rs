//! The one client of the queue: it runs the scripts, and nothing else writes queue keys.

pub mod account;
mod address;
mod apply;
mod backoff;
mod budget;
mod calibration;
mod check_keys;
mod check_sweeps;
mod claim;
mod conn;
mod dead;
mod error;
mod events;
mod findings;
mod forget;
mod lanes;
mod ledger;
mod listed;
mod memory;
mod once;
mod operate;
mod pages;
mod pathways;
mod places;
mod post;
mod read;
mod recall;
mod reconcile;
mod reconcile_look;
mod schedules;
mod scripts;
mod server;
mod sweeps;
mod tls;
mod together;

pub use crate::records::sweep::{SweepState, SweepStatus};
pub use apply::ApplyRun;
pub use backoff::Backoff;
pub use budget::{Held, Spend};
pub use claim::{Claim, ClaimRequest, ClaimedJob, Commit, Lease, Waiter};
pub use dead::{CLASSES, DeadFilter, DeadLetter};
pub use error::QueueError;
pub use events::{KeptEvent, Sent};
pub use forget::{Forgotten, Retention, Upkeep};
pub use lanes::{LaneStatus, unserved};
pub use listed::Mark;
pub use memory::{Memory, SweepMemory};
pub use operate::Pausable;
pub use pages::DeadReason;
pub use places::{
    EndedCall, Ending as CallEnding, Exchange, Exchanged, Pauses, PoolLimits, PoolStatus,
};
pub use read::{ServerInfo, WorkerInfo};
pub use reconcile::{Fault, QueueCheck};
pub use schedules::{Added, MOST_SCHEDULES};
pub use scripts::{Script, scripts};
pub use sweeps::Created;
pub use tls::TlsFiles;

use crate::effects::{NewJob, Sending};
use crate::ids::{ReviewId, SweepId};
use crate::keys::{self, Partition};
use crate::sign::{self, Signer};
use crate::url::masked;
use address::Address;
use conn::Conn;
use redis::aio::MultiplexedConnection;
use scripts::SCRIPTS;
use server::{Dial, Server};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use together::Together;

/// How to reach the queue and how it behaves; values come from the settings.
#[derive(Debug, Clone)]
pub struct QueueOptions {
    /// `redis://`, `rediss://` or `redis+unix://` URL; with `+cluster` or `+sentinel` in its scheme for
    /// several servers.
    pub url: String,
    /// Certificates for TLS.
    pub tls: TlsFiles,
    /// Whether the Sentinels want the same user and password as the server.
    pub sentinel_auth: bool,
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
    /// Events of each source that are kept; 0: none are written.
    pub events: u32,
    /// Signs what is written and checks what is read.
    pub signer: Signer,
}

/// Leases taken back by one claim at most. Like the next ones, as long as one script may hold the server.
pub const TAKE_BACK_BATCH: u32 = 64;
/// Delayed jobs made ready by one claim at most.
pub const PROMOTE_BATCH: u32 = 256;
/// Jobs or targets of a forgotten sweep that one call removes at most.
pub const FORGET_BATCH: u32 = 500;

/// A handle on the queue; cheap to clone, safe to share.
#[derive(Clone)]
pub struct Queue {
    conn: Conn,
    server: Server,
    options: Arc<QueueOptions>,
    gauge: Arc<memory::Gauge>,
    holds: budget::Holds,
    partition: Partition,
    number: u16,
    trusting: bool,
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
    /// [`QueueError::Url`] for an address that can't be read, [`QueueError::Tls`] for certificates
    /// that can't, [`QueueError::Unreachable`] when nothing answers there.
    pub async fn connect(options: QueueOptions) -> Result<Self, QueueError> {
        let bad = |message| QueueError::Url { url: masked(&options.url), message };
        let address = Address::parse(&options.url).map_err(bad)?;
        let dial = Dial {
            connect_timeout: options.connect_timeout,
            response_timeout: options.response_timeout,
            tls: options.tls.load()?,
            sentinel_auth: options.sentinel_auth,
        };
        let server = Server::new(&address, dial).map_err(|e| bad(e.to_string()))?;
        let away = |cause| QueueError::Unreachable { url: masked(&options.url), cause };
        let mut conn = server.connect().await.map_err(away)?;
        redis::cmd("PING").query_async::<String>(&mut conn).await.map_err(away)?;
        Ok(Self {
            conn,
            server,
            partition: Partition::new(&options.namespace, 0),
            number: 0,
            trusting: false,
            holds: (0..options.partitions.max(1)).map(|_| Together::default()).collect(),
            options: Arc::new(options),
            gauge: Arc::default(),
        })
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
    pub fn of_sweep(&self, sweep: &SweepId) -> Self {
        self.at(keys::partition_of(sweep, self.partitions()))
    }

    /// A handle on the partition of what stands alone: an answer, a vector, a pool.
    pub(crate) fn of_name(&self, name: &str) -> Self {
        self.at(keys::partition_of_name(name, self.partitions()))
    }

    /// A handle on the partition where a review lives: that of its sweep.
    #[must_use]
    pub fn of_review(&self, review: &ReviewId) -> Self {
        self.of_sweep(&review.sweep())
    }

    /// A handle that also reads records without a valid signature: to show them, never to act on them.
    #[must_use]
    pub fn trusting(&self) -> Self {
        Self { trusting: true, ..self.clone() }
    }

    /// A handle that reads only signed records, if there is a key.
    #[must_use]
    pub fn checking(&self) -> Self {
        Self { trusting: false, ..self.clone() }
    }

    /// What was kept in a field of a key, without its signature.
    pub(crate) fn opened<'a>(
        &self,
        key: &str,
        field: &str,
        kept: &'a str,
    ) -> Result<&'a str, QueueError> {
        if self.trusting {
            return Ok(sign::unchecked(kept));
        }
        let opened = self.options.signer.open(key, field, kept);
        opened.map_err(|why| QueueError::Unsigned { what: format!("{key} {field}"), why })
    }

    /// What is added to what is sent.
    pub(crate) fn sending(&self) -> Sending<'_> {
        Sending { max_attempts: self.options.max_attempts, signer: &self.options.signer }
    }

    /// A handle on each partition, in order.
    pub fn each(&self) -> impl Iterator<Item = Self> + '_ {
        (0..self.partitions()).map(|p| self.at(p))
    }

    /// A connection of its own to the server of this partition, for blocking commands, which would
    /// hold up the shared one.
    pub(crate) async fn dedicated(
        &self,
        response: Duration,
    ) -> Result<MultiplexedConnection, QueueError> {
        Ok(self.server.dedicated(self.partition.prefix(), response).await?)
    }

    pub(crate) fn conn(&self) -> Conn {
        self.conn.clone()
    }

    pub(crate) fn key(&self, suffix: &str) -> String {
        self.partition.key(suffix)
    }

    pub(crate) fn check_size(&self, job: &NewJob) -> Result<(), QueueError> {
        let max = self.options.max_payload_bytes;
        let bytes = job.body.len() + self.options.signer.job_bytes();
        if bytes > max {
            return Err(QueueError::TooLarge { job: job.id.to_string(), bytes, max });
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
                job.encode(self.sending(), &mut args);
            }
            self.at(part).check_memory().await?;
            new += self.at(part).run::<u64>(&SCRIPTS.enqueue, args).await?;
        }
        Ok(new)
    }

    pub(crate) async fn run<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        mut args: Vec<Vec<u8>>,
    ) -> Result<T, QueueError> {
        args.push(self.options.events.to_string().into());
        Ok(script.run(&mut self.conn(), self.partition.prefix(), &args).await?)
    }
}

//! The worker's side: claim, renew, commit, wait.

use super::scripts::SCRIPTS;
use super::{Queue, QueueError};
use crate::body::{self, BodyError};
use crate::effects::Effects;
use crate::ids::{JobId, WorkerId};
use crate::keys;
use redis::{FromRedisValue, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Words of a claim's reply for each job.
const JOB_WIDTH: usize = 7;

/// A lease: which job, and the token that every write must carry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Job id.
    pub job: JobId,
    /// Changes with every claim; a stale one changes nothing.
    pub token: String,
    /// Where it is.
    pub partition: u16,
}

/// A job that is ours until its lease runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedJob {
    /// Proof of ownership.
    pub lease: Lease,
    /// Lane it waited in.
    pub lane: String,
    /// The envelope as JSON, undecoded; or why it can't be had, which is this job's end and no
    /// other's.
    pub body: Result<String, BodyError>,
    /// Times it was tried and failed before.
    pub attempt: u32,
    /// Times its worker died.
    pub crashes: u32,
    /// Time since it was put into the queue.
    pub waited: Duration,
    /// Milliseconds since the epoch, Redis clock: when it was put into the queue, or put back from
    /// among the dead. With its id, this names one life of a job, however often it changes hands.
    pub enqueued_ms: u64,
}

/// What to claim.
#[derive(Debug, Clone, Default)]
pub struct ClaimRequest {
    /// Who claims.
    pub worker: WorkerId,
    /// Unique per claim, the same when it is sent again: makes a lost reply harmless.
    pub request: String,
    /// Jobs wanted, at least 1.
    pub want: u32,
    /// Lanes served, `KIND:*` for all of a kind; empty for all.
    pub lanes: Vec<String>,
    /// Jobs wanted of some pools at most; `*`: of all others together.
    pub room: BTreeMap<String, u32>,
}

/// What a claim found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Jobs, perhaps none.
    pub jobs: Vec<ClaimedJob>,
    /// Time until a lease runs out or a delayed job is due.
    pub next_due: Option<Duration>,
    /// Pools, by their names in the request, that probably have more jobs than there was room for.
    pub more: BTreeSet<String>,
}

/// One commit: a lease and what should happen.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Proof of ownership.
    pub lease: Lease,
    /// What should happen.
    pub effects: Effects,
}

impl Queue {
    /// Leases up to `want` ready jobs; takes back what ran out and promotes what is due.
    ///
    /// # Errors
    /// A failure of Redis. Sending the same request again returns the same jobs.
    pub async fn claim(&self, request: &ClaimRequest) -> Result<Claim, QueueError> {
        let o = self.options();
        let mut args: Vec<Vec<u8>> = vec![
            request.worker.clone().into(),
            request.request.clone().into(),
            o.lease.as_millis().to_string().into(),
            request.want.to_string().into(),
            o.take_back_batch.to_string().into(),
            o.promote_batch.to_string().into(),
            o.crash_limit.to_string().into(),
        ];
        let room: Vec<String> =
            request.room.iter().map(|(pool, n)| format!("{pool}={n} ")).collect();
        args.push(room.concat().into());
        if request.lanes.is_empty() {
            args.push(b"*".to_vec());
        } else {
            args.extend(request.lanes.iter().map(|l| l.clone().into_bytes()));
        }
        let reply: Vec<Value> = self.run(&SCRIPTS.claim, args).await?;
        self.read_claim(&reply, &request.request)
    }

    /// Moves the deadlines of leases that are still ours; returns the job ids of those that
    /// are not. Also the worker's sign of life.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn renew(
        &self,
        worker: &WorkerId,
        leases: &[Lease],
    ) -> Result<Vec<JobId>, QueueError> {
        let mut args: Vec<Vec<u8>> =
            vec![worker.clone().into(), self.options().lease.as_millis().to_string().into()];
        for lease in leases {
            args.push(lease.job.clone().into());
            args.push(lease.token.clone().into());
        }
        let lost: Vec<String> = self.run(&SCRIPTS.renew, args).await?;
        Ok(lost.into_iter().map(JobId::from).collect())
    }

    /// Applies commits in one script. One answer each: false for a lease that was lost, whose
    /// effects then did not happen. Sending a batch again after a lost reply is safe: what was
    /// applied answers false and is not applied twice.
    ///
    /// # Errors
    /// [`QueueError::TooLarge`] before anything is sent, or a failure of Redis.
    pub async fn commit(&self, commits: &[Commit]) -> Result<Vec<bool>, QueueError> {
        let mut args = vec![commits.len().to_string().into_bytes()];
        for commit in commits {
            for effect in &commit.effects.list {
                if let crate::effects::Effect::Enqueue(job) = effect {
                    self.check_size(job)?;
                }
            }
            args.push(commit.lease.job.clone().into());
            args.push(commit.lease.token.clone().into());
            commit.effects.encode(self.sending(), &mut args);
        }
        let applied: Vec<i64> = self.run(&SCRIPTS.commit, args).await?;
        Ok(applied.into_iter().map(|n| n == 1).collect())
    }

    /// A waiter for new jobs, on a connection of its own.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn waiter(&self, lanes: &[String], longest: Duration) -> Result<Waiter, QueueError> {
        let keys = if lanes.is_empty() {
            vec![self.key(keys::WAKE)]
        } else {
            lanes.iter().map(|l| self.key(&keys::wake_of(l))).collect()
        };
        self.waiter_on(keys, longest).await
    }

    /// Ends a wait of this process: [`Waiter::wait_for`].
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn wake_own(&self, own: &str) -> Result<(), QueueError> {
        let key = self.key(&keys::wake_of(own));
        let mut conn = self.conn();
        // Where the wait had ended by itself, nobody takes the word.
        redis::pipe()
            .cmd("RPUSH")
            .arg(&key)
            .arg(1)
            .cmd("EXPIRE")
            .arg(&key)
            .arg(1)
            .query_async::<()>(&mut conn)
            .await?;
        Ok(())
    }

    pub(super) async fn waiter_on(
        &self,
        keys: Vec<String>,
        longest: Duration,
    ) -> Result<Waiter, QueueError> {
        // The reply must outlast the longest blocking wait; a connection that stays silent
        // longer than that is dead, half-open perhaps, and is given up.
        let conn = self.dedicated(longest + self.options().response_timeout).await?;
        Ok(Waiter { conn, keys })
    }
}

/// Blocks until somebody wakes the worker or a time is over.
#[derive(Debug)]
pub struct Waiter {
    conn: redis::aio::MultiplexedConnection,
    keys: Vec<String>,
}

impl Waiter {
    /// True when woken, false when the time was over.
    ///
    /// # Errors
    /// A failure of Redis; the waiter is of no more use then.
    pub async fn wait(&mut self, longest: Duration) -> Result<bool, QueueError> {
        let keys = self.keys.clone();
        self.wait_on(&keys, longest).await
    }

    /// The same for jobs of these lanes alone, or until [`Queue::wake_own`] is called with `own`.
    ///
    /// # Errors
    /// A failure of Redis; the waiter is of no more use then.
    pub async fn wait_for(
        &mut self,
        queue: &Queue,
        lanes: Vec<&String>,
        own: &str,
        longest: Duration,
    ) -> Result<bool, QueueError> {
        let own = queue.key(&keys::wake_of(own));
        let lanes = lanes.into_iter().map(|l| queue.key(&keys::wake_of(l)));
        let keys: Vec<_> = std::iter::once(own).chain(lanes).collect();
        self.wait_on(&keys, longest).await
    }

    async fn wait_on(&mut self, keys: &[String], longest: Duration) -> Result<bool, QueueError> {
        // 0 would block for ever.
        let seconds = longest.as_secs_f64().max(0.001);
        let woken: Option<(String, String)> = redis::cmd("BLPOP")
            .arg(keys)
            .arg(format!("{seconds:.3}"))
            .query_async(&mut self.conn)
            .await?;
        Ok(woken.is_some())
    }
}

impl Queue {
    fn read_claim(&self, reply: &[Value], token: &str) -> Result<Claim, QueueError> {
        let bad = |e| QueueError::record("claim", e);
        let int = |v: &Value| i64::from_redis_value_ref(v).map_err(|e| bad(e.to_string()));
        let text = |v: &Value| String::from_redis_value_ref(v).map_err(|e| bad(e.to_string()));
        let max = self.options().max_payload_bytes;
        let body = |v: &Value| match v {
            Value::BulkString(bytes) => Ok(body::unpack(bytes, max)),
            other => Err(bad(format!("a body is {other:?}"))),
        };
        let due = reply.first().map(int).transpose()?.unwrap_or(-1);
        let more = reply.get(1).map(text).transpose()?.unwrap_or_default();
        let rest = reply.get(2..).unwrap_or_default();
        if rest.len() % JOB_WIDTH != 0 {
            return Err(bad("its length is not that of whole jobs".to_owned()));
        }
        let mut jobs = Vec::with_capacity(rest.len() / JOB_WIDTH);
        for job in rest.chunks_exact(JOB_WIDTH) {
            let (job_id, token) = (text(&job[0])?.into(), token.to_owned());
            jobs.push(ClaimedJob {
                lease: Lease { job: job_id, token, partition: self.number() },
                lane: text(&job[1])?,
                body: body(&job[2])?,
                attempt: int(&job[3])?.try_into().unwrap_or(u32::MAX),
                crashes: int(&job[4])?.try_into().unwrap_or(u32::MAX),
                waited: Duration::from_millis(int(&job[5])?.try_into().unwrap_or(0)),
                enqueued_ms: text(&job[6])?.parse().unwrap_or(0),
            });
        }
        let more = more.split_whitespace().map(str::to_owned).collect();
        let next_due = u64::try_from(due).ok().map(Duration::from_millis);
        Ok(Claim { jobs, next_due, more })
    }
}

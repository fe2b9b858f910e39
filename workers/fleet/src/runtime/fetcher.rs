//! The fetcher: claims as many jobs as there is use for, else sleeps until woken. Each partition has one; they
//! share the permits. Jobs that call a provider are claimed without a permit and bounded by their pools, see
//! [`super::places`].

use super::alarm::{self, IdleAlarm};
use super::committer::Committer;
use super::leases::LeaseTable;
use super::places::{Places, Seat};
use queue_schema::client::{
    Backoff, Claim, ClaimRequest, ClaimedJob, Lease, Queue, QueueError, Waiter,
};
use queue_schema::ids::WorkerId;
use queue_schema::keys::pool_of;
use scrum_config::QueueSettings;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// A held lease with its seat. Dropped before [`Held::settle`], it gives the job back to the
/// queue: a panic, a restart or a shutdown costs nobody a lease's length.
#[derive(Debug)]
pub struct Held {
    lease: Lease,
    leases: LeaseTable,
    committer: Committer,
    hand_back: bool,
    seat: Arc<Seat>,
}

impl Held {
    /// What the job may hold while it runs.
    pub fn seat(&self) -> Arc<Seat> {
        self.seat.clone()
    }

    /// The job's ending is decided: dropping gives nothing back any more.
    pub fn settle(&mut self) {
        self.hand_back = false;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.leases.release(&self.lease);
        if self.hand_back {
            self.committer.hand_back(self.lease.clone());
        }
    }
}

/// A job on its way to its handler.
#[derive(Debug)]
pub struct Delivery {
    /// The job.
    pub job: ClaimedJob,
    /// Fires when the handler must stop.
    pub cancel: CancellationToken,
    /// Ownership.
    pub held: Option<Held>,
}

/// What the fetcher needs.
#[derive(Debug, Clone)]
pub struct Fetcher {
    /// Where jobs come from: one partition.
    pub queue: Queue,
    /// Who claims.
    pub worker: WorkerId,
    /// Lanes served; empty for all.
    pub lanes: Vec<String>,
    /// All lanes that are known, for a worker that serves all: it listens to these when it has no use for more
    /// jobs of some.
    pub known: Vec<String>,
    /// Where leases are written down.
    pub leases: LeaseTable,
    /// Who bounds the jobs of pools.
    pub places: Places,
    /// Where undelivered jobs go back through.
    pub committer: Committer,
    /// Fires when no more jobs are to be taken.
    pub stopping: CancellationToken,
    /// Bounds and waits.
    pub settings: QueueSettings,
}

/// Starts fetching from every partition.
pub fn start(fetcher: &Fetcher) -> (mpsc::UnboundedReceiver<Delivery>, JoinHandle<()>) {
    // Unbounded, yet never longer than the permits.
    let (tx, rx) = mpsc::unbounded_channel();
    let all: Vec<_> = fetcher.queue.each().collect();
    let parts = all.into_iter().map(|queue| Fetcher { queue, ..fetcher.clone() }.run(tx.clone()));
    let mut fetching: JoinSet<()> = parts.collect();
    (rx, tokio::spawn(async move { while fetching.join_next().await.is_some() {} }))
}

/// The bound in a claim for jobs of pools that have none of their own: those that need a permit at once.
const OTHERS: &str = "*";

/// What one look at the queue came to.
struct Look {
    /// There may be more to claim at once.
    again: bool,
    /// When something will be due.
    next_due: Option<Duration>,
    /// Pools with more jobs than this worker has a use for now.
    more: BTreeSet<String>,
}

impl Fetcher {
    async fn run(self, tx: mpsc::UnboundedSender<Delivery>) {
        // A claim that succeeds says nothing of the list that wakes.
        let (mut backoff, mut unheard) = (self.new_backoff(), self.new_backoff());
        let mut waiter = None;
        let mut alarm = IdleAlarm::default();
        let mut changes = self.places.changes();
        let mut serial = 0_u64;
        loop {
            let Some((request, permits)) = self.request(&mut changes, &mut serial).await else {
                return;
            };
            let Some(claim) = self.claim(&request, &mut backoff).await else { return };
            alarm.judge(&self.queue, &claim).await;
            let look = self.deliver(claim, &request, permits, &tx);
            let Some(look) = look else { return };
            if look.again {
                continue;
            }
            let longest = Duration::from_millis(self.settings.sweep_interval_ms);
            let nap = look.next_due.unwrap_or(longest).min(longest);
            let listens = waiter.is_some();
            let woken = tokio::select! {
                biased;
                () = self.stopping.cancelled() => return,
                done = self.wait(&mut waiter, nap, &look.more, &mut changes, &mut alarm) => done,
            };
            match woken {
                Ok(()) if listens => unheard.reset(),
                Ok(()) => {}
                Err(error) => {
                    waiter = None;
                    if error.is_damage() {
                        alarm::damaged("this worker can't be woken", &error);
                    } else {
                        tracing::warn!(%error, "the wake-up connection failed; making a new one");
                    }
                    let pause = tokio::time::sleep(unheard.next_wait());
                    if self.unless_stopping(pause).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    fn new_backoff(&self) -> Backoff {
        Backoff::new(
            Duration::from_millis(self.settings.backoff_base_ms),
            Duration::from_millis(self.settings.backoff_max_ms),
            self.settings.backoff_jitter,
        )
    }

    /// What to claim, with the permits for it, as soon as there is a use for a job; `None` when it is time to
    /// stop.
    async fn request(
        &self,
        changes: &mut watch::Receiver<()>,
        serial: &mut u64,
    ) -> Option<(ClaimRequest, Vec<OwnedSemaphorePermit>)> {
        let batch = self.settings.claim_batch;
        loop {
            changes.borrow_and_update();
            let mut room = self.places.room();
            let mut permits = Vec::new();
            while permits.len() < batch as usize {
                match self.places.permits().clone().try_acquire_owned() {
                    Ok(permit) => permits.push(permit),
                    Err(_) => break,
                }
            }
            // Those that are not used go back at once: calls need them.
            permits.truncate(usize::try_from(room.others).unwrap_or(usize::MAX));
            let others = u32::try_from(permits.len()).unwrap_or(u32::MAX);
            let pooled = room.pools.values().sum::<u32>().min(room.most);
            let want = others.saturating_add(pooled).min(batch).min(room.most.max(room.others));
            if want > 0 && !self.stopping.is_cancelled() {
                room.pools.insert(OTHERS.to_owned(), others);
                *serial += 1;
                let request = ClaimRequest {
                    worker: self.worker.clone(),
                    request: format!("{}/{}.{serial}", self.worker, self.queue.number()),
                    want,
                    lanes: self.lanes.clone(),
                    room: room.pools,
                };
                return Some((request, permits));
            }
            // Permits are places of the semaphore, so that they are awaited there.
            let permit = async {
                if room.others == 0 {
                    return std::future::pending().await;
                }
                self.places.permits().acquire().await
            };
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return None,
                _ = changes.changed() => {}
                _ = permit => {}
            }
        }
    }

    /// Hands jobs to their handlers: each of them with a permit, or as one of its pool. `None` when the handlers have
    /// ended.
    fn deliver(
        &self,
        claim: Claim,
        request: &ClaimRequest,
        mut permits: Vec<OwnedSemaphorePermit>,
        tx: &mpsc::UnboundedSender<Delivery>,
    ) -> Option<Look> {
        let again = claim.jobs.len() >= request.want as usize;
        let mut open = true;
        for job in claim.jobs {
            let permit = if self.places.counts(&job.lane) { None } else { permits.pop() };
            let held = Held {
                lease: job.lease.clone(),
                leases: self.leases.clone(),
                committer: self.committer.clone(),
                hand_back: true,
                seat: self.places.seat(&job.lane, permit),
            };
            let cancel = self.leases.hold(&job.lease);
            // When nobody takes them any more, each goes back by itself: all of them are leased.
            open &= tx.send(Delivery { job, cancel, held: Some(held) }).is_ok();
        }
        open.then_some(Look { again, next_due: claim.next_due, more: claim.more })
    }

    /// Waits until there is a use for jobs of one of these pools; for ever when there are none.
    async fn room_for(&self, more: &BTreeSet<String>, changes: &mut watch::Receiver<()>) {
        loop {
            if more.is_empty() {
                return std::future::pending().await;
            }
            changes.borrow_and_update();
            let room = self.places.room();
            let has = |pool: &String| match pool.as_str() {
                OTHERS => room.others > 0 && self.places.permits().available_permits() > 0,
                pool => room.most > 0 && room.pools.get(pool).is_some_and(|n| *n > 0),
            };
            if more.iter().any(has) || changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// What `work` comes to, or `None` when no more jobs are to be taken.
    async fn unless_stopping<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => None,
            done = work => Some(done),
        }
    }

    /// Claims, through outages; `None` when it is time to stop. A call that is under way is not
    /// interrupted by that: it may have leased jobs already, and its reply is what gives them
    /// back. The request keeps its id while it is sent again, so that a reply that was lost costs
    /// no job an attempt.
    async fn claim(&self, request: &ClaimRequest, backoff: &mut Backoff) -> Option<Claim> {
        let mut away = false;
        loop {
            match self.queue.claim(request).await {
                Ok(claim) => {
                    if away {
                        tracing::info!("Redis is back");
                    }
                    backoff.reset();
                    return Some(claim);
                }
                // Not the same request again: its reply may be what can't be read. Jobs that it has
                // leased come back when their leases end.
                Err(error) if error.is_damage() => {
                    alarm::damaged("this worker can't claim", &error);
                    self.unless_stopping(tokio::time::sleep(backoff.next_wait())).await?;
                    return Some(Claim {
                        jobs: Vec::new(),
                        next_due: Some(Duration::ZERO),
                        more: BTreeSet::new(),
                    });
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    tracing::warn!(%error, ?wait, "can't claim; parking");
                    away = true;
                    // Leases that ran out during the outage belong to workers that are just
                    // coming back as well. Their renewers get a head start.
                    let head_start = Duration::from_millis(self.settings.renew_ms);
                    let wait = if error.is_outage() { wait + head_start } else { wait };
                    self.unless_stopping(tokio::time::sleep(wait)).await?;
                }
            }
        }
    }

    /// Waits for jobs that there is a use for.
    async fn wait(
        &self,
        waiter: &mut Option<Waiter>,
        nap: Duration,
        more: &BTreeSet<String>,
        changes: &mut watch::Receiver<()>,
        alarm: &mut IdleAlarm,
    ) -> Result<(), QueueError> {
        if waiter.is_none() {
            let longest = Duration::from_millis(self.settings.sweep_interval_ms);
            *waiter = Some(self.queue.waiter(&self.lanes, longest).await?);
            // A token may have been spent between the claim and this connection; look once more.
            return Ok(());
        }
        let Some(waiter) = waiter else { return Ok(()) };
        if more.is_empty() {
            alarm.slept(waiter.wait(nap).await?);
            return Ok(());
        }
        // Others have a use for the words of the lanes that this worker has enough of.
        let all = if self.lanes.is_empty() { &self.known } else { &self.lanes };
        let others = more.contains(OTHERS);
        let is_enough = |lane: &&String| {
            if self.places.counts(lane) { more.contains(pool_of(lane)) } else { others }
        };
        let lanes: Vec<&String> = all.iter().filter(|l| !is_enough(l)).collect();
        let own = format!("={}/{}", self.worker, self.queue.number());
        let mut waiting = pin!(waiter.wait_for(&self.queue, lanes, &own, nap));
        tokio::select! {
            done = &mut waiting => drop(done?),
            // A wait that is given up half-way would take a word that others need, so it is ended by one.
            () = self.room_for(more, changes) => {
                self.queue.wake_own(&own).await?;
                waiting.await?;
            }
        }
        Ok(())
    }
}

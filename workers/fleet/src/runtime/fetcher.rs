//! The fetcher: claims as many jobs as there are free permits, else sleeps until woken. Each partition
//! has one; they share the permits.

use super::alarm::{self, IdleAlarm};
use super::committer::Committer;
use super::leases::LeaseTable;
use super::places::{HeldPlace, Places, sooner};
use queue_schema::client::{
    Backoff, Claim, ClaimRequest, ClaimedJob, Lease, Queue, QueueError, Waiter,
};
use queue_schema::ids::WorkerId;
use queue_schema::keys::pool_of;
use scrum_config::QueueSettings;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// A held lease with its permit. Dropped before [`Held::settle`], it gives the job back to the
/// queue: a panic, a restart or a shutdown costs nobody a lease's length.
#[derive(Debug)]
pub struct Held {
    lease: Lease,
    leases: LeaseTable,
    committer: Committer,
    hand_back: bool,
    _permit: OwnedSemaphorePermit,
    _place: Option<HeldPlace>,
}

impl Held {
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
    /// Jobs run at a time.
    pub permits: Arc<Semaphore>,
    /// Where leases are written down.
    pub leases: LeaseTable,
    /// Where places of limited pools come from, when there are several partitions.
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

/// What one look at the queue came to.
struct Look {
    /// Jobs were delivered.
    found: bool,
    /// When something will be due.
    next_due: Option<Duration>,
    /// Pools without free places, for which jobs wait here.
    full: Vec<String>,
}

impl Fetcher {
    async fn run(self, tx: mpsc::UnboundedSender<Delivery>) {
        let new_backoff = || {
            Backoff::new(
                Duration::from_millis(self.settings.backoff_base_ms),
                Duration::from_millis(self.settings.backoff_max_ms),
                self.settings.backoff_jitter,
            )
        };
        // A claim that succeeds says nothing of the list that wakes.
        let (mut backoff, mut unheard) = (new_backoff(), new_backoff());
        let mut waiter = None;
        let mut alarm = IdleAlarm::default();
        let mut serial = 0_u64;
        loop {
            let Some(permits) = self.unless_stopping(self.take_permits()).await.flatten() else {
                return;
            };
            serial += 1;
            let Some(look) = self.look(permits, serial, &mut backoff, &mut alarm, &tx).await else {
                return;
            };
            if look.found {
                continue;
            }
            let longest = Duration::from_millis(self.settings.sweep_interval_ms);
            let nap = look.next_due.unwrap_or(longest).min(longest);
            let listens = waiter.is_some();
            let woken = tokio::select! {
                biased;
                () = self.stopping.cancelled() => return,
                done = self.wait(&mut waiter, nap, &mut alarm) => done,
                () = self.freed(&look.full) => Ok(()),
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

    /// Claims jobs for the permits and delivers them; `None` when it is time to stop.
    async fn look(
        &self,
        mut permits: Vec<OwnedSemaphorePermit>,
        serial: u64,
        backoff: &mut Backoff,
        alarm: &mut IdleAlarm,
        tx: &mpsc::UnboundedSender<Delivery>,
    ) -> Option<Look> {
        let mut request = ClaimRequest {
            worker: self.worker.clone(),
            request: format!("{}/{}.{serial}", self.worker, self.queue.number()),
            want: u32::try_from(permits.len()).unwrap_or(u32::MAX),
            lanes: self.lanes.clone(),
            places: BTreeMap::new(),
        };
        let claim = self.claim(&request, backoff).await?;
        alarm.judge(&self.queue, &claim).await;
        let mut look =
            Look { found: !claim.jobs.is_empty(), next_due: claim.next_due, full: Vec::new() };
        self.deliver(claim.jobs, &mut permits, &mut HashMap::new(), tx)?;
        // Jobs of limited pools come with places only, when the limit is counted elsewhere.
        let mut places: HashMap<String, Vec<HeldPlace>> = HashMap::new();
        for (pool, ready) in claim.lacking {
            let taken: usize = places.values().map(Vec::len).sum();
            let want = ready.min(u32::try_from(permits.len() - taken).unwrap_or(u32::MAX));
            if want == 0 {
                break;
            }
            match self.places.reserve(&pool, &request.request, want).await {
                Ok((some, next_due)) => {
                    if some.is_empty() {
                        look.full.push(pool);
                        look.next_due = sooner(look.next_due, next_due);
                    } else {
                        request.places.insert(pool.clone(), u32::try_from(some.len()).unwrap_or(0));
                        places.insert(pool, some);
                    }
                }
                Err(error) => {
                    if error.is_damage() {
                        alarm::damaged("this worker can't reserve places", &error);
                    } else {
                        tracing::warn!(%error, pool, "no places can be reserved; trying again");
                    }
                    look.next_due = sooner(look.next_due, Some(backoff.next_wait()));
                }
            }
        }
        if !places.is_empty() {
            request.request += "p";
            request.want = request.places.values().sum();
            let claim = self.claim(&request, backoff).await?;
            look.found |= !claim.jobs.is_empty();
            look.next_due = sooner(look.next_due, claim.next_due);
            self.deliver(claim.jobs, &mut permits, &mut places, tx)?;
        }
        Some(look)
    }

    /// Hands jobs to their handlers, each with a permit and, if it needs one, a place.
    fn deliver(
        &self,
        jobs: Vec<ClaimedJob>,
        permits: &mut Vec<OwnedSemaphorePermit>,
        places: &mut HashMap<String, Vec<HeldPlace>>,
        tx: &mpsc::UnboundedSender<Delivery>,
    ) -> Option<()> {
        for job in jobs {
            let permit = permits.pop()?;
            let place = places.get_mut(pool_of(&job.lane)).and_then(Vec::pop).map(HeldPlace::used);
            let cancel = self.leases.hold(&job.lease, place.as_ref().map(|p| p.place().clone()));
            let held = Held {
                lease: job.lease.clone(),
                leases: self.leases.clone(),
                committer: self.committer.clone(),
                hand_back: true,
                _permit: permit,
                _place: place,
            };
            tx.send(Delivery { job, cancel, held: Some(held) }).ok()?;
        }
        Some(())
    }

    /// Waits until one of these pools has free places; for ever when there are none to wait for.
    async fn freed(&self, pools: &[String]) {
        if pools.is_empty() {
            return std::future::pending().await;
        }
        let all = pools.iter().map(|pool| Box::pin(self.places.freed(pool)));
        futures_util::future::select_all(all).await;
    }

    /// What `work` comes to, or `None` when no more jobs are to be taken.
    async fn unless_stopping<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => None,
            done = work => Some(done),
        }
    }

    /// At least one permit, and as many more as are free, up to a batch.
    async fn take_permits(&self) -> Option<Vec<OwnedSemaphorePermit>> {
        let mut permits = vec![self.permits.clone().acquire_owned().await.ok()?];
        while permits.len() < self.settings.claim_batch as usize {
            match self.permits.clone().try_acquire_owned() {
                Ok(permit) => permits.push(permit),
                Err(_) => break,
            }
        }
        Some(permits)
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
                        lacking: BTreeMap::new(),
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

    async fn wait(
        &self,
        waiter: &mut Option<Waiter>,
        nap: Duration,
        alarm: &mut IdleAlarm,
    ) -> Result<(), QueueError> {
        if waiter.is_none() {
            let longest = Duration::from_millis(self.settings.sweep_interval_ms);
            *waiter = Some(self.queue.waiter(&self.lanes, longest).await?);
            // A token may have been spent between the claim and this connection; look once more.
            return Ok(());
        }
        if let Some(w) = waiter {
            alarm.slept(w.wait(nap).await?);
        }
        Ok(())
    }
}

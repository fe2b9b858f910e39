//! The fetcher: claims as many jobs as there are free permits, else sleeps until woken.

use super::alarm::IdleAlarm;
use super::committer::Committer;
use super::leases::LeaseTable;
use queue_schema::client::{
    Backoff, Claim, ClaimRequest, ClaimedJob, Lease, Queue, QueueError, Waiter,
};
use scrum_config::QueueSettings;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
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
#[derive(Debug)]
pub struct Fetcher {
    /// Where jobs come from.
    pub queue: Queue,
    /// Who claims.
    pub worker: String,
    /// Lanes served; empty for all.
    pub lanes: Vec<String>,
    /// Jobs run at a time.
    pub permits: Arc<Semaphore>,
    /// Where leases are written down.
    pub leases: LeaseTable,
    /// Where undelivered jobs go back through.
    pub committer: Committer,
    /// Fires when no more jobs are to be taken.
    pub stopping: CancellationToken,
    /// Bounds and waits.
    pub settings: QueueSettings,
}

/// Starts fetching.
pub fn start(fetcher: Fetcher) -> (mpsc::UnboundedReceiver<Delivery>, JoinHandle<()>) {
    // Unbounded, yet never longer than the permits.
    let (tx, rx) = mpsc::unbounded_channel();
    (rx, tokio::spawn(fetcher.run(tx)))
}

impl Fetcher {
    async fn run(self, tx: mpsc::UnboundedSender<Delivery>) {
        let mut backoff = Backoff::new(
            Duration::from_millis(self.settings.backoff_base_ms),
            Duration::from_millis(self.settings.backoff_max_ms),
            self.settings.backoff_jitter,
        );
        let mut waiter = None;
        let mut alarm = IdleAlarm::default();
        let mut serial = 0_u64;
        loop {
            let Some(mut permits) = self.unless_stopping(self.take_permits()).await.flatten()
            else {
                return;
            };
            serial += 1;
            let request = ClaimRequest {
                worker: self.worker.clone(),
                request: format!("{}/{serial}", self.worker),
                want: u32::try_from(permits.len()).unwrap_or(u32::MAX),
                lanes: self.lanes.clone(),
            };
            let Some(claim) = self.claim(&request, &mut backoff).await else { return };
            alarm.judge(&self.queue, &claim).await;
            if claim.jobs.is_empty() {
                drop(permits);
                let longest = Duration::from_millis(self.settings.sweep_interval_ms);
                let nap = claim.next_due.unwrap_or(longest).min(longest);
                match self.unless_stopping(self.wait(&mut waiter, nap, &mut alarm)).await {
                    None => return,
                    Some(Ok(())) => {}
                    Some(Err(error)) => {
                        waiter = None;
                        tracing::warn!(%error, "the wake-up connection failed; making a new one");
                        tokio::time::sleep(backoff.next_wait()).await;
                    }
                }
                continue;
            }
            for job in claim.jobs {
                let Some(permit) = permits.pop() else { break };
                let cancel = self.leases.hold(&job.lease);
                let held = Held {
                    lease: job.lease.clone(),
                    leases: self.leases.clone(),
                    committer: self.committer.clone(),
                    hand_back: true,
                    _permit: permit,
                };
                if tx.send(Delivery { job, cancel, held: Some(held) }).is_err() {
                    return;
                }
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

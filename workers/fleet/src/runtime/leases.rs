//! The leases this process holds, and the thread that renews them.

use super::places::HeldPlaces;
use queue_schema::client::{Backoff, Lease, Queue, QueueError, QueueOptions};
use queue_schema::ids::{JobId, WorkerId};
use scrum_config::QueueSettings;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a held lease is tied to.
#[derive(Debug)]
struct Held {
    token: String,
    partition: u16,
    /// Fires when the lease is lost or the process gives up its jobs.
    cancel: CancellationToken,
}

/// The leases held by this process.
#[derive(Debug, Clone, Default)]
pub struct LeaseTable(Arc<Mutex<HashMap<JobId, Held>>>);

impl LeaseTable {
    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Held>> {
        // A panic while the lock is held can't leave the map half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to hold a lease; the token fires when the handler must stop. Whoever held the job under an older lease
    /// must stop now: that one ran out, or the job could not have been claimed anew.
    pub fn hold(&self, lease: &Lease) -> CancellationToken {
        let cancel = CancellationToken::new();
        let (token, partition) = (lease.token.clone(), lease.partition);
        let held = Held { token, partition, cancel: cancel.clone() };
        if let Some(old) = self.lock().insert(lease.job.clone(), held) {
            old.cancel.cancel();
        }
        cancel
    }

    /// Ends holding a lease, unless the job has been claimed anew under another token.
    pub fn release(&self, lease: &Lease) {
        let mut table = self.lock();
        if table.get(&lease.job).is_some_and(|h| h.token == lease.token) {
            table.remove(&lease.job);
        }
    }

    /// The leases held in a partition.
    pub fn held_in(&self, partition: u16) -> Vec<Lease> {
        let table = self.lock();
        let here = table.iter().filter(|(_, held)| held.partition == partition);
        here.map(|(job, held)| Lease { job: job.clone(), token: held.token.clone(), partition })
            .collect()
    }

    /// Tells the handlers under these leases to stop, and none that holds its job under a newer one.
    pub fn cancel<'a>(&self, leases: impl IntoIterator<Item = &'a Lease>) {
        let table = self.lock();
        for lease in leases {
            if let Some(held) = table.get(&lease.job).filter(|held| held.token == lease.token) {
                held.cancel.cancel();
            }
        }
    }

    /// Tells every handler to stop.
    pub fn cancel_all(&self) {
        for held in self.lock().values() {
            held.cancel.cancel();
        }
    }
}

/// The renewing thread; stops when told or dropped.
#[derive(Debug)]
pub struct Renewer {
    stop: CancellationToken,
}

impl Renewer {
    /// Ends the thread.
    pub fn stop(self) {
        self.stop.cancel();
    }
}

impl Drop for Renewer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Starts renewing from a thread with a runtime and a connection of its own: whatever handlers
/// do to the main runtime, leases stay alive as long as the process does.
///
/// # Errors
/// When the system refuses a thread.
pub fn start_renewer(
    table: LeaseTable,
    places: HeldPlaces,
    options: QueueOptions,
    worker: WorkerId,
    settings: &QueueSettings,
) -> std::io::Result<Renewer> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let every = Duration::from_millis(settings.renew_ms);
    let longest = Duration::from_millis(settings.backoff_max_ms).min(every);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("renewer".into()).spawn(move || {
        runtime.block_on(async move {
            let work = renew_for_ever(table, places, options, worker, every, longest);
            tokio::select! {
                () = stopped.cancelled() => {}
                () = work => {}
            }
        });
    })?;
    Ok(Renewer { stop })
}

/// One loop a partition: a server that is away holds up only what lies on it.
async fn renew_for_ever(
    table: LeaseTable,
    places: HeldPlaces,
    mut options: QueueOptions,
    worker: WorkerId,
    every: Duration,
    longest: Duration,
) {
    // A reply that takes longer than this is too late to save a lease.
    options.response_timeout = options.response_timeout.min(options.lease / 2);
    let mut backoff = Backoff::new(Duration::from_millis(50), longest, 0.5);
    let queue = loop {
        match Queue::connect(options.clone()).await {
            Ok(queue) => break queue,
            Err(error) => {
                tracing::debug!(%error, "renewing can't begin; trying again");
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    };
    let loops = queue.each().map(|part| renew_one(&table, &places, part, &worker, every, longest));
    futures_util::future::join_all(loops).await;
}

async fn renew_one(
    table: &LeaseTable,
    places: &HeldPlaces,
    queue: Queue,
    worker: &WorkerId,
    every: Duration,
    longest: Duration,
) {
    let mut backoff = Backoff::new(Duration::from_millis(50), longest, 0.5);
    loop {
        match renew_once(table, places, &queue, worker).await {
            Ok(()) => {
                backoff.reset();
                tokio::time::sleep(every).await;
            }
            Err(error) => {
                tracing::debug!(%error, partition = queue.number(), "renewing failed; trying again");
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}

/// Leases first: a job whose lease runs out is taken for one that killed its worker. What can't be renewed of the one
/// keeps nothing from the other.
async fn renew_once(
    table: &LeaseTable,
    places: &HeldPlaces,
    queue: &Queue,
    worker: &WorkerId,
) -> Result<(), QueueError> {
    let leases = renew_leases(table, queue, worker).await;
    let places = places.keep(queue, worker).await;
    leases.and(places)
}

async fn renew_leases(
    table: &LeaseTable,
    queue: &Queue,
    worker: &WorkerId,
) -> Result<(), QueueError> {
    let here = queue.number();
    let leases = table.held_in(here);
    // The first partition also hears that the worker lives.
    if !leases.is_empty() || here == 0 {
        let lost = queue.renew(worker, &leases).await?;
        if !lost.is_empty() {
            tracing::warn!(jobs = ?lost, "leases lost: their handlers are told to stop");
            table.cancel(leases.iter().filter(|lease| lost.contains(&lease.job)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_anew_ends_the_older_handler_and_nothing_of_the_older_lease_touches_the_newer() {
        let table = LeaseTable::default();
        let old = Lease { job: "j".into(), token: "1".into(), partition: 0 };
        let new = Lease { token: "2".into(), ..old.clone() };
        let older = table.hold(&old);
        assert!(!older.is_cancelled());
        let cancel = table.hold(&new);
        assert!(older.is_cancelled());
        table.release(&old);
        assert_eq!(table.held_in(0), std::slice::from_ref(&new));
        assert!(table.held_in(1).is_empty());
        table.cancel([&old]);
        assert!(!cancel.is_cancelled());
        table.cancel([&new]);
        assert!(cancel.is_cancelled());
        table.release(&new);
        assert!(table.held_in(0).is_empty());
    }
}

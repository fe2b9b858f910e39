//! The leases this process holds, and the thread that renews them.

use queue_schema::client::{Backoff, Lease, Queue, QueueOptions};
use scrum_config::QueueSettings;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a held lease is tied to.
#[derive(Debug)]
struct Held {
    token: String,
    /// Fires when the lease is lost or the process gives up its jobs.
    cancel: CancellationToken,
}

/// The leases held by this process.
#[derive(Debug, Clone, Default)]
pub struct LeaseTable(Arc<Mutex<HashMap<String, Held>>>);

impl LeaseTable {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        // A panic while the lock is held can't leave the map half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to hold a lease; the token fires when the handler must stop.
    pub fn hold(&self, lease: &Lease) -> CancellationToken {
        let cancel = CancellationToken::new();
        let held = Held { token: lease.token.clone(), cancel: cancel.clone() };
        self.lock().insert(lease.job.clone(), held);
        cancel
    }

    /// Ends holding a lease, unless the job has been claimed anew under another token.
    pub fn release(&self, lease: &Lease) {
        let mut table = self.lock();
        if table.get(&lease.job).is_some_and(|h| h.token == lease.token) {
            table.remove(&lease.job);
        }
    }

    /// All leases held.
    pub fn all(&self) -> Vec<Lease> {
        self.lock()
            .iter()
            .map(|(job, held)| Lease { job: job.clone(), token: held.token.clone() })
            .collect()
    }

    /// Tells the handlers of these jobs to stop.
    pub fn cancel(&self, jobs: &[String]) {
        let table = self.lock();
        for job in jobs {
            if let Some(held) = table.get(job) {
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
    options: QueueOptions,
    worker: String,
    settings: &QueueSettings,
) -> std::io::Result<Renewer> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let every = Duration::from_millis(settings.renew_ms);
    let longest = Duration::from_millis(settings.backoff_max_ms).min(every);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("renewer".into()).spawn(move || {
        runtime.block_on(async move {
            let work = renew_for_ever(table, options, worker, every, longest);
            tokio::select! {
                () = stopped.cancelled() => {}
                () = work => {}
            }
        });
    })?;
    Ok(Renewer { stop })
}

async fn renew_for_ever(
    table: LeaseTable,
    options: QueueOptions,
    worker: String,
    every: Duration,
    longest: Duration,
) {
    let mut backoff = Backoff::new(Duration::from_millis(50), longest, 0.5);
    let mut queue = None;
    loop {
        let connected = match queue.take() {
            Some(q) => Ok(q),
            None => Queue::connect(options.clone()).await,
        };
        let renewed = match connected {
            Ok(q) => match q.renew(&worker, &table.all()).await {
                Ok(lost) => {
                    queue = Some(q);
                    Ok(lost)
                }
                Err(e) => Err(e),
            },
            Err(e) => Err(e),
        };
        match renewed {
            Ok(lost) => {
                backoff.reset();
                if !lost.is_empty() {
                    tracing::warn!(jobs = ?lost, "leases lost: their handlers are told to stop");
                    table.cancel(&lost);
                }
                tokio::time::sleep(every).await;
            }
            Err(error) => {
                tracing::debug!(%error, "renewing failed; trying again");
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_of_an_older_claim_does_not_release_the_newer() {
        let table = LeaseTable::default();
        let old = Lease { job: "j".into(), token: "1".into() };
        let new = Lease { job: "j".into(), token: "2".into() };
        table.hold(&old);
        let cancel = table.hold(&new);
        table.release(&old);
        assert_eq!(table.all(), std::slice::from_ref(&new));
        table.cancel(&["j".into()]);
        assert!(cancel.is_cancelled());
        table.release(&new);
        assert!(table.all().is_empty());
    }
}

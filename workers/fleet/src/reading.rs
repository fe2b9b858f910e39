//! Reads of local repositories: on threads that may block, within a time and a number.
//!
//! A thread that hangs on a dead mount, or on a hostile file in a git directory, can't be stopped. The job ends
//! without it; the thread keeps its place here, which limits the number of such threads.

use crate::runtime::HandlerError;
use scrum_repo::{Repo, RepoError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reads at a time. One takes milliseconds, so that few ever run at once.
const PLACES: usize = 32;
/// Reads of one repository that are late before no further one is begun.
const MOST_LATE: usize = 2;

/// Where reads take their places.
#[derive(Debug)]
pub(crate) struct Reads {
    limit: Duration,
    places: Arc<Semaphore>,
    late: Arc<Mutex<HashMap<String, usize>>>,
}

impl Reads {
    /// Reads may take so long, `worker.git_read_s`.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, places: Arc::new(Semaphore::new(PLACES)), late: Arc::default() }
    }

    /// Runs `work`, which reads the repository `of`. What belongs to a mirror has no limit here: its
    /// files are ours, and its transfers have limits of their own.
    ///
    /// # Errors
    /// Fatal for what no second try mends; else to be tried again, by this worker or another one.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        of: &str,
        work: impl FnOnce() -> Result<T, RepoError> + Send + 'static,
    ) -> Result<T, HandlerError> {
        if Repo::is_url(of) {
            return ended(tokio::task::spawn_blocking(work).await);
        }
        let late = count(&self.late, of, 0);
        if late >= MOST_LATE {
            return Err(HandlerError::Retry(format!(
                "{late} reads of {of} have not come back on this worker, and no further one is begun; \
                 look at its disk or mount, then restart the worker"
            )));
        }
        let place = tokio::time::timeout(self.limit, self.places.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(HandlerError::Retry(format!(
                "all {PLACES} places for reads of repositories are taken by reads that do not come back; \
                 look at the disks and mounts of this worker, then restart it"
            )));
        };
        let mut running = tokio::task::spawn_blocking(move || {
            let _place: OwnedSemaphorePermit = place;
            work()
        });
        if let Ok(done) = tokio::time::timeout(self.limit, &mut running).await {
            return ended(done);
        }
        let (all, of, limit) = (self.late.clone(), of.to_owned(), self.limit.as_secs());
        let error = format!(
            "reading the repository {of} took more than {limit} s (worker.git_read_s); look at its disk or \
             mount, or raise the setting"
        );
        count(&all, &of, 1);
        tokio::spawn(async move {
            let _ = running.await;
            count(&all, &of, -1);
        });
        Err(HandlerError::Retry(error))
    }
}

fn ended<T>(done: Result<Result<T, RepoError>, tokio::task::JoinError>) -> Result<T, HandlerError> {
    match done {
        Ok(Err(error)) if error.is_permanent() => Err(HandlerError::Fatal(error.to_string())),
        Ok(result) => result.map_err(|e| HandlerError::retry("git", e)),
        Err(join) => Err(HandlerError::retry("reading the repository", join)),
    }
}

/// Changes the number of late reads of a repository; returns it.
fn count(late: &Mutex<HashMap<String, usize>>, of: &str, by: isize) -> usize {
    let mut late = late.lock().unwrap_or_else(PoisonError::into_inner);
    let n = late.get(of).copied().unwrap_or(0).saturating_add_signed(by);
    if n == 0 {
        late.remove(of);
    } else {
        late.insert(of.to_owned(), n);
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn a_read_that_does_not_come_back_fails_its_job_and_not_those_of_other_repositories() {
        let reads = Reads::new(Duration::from_millis(200));
        let mut stuck = Vec::new();
        for _ in 0..MOST_LATE {
            let (tx, rx) = mpsc::channel::<()>();
            stuck.push(tx);
            let error =
                reads.run("/r", move || Ok(rx.recv().is_ok())).await.unwrap_err().to_string();
            assert!(error.contains("worker.git_read_s") && error.contains("/r"), "{error}");
        }
        let error = reads.run("/r", || Ok(())).await.unwrap_err().to_string();
        assert!(error.contains("2 reads of /r have not come back"), "{error}");
        assert!(reads.run("/other", || Ok(())).await.is_ok());
        drop(stuck);
        // They come back in the end, and with them the repository.
        while !reads.late.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(reads.run("/r", || Ok(())).await.is_ok());
    }
}

//! The committer: the one way in which a worker's effects reach the queue. It batches, and it
//! holds on to what it was given while Redis is away. There is one for each partition, so that a server
//! that is away holds up only what lies on it.

use super::alarm;
use queue_schema::client::{Backoff, Commit, Lease, Queue, QueueError};
use queue_schema::effects::{DeadClass, Effects, Ending};
use scrum_config::QueueSettings;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

/// How a commit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// All effects happened.
    Applied,
    /// None happened: the lease was somebody else's by then. (Or a first try had applied them
    /// and its reply was lost. Either way there is nothing left to do.)
    Stale,
}

struct Request {
    commit: Commit,
    reply: Option<oneshot::Sender<Committed>>,
}

/// Handle of the committers; when the last one is dropped they finish their work and end.
#[derive(Debug, Clone)]
pub struct Committer(Arc<[mpsc::UnboundedSender<Request>]>);

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Request").field(&self.commit.lease.job).finish()
    }
}

impl Committer {
    /// Starts one for each partition; the handle ends when all commits are through.
    pub fn start(queue: &Queue, settings: &QueueSettings) -> (Self, JoinHandle<()>) {
        let mut ends = Vec::new();
        let mut working = JoinSet::new();
        for part in queue.each() {
            // Unbounded, yet never longer than the permits: each commit belongs to a held lease.
            let (tx, rx) = mpsc::unbounded_channel();
            let work = Worker {
                queue: part,
                batch: settings.commit_batch as usize,
                base: Duration::from_millis(settings.backoff_base_ms),
                max: Duration::from_millis(settings.backoff_max_ms),
                jitter: settings.backoff_jitter,
            };
            ends.push(tx);
            working.spawn(work.run(rx));
        }
        let all = tokio::spawn(async move { while working.join_next().await.is_some() {} });
        (Self(ends.into()), all)
    }

    fn send(&self, request: Request) {
        // A lease names a partition that was claimed from, so there is a committer for it.
        if let Some(end) = self.0.get(usize::from(request.commit.lease.partition)) {
            let _ = end.send(request);
        }
    }

    /// Commits, through outages, and tells how it ended.
    pub async fn commit(&self, commit: Commit) -> Committed {
        let (tx, rx) = oneshot::channel();
        self.send(Request { commit, reply: Some(tx) });
        // The committer outlives its handles, so it answers; should it be gone, the lease runs
        // out and the job runs again.
        rx.await.unwrap_or(Committed::Stale)
    }

    /// Gives a job back untouched, without waiting.
    pub fn hand_back(&self, lease: Lease) {
        let effects = Effects::done().ending(Ending::HandBack);
        self.send(Request { commit: Commit { lease, effects }, reply: None });
    }
}

struct Worker {
    queue: Queue,
    batch: usize,
    base: Duration,
    max: Duration,
    jitter: f64,
}

impl Worker {
    async fn run(self, mut rx: mpsc::UnboundedReceiver<Request>) {
        let mut batch = Vec::with_capacity(self.batch);
        while rx.recv_many(&mut batch, self.batch).await > 0 {
            let commits: Vec<_> = batch.iter().map(|r| r.commit.clone()).collect();
            let applied = match self.send(&commits).await {
                Ok(applied) => applied,
                // One of them can't be applied, ever. Find it, so that the others are not hurt.
                Err(_) if commits.len() > 1 => {
                    let mut applied = Vec::with_capacity(commits.len());
                    for commit in &commits {
                        applied.push(self.send_alone(commit).await);
                    }
                    applied
                }
                Err(error) => vec![self.bury(&commits[0], &error).await],
            };
            for (request, applied) in batch.drain(..).zip(applied) {
                if let Some(reply) = request.reply {
                    let _ = reply.send(if applied { Committed::Applied } else { Committed::Stale });
                }
            }
        }
    }

    /// Sends until Redis takes it. An error that comes back is the commits' own.
    async fn send(&self, commits: &[Commit]) -> Result<Vec<bool>, QueueError> {
        let mut backoff = Backoff::new(self.base, self.max, self.jitter);
        loop {
            match self.queue.commit(commits).await {
                Err(error) if error.is_outage() => {
                    let wait = backoff.next_wait();
                    tracing::warn!(%error, commits = commits.len(), ?wait, "Redis is away; holding the commits");
                    tokio::time::sleep(wait).await;
                }
                other => return other,
            }
        }
    }

    async fn send_alone(&self, commit: &Commit) -> bool {
        match self.send(std::slice::from_ref(commit)).await {
            Ok(applied) => applied.first().copied().unwrap_or(false),
            Err(error) => self.bury(commit, &error).await,
        }
    }

    /// What becomes of a job whose effects can't be applied. Where keys can't be used that is not its own
    /// failure: it is tried again later, as often as it may be. Should not even that be possible, its lease
    /// runs out.
    async fn bury(&self, commit: &Commit, error: &QueueError) -> bool {
        if error.is_damage() {
            alarm::damaged("a job's effects can't be applied, and it waits", error);
            if matches!(commit.effects.ending, Ending::HandBack) {
                return false;
            }
            let wait = u64::try_from(self.max.as_millis()).unwrap_or(u64::MAX);
            let effects = Effects::retry(wait, format!("its effects can't be applied: {error}"));
            let later = Commit { lease: commit.lease.clone(), effects };
            return matches!(self.send(&[later]).await.as_deref(), Ok([true]));
        }
        tracing::error!(job = %commit.lease.job, %error, "these effects can't be applied; the job is dead");
        let effects =
            Effects::dead(DeadClass::Fatal, format!("its effects can't be applied: {error}"));
        let dead = Commit { lease: commit.lease.clone(), effects };
        matches!(self.send(&[dead]).await.as_deref(), Ok([true]))
    }
}

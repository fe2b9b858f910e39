//! Our queue as an apalis backend.
//!
//! `Kind = Ephemeral`: bodies are decoded by ourselves, because a body that can't be decoded
//! must become a dead letter and not the worker's end. `Error = Infallible` for the same reason:
//! the fetcher waits outages out, so nothing that Redis does reaches apalis as an error.

use super::committer::Committer;
use super::fetcher::Delivery;
use super::layer::CommitLayer;
use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::{RandomId, TaskId};
use apalis_core::worker::context::WorkerContext;
use scrum_config::QueueSettings;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{Mutex, mpsc};

/// The receiving end of the fetcher, shared so that a restarted worker finds it again.
pub type Deliveries = Arc<Mutex<mpsc::UnboundedReceiver<Delivery>>>;

/// What apalis polls for tasks.
#[derive(Debug, Clone)]
pub struct QueueBackend {
    deliveries: Deliveries,
    committer: Committer,
    settings: QueueSettings,
}

impl QueueBackend {
    /// A backend over the fetcher's deliveries.
    pub fn new(deliveries: Deliveries, committer: Committer, settings: QueueSettings) -> Self {
        Self { deliveries, committer, settings }
    }
}

impl Backend for QueueBackend {
    type Task = Task<Delivery>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Task<Delivery>, Infallible>>> {
        // One worker polls at a time; the lock is only ever contended while a restarted worker
        // takes over from its predecessor, which then is no longer polled.
        let Ok(mut deliveries) = self.deliveries.try_lock() else {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        deliveries.poll_recv(cx).map(|next| {
            next.map(|delivery| {
                let id = TaskId::from_string(delivery.job.lease.job.as_str());
                let attempt = delivery.job.attempt as usize;
                Ok(TaskBuilder::new(delivery).task_id(id).attempt(attempt).build())
            })
        })
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        // What was fetched and never started hands itself back when it is dropped.
        if let Ok(mut deliveries) = self.deliveries.try_lock() {
            deliveries.close();
            while deliveries.try_recv().is_ok() {}
        }
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for QueueBackend {
    type Args = Delivery;
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = QueueSettings;
    type Layer = CommitLayer;

    fn config(&self) -> &QueueSettings {
        &self.settings
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> CommitLayer {
        CommitLayer::new(self.committer.clone(), &self.settings)
    }
}

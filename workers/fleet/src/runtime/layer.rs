//! The tower layer that turns what a handler returns into a commit. It is the outermost layer
//! around every handler, and the only caller of the committer's `commit`.

use super::committer::{Committed, Committer};
use super::fetcher::{Delivery, Held};
use super::handler::HandlerError;
use super::places::{Places, Seat};
use super::trace;
use crate::aside::panic_message;
use crate::figures;
use apalis_core::error::BoxDynError;
use apalis_core::task::Task;
use futures_util::future::BoxFuture;
use queue_schema::client::{Backoff, Commit};
use queue_schema::effects::{DeadClass, Effects, Ending};
use scrum_config::QueueSettings;
use scrum_shown::plain;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;
use tower_layer::Layer;
use tower_service::Service;

/// Wraps handlers with the commit.
#[derive(Debug, Clone)]
pub struct CommitLayer {
    committer: Committer,
    base: Duration,
    max: Duration,
    jitter: f64,
}

impl CommitLayer {
    /// Commits through `committer`; failed jobs wait as the settings say.
    pub fn new(committer: Committer, settings: &QueueSettings) -> Self {
        Self {
            committer,
            base: Duration::from_millis(settings.backoff_base_ms),
            max: Duration::from_millis(settings.backoff_max_ms),
            jitter: settings.backoff_jitter,
        }
    }

    /// What becomes of a job whose handler failed: never the handler's choice of words alone,
    /// so that every failure has a named outcome.
    fn on_error(&self, error: &HandlerError, attempt: u32) -> Effects {
        match error {
            HandlerError::Undecodable(e) => Effects::dead(DeadClass::Undecodable, e.to_string()),
            HandlerError::Unsigned(why) => Effects::dead(DeadClass::Unsigned, why.clone()),
            HandlerError::Fatal(why) => Effects::dead(DeadClass::Fatal, why.clone()),
            HandlerError::Retry(why) => {
                let wait = Backoff::nth(self.base, self.max, self.jitter, attempt);
                Effects::retry(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), why.clone())
            }
        }
    }
}

impl<S> Layer<S> for CommitLayer {
    type Service = CommitService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        CommitService { inner, layer: self.clone() }
    }
}

/// See [`CommitLayer`].
#[derive(Debug, Clone)]
pub struct CommitService<S> {
    inner: S,
    layer: CommitLayer,
}

impl<S> Service<Task<Delivery>> for CommitService<S>
where
    S: Service<Task<Delivery>, Response = Result<Effects, HandlerError>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxDynError>,
{
    type Response = Committed;
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<Committed, BoxDynError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut task: Task<Delivery>) -> Self::Future {
        let lease = task.args.job.lease.clone();
        let attempt = task.args.job.attempt;
        let cancel = task.args.cancel.clone();
        let held = task.args.held.take();
        let layer = self.layer.clone();
        let run = trace::Run::of(&task.args.job);
        let mut counted = figures::of_process().job(&run.kind, task.args.job.waited);
        let mut span = run.span(&task.args.job);
        let trace = run.trace;
        let handler = trace::within(trace.clone(), &lease.job, self.inner.call(task));
        let handler = in_seat(held.as_ref().map(Held::seat), handler);
        Box::pin(async move {
            // A task of its own: handlers run on all threads, and a panic is one job's failure.
            // If apalis drops this future, the task ends with it.
            let mut running =
                AbortOnDropHandle::new(tokio::spawn(
                    async move { handler.await.map_err(Into::into) },
                ));
            let ended: Result<Result<Result<Effects, HandlerError>, BoxDynError>, _> = tokio::select! {
                ended = &mut running => ended,
                () = cancel.cancelled() => {
                    running.abort();
                    // Waits until the handler is really gone: no work without a lease.
                    let _ = running.await;
                    // Dropping `held` hands the job back; if the lease was lost that is a no-op.
                    drop(held);
                    counted.ends("stale");
                    span.set("scrum.ending", "stale");
                    return Ok(Committed::Stale);
                }
            };
            let effects = match ended {
                Ok(Ok(Ok(mut effects))) => {
                    if let Some(trace) = &trace {
                        trace::pass_on(trace, &mut effects);
                    }
                    effects
                }
                Ok(Ok(Err(error))) => {
                    tracing::warn!(job = %lease.job, attempt, %error, "the handler failed");
                    layer.on_error(&error, attempt)
                }
                Ok(Err(error)) => layer.on_error(&HandlerError::Retry(error.to_string()), attempt),
                Err(join) => {
                    let why = panic_message(join);
                    tracing::error!(job = %lease.job, attempt, why, "the handler panicked");
                    layer.on_error(&HandlerError::Retry(why), attempt)
                }
            };
            let ending = ending_word(&effects.ending);
            if let Ending::Retry { reason, .. } | Ending::Dead { reason, .. } = &effects.ending {
                span.fails(plain(reason));
            }
            let committed = layer.committer.commit(Commit { lease: lease.clone(), effects }).await;
            let ended = if committed == Committed::Applied { ending } else { "stale" };
            counted.ends(ended);
            span.set("scrum.ending", ended);
            tracing::debug!(job = %lease.job, ending, ?committed, "committed");
            if let Some(mut held) = held {
                held.settle();
            }
            Ok(committed)
        })
    }
}

/// Runs a handler in its seat, from which it may take places.
async fn in_seat<F: Future>(seat: Option<Arc<Seat>>, handler: F) -> F::Output {
    match seat {
        Some(seat) => Places::within(seat, handler).await,
        None => handler.await,
    }
}

fn ending_word(ending: &Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Retry { .. } => "retry",
        Ending::Wait { .. } => "wait",
        Ending::Dead { .. } => "dead",
        Ending::HandBack => "hand_back",
    }
}

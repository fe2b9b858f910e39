//! The runtime: apalis workers over our own backend.
//!
//! Four parts that do not wait for each other: the [`fetcher`] claims as many jobs as there is
//! use for and otherwise sleeps until it is woken; the renewer keeps leases alive from a
//! thread of its own, which no handler can starve; the [`committer`] batches commits and holds
//! on to them while Redis is away; apalis runs the handlers between the two. With several partitions,
//! the first three exist once for each. [`places`] gives each call its place in the pool of its provider.

pub mod alarm;
pub mod backend;
pub mod committer;
pub mod fetcher;
pub mod handler;
pub mod layer;
pub mod leases;
pub mod trace;

use anyhow::Context as _;
use apalis::prelude::{Monitor, WorkerBuilder};
use backend::QueueBackend;
use committer::Committer;
use fetcher::Delivery;
use futures_util::future::BoxFuture;
pub use handler::{Handler, HandlerError};
use leases::LeaseTable;
use places::Places;
use queue_schema::client::{PoolLimits, Queue};
use queue_schema::effects::Effects;
use queue_schema::ids::WorkerId;
pub use scrum_calls::places;
use scrum_config::QueueSettings;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What a worker process is told to do.
#[derive(Debug, Clone, Default)]
pub struct WorkerOptions {
    /// Lanes served, `KIND:*` for all of a kind; empty for all.
    pub lanes: Vec<String>,
    /// All lanes that are known, when it serves all: see [`fetcher::Fetcher::known`].
    pub known: Vec<String>,
    /// Calls and other jobs at a time.
    pub concurrency: usize,
    /// Whether jobs are prepared ahead of their calls.
    pub ahead: bool,
    /// Pools whose calls take places.
    pub pools: BTreeMap<String, PoolLimits>,
    /// How long running jobs may take to finish after the first signal.
    pub grace: Duration,
}

/// Unique per process start, so that a restarted worker never passes for its predecessor.
pub fn worker_id() -> WorkerId {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.subsec_nanos());
    format!("{}-{}-{nanos:08x}", host(), std::process::id()).into()
}

/// Name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Runs one worker until `stop` resolves and its jobs have ended.
///
/// After `stop`, nothing is claimed any more. Running jobs get the grace time; what is not
/// finished then, or when `kill` resolves, is handed back to the queue untouched.
///
/// # Errors
/// When Redis can't be reached at the start. Later outages are waited out.
pub async fn run(
    settings: QueueSettings,
    queue: Queue,
    handler: impl Handler,
    options: WorkerOptions,
    stop: impl Future<Output = ()> + Send + 'static,
    kill: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let id = worker_id();
    let pid = std::process::id();
    let concurrency = u32::try_from(options.concurrency).unwrap_or(u32::MAX);
    queue
        .register_worker(&id, &host(), pid, concurrency, &options.lanes)
        .await
        .context("this worker could not register")?;

    let leases = LeaseTable::default();
    let (committer, flushing) = Committer::start(&queue, &settings);
    let stopping = CancellationToken::new();
    let pools = options.pools.clone();
    let (places, returning) = Places::start(
        &queue,
        &id,
        &settings,
        pools,
        (concurrency, options.ahead),
        stopping.clone(),
    );
    let (held, server) = (places.held(), queue.options().clone());
    let renewer = leases::start_renewer(leases.clone(), held, server, id.clone(), &settings)?;
    let (deliveries, fetching) = fetcher::start(&fetcher::Fetcher {
        queue: queue.clone(),
        worker: id.clone(),
        lanes: options.lanes.clone(),
        known: options.known.clone(),
        leases: leases.clone(),
        places,
        committer: committer.clone(),
        stopping: stopping.clone(),
        settings: settings.clone(),
    });

    let monitor = monitor(deliveries, committer.clone(), &settings, id.clone(), handler);
    tracing::info!(worker = %id, concurrency, lanes = ?options.lanes, "worker started");
    let stop_all = stopping.clone();
    let killer = tokio::spawn(end_running(stopping.clone(), kill, options.grace, leases.clone()));
    let outcome = monitor
        .run_with_signal(async move {
            stop.await;
            tracing::info!("draining: no new jobs are taken");
            stop_all.cancel();
            Ok(())
        })
        .await;

    stopping.cancel();
    killer.abort();
    let _ = fetching.await;
    // Everything that holds a lease is gone now or hands it back through the committer.
    drop(committer);
    flush(flushing, returning, options.grace).await;
    renewer.stop();
    let _ = tokio::time::timeout(Duration::from_secs(2), queue.unregister_worker(&id)).await;
    tracing::info!(worker = %id, "worker stopped");
    outcome.context("the worker loop failed")
}

/// Runs the handlers. The factory runs once now and again should apalis ever restart the worker; the channel of
/// deliveries outlives such a restart.
fn monitor(
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    committer: Committer,
    settings: &QueueSettings,
    id: WorkerId,
    handler: impl Handler,
) -> Monitor {
    let deliveries = Arc::new(tokio::sync::Mutex::new(deliveries));
    let backend = QueueBackend::new(deliveries, committer, settings.clone());
    Monitor::new()
        .register(move |_restarts| {
            WorkerBuilder::new(id.as_str())
                .backend(backend.clone())
                .build(work_with(handler.clone()))
        })
        .should_restart(|_, error| {
            tracing::error!(%error, "the worker loop ended; starting it again");
            true
        })
}

/// Ends running jobs: some time after the worker began to stop, or when `kill` resolves.
async fn end_running(
    stopping: CancellationToken,
    kill: impl Future<Output = ()>,
    grace: Duration,
    leases: LeaseTable,
) {
    stopping.cancelled().await;
    tokio::select! {
        () = kill => tracing::warn!("second signal: handing running jobs back at once"),
        () = tokio::time::sleep(grace) => tracing::warn!("grace time is over: handing running jobs back"),
    }
    leases.cancel_all();
}

/// Waits until the last commits and places have arrived, for a bounded time.
async fn flush(flushing: JoinHandle<()>, returning: JoinHandle<()>, grace: Duration) {
    let flushed = tokio::time::timeout(grace.max(Duration::from_secs(1)), flushing).await;
    if flushed.is_err() {
        tracing::warn!(
            "Redis did not take the last commits; their leases will run out and the jobs run again"
        );
    }
    // Every place has gone back by now, or runs out.
    let _ = tokio::time::timeout(Duration::from_secs(1), returning).await;
}

/// The function that apalis calls: the inner result is the handler's, the outer one is apalis's
/// and never fails.
fn work_with<H: Handler>(
    handler: H,
) -> impl FnMut(Delivery) -> BoxFuture<'static, Result<Handled, Infallible>> + Clone + Send + 'static
{
    move |delivery: Delivery| {
        let work = handler.handle(delivery.job);
        Box::pin(async move { Ok(work.await) })
    }
}

/// What a handler returned.
type Handled = Result<Effects, HandlerError>;

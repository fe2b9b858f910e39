//! Looks for failures that pile up, and has each trouble diagnosed once in a window of time. Every worker asks for its
//! turn; one in the fleet gets it. Whoever dies in its turn leaves the next one to another: what is enqueued is named
//! after the trouble and its window, so that it is there once, whoever asks.

use queue_schema::client::{Queue, QueueError};
use queue_schema::effects::NewJob;
use queue_schema::rows::DiagnosisRow;
use scrum_config::Settings;
use scrum_domain::observe::{Bounds, Cluster, clusters};
use scrum_knowledge::Error;
use scrum_knowledge::observe::failures;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// Starts the looks; they end when the handle is dropped. `None` where no events are written.
pub fn start(queue: Queue, settings: &Settings) -> Option<AbortOnDropHandle<()>> {
    let observe = &settings.observe;
    if !observe.enabled {
        return None;
    }
    let every = Duration::from_secs(observe.interval_s);
    let (window_ms, threshold) = observe.bounds();
    let bounds = Bounds { window_ms, threshold };
    let provider = observe.rung().map(|rung| rung.provider).unwrap_or_default();
    let who = crate::runtime::worker_id();
    Some(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            for part in queue.each() {
                let done = async {
                    // A little less than the interval, or the next look would find the last one's turn.
                    if part.take_observing(&who, every.mul_f64(0.9)).await? {
                        look(&part, bounds, &provider).await?;
                    }
                    Ok(())
                };
                if let Err::<(), Error>(error) = done.await {
                    tracing::debug!(%error, partition = part.number(), "looking for troubles failed");
                }
            }
        }
    })))
}

async fn look(part: &Queue, bounds: Bounds, provider: &str) -> Result<(), Error> {
    let from_ms = bounds.from_ms(part.now_ms().await?);
    let mut jobs = Vec::new();
    for cluster in clusters(&failures(part, from_ms).await?, bounds) {
        if !is_known(part, &cluster).await? {
            let job = cluster.job(bounds, provider);
            jobs.push(NewJob::of(&job).map_err(|e| Error::Job(e.to_string()))?);
        }
    }
    if !jobs.is_empty() {
        part.enqueue(&jobs).await?;
    }
    Ok(())
}

/// Whether the diagnosis is there, or nobody would read it: its sweep is gone.
async fn is_known(part: &Queue, cluster: &Cluster) -> Result<bool, QueueError> {
    let (sweep, id) = (&cluster.key.sweep, cluster.key.row_id(cluster.window));
    if part.sweep_status(sweep).await?.is_none() {
        return Ok(true);
    }
    Ok(part.row::<DiagnosisRow>(sweep, &id).await?.is_some())
}

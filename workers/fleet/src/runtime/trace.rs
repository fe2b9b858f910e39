//! The trace of the job that runs: what it logs, whom it asks and what it enqueues carry it on.

use queue_schema::client::ClaimedJob;
use queue_schema::effects::{Effect, Effects};
use queue_schema::envelope::Envelope;
use queue_schema::ids::JobId;
use queue_schema::trace::Trace;
use std::future::Future;
use tracing::Instrument as _;

tokio::task_local! {
    static NOW: Option<Trace>;
}

/// Where the running job stands in its trace; `None` outside a job, or for one without a trace.
pub fn current() -> Option<Trace> {
    NOW.try_with(Clone::clone).ok().flatten()
}

/// The run of a job, as a child of what enqueued it.
pub fn of(job: &ClaimedJob) -> Option<Trace> {
    let body = job.body.as_ref().ok()?;
    let cause = Envelope::decode(body).ok()?.tp?;
    Some(Trace::parse(&cause)?.child(&[&job.lease.job, &job.lease.token]))
}

/// Runs a handler within its trace.
pub fn within<F: Future>(
    trace: Option<Trace>,
    job: &JobId,
    handler: F,
) -> impl Future<Output = F::Output> + use<F> {
    let (id, span) = trace.as_ref().map_or(("", ""), |t| (&t.trace_id, &t.span_id));
    let span = tracing::info_span!("job", id = %job, trace = id, span);
    NOW.scope(trace, handler).instrument(span)
}

/// Hands the trace on to all that the job enqueues.
pub fn pass_on(trace: &Trace, effects: &mut Effects) {
    for effect in &mut effects.list {
        match effect {
            Effect::Enqueue(job) | Effect::Barrier { then: job, .. } => job.trace(trace),
            _ => {}
        }
    }
}

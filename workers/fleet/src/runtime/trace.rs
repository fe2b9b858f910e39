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

/// One run of a job.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Its kind, as its envelope names it.
    pub kind: String,
    /// What enqueued it.
    pub cause: Option<Trace>,
    /// The run itself, as a child of its cause.
    pub trace: Option<Trace>,
}

impl Run {
    /// What a claim says of it; of a body that can't be read nothing is known.
    pub fn of(job: &ClaimedJob) -> Self {
        let decoded = job.body.as_ref().ok().and_then(|body| Envelope::decode(body).ok());
        let Some(envelope) = decoded else { return Self::default() };
        let cause = envelope.tp.as_deref().and_then(Trace::parse);
        let trace = cause.as_ref().map(|cause| cause.child(&[&job.lease.job, &job.lease.token]));
        Self { kind: envelope.kind, cause, trace }
    }
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

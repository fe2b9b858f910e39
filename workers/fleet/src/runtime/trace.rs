//! The trace of the job that runs: what it logs, whom it asks and what it enqueues carry it on.

use queue_schema::client::ClaimedJob;
use queue_schema::effects::{Effect, Effects};
use queue_schema::envelope::Envelope;
use queue_schema::ids::JobId;
use queue_schema::trace::Trace;
use scrum_shown::plain;
use scrum_traces::{Kind, Span};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tracing::Instrument as _;

tokio::task_local! {
    static NOW: Option<Arc<Place>>;
}

/// Where a running job stands.
#[derive(Debug)]
struct Place {
    trace: Trace,
    calls: AtomicU32,
}

fn now() -> Option<Arc<Place>> {
    NOW.try_with(Clone::clone).ok().flatten()
}

/// Where the running job stands in its trace; `None` outside a job, or for one without a trace.
pub fn current() -> Option<Trace> {
    now().map(|place| place.trace.clone())
}

/// Begins a call of a model by the running job: where it stands, and its span, whose names are those of OpenTelemetry's
/// conventions for generative models.
pub fn call(provider: &str, model: &str) -> (Option<Trace>, Span) {
    let Some(place) = now() else { return (None, Span::none()) };
    let n = place.calls.fetch_add(1, Ordering::Relaxed).to_string();
    let trace = place.trace.child(&["call", &n]);
    let name = format!("chat {}", plain(model));
    let mut span = scrum_traces::span(name, Kind::Client, &trace, Some(&place.trace));
    span.set("gen_ai.operation.name", "chat");
    span.set("gen_ai.provider.name", provider.to_owned());
    span.set("gen_ai.request.model", plain(model));
    (Some(trace), span)
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

    /// Begins its span.
    pub fn span(&self, job: &ClaimedJob) -> Span {
        let Some(trace) = &self.trace else { return Span::none() };
        let mut span =
            scrum_traces::span(plain(&self.kind), Kind::Consumer, trace, self.cause.as_ref());
        if span.is_seen() {
            span.set("scrum.job", job.lease.job.to_string());
            span.set("scrum.lane", job.lane.clone());
            span.set("scrum.attempt", i64::from(job.attempt));
            span.set("scrum.waited_ms", i64::try_from(job.waited.as_millis()).unwrap_or(i64::MAX));
        }
        span
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
    let place = trace.map(|trace| Arc::new(Place { trace, calls: AtomicU32::new(0) }));
    NOW.scope(place, handler).instrument(span)
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

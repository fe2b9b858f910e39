//! Spans of what the fleet does, sent to an OpenTelemetry collector (OTLP over HTTP), where `traces.endpoint` names one.
//!
//! The ids of spans are not drawn: they follow from what a span is about (`queue_schema::trace`), so that every program
//! knows the id of the span above without being told. That is why spans are made here as data and handed to the
//! SDK's batches, instead of being begun by its tracer. A span that ends costs a place in a queue of a bounded length;
//! without a collector it costs nothing.

mod client;

use client::Client;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _,
};
use queue_schema::trace::Trace;
use scrum_config::TracesSettings;
use std::borrow::Cow;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

/// Of all spans.
const SCOPE: &str = "scrum-fleet";

/// A process has one collector.
static COLLECTOR: OnceLock<Collector> = OnceLock::new();

#[derive(Debug)]
struct Collector {
    /// Taken out when the program ends.
    batches: RwLock<Option<BatchSpanProcessor>>,
    timeout: Duration,
    program: &'static str,
}

/// Why no spans can be sent.
#[derive(Debug, thiserror::Error)]
#[error("traces.endpoint {endpoint} can't be used: {why}")]
pub struct SetupError {
    endpoint: String,
    why: String,
}

/// What a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It enqueues work.
    Producer,
    /// It runs a job.
    Consumer,
    /// It waits for somebody else's answer.
    Client,
}

/// Begins to send spans under the name of a program, if the settings name a collector. Later calls do nothing.
///
/// # Errors
/// When no client can be made. A collector that does not answer is no error: spans are dropped, and the log says so.
pub fn start(settings: &TracesSettings, program: &'static str) -> Result<(), SetupError> {
    if settings.endpoint.is_empty() || COLLECTOR.get().is_some() {
        return Ok(());
    }
    let failed = |why: String| SetupError { endpoint: settings.endpoint.clone(), why };
    let timeout = Duration::from_millis(settings.timeout_ms);
    let client = Client::new(timeout).map_err(failed)?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(timeout)
        .with_endpoint(format!("{}/v1/traces", settings.endpoint.trim_end_matches('/')))
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let queue = usize::try_from(settings.queue).unwrap_or(usize::MAX);
    let config = BatchConfigBuilder::default().with_max_queue_size(queue).build();
    let mut batches = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    let resource = Resource::builder_empty().with_attributes([
        KeyValue::new("service.name", program),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", std::process::id().to_string()),
    ]);
    batches.set_resource(&resource.build());
    let _ = COLLECTOR.set(Collector { batches: RwLock::new(Some(batches)), timeout, program });
    tracing::info!("spans are sent to {}", settings.endpoint);
    Ok(())
}

/// Sends what is left, for as long as `traces.timeout_ms` at most; it blocks. Spans that end later are dropped.
pub fn finish() {
    let Some(collector) = COLLECTOR.get() else {
        return;
    };
    let batches = collector.batches.write().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(batches) = batches
        && let Err(error) = batches.shutdown_with_timeout(collector.timeout)
    {
        tracing::debug!(%error, program = collector.program, "the last spans were not delivered");
    }
}

/// A span that has begun; it ends when it is dropped. Without a collector it is nothing.
#[derive(Debug)]
pub struct Span(Option<Box<SpanData>>);

/// Begins a span at its place in a trace, below `above`.
pub fn span(
    name: impl Into<Cow<'static, str>>,
    kind: Kind,
    at: &Trace,
    above: Option<&Trace>,
) -> Span {
    if COLLECTOR.get().is_none() {
        return Span(None);
    }
    let id = |trace: &Trace| SpanId::from_hex(&trace.span_id).unwrap_or(SpanId::INVALID);
    let trace = TraceId::from_hex(&at.trace_id).unwrap_or(TraceId::INVALID);
    let context =
        SpanContext::new(trace, id(at), TraceFlags::SAMPLED, false, TraceState::default());
    let now = SystemTime::now();
    Span(Some(Box::new(SpanData {
        span_context: context,
        parent_span_id: above.map_or(SpanId::INVALID, id),
        parent_span_is_remote: matches!(kind, Kind::Consumer),
        span_kind: match kind {
            Kind::Producer => SpanKind::Producer,
            Kind::Consumer => SpanKind::Consumer,
            Kind::Client => SpanKind::Client,
        },
        name: name.into(),
        start_time: now,
        end_time: now,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder(SCOPE).build(),
    })))
}

/// Begins the span at the top of a sweep's trace. Whoever creates the sweep sends it; it is discarded where the sweep was
/// there before.
pub fn sweep(id: &str) -> Span {
    let mut span = self::span("sweep", Kind::Producer, &Trace::of_sweep(id), None);
    span.set("scrum.sweep", id.to_owned());
    span
}

impl Span {
    /// One that nobody will see.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Whether anybody will see it: what is written into it need not be computed otherwise.
    pub fn is_seen(&self) -> bool {
        self.0.is_some()
    }

    /// Writes an attribute into it.
    pub fn set(&mut self, name: &'static str, value: impl Into<opentelemetry::Value>) {
        if let Some(data) = &mut self.0 {
            data.attributes.push(KeyValue::new(name, value));
        }
    }

    /// Says that what it stands for failed.
    pub fn fails(&mut self, why: impl Into<Cow<'static, str>>) {
        if let Some(data) = &mut self.0 {
            data.status = Status::error(why);
        }
    }

    /// Nobody shall see it: what it stands for did not happen.
    pub fn discard(mut self) {
        self.0 = None;
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let (Some(mut data), Some(collector)) = (self.0.take(), COLLECTOR.get()) else {
            return;
        };
        data.end_time = SystemTime::now();
        let batches = collector.batches.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(batches) = &*batches {
            batches.on_end(*data);
        }
    }
}

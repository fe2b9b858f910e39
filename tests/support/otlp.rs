//! A collector of spans: OTLP over HTTP, as far as an exporter can see.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use prost::Message as _;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A span as it was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// `service.name` of its program.
    pub program: String,
    /// `service.instance.id`: its process.
    pub process: String,
    /// Its name.
    pub name: String,
    /// Trace, span and the span above, in hex; the last is empty at the top.
    pub ids: [String; 3],
    /// Its attributes as texts.
    pub attributes: BTreeMap<String, String>,
    /// Whether it says that it failed.
    pub failed: bool,
    /// Nanoseconds since the epoch: begin and end.
    pub times: [u64; 2],
}

/// A running collector; it lives as long as the process.
pub struct Collector {
    /// What `traces.endpoint` is set to.
    pub url: String,
    spans: Arc<Mutex<Vec<Sent>>>,
    connections: Arc<Mutex<usize>>,
}

impl Collector {
    /// Starts one on a free port of this machine.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (spans, connections) = (Arc::default(), Arc::default());
        let this = Self { url, spans, connections };
        let (spans, connections) = (this.spans.clone(), this.connections.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                *connections.lock().unwrap() += 1;
                let spans = spans.clone();
                std::thread::spawn(move || while take(&stream, &spans).is_some() {});
            }
        });
        this
    }

    /// All spans that came so far.
    pub fn spans(&self) -> Vec<Sent> {
        self.spans.lock().unwrap().clone()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

/// One request; `None` at the end.
fn take(mut stream: &TcpStream, spans: &Mutex<Vec<Sent>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut first) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        if first.is_empty() {
            first.clone_from(&line);
        }
        let header = line.trim().to_lowercase();
        if let Some(n) = header.strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
        if header.is_empty() {
            break;
        }
    }
    assert!(first.starts_with("POST /v1/traces "), "{first}");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
    spans.lock().unwrap().extend(read(&request));
    stream
        .write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
        )
        .ok()
}

fn read(request: &ExportTraceServiceRequest) -> Vec<Sent> {
    let mut all = Vec::new();
    for of_program in &request.resource_spans {
        let resource = of_program.resource.as_ref().map(|r| texts(&r.attributes));
        let of = |name: &str| resource.as_ref().and_then(|r| r.get(name).cloned());
        for span in of_program.scope_spans.iter().flat_map(|scope| &scope.spans) {
            all.push(Sent {
                program: of("service.name").unwrap_or_default(),
                process: of("service.instance.id").unwrap_or_default(),
                name: span.name.clone(),
                ids: [&span.trace_id, &span.span_id, &span.parent_span_id].map(|id| hex(id)),
                attributes: texts(&span.attributes),
                failed: span.status.as_ref().is_some_and(|status| status.code == 2),
                times: [span.start_time_unix_nano, span.end_time_unix_nano],
            });
        }
    }
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|v| v.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(n)) => n.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|of| (of.key.clone(), text(&of.value))).collect()
}

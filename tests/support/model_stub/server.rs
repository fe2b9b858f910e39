//! The server: accepts, routes, and plays an answer step by step.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Shared;
use super::frames::{Form, Said, Wire};
use super::log::{InFlight, Recorded};
use super::script::{Gate, Reply, Usage};

/// Bytes after which a loop ends that nobody stops.
const LOOP_BYTES: usize = 5_000_000;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Serves until `stopped`; then every connection is cut.
pub(crate) fn run(listener: TcpListener, shared: Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let accept = async {
            loop {
                let Ok((stream, peer)) = listener.accept().await else { continue };
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&shared);
                let service = service_fn(move |request| {
                    let shared = Arc::clone(&shared);
                    async move { Ok::<_, Infallible>(answer(request, peer, &shared).await) }
                });
                tokio::spawn(async move {
                    // The error of a cut connection is what the test asked for.
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        };
        tokio::select! {
            () = accept => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_background();
}

async fn answer(request: Request<Incoming>, peer: SocketAddr, shared: &Shared) -> Response<Body> {
    let (head, body) = request.into_parts();
    let headers: BTreeMap<String, String> = head
        .headers
        .iter()
        .map(|(n, v)| (n.as_str().to_owned(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
        .collect();
    let key = shared.key.lock().expect("key").clone();
    if let Some(key) = key
        && headers.get("authorization") != Some(&format!("Bearer {key}"))
        && ["x-api-key", "api-key"].iter().all(|name| headers.get(*name) != Some(&key))
    {
        let told =
            json!({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}});
        return simple(401, &told);
    }
    let models = shared.models.lock().expect("models").clone();
    let path = head.uri.path_and_query().map_or("", |p| p.as_str()).to_owned();
    let wire = match head.uri.path() {
        "/v1/models" | "/openai/models" | "/openai/v1/models" => {
            let list: Vec<_> = models.iter().map(|m| json!({"id": m, "object": "model"})).collect();
            return simple(200, &json!({"object": "list", "data": list}));
        }
        "/api/tags" => {
            let list: Vec<_> =
                models.iter().map(|m| json!({"name": m, "model": m, "size": 1_000_000})).collect();
            return simple(200, &json!({"models": list}));
        }
        "/api/version" => return simple(200, &json!({"version": "0.13.0-stub"})),
        "/embed" | "/api/embed" | "/v1/embeddings" => {
            let Ok(body) = body.collect().await else { return simple(400, &json!("broke off")) };
            let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
            return match shared.embed.answer(&path, body, headers) {
                Some((status, more, body)) => {
                    let mut response = simple(status, &Value::Null);
                    for (name, value) in more {
                        let name: hyper::header::HeaderName = name.parse().expect("a name");
                        response.headers_mut().insert(name, value.parse().expect("a value"));
                    }
                    let frame = Ok(Frame::data(Bytes::from(body)));
                    *response.body_mut() =
                        BodyExt::boxed_unsync(StreamBody::new(stream::iter([frame])));
                    response
                }
                None => std::future::pending().await,
            };
        }
        "/v1/chat/completions" | "/openai/v1/chat/completions" => Wire::Openai,
        "/v1/messages" => Wire::Anthropic,
        "/v1/chat" => Wire::Gateway,
        azure if azure.starts_with("/openai/deployments/") => Wire::Openai,
        "/api/chat" => Wire::Ollama,
        _ => return simple(404, &json!("404 page not found")),
    };
    let Ok(body) = body.collect().await else { return simple(400, &json!("body broke off")) };
    let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    let form = Form::of(wire, &body);
    let (call, flight) = shared.log.arrived(record(wire, path, peer, body, headers));
    let reply = shared.script.lock().expect("script").decide(&call);
    play(reply, &form, flight).await
}

fn record(
    wire: Wire,
    path: String,
    peer: SocketAddr,
    body: Value,
    headers: BTreeMap<String, String>,
) -> Recorded {
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let text = |message: &Value| match &message["content"] {
        Value::Array(blocks) => blocks.iter().filter_map(|b| b["text"].as_str()).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    // Anthropic's stands outside of the messages.
    let apart = text(&json!({"content": body["system"]}));
    let system = messages.iter().find(|m| m["role"] == "system").map_or(apart, text);
    let others = messages.iter().filter(|m| m["role"] != "system").map(text);
    let first = Some(system.clone()).filter(|s| !s.is_empty());
    let prompt = first.into_iter().chain(others).collect::<Vec<_>>().join("\n");
    // A gateway is told who serves a model.
    let model = body["model"].as_str().unwrap_or_default();
    let model = match body["provider"].as_str() {
        Some(provider) if wire == Wire::Gateway => format!("{provider}/{model}"),
        _ => model.to_owned(),
    };
    Recorded {
        n: 0,
        wire,
        path,
        model,
        system,
        prompt,
        body,
        headers,
        peer,
        at: Instant::now(),
        in_flight: 0,
    }
}

/// One step of an answer.
enum Step {
    Send(Bytes),
    Pause(Duration),
    Wait(Gate),
    /// The same bytes each so often, without end.
    Repeat(Bytes, Duration),
    Stall,
    Cut,
}

async fn play(mut reply: Reply, form: &Form, flight: InFlight) -> Response<Body> {
    loop {
        reply = match reply {
            Reply::Hold(gate, then) => {
                gate.passed().await;
                *then
            }
            Reply::Latency(delay, then) => {
                tokio::time::sleep(delay).await;
                *then
            }
            Reply::Silence => std::future::pending().await,
            other => break play_now(other, form, flight),
        }
    }
}

fn play_now(reply: Reply, form: &Form, flight: InFlight) -> Response<Body> {
    let (status, headers, steps) = plan(reply, form);
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(stream_of(steps, flight)).expect("a response")
}

/// Status, headers and steps of an answer.
fn plan(reply: Reply, form: &Form) -> (u16, Vec<(String, String)>, Vec<Step>) {
    let send = |frames: Vec<Bytes>| frames.into_iter().map(Step::Send).collect::<Vec<_>>();
    let counts = Usage::tokens(form.prompt_tokens, 10);
    let mut content_type = form.content_type().to_owned();
    let steps = match reply {
        Reply::Status { code, mut headers, body } => {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
            return (code, headers, vec![Step::Send(body.into())]);
        }
        Reply::Ok(text, usage) if usage.counted => {
            let usage = Usage { tokens_in: form.prompt_tokens, ..usage };
            send(form.whole(Said::Text(&text), "stop", &usage))
        }
        Reply::Ok(text, usage) => send(form.whole(Said::Text(&text), "stop", &usage)),
        Reply::Length(text) => send(form.whole(Said::Text(&text), "length", &counts)),
        Reply::Refusal(text) => send(form.whole(Said::Refusal(&text), "stop", &counts)),
        Reply::Huge(bytes) => {
            // Numbers, because what repeats itself is ended for that.
            let mut text = (0..=bytes / 2).fold(String::new(), |mut text, n| {
                if text.len() < bytes {
                    let _ = write!(text, "{n} ");
                }
                text
            });
            text.truncate(bytes);
            send(form.whole(Said::Text(&text), "stop", &counts))
        }
        Reply::Loop(text) => {
            let frame = form.piece(&text);
            let times = LOOP_BYTES / frame.len();
            let round = || [Step::Pause(Duration::from_millis(1)), Step::Send(frame.clone())];
            let mut steps: Vec<Step> = (0..times).flat_map(|_| round()).collect();
            steps.extend(send(form.end("length", &counts)));
            steps
        }
        Reply::ErrorBodyUnder200(error) => {
            "application/json".clone_into(&mut content_type);
            vec![Step::Send(json!({"error": error}).to_string().into())]
        }
        Reply::ErrorMidStream(text, error) => {
            let mut frames = form.pieces(&text);
            frames.push(form.frame(&json!({"error": error})));
            send(frames)
        }
        Reply::ErrorField(text, error) => {
            let mut frames = form.pieces(&text);
            frames.push(format!("error: {error}\n\n").into());
            send(frames)
        }
        Reply::CutStream(text, after) => {
            let mut body = form.whole(Said::Text(&text), "stop", &counts).concat();
            body.truncate(after);
            vec![Step::Send(body.into()), Step::Cut]
        }
        Reply::NoFinish(text) => send(form.pieces(&text)),
        Reply::Drip(text, delay) => {
            let frames = form.whole(Said::Text(&text), "stop", &counts);
            frames.into_iter().flat_map(|f| [Step::Pause(delay), Step::Send(f)]).collect()
        }
        Reply::Stall(text) => {
            let mut steps = send(form.pieces(&text));
            steps.push(Step::Stall);
            steps
        }
        Reply::KeepAlive(every) => vec![Step::Repeat(form.alive(), every)],
        Reply::InvalidUtf8 => {
            let mut frame = form.piece("text that @ breaks").to_vec();
            for byte in frame.iter_mut().filter(|b| **b == b'@') {
                *byte = 0xff;
            }
            let mut frames = vec![Bytes::from(frame)];
            frames.extend(form.end("stop", &counts));
            send(frames)
        }
        Reply::Thoughts(thoughts, text) => {
            let mut frames = vec![form.thought(&thoughts)];
            frames.extend(form.whole(Said::Text(&text), "stop", &counts));
            send(frames)
        }
        Reply::Raw(kind, body) => {
            content_type = kind;
            vec![Step::Send(body.into())]
        }
        Reply::HoldMidway(gate, text) => {
            let mut steps = send(form.whole(Said::Text(&text), "stop", &counts));
            steps.insert(steps.len() / 2, Step::Wait(gate));
            steps
        }
        // Resolved before an answer is planned.
        Reply::Hold(..) | Reply::Latency(..) | Reply::Silence => vec![Step::Stall],
    };
    (200, vec![("content-type".to_owned(), content_type)], steps)
}

/// A body that takes the steps one by one. The call is in flight until its last bytes leave, or until the body is
/// dropped: whoever has these bytes may call again before this task runs once more.
fn stream_of(steps: Vec<Step>, flight: InFlight) -> Body {
    let state = (std::collections::VecDeque::from(steps), Some(flight));
    let frames = stream::unfold(state, |(mut steps, mut flight)| async move {
        loop {
            match steps.pop_front() {
                None => {
                    if let Some(flight) = flight.take() {
                        flight.complete();
                    }
                    return None;
                }
                Some(Step::Send(bytes)) => {
                    // A broken connection also loses what was written just before, unless it is
                    // given the time to leave.
                    if matches!(steps.front(), Some(Step::Cut)) {
                        steps.push_front(Step::Pause(Duration::from_millis(20)));
                    }
                    if let Some(flight) = &flight {
                        flight.sends(bytes.len());
                    }
                    if steps.is_empty()
                        && let Some(flight) = flight.take()
                    {
                        flight.complete();
                    }
                    return Some((Ok(Frame::data(bytes)), (steps, flight)));
                }
                Some(Step::Pause(delay)) => tokio::time::sleep(delay).await,
                Some(Step::Wait(gate)) => gate.passed().await,
                Some(Step::Repeat(bytes, every)) => {
                    tokio::time::sleep(every).await;
                    steps.push_front(Step::Repeat(bytes.clone(), every));
                    return Some((Ok(Frame::data(bytes)), (steps, flight)));
                }
                Some(Step::Stall) => std::future::pending().await,
                Some(Step::Cut) => {
                    let cut = std::io::Error::other("cut by the script");
                    return Some((Err(cut), (steps, flight)));
                }
            }
        }
    });
    BodyExt::boxed_unsync(StreamBody::new(frames))
}

fn simple(status: u16, value: &Value) -> Response<Body> {
    let frame = Ok(Frame::data(Bytes::from(value.to_string())));
    let body = BodyExt::boxed_unsync(StreamBody::new(stream::iter([frame])));
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body)
        .expect("a response")
}

//! `POST /v1/chat` and `/v1/chat/completions`: model calls that other programs make through this server, so that keys, limits,
//! budgets and masking are those of the fleet.

mod asked;
mod call;
mod told;

pub use call::Caller;

use crate::error::Refused;
use crate::gate::AUDIT;
use crate::guard::Who;
use crate::routes::Doc;
use crate::sent::Sent;
use crate::server::App;
use asked::{Asked, Body};
use axum::extract::{ConnectInfo, FromRequest as _, Request, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use futures_util::stream::{self, Stream};
use scrum_knowledge::now_ms;
use scrum_providers::{ChatReply, Live};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::task::AbortOnDropHandle;
use told::Form;

/// The address of the original script.
pub const CHAT: &str = "/v1/chat";
/// That of `OpenAI`'s clients.
pub const COMPLETIONS: &str = "/v1/chat/completions";

/// What a question is sent as.
pub const DOC: Doc = Doc {
    summary: "Asks a model, within the limits and budgets of the fleet",
    asks: &[
        ("provider", "string", "A provider of the settings; without it `model` is PROVIDER/MODEL"),
        ("model", "string", "The model"),
        ("messages", "array", "Each with `role` and `content`"),
        ("max_tokens", "integer", "Tokens of the answer at most"),
        ("temperature", "number", "0 to 2"),
        ("think", "boolean", "Whether the model may think first; without it as the settings say"),
        ("stream", "boolean", "Whether the answer comes as it grows, as server-sent events"),
    ],
    gives: &[],
};

/// The models that may be asked.
///
/// # Errors
/// The gateway is off.
pub async fn models(State(app): State<App>) -> Result<Json<Value>, Refused> {
    let names = caller(&app)?.models();
    let all: Vec<Value> =
        names.iter().map(|name| json!({ "id": name, "object": "model" })).collect();
    Ok(Json(json!({ "object": "list", "data": all })))
}

fn caller(app: &App) -> Result<&Arc<Caller>, Refused> {
    let why = "this server asks no models for others: gateway.enabled is false";
    app.caller.as_ref().ok_or_else(|| Refused::new(StatusCode::FORBIDDEN, why))
}

/// Asks in the original script's form.
///
/// # Errors
/// A question that is none, no place or budget, or what the provider says.
pub async fn chat(
    state: State<App>,
    who: Extension<Who>,
    from: ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, Refused> {
    answer(state, (who, from), request, Form::Flat).await
}

/// Asks in `OpenAI`'s form.
///
/// # Errors
/// As [`chat`].
pub async fn completions(
    state: State<App>,
    who: Extension<Who>,
    from: ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, Refused> {
    answer(state, (who, from), request, Form::Openai).await
}

async fn answer(
    State(app): State<App>,
    (Extension(who), ConnectInfo(from)): (Extension<Who>, ConnectInfo<SocketAddr>),
    request: Request,
    form: Form,
) -> Result<Response, Refused> {
    let caller = caller(&app)?.clone();
    // The whole request has no bound of time, so its body has one of its own.
    let read = tokio::time::timeout(app.timeout(), Sent::<Body>::from_request(request, &()));
    let Sent(body) = read.await.map_err(|_| {
        Refused::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body took longer than web.request_timeout_ms",
        )
    })??;
    let mut asked = Asked::of(body, &app.settings).map_err(Refused::bad)?;
    caller.check(&asked)?;
    let of = Of {
        name: format!("{}/{}", asked.provider, asked.model),
        id: format!("chatcmpl-{:x}", now_ms()),
        at_s: now_ms() / 1000,
        audit: Audit { who: who.word(), from, began: Instant::now() },
    };
    let live = asked.stream.then(Live::new).map(|(live, pieces)| {
        asked.request.talk.live = Some(live);
        pieces
    });
    // In a task: dropping the handle, when the client is gone, ends the call and gives its place back.
    let call = AbortOnDropHandle::new(tokio::spawn(async move { caller.call(asked).await }));
    let mut ending = app.ending.clone();
    match live {
        None => {
            let reply = tokio::select! {
                reply = call => joined(reply),
                _ = ending.wait_for(|ending| *ending) => Err(call::ends()),
            };
            let reply = reply?;
            of.audit.told(&of.name, &reply);
            let whole = told::whole(form, &of.name, &of.id, of.at_s, &reply);
            Ok(Json(whole).into_response())
        }
        Some(mut pieces) => {
            // What fails before the first word has a status of its own.
            let first = tokio::select! {
                first = pieces.recv() => first,
                _ = ending.wait_for(|ending| *ending) => return Err(call::ends()),
            };
            let mut growing =
                Growing { of, call: Some(call), pieces, told: false, ending, ready: Vec::new() };
            match first {
                Some(piece) => growing.push_piece(&piece),
                None => growing.end().await?,
            }
            Ok(Sse::new(growing.stream()).keep_alive(KeepAlive::default()).into_response())
        }
    }
}

fn joined(
    reply: Result<Result<ChatReply, Refused>, tokio::task::JoinError>,
) -> Result<ChatReply, Refused> {
    reply.unwrap_or_else(|_| {
        Err(Refused::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the call broke; the log of scrum-web says why",
        ))
    })
}

/// Which answer it is.
#[derive(Debug)]
struct Of {
    name: String,
    id: String,
    at_s: u64,
    audit: Audit,
}

/// For the audit log: who has asked, and what that took.
#[derive(Debug)]
struct Audit {
    who: String,
    from: SocketAddr,
    began: Instant,
}

impl Audit {
    fn told(&self, model: &str, reply: &ChatReply) {
        let (who, from, ms) = (&self.who, self.from, self.began.elapsed().as_millis());
        let (tokens_in, tokens_out, masked) = (reply.tokens_in, reply.tokens_out, reply.masked);
        tracing::info!(target: AUDIT, %from, who, model, tokens_in, tokens_out, masked, ms, "audit: asked");
    }

    /// Of a stream that had begun; else the gate has the line.
    fn broke(&self, model: &str, refused: &Refused) {
        let (who, from, ms) = (&self.who, self.from, self.began.elapsed().as_millis());
        tracing::warn!(target: AUDIT, %from, who, model, why = refused.why(), ms, "audit: broke off");
    }
}

/// An answer that grows.
struct Growing {
    of: Of,
    call: Option<AbortOnDropHandle<Result<ChatReply, Refused>>>,
    pieces: UnboundedReceiver<String>,
    told: bool,
    ending: tokio::sync::watch::Receiver<bool>,
    /// What is to be sent next, the last first.
    ready: Vec<Event>,
}

/// What becomes of an answer.
enum Next {
    Piece(String),
    Over,
    Ends,
}

impl Growing {
    fn push(&mut self, value: &Value) {
        self.ready.insert(0, Event::default().data(value.to_string()));
    }

    fn push_piece(&mut self, text: &str) {
        self.told = true;
        let piece = told::piece(&self.of.name, &self.of.id, self.of.at_s, text);
        self.push(&piece);
    }

    async fn next(&mut self) -> Next {
        tokio::select! {
            piece = self.pieces.recv() => piece.map_or(Next::Over, Next::Piece),
            _ = self.ending.wait_for(|ending| *ending) => Next::Ends,
        }
    }

    /// The call has ended.
    async fn end(&mut self) -> Result<(), Refused> {
        let Some(call) = self.call.take() else { return Ok(()) };
        let reply = joined(call.await)?;
        self.of.audit.told(&self.of.name, &reply);
        // A refusal, or what was taken for thoughts.
        if !self.told && !reply.text.is_empty() {
            self.push_piece(&reply.text);
        }
        let last = told::last(&self.of.name, &self.of.id, self.of.at_s, &reply);
        self.push(&last);
        self.ready.insert(0, Event::default().data("[DONE]"));
        Ok(())
    }

    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut growing| async move {
            loop {
                if let Some(event) = growing.ready.pop() {
                    return Some((Ok(event), growing));
                }
                growing.call.as_ref()?;
                match growing.next().await {
                    Next::Piece(piece) => growing.push_piece(&piece),
                    // It can't be taken back that it was well so far: the stream ends without its end.
                    Next::Over => {
                        if let Err(refused) = growing.end().await {
                            growing.of.audit.broke(&growing.of.name, &refused);
                            growing.push(&refused.json());
                        }
                    }
                    Next::Ends => {
                        growing.call = None;
                        growing.push(&call::ends().json());
                    }
                }
            }
        })
    }
}

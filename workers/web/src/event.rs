//! `/event`, `/events` and `/stats`: what other programs tell the fleet of theirs, and what happened.

use crate::error::Refused;
use crate::routes::Doc;
use crate::server::App;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use queue_schema::client::{Queue, Sent};
use queue_schema::events::{MOST_BYTES, MOST_NAME_CHARS, OF_FLEET, is_name};
use queue_schema::ids::SweepId;
use scrum_knowledge::observe::{self, Asked, Events, Shown};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// What an event is sent as.
pub const POST: Doc = Doc {
    summary: "Keeps an event of another program",
    asks: &[
        ("source", "string", "Who tells it"),
        ("endpoint", "string", "What was done"),
        ("success", "boolean", "Whether it went well"),
        ("duration_ms", "number", "How long it took"),
    ],
    gives: &[],
};

/// Objects and lists within each other in an event at most.
const MOST_DEPTH: usize = 32;
/// Characters of an endpoint at most.
const MOST_ENDPOINT_CHARS: usize = 200;
/// Between two looks for new events of a live stream.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The header by which a browser says where a stream that broke off goes on.
const LAST_EVENT_ID: &str = "last-event-id";

/// What an event has to say.
#[derive(Debug, Deserialize)]
struct Core {
    source: String,
    endpoint: String,
    #[serde(rename = "success")]
    _success: bool,
    duration_ms: f64,
}

/// Keeps an event as it came.
///
/// # Errors
/// A body that is no event; a failure of Redis.
pub async fn post(
    State(app): State<App>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Json<Value>, Refused> {
    let long = || {
        Refused::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("an event has at most {MOST_BYTES} bytes"),
        )
    };
    let body = body.map_err(|rejected| match rejected.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => long(),
        status => Refused::new(status, "the body could not be read to its end"),
    })?;
    if body.len() > MOST_BYTES {
        return Err(long());
    }
    let text = std::str::from_utf8(&body)
        .map_err(|e| Refused::bad(format!("an event is UTF-8: {e}")))?
        .trim();
    let source = checked(text).map_err(Refused::bad)?;
    match app.queue.send_event(&source, text, app.settings.observe.max_sources).await? {
        Sent::Kept(id) => Ok(Json(json!({ "kept": true, "id": id }))),
        Sent::TooManySources => {
            let why = format!(
                "there are {} sources already (observe.max_sources)",
                app.settings.observe.max_sources
            );
            Err(Refused::new(StatusCode::CONFLICT, why))
        }
        Sent::Off => {
            Err(Refused::new(StatusCode::CONFLICT, "no events are kept here (observe.enabled)"))
        }
    }
}

/// The source of an event, or why it is none.
fn checked(text: &str) -> Result<String, String> {
    if depth(text) > MOST_DEPTH {
        return Err(format!(
            "an event has at most {MOST_DEPTH} objects and lists within each other"
        ));
    }
    let core: Core = serde_json::from_str(text).map_err(|e| {
        format!("an event is a JSON object with source, endpoint, success (true or false) and duration_ms (a number): {e}")
    })?;
    if !is_name(&core.source) {
        return Err(format!(
            "a source has 1 to {MOST_NAME_CHARS} of the characters a-z, 0-9, _, - and ."
        ));
    }
    if OF_FLEET.contains(&core.source.as_str()) {
        return Err(format!(
            "'{}' is a source of the fleet itself; take another name",
            core.source
        ));
    }
    if core.endpoint.chars().count() > MOST_ENDPOINT_CHARS {
        return Err(format!("an endpoint has at most {MOST_ENDPOINT_CHARS} characters"));
    }
    if core.duration_ms < 0.0 {
        return Err("duration_ms is less than nothing".to_owned());
    }
    Ok(core.source)
}

/// How deep objects and lists of a text are within each other, if it is JSON.
fn depth(text: &str) -> usize {
    let (mut depth, mut most, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => {
                depth += 1;
                most = most.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// What the events come to.
///
/// # Errors
/// A failure of Redis.
pub async fn stats(State(app): State<App>) -> Result<Json<observe::EventStats>, Refused> {
    Ok(Json(observe::stats(&app.queue).await?))
}

/// Which events are asked for.
#[derive(Debug, Deserialize)]
pub struct Which {
    source: Option<String>,
    after: Option<String>,
    #[serde(default)]
    failures: bool,
    sweep: Option<SweepId>,
}

/// A page of events; for somebody who takes a stream of events, those that come from now on, or behind `after`.
///
/// # Errors
/// A text that is no cursor; too many live streams; a failure of Redis.
pub async fn list(
    State(app): State<App>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let asked = Asked { source: which.source, failures: which.failures, sweep: which.sweep };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let after = text(LAST_EVENT_ID).map(str::to_owned).or(which.after);
    let live =
        text(header::ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/event-stream"));
    if live {
        return follow(app, asked, after).await;
    }
    let mut events = Events::of(&app.queue, asked).from(after.as_deref().unwrap_or_default())?;
    Ok(Json(events.next_page().await?).into_response())
}

async fn follow(app: App, asked: Asked, after: Option<String>) -> Result<Response, Refused> {
    let permit = app.followers.clone().try_acquire_owned().map_err(|_| {
        let why = "there are as many live streams as there may be; ask for pages with `after`";
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, why)
    })?;
    let mut events = Events::of(&app.queue, asked.clone());
    let cursor = if let Some(after) = after {
        events.from(&after)?;
        after
    } else {
        events.latest(0).await?;
        events.cursor()
    };
    let live = Live {
        queue: app.queue.clone(),
        asked,
        cursor,
        ready: VecDeque::new(),
        ending: app.ending.clone(),
        _permit: permit,
    };
    Ok(Sse::new(stream(live)).keep_alive(KeepAlive::default()).into_response())
}

/// A live stream of events.
struct Live {
    queue: Queue,
    asked: Asked,
    cursor: String,
    ready: VecDeque<Event>,
    ending: tokio::sync::watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

fn stream(live: Live) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(live, |mut live| async move {
        loop {
            if let Some(event) = live.ready.pop_front() {
                return Some((Ok(event), live));
            }
            // It ends with the server, and when Redis fails: the client asks again from where it is.
            let more = live.look().await.ok()?;
            if live.ready.is_empty() && !more {
                tokio::select! {
                    _ = live.ending.wait_for(|ending| *ending) => return None,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
        }
    })
}

impl Live {
    /// Reads a page. The last event of it says where the next one begins.
    async fn look(&mut self) -> Result<bool, Refused> {
        let mut events = Events::of(&self.queue, self.asked.clone()).from(&self.cursor)?;
        let page = events.next_page().await?;
        let before = std::mem::replace(&mut self.cursor, page.after);
        let last = page.events.len().saturating_sub(1);
        for (n, shown) in page.events.iter().enumerate() {
            // Who breaks off within a page gets the page again.
            let at = if n == last { &self.cursor } else { &before };
            self.ready.push_back(Event::default().id(at.clone()).data(line(shown)));
        }
        Ok(page.more)
    }
}

/// An event on one line: outside of its strings, where JSON has none, a line break is a blank.
fn line(shown: &Shown) -> String {
    serde_json::to_string(shown).unwrap_or_default().replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(more: &str) -> String {
        format!(r#"{{"source":"ci","endpoint":"build","success":true,"duration_ms":12.5{more}}}"#)
    }

    #[test]
    fn an_event_says_four_things_and_whatever_else() {
        let deep = |n: usize| format!(r#","x":{}{}"#, "[".repeat(n), "]".repeat(n));
        for more in ["", r#","b":1,"a":{"source":"attempts"}"#, r#","x":"[[[[\"[[""#, &deep(31)] {
            assert_eq!(checked(&event(more)).as_deref(), Ok("ci"), "{more}");
        }
        let named = |name: &str| event("").replace("ci", name);
        let long = event("").replace("build", &"x".repeat(201));
        for (text, why) in [
            (event(&deep(32)), "within each other"),
            (event(&deep(9_000)), "within each other"),
            (event(r#","source":"ci""#), "duplicate field"),
            (event("").replace("true", "1"), "success"),
            (event("").replace("12.5", "\"1\""), "duration_ms"),
            (event("").replace("12.5", "-1"), "less than nothing"),
            (event("").replace("12.5", "NaN"), "expected value"),
            (event("").replace("12.5", "1e999"), "out of range"),
            (event("") + "{}", "trailing"),
            ("[]".to_owned(), "JSON object"),
            (String::new(), "JSON object"),
            (named("attempts"), "of the fleet itself"),
            (named("C I"), "a source has"),
            (long, "200 characters"),
        ] {
            let said = checked(&text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}

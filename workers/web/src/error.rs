//! What a request is answered when it can't be served: a status, and a reason in words. Programs get JSON; `front` makes a
//! page of it for a browser.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use queue_schema::client::QueueError;
use scrum_knowledge::Error as Unknown;
use serde_json::{Value, json};
use std::time::Duration;

/// A refusal, or a failure.
#[derive(Debug, Clone)]
pub struct Refused {
    status: StatusCode,
    why: String,
    kind: Option<&'static str>,
    after: Option<Duration>,
}

impl Refused {
    /// With a status and what to do.
    pub fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into(), kind: None, after: None }
    }

    /// What was sent can't be used.
    pub fn bad(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    /// What is asked for is not there.
    pub fn missing(why: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, why)
    }

    /// With a word for programs that act on what went wrong.
    #[must_use]
    pub fn kind(self, kind: &'static str) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// With the time after which it may go better.
    #[must_use]
    pub fn after(self, after: Duration) -> Self {
        Self { after: Some(after), ..self }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let mut told = json!({ "error": self.why });
        if let Some(kind) = self.kind {
            told["kind"] = kind.into();
        }
        told
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The reason.
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl From<Unknown> for Refused {
    fn from(error: Unknown) -> Self {
        match error {
            Unknown::Queue(error) => error.into(),
            Unknown::NoSweep(_)
            | Unknown::NoSweeps
            | Unknown::Unknown(_)
            | Unknown::NoFile { .. }
            | Unknown::NoLetter(_)
            | Unknown::NoFinding(_) => Self::missing(error.to_string()),
            other => Self::bad(other.to_string()),
        }
    }
}

impl From<scrum_decide::Error> for Refused {
    fn from(error: scrum_decide::Error) -> Self {
        match error {
            scrum_decide::Error::Knowledge(error) => error.into(),
            scrum_decide::Error::Queue(error) => error.into(),
            scrum_decide::Error::Letter { id, why } => {
                let refused = Self::from(*why);
                Self::new(refused.status, format!("dead letter {id}: {}", refused.why))
            }
            other => Self::bad(other.to_string()),
        }
    }
}

impl From<QueueError> for Refused {
    fn from(error: QueueError) -> Self {
        tracing::warn!(%error, "a request failed");
        let status = if error.is_outage() || matches!(error, QueueError::OutOfMemory { .. }) {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        // What Redis says may name the server: it is for the log.
        let why = "the fleet's Redis could not serve this; the log of scrum-web says why";
        Self::new(status, why)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.json())).into_response();
        if let Some(after) = self.after {
            let seconds = after.as_millis().div_ceil(1000).max(1);
            if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                response.headers_mut().insert(RETRY_AFTER, value);
            }
        }
        response.extensions_mut().insert(self);
        response
    }
}

//! What a request is answered when it can't be served: a status, and a reason in words.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use queue_schema::client::QueueError;
use serde_json::json;

/// A refusal, or a failure.
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    why: String,
}

impl Refused {
    /// With a status and what to do.
    pub fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into() }
    }

    /// What was sent can't be used.
    pub fn bad(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }
}

impl From<scrum_knowledge::Error> for Refused {
    fn from(error: scrum_knowledge::Error) -> Self {
        match error {
            scrum_knowledge::Error::Queue(error) => error.into(),
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
        (self.status, Json(json!({ "error": self.why }))).into_response()
    }
}

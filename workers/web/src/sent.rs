//! The body of a request, as JSON. What can't be read is answered with the place and the reason.

use crate::error::Refused;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::de::DeserializeOwned;

/// What was sent.
#[derive(Debug)]
pub struct Sent<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejected| {
            let status = rejected.into_response().status();
            let why = match status {
                StatusCode::PAYLOAD_TOO_LARGE => "the body is longer than web.max_body_bytes",
                _ => "the body could not be read to its end",
            };
            Refused::new(status, why)
        })?;
        let read = serde_json::from_slice(&bytes);
        read.map(Self)
            .map_err(|e| Refused::bad(format!("the body is not what is asked for here: {e}")))
    }
}

//! `GET /metrics`: the fleet in figures, for Prometheus.

use crate::server::App;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use scrum_knowledge::figures;
use std::time::Duration;

/// The figures. Also without Redis there is an answer: that it is away is a figure as well, and an alert hangs on it.
pub async fn get(State(app): State<App>) -> Response {
    let within = Duration::from_millis(app.settings.metrics.timeout_ms);
    let text = match tokio::time::timeout(within, figures::fleet(&app.queue)).await {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => {
            tracing::warn!(%error, "there are no figures of the fleet");
            figures::without_redis()
        }
        Err(_) => {
            tracing::warn!("the figures of the fleet took longer than metrics.timeout_ms");
            figures::without_redis()
        }
    };
    ([(CONTENT_TYPE, figures::CONTENT_TYPE)], text).into_response()
}

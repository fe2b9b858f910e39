//! `GET /health`: whether the server and its Redis answer.

use crate::error::Refused;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// The time of Redis, which is the time of the fleet.
///
/// # Errors
/// When Redis does not answer.
pub async fn get(State(app): State<App>) -> Result<Json<Value>, Refused> {
    let now_ms = app.queue.now_ms().await?;
    Ok(Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "now_ms": now_ms })))
}

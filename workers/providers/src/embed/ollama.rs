//! `POST {base_url}/api/embed`.

use super::object;
use serde_json::{Map, Value, json};

/// Ollama cuts what does not fit unless it is told not to.
pub(super) fn request(model: &str, inputs: &[String]) -> (&'static str, Map<String, Value>) {
    ("/api/embed", object(json!({"model": model, "input": inputs, "truncate": false})))
}

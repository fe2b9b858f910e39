//! `POST {base_url}/embed`: a small server of one's own with one model.

use super::object;
use serde_json::{Map, Value, json};

pub(super) fn request(inputs: &[String]) -> (&'static str, Map<String, Value>) {
    ("/embed", object(json!({"texts": inputs})))
}

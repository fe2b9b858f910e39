//! `POST {base_url}/embeddings`, where the base includes `/v1`: OpenAI, llama.cpp, vLLM, LiteLLM.

use super::{numbers, object};
use serde_json::{Map, Value, json};

pub(super) fn request(model: &str, inputs: &[String]) -> (&'static str, Map<String, Value>) {
    let body = json!({"model": model, "input": inputs, "encoding_format": "float"});
    ("/embeddings", object(body))
}

/// `{"data": [{"index": 0, "embedding": [..]}, ..]}`; the entries may come in any order.
pub(super) fn vectors(answer: &Value, texts: usize) -> Option<Vec<Vec<f32>>> {
    let mut vectors = vec![Vec::new(); texts];
    for (place, entry) in answer.get("data")?.as_array()?.iter().enumerate() {
        let index = match entry.get("index").and_then(Value::as_u64) {
            Some(index) => usize::try_from(index).ok()?,
            None => place,
        };
        *vectors.get_mut(index)? = numbers(entry.get("embedding")?)?;
    }
    Some(vectors)
}

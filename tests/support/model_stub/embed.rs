//! The embedding side of the stub: three wire formats, and their faults.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

/// Numbers of one vector.
const DIMENSION: usize = 64;

/// One embedding call as it arrived.
#[derive(Debug, Clone)]
pub struct EmbedCall {
    /// Path of the request: `/embed`, `/api/embed` or `/v1/embeddings`.
    pub path: String,
    /// The texts, prefixes included.
    pub texts: Vec<String>,
    /// The whole body.
    pub body: Value,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
}

/// One answer, or one way of not giving one.
#[derive(Debug, Clone)]
pub enum EmbedReply {
    /// A vector a text: how often each word occurs, words hashed to [`DIMENSION`] places. Texts that
    /// share words are near each other.
    Words,
    /// The same with so many numbers.
    Dimension(usize),
    /// A status with headers and a body.
    Status(u16, Vec<(String, String)>, String),
    /// Any JSON under 200.
    Raw(String),
    /// One vector too few.
    TooFew,
    /// Vectors of different length in one answer.
    Ragged,
    /// Nothing, and the connection stays open.
    Silence,
}

impl EmbedReply {
    /// A status with a body.
    pub fn status(code: u16, body: &str) -> Self {
        Self::Status(code, Vec::new(), body.to_owned())
    }
}

/// Status, headers and body.
type Answer = (u16, Vec<(String, String)>, String);
type Decide = Box<dyn Fn(&EmbedCall) -> EmbedReply + Send + Sync>;

pub(crate) struct EmbedSide {
    calls: Mutex<Vec<EmbedCall>>,
    decide: Mutex<Decide>,
}

impl EmbedSide {
    pub(crate) fn new() -> Self {
        Self { calls: Mutex::new(Vec::new()), decide: Mutex::new(Box::new(|_| EmbedReply::Words)) }
    }

    pub(crate) fn set(&self, decide: Decide) {
        *self.decide.lock().expect("script") = decide;
    }

    pub(crate) fn calls(&self) -> Vec<EmbedCall> {
        self.calls.lock().expect("calls").clone()
    }

    /// Status, headers and body; `None` for silence.
    pub(crate) fn answer(
        &self,
        path: &str,
        body: Value,
        headers: BTreeMap<String, String>,
    ) -> Option<Answer> {
        let member = if path == "/embed" { "texts" } else { "input" };
        let list = body[member].as_array().cloned().unwrap_or_default();
        let texts: Vec<String> =
            list.iter().filter_map(|t| t.as_str().map(str::to_owned)).collect();
        let call = EmbedCall { path: path.to_owned(), texts, body, headers };
        let reply = (self.decide.lock().expect("script"))(&call);
        let vectors = |dimension| call.texts.iter().map(|t| words(t, dimension)).collect();
        let mut vectors: Vec<Vec<f64>> = match reply {
            EmbedReply::Dimension(n) => vectors(n),
            _ => vectors(DIMENSION),
        };
        self.calls.lock().expect("calls").push(call);
        match reply {
            EmbedReply::Silence => return None,
            EmbedReply::Status(code, headers, body) => return Some((code, headers, body)),
            EmbedReply::Raw(body) => return Some((200, Vec::new(), body)),
            EmbedReply::TooFew => {
                vectors.pop();
            }
            EmbedReply::Ragged => {
                if let Some(vector) = vectors.last_mut() {
                    vector.push(1.0);
                }
            }
            EmbedReply::Words | EmbedReply::Dimension(_) => {}
        }
        let body = if path == "/v1/embeddings" {
            // In the wrong order: the index counts.
            let data: Vec<Value> = vectors
                .iter()
                .enumerate()
                .rev()
                .map(|(i, v)| json!({"object": "embedding", "index": i, "embedding": v}))
                .collect();
            json!({"object": "list", "data": data, "usage": {"prompt_tokens": 1}})
        } else {
            json!({"embeddings": vectors})
        };
        Some((200, Vec::new(), body.to_string()))
    }
}

fn words(text: &str, dimension: usize) -> Vec<f64> {
    let mut vector = vec![0.0; dimension];
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 2) {
        let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        vector[(hash % dimension as u64) as usize] += 1.0;
    }
    vector
}

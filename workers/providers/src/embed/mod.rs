//! Embedding endpoints: the same door rules as for chat (bounds, kinds of errors, keys, no redirects).
//!
//! One call of [`Embedder::embed`] is one HTTP request, and nothing is retried here: the queue does
//! that. What is kept is the caller's business too.

mod ollama;
mod openai;
mod sidecar;

use crate::classify;
use crate::client::Http;
use crate::error::{ChatError, FailedKind, SetupError};
use crate::http::{Endpoint, Key};
use crate::secret::Secret;
use scrum_config::{EmbedWire, EmbeddingConfig, ProviderConfig, Wire};
use scrum_domain::redact;
use serde_json::{Map, Value};
use std::time::Instant;
use tokio::sync::Semaphore;

/// The configured endpoint, ready to be called. Made once for a process and shared.
#[derive(Debug)]
pub struct Embedder {
    cfg: EmbeddingConfig,
    endpoint: Endpoint,
    places: Semaphore,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedProbe {
    /// True when it gave a vector.
    pub ok: bool,
    /// What was found and, if that is bad, what to do.
    pub message: String,
}

impl Embedder {
    /// Sets the endpoint up; `None` when none is configured. The key is read from the environment.
    ///
    /// # Errors
    /// When its address can't be used, or no HTTP client can be made.
    pub fn new(cfg: &EmbeddingConfig) -> Result<Option<Self>, SetupError> {
        Self::with_env(cfg, |name| std::env::var(name).ok())
    }

    /// As [`new`](Self::new), with the environment given as a function.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_env(
        cfg: &EmbeddingConfig,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, SetupError> {
        if !cfg.is_on() {
            return Ok(None);
        }
        let key = match cfg.api_key_env.as_str() {
            "" => Key::NotNeeded,
            variable => match env(variable).as_deref().and_then(Secret::new) {
                Some(secret) => Key::Present(variable.to_owned(), secret),
                None => Key::Missing(variable.to_owned()),
            },
        };
        let mut provider = ProviderConfig::new(Wire::Openai, cfg.base_url.clone());
        provider.local = cfg.local;
        provider.connect_timeout_s = cfg.connect_timeout_s.max(1);
        provider.first_byte_timeout_s = cfg.timeout_s;
        provider.idle_timeout_s = cfg.timeout_s;
        provider.total_timeout_s = cfg.timeout_s;
        provider.max_answer_bytes = cfg.max_answer_bytes;
        let form = &crate::openai::FORM;
        let endpoint = Endpoint::new("embedding", provider, form, key, Http::new)?;
        let places = Semaphore::new(cfg.concurrency.max(1) as usize);
        Ok(Some(Self { cfg: cfg.clone(), endpoint, places }))
    }

    /// Its settings.
    pub fn config(&self) -> &EmbeddingConfig {
        &self.cfg
    }

    /// As much of a text as is sent: at most `max_input_chars`.
    pub fn cut<'a>(&self, text: &'a str) -> &'a str {
        let end = text.char_indices().nth(self.cfg.max_input_chars as usize);
        end.map_or(text, |(at, _)| &text[..at])
    }

    /// The vectors of some texts, each behind `prefix`, in their order: one call, of at most
    /// `batch` texts. It waits for a place when `concurrency` calls are in flight.
    ///
    /// # Errors
    /// As a chat call: a transient error, a lasting one, or an answer that is none.
    pub async fn embed(
        &self,
        prefix: &str,
        texts: &[&str],
        trace: Option<&str>,
    ) -> Result<Vec<Vec<f32>>, ChatError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        // It is never closed; without a place the call would only be made at once.
        let _place = self.places.acquire().await.ok();
        // The door: whoever called, no secret of a known form leaves for somebody else's machine.
        let safe = |text: &str| {
            if self.cfg.stays_here() { text.to_owned() } else { redact::mask(text).text }
        };
        let inputs: Vec<String> =
            texts.iter().map(|text| format!("{prefix}{}", safe(self.cut(text)))).collect();
        let (path, body) = match self.cfg.wire {
            EmbedWire::Sidecar => sidecar::request(&inputs),
            EmbedWire::Ollama => ollama::request(&self.cfg.model, &inputs),
            EmbedWire::Openai => openai::request(&self.cfg.model, &inputs),
        };
        let answer = self.endpoint.ask(path, &body, trace).await.and_then(|answer| {
            if answer.get("error").is_some_and(|e| !e.is_null()) {
                return Err(classify::inline(&answer, 0));
            }
            let vectors = match self.cfg.wire {
                EmbedWire::Sidecar | EmbedWire::Ollama => listed(&answer),
                EmbedWire::Openai => openai::vectors(&answer, texts.len()),
            };
            check(vectors, texts.len())
        });
        answer.map_err(|error| self.told(error))
    }

    /// Asks for the vector of a word.
    pub async fn probe(&self) -> EmbedProbe {
        let started = Instant::now();
        match self.embed(self.cfg.prefix_of_queries(), &["probe"], None).await {
            Ok(vectors) => EmbedProbe {
                ok: true,
                message: format!(
                    "{} answers as {}: {} numbers a vector, in {} ms",
                    self.endpoint.base,
                    self.cfg.model,
                    vectors.first().map_or(0, Vec::len),
                    started.elapsed().as_millis()
                ),
            },
            Err(error) => EmbedProbe {
                ok: false,
                message: format!(
                    "{}; until it answers, passages are ranked by their words",
                    error.message()
                ),
            },
        }
    }

    /// Errors in the words of this section, the key masked.
    fn told(&self, error: ChatError) -> ChatError {
        let fits = matches!(error, ChatError::ContextExceeded { .. });
        let error = error.map_message(|message| {
            let message = message
                .replace("first_byte_timeout_s", "embedding.timeout_s")
                .replace("idle_timeout_s", "embedding.timeout_s")
                .replace("total_timeout_s", "embedding.timeout_s")
                .replace("max_answer_bytes", "embedding.max_answer_bytes")
                .replace("or take it out of the ladder", "or correct embedding.model")
                .replace("the prompt does not fit", "a passage does not fit");
            let advice = if fits { "; lower embedding.max_input_chars" } else { "" };
            format!("{message}{advice}")
        });
        self.endpoint.told(error)
    }
}

/// `{"embeddings": [[..], ..]}`.
fn listed(answer: &Value) -> Option<Vec<Vec<f32>>> {
    answer.get("embeddings")?.as_array()?.iter().map(numbers).collect()
}

/// One vector.
fn numbers(value: &Value) -> Option<Vec<f32>> {
    value.as_array()?.iter().map(|x| x.as_f64().map(|x| x as f32)).collect()
}

/// As many vectors as texts, all of one dimension, of finite numbers.
fn check(vectors: Option<Vec<Vec<f32>>>, texts: usize) -> Result<Vec<Vec<f32>>, ChatError> {
    let bad = |what: String| Err(ChatError::failed(FailedKind::Garbage, what, 0));
    let Some(vectors) = vectors else {
        return bad("the answer holds no embeddings; check embedding.wire and base_url".to_owned());
    };
    if vectors.len() != texts {
        return bad(format!("{} vectors came for {texts} texts", vectors.len()));
    }
    let dimension = vectors.first().map_or(0, Vec::len);
    if dimension == 0 || vectors.iter().any(|v| v.len() != dimension) {
        return bad("the vectors of one answer differ in length, or are empty".to_owned());
    }
    if vectors.iter().flatten().any(|x| !x.is_finite()) {
        return bad("a vector holds what is no number".to_owned());
    }
    Ok(vectors)
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

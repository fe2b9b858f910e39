//! What is asked of a provider and what comes back.

use crate::live::Live;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// One call.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    /// Model name as the provider knows it.
    pub model: String,
    /// The system message; left out of the request when empty.
    pub system: String,
    /// The user message.
    pub user: String,
    /// JSON schema the answer should follow; sent when the provider is configured to take one.
    pub schema: Option<Value>,
    /// Tokens to generate at most.
    pub max_tokens: u32,
    /// Sampling temperature.
    pub temperature: f64,
    /// Context to ask for, in tokens, where a server is told; absent: as the provider's settings have it.
    pub context_tokens: Option<u32>,
    /// Whether the sweep says that the provider is local. Text is sent as it is only when this worker finds
    /// it local as well.
    pub local: bool,
    /// What stands in the prompt of a file that is not masked yet: no piece of its secrets leaves. Empty when the
    /// prompt holds nothing of the kind.
    pub unmasked: Arc<str>,
    /// What the built-in reviewer does with the call; `None` for a question that only a model answers.
    pub builtin: Option<Checking>,
    /// W3C `traceparent` of the job that asks, sent as a header: a gateway can tell calls apart.
    pub trace: Option<String>,
    /// What only talks have; empty for a question of ours.
    pub talk: Talk,
}

/// What a question of somebody else's may have besides.
#[derive(Debug, Clone, Default)]
pub struct Talk {
    /// What was said before the user message, the first first.
    pub earlier: Vec<Turn>,
    /// Whether the model may think, whatever the provider's settings say; `None`: as they say.
    pub think: Option<bool>,
    /// Who hears the answer as it grows.
    pub live: Option<Live>,
}

/// A message of a talk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Whether the model said it.
    pub by_model: bool,
    /// The text.
    pub text: String,
}

/// The code that the built-in reviewer reads. Models see it in the prompt.
#[derive(Debug, Clone)]
pub struct Checking {
    /// What is asked for.
    pub task: Task,
    /// Path of the file in its repository.
    pub path: String,
    /// The file, or the piece of it that is summarised.
    pub source: Arc<str>,
    /// Terms of the PRD passages that were retrieved for the file.
    pub prd_terms: Vec<String>,
}

/// Which kind of answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// A review of a file.
    Review {
        /// True for JSON by the forensic schema, false for Markdown.
        forensic: bool,
    },
    /// Notes on one piece of a large file.
    Shard,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatReply {
    /// The answer, without the model's thoughts. May be empty when `finish` is not `Stop`.
    pub text: String,
    /// Why the model stopped.
    pub finish: Finish,
    /// Prompt tokens as the provider counted them; 0 when it did not say.
    pub tokens_in: u64,
    /// Generated tokens as the provider counted them; 0 when it did not say.
    pub tokens_out: u64,
    /// Of the generated tokens, those that went to thoughts; guessed where the provider did not say.
    #[serde(default)]
    pub thought_tokens: u64,
    /// Price in dollars, when the provider told it.
    pub cost_usd: Option<f64>,
    /// Who served the call behind a broker such as OpenRouter, when it told.
    pub served_by: Option<String>,
    /// Wall time of the call.
    pub duration_ms: u64,
    /// Time to the first piece of text or thought.
    pub first_byte_ms: u64,
    /// Secrets masked in the request before it was sent; 0 for a local model.
    #[serde(default)]
    pub masked: u32,
}

/// Why a model stopped writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It was done.
    Stop,
    /// It ran into a limit of tokens, or was stopped when it went round in a loop: the answer is not
    /// whole.
    Length,
    /// It declined, or a filter cut it.
    Refusal,
}

#[cfg(test)]
impl ChatRequest {
    pub(crate) fn for_test() -> Self {
        Self {
            model: "a/m".into(),
            system: "You review.".into(),
            user: "u".into(),
            schema: None,
            max_tokens: 77,
            temperature: 0.2,
            context_tokens: None,
            local: true,
            trace: None,
            talk: Talk::default(),
            unmasked: "".into(),
            builtin: None,
        }
    }
}

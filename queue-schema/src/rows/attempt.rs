//! One call of one rung for one review, with its outcome.

use serde::{Deserialize, Serialize};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The answer became a row.
    Accepted,
    /// Too short or without structure.
    Thin,
    /// Could not be parsed as what was asked for.
    Malformed,
    /// Speaks of shards: the review of a part passed off as the review of the whole.
    Leaked,
    /// The provider cut it (`finish_reason: length`).
    Truncated,
    /// The model declined.
    Refused,
    /// The provider failed, for good or for too long.
    Error,
}

impl Outcome {
    /// The name used on the wire and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Thin => "thin",
            Self::Malformed => "malformed",
            Self::Leaked => "leaked",
            Self::Truncated => "truncated",
            Self::Refused => "refused",
            Self::Error => "error",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The record of one attempt; a review's attempts are its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Attempt {
    /// 1 for the first attempt of the review.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub n: u32,
    /// Index of the rung in the sweep's ladder, from 0.
    pub rung: u32,
    /// Provider name from the configuration.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub provider: String,
    /// Model name as sent.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub model: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, for a person; empty when accepted.
    pub reason: String,
    /// Length of the answer in characters.
    pub chars: u32,
    /// The first 2,000 characters of the answer.
    pub answer_preview: String,
    /// SHA-256 of the whole answer, hex; absent when there was none, and in rows of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    pub answer_sha256: Option<String>,
    /// Prompt tokens as the provider counted them; 0 when it did not say.
    pub tokens_in: u64,
    /// Generated tokens as the provider counted them; 0 when it did not say.
    pub tokens_out: u64,
    /// What it cost in dollars, as the provider told, else by the rung's price; null without either.
    #[cfg_attr(test, schemars(range(min = 0)))]
    pub cost_usd: Option<f64>,
    /// Wall time of the call in milliseconds; 0 when served from the answer cache.
    pub duration_ms: u64,
    /// True when the answer was found under its content key and no call was made.
    pub cached: bool,
    /// Secrets that were masked in what was sent; 0 for a local model, and when the call failed.
    #[serde(default)]
    pub masked: u32,
}

impl Attempt {
    /// `provider/model`, as rows and reports name a model.
    pub fn model_name(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

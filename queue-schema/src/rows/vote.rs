//! One who was asked for a vote, as rows and the state of a review keep it.

use serde::{Deserialize, Serialize};

/// One who was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Heard<S> {
    /// Name of the voter.
    pub voter: String,
    /// `provider/model` that answered last; null when none was asked.
    pub model: Option<String>,
    /// The vote; null when there is none.
    pub said: Option<S>,
    /// Why there is none; empty when there is one.
    pub missing: String,
    /// Prompt tokens, but of an answer that was found.
    pub tokens_in: u64,
    /// Generated tokens.
    pub tokens_out: u64,
    /// What the provider charged, in dollars; null when it did not say.
    #[cfg_attr(test, schemars(range(min = 0)))]
    pub cost_usd: Option<f64>,
    /// Time of the call in milliseconds.
    pub duration_ms: u64,
}

impl<S> Heard<S> {
    /// The same with something else made of what was said.
    pub fn map<T>(&self, made: impl FnOnce(&S) -> T) -> Heard<T> {
        Heard {
            voter: self.voter.clone(),
            model: self.model.clone(),
            said: self.said.as_ref().map(made),
            missing: self.missing.clone(),
            tokens_in: self.tokens_in,
            tokens_out: self.tokens_out,
            cost_usd: self.cost_usd,
            duration_ms: self.duration_ms,
        }
    }
}

//! `[gateway]`: model calls that other programs make through `scrum-web`.

use crate::validate::Checks;
use queue_schema::budget::Amount;
use serde::Deserialize;

/// The most that a cap may be: what Redis and its scripts count without a loss.
const MOST: u64 = 1 << 50;

/// `[gateway]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// Whether there is one.
    pub enabled: bool,
    /// Models that may be asked, `PROVIDER/MODEL`; empty = all of the configured providers.
    pub models: Vec<String>,
    /// Calls of one server at a time.
    pub calls: u32,
    /// Milliseconds that a call waits for its place at the provider.
    pub wait_ms: u64,
    /// Bytes of a request's body at most.
    pub max_body_bytes: u64,
    /// Tokens that an answer may have at most.
    pub max_tokens: u32,
    /// Dollars that all calls of a day may cost; 0 = no cap.
    pub usd_per_day: f64,
    /// Tokens that they may take; 0 = no cap.
    pub tokens_per_day: u64,
    /// Calls of a day; 0 = no cap.
    pub calls_per_day: u64,
}

impl GatewaySettings {
    /// What a day may take.
    pub fn caps(&self) -> Amount {
        Amount {
            calls: self.calls_per_day,
            tokens: self.tokens_per_day,
            micro_usd: (self.usd_per_day * 1e6).round() as u64,
        }
    }

    pub(crate) fn validate(&self, check: &mut Checks) {
        for model in &self.models {
            if !model.split_once('/').is_some_and(|(p, m)| !p.is_empty() && !m.is_empty()) {
                let what = format!("'{model}' names no model of a provider");
                check.add(
                    "gateway.models",
                    what,
                    "write PROVIDER/MODEL, as in ollama/qwen3.5:latest",
                );
            }
        }
        check.range("gateway.calls", self.calls.into(), 1, 10_000);
        check.range("gateway.wait_ms", self.wait_ms, 0, 3_600_000);
        check.range("gateway.max_body_bytes", self.max_body_bytes, 1024, 64 << 20);
        check.range("gateway.max_tokens", self.max_tokens.into(), 1, 10_000_000);
        check.fraction("gateway.usd_per_day", self.usd_per_day, 1e6);
        check.range("gateway.tokens_per_day", self.tokens_per_day, 0, MOST);
        check.range("gateway.calls_per_day", self.calls_per_day, 0, MOST);
    }
}

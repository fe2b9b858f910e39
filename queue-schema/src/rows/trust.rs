//! The model trust journal: what a model has shown in a class of tasks.

use super::Row;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version written into every row of this kind.
pub const SCHEMA_VERSION: u32 = 1;

/// One model and one class of tasks, over one sweep or over all. Composed from counters when it is
/// asked for, so it is not kept; see [`crate::ledger`] for what each number counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ModelTrustRow {
    /// Provider name from the configuration.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub provider: String,
    /// Model name as sent.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub model: String,
    /// What it was asked for, see [`crate::ledger::TaskClass`].
    #[cfg_attr(test, schemars(extend("enum" = ["review", "shard", "facts", "patch", "confirm", "audit", "diagnose"])))]
    pub task: String,
    /// The sweep that was counted; null for all of the fleet.
    pub sweep_id: Option<String>,
    /// Attempts that ended.
    pub attempts: u64,
    /// Attempts whose answer was accepted.
    pub accepted: u64,
    /// Attempts whose answer was too short or had no structure.
    pub thin: u64,
    /// Attempts whose answer could not be read.
    pub malformed: u64,
    /// Attempts whose answer took a part for the whole.
    pub leaked: u64,
    /// Attempts whose answer was cut.
    pub truncated: u64,
    /// Attempts that the model declined.
    pub refused: u64,
    /// Attempts that failed.
    pub error: u64,
    /// Calls with transient errors, which were tried again.
    pub transient: u64,
    /// Calls made, those with trouble included.
    pub calls: u64,
    /// Attempts that a kept answer served.
    pub cached: u64,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Generated tokens.
    pub tokens_out: u64,
    /// Dollars; null when the provider never said.
    #[cfg_attr(test, schemars(range(min = 0)))]
    pub cost_usd: Option<f64>,
    /// Milliseconds of answered calls.
    pub duration_ms: u64,
    /// Half of the answered calls took at most so many milliseconds; at most a quarter too high.
    pub p50_ms: Option<u64>,
    /// The same for nine of ten.
    pub p90_ms: Option<u64>,
    /// The same for 99 of a hundred.
    pub p99_ms: Option<u64>,
    /// Findings of accepted answers; left out without any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings: u64,
    /// How many of them failed each check by program, by its name; left out for none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, u64>,
    /// Findings whose code was changed, so that nobody says them any more: `all`, and by semantic flag. Left out
    /// without any; counted over all sweeps only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fixed: BTreeMap<String, u64>,
    /// The same of findings that a person dismissed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dismissed: BTreeMap<String, u64>,
    /// The same of findings that audits upheld.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub audit_upheld: BTreeMap<String, u64>,
    /// The same of findings that audits rejected.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub audit_rejected: BTreeMap<String, u64>,
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // what serde calls
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl ModelTrustRow {
    /// `provider/model`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }

    /// The words for how attempts were rejected, with their numbers.
    pub const fn rejections(&self) -> [(u64, &'static str); 6] {
        [
            (self.thin, "thin"),
            (self.malformed, "malformed"),
            (self.leaked, "leaked"),
            (self.truncated, "truncated"),
            (self.refused, "refused"),
            (self.error, "error"),
        ]
    }

    /// Of counts by flag, the one of all findings.
    pub fn of_all(by_flag: &BTreeMap<String, u64>) -> u64 {
        by_flag.get("all").copied().unwrap_or(0)
    }
}

impl Row for ModelTrustRow {
    const STREAM: &'static str = "model_trust";
    fn row_id(&self) -> String {
        format!("{}|{}", self.name(), self.task)
    }
}

//! `[observe]`: what is told of what happens, and what is made of failures that pile up.

use crate::provider::ProviderConfig;
use crate::validate::Checks;
use queue_schema::sweep::Rung;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[observe]`: what is told of what happens, and what is made of failures that pile up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObserveSettings {
    /// Whether the fleet writes events.
    pub enabled: bool,
    /// Events of each source that are kept.
    pub ring: u32,
    /// Names under which others may send events, at most.
    pub max_sources: u32,
    /// Seconds of a window in which failures are counted.
    pub window_s: u64,
    /// Failures of one kind in a window that are a trouble.
    pub threshold: u32,
    /// Seconds between two looks for them.
    pub interval_s: u64,
    /// `PROVIDER/MODEL` that is asked about a trouble; empty for none.
    pub model: String,
    /// Tokens to generate for that.
    pub max_tokens: u32,
    /// Hours for which `scrum doctor` tells of a trouble.
    pub doctor_hours: u32,
}

impl ObserveSettings {
    /// From when on failures are a trouble, in milliseconds of a window and failures.
    pub fn bounds(&self) -> (u64, u64) {
        (self.window_s.saturating_mul(1000), u64::from(self.threshold))
    }

    /// The model that is asked about a trouble; `None` without one.
    pub fn rung(&self) -> Option<Rung> {
        crate::facts::rung(&self.model)
    }

    /// Tells of values that are out of range.
    pub(crate) fn validate(
        &self,
        check: &mut Checks,
        providers: &BTreeMap<String, ProviderConfig>,
    ) {
        if let Some((what, fix)) = crate::facts::wrong_with(&self.model, providers) {
            check.add("observe.model", what, &fix);
        }
        check.range("observe.ring", self.ring.into(), 100, 1_000_000);
        check.range("observe.max_sources", self.max_sources.into(), 0, 1000);
        check.range("observe.window_s", self.window_s, 1, 86_400);
        check.range("observe.threshold", self.threshold.into(), 2, 100_000);
        check.range("observe.interval_s", self.interval_s, 1, 3600);
        check.range("observe.max_tokens", self.max_tokens.into(), 50, 100_000);
        check.range("observe.doctor_hours", self.doctor_hours.into(), 1, 10_000);
    }
}

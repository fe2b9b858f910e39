//! `[confirm]`: who is asked a second time about the findings of an accepted review, and within which bounds.

use crate::facts::rung;
use crate::provider::{ProviderConfig, Wire};
use queue_schema::sweep::{ConfirmBounds, ConfirmSpec, Ladder};
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[confirm]`: frozen into a sweep when it is made, see [`ConfirmSettings::spec`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmSettings {
    /// Whether findings of which the reviewer is sure are confirmed.
    pub enabled: bool,
    /// `provider/model` that is asked; empty = the next model of the sweep's ladder.
    pub model: String,
    /// Least confidence of a finding that is worth it, in percent.
    pub min_confidence: u8,
    /// Findings of one review that are asked about at most.
    pub max_findings: u32,
    /// Lines shown before and after the code of a finding.
    pub context_lines: u32,
    /// What the call may take of the tokens of its review, in percent.
    pub max_share: u32,
}

impl ConfirmSettings {
    /// What is frozen into a sweep on this ladder; none when confirmation is switched off, and for a ladder without
    /// a model.
    pub fn spec(
        &self,
        ladder: &Ladder,
        providers: &BTreeMap<String, ProviderConfig>,
    ) -> Option<ConfirmSpec> {
        let asks = |name: &str| providers.get(name).is_some_and(|p| p.wire != Wire::Builtin);
        let has_model = ladder.rungs.iter().any(|rung| asks(&rung.provider));
        (self.enabled && has_model).then(|| ConfirmSpec {
            rung: rung(&self.model),
            // No `..`: a new bound without a setting must not compile.
            bounds: ConfirmBounds {
                min_confidence: self.min_confidence,
                max_findings: self.max_findings,
                context_lines: self.context_lines,
                max_share: self.max_share,
            },
        })
    }
}

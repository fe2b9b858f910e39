//! `[calibration]`: how many judged findings a calibration needs; `[estimate]`: how closely files are looked at before a
//! sweep.

use crate::validate::Checks;
use serde::Deserialize;

/// `[calibration]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationSettings {
    /// For a map of a model's confidences.
    pub min_labels: u32,
    /// For isotonic regression.
    pub isotonic_from: u32,
}

impl CalibrationSettings {
    pub(crate) fn validate(self, check: &mut Checks) {
        check.range("calibration.min_labels", self.min_labels.into(), 20, 1_000_000);
        check.range("calibration.isotonic_from", self.isotonic_from.into(), 20, 1_000_000);
    }
}

/// `[estimate]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstimateSettings {
    /// Files whose prompts are made; 0 = nothing is estimated.
    pub sample_files: u32,
}

impl EstimateSettings {
    pub(crate) fn validate(self, check: &mut Checks) {
        check.range("estimate.sample_files", self.sample_files.into(), 0, 1_000_000);
    }
}

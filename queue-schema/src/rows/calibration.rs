//! How the confidences of a model compare with what its findings proved to be.

use super::Row;
use crate::sweep::{MapStep, ModelMap};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version written into every row of this kind.
pub const SCHEMA_VERSION: u32 = 1;

/// How a map is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MapMethod {
    /// Isotonic regression: pool adjacent violators.
    Isotonic,
    /// Platt scaling: a logistic curve of two numbers, for a small sample.
    Platt,
}

impl MapMethod {
    /// The word in rows and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Isotonic => "isotonic",
            Self::Platt => "platt",
        }
    }
}

/// Findings of about the same confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReliabilityBin {
    /// Least confidence, in percent.
    #[cfg_attr(test, schemars(range(max = 100)))]
    pub from: u8,
    /// Highest confidence, in percent.
    #[cfg_attr(test, schemars(range(max = 100)))]
    pub to: u8,
    /// How many there are; at least one.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub labels: u32,
    /// What the model said on average, in percent.
    #[cfg_attr(test, schemars(range(min = 0, max = 100)))]
    pub said: f64,
    /// How many of a hundred were right.
    #[cfg_attr(test, schemars(range(min = 0, max = 100)))]
    pub right: f64,
}

/// The calibration of one model, from its judged findings. Kept until the next one of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CalibrationRow {
    /// `provider/model`.
    #[cfg_attr(test, schemars(regex(pattern = "^[^/]+/.+$")))]
    pub model: String,
    /// When, RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub calibrated_at: String,
    /// Judged findings with a confidence.
    pub labels: u32,
    /// Those of them that were right.
    pub right: u32,
    /// Where they are from: `eval`, `fixed`, `dismissed`, `audit_upheld`, `audit_rejected`.
    pub sources: BTreeMap<String, u32>,
    /// Mean square of the difference between confidence and truth, 0 to 1; 0 is best.
    #[cfg_attr(test, schemars(range(min = 0, max = 1)))]
    pub brier: f64,
    /// Expected calibration error, in percentage points: how far confidences are from the share of right findings.
    #[cfg_attr(test, schemars(range(min = 0, max = 100)))]
    pub ece: f64,
    /// The reliability table: bins of ten points that hold a finding, ascending.
    pub bins: Vec<ReliabilityBin>,
    /// How the map is made; null where there are too few findings for one.
    pub method: Option<MapMethod>,
    /// The map; empty where there is none.
    pub map: Vec<MapStep>,
    /// `brier` behind the map, on findings that it was not made of; null without a map.
    #[cfg_attr(test, schemars(range(min = 0, max = 1)))]
    pub brier_calibrated: Option<f64>,
    /// `ece` behind the map, on findings that it was not made of; null without a map.
    #[cfg_attr(test, schemars(range(min = 0, max = 100)))]
    pub ece_calibrated: Option<f64>,
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
}

impl CalibrationRow {
    /// What a sweep keeps of it; `None` without a map.
    pub fn frozen(&self) -> Option<ModelMap> {
        let (model, steps) = (self.model.clone(), self.map.clone());
        (!steps.is_empty()).then_some(ModelMap { model, labels: self.labels, steps })
    }
}

impl Row for CalibrationRow {
    const STREAM: &'static str = "calibrations";
    fn row_id(&self) -> String {
        self.model.clone()
    }
}

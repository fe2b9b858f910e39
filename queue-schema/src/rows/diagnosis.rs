//! What failures that pile up say together.

use super::Row;
use serde::{Deserialize, Serialize};

/// Version written into rows of this kind.
pub const SCHEMA_VERSION: u32 = 1;

/// One trouble of a sweep within one window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DiagnosisRow {
    /// Which sweep.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?$")))]
    pub sweep_id: String,
    /// The trouble and its window.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{12}\\.[0-9]+$")))]
    pub diagnosis_id: String,
    /// What fails: a task of models, or a kind of job.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub task: String,
    /// Who fails: `provider/model`, or the kind of job.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub endpoint: String,
    /// How it fails.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub class: String,
    /// The first two segments of the paths of its files; empty where they lie in many places.
    pub area: String,
    /// Failures that were there when it was made.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub count: u64,
    /// The first of them, in milliseconds since the epoch.
    pub since_ms: u64,
    /// The last of them.
    pub until_ms: u64,
    /// Some of their reasons, each once.
    pub samples: Vec<String>,
    /// Some of their files.
    pub files: Vec<String>,
    /// What a person does about failures of this class.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub what_to_do: String,
    /// `provider/model` that was asked; null without one.
    #[cfg_attr(test, schemars(regex(pattern = "^[^/]+/.+$")))]
    pub model: Option<String>,
    /// What it says; null where it was not asked or gave no answer.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub text: Option<String>,
    /// When it was made: RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub ts: String,
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
}

impl Row for DiagnosisRow {
    const STREAM: &'static str = "observer_diagnoses";
    fn row_id(&self) -> String {
        self.diagnosis_id.clone()
    }
}

//! A trace of a pathway, as programs read it.

use super::Row;
use serde::{Deserialize, Serialize};

/// Version written into every row of this kind.
pub const SCHEMA_VERSION: u32 = 1;

/// What a review left for the next one of its pathway. Composed when it is asked for, so it is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PathwayTraceRow {
    /// Its name in the pathway.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub id: String,
    /// The pathway.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    pub pathway_id: String,
    /// The repository, as its memory is named.
    pub repo: String,
    /// The reviewed file.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub file: String,
    /// What was asked for.
    pub task_class: String,
    /// The class of the file's area then.
    pub signal_class: String,
    /// When the review was accepted, RFC 3339; what others imported may lack it.
    pub created_at: String,
    /// `provider/model` that did it.
    pub model: String,
    /// Its place in the sweep's ladder, from 0.
    pub rung: u32,
    /// Attempts that it took.
    pub attempts: u32,
    /// Semantic flags of its findings.
    pub semantic_flags: Vec<String>,
    /// Keys of the mistakes that it found.
    pub pattern_keys: Vec<String>,
    /// What the auditor says of it; null before it said anything.
    pub audit_consensus: Option<bool>,
    /// Later reviews that asked the same.
    pub replay_count: u32,
    /// Those of them that the model did at once.
    pub replays_succeeded: u32,
    /// Why it is not used any more; null while it is.
    pub retired: Option<String>,
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
}

impl Row for PathwayTraceRow {
    const STREAM: &'static str = "pathway_traces";
    fn row_id(&self) -> String {
        format!("{}:{}", self.pathway_id, self.id)
    }
}

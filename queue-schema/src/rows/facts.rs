//! The row of facts, schema v2: what an accepted review says of its file, and what of it holds.

use super::Row;
use serde::{Deserialize, Serialize};

/// Version written into every row of this kind.
pub const FACTS_SCHEMA_VERSION: u32 = 2;

/// Where rows of this kind come from.
pub const FACTS_SOURCE: &str = "scrum_review";

/// Something that a review speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Entity {
    /// Its name, as in the code.
    pub name: String,
    /// What it is: function, type, file. Empty when the extractor did not say.
    pub kind: String,
}

/// How two entities belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Relationship {
    /// One of them.
    pub from: String,
    /// In which way.
    pub relation: String,
    /// The other.
    pub to: String,
}

/// What the verifier says of one fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FactVerdict {
    /// The file supports it.
    Supported,
    /// The file does not.
    Unsupported,
}

/// The facts of one accepted review. The first block of fields is the format of the original
/// script, names and types unchanged; what the fleet adds stands behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AuditFactsRow {
    /// Always 0: these facts come from a sweep and not from a pull request.
    #[cfg_attr(test, schemars(extend("const" = 0)))]
    pub pr_number: u32,
    /// Path in the repository, `/` as separator.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub file: String,
    /// Commit that was read, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub head_sha: String,
    /// RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub extracted_at: String,
    /// `provider/model`.
    #[cfg_attr(test, schemars(regex(pattern = "^[^/]+/.+$")))]
    pub extractor: String,
    /// `provider/model`.
    #[cfg_attr(test, schemars(regex(pattern = "^[^/]+/.+$")))]
    pub verifier: String,
    /// What the review speaks of.
    pub entities: Vec<Entity>,
    /// What it says, a sentence each.
    pub facts: Vec<String>,
    /// How the entities belong together.
    pub relationships: Vec<Relationship>,
    /// The beginning of what the verifier wrote; empty when there was no verification.
    pub verification_preview: String,
    /// Always 2.
    #[cfg_attr(test, schemars(extend("const" = FACTS_SCHEMA_VERSION)))]
    pub schema_version: u32,
    /// Always `scrum_review`.
    #[cfg_attr(test, schemars(extend("const" = FACTS_SOURCE)))]
    pub source: String,
    /// Always true: tells our rows from those of other writers of the stream.
    #[cfg_attr(test, schemars(extend("const" = true)))]
    pub scrum_master_reviewed: bool,

    /// Which sweep asked for it.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?$")))]
    pub sweep_id: String,
    /// Which review they are from: stable for (sweep, target).
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?-[0-9]+$")))]
    pub review_id: String,
    /// Repository as the sweep named it.
    pub repo: String,
    /// Git object id of the file's content, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub blob: String,
    /// One a fact, in their order; null where the verifier gave no verdict that could be read.
    pub verdicts: Vec<Option<FactVerdict>>,
    /// Why there is no verification; null when there is one, or nothing to check.
    pub verification_error: Option<String>,
    /// Entries of the extractor's answer that were too many, or that could not be read.
    pub left_out: u32,
    /// True when the extractor's answer was cut at the token limit: what was whole is here.
    pub cut: bool,
    /// Prompt tokens of both calls, but those whose answer was found.
    pub tokens_in: u64,
    /// Generated tokens of both calls.
    pub tokens_out: u64,
    /// Sum of what providers charged, in dollars; null when none said.
    #[cfg_attr(test, schemars(range(min = 0)))]
    pub cost_usd: Option<f64>,
    /// Time spent in both calls, in milliseconds; one from the answer cache took none.
    pub duration_ms: u64,
    /// Secrets that were masked before the text left for models that are not local; the most in one
    /// of the calls, because both speak of the same file.
    pub masked: u32,
}

impl AuditFactsRow {
    /// How many facts have this verdict.
    pub fn with(&self, verdict: FactVerdict) -> usize {
        self.verdicts.iter().filter(|v| **v == Some(verdict)).count()
    }
}

impl Row for AuditFactsRow {
    const STREAM: &'static str = "audit_facts";
    fn row_id(&self) -> String {
        self.review_id.clone()
    }
}

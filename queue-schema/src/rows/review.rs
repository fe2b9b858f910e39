//! The review row, schema v4: what other readers of the knowledge base rely on.

use super::{Attempt, Finding, GoneFinding, Row};
use serde::{Deserialize, Deserializer, Serialize};

/// Version written into every row of this kind.
pub const SCHEMA_VERSION: u32 = 4;

/// One accepted review. It is written before its facts are taken out: their tokens and cost stand in
/// [`super::AuditFactsRow`] and in the sweep's counters, not here. The first block of fields is the format of the original script, names
/// and types unchanged; what the fleet adds stands behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReviewRow {
    /// Path in the repository, `/` as separator.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub file: String,
    /// RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub reviewed_at: String,
    /// `provider/model`.
    #[cfg_attr(test, schemars(regex(pattern = "^[^/]+/.+$")))]
    pub accepted_model: String,
    /// 1 when the first attempt was accepted.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub accepted_on_attempt: u32,
    /// All attempts made, the accepted one included.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub attempts_made: u32,
    /// True when the file was too large for one prompt and went through shards.
    pub tree_split_fired: bool,
    /// First 2,000 characters of the accepted answer.
    pub suggestions_preview: String,
    /// One entry a finding that gave a confidence, in percent.
    #[cfg_attr(test, schemars(inner(range(max = 100))))]
    pub confidences_per_finding: Vec<u8>,
    /// Mean of the confidences; null without any.
    #[cfg_attr(test, schemars(range(min = 0, max = 100)))]
    pub confidence_avg: Option<f64>,
    /// Least of the confidences; null without any.
    #[cfg_attr(test, schemars(range(max = 100)))]
    pub confidence_min: Option<u8>,
    /// Number of findings.
    pub findings_count: u32,
    /// auto | dry_run | simulation | block, from the least confidence.
    #[cfg_attr(test, schemars(extend("enum" = ["auto", "dry_run", "simulation", "block"])))]
    pub gradient_tier: String,
    /// The same from the mean.
    #[cfg_attr(test, schemars(extend("enum" = ["auto", "dry_run", "simulation", "block"])))]
    pub gradient_tier_avg: String,
    /// 1 to 10, halves allowed; null when it could not be parsed.
    #[cfg_attr(test, schemars(range(min = 1, max = 10)))]
    pub alignment_score: Option<f64>,
    /// markdown | forensic_json.
    #[cfg_attr(test, schemars(extend("enum" = ["markdown", "forensic_json"])))]
    pub output_format: String,
    /// pass | needs_patch | fail; null for Markdown.
    #[cfg_attr(test, schemars(extend("enum" = ["pass", "needs_patch", "fail", null])))]
    pub verdict: Option<String>,
    /// Entries under `critical_failures`; 0 for Markdown.
    #[serde(default, deserialize_with = "null_is_zero")]
    pub critical_failures_count: u32,
    /// Entries under `pseudocode_flags`; 0 for Markdown.
    #[serde(default, deserialize_with = "null_is_zero")]
    pub pseudocode_flags_count: u32,
    /// Entries under `prd_mismatches`; 0 for Markdown.
    #[serde(default, deserialize_with = "null_is_zero")]
    pub prd_mismatches_count: u32,
    /// Entries under `missing_components`; 0 for Markdown.
    #[serde(default, deserialize_with = "null_is_zero")]
    pub missing_components_count: u32,
    /// Entries under `verified_components`; 0 for Markdown.
    #[serde(default, deserialize_with = "null_is_zero")]
    pub verified_components_count: u32,
    /// Entries under `risk_points`; 0 for Markdown.
    #[serde(default, deserialize_with = "null_is_zero")]
    pub risk_points_count: u32,
    /// Always 4.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
    /// Always true: tells our rows from those of other writers of the stream.
    #[cfg_attr(test, schemars(extend("const" = true)))]
    pub scrum_master_reviewed: bool,
    /// True when the ladder was started at a remembered model.
    pub pathway_hot_swap_hit: bool,
    /// Which pathway was swapped in.
    pub pathway_id: Option<String>,
    /// How close it was, 0 to 1.
    #[cfg_attr(test, schemars(range(min = 0, max = 1)))]
    pub pathway_similarity: Option<f64>,
    /// How often its model had succeeded, 0 to 1.
    #[cfg_attr(test, schemars(range(min = 0, max = 1)))]
    pub pathway_success_rate: Option<f64>,
    /// Rungs skipped by the swap.
    pub rungs_saved: u32,

    /// Which sweep asked for it.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?$")))]
    pub sweep_id: String,
    /// Which review it is: stable for (sweep, target).
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?-[0-9]+$")))]
    pub review_id: String,
    /// Repository as the sweep named it.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub repo: String,
    /// Commit that was read, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub commit: String,
    /// Git object id of the file's content, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub blob: String,
    /// Every finding.
    pub findings: Vec<Finding>,
    /// Every attempt, in order.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub attempts: Vec<Attempt>,
    /// Prompt tokens of all attempts and shards, but those whose answer was found.
    pub tokens_in: u64,
    /// Generated tokens of all attempts and shards.
    pub tokens_out: u64,
    /// Sum of what providers charged, in dollars; null when none said.
    #[cfg_attr(test, schemars(range(min = 0)))]
    pub cost_usd: Option<f64>,
    /// Time spent in model calls, in milliseconds.
    pub duration_ms: u64,
    /// Shards the file was split into; 0 when it was not.
    pub shards_total: u32,
    /// Byte ranges `[start, end)` whose summary failed on every rung.
    pub shards_missing: Vec<(u64, u64)>,
    /// Document chunks that stood in the prompt.
    pub top_chunks: Vec<TopChunk>,
    /// Secrets that were masked before the text left for a model that is not local; 0 when none
    /// was, or nothing left.
    #[serde(default)]
    pub masked: u32,
    /// How they were found: `lexical`, `embedding:MODEL`, or `none` without a document.
    #[serde(default)]
    #[cfg_attr(test, schemars(regex(pattern = "^(|none|lexical|embedding:.+)$")))]
    pub retrieval: String,
    /// Shards whose notes were cut, so that the notes on all of them fit; 0 when none were.
    #[serde(default)]
    pub shards_shortened: u32,
    /// What the file was read as, where it is not UTF-8, as the Encoding Standard names it, or `UTF-8, damaged`.
    #[serde(default)]
    pub encoding: String,
    /// The accepted answer, where `suggestions_preview` is only its start; at most `history.answer_chars`
    /// characters. Left out when the preview is all of it, and in rows of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The answer was cut at the token limit: these are its finished findings. Left out otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Findings of earlier sweeps whose code is gone with this review; left out without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings_gone: Vec<GoneFinding>,
    /// Open findings of earlier sweeps that this review did not say again, though their code is there; left
    /// out without any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings_unrepeated: u32,
    /// Definitions from elsewhere in the repository that stood in the accepted prompt. Left out when there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub type_hints_used: Vec<TypeHint>,
}

impl ReviewRow {
    /// The accepted answer, as much of it as the row keeps.
    pub fn kept_answer(&self) -> &str {
        self.answer.as_deref().unwrap_or(&self.suggestions_preview)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A count; older rows say null where there is nothing to count.
fn null_is_zero<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A document chunk that was shown to the reviewer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TopChunk {
    /// `prd` or `proposal`.
    #[cfg_attr(test, schemars(extend("enum" = ["prd", "proposal"])))]
    pub origin: String,
    /// Character offset of the chunk in its document.
    pub offset: u32,
    /// Similarity to the file, by the ranking named in `ranking`.
    pub score: f64,
    /// `lexical` or `embedding:MODEL`: scores of different rankings don't compare.
    #[cfg_attr(test, schemars(regex(pattern = "^(lexical|embedding:.+)$")))]
    pub ranking: String,
}

/// A definition that the reviewer was shown beside the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TypeHint {
    /// Path of the file that defines it.
    pub source: String,
    /// Its name, behind its type's and a dot where it belongs to one.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub symbol: String,
    /// Signature or fields, on one line.
    pub type_repr: String,
}

impl Row for ReviewRow {
    const STREAM: &'static str = "scrum_reviews";
    fn row_id(&self) -> String {
        self.review_id.clone()
    }
}

#[cfg(test)]
mod tests;

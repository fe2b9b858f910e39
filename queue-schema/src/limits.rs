//! Bounds of single steps of the pipeline, frozen into a sweep.
//!
//! What a sweep's record does not say is what all sweeps were held to before it could be said: that is
//! what the `Default`s here are. The settings' defaults stand in `config/default.toml` alone. A value
//! that is as it was before is not written, so that such a sweep keeps the id that it always had.

use crate::sweep::{MarkdownPolicy, SplitMode};
use serde::{Deserialize, Serialize};

/// Bounds that shape a sweep's work; defaults live in `config/default.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Files over this many bytes are split into shards.
    pub split_over_bytes: u64,
    /// Aimed-at size of a shard in bytes.
    pub shard_bytes: u64,
    /// Files over this many bytes are skipped with a reason.
    pub max_file_bytes: u64,
    /// Targets of one sweep in the queues at a time.
    pub admission_window: u32,
    /// Targets written by one plan job.
    pub plan_page: u32,
    /// Targets of the sweep at most; 0 = as many as can be read.
    #[serde(default, skip_serializing_if = "as_before")]
    pub max_targets: u32,
    /// Times one rung is tried again after transient errors before it counts as an error.
    pub transient_retries: u32,
    /// Times one rung is asked again when its answer is empty, before it is spent.
    #[serde(default, skip_serializing_if = "as_before")]
    pub empty_retries: u32,
    /// Findings of a review at most, unless the rung says otherwise.
    #[serde(default = "five", skip_serializing_if = "is_five")]
    pub max_findings: u32,
    /// Tokens to generate for a review, unless the rung says otherwise.
    pub max_tokens: u32,
    /// Tokens to generate for a shard summary.
    pub shard_max_tokens: u32,
    /// Sampling temperature, unless the rung says otherwise.
    pub temperature: f64,
    /// Document chunks shown per origin.
    pub top_chunks: u32,
    /// What the boundaries of shards follow.
    #[serde(default)]
    pub split: SplitMode,
    /// [`SPLIT_VERSION`] of the program that made the sweep.
    #[serde(default = "first_version")]
    pub split_version: u32,
    /// Shards one after the other, each with the notes on those before it.
    #[serde(default)]
    pub chained: bool,
    /// What the policy `auto` asks of an answer in Markdown.
    #[serde(default, skip_serializing_if = "as_before")]
    pub markdown_policy: MarkdownPolicy,
    /// Characters of the notes on a split file that its reviewer is shown; 0 = all of them.
    #[serde(default, skip_serializing_if = "as_before")]
    pub notes_chars: u32,
    /// What makes an answer a review.
    #[serde(default, skip_serializing_if = "as_before")]
    pub accept: AcceptLimits,
    /// From which confidence on a review has a tier.
    #[serde(default, skip_serializing_if = "as_before")]
    pub tiers: TierLimits,
    /// How documents are cut up, looked up and shown.
    #[serde(default, skip_serializing_if = "as_before")]
    pub documents: DocumentLimits,
    /// What is kept of answers, and what the next model is told.
    #[serde(default, skip_serializing_if = "as_before")]
    pub history: HistoryLimits,
    /// How much of the linters' findings a reviewer is shown.
    #[serde(default, skip_serializing_if = "as_before")]
    pub hints: HintLimits,
    /// What is remembered of the repository, and shown; `None`: nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryLimits>,
}

const fn five() -> u32 {
    5
}

#[allow(clippy::trivially_copy_pass_by_ref)] // what serde calls
const fn is_five(n: &u32) -> bool {
    *n == 5
}

const fn first_version() -> u32 {
    1
}

/// What makes an answer a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptLimits {
    /// Least characters under the `structured` policy.
    pub structured_chars: u32,
    /// Least characters under the `substantial` policy.
    pub substantial_chars: u32,
    /// From this many suggestions on, at least one must give a confidence.
    pub confidence_from: u32,
}

impl Default for AcceptLimits {
    fn default() -> Self {
        Self { structured_chars: 200, substantial_chars: 3800, confidence_from: 5 }
    }
}

/// From which confidence on, in percent, a review has a tier; below the last one it is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierLimits {
    /// May be applied as it is.
    pub auto: u8,
    /// May be tried without effect.
    pub dry_run: u8,
    /// May be played through.
    pub simulation: u8,
    /// Whether the calibrated confidence counts, of models that have one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub calibrated: bool,
}

impl Default for TierLimits {
    fn default() -> Self {
        Self { auto: 90, dry_run: 70, simulation: 50, calibrated: false }
    }
}

/// How documents are cut up, looked up and shown. All in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentLimits {
    /// Length of a passage.
    pub chunk_chars: u32,
    /// What a passage shares with the one before.
    pub overlap_chars: u32,
    /// Passages of this length or less are dropped.
    pub least_chars: u32,
    /// The start of a file that passages are looked up for.
    pub query_chars: u32,
    /// As much of a passage as a reviewer is shown.
    pub shown_chars: u32,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self {
            chunk_chars: 800,
            overlap_chars: 120,
            least_chars: 60,
            query_chars: 800,
            shown_chars: 600,
        }
    }
}

/// What is kept of answers, and what the next model is told. All in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryLimits {
    /// The start of an answer that attempts, rows and dead letters keep.
    pub preview_chars: u32,
    /// As much of an earlier attempt's reason as the next model is shown.
    pub reason_chars: u32,
    /// As much of an accepted answer as its row keeps; where that is no more than the start, only the start.
    #[serde(default = "answer_chars", skip_serializing_if = "is_answer_chars")]
    pub answer_chars: u32,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { preview_chars: 2000, reason_chars: 180, answer_chars: answer_chars() }
    }
}

const fn answer_chars() -> u32 {
    100_000
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
const fn is_answer_chars(n: &u32) -> bool {
    *n == answer_chars()
}

/// How much of the linters' findings on its file a reviewer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HintLimits {
    /// Findings at most.
    pub max_count: u32,
    /// Bytes of them at most.
    pub max_bytes: u32,
}

impl Default for HintLimits {
    fn default() -> Self {
        Self { max_count: 20, max_bytes: 4000 }
    }
}

/// How much of what is remembered a reviewer is shown, and what it takes to begin at a remembered model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryLimits {
    /// Whether anything is remembered and shown.
    pub enabled: bool,
    /// Fingerprints of earlier findings in the area that are shown at most.
    pub fingerprints: u32,
    /// Characters of a fingerprint's example.
    pub example_chars: u32,
    /// Dismissed findings of the area that are shown at most.
    pub dismissals: u32,
    /// Definitions from elsewhere that are shown at most.
    pub definitions: u32,
    /// Characters of a definition.
    pub definition_chars: u32,
    /// Sweeps after which a fingerprint that was not seen again is shown no more.
    pub forget_sweeps: u32,
    /// Whether a review may begin at a remembered model.
    pub hot_swap: bool,
    /// Replays of a remembered model before a review begins there.
    pub min_replays: u32,
    /// Share of them that must have succeeded, 0 to 1.
    pub min_success: f64,
    /// How alike two reviews must be, 0 to 1.
    pub min_similarity: f64,
    /// Traces of a pathway that are kept at most.
    pub traces: u32,
}

/// True for what need not be written.
pub(crate) fn as_before<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use crate::sweep::Limits;

    /// As records of before hold them.
    const OLD: &str = r#"{"split_over_bytes":6000,"shard_bytes":3500,"max_file_bytes":1048576,"admission_window":256,"plan_page":2000,"transient_retries":3,"max_tokens":1500,"shard_max_tokens":400,"temperature":0.2,"top_chunks":5,"split":"syntax","split_version":1,"chained":false}"#;

    #[test]
    fn a_sweep_of_before_is_read_and_written_as_it_was() {
        let mut limits: Limits = serde_json::from_str(OLD).unwrap();
        assert_eq!((limits.tiers.auto, limits.documents.chunk_chars), (90, 800));
        assert_eq!(serde_json::to_string(&limits).unwrap(), OLD, "or its id would be another one");
        limits.tiers.auto = 95;
        let text = serde_json::to_string(&limits).unwrap();
        assert!(text.contains(r#""tiers":{"auto":95,"dry_run":70,"simulation":50}"#), "{text}");
        assert_eq!(serde_json::from_str::<Limits>(&text).unwrap(), limits);
        assert_eq!((limits.max_findings, limits.empty_retries), (5, 0), "as it was");
        limits.markdown_policy = crate::sweep::MarkdownPolicy::Substantial;
        let text = serde_json::to_string(&limits).unwrap();
        assert!(text.contains(r#""markdown_policy":"substantial""#), "{text}");
    }
}

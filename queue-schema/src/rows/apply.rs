//! One decision of the applier: what became of the patches of one file.

use super::Row;
use serde::{Deserialize, Serialize};

/// What was done with a file's patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ApplyAction {
    /// They are a commit on the branch.
    Committed,
    /// Dry run: they would have been.
    DryRunWouldCommit,
    /// The check command failed with them and not without.
    BuildRedReverted,
    /// The check command warned more often with them than without.
    WarningsIncreasedReverted,
    /// The rationale has no word in common with what was to be written.
    RationaleMismatchReverted,
    /// The test command failed with them and not without.
    TestsRedReverted,
    /// None of them passed the gates before the check, or none could be checked; the reasons say why.
    AllRejected,
    /// The patch model proposed none.
    NoPatches,
    /// The file is no longer the one that was reviewed.
    Stale,
}

impl ApplyAction {
    /// The name used on the wire and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::DryRunWouldCommit => "dry_run_would_commit",
            Self::BuildRedReverted => "build_red_reverted",
            Self::WarningsIncreasedReverted => "warnings_increased_reverted",
            Self::RationaleMismatchReverted => "rationale_mismatch_reverted",
            Self::TestsRedReverted => "tests_red_reverted",
            Self::AllRejected => "all_rejected",
            Self::NoPatches => "no_patches",
            Self::Stale => "stale",
        }
    }

    /// True when the patches passed every gate.
    pub const fn passed(self) -> bool {
        matches!(self, Self::Committed | Self::DryRunWouldCommit)
    }
}

/// One patch and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PatchRecord {
    /// What was to be replaced, verbatim.
    pub old_string: String,
    /// What was to stand there.
    pub new_string: String,
    /// Why, as the model put it.
    pub rationale: String,
    /// In percent; null when the model gave none.
    #[cfg_attr(test, schemars(range(max = 100)))]
    pub confidence: Option<u8>,
    /// The first gate that it failed; null when it passed all.
    #[cfg_attr(test, schemars(extend("enum" = ["fresh", "path", "confidence", "unique", "size", "rationale", "proof", "check", "warnings", "tests", null])))]
    pub gate: Option<String>,
    /// What was wrong there; empty when it passed all.
    pub reason: String,
}

/// One decision about one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AutoApplyRow {
    /// What was done.
    pub action: ApplyAction,
    /// Path in the repository, `/` as separator.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub file: String,
    /// Patches that passed every gate.
    pub patches_applied: u32,
    /// Patches that did not.
    pub patches_rejected: u32,
    /// Why, in a sentence; empty when all patches passed.
    pub reason: String,
    /// Mean confidence of the review.
    #[cfg_attr(test, schemars(range(min = 0, max = 100)))]
    pub confidence_avg: Option<f64>,
    /// Tier of the review.
    #[cfg_attr(test, schemars(extend("enum" = ["auto", "dry_run", "simulation", "block"])))]
    pub gradient_tier: String,
    /// `provider/model` of the review.
    #[cfg_attr(test, schemars(regex(pattern = "^[^/]+/.+$")))]
    pub reviewer_model: String,
    /// `provider/model` that proposed the patches.
    #[cfg_attr(test, schemars(regex(pattern = "^[^/]+/.+$")))]
    pub patch_model: String,
    /// The branch that was written, or would have been.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub branch: String,
    /// The commit that was made, hex; null when there is none.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub commit: Option<String>,
    /// When it was decided: RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub ts: String,

    /// Which sweep the review belongs to.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?$")))]
    pub sweep_id: String,
    /// Which review.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?-[0-9]+$")))]
    pub review_id: String,
    /// Which run of the applier.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{12}$")))]
    pub run_id: String,
    /// Repository as the sweep named it.
    pub repo: String,
    /// Commit that the patches were made for, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub base: String,
    /// Every patch.
    pub patches: Vec<PatchRecord>,
    /// Warnings of the check without any patch; null when none was run.
    pub warnings_before: Option<u32>,
    /// Warnings of the check that decided about this file; null when none was run.
    pub warnings_after: Option<u32>,
    /// The last lines of a check or test that failed.
    pub output_tail: String,
    /// What contained the check command: `bubblewrap`, `no-network`, `none`; empty when none was run.
    #[cfg_attr(test, schemars(extend("enum" = ["", "bubblewrap", "no-network", "none"])))]
    pub sandbox: String,
    /// Prompt tokens of the proposal.
    pub tokens_in: u64,
    /// Generated tokens of the proposal.
    pub tokens_out: u64,
    /// What the proposal cost in dollars; null when nobody said.
    #[cfg_attr(test, schemars(range(min = 0)))]
    pub cost_usd: Option<f64>,
    /// Secrets that were masked in what the patch model was sent.
    pub masked: u32,
    /// Version of this row.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
    /// True when the check ran without a sandbox, which its user and its worker had both asked for.
    #[serde(default)]
    pub unsafe_no_sandbox: bool,
    /// The test of the finding that was to be proven; left out when the run proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

/// The test of one finding, and the gates that it passed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Proof {
    /// The finding's place among those of the review.
    pub finding: u32,
    /// Its id in the ledger; left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}$")))]
    pub finding_id: Option<String>,
    /// The claim, cut.
    pub claim: String,
    /// Path of the test's file in the repository.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub test: String,
    /// All of the test; empty when there is none.
    pub text: String,
    /// The command that ran it.
    pub command: String,
    /// True when it fails by an assertion on the file without the patch, whatever became of the patch.
    pub proven: bool,
    /// The first gate that it failed; null when it passed all that were reached. Without a patch, none is reached
    /// behind `before`.
    #[cfg_attr(test, schemars(extend("enum" = ["answer", "place", "before", "touches", "after", "repeat", "revert", null])))]
    pub gate: Option<String>,
    /// What was wrong there; empty when it passed all.
    pub reason: String,
    /// How often it was run.
    pub runs: u32,
    /// The last lines of the run that decided: of the failed gate, else of the failure that proves the finding.
    pub output_tail: String,
}

/// Version written into every row of this kind.
pub const SCHEMA_VERSION: u32 = 1;

impl Row for AutoApplyRow {
    const STREAM: &'static str = "auto_apply";
    fn row_id(&self) -> String {
        format!("{}.{}", self.review_id, self.run_id)
    }
}

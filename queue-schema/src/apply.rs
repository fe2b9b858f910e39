//! The record of a run of the applier: which reviews, for which branch, under which rules.

use crate::ids::{RunId, SweepId, content_id};
use crate::sweep::Rung;
use serde::{Deserialize, Serialize};

/// Version of [`ApplySpec`] records.
pub const APPLY_VERSION: u32 = 1;

/// One request to turn reviews of a sweep into commits. Asking for the same again finds the run that
/// was there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplySpec {
    /// Record version.
    pub v: u32,
    /// Which sweep.
    pub sweep: SweepId,
    /// Repository: an absolute path.
    pub repo: String,
    /// The commit that the patches are made for, hex.
    pub base: String,
    /// The branch that is written; made at `base` where it does not exist. Empty: one of the run's
    /// own, see [`ApplySpec::branch_of`].
    pub branch: String,
    /// False: a dry run, which commits nothing.
    pub commit: bool,
    /// The patch model.
    pub model: Rung,
    /// Whether text may be sent to it as it is: see [`SweepSpec::local`](crate::sweep::SweepSpec::local).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub local: bool,
    /// What has to succeed with the patches.
    pub check: String,
    /// What has to succeed as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// The rules.
    pub rules: ApplyRules,
    /// The reviews, best first.
    pub files: Vec<ApplyFile>,
    /// 0, or a number that sets a forced repetition apart.
    #[serde(default)]
    pub again: u64,
    /// The user lets the check run without a sandbox; a worker must allow it too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsafe_no_sandbox: bool,
    /// Bounds of the tests that prove findings; none when the run proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prove: Option<ProveRules>,
}

/// What a test must do to prove a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveRules {
    /// How often in a row it has to pass with the patch.
    pub repeats: u32,
    /// Lines that it has at most.
    pub max_lines: u32,
}

/// What runs the test of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framework {
    /// `cargo test`.
    Cargo,
    /// Python's own `unittest`.
    Unittest,
    /// pytest.
    Pytest,
    /// `node --test`.
    Node,
    /// Vitest.
    Vitest,
    /// Jest.
    Jest,
    /// A command of the settings that none of the others fits.
    Other,
}

/// The finding of a file that is to be proven, and where its test stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestPlan {
    /// Its place among the findings of the review.
    pub finding: u32,
    /// What runs the test.
    pub framework: Framework,
    /// The test's new file, from the root of the repository, with `/`.
    pub path: String,
    /// The command that runs this file alone.
    pub command: String,
    /// How the test reaches the code, where the project says so: the name of a library, the kind of modules.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reach: String,
}

/// Bounds of a run; defaults live in `config/default.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyRules {
    /// Least confidence of a patch, in percent.
    pub min_conf: u8,
    /// Lines of a patch at most, on its larger side.
    pub max_lines: u32,
    /// Patches of one file at most.
    pub max_patches: u32,
    /// Findings that nothing stands behind but their reviewer's word become patches too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unconfirmed: bool,
    /// Characters of a file that is shown whole to the patch model.
    pub whole_chars: u32,
    /// Lines around a finding that are shown of a larger file.
    pub around_lines: u32,
    /// Rounds of check and test of one run at most.
    pub max_checks: u32,
    /// Paths that are never touched.
    pub deny: Vec<String>,
    /// Branches that are never written.
    pub protected: Vec<String>,
    /// Name and address of the commits' author.
    pub author: (String, String),
}

/// One review of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplyFile {
    /// Ordinal of the target in its sweep.
    pub target: u32,
    /// Path in the repository.
    pub path: String,
    /// Git object id of the content that was reviewed.
    pub blob: String,
    /// What is to be proven of it; none when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prove: Option<TestPlan>,
}

impl ApplySpec {
    /// Stable identity: 12 hex digits over all of it.
    pub fn id(&self) -> RunId {
        let json = serde_json::to_string(self).unwrap_or_default();
        content_id(&[b"apply", json.as_bytes()])[..12].into()
    }

    /// The branch of a run.
    pub fn branch_of(&self, run: &RunId) -> String {
        if self.branch.is_empty() { format!("scrum/auto-apply-{run}") } else { self.branch.clone() }
    }

    /// Stands for repository and branch in the name of a pool.
    pub fn pool_of(&self, run: &RunId) -> String {
        let id = content_id(&[self.repo.as_bytes(), self.branch_of(run).as_bytes()]);
        format!("branch-{}", &id[..12])
    }
}

/// What the patch model came to for one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Proposal {
    /// The patches, as they were read; empty when it proposed none.
    pub patches: Vec<ProposedPatch>,
    /// Why there is no usable answer; empty when there is one.
    pub trouble: String,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Generated tokens.
    pub tokens_out: u64,
    /// Dollars; `None` when nobody said.
    pub cost_usd: Option<f64>,
    /// Secrets that were masked in what was sent.
    pub masked: u32,
    /// The test of a run that proves findings; none in others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<ProposedTest>,
}

/// A test, as proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ProposedTest {
    /// All of its file; empty when there is none.
    pub text: String,
    /// Why there is none; empty when there is one.
    pub trouble: String,
}

/// One replacement, as proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedPatch {
    /// What is to be replaced, verbatim.
    pub old_string: String,
    /// What is to stand there.
    pub new_string: String,
    /// Why.
    pub rationale: String,
    /// In percent.
    pub confidence: Option<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that proves nothing is the one that it was before there were proofs.
    #[test]
    fn what_proves_nothing_is_written_and_named_as_ever() {
        let old = r#"{"v":1,"sweep":"ab","repo":"/r","base":"c0","branch":"","commit":true,"model":{"provider":"p","model":"m"},"check":"true","rules":{"min_conf":90,"max_lines":6,"max_patches":2,"whole_chars":1,"around_lines":1,"max_checks":2,"deny":[],"protected":[],"author":["a","b"]},"files":[{"target":0,"path":"a.rs","blob":"b0"}],"again":0}"#;
        let spec: ApplySpec = serde_json::from_str(old).unwrap();
        let json = serde_json::to_string(&spec).unwrap();
        assert!(!json.contains("prove"), "{json}");
        let prove = Some(ProveRules { repeats: 5, max_lines: 200 });
        assert_ne!(ApplySpec { prove, ..spec.clone() }.id(), spec.id());
        let old = r#"{"patches":[],"trouble":"","tokens_in":1,"tokens_out":2,"cost_usd":null,"masked":0}"#;
        let proposal: Proposal = serde_json::from_str(old).unwrap();
        assert_eq!(serde_json::to_string(&proposal).unwrap(), old);
    }
}

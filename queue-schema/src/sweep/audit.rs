//! What a sweep whose findings are audited has besides: who votes, on which findings, within which bounds.

use super::{Reviewer, Rung};
use crate::ids::SweepId;
use crate::rows::{Finding, Severity};
use serde::{Deserialize, Serialize};

/// Votes on findings. They are those of the sweep's own reviews, or of another sweep's, which this one then is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSpec {
    /// The sweep whose reviews are audited; its own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<SweepId>,
    /// Who votes; never empty.
    pub voters: Vec<Reviewer>,
    /// Who is asked when votes split; nobody when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tie_breaker: Option<Reviewer>,
    /// Findings that are less grave are not audited.
    pub min_severity: Severity,
    /// What votes keep to.
    pub bounds: AuditBounds,
}

/// Bounds of votes on findings; defaults live in `config/default.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditBounds {
    /// Bytes of a file that voters are shown whole; of a larger one they see lines around the findings.
    pub file_bytes: u64,
    /// Lines before and behind a finding, where the file is not shown whole.
    pub around_lines: u32,
    /// Findings of a review that are put to the vote at most, the gravest ones first.
    pub max_findings: u32,
    /// Tokens to generate for one vote on all findings of a review, unless the rung says otherwise.
    pub max_tokens: u32,
}

impl AuditSpec {
    /// The rungs of all voters.
    pub fn rungs(&self) -> impl Iterator<Item = &Rung> {
        self.voters.iter().chain(&self.tie_breaker).flat_map(|voter| &voter.ladder.rungs)
    }

    /// Whether a finding is put to the vote.
    pub fn takes(&self, finding: &Finding) -> bool {
        finding.kind.is_actionable() && finding.gravity() <= self.min_severity
    }

    /// Words for people decide no id.
    pub(super) fn drop_words(&mut self) {
        self.voters.iter_mut().chain(&mut self.tie_breaker).for_each(Reviewer::drop_words);
    }
}

//! The row of an audit: what voters say of the findings of one review.

use super::vote::Heard;
use super::{FindingKind, Row, Severity};
use serde::{Deserialize, Serialize};

/// Version written into every row of this kind.
pub const AUDIT_SCHEMA_VERSION: u32 = 1;

/// What one voter says of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuditStand {
    /// The file shows that it is right.
    Upheld,
    /// The file shows that it is wrong.
    Rejected,
    /// What was shown does not say.
    CantTell,
}

impl AuditStand {
    /// All of them, in the order of words in messages.
    pub const ALL: [Self; 3] = [Self::Upheld, Self::Rejected, Self::CantTell];

    /// The word in answers and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upheld => "upheld",
            Self::Rejected => "rejected",
            Self::CantTell => "cant_tell",
        }
    }

    /// Words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::CantTell => "can't tell",
            other => other.as_str(),
        }
    }
}

/// What the votes on a finding come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuditVerdict {
    /// Most voters say that it is right.
    Upheld,
    /// The votes split, and nobody broke the tie.
    Split,
    /// Too few votes count, or most voters can't tell.
    Undecided,
    /// Most voters say that it is wrong.
    Rejected,
}

impl AuditVerdict {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Upheld, Self::Split, Self::Undecided, Self::Rejected];

    /// The word in rows and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upheld => "upheld",
            Self::Split => "split",
            Self::Undecided => "undecided",
            Self::Rejected => "rejected",
        }
    }

    /// Whether the votes decided.
    pub const fn is_decided(self) -> bool {
        matches!(self, Self::Upheld | Self::Rejected)
    }
}

/// One voter's vote on one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AuditVote {
    /// Name of the voter.
    pub voter: String,
    /// What it says.
    pub stand: AuditStand,
    /// Whether it counts: a vote whose quote is not in the file does not.
    pub counts: bool,
    /// Why it does not count; empty if it does.
    pub note: String,
    /// The lines of the file that it goes by; empty for none.
    pub quote: String,
    /// Its reason.
    pub why: String,
}

/// One finding and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AuditedFinding {
    /// Its id in the ledger of its repository; null where there is none.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}$")))]
    pub id: Option<String>,
    /// Its place among the findings of the review, from 0.
    pub index: u32,
    /// What it says of the code.
    pub kind: FindingKind,
    /// How grave it is.
    pub severity: Severity,
    /// The claim, cut.
    pub text: String,
    /// The code that it quotes, cut; null when it quotes none.
    pub quote: Option<String>,
    /// Its first line, from 1; null where no place is known.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub line: Option<u32>,
    /// What the votes come to.
    pub verdict: AuditVerdict,
    /// How they were counted, and why votes are missing.
    pub reason: String,
    /// Votes that count and uphold it.
    pub upheld: u32,
    /// Votes that count and reject it.
    pub rejected: u32,
    /// Who was asked about it.
    pub voters: u32,
    /// The votes, those that do not count included; the tie-breaker's stands last.
    pub votes: Vec<AuditVote>,
}

/// An audit of the findings of one review.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AuditConsensusRow {
    /// RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub audited_at: String,
    /// Which sweep asked for it: the reviewed one, or one that audits it.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?$")))]
    pub sweep_id: String,
    /// Stable for (sweep, target).
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?-[0-9]+$")))]
    pub review_id: String,
    /// The review whose findings these are.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?-[0-9]+$")))]
    pub audited_review: String,
    /// Repository as the sweep named it.
    pub repo: String,
    /// Path in the repository.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub file: String,
    /// Commit that was read, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub commit: String,
    /// Git object id of the file's content, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub blob: String,
    /// `provider/model` that wrote the review.
    pub model: String,
    /// What the audit says of the review: false when more findings were rejected than upheld, true when any was upheld
    /// and not more were rejected, else null.
    pub consensus: Option<bool>,
    /// Findings that were upheld.
    pub upheld: u32,
    /// Findings that were rejected.
    pub rejected: u32,
    /// Findings on which the votes split.
    pub split: u32,
    /// Findings with too few votes.
    pub undecided: u32,
    /// The findings, in the order of the review.
    pub findings: Vec<AuditedFinding>,
    /// Who was asked, and on how many findings each voted; the tie-breaker stands last.
    pub voters: Vec<Heard<u32>>,
    /// Whether the tie-breaker was asked.
    pub tie_broken: bool,
    /// Whether voters saw the whole file; else lines around the findings.
    pub whole: bool,
    /// Prompt tokens of all votes, but of those whose answer was found.
    pub tokens_in: u64,
    /// Generated tokens of all votes.
    pub tokens_out: u64,
    /// Sum of what providers charged, in dollars; null when none said.
    #[cfg_attr(test, schemars(range(min = 0)))]
    pub cost_usd: Option<f64>,
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = AUDIT_SCHEMA_VERSION)))]
    pub schema_version: u32,
}

impl Row for AuditConsensusRow {
    const STREAM: &'static str = "audit_consensus";
    fn row_id(&self) -> String {
        self.review_id.clone()
    }
}

/// What an audit says of a finding, where the finding is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FindingAudit {
    /// What the votes come to.
    pub verdict: AuditVerdict,
    /// Votes that uphold it.
    pub upheld: u32,
    /// Votes that reject it.
    pub rejected: u32,
    /// Who was asked.
    pub voters: u32,
    /// How the votes were counted.
    pub why: String,
    /// The sweep that asked for it.
    pub sweep: String,
}

impl FindingAudit {
    /// In words: `rejected by the audit (2 of 3)`.
    pub fn words(&self) -> String {
        match self.verdict {
            AuditVerdict::Upheld => {
                format!("upheld by the audit ({} of {})", self.upheld, self.voters)
            }
            AuditVerdict::Rejected => {
                format!("rejected by the audit ({} of {})", self.rejected, self.voters)
            }
            AuditVerdict::Split => format!(
                "the audit is split ({} upheld, {} rejected of {})",
                self.upheld, self.rejected, self.voters
            ),
            AuditVerdict::Undecided => format!("undecided by the audit ({})", self.why),
        }
    }
}

impl AuditedFinding {
    /// What is shown of it at its finding.
    pub fn short(&self, sweep: &str) -> FindingAudit {
        FindingAudit {
            verdict: self.verdict,
            upheld: self.upheld,
            rejected: self.rejected,
            voters: self.voters,
            why: self.reason.clone(),
            sweep: sweep.to_owned(),
        }
    }
}

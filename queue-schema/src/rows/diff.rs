//! Rows of the review of a diff: what one reviewer says of one bundle, and what all of them come to.

use super::{Attempt, FindingState, Row};
use serde::{Deserialize, Serialize};

/// Version written into rows of both kinds.
pub const SCHEMA_VERSION: u32 = 1;

/// How grave a reviewer of a diff says something is, the least first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum DiffSeverity {
    /// For the reader.
    #[default]
    Info,
    /// Should be mended.
    Warn,
    /// Must be mended before the change goes in.
    Block,
}

impl DiffSeverity {
    /// The word that reviewers are asked for, and people are shown.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Block => "BLOCK",
        }
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Block => "block",
        }
    }

    /// The level in SARIF, which has three.
    pub const fn sarif_level(self) -> &'static str {
        match self {
            Self::Info => "note",
            Self::Warn => "warning",
            Self::Block => "error",
        }
    }
}

/// What is to become of a change, the best first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DiffVerdict {
    /// It may go in as it is.
    #[default]
    Ship,
    /// It may go in once its faults are mended.
    ShipWithFixes,
    /// It may not go in.
    Hold,
}

impl DiffVerdict {
    /// The word that reviewers are asked for, which is also the name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ship => "ship",
            Self::ShipWithFixes => "ship-with-fixes",
            Self::Hold => "hold",
        }
    }
}

/// Which side of a diff lines are counted on.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum DiffSide {
    /// The file as it is after the change.
    #[default]
    New,
    /// The file as it was: the line was taken out.
    Old,
}

/// One thing that one reviewer says of a diff.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DiffRemark {
    /// File that it is about, as the diff spells it; null where the reviewer names none of the diff.
    pub path: Option<String>,
    /// First line that it is about, from 1, computed by the program; null where the diff does not hold it.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub line: Option<u32>,
    /// Last line, from 1.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub end_line: Option<u32>,
    /// The side that the lines are counted on.
    pub side: DiffSide,
    /// The function or type that it names, or that its line is in; null where neither is known.
    pub symbol: Option<String>,
    /// How grave.
    pub severity: DiffSeverity,
    /// What is wrong.
    pub what: String,
    /// Why, or what comes of it; null when the reviewer did not say.
    pub why: Option<String>,
    /// The code it is about, verbatim; null when the reviewer quoted nothing.
    pub quote: Option<String>,
    /// Where it is, in the reviewer's own words; empty when it did not say.
    #[serde(rename = "where")]
    pub place: String,
    /// True when the diff does not hold what `where` and `quote` name: never shown at a line.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outside: bool,
    /// True when the reviewer takes it back in the same breath.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// True when it says that something is right: no finding.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fine: bool,
}

impl DiffRemark {
    /// Whether it says that something is wrong, and stands by it.
    pub const fn counts(&self) -> bool {
        !self.withdrawn && !self.fine
    }
}

/// What one reviewer says of one bundle of a diff.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DiffReview {
    /// Which sweep asked for it.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?$")))]
    pub sweep_id: String,
    /// Which review it is: stable for (sweep, bundle, reviewer).
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?-[0-9]+$")))]
    pub review_id: String,
    /// Repository as the sweep named it.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub repo: String,
    /// Commit or tree that the change starts from, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub base: String,
    /// Commit that it ends at, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub head: String,
    /// What the bundle is called: the part of the repository that it holds.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub bundle: String,
    /// What the bundle holds, by its SHA-256, hex: the same text has the same id in every sweep.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    pub bundle_id: String,
    /// The files of which the bundle holds something.
    pub files: Vec<String>,
    /// The reviewer's name.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub reviewer: String,
    /// `provider/model` whose answer was taken.
    #[cfg_attr(test, schemars(regex(pattern = "^[^/]+/.+$")))]
    pub model: String,
    /// RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub reviewed_at: String,
    /// What the reviewer would do with the change.
    pub verdict: DiffVerdict,
    /// What it says beside the verdict; empty for nothing.
    pub verdict_note: String,
    /// True when the reviewer gave no verdict, and this one follows from its findings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verdict_derived: bool,
    /// All that it says, in its order; what it took back and what it found right included.
    pub remarks: Vec<DiffRemark>,
    /// The answer, verbatim.
    pub answer: String,
    /// True when the answer was cut at the token limit: these are its finished findings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Every attempt, in order; none for the built-in checks.
    pub attempts: Vec<Attempt>,
    /// Prompt tokens of all attempts, but those whose answer was found.
    pub tokens_in: u64,
    /// Generated tokens of all attempts.
    pub tokens_out: u64,
    /// Sum of what providers charged, in dollars; null when none said.
    #[cfg_attr(test, schemars(range(min = 0)))]
    pub cost_usd: Option<f64>,
    /// Time spent in model calls, in milliseconds.
    pub duration_ms: u64,
    /// Secrets that were masked in what was sent.
    pub masked: u32,
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
}

impl Row for DiffReview {
    const STREAM: &'static str = "diff_reviews";
    fn row_id(&self) -> String {
        self.review_id.clone()
    }
}

/// What the reviewers of a diff come to on one thing: one finding of the tally.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DiffFinding {
    /// Which sweep asked for it.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?$")))]
    pub sweep_id: String,
    /// Its identity, from file, code and claim: lines move, and do not make it new.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}$")))]
    pub id: String,
    /// Repository as the sweep named it.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub repo: String,
    /// Commit or tree that the change starts from, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub base: String,
    /// Commit that it ends at, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub head: String,
    /// The bundle that it was said of.
    pub bundle: String,
    /// The reviewers who say it, each once, by name.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub reviewers: Vec<String>,
    /// True when two reviewers or more say it.
    pub convergent: bool,
    /// The gravest that one of them said.
    pub severity: DiffSeverity,
    /// The remark that stands for all of them.
    pub remark: DiffRemark,
    /// Against the review of the head before: new, open or fixed; left out where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<FindingState>,
    /// When it was counted: RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub ts: String,
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
}

impl Row for DiffFinding {
    const STREAM: &'static str = "diff_findings";
    /// With the number of its reviewers: one that answers later makes a row of its own, which is the newer.
    fn row_id(&self) -> String {
        format!("{}.{}", self.id, self.reviewers.len())
    }
}

//! One claim of an accepted review, with its own confidence and evidence.

use super::audit::{AuditVerdict, FindingAudit};
use serde::{Deserialize, Serialize};

/// What a finding says of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A concrete change that the reviewer suggests.
    #[default]
    Suggestion,
    /// The file contradicts the PRD or the proposal.
    Contradiction,
    /// Forensic: a failure that must be mended.
    CriticalFailure,
    /// Forensic: code that only pretends to work.
    PseudocodeFlag,
    /// Forensic: the file does other than the PRD says.
    PrdMismatch,
    /// Forensic: data that is produced and never consumed, or the other way round.
    BrokenPipeline,
    /// Forensic: something the file needs and lacks.
    MissingComponent,
    /// Forensic: works now, may break.
    RiskPoint,
    /// Forensic: checked and found right.
    VerifiedComponent,
    /// Forensic: what to do next.
    RequiredNextAction,
}

impl FindingKind {
    /// The name used on the wire and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Suggestion => "suggestion",
            Self::Contradiction => "contradiction",
            Self::CriticalFailure => "critical_failure",
            Self::PseudocodeFlag => "pseudocode_flag",
            Self::PrdMismatch => "prd_mismatch",
            Self::BrokenPipeline => "broken_pipeline",
            Self::MissingComponent => "missing_component",
            Self::RiskPoint => "risk_point",
            Self::VerifiedComponent => "verified_component",
            Self::RequiredNextAction => "required_next_action",
        }
    }

    /// True for what a person should act on; a verified component is not.
    pub const fn is_actionable(self) -> bool {
        !matches!(self, Self::VerifiedComponent)
    }
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Must be mended.
    Critical,
    /// Wrong, missing or pretended.
    Major,
    /// Could be better, or may break.
    Minor,
    /// For the reader.
    Info,
}

impl Severity {
    /// That of a kind of findings.
    pub const fn of(kind: FindingKind) -> Self {
        use FindingKind as K;
        match kind {
            K::CriticalFailure => Self::Critical,
            K::PseudocodeFlag
            | K::BrokenPipeline
            | K::PrdMismatch
            | K::Contradiction
            | K::MissingComponent => Self::Major,
            K::Suggestion | K::RiskPoint => Self::Minor,
            K::VerifiedComponent | K::RequiredNextAction => Self::Info,
        }
    }

    /// The level in SARIF, which has three.
    pub const fn sarif_level(self) -> &'static str {
        match self {
            Self::Critical => "error",
            Self::Major => "warning",
            Self::Minor | Self::Info => "note",
        }
    }

    /// The name in counters and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Info => "info",
        }
    }
}

/// What stands behind a finding besides the word of its reviewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Confirmed {
    /// Another call, which did not see its confidence, named input, actual and expected result.
    Call,
    /// A program found it by rule, and its change is mechanical.
    Program,
}

/// What a second call says of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// It named an input for which the result is wrong.
    Upheld,
    /// The code does not do what is claimed.
    Rejected,
    /// It could not judge it, or did not say for what input it fails.
    #[default]
    CantTell,
}

/// A second call about a finding, which saw neither its confidence nor its author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Confirmation {
    /// What it says.
    pub said: Stands,
    /// `provider/model` that was asked.
    pub by: String,
    /// The input or state that it names; empty for none.
    pub input: String,
    /// What the code does with it.
    pub actual: String,
    /// What it should do.
    pub expected: String,
}

/// How a finding stands among those of its repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// Nobody said it before.
    New,
    /// It was said before, and nothing has changed since.
    Open,
    /// It was said before, and its code has changed since.
    Changed,
    /// Its code had been gone, or it was dismissed and its code has changed since.
    Reopened,
    /// A person dismissed it.
    Dismissed,
    /// Its code has changed, and it is not said any more.
    Fixed,
}

impl FindingState {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Open => "open",
            Self::Changed => "changed",
            Self::Reopened => "reopened",
            Self::Dismissed => "dismissed",
            Self::Fixed => "fixed",
        }
    }

    /// Whether somebody who knows the sweeps before has not seen it.
    pub const fn is_news(self) -> bool {
        matches!(self, Self::New | Self::Reopened)
    }
}

/// A finding that a review no longer says, because its code is gone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GoneFinding {
    /// Its id, which outlives sweeps.
    pub id: String,
    /// What it said of the code.
    pub kind: FindingKind,
    /// The claim, cut.
    pub text: String,
    /// Where it was last, from 1; left out where that was not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub line: Option<u32>,
}

/// The semantic flags: kinds of mistakes by which one file's findings tell something of another's.
pub const FLAGS: [&str; 9] = [
    "UnitMismatch",
    "TypeConfusion",
    "NullableConfusion",
    "OffByOne",
    "StaleReference",
    "PseudoImpl",
    "DeadCode",
    "WarningNoise",
    "BoundaryViolation",
];

/// Places of an ambiguous quote that a row names.
pub const MOST_PLACES: usize = 500;

/// One claim of an accepted review.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// What it says of the code.
    pub kind: FindingKind,
    /// The claim, as the reviewer wrote it.
    pub text: String,
    /// The code it is about, verbatim; null when the reviewer quoted nothing.
    pub quote: Option<String>,
    /// First line of the quote in the file at the pinned commit, from 1; computed by the
    /// program, never taken from the model. Null when the quote was not found.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub line: Option<u32>,
    /// Last line of the quote, from 1.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub end_line: Option<u32>,
    /// True when the place that the quote was taken from is known. An unanchored finding never raises the tier.
    pub anchored: bool,
    /// The first lines of all places where the quote stands, from 1, when nothing that the finding says
    /// tells which of them it means: the finding is ambiguous, and not anchored. At most
    /// [`MOST_PLACES`]; left out for any other finding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, schemars(inner(range(min = 1)), length(max = MOST_PLACES)))]
    pub ambiguous_lines: Vec<u32>,
    /// In percent, 0 to 100; null when the reviewer gave none.
    #[cfg_attr(test, schemars(range(max = 100)))]
    pub confidence: Option<u8>,
    /// True when the reviewer did give a confidence, and it can't be read as a percentage (`High`,
    /// `unsure`, `120%`); left out otherwise. It may be a low one, so a review with such a finding must
    /// be neither `auto` nor `dry_run`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confidence_unreadable: bool,
    /// What the reviewer offered as proof beyond the quote.
    pub evidence: Option<String>,
    /// Semantic flags that the reviewer gave it, of [`FLAGS`]; left out without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, schemars(extend("items" = {"type": "string", "enum": FLAGS})))]
    pub flags: Vec<String>,
    /// Program and rule of a linter that says the same of these lines; left out without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hinted: Option<String>,
    /// Where the finding is, in the reviewer's own words (`handler_12, line 89`). It is read to find the
    /// place of its quote and is not kept: rows have the lines.
    #[serde(skip)]
    pub place: Option<String>,
    /// How grave the reviewer says it is; left out when it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The input or state that it fails for, what happens then and what should; left out when not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails_for: Option<String>,
    /// What the reviewer would write instead; left out when not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// What stands behind it besides its reviewer's word; left out for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmed>,
    /// What a second call said of it; left out when none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
    /// Names of the checks by program that it failed; left out when it passed all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
    /// Its id in the ledger of its repository, which outlives sweeps; left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}$")))]
    pub id: Option<String>,
    /// How it stands against the sweeps before; left out where there is no ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<FindingState>,
    /// Why a person dismissed it; left out for any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dismissed: Option<String>,
    /// What an audit says of it; left out for a finding that nobody audited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<FindingAudit>,
    /// What `confidence` is worth by the calibration of its model, in percent; left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(max = 100)))]
    pub confidence_calibrated: Option<u8>,
    /// The test that fails because of it; left out for a finding that no test has proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<FindingProof>,
}

/// A test that failed by an assertion on the code that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FindingProof {
    /// The sweep whose review was applied.
    pub sweep: String,
    /// The run of the applier; its row has the test.
    pub run: String,
    /// Path that the test has, or would have.
    pub test: String,
}

impl Finding {
    /// A claim by itself: no quote, no place, no confidence.
    pub fn new(kind: FindingKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), ..Self::default() }
    }

    /// How grave it is: as its reviewer said, else by its kind. What was found right is for the reader.
    pub fn gravity(&self) -> Severity {
        let by_kind = Severity::of(self.kind);
        if self.kind.is_actionable() { self.severity.unwrap_or(by_kind) } else { by_kind }
    }

    /// Whether a person is to be shown it: it asks for something, and nobody dismissed it.
    pub fn is_shown(&self) -> bool {
        self.kind.is_actionable() && self.state != Some(FindingState::Dismissed)
    }

    /// Whether anything stands behind it besides its reviewer's word: another call, a rule, or a test.
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed.is_some() || self.proven.is_some()
    }

    /// Whether an audit came to this verdict on it.
    pub fn is_audited(&self, verdict: AuditVerdict) -> bool {
        self.audit.as_ref().is_some_and(|audit| audit.verdict == verdict)
    }

    /// True when its quote stands in several places of the file and nothing tells which is meant.
    pub const fn is_ambiguous(&self) -> bool {
        !self.ambiguous_lines.is_empty()
    }
}

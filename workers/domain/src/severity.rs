//! How grave a finding is: by its kind, the same in metrics and in SARIF.

use queue_schema::rows::FindingKind;

/// How grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

    /// The name in counters and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Info => "info",
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
}

//! The row of a claim: what the author of a change says of it, and whether the change backs that.

use super::Row;
use super::vote::Heard;
use serde::{Deserialize, Serialize};

/// Version written into every row of this kind.
pub const CLAIM_SCHEMA_VERSION: u32 = 1;

/// What one voter says of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stand {
    /// The change shows that it is not true.
    NotBacked,
    /// The change shows that it is true.
    Backed,
    /// The change alone does not say.
    CantTell,
}

impl Stand {
    /// All of them, the order of words in messages.
    pub const ALL: [Self; 3] = [Self::Backed, Self::NotBacked, Self::CantTell];

    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotBacked => "not_backed",
            Self::Backed => "backed",
            Self::CantTell => "cant_tell",
        }
    }
}

/// What the votes come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClaimVerdict {
    /// The change shows that it is not true.
    NotBacked,
    /// There are too few votes, or they split.
    Undecided,
    /// The change alone does not say.
    CantTell,
    /// The change shows that it is true.
    Backed,
}

impl ClaimVerdict {
    /// Words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotBacked => "not backed",
            Self::Undecided => "undecided",
            Self::CantTell => "can't tell",
            Self::Backed => "backed",
        }
    }
}

impl From<Stand> for ClaimVerdict {
    fn from(stand: Stand) -> Self {
        match stand {
            Stand::NotBacked => Self::NotBacked,
            Stand::Backed => Self::Backed,
            Stand::CantTell => Self::CantTell,
        }
    }
}

/// A vote as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VoteSaid {
    /// What it says.
    pub stand: Stand,
    /// Whether it counts: a vote whose quote is not in the change does not.
    pub counts: bool,
    /// Why it does not count; empty if it does.
    pub note: String,
    /// The lines of the change that it goes by; empty for none.
    pub quote: String,
    /// Its reason.
    pub why: String,
}

/// One who was asked about a claim.
pub type ClaimVote = Heard<VoteSaid>;

/// A claim and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClaimRow {
    /// RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub checked_at: String,
    /// Which sweep asked for it.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?$")))]
    pub sweep_id: String,
    /// Stable for (sweep, target).
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?-[0-9]+$")))]
    pub review_id: String,
    /// Repository as the sweep named it.
    pub repo: String,
    /// The commit before the change, hex.
    pub base: String,
    /// The commit of the change, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub head_sha: String,
    /// What is claimed.
    pub claim: String,
    /// Where it stands: a commit, or the name of a text.
    pub source: String,
    /// What the votes come to.
    pub verdict: ClaimVerdict,
    /// How they were counted.
    pub reason: String,
    /// All votes; the tie-breaker's stands last.
    pub votes: Vec<ClaimVote>,
    /// Whether the tie-breaker was asked.
    pub tie_broken: bool,
    /// Parts of the change that voters were not shown.
    pub not_shown: Vec<String>,
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = CLAIM_SCHEMA_VERSION)))]
    pub schema_version: u32,
}

impl Row for ClaimRow {
    const STREAM: &'static str = "claims";
    fn row_id(&self) -> String {
        self.review_id.clone()
    }
}

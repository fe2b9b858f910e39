//! What is remembered of a finding beyond the sweep that made it: what sweeps observed, and what a person
//! decided. The two are written by different hands into different fields, and its state follows from both.

use crate::rows::{Confirmed, FindingKind, Severity};
use serde::{Deserialize, Serialize};

/// When a sweep said a finding.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Sighting {
    /// The number of the sweep in its repository.
    pub seq: u64,
    /// The sweep.
    pub sweep: String,
    /// The commit that it read.
    pub commit: String,
    /// When the review was accepted, in milliseconds since the epoch.
    pub at_ms: u64,
}

/// What sweeps observed of a finding; they alone write it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Observed {
    /// What it says of the code.
    pub kind: FindingKind,
    /// How grave it is; `None` where it could not be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The claim, cut.
    pub text: String,
    /// The code that it is about, cut and with its secrets masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// The key of that code without its layout; of the claim where it quotes nothing.
    pub code: String,
    /// The function that the code is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The key of its pattern, where it has a semantic flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Its semantic flags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// First line, from 1, in the blob that was last reviewed; `None` where no place is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Last line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    /// In percent; `None` when the reviewer gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
    /// What stood behind it besides its reviewer's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmed>,
    /// A check by program failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubted: bool,
    /// The tier of the review that said it last.
    #[serde(default)]
    pub tier: String,
    /// The model that said it last.
    #[serde(default)]
    pub model: String,
    /// When it was said first.
    pub first: Sighting,
    /// When it was said last.
    pub last: Sighting,
    /// Since which sweep its code is gone; `None` while it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<u64>,
    /// The sweep that said it again after its code had been gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_back: Option<u64>,
}

/// What a person decided about a finding; persons alone write it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Decided {
    /// True when it is not to be shown any more, false when it is to be shown again.
    pub dismissed: bool,
    /// Why.
    pub why: String,
    /// Who.
    pub by: String,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// Until when it holds, in milliseconds since the epoch; for good without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// The key of the code that it was decided about.
    pub code: String,
}

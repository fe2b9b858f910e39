//! How accepted reviews are confirmed by a second call.

use super::Rung;
use serde::{Deserialize, Serialize};

/// Who confirms, and within which bounds; defaults live in `config/default.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmSpec {
    /// The model that is asked; `None` = the next one of the ladder behind the one whose review it is, else another
    /// one of the ladder, else the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rung: Option<Rung>,
    /// What it keeps to.
    pub bounds: ConfirmBounds,
}

/// Bounds of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBounds {
    /// Least confidence of a finding that is worth it, in percent.
    pub min_confidence: u8,
    /// Findings of one review that are asked about at most.
    pub max_findings: u32,
    /// Lines shown before and after the code of a finding.
    pub context_lines: u32,
    /// What the call may take of the tokens of its review, in percent.
    pub max_share: u32,
}

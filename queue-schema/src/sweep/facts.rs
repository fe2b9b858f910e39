//! How facts are taken out of accepted reviews.

use super::Rung;
use serde::{Deserialize, Serialize};

/// Who takes facts out of accepted reviews, who checks them, and within which bounds; defaults live
/// in `config/default.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactsSpec {
    /// The model that takes them out.
    pub extractor: Rung,
    /// The model that holds them against the file.
    pub verifier: Rung,
    /// What they keep to.
    pub bounds: FactsBounds,
}

/// Bounds of fact extraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactsBounds {
    /// Least characters of an accepted review that facts are taken out of.
    pub min_chars: u32,
    /// Tokens to generate in one call.
    pub max_tokens: u32,
    /// Characters of the review that the extractor sees.
    pub review_chars: u32,
    /// Characters of the file, or of the notes on it, that the verifier sees.
    pub source_chars: u32,
    /// Characters of the verification that the row keeps.
    pub preview_chars: u32,
    /// Entities kept.
    pub max_entities: u32,
    /// Facts kept.
    pub max_facts: u32,
    /// Relationships kept.
    pub max_relationships: u32,
    /// Characters of one name or fact that are kept.
    pub max_text_chars: u32,
}

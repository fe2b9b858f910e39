//! What a sweep was expected to take when it began.

use serde::{Deserialize, Serialize};

/// A number that is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Span {
    /// It is mostly not less.
    pub low: f64,
    /// As often more as less.
    pub likely: f64,
    /// It is mostly not more.
    pub high: f64,
}

impl Span {
    /// Whether a number lies in it.
    pub fn holds(&self, n: f64) -> bool {
        (self.low..=self.high).contains(&n)
    }
}

/// What an expectation rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The ledgers of earlier sweeps: each range holds the truth in four sweeps of five.
    Ledger,
    /// The files alone: from all being accepted at the first rung to all climbing to the last one.
    Files,
}

/// Calls, tokens, dollars and time of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// What it rests on.
    pub basis: Basis,
    /// Earlier sweeps that it rests on.
    pub sweeps: u32,
    /// Files to be reviewed.
    pub files: u64,
    /// Model calls, those that are made again after transient errors included.
    pub calls: Span,
    /// Tokens, of prompts and answers together.
    pub tokens: Span,
    /// Dollars; none where no rung has a price.
    pub usd: Option<Span>,
    /// Milliseconds from the beginning to the end; none where no earlier sweep tells.
    pub ms: Option<Span>,
    /// Rungs of which no earlier sweep tells: their part is a guess.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// Rungs without a known price: they count nothing in dollars.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unpriced: Vec<String>,
}

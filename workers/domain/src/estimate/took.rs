//! How far off an expectation was.

use queue_schema::sweep::{Expected, Span};
use serde::Serialize;

/// One number of a sweep: what was expected, and what it came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Off {
    /// `calls`, `tokens`, `usd` or `ms`.
    pub what: &'static str,
    /// What was expected.
    pub expected: Span,
    /// What it came to.
    pub took: f64,
    /// Whether that lies within the range.
    pub within: bool,
    /// By how much it is more than what was likely, in percent; less where it is negative. None where nothing was likely.
    pub off_percent: Option<f64>,
}

/// What a sweep came to: calls, tokens, dollars where some were told, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Came {
    /// Model calls.
    pub calls: u64,
    /// Tokens, of prompts and answers.
    pub tokens: u64,
    /// Dollars.
    pub usd: Option<f64>,
    /// Milliseconds.
    pub ms: u64,
}

/// Each number of which something was expected.
pub fn off(expected: &Expected, came: &Came) -> Vec<Off> {
    let all = [
        ("calls", Some(expected.calls), Some(came.calls as f64)),
        ("tokens", Some(expected.tokens), Some(came.tokens as f64)),
        ("usd", expected.usd, came.usd),
        ("ms", expected.ms, Some(came.ms as f64)),
    ];
    let one = |(what, expected, took): (&'static str, Option<Span>, Option<f64>)| {
        let (expected, took) = (expected?, took?);
        let likely = expected.likely;
        let off_percent = (likely > 0.0).then(|| (took / likely - 1.0) * 100.0);
        Some(Off { what, expected, took, within: expected.holds(took), off_percent })
    };
    all.into_iter().filter_map(one).collect()
}

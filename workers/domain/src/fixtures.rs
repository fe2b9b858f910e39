//! What tests of several modules begin with.

use queue_schema::rows::{Attempt, Outcome};

/// The n-th attempt, on the n-th rung, which took nothing.
pub(crate) fn attempt(n: u32, outcome: Outcome) -> Attempt {
    Attempt {
        n,
        rung: n - 1,
        provider: "p".into(),
        model: "m".into(),
        outcome,
        reason: String::new(),
        chars: 0,
        answer_preview: String::new(),
        answer_sha256: None,
        tokens_in: 0,
        tokens_out: 0,
        cost_usd: None,
        duration_ms: 0,
        cached: false,
        masked: 0,
    }
}

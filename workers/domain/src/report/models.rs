//! The sweep's ledger by model: who did what, and what it took.

use super::escape::{code, escape};
use super::page::{cost, duration};
use queue_schema::rows::ModelTrustRow;
use std::fmt::Write as _;

/// The section; nothing for a sweep that asked nobody, or that a version without a ledger reviewed.
pub(super) fn section(out: &mut String, models: &[ModelTrustRow]) {
    if models.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "## Models\n\n| Model | Task | Attempts | Accepted | Tokens in | Tokens out | Cost | Time |\n\
         |---|---|--:|--:|--:|--:|--:|--:|"
    );
    for m in models {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            code(&m.name()),
            escape(&m.task),
            m.attempts,
            m.accepted,
            m.tokens_in,
            m.tokens_out,
            cost(m.cost_usd),
            duration(m.duration_ms),
        );
    }
    out.push('\n');
}

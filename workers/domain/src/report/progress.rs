//! What has changed since the sweep before: for a person who wants to know whether it gets better.

use super::escape::{code, escape};
use super::page::{cost, duration};
use queue_schema::rows::{LoopMetricsRow, LoopNumbers};
use std::fmt::Write as _;

/// What a change means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Means {
    FewerIsBetter,
    MoreIsBetter,
    /// Effort, and what is neither good nor bad by itself.
    Neither,
}

/// The section; nothing for the first sweep of a repository.
pub(super) fn section(out: &mut String, metrics: Option<&LoopMetricsRow>) {
    let Some(row) = metrics else { return };
    let (Some(before), Some(delta)) = (&row.previous_sweep, &row.delta) else { return };
    let _ = writeln!(out, "# Progress\n\nAgainst sweep {}, the one before.\n", code(before));
    if !row.not_like_for_like.is_empty() {
        let reasons: Vec<String> = row.not_like_for_like.iter().map(|r| escape(r)).collect();
        let _ = writeln!(out, "**Not like for like**: {}.\n", reasons.join("; "));
    }
    let (mut better, mut worse, mut neither) = (Vec::new(), Vec::new(), Vec::new());
    let comparable = row.not_like_for_like.is_empty();
    for ((means, what, now), (_, _, change)) in numbers(&row.numbers).zip(numbers(delta)) {
        let line = format!("- {what}: {now} ({change:+})");
        match (means, change) {
            (_, 0) => {}
            // Of other files or by other models, fewer findings are no progress.
            (Means::Neither, _) => neither.push(line),
            _ if !comparable => neither.push(line),
            (Means::FewerIsBetter, ..0) | (Means::MoreIsBetter, 1..) => better.push(line),
            _ => worse.push(line),
        }
    }
    if let Some(change) = delta.cost_usd.filter(|c| *c != 0.0) {
        neither.push(format!("- cost: {} ({change:+.4})", cost(row.numbers.cost_usd)));
    }
    if delta.wall_ms != 0 {
        let sign = if delta.wall_ms < 0 { '-' } else { '+' };
        let change = duration(delta.wall_ms.unsigned_abs());
        let took = duration(row.numbers.wall_ms.unsigned_abs());
        neither.push(format!("- time: {took} ({sign}{change})"));
    }
    let other = if comparable { "Otherwise" } else { "What is different" };
    for (title, lines) in [("Better", &better), ("Worse", &worse), (other, &neither)] {
        if !lines.is_empty() {
            let _ = writeln!(out, "{title}:\n\n{}\n", lines.join("\n"));
        }
    }
    if comparable && better.is_empty() && worse.is_empty() {
        let _ = writeln!(out, "No figure that counts as better or worse has changed.\n");
    }
}

/// What is compared, in the order of the report.
fn numbers(n: &LoopNumbers) -> impl Iterator<Item = (Means, &'static str, i64)> {
    use Means::{FewerIsBetter as Fewer, MoreIsBetter as More, Neither};
    [
        (Neither, "files reviewed", n.resolved),
        (Fewer, "files unresolved", n.unresolved),
        (Neither, "files skipped", n.skipped),
        (Fewer, "critical findings", n.severity.critical),
        (Fewer, "major findings", n.severity.major),
        (Fewer, "minor findings", n.severity.minor),
        (Neither, "findings for information", n.severity.info),
        (Neither, "findings in all", n.findings),
        (Fewer, "findings without a quote that is in the file", n.unanchored),
        (More, "verdict pass", n.verdicts.pass),
        (Fewer, "verdict needs_patch", n.verdicts.needs_patch),
        (Fewer, "verdict fail", n.verdicts.fail),
        // A review without findings is in the tier block too: more of one is not yet worse.
        (Neither, "tier auto", n.tiers.auto),
        (Neither, "tier dry_run", n.tiers.dry_run),
        (Neither, "tier simulation", n.tiers.simulation),
        (Neither, "tier block", n.tiers.block),
        (Fewer, "lines that mark open work", n.markers.todo),
        (Fewer, "lines that speak of a stand-in", n.markers.placeholder),
        (Fewer, "places where dead code is allowed", n.markers.dead_code),
        (Fewer, "files accepted on a later attempt only", n.escalations),
        (Neither, "files begun at a remembered model", n.hot_swaps),
        (Neither, "rungs saved by that", n.rungs_saved),
        (Neither, "attempts", n.attempts),
        (Neither, "calls", n.calls),
        (Neither, "tokens in", n.tokens_in),
        (Neither, "tokens out", n.tokens_out),
    ]
    .into_iter()
}

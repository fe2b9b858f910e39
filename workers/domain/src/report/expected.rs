//! What the sweep was expected to take, and how far off that was.

use super::SweepReport;
use super::page::duration;
use queue_schema::sweep::Basis;
use std::fmt::Write as _;

/// The section; nothing where nothing was expected.
pub(super) fn section(out: &mut String, report: &SweepReport) {
    let Some(basis) = report.expected.filter(|_| !report.off.is_empty()) else { return };
    let head = match basis {
        Basis::Ledger => "Expected, four times of five",
        Basis::Files => "Possible, from the files alone",
    };
    let _ = writeln!(
        out,
        "## What it was expected to take\n\n| | {head} | Took | Off by |\n|---|---|--:|---|"
    );
    for off in &report.off {
        let (name, show): (&str, fn(f64) -> String) = match off.what {
            "usd" => ("Dollars", |n| format!("${n:.4}")),
            "ms" => ("Time", |n| duration(n.max(0.0) as u64)),
            "tokens" => ("Tokens", |n| format!("{n:.0}")),
            _ => ("Calls", |n| format!("{n:.0}")),
        };
        let place = match (off.within, off.took < off.expected.low) {
            (true, _) => "within",
            (false, true) => "below",
            (false, false) => "above",
        };
        let by = off.off_percent.map(|by| format!(", {by:+.0} %")).unwrap_or_default();
        let _ = writeln!(
            out,
            "| {name} | {} to {} | {} | {place}{by} |",
            show(off.expected.low),
            show(off.expected.high),
            show(off.took),
        );
    }
    out.push('\n');
}

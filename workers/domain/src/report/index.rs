//! `scrum_files.md`: every file of a sweep, a line each, in the order of the plan.

use super::escape::{code, escape};
use super::page::{self, Kind, linked};
use super::{FileReport, SweepReport, finding, overview};
use std::fmt::Write as _;

/// Its name.
pub const NAME: &str = "scrum_files.md";

/// What stands before the lines.
pub fn head(report: &SweepReport) -> String {
    format!(
        "# Files of sweep {}\n\n[Overview]({}). A file with a link has a page of its own.\n\n\
         | File | Status | Findings | Tier | Remark |\n|---|---|--:|---|---|\n",
        code(&report.sweep_id),
        overview::NAME
    )
}

/// The line of a file, which has a page of this name, or none.
pub fn line(file: &FileReport, page: Option<&str>) -> String {
    let mut out = format!("| {} | {} ", linked(&file.target.path, page), file.status_word());
    let _ = match (&file.row, Kind::of(file)) {
        (Some(row), kind) => {
            let unread = if kind == Kind::Unread { "read the answer" } else { "" };
            writeln!(
                out,
                "| {} | {} | {unread} |",
                finding::actionable(row),
                escape(&row.gradient_tier)
            )
        }
        (None, Kind::Open) => writeln!(out, "| | | |"),
        (None, Kind::LeftOut) => writeln!(out, "| | | {} |", page::reason(file, "not started")),
        (None, _) => writeln!(out, "| | | {} |", page::reason(file, "no reason recorded")),
    };
    out
}

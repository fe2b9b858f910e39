//! Answers that were accepted and of which nothing could be read as a finding: a person reads them.

use super::FileReport;
use super::escape::escape;
use super::markdown::accepted;
use crate::clean::clean;
use crate::parse::items::list_marker;
use crate::parse::{Format, has_unread};
use queue_schema::rows::ReviewRow;
use std::fmt::Write as _;

/// Lines of such an answer that the report shows.
const LINES_SHOWN: usize = 40;

/// Whether a review without findings may hold some all the same.
pub(super) fn is_unread(row: &ReviewRow) -> bool {
    row.output_format == Format::Markdown.as_str() && has_unread(&clean(&row.suggestions_preview))
}

/// The answers as they are, as far as rows keep them.
pub(super) fn section(out: &mut String, files: &[(&FileReport, &ReviewRow)]) {
    if files.is_empty() {
        return;
    }
    let title = "Accepted, but nothing could be read as a finding; the answer";
    let _ = writeln!(out, "\n# {title}{}\n", if files.len() > 1 { "s" } else { "" });
    for (file, row) in files {
        accepted(out, file, row);
        let answer = clean(&row.suggestions_preview);
        for line in answer.lines().filter(|l| !l.trim().is_empty()).take(LINES_SHOWN) {
            let _ = match list_marker(line) {
                Some((_, _, item)) => writeln!(out, "  > - {}", escape(item)),
                None => writeln!(out, "  > {}  ", escape(line)),
            };
        }
    }
}

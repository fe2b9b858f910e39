//! Answers that were accepted and of which nothing could be read as a finding: a person reads them.

use super::escape::escape;
use crate::clean::clean;
use crate::parse::items::list_marker;
use crate::parse::{Format, has_unread};
use queue_schema::rows::ReviewRow;
use std::fmt::Write as _;

/// Lines of such an answer that the report shows.
const LINES_SHOWN: usize = 24;

/// Whether a review without findings may hold some all the same.
pub(super) fn is_unread(row: &ReviewRow) -> bool {
    row.output_format == Format::Markdown.as_str() && has_unread(&clean(row.kept_answer()))
}

/// The answer as it is, as far as rows keep it.
pub(super) fn answer(out: &mut String, row: &ReviewRow) {
    let answer = clean(row.kept_answer());
    for line in answer.lines().filter(|l| !l.trim().is_empty()).take(LINES_SHOWN) {
        let _ = match list_marker(line) {
            Some((_, _, item)) => writeln!(out, "  > - {}", escape(item)),
            None => writeln!(out, "  > {}  ", escape(line)),
        };
    }
}

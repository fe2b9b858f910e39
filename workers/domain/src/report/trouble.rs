//! Failures that piled up while the sweep ran.

use super::escape::{code, escape};
use crate::text::one_line;
use queue_schema::rows::DiagnosisRow;
use std::fmt::Write as _;

/// Troubles that are shown.
const SHOWN: usize = 10;

/// The section, if there is any.
pub(super) fn section(out: &mut String, all: &[DiagnosisRow]) {
    if all.is_empty() {
        return;
    }
    out.push_str("# Trouble\n\nFailures of one kind that piled up:\n\n");
    for row in all.iter().take(SHOWN) {
        let _ = writeln!(out, "- {}", line(row));
        if let (Some(text), Some(model)) = (&row.text, &row.model) {
            let _ = writeln!(out, "  - {} says: {}", code(model), escape(&one_line(text)));
        }
    }
    if all.len() > SHOWN {
        let _ = writeln!(out, "\nAnd {} more: `scrum observe`", all.len() - SHOWN);
    }
    out.push('\n');
}

fn line(row: &DiagnosisRow) -> String {
    let place =
        if row.area.is_empty() { String::new() } else { format!(" under {}", code(&row.area)) };
    let sample = row.samples.first().map(|s| format!("; the last: {}", escape(&one_line(s))));
    format!(
        "{} times {}, {} by {}{place}: {}{}",
        row.count,
        escape(&row.class),
        escape(&row.task),
        code(&row.endpoint),
        row.what_to_do,
        sample.unwrap_or_default()
    )
}

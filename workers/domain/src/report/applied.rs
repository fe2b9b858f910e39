//! What the applier did with a sweep's reviews.

use super::escape::{code, escape};
use crate::text::{clip_marked, counted, one_line};
use queue_schema::rows::AutoApplyRow;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Characters of a reason that are shown.
const REASON: usize = 200;

/// How many decisions of each kind, for `summary.json`; null when the applier was not asked.
pub fn summary(rows: &[AutoApplyRow]) -> Value {
    if rows.is_empty() {
        return Value::Null;
    }
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.action.as_str()).or_default() += 1;
    }
    json!(counts)
}

/// The section of the report; nothing when the applier was not asked.
pub(super) fn section(out: &mut String, rows: &[AutoApplyRow]) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "## Applied\n");
    let unsafe_rows = rows.iter().filter(|row| row.unsafe_no_sandbox).count();
    if unsafe_rows > 0 {
        let _ = writeln!(
            out,
            "**The check ran without a sandbox** for {}, as was asked for: it could do all that the \
             worker's user may.\n",
            counted(unsafe_rows, "decision", "decisions")
        );
    }
    for row in rows {
        let _ = write!(out, "- {}: {}", code(&row.file), row.action.as_str().replace('_', " "));
        if let Some(commit) = &row.commit {
            let short: String = commit.chars().take(10).collect();
            let _ = write!(out, ", {} on {}", code(&short), code(&row.branch));
        }
        if row.unsafe_no_sandbox {
            out.push_str(", without a sandbox");
        }
        if !row.reason.is_empty() {
            let _ = write!(out, ": {}", escape(&clip_marked(&one_line(&row.reason), REASON)));
        }
        out.push('\n');
    }
    out.push('\n');
}

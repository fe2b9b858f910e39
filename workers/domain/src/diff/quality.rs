//! The findings of a change as GitLab shows them in a merge request: its code quality report.

use crate::text::{clip_marked, one_line};
use queue_schema::rows::{DiffFinding, DiffSeverity, DiffSide};
use scrum_shown::shown;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Characters of what is said of one finding.
const DESCRIPTION: usize = 500;

/// The report. Only findings at lines of the head are in it: GitLab has no place for others.
pub fn code_quality(rows: &[DiffFinding]) -> Value {
    // Findings of one fingerprint would be shown as one of them.
    let mut taken = BTreeSet::new();
    let entries = rows.iter().filter(|row| taken.insert(row.id.as_str())).filter_map(entry);
    Value::Array(entries.collect())
}

fn entry(row: &DiffFinding) -> Option<Value> {
    let remark = &row.remark;
    let path = remark.path.as_ref().filter(|path| !path.is_empty())?;
    let line = remark.line.filter(|_| remark.side == DiffSide::New && !remark.outside)?;
    let said = format!("{} ({})", remark.what, row.reviewers.join(", "));
    let severity = match row.severity {
        DiffSeverity::Block => "blocker",
        DiffSeverity::Warn => "major",
        DiffSeverity::Info => "info",
    };
    Some(json!({
        "description": clip_marked(&one_line(&shown(&said)), DESCRIPTION),
        "check_name": if row.convergent { "scrum-convergent" } else { "scrum-single" },
        "fingerprint": row.id,
        "severity": severity,
        "location": {"path": path, "lines": {"begin": line}},
    }))
}

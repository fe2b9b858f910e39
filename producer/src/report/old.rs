//! Which files in a directory are of reports: those of an earlier one go.

use super::PER_FILE;
use crate::output::tell;
use anyhow::Context;
use queue_schema::rows::{
    AuditFactsRow, AutoApplyRow, DiagnosisRow, DiffFinding, DiffReview, LoopMetricsRow,
    ModelTrustRow, ReviewRow, Row,
};
use scrum_disk::OutDir;
use scrum_domain::report::{file, index, overview};
use scrum_domain::text::counted;

/// Larger files are not reports of ours, and are not read.
const MOST_REPORT_BYTES: u64 = 64 << 20;

/// Removes pages and JSON files of an earlier report that this one has not replaced. Other files stay.
pub fn remove_others(
    dir: &OutDir,
    written: &file::Names,
    wants: impl Fn(&str) -> bool,
) -> anyhow::Result<()> {
    let (md, json) = (wants("md"), wants("json") || wants(PER_FILE));
    let mut removed = 0;
    for name in dir.names()? {
        let fits = (md && name.ends_with(".md")) || (json && name.ends_with(".json"));
        if !is_of_a_file(&name) || !fits || written.holds(&name) {
            continue;
        }
        let Ok(Some(text)) = dir.read(&name, MOST_REPORT_BYTES) else { continue };
        if file::is_report(&name, &String::from_utf8_lossy(&text)) {
            let path = dir.path().join(&name);
            dir.remove(&name).with_context(|| {
                format!("{} is of an earlier report and can't be removed", path.display())
            })?;
            removed += 1;
        }
    }
    if removed > 0 {
        let files = counted(removed, "file", "files");
        tell(&format!("removed {files} of an earlier report from {}", dir.path().display()));
    }
    Ok(())
}

/// The names of a report's files. Reports of older versions, which left no mark in their directory,
/// are known by them.
pub fn is_ours(name: &str) -> bool {
    let rows = [
        ReviewRow::STREAM,
        AuditFactsRow::STREAM,
        AutoApplyRow::STREAM,
        ModelTrustRow::STREAM,
        LoopMetricsRow::STREAM,
        DiagnosisRow::STREAM,
        DiffReview::STREAM,
        DiffFinding::STREAM,
    ];
    super::CHANGE_NAMES.contains(&name)
        || [overview::NAME, index::NAME, "summary.json", "scrum.sarif"].contains(&name)
        || name.strip_suffix(".jsonl").is_some_and(|stream| rows.contains(&stream))
        || is_of_a_file(name)
        // Left by an older version that was killed.
        || (name.starts_with(".scrum-") && name.ends_with(".new"))
}

fn is_of_a_file(name: &str) -> bool {
    name.starts_with("review_") && [".json", ".md"].iter().any(|end| name.ends_with(end))
}

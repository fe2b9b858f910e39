//! The files of the report on a change.

use super::{OutDir, put_row, unusable};
use crate::session::Session;
use anyhow::Context;
use queue_schema::rows::{DiffFinding, DiffReview};
use scrum_domain::diff::{self, report};
use scrum_knowledge::Reviewed;
use scrum_shown::shown_json;
use serde_json::Value;
use std::path::Path;

/// Names of its files, but for rows.
pub const NAMES: [&str; 4] =
    ["scrum_diff.md", "scrum_diff.json", "scrum_diff.sarif", "scrum_diff.codequality.json"];

/// Writes all of them into a directory.
///
/// # Errors
/// A directory that can't be used.
pub fn write_change(reviewed: &Reviewed, session: &Session, out: &Path) -> anyhow::Result<()> {
    let dir = OutDir::open(out, &session.state, super::old::is_ours);
    let dir = dir.with_context(|| unusable(out))?;
    write_in(reviewed, &dir)
        .with_context(|| format!("the report in {} can't be written", out.display()))
}

fn write_in(reviewed: &Reviewed, dir: &OutDir) -> anyhow::Result<()> {
    let (change, tally, about) = (&reviewed.change, &reviewed.tally, reviewed.about());
    let pretty = |value: Value| -> anyhow::Result<String> {
        Ok(shown_json(&serde_json::to_string_pretty(&value)?).into_owned())
    };
    dir.put(NAMES[0], &report::markdown(tally, &about))?;
    dir.put(NAMES[1], &pretty(reviewed.json())?)?;
    dir.put(NAMES[2], &pretty(report::sarif(tally, &about))?)?;
    let rows = change.rows(tally);
    dir.put(NAMES[3], &pretty(diff::code_quality(&rows))?)?;
    let mut reviews = dir.begin(&super::file_of::<DiffReview>())?;
    change.reviews.iter().try_for_each(|row| put_row(&mut reviews, Some(row)))?;
    reviews.finish()?;
    let mut findings = dir.begin(&super::file_of::<DiffFinding>())?;
    rows.iter().try_for_each(|row| put_row(&mut findings, Some(row)))?;
    Ok(findings.finish()?)
}

//! The files of the report on a change.

use super::{OutDir, put_row, unusable};
use crate::session::Session;
use anyhow::Context;
use queue_schema::rows::{DiffFinding, DiffReview};
use queue_schema::url::public_address;
use scrum_domain::diff::report::{self, About};
use scrum_domain::diff::{self, Known, Tally};
use scrum_knowledge::Change;
use scrum_shown::shown_json;
use serde_json::Value;
use std::path::Path;

/// Names of its files, but for rows.
pub const NAMES: [&str; 4] =
    ["scrum_diff.md", "scrum_diff.json", "scrum_diff.sarif", "scrum_diff.codequality.json"];

/// A change with what its reviewers come to.
pub struct Reviewed {
    /// The change.
    pub change: Change,
    /// What they come to.
    pub tally: Tally,
    /// Findings of the review before that are gone.
    pub gone: Vec<DiffFinding>,
    /// What earlier sweeps found in its files.
    pub known: Vec<Known>,
}

impl Reviewed {
    /// What a report says besides the tally. `repo` is the repository as it may be shown.
    fn about<'a>(&'a self, repo: &'a str) -> About<'a> {
        let change = &self.change;
        About {
            sweep_id: &change.sweep.status().id,
            repo,
            base: &change.spec.base,
            head: &change.sweep.spec().commit,
            left_out: &change.left_out,
            warnings: &[],
            reviews: &change.reviews,
            gone: &self.gone,
            known: &self.known,
        }
    }

    fn repo(&self) -> String {
        public_address(&self.change.sweep.spec().repo)
    }

    /// For a terminal.
    pub fn lines(&self) -> Vec<String> {
        report::lines(&self.tally, &self.about(&self.repo()))
    }

    /// As one JSON document.
    pub fn json(&self) -> Value {
        report::json(&self.tally, &self.about(&self.repo()))
    }

    /// Writes all of them into a directory.
    ///
    /// # Errors
    /// A directory that can't be used.
    pub fn write(&self, session: &Session, out: &Path) -> anyhow::Result<()> {
        let dir = OutDir::open(out, &session.state, super::old::is_ours);
        let dir = dir.with_context(|| unusable(out))?;
        self.write_in(&dir)
            .with_context(|| format!("the report in {} can't be written", out.display()))
    }

    fn write_in(&self, dir: &OutDir) -> anyhow::Result<()> {
        let repo = self.repo();
        let about = self.about(&repo);
        let pretty = |value: Value| -> anyhow::Result<String> {
            Ok(shown_json(&serde_json::to_string_pretty(&value)?).into_owned())
        };
        dir.put(NAMES[0], &report::markdown(&self.tally, &about))?;
        dir.put(NAMES[1], &pretty(report::json(&self.tally, &about))?)?;
        dir.put(NAMES[2], &pretty(report::sarif(&self.tally, &about))?)?;
        let rows = self.change.rows(&self.tally);
        dir.put(NAMES[3], &pretty(diff::code_quality(&rows))?)?;
        let mut reviews = dir.begin(&super::file_of::<DiffReview>())?;
        self.change.reviews.iter().try_for_each(|row| put_row(&mut reviews, Some(row)))?;
        reviews.finish()?;
        let mut findings = dir.begin(&super::file_of::<DiffFinding>())?;
        rows.iter().try_for_each(|row| put_row(&mut findings, Some(row)))?;
        Ok(findings.finish()?)
    }
}

//! `summary.json`, which is written from file to file, and what else goes through a sweep.

use crate::output::say_lines;
use queue_schema::rows::{AutoApplyRow, Row};
use queue_schema::sweep::TargetStatus;
use scrum_disk::{OutDir, OutFile};
use scrum_domain::report::applied::Applied;
use scrum_domain::report::lines::{Array, members};
use scrum_domain::report::{FileReport, SweepReport, Totals, summary};
use scrum_knowledge::{Files, Sweep};
use scrum_shown::shown_json;
use serde::Serialize;
use std::io::Write;

/// `summary.json`, which is written from file to file.
pub struct Summary {
    out: Json,
    per_file: Array,
}

impl Summary {
    pub async fn open(mut out: Json, sweep: &Sweep, report: &SweepReport) -> anyhow::Result<Self> {
        out.put(&format!("{{\n{},\n", members(&summary::head(report))))?;
        for (name, of) in summary::LISTS {
            out.put(&format!("\"{name}\": ["))?;
            let mut array = Array::default();
            each(sweep.files(of), |file| out.put(&array.item(&summary::listed(file)))).await?;
            out.put(&format!("{},\n", array.end()))?;
        }
        out.put("\"per_file\": [")?;
        Ok(Self { out, per_file: Array::default() })
    }

    pub fn file(&mut self, file: &FileReport) -> anyhow::Result<()> {
        if file.status == TargetStatus::Skipped {
            return Ok(());
        }
        self.out.put(&self.per_file.item(&summary::per_file(file)))
    }

    pub fn end(
        mut self,
        report: &SweepReport,
        totals: &Totals,
        applied: &Applied,
    ) -> anyhow::Result<()> {
        let tail = members(&summary::tail(report, totals, &applied.summary()));
        self.out.put(&format!("{},\n{tail}\n}}\n", self.per_file.end()))?;
        self.out.finish()
    }
}

/// What the applier decided; its rows are written as well where they are wanted.
pub async fn applied(sweep: &Sweep, mut out: Option<&mut OutFile>) -> anyhow::Result<Applied> {
    let (mut applied, mut rows) = (Applied::default(), sweep.rows::<AutoApplyRow>());
    loop {
        let page = rows.next_page().await?;
        if page.is_empty() {
            return Ok(applied);
        }
        for row in &page {
            applied.add(row);
            if let Some(out) = &mut out {
                put_row(out, Some(row))?;
            }
        }
    }
}

/// Calls `write` for each file, a page in memory at a time.
pub async fn each(
    mut files: Files<'_>,
    mut write: impl FnMut(&FileReport) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    loop {
        let page = files.next_page().await?;
        if page.is_empty() {
            return Ok(());
        }
        page.iter().try_for_each(&mut write)?;
    }
}

/// The file of a kind of row.
pub fn file_of<R: Row>() -> String {
    format!("{}.jsonl", R::STREAM)
}

pub fn put_row<R: Serialize>(out: &mut impl Write, row: Option<&R>) -> anyhow::Result<()> {
    let Some(row) = row else { return Ok(()) };
    Ok(writeln!(out, "{}", shown_json(&serde_json::to_string(row)?))?)
}

/// A file of few rows, also an empty one, which replaces that of an earlier report.
pub fn put_rows<R: Row>(dir: &OutDir, rows: &[R]) -> anyhow::Result<()> {
    let mut out = dir.begin(&file_of::<R>())?;
    for row in rows {
        put_row(&mut out, Some(row))?;
    }
    Ok(out.finish()?)
}

/// Where JSON goes, made safe to show.
pub enum Json {
    File(OutFile),
    Stdout,
}

impl Json {
    /// Puts a piece that begins and ends between two tokens.
    pub fn put(&mut self, json: &str) -> anyhow::Result<()> {
        match self {
            Self::File(file) => Ok(file.write_all(shown_json(json).as_bytes())?),
            Self::Stdout => say_lines(&shown_json(json)),
        }
    }

    pub fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::File(file) => Ok(file.finish()?),
            Self::Stdout => Ok(()),
        }
    }
}

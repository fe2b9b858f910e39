//! Writes the files of a report. The read model reads the sweep in pages, the domain renders file after file:
//! no more than a page of the sweep is in memory.

use crate::output::{say_lines, tell};
use crate::session::Session;
use anyhow::{Context, bail};
use queue_schema::rows::{
    AuditFactsRow, AutoApplyRow, LoopMetricsRow, ModelTrustRow, ReviewRow, Row,
};
use queue_schema::sweep::TargetStatus;
use scrum_disk::{OutDir, OutFile};
use scrum_domain::report::applied::Applied;
use scrum_domain::report::lines::{Array, members};
use scrum_domain::report::overview::{self, Overview};
use scrum_domain::report::{FileReport, SweepReport, Totals, file, index, page, sarif, summary};
use scrum_domain::text::counted;
use scrum_knowledge::{Files, Sweep};
use scrum_shown::shown_json;
use serde::Serialize;
use std::io::Write;
use std::path::Path;

/// Every format that is written unless a person says otherwise.
pub const ALL: [&str; 4] = ["md", "json", "sarif", "jsonl"];
/// A JSON file for each row, for sweeps of any size. With `json`, small sweeps have them too.
const PER_FILE: &str = "files";
/// The largest sweep that gets them with `json`: they repeat `scrum_reviews.jsonl`.
const MOST_PER_FILE: usize = 1_000;
/// Larger files are not reports of ours, and are not read.
const MOST_REPORT_BYTES: u64 = 64 << 20;

/// Writes the chosen files of a sweep into a directory.
///
/// # Errors
/// An unknown format, a directory that can't be used, a failure of Redis.
pub async fn write(
    session: &Session,
    id: &str,
    out: &Path,
    formats: &[impl AsRef<str>],
) -> anyhow::Result<()> {
    for format in formats.iter().map(AsRef::as_ref) {
        if format != PER_FILE && !ALL.contains(&format) {
            bail!(
                "unknown report format '{format}'; known formats: {}, {PER_FILE}",
                ALL.join(", ")
            );
        }
    }
    let sweep = Sweep::open(&session.queue, id).await?;
    let report = sweep.report().await?;
    let dir = OutDir::open(out, &session.state, is_ours).with_context(|| unusable(out))?;
    let wants = |name: &str| formats.iter().any(|f| f.as_ref() == name);
    let files = write_all(&sweep, &report, &dir, wants).await;
    let written =
        files.with_context(|| format!("the report in {} can't be written", out.display()))?;
    remove_others(&dir, &written, wants)
}

/// Writes the summary of a sweep to stdout.
///
/// # Errors
/// A failure of Redis, or of stdout; a closed pipe ends the program quietly.
pub async fn print_summary(session: &Session, id: &str) -> anyhow::Result<()> {
    let sweep = Sweep::open(&session.queue, id).await?;
    let mut summary = Summary::open(Json::Stdout, &sweep, &sweep.report().await?).await?;
    let mut totals = Totals::default();
    each(sweep.files(&TargetStatus::ALL), |file| {
        totals.add(file);
        summary.file(file)
    })
    .await?;
    summary.end(&totals, &applied(&sweep, None).await?)
}

/// Where JSON goes, made safe to show.
enum Json {
    File(OutFile),
    Stdout,
}

impl Json {
    /// Puts a piece that begins and ends between two tokens.
    fn put(&mut self, json: &str) -> anyhow::Result<()> {
        match self {
            Self::File(file) => Ok(file.write_all(shown_json(json).as_bytes())?),
            Self::Stdout => say_lines(&shown_json(json)),
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::File(file) => Ok(file.finish()?),
            Self::Stdout => Ok(()),
        }
    }
}

/// Writes all of them; returns the names of those that are of one file each.
async fn write_all(
    sweep: &Sweep,
    report: &SweepReport,
    dir: &OutDir,
    wants: impl Fn(&str) -> bool,
) -> anyhow::Result<file::Names> {
    let mut writer = Writer::open(sweep, report, dir, &wants).await?;
    each(sweep.files(&TargetStatus::ALL), |file| writer.file(file)).await?;
    let mut rows = None;
    if wants("jsonl") {
        put_rows(dir, &report.models)?;
        put_rows(dir, report.metrics.as_slice())?;
        rows = Some(dir.begin(&file_of::<AutoApplyRow>())?);
    }
    let applied = applied(sweep, rows.as_mut()).await?;
    if let Some(rows) = rows {
        rows.finish()?;
    }
    writer.finish(&applied)
}

/// What is written from file to file.
struct Writer<'a> {
    report: &'a SweepReport,
    dir: &'a OutDir,
    names: file::Names,
    written: file::Names,
    per_file: bool,
    overview: Overview,
    index: Option<OutFile>,
    summary: Option<Summary>,
    sarif: Option<(Json, Array, String)>,
    /// Reviews and facts.
    rows: Option<(OutFile, OutFile)>,
}

impl<'a> Writer<'a> {
    async fn open(
        sweep: &Sweep,
        report: &'a SweepReport,
        dir: &'a OutDir,
        wants: impl Fn(&str) -> bool,
    ) -> anyhow::Result<Self> {
        let reviewable = sweep.count(&TargetStatus::ALL) - sweep.count(&[TargetStatus::Skipped]);
        let per_file = wants(PER_FILE) || (wants("json") && reviewable <= MOST_PER_FILE);
        if wants("json") && !per_file {
            tell(&format!(
                "{reviewable} files: no review_PATH.json is written for each, which scrum_reviews.jsonl has as well \
                 (--format {PER_FILE} writes them)"
            ));
        }
        let (mut index, mut summary, mut sarif, mut rows) = (None, None, None, None);
        if wants("md") {
            let file = index.insert(dir.begin(index::NAME)?);
            file.write_all(index::head(report).as_bytes())?;
        }
        if wants("json") {
            summary =
                Some(Summary::open(Json::File(dir.begin("summary.json")?), sweep, report).await?);
        }
        if wants("sarif") {
            let (head, tail) = sarif::frame(report);
            let mut log = Json::File(dir.begin("scrum.sarif")?);
            log.put(&head)?;
            sarif = Some((log, Array::default(), tail));
        }
        if wants("jsonl") {
            rows = Some((
                dir.begin(&file_of::<ReviewRow>())?,
                dir.begin(&file_of::<AuditFactsRow>())?,
            ));
        }
        let (names, written) = (file::Names::default(), file::Names::default());
        let overview = Overview::default();
        Ok(Self { report, dir, names, written, per_file, overview, index, summary, sarif, rows })
    }

    fn file(&mut self, file: &FileReport) -> anyhow::Result<()> {
        let is_skipped = file.status == TargetStatus::Skipped;
        let stem = if is_skipped { String::new() } else { self.names.stem_of(&file.target.path) };
        let mut page = None;
        if let Some(index) = &mut self.index {
            if page::is_wanted(file) {
                let name: &str = page.insert(format!("{stem}.md"));
                self.dir.put(name, &page::render(self.report, file, name))?;
                self.written.take(name);
            }
            index.write_all(index::line(file, page.as_deref()).as_bytes())?;
        }
        self.overview.add(file, page.as_deref());
        if self.per_file && !is_skipped {
            let name = format!("{stem}.json");
            let json = serde_json::to_string_pretty(&file::render(file))?;
            self.dir.put(&name, &shown_json(&json))?;
            self.written.take(&name);
        }
        if let Some(summary) = &mut self.summary {
            summary.file(file)?;
        }
        if let Some((out, array, _)) = &mut self.sarif {
            for result in sarif::results(file) {
                out.put(&array.item(&result))?;
            }
        }
        if let Some((reviews, facts)) = &mut self.rows {
            put_row(reviews, file.row.as_ref())?;
            put_row(facts, file.facts.as_ref())?;
        }
        Ok(())
    }

    fn finish(self, applied: &Applied) -> anyhow::Result<file::Names> {
        if let Some(summary) = self.summary {
            summary.end(self.overview.totals(), applied)?;
        }
        if let Some((mut out, array, tail)) = self.sarif {
            out.put(&format!("{}{tail}", array.end()))?;
            out.finish()?;
        }
        if let Some((reviews, facts)) = self.rows {
            reviews.finish()?;
            facts.finish()?;
        }
        if let Some(index) = self.index {
            index.finish()?;
            // Last, so that all its links have targets.
            self.dir.put(overview::NAME, &self.overview.render(self.report, applied))?;
        }
        Ok(self.written)
    }
}

/// `summary.json`, which is written from file to file.
struct Summary {
    out: Json,
    per_file: Array,
}

impl Summary {
    async fn open(mut out: Json, sweep: &Sweep, report: &SweepReport) -> anyhow::Result<Self> {
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

    fn file(&mut self, file: &FileReport) -> anyhow::Result<()> {
        if file.status == TargetStatus::Skipped {
            return Ok(());
        }
        self.out.put(&self.per_file.item(&summary::per_file(file)))
    }

    fn end(mut self, totals: &Totals, applied: &Applied) -> anyhow::Result<()> {
        let tail = members(&summary::tail(totals, &applied.summary()));
        self.out.put(&format!("{},\n{tail}\n}}\n", self.per_file.end()))?;
        self.out.finish()
    }
}

/// What the applier decided; its rows are written as well where they are wanted.
async fn applied(sweep: &Sweep, mut out: Option<&mut OutFile>) -> anyhow::Result<Applied> {
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
async fn each(
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
fn file_of<R: Row>() -> String {
    format!("{}.jsonl", R::STREAM)
}

fn put_row<R: Serialize>(out: &mut impl Write, row: Option<&R>) -> anyhow::Result<()> {
    let Some(row) = row else { return Ok(()) };
    Ok(writeln!(out, "{}", shown_json(&serde_json::to_string(row)?))?)
}

/// A file of few rows, also an empty one, which replaces that of an earlier report.
fn put_rows<R: Row>(dir: &OutDir, rows: &[R]) -> anyhow::Result<()> {
    let mut out = dir.begin(&file_of::<R>())?;
    for row in rows {
        put_row(&mut out, Some(row))?;
    }
    Ok(out.finish()?)
}

/// Removes pages and JSON files of an earlier report that this one has not replaced. Other files stay.
fn remove_others(
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

/// Whether a report can be written into a directory; said before any work is done for it.
///
/// # Errors
/// A directory that is refused, with why.
pub fn check_out(session: &Session, out: &Path) -> anyhow::Result<()> {
    OutDir::check(out, &session.state, is_ours).with_context(|| unusable(out))
}

fn unusable(out: &Path) -> String {
    format!("the report directory {} can't be used; pass another --out", out.display())
}

/// The names of a report's files. Reports of older versions, which left no mark in their directory,
/// are known by them.
fn is_ours(name: &str) -> bool {
    let rows = [
        ReviewRow::STREAM,
        AuditFactsRow::STREAM,
        AutoApplyRow::STREAM,
        ModelTrustRow::STREAM,
        LoopMetricsRow::STREAM,
    ];
    [overview::NAME, index::NAME, "summary.json", "scrum.sarif"].contains(&name)
        || name.strip_suffix(".jsonl").is_some_and(|stream| rows.contains(&stream))
        || is_of_a_file(name)
        // Left by an older version that was killed.
        || (name.starts_with(".scrum-") && name.ends_with(".new"))
}

fn is_of_a_file(name: &str) -> bool {
    name.starts_with("review_") && [".json", ".md"].iter().any(|end| name.ends_with(end))
}

//! Writes the files of a report. The read model reads the sweep in pages, the domain renders file after file:
//! no more than a page of the sweep is in memory.

mod change;
mod old;
mod summary;

use crate::output::tell;
use crate::session::Session;
use anyhow::{Context, bail};
pub use change::{NAMES as CHANGE_NAMES, write_change};
use old::{is_ours, remove_others};
use queue_schema::ids::SweepId;
use queue_schema::rows::{AuditFactsRow, AutoApplyRow, ReviewRow};
use queue_schema::sweep::TargetStatus;
use scrum_disk::{OutDir, OutFile};
use scrum_domain::report::applied::Applied;
use scrum_domain::report::lines::Array;
use scrum_domain::report::overview::{self, Overview};
use scrum_domain::report::{FileReport, SweepReport, Totals, file, index, known, page, sarif};
use scrum_knowledge::Sweep;
use scrum_shown::shown_json;
use std::io::Write;
use std::path::Path;
use summary::{Json, Summary, applied, each, file_of, put_row, put_rows};

/// The page of the report on a change.
pub const CHANGE_PAGE: &str = CHANGE_NAMES[0];
/// Every format that is written unless a person says otherwise.
pub const ALL: [&str; 4] = ["md", "json", "sarif", "jsonl"];
/// A JSON file for each row, for sweeps of any size. With `json`, small sweeps have them too.
const PER_FILE: &str = "files";
/// The largest sweep that gets them with `json`: they repeat `scrum_reviews.jsonl`.
const MOST_PER_FILE: usize = 1_000;

/// What a terminal shows of a report.
#[derive(Debug)]
pub struct Told {
    /// The worst findings, a line each.
    pub worst: Vec<String>,
    /// How many there are.
    pub findings: usize,
    /// Accepted reviews of which nothing could be read as a finding.
    pub unread: usize,
    /// How they stand against the sweeps before; none where nothing was there before.
    pub known: Option<String>,
}

/// Writes the chosen files of a sweep into a directory.
///
/// # Errors
/// An unknown format, a directory that can't be used, a failure of Redis.
pub async fn write(
    session: &Session,
    id: &SweepId,
    out: &Path,
    formats: &[impl AsRef<str>],
) -> anyhow::Result<Told> {
    for format in formats.iter().map(AsRef::as_ref) {
        if format != PER_FILE && !ALL.contains(&format) {
            bail!(
                "unknown report format '{format}'; known formats: {}, {PER_FILE}",
                ALL.join(", ")
            );
        }
    }
    let sweep = Sweep::open(&session.queue, id).await?;
    let report = Box::pin(sweep.report(session.trouble_bounds())).await?;
    let dir = OutDir::open(out, &session.state, is_ours).with_context(|| unusable(out))?;
    let wants = |name: &str| formats.iter().any(|f| f.as_ref() == name);
    let files = write_all(&sweep, &report, &dir, wants).await;
    let (written, told) =
        files.with_context(|| format!("the report in {} can't be written", out.display()))?;
    remove_others(&dir, &written, wants)?;
    Ok(told)
}

/// Writes the summary of a sweep to stdout.
///
/// # Errors
/// A failure of Redis, or of stdout; a closed pipe ends the program quietly.
pub async fn print_summary(session: &Session, id: &SweepId) -> anyhow::Result<()> {
    let sweep = Sweep::open(&session.queue, id).await?;
    let report = Box::pin(sweep.report(session.trouble_bounds())).await?;
    let mut summary = Summary::open(Json::Stdout, &sweep, &report).await?;
    let mut totals = Totals::default();
    each(sweep.files(&TargetStatus::ALL), |file| {
        totals.add(file);
        summary.file(file)
    })
    .await?;
    summary.end(&report, &totals, &applied(&sweep, None).await?)
}

/// Writes all of them; returns the names of those that are of one file each, and what a terminal shows.
async fn write_all(
    sweep: &Sweep,
    report: &SweepReport,
    dir: &OutDir,
    wants: impl Fn(&str) -> bool,
) -> anyhow::Result<(file::Names, Told)> {
    let mut writer = Writer::open(sweep, report, dir, &wants).await?;
    each(sweep.files(&TargetStatus::ALL), |file| writer.file(file)).await?;
    let mut rows = None;
    if wants("jsonl") {
        put_rows(dir, &report.models)?;
        put_rows(dir, report.metrics.as_slice())?;
        put_rows(dir, &report.troubles)?;
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
    not_reviewed: sarif::NotReviewed,
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
        let not_reviewed = sarif::NotReviewed::default();
        Ok(Self {
            report,
            dir,
            names,
            written,
            per_file,
            overview,
            index,
            summary,
            sarif,
            not_reviewed,
            rows,
        })
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
            self.not_reviewed.add(file);
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

    fn finish(mut self, applied: &Applied) -> anyhow::Result<(file::Names, Told)> {
        let (worst, findings) = self.overview.told();
        let totals = self.overview.totals();
        let known = known::in_words(&known::of(self.report, totals.known));
        let told = Told { worst, findings, unread: totals.unread, known };
        if let Some(summary) = self.summary {
            summary.end(self.report, self.overview.totals(), applied)?;
        }
        if let Some((mut out, array, tail)) = self.sarif {
            let invocations = self.not_reviewed.invocations();
            out.put(&format!("{}{invocations}{tail}", array.end()))?;
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
        Ok((self.written, told))
    }
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

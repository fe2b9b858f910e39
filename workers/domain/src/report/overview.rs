//! `scrum_report.md`: the sweep for a person, findings first. It is short however large the sweep is: a
//! list shows its beginning and says how much more there is, and a file's page has the rest.

use super::applied::Applied;
use super::escape::{code, escape};
use super::page::{self, Kind, cost, duration, linked, linked_text};
use super::top::{First, Top};
use super::{FileReport, SweepReport, Totals, index, models, progress, public_address, unread};
use crate::severity::Severity;
use crate::text::{clip_marked, counted};
use queue_schema::rows::{Finding, ReviewRow};
use queue_schema::sweep::TargetStatus;
use std::cmp::Reverse;
use std::fmt::Write as _;

/// The name of the overview.
pub const NAME: &str = "scrum_report.md";
/// Where the rest of a list is.
const INDEX: &str = "[scrum_files.md](scrum_files.md)";
/// Files with findings in the table, and findings in the list.
const FILES_SHOWN: usize = 30;
const FINDINGS_SHOWN: usize = 60;
/// Characters of a claim in that list.
const CLAIM_SHOWN: usize = 200;
/// Lines of each of the other lists.
const LINES_SHOWN: usize = 30;
/// Lines of the reviews themselves: when all of them have more, the findings are listed instead, a line
/// each.
const REVIEW_LINES: usize = 150;

/// How a finding is ranked: gravest first, then the surest of those whose quote is in the file, then in
/// the order of the plan.
type Rank = (Severity, bool, Reverse<Option<u8>>, u32, usize);

/// How a file is ranked: most findings first, then in the order of the plan.
type FileRank = (Reverse<u32>, u32);

/// Lines and texts of the reviews, while they fit; each text with the number of its findings.
type Reviews = Option<(usize, Vec<(Reverse<u32>, String)>)>;

/// What is gathered from file to file.
#[derive(Debug)]
pub struct Overview {
    files: u32,
    totals: Totals,
    findings: Top<Rank>,
    table: Top<FileRank>,
    /// The reviews with findings, while they fit.
    reviews: Reviews,
    unresolved: First,
    left_out: First,
    clean: First,
    unread: First,
    open: First,
    skipped: First,
}

impl Default for Overview {
    fn default() -> Self {
        let list = || First::new(LINES_SHOWN);
        Self {
            files: 0,
            totals: Totals::default(),
            findings: Top::new(FINDINGS_SHOWN),
            table: Top::new(FILES_SHOWN),
            reviews: Some((0, Vec::new())),
            unresolved: list(),
            left_out: list(),
            clean: list(),
            unread: list(),
            open: list(),
            skipped: list(),
        }
    }
}

impl Overview {
    /// Adds a file, which has a page of this name, or none.
    pub fn add(&mut self, file: &FileReport, page: Option<&str>) {
        self.totals.add(file);
        let link = || linked(&file.target.path, page);
        match (Kind::of(file), &file.row) {
            (Kind::Telling, Some(row)) => self.telling(file, row, page),
            (Kind::Unread, Some(row)) => self.unread.offer(|| {
                let mut text = String::new();
                page::accepted(&mut text, file, row, page);
                unread::answer(&mut text, row);
                text
            }),
            (_, Some(row)) => self.clean.offer(|| {
                let mut text = String::new();
                page::accepted(&mut text, file, row, page);
                text
            }),
            (Kind::Unresolved, None) => self.unresolved.offer(|| {
                let mut text = format!("## {}\n\n", link());
                page::unresolved(&mut text, file);
                text.push('\n');
                text
            }),
            (Kind::LeftOut, None) => self.left_out.offer(|| {
                let mut text = format!("- {}: {}\n", link(), page::reason(file, "not started"));
                page::attempts_list(&mut text, &file.attempts);
                text
            }),
            (Kind::Skipped, None) => self.skipped.offer(|| {
                format!("| {} | {} |\n", link(), page::reason(file, "no reason recorded"))
            }),
            (_, None) => self.open.offer(|| format!("- {}: {}\n", link(), file.status_word())),
        }
        self.files += 1;
    }

    /// What all files come to.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    fn telling(&mut self, file: &FileReport, row: &ReviewRow, page: Option<&str>) {
        let most_first = Reverse(row.findings_count);
        self.table.offer((most_first, self.files), || table_row(file, row, page));
        let actionable = row.findings.iter().filter(|f| f.kind.is_actionable());
        for (n, finding) in actionable.enumerate() {
            let sure = Reverse(finding.confidence);
            let rank = (Severity::of(finding.kind), !finding.anchored, sure, self.files, n);
            self.findings.offer(rank, || finding_line(row, finding, page));
        }
        let Some((lines, reviews)) = &mut self.reviews else { return };
        let mut text = format!("## {}\n\n", linked(&row.file, None));
        page::reviewed(&mut text, file, row);
        *lines += text.lines().count();
        reviews.push((most_first, text));
        if *lines > REVIEW_LINES {
            self.reviews = None;
        }
    }

    /// The overview.
    pub fn render(self, report: &SweepReport, applied: &Applied) -> String {
        let mut out = String::new();
        header(&mut out, report, &self.totals);
        progress::section(&mut out, report.metrics.as_ref());
        // What a person should look at comes first: findings, then what is missing.
        findings(&mut out, self.table, self.findings, self.reviews);
        list(&mut out, &applied.head(), &applied.first, "scrum report --format jsonl");
        list(&mut out, "# Unresolved\n\n", &self.unresolved, INDEX);
        let left = format!(
            "# Left out\n\nBecause of the budget, {} left out. The same command with a larger budget (`--budget-usd`, \
             `--budget-tokens`, `--budget-calls`; 0 for none) reviews them; questions that were answered before \
             cost nothing again.\n\n",
            counted(self.left_out.all, "file was", "files were")
        );
        list(&mut out, &left, &self.left_out, INDEX);
        let unread = "# Accepted, but nothing could be read as a finding\n\n";
        list(&mut out, unread, &self.unread, INDEX);
        list(&mut out, "# Not done\n\n", &self.open, INDEX);
        list(&mut out, "# Reviewed, without findings\n\n", &self.clean, INDEX);
        models::section(&mut out, &report.models);
        list(&mut out, "# Skipped\n\n| File | Reason |\n|---|---|\n", &self.skipped, INDEX);
        out.truncate(out.trim_end().len());
        out.push('\n');
        out
    }
}

/// A section: its head, what is shown, and how many more there are.
fn list(out: &mut String, head: &str, list: &First, rest: &str) {
    if list.all == 0 {
        return;
    }
    out.push_str(head);
    out.push_str(&list.text);
    more(out, list.all - list.shown, rest);
    out.push('\n');
}

fn more(out: &mut String, more: usize, rest: &str) {
    if more > 0 {
        let _ = writeln!(out, "\nAnd {more} more: {rest}");
    }
}

fn header(out: &mut String, report: &SweepReport, totals: &Totals) {
    let spent = report.spent;
    let _ = writeln!(out, "# Scrum report\n");
    let _ = writeln!(out, "- Generated at: {}", escape(&report.generated_at));
    let _ = writeln!(
        out,
        "- Repository: {} at {}",
        code(&public_address(&report.repo)),
        code(&report.commit)
    );
    let _ =
        writeln!(out, "- Sweep: {}, ladder {}", code(&report.sweep_id), code(&report.ladder.name));
    if !report.labels.is_empty() {
        let labels: Vec<String> =
            report.labels.iter().map(|(k, v)| code(&format!("{k}={v}"))).collect();
        let _ = writeln!(out, "- Labels: {}", labels.join(", "));
    }
    let _ = writeln!(
        out,
        "- Files: {} reviewed of {}, {} unresolved, {} skipped; [all of them]({})",
        totals.with(TargetStatus::Resolved),
        totals.reviewable(),
        totals.with(TargetStatus::Unresolved),
        totals.with(TargetStatus::Skipped),
        index::NAME
    );
    if totals.telling > 0 {
        let [critical, major, minor, info] = totals.findings;
        let files = counted(totals.telling, "file", "files");
        let _ = writeln!(
            out,
            "- Findings: {critical} critical, {major} major, {minor} minor, {info} for information, in {files}"
        );
    }
    if let masked @ 1.. = totals.masked {
        let secrets = counted(masked as usize, "secret was", "secrets were");
        let _ = writeln!(out, "- {secrets} masked in text sent to models that are not local");
    }
    if let failed @ 1.. = totals.facts_failed {
        let files = counted(failed, "file", "files");
        let _ = writeln!(out, "- Facts of {files} could not be extracted or checked");
    }
    let _ = writeln!(out, "- Duration: {}", duration(report.duration_ms));
    let _ = writeln!(
        out,
        "- Review attempts: {}; model calls: {}, tokens {} in and {} out, cost {}",
        totals.attempts,
        report.calls,
        spent.tokens_in,
        spent.tokens_out,
        cost(spent.cost_usd)
    );
    if let Some(budget) = &report.budget {
        let left = counted(totals.with(TargetStatus::LeftOut), "file", "files");
        let near =
            if budget.is_degraded() { "; near the limit only cheap calls were made" } else { "" };
        let _ = writeln!(out, "- Budget: {budget} spent{near}; {left} **left out**");
    }
    out.push('\n');
}

/// The files with findings, and then their reviews; where those are too long, the findings, gravest first.
fn findings(out: &mut String, table: Top<FileRank>, findings: Top<Rank>, reviews: Reviews) {
    if table.all == 0 {
        return;
    }
    let _ = writeln!(out, "# Findings\n");
    let (all, shown) = (findings.all, findings.texts());
    if reviews.is_none() {
        for (n, line) in (1..).zip(&shown) {
            let _ = writeln!(out, "{n}. {line}");
        }
        more(out, all - shown.len(), "they are in the files' pages");
        let _ = writeln!(out, "\n## Files with findings\n");
    }
    let (all, rows) = (table.all, table.texts());
    let _ = writeln!(out, "| File | Status | Findings | Tier | Score | Attempts | Accepted from |");
    let _ = writeln!(out, "|---|---|--:|---|--:|--:|---|");
    out.push_str(&rows.concat());
    more(out, all - rows.len(), INDEX);
    out.push('\n');
    if let Some((_, mut reviews)) = reviews {
        reviews.sort_by_key(|(findings, _)| *findings);
        for (_, text) in reviews {
            out.push_str(&text);
        }
    }
}

fn table_row(file: &FileReport, row: &ReviewRow, page: Option<&str>) -> String {
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        linked(&file.target.path, page),
        file.status_word(),
        row.findings_count,
        escape(&row.gradient_tier),
        row.alignment_score.map_or_else(|| "–".to_owned(), |s| s.to_string()),
        file.history().len(),
        code(&row.accepted_model),
    )
}

/// A finding in one line: what, where, how sure, and how its claim begins.
fn finding_line(row: &ReviewRow, finding: &Finding, page: Option<&str>) -> String {
    let kind = finding.kind.as_str().replace('_', " ");
    let place = linked_text(&page::place(row, finding), page);
    let sure = finding.confidence.map(|c| format!(", {c}%")).unwrap_or_default();
    let text = clip_marked(&finding.text, CLAIM_SHOWN);
    let claim = page::claim_lines(&text).next().unwrap_or_default();
    format!("**{kind}**, {place}{sure}: {claim}")
}

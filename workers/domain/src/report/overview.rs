//! `scrum_report.md`: the sweep for a person, findings first. It is short however large the sweep is: a
//! list shows its beginning and says how much more there is, and a file's page has the rest.

use super::applied::Applied;
use super::escape::{code, escape};
use super::finding::{self, Rank};
use super::page::{self, Kind, cost, duration, folded, linked};
use super::top::{First, Top};
use super::{
    FileReport, SweepReport, Totals, expected, index, known, models, progress, public_address,
    trouble, unread,
};
use crate::text::counted;
use queue_schema::rows::{AuditVerdict, ReviewRow};
use queue_schema::sweep::TargetStatus;
use std::cmp::Reverse;
use std::fmt::Write as _;

/// The name of the overview.
pub const NAME: &str = "scrum_report.md";
/// Where the rest of a list is.
const INDEX: &str = "[scrum_files.md](scrum_files.md)";
/// Files with findings in the table, and findings in full and in the list.
const FILES_SHOWN: usize = 25;
const FINDINGS_SHOWN: usize = 50;
/// Findings that a terminal shows when a sweep is over.
const FINDINGS_TOLD: usize = 5;
/// Lines of each of the other lists.
const LINES_SHOWN: usize = 25;
/// Lines of the findings in full: the worst ones, until they have so many; the others have a line each.
const WHOLE_LINES: usize = 140;

/// How a file is ranked: most findings first, then in the order of the plan.
type FileRank = (Reverse<usize>, u32);

/// What is gathered from file to file.
#[derive(Debug)]
pub struct Overview {
    files: u32,
    totals: Totals,
    /// Findings in full, and as a line.
    findings: Top<Rank, (String, String)>,
    /// The worst ones for a terminal.
    told: Top<Rank>,
    table: Top<FileRank>,
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
            told: Top::new(FINDINGS_TOLD),
            table: Top::new(FILES_SHOWN),
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
        let most_first = Reverse(finding::actionable(row));
        self.table.offer((most_first, self.files), || table_row(file, row, page));
        let actionable = row.findings.iter().filter(|f| f.is_shown());
        for (n, found) in actionable.enumerate() {
            let rank = finding::rank(found, self.files, n);
            self.told.offer(rank, || finding::brief(row, found));
            self.findings.offer(rank, || {
                let whole = finding::whole(row, found, page);
                (whole, finding::line(row, found, page))
            });
        }
    }

    /// What a terminal shows of it when a sweep is over: the worst findings, a line each, and how many there are.
    pub fn told(&mut self) -> (Vec<String>, usize) {
        let told = std::mem::replace(&mut self.told, Top::new(0));
        let all = told.all;
        (told.entries(), all)
    }

    /// The overview.
    pub fn render(self, report: &SweepReport, applied: &Applied) -> String {
        let mut out = String::new();
        header(&mut out, report, &self.totals);
        // What a person should look at comes first: findings, then what is missing.
        findings(&mut out, self.table, self.findings);
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
        trouble::section(&mut out, &report.troubles);
        progress::section(&mut out, report.metrics.as_ref());
        let files = |n| counted(n, "file", "files");
        folded_list(
            &mut out,
            &format!("Clean: {} reviewed, without findings", files(self.clean.all)),
            "",
            &self.clean,
        );
        let table = "| File | Reason |\n|---|---|\n";
        folded_list(
            &mut out,
            &format!("Skipped: {}", files(self.skipped.all)),
            table,
            &self.skipped,
        );
        folded(&mut out, "About this run", |out| {
            about(out, report, &self.totals);
            expected::section(out, report);
            models::section(out, &report.models);
        });
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

/// A list that a reader opens.
fn folded_list(out: &mut String, title: &str, head: &str, of: &First) {
    if of.all > 0 {
        folded(out, title, |out| list(out, head, of, INDEX));
    }
}

/// What the sweep came to, in a line or two.
fn header(out: &mut String, report: &SweepReport, totals: &Totals) {
    let _ = writeln!(out, "# Scrum report\n");
    let (resolved, reviewable) = (totals.with(TargetStatus::Resolved), totals.reviewable());
    let said = if totals.telling > 0 {
        let files = counted(totals.telling, "file", "files");
        let names = ["critical", "major", "minor", "for information"].into_iter();
        let some = totals.findings.iter().zip(names).filter(|(n, _)| **n > 0);
        let some: Vec<String> = some.map(|(n, name)| format!("{n} {name}")).collect();
        format!("{} in {files}", some.join(", "))
    } else if resolved == reviewable && resolved > 0 && totals.unread + totals.partial == 0 {
        "none, the review is clean".to_owned()
    } else {
        "none in what was reviewed".to_owned()
    };
    let _ = writeln!(out, "- Findings: **{said}**");
    if totals.audited.iter().any(|n| *n > 0) {
        let n = |verdict: AuditVerdict| totals.audited[verdict as usize];
        let said = AuditVerdict::ALL.map(|verdict| format!("{} {}", n(verdict), verdict.as_str()));
        let _ = writeln!(out, "- Audit: {}", said.join(", "));
    }
    if let Some(said) = known::in_words(&known::of(report, totals.known)) {
        let _ = writeln!(out, "- Since the sweep before: {said}");
    }
    let _ = writeln!(
        out,
        "- Repository: {} at {}",
        code(&public_address(&report.repo)),
        code(&report.commit)
    );
    let partly = match totals.partial {
        0 => String::new(),
        n => format!(" ({n} only partly)"),
    };
    let _ = writeln!(
        out,
        "- Files: {resolved} reviewed of {reviewable}{partly}, {} unresolved, {} skipped; [all of them]({})",
        totals.with(TargetStatus::Unresolved),
        totals.with(TargetStatus::Skipped),
        index::NAME
    );
    if let Some(budget) = &report.budget {
        let left = counted(totals.with(TargetStatus::LeftOut), "file", "files");
        let near =
            if budget.is_degraded() { "; near the limit only cheap calls were made" } else { "" };
        let _ = writeln!(out, "- Budget: {budget} spent{near}; {left} **left out**");
    }
    if let masked @ 1.. = totals.masked {
        let secrets = counted(masked as usize, "secret was", "secrets were");
        let _ = writeln!(out, "- {secrets} masked in text sent to models that are not local");
    }
    if let (began @ 1.., saved) = totals.hot_swaps {
        let (began, saved) =
            (counted(began, "review", "reviews"), counted(saved as usize, "rung", "rungs"));
        let _ = writeln!(out, "- {began} began at a remembered model, {saved} saved");
    }
    if let failed @ 1.. = totals.facts_failed {
        let files = counted(failed, "file", "files");
        let _ = writeln!(out, "- Facts of {files} could not be extracted or checked");
    }
    out.push('\n');
}

/// When, with what and for how much.
fn about(out: &mut String, report: &SweepReport, totals: &Totals) {
    let spent = report.spent;
    let _ = writeln!(out, "- Generated at: {}", escape(&report.generated_at));
    let _ =
        writeln!(out, "- Sweep: {}, ladder {}", code(&report.sweep_id), code(&report.ladder.name));
    if !report.labels.is_empty() {
        let labels: Vec<String> =
            report.labels.iter().map(|(k, v)| code(&format!("{k}={v}"))).collect();
        let _ = writeln!(out, "- Labels: {}", labels.join(", "));
    }
    let _ = writeln!(out, "- Duration: {}", duration(report.duration_ms));
    let _ = writeln!(
        out,
        "- Review attempts: {}; model calls: {}, tokens {} in and {} out, cost {}\n",
        totals.attempts,
        report.calls,
        spent.tokens_in,
        spent.tokens_out,
        cost(spent.cost_usd)
    );
}

/// The worst findings in full, the others a line each, then the files that they are in.
fn findings(out: &mut String, table: Top<FileRank>, findings: Top<Rank, (String, String)>) {
    if table.all == 0 {
        return;
    }
    let _ = writeln!(out, "# Findings\n");
    let all = findings.all;
    let (mut lines, mut shown, mut listed) = (0, 0, false);
    for (whole, line) in findings.entries() {
        shown += 1;
        lines += whole.lines().count();
        if lines <= WHOLE_LINES || shown == 1 {
            let _ = write!(out, "## {shown}. {whole}");
            continue;
        }
        // From the first one on that does not fit, each has a line.
        if !std::mem::replace(&mut listed, true) {
            let _ = writeln!(out, "## Further findings\n");
        }
        lines = WHOLE_LINES;
        let _ = writeln!(out, "{shown}. {line}");
    }
    more(out, all - shown, "they are in the files' pages");
    if listed {
        out.push('\n');
    }
    let (all, rows) = (table.all, table.entries());
    let _ = writeln!(out, "## Files with findings\n");
    let _ = writeln!(out, "| File | Status | Findings | Tier | Score | Attempts | Accepted from |");
    let _ = writeln!(out, "|---|---|--:|---|--:|--:|---|");
    out.push_str(&rows.concat());
    more(out, all - rows.len(), INDEX);
    out.push('\n');
}

fn table_row(file: &FileReport, row: &ReviewRow, page: Option<&str>) -> String {
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        linked(&file.target.path, page),
        file.status_word(),
        finding::actionable(row),
        escape(&row.gradient_tier),
        row.alignment_score.map_or_else(|| "–".to_owned(), |s| s.to_string()),
        file.history().len(),
        code(&row.accepted_model),
    )
}

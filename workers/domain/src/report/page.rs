//! `review_PATH.md`: what there is to tell of one file, for a person: its findings, and folded at the end how they
//! came about. What the overview shows of a file comes from here as well.

use super::escape::{code, escape};
use super::sarif::encoded;
use super::{FileReport, SweepReport, file, finding, known, overview, unread};
use crate::text::{clip_marked, counted};
use queue_schema::rows::facts::FactVerdict;
use queue_schema::rows::{Attempt, ReviewRow};
use queue_schema::sweep::TargetStatus;
use scrum_shown::plain;
use std::fmt::Write as _;

/// Characters of an attempt's reason that the report shows.
const REASON_SHOWN: usize = 300;

/// What there is to tell of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reviewed, with findings.
    Telling,
    /// Reviewed; nothing was read as a finding, and the answer may hold some all the same.
    Unread,
    /// Reviewed, without findings.
    Clean,
    /// In the dead-letter queue.
    Unresolved,
    /// The budget did not reach it.
    LeftOut,
    /// Not over, or cancelled.
    Open,
    /// Not reviewed, with a reason.
    Skipped,
}

impl Kind {
    pub(super) fn of(file: &FileReport) -> Self {
        match (&file.row, file.status) {
            (Some(row), _) if finding::actionable(row) > 0 => Self::Telling,
            (Some(row), _) if row.findings.is_empty() && unread::is_unread(row) => Self::Unread,
            (Some(_), _) => Self::Clean,
            (None, TargetStatus::Unresolved) => Self::Unresolved,
            (None, TargetStatus::LeftOut) => Self::LeftOut,
            (None, TargetStatus::Skipped) => Self::Skipped,
            (None, _) => Self::Open,
        }
    }
}

/// Whether a file was reviewed without a finding.
pub(super) fn is_clean(file: &FileReport) -> bool {
    Kind::of(file) == Kind::Clean
}

/// Whether a file has a page of its own: not one of which a line says all.
pub fn is_wanted(file: &FileReport) -> bool {
    match Kind::of(file) {
        Kind::Telling | Kind::Unread | Kind::Unresolved => true,
        Kind::Clean => {
            let verified = file.row.as_ref().is_some_and(|row| !row.findings.is_empty());
            verified
                || file.history().len() > 1
                || file.is_partial()
                || file.facts_trouble.is_some()
                || file.row.as_ref().is_some_and(|row| !row.findings_gone.is_empty())
        }
        Kind::LeftOut => !file.attempts.is_empty(),
        Kind::Open | Kind::Skipped => false,
    }
}

/// The page of a file, under the name that it gets.
pub fn render(report: &SweepReport, file: &FileReport, name: &str) -> String {
    let mut out = format!("{}\n# {}\n\n", file::page_mark(name), title(&file.target.path));
    let _ = writeln!(out, "[Overview]({}) of sweep {}\n", overview::NAME, code(&report.sweep_id));
    match (Kind::of(file), &file.row) {
        (kind, Some(row)) => {
            let _ = writeln!(out, "{}\n", escape(&in_short(file, row)));
            not_covered(&mut out, row);
            for (n, finding) in (1_u32..).zip(finding::ranked(row)) {
                let _ = write!(out, "## {n}. {}", finding::whole(row, finding, None));
            }
            if kind == Kind::Unread {
                unread::answer(&mut out, row);
                out.push('\n');
            }
            known::section(&mut out, row);
            folded(&mut out, "How it was reviewed", |out| reviewed(out, file, row));
        }
        (Kind::Unresolved, None) => unresolved(&mut out, file),
        (_, None) => {
            let _ = writeln!(out, "- {}: {}", file.status_word(), reason(file, "not started"));
            history(&mut out, &file.attempts);
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// The same for a terminal, in lines of at most `width` characters where they are prose.
pub fn terminal(file: &FileReport, width: usize) -> String {
    let mut out = format!("{}\n", plain(&file.target.path));
    let Some(row) = &file.row else {
        let why = file.reason().unwrap_or("not started");
        finding::wrap(&mut out, "", "", &format!("{}: {why}", file.status_word()), width);
        attempts_plain(&mut out, &file.attempts, width);
        return out;
    };
    finding::wrap(&mut out, "", "", &in_short(file, row), width);
    for (start, end) in &row.shards_missing {
        let _ = writeln!(out, "not covered: bytes {start} to {end}");
    }
    for (n, finding) in (1..).zip(finding::ranked(row)) {
        let _ = write!(out, "\n{}", finding::terminal(n, row, finding, width));
    }
    if Kind::of(file) == Kind::Unread {
        out.push_str("\nNothing of the answer could be read as a finding:\n");
        for line in row.kept_answer().lines() {
            let _ = writeln!(out, "  {}", plain(line));
        }
    }
    out.push('\n');
    let (said, gone) = known::lines(row);
    for line in said.into_iter().chain(gone.into_iter().map(|line| format!("gone: {line}"))) {
        finding::wrap(&mut out, "", "  ", &line, width);
    }
    attempts_plain(&mut out, file.history(), width);
    out
}

fn attempts_plain(out: &mut String, attempts: &[Attempt], width: usize) {
    for a in attempts {
        let reason = clip_marked(&a.reason, REASON_SHOWN);
        let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
        let text = format!("attempt {}: {}, {}{reason}", a.n, a.model_name(), a.outcome);
        finding::wrap(out, "", "  ", &text, width);
    }
}

/// A reviewed file in one line: `2 findings, tier block, alignment 4.5/10`.
fn in_short(file: &FileReport, row: &ReviewRow) -> String {
    let mut facts = Vec::new();
    facts.push(match Kind::of(file) {
        Kind::Clean => "clean: reviewed, without findings".to_owned(),
        Kind::Unread => "accepted, but nothing could be read as a finding".to_owned(),
        _ => counted(finding::actionable(row), "finding", "findings"),
    });
    if file.is_partial() {
        facts.push("only partly reviewed".to_owned());
    }
    if finding::actionable(row) > 0 {
        facts.push(format!("tier {}", row.gradient_tier));
    }
    facts.extend(row.verdict.as_ref().map(|verdict| format!("verdict {verdict}")));
    facts.extend(row.alignment_score.map(|score| format!("alignment {score}/10")));
    facts.join(", ")
}

fn not_covered(out: &mut String, row: &ReviewRow) {
    for (start, end) in &row.shards_missing {
        let _ = writeln!(out, "**Not covered: bytes {start} to {end}**\n");
    }
}

/// A part that a reader opens.
pub(super) fn folded(out: &mut String, title: &str, body: impl FnOnce(&mut String)) {
    let _ = writeln!(out, "<details><summary>{title}</summary>\n");
    body(out);
    out.truncate(out.trim_end().len());
    out.push_str("\n\n</details>\n\n");
}

/// A path as code, which links to the file's page where there is one.
pub(super) fn linked(path: &str, page: Option<&str>) -> String {
    linked_text(&title(path), page)
}

/// Rendered text that links to a page.
pub(super) fn linked_text(text: &str, page: Option<&str>) -> String {
    page.map_or_else(|| text.to_owned(), |name| format!("[{text}]({})", encoded(name, b"-._~")))
}

/// A path as code. One of blanks alone would show as nothing.
pub(super) fn title(path: &str) -> String {
    let text = code(path);
    if text.is_empty() { "(a name of blanks)".to_owned() } else { text }
}

/// Why a file is as it is, as the report shows it.
pub(super) fn reason(file: &FileReport, instead: &str) -> String {
    escape(&clip_marked(file.reason().unwrap_or(instead), REASON_SHOWN))
}

/// What a file in the dead-letter queue has behind it.
pub(super) fn unresolved(out: &mut String, file: &FileReport) {
    let _ = writeln!(out, "- Reason: {}", reason(file, "every rung of the ladder was tried"));
    let _ = writeln!(out, "- Total attempts: {}", file.attempts.len());
    history(out, &file.attempts);
}

/// How a file without a finding came to its review.
pub(super) fn accepted(out: &mut String, file: &FileReport, row: &ReviewRow, page: Option<&str>) {
    let score = row.alignment_score.map(|s| format!(", alignment {s}/10")).unwrap_or_default();
    let partly = if file.is_partial() { ", **partly**" } else { "" };
    let masked = match row.masked {
        0 => String::new(),
        n => format!(", {} masked", counted(n as usize, "secret", "secrets")),
    };
    let _ = writeln!(
        out,
        "- {}: accepted on attempt {} of {} ({}){score}{partly}{masked}",
        linked(&row.file, page),
        row.accepted_on_attempt,
        row.attempts_made,
        code(&row.accepted_model),
    );
    for (start, end) in &row.shards_missing {
        let _ = writeln!(out, "  - **Not covered: bytes {start} to {end}**");
    }
    if let Some(facts) = facts(file) {
        let _ = writeln!(out, "  - {facts}");
    }
    if row.attempts_made > 1 {
        attempts_list(out, file.history());
    }
}

/// How a review came about, and what it took.
fn reviewed(out: &mut String, file: &FileReport, row: &ReviewRow) {
    let _ = writeln!(
        out,
        "- Accepted on attempt: {} ({})",
        row.accepted_on_attempt,
        code(&row.accepted_model)
    );
    let _ = writeln!(out, "- Escalated to: {}", escalated(file.history()));
    let _ = writeln!(out, "- Total attempts: {}", row.attempts_made);
    if row.attempts_made > 1 {
        history(out, file.history());
    }
    if row.gradient_tier_avg != row.gradient_tier {
        let _ = writeln!(out, "- Tier from the mean: {}", escape(&row.gradient_tier_avg));
    }
    if row.tree_split_fired {
        let shortened = match row.shards_shortened {
            0 => String::new(),
            n => format!("; the notes on {n} of them were cut"),
        };
        let parts = counted(row.shards_total as usize, "part", "parts");
        let _ = writeln!(out, "- Read in {parts}{shortened}");
    }
    if !row.encoding.is_empty() {
        let _ = writeln!(out, "- Read as {}", escape(&row.encoding));
    }
    if row.masked > 0 {
        let secrets = counted(row.masked as usize, "secret", "secrets");
        let _ = writeln!(out, "- Masked before the text was sent: {secrets}");
    }
    if let Some(facts) = facts(file) {
        let _ = writeln!(out, "- {facts}");
    }
    if row.tokens_in + row.tokens_out > 0 || row.cost_usd.is_some_and(|cost| cost > 0.0) {
        let _ = writeln!(
            out,
            "- Tokens: {} in, {} out, cost {}, model time {}",
            row.tokens_in,
            row.tokens_out,
            cost(row.cost_usd),
            duration(row.duration_ms)
        );
    }
}

/// What the review says of its file, in one line; none where nobody was asked.
pub(super) fn facts(file: &FileReport) -> Option<String> {
    let trouble = file.facts_trouble.as_ref().map(|t| escape(&clip_marked(t, REASON_SHOWN)));
    let Some(row) = &file.facts else { return trouble.map(|t| format!("No facts: {t}")) };
    let count = counted(row.facts.len(), "fact", "facts");
    let held = match trouble {
        Some(trouble) => trouble,
        None => format!("{} held by {}", row.with(FactVerdict::Supported), code(&row.verifier)),
    };
    Some(format!("Facts: {count}, {held}"))
}

/// The last attempt's model when it was not the first one's.
fn escalated(history: &[Attempt]) -> String {
    match history {
        [first, .., last] if last.rung != first.rung => code(&last.model_name()),
        _ => "not needed".to_owned(),
    }
}

/// A heading for attempts, where there are any.
fn history(out: &mut String, attempts: &[Attempt]) {
    if attempts.is_empty() {
        return;
    }
    let _ = writeln!(out, "- History:");
    attempts_list(out, attempts);
}

pub(super) fn attempts_list(out: &mut String, attempts: &[Attempt]) {
    for a in attempts {
        let cached = if a.cached { ", from the cache" } else { "" };
        let _ = write!(
            out,
            "  - {}: {}, {}, {}, {}{cached}",
            a.n,
            code(&a.model_name()),
            a.outcome,
            counted(a.chars as usize, "character", "characters"),
            duration(a.duration_ms)
        );
        let reason = escape(&clip_marked(&a.reason, REASON_SHOWN));
        let _ = if reason.is_empty() { writeln!(out) } else { writeln!(out, ": {reason}") };
    }
}

pub(super) fn cost(dollars: Option<f64>) -> String {
    dollars.map_or_else(|| "not told".to_owned(), |d| format!("${d:.4}"))
}

pub(super) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) => format!("{ms} ms"),
        (0, 0, s) => format!("{s}.{} s", ms % 1000 / 100),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

//! `review_PATH.md`: what there is to tell of one file, for a person. What the overview shows of a file
//! comes from here as well.

use super::escape::{code, escape};
use super::sarif::encoded;
use super::{FileReport, SweepReport, file, overview, unread};
use crate::parse::code::is_code_fence;
use crate::parse::items::{label, list_marker};
use crate::text::{clip_marked, counted};
use queue_schema::rows::facts::FactVerdict;
use queue_schema::rows::{Attempt, Finding, ReviewRow};
use queue_schema::sweep::TargetStatus;
use std::fmt::Write as _;

/// Characters of a finding's text that the report shows; the row has all of it.
const TEXT_SHOWN: usize = 1_200;
/// Lines of a finding's text that the report shows.
const LINES_SHOWN: usize = 12;
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
            (Some(row), _) if row.findings_count > 0 => Self::Telling,
            (Some(row), _) if unread::is_unread(row) => Self::Unread,
            (Some(_), _) => Self::Clean,
            (None, TargetStatus::Unresolved) => Self::Unresolved,
            (None, TargetStatus::LeftOut) => Self::LeftOut,
            (None, TargetStatus::Skipped) => Self::Skipped,
            (None, _) => Self::Open,
        }
    }
}

/// Whether a file has a page of its own: not one of which a line says all.
pub fn is_wanted(file: &FileReport) -> bool {
    match Kind::of(file) {
        Kind::Telling | Kind::Unread | Kind::Unresolved => true,
        Kind::Clean => {
            file.history().len() > 1 || file.is_partial() || file.facts_trouble.is_some()
        }
        Kind::LeftOut => !file.attempts.is_empty(),
        Kind::Open | Kind::Skipped => false,
    }
}

/// The page of a file, under the name that it gets.
pub fn render(report: &SweepReport, file: &FileReport, name: &str) -> String {
    let mut out = format!("{}\n# {}\n\n", file::page_mark(name), title(&file.target.path));
    let _ = writeln!(out, "- [Overview]({}) of sweep {}", overview::NAME, code(&report.sweep_id));
    match (Kind::of(file), &file.row) {
        (Kind::Telling, Some(row)) => reviewed(&mut out, file, row),
        (_, Some(row)) => {
            accepted(&mut out, file, row, None);
            if Kind::of(file) == Kind::Unread {
                out.push('\n');
                unread::answer(&mut out, row);
            }
        }
        (Kind::Unresolved, None) => unresolved(&mut out, file),
        (_, None) => {
            let _ = writeln!(out, "- {}: {}", file.status_word(), reason(file, "not started"));
            history(&mut out, &file.attempts);
        }
    }
    out
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
fn title(path: &str) -> String {
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

/// A review with findings.
pub(super) fn reviewed(out: &mut String, file: &FileReport, row: &ReviewRow) {
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
    let mean = match row.gradient_tier_avg.as_str() {
        mean if mean == row.gradient_tier => String::new(),
        mean => format!(" (from the mean: {})", escape(mean)),
    };
    let _ = writeln!(out, "- Tier: {}{mean}", escape(&row.gradient_tier));
    let score = row.alignment_score.map_or_else(|| "not given".to_owned(), |s| format!("{s}/10"));
    let _ = writeln!(out, "- Alignment score: {score}");
    if let Some(verdict) = &row.verdict {
        let _ = writeln!(out, "- Verdict: {}", escape(verdict));
    }
    if row.tree_split_fired {
        let shortened = match row.shards_shortened {
            0 => String::new(),
            n => format!("; the notes on {n} of them were cut"),
        };
        let parts = counted(row.shards_total as usize, "part", "parts");
        let _ = writeln!(out, "- Read in {parts}{shortened}");
    }
    for (start, end) in &row.shards_missing {
        let _ = writeln!(out, "- **Not covered: bytes {start} to {end}**");
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
    out.push('\n');
    for (n, finding) in (1..).zip(&row.findings) {
        write_finding(out, n, row, finding);
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

fn write_finding(out: &mut String, n: usize, row: &ReviewRow, finding: &Finding) {
    let place = place(row, finding);
    let confidence =
        finding.confidence.map_or_else(|| "no confidence given".to_owned(), |c| format!("{c}%"));
    let kind = finding.kind.as_str().replace('_', " ");
    let _ = writeln!(out, "{n}. **{kind}**, {place}, {confidence}  ");
    claim(out, &finding.text);
    if let Some(quote) = &finding.quote {
        let _ = writeln!(out, "   - Quote: {}", code(&clip_marked(quote, 300)));
    }
    if let Some(evidence) = finding.evidence.as_ref().filter(|e| !finding.text.contains(*e)) {
        let _ = writeln!(out, "   - Evidence: {}", escape(&clip_marked(evidence, 300)));
    }
    out.push('\n');
}

/// Where a finding is, as code.
pub(super) fn place(row: &ReviewRow, finding: &Finding) -> String {
    match (&finding.quote, finding.line, finding.end_line) {
        (None, ..) => title(&row.file),
        (_, Some(line), Some(end)) if end > line => code(&format!("{}:{line}-{end}", row.file)),
        (_, Some(line), _) => code(&format!("{}:{line}", row.file)),
        (_, None, _) if finding.is_ambiguous() => {
            format!("{} ({})", title(&row.file), undecided(&finding.ambiguous_lines))
        }
        (_, None, _) => format!("{} (quote not found in the file)", title(&row.file)),
    }
}

/// Lines of an ambiguous finding that the report names.
const PLACES_SHOWN: usize = 12;

/// That it is not decided which of some lines is meant.
pub(super) fn undecided(lines: &[u32]) -> String {
    let shown: Vec<String> = lines.iter().take(PLACES_SHOWN).map(u32::to_string).collect();
    let more = match lines.len().saturating_sub(PLACES_SHOWN) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!("ambiguous: the quote stands on lines {}{more}", shown.join(", "))
}

/// The lines of a finding's text without what the report has places of its own for.
pub(super) fn own_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    let lines = text.lines().filter(move |line| {
        in_code ^= is_code_fence(line);
        let shown_elsewhere = label(line)
            .is_some_and(|(name, _)| ["quote", "confidence", "evidence"].contains(&name.as_str()));
        in_code || !shown_elsewhere
    });
    lines.map(|line| match line.rfind("(Confidence:") {
        Some(at) if line.trim_end().ends_with("%)") => line[..at].trim_end(),
        _ => line,
    })
}

/// A finding's text, line by line as written: the first as it is, the others as sub-items.
fn claim(out: &mut String, text: &str) {
    for (i, line) in claim_lines(&clip_marked(text, TEXT_SHOWN)).take(LINES_SHOWN).enumerate() {
        let bullet = if i == 0 { "" } else { "- " };
        let _ = writeln!(out, "   {bullet}{line}");
    }
}

/// The lines of a claim, escaped, without blocks of code.
pub(super) fn claim_lines(text: &str) -> impl Iterator<Item = String> {
    let mut in_code = false;
    let lines = own_lines(text).filter(move |line| {
        in_code ^= is_code_fence(line);
        !in_code && !is_code_fence(line) && !line.trim().is_empty()
    });
    lines.map(|line| {
        let body = list_marker(line).map_or(line, |(_, _, rest)| rest);
        escape(&body.replace("**", ""))
    })
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

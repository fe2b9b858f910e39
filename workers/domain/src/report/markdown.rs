//! `scrum_report.md`: the sweep for a person.

use super::escape::{code, escape};
use super::{FileReport, SweepReport, models, progress, public_address, unread};
use crate::parse::code::is_code_fence;
use crate::parse::items::{label, list_marker};
use crate::text::{clip_marked, counted};
use queue_schema::rows::facts::FactVerdict;
use queue_schema::rows::{Attempt, Finding, ReviewRow};
use queue_schema::sweep::TargetStatus;
use std::fmt::Write as _;

/// Characters of a finding's text that the report shows; the JSON has all of it.
const TEXT_SHOWN: usize = 1_200;
/// Lines of a finding's text that the report shows.
const LINES_SHOWN: usize = 12;
/// Characters of an attempt's reason that the report shows.
const REASON_SHOWN: usize = 300;

/// The report.
pub fn render(report: &SweepReport) -> String {
    let mut out = String::new();
    header(&mut out, report);
    progress::section(&mut out, report.metrics.as_ref());
    // What a person should look at comes first: the table and the sections of files with
    // findings, most first; then what is missing; files without findings are a list.
    let mut telling: Vec<_> = rows(report).filter(|(_, row)| row.findings_count > 0).collect();
    telling.sort_by_key(|(_, row)| std::cmp::Reverse(row.findings_count));
    table(&mut out, &telling);
    for (file, row) in &telling {
        reviewed(&mut out, file, row);
    }
    super::applied::section(&mut out, &report.applied);
    unresolved(&mut out, report);
    left_out(&mut out, report);
    clean(&mut out, report);
    models::section(&mut out, &report.models);
    skipped(&mut out, report);
    out
}

fn header(out: &mut String, report: &SweepReport) {
    let spent = report.spent;
    let resolved = report.with(TargetStatus::Resolved).count();
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
        "- Files: {} reviewed of {}, {} unresolved, {} skipped",
        resolved,
        report.reviewable().count(),
        report.with(TargetStatus::Unresolved).count(),
        report.with(TargetStatus::Skipped).count()
    );
    if let masked @ 1.. = report.masked() {
        let secrets = counted(masked as usize, "secret was", "secrets were");
        let _ = writeln!(out, "- {secrets} masked in text that left for models that are not local");
    }
    let _ = writeln!(out, "- Duration: {}", duration(report.duration_ms));
    let _ = writeln!(
        out,
        "- Review attempts: {}; model calls: {}, tokens {} in and {} out, cost {}",
        report.total_attempts(),
        report.calls,
        spent.tokens_in,
        spent.tokens_out,
        cost(spent.cost_usd)
    );
    if let Some(budget) = &report.budget {
        let left = counted(report.with(TargetStatus::LeftOut).count(), "file", "files");
        let near = if budget.is_degraded() { "; near the cap it made do with less" } else { "" };
        let _ = writeln!(out, "- Budget: {budget} spent{near}; {left} **left out**");
    }
    out.push('\n');
}

pub(super) fn rows(report: &SweepReport) -> impl Iterator<Item = (&FileReport, &ReviewRow)> {
    report.files.iter().filter_map(|f| f.row.as_ref().map(|row| (f, row)))
}

fn table(out: &mut String, telling: &[(&FileReport, &ReviewRow)]) {
    if telling.is_empty() {
        return;
    }
    let _ = writeln!(out, "# Findings\n");
    let _ = writeln!(out, "| File | Status | Findings | Tier | Score | Attempts | Accepted from |");
    let _ = writeln!(out, "|---|---|--:|---|--:|--:|---|");
    for (file, row) in telling {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            code(&file.target.path),
            status(file),
            row.findings_count,
            escape(&row.gradient_tier),
            row.alignment_score.map_or_else(|| "–".to_owned(), |s| s.to_string()),
            file.history().len(),
            code(&row.accepted_model),
        );
    }
    out.push('\n');
}

/// Files that were reviewed without a finding: a line each, and a history only where the first
/// attempt was not the last. What is not over yet is said here too.
fn clean(out: &mut String, report: &SweepReport) {
    let silent = rows(report).filter(|(_, row)| row.findings_count == 0);
    let (unread, clean): (Vec<_>, Vec<_>) = silent.partition(|(_, row)| unread::is_unread(row));
    if !clean.is_empty() {
        let _ = writeln!(out, "# Reviewed, without findings\n");
    }
    for (file, row) in clean {
        accepted(out, file, row);
    }
    unread::section(out, &unread);
    let open: Vec<_> = report
        .files
        .iter()
        .filter(|f| {
            use TargetStatus::{Cancelled, Live, Waiting};
            matches!(f.status, Waiting | Live | Cancelled)
        })
        .collect();
    if !open.is_empty() {
        let _ = writeln!(out, "\n# Not done\n");
    }
    for file in open {
        let _ = writeln!(out, "- {}: {}", code(&file.target.path), status(file));
    }
    out.push('\n');
}

/// How a file without a finding came to its review.
pub(super) fn accepted(out: &mut String, file: &FileReport, row: &ReviewRow) {
    let score = row.alignment_score.map(|s| format!(", alignment {s}/10")).unwrap_or_default();
    let partly = if file.is_partial() { ", **partly**" } else { "" };
    let masked = match row.masked {
        0 => String::new(),
        n => format!(", {} masked", counted(n as usize, "secret", "secrets")),
    };
    let _ = writeln!(
        out,
        "- {}: accepted on attempt {} of {} ({}){score}{partly}{masked}",
        code(&row.file),
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

fn status(file: &FileReport) -> &'static str {
    match file.status {
        TargetStatus::Resolved if file.is_partial() => "partly reviewed",
        TargetStatus::Resolved => "reviewed",
        TargetStatus::Unresolved => "unresolved",
        TargetStatus::Waiting => "waiting",
        TargetStatus::Live => "in work",
        TargetStatus::Skipped => "skipped",
        TargetStatus::Cancelled => "cancelled",
        TargetStatus::LeftOut => "left out",
    }
}

fn reviewed(out: &mut String, file: &FileReport, row: &ReviewRow) {
    let _ = writeln!(out, "## {}\n", code(&row.file));
    let _ = writeln!(
        out,
        "- Accepted on attempt: {} ({})",
        row.accepted_on_attempt,
        code(&row.accepted_model)
    );
    let _ = writeln!(out, "- Escalated to: {}", escalated(file.history()));
    let _ = writeln!(out, "- Total attempts: {}", row.attempts_made);
    history(out, file.history());
    let _ = writeln!(
        out,
        "- Tier: {} (from the mean: {})",
        escape(&row.gradient_tier),
        escape(&row.gradient_tier_avg)
    );
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
    if row.masked > 0 {
        let secrets = counted(row.masked as usize, "secret", "secrets");
        let _ = writeln!(out, "- Masked before the text left: {secrets}");
    }
    if let Some(facts) = facts(file) {
        let _ = writeln!(out, "- {facts}");
    }
    let _ = writeln!(
        out,
        "- Tokens: {} in, {} out, cost {}, model time {}\n",
        row.tokens_in,
        row.tokens_out,
        cost(row.cost_usd),
        duration(row.duration_ms)
    );
    if row.findings.is_empty() {
        let _ = writeln!(out, "No findings.\n");
    }
    for (n, finding) in (1..).zip(&row.findings) {
        write_finding(out, n, row, finding);
    }
}

/// What the review says of its file, in one line; none where nobody was asked.
fn facts(file: &FileReport) -> Option<String> {
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
    let place = match (finding.line, finding.end_line) {
        (Some(line), Some(end)) if end > line => code(&format!("{}:{line}-{end}", row.file)),
        (Some(line), _) => code(&format!("{}:{line}", row.file)),
        (None, _) => format!("{} (quote not found in the file)", code(&row.file)),
    };
    let place = if finding.quote.is_none() { code(&row.file) } else { place };
    let confidence =
        finding.confidence.map_or_else(|| "no confidence given".to_owned(), |c| format!("{c}%"));
    let kind = finding.kind.as_str().replace('_', " ");
    let _ = writeln!(out, "{n}. **{kind}**, {place}, {confidence}  ");
    claim(out, &finding.text);
    if let Some(quote) = &finding.quote {
        let _ = writeln!(out, "   - Quote: {}", code(&clip_marked(quote, 300)));
    }
    if let Some(evidence) = &finding.evidence {
        let _ = writeln!(out, "   - Evidence: {}", escape(&clip_marked(evidence, 300)));
    }
    out.push('\n');
}

/// A finding's text, line by line as written: the first as it is, the others as sub-items. What
/// the report shows in places of its own is left out.
fn claim(out: &mut String, text: &str) {
    let text = clip_marked(text, TEXT_SHOWN);
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        in_code ^= is_code_fence(line);
        let shown_elsewhere = label(line)
            .is_some_and(|(name, _)| ["quote", "confidence", "evidence"].contains(&name.as_str()));
        !in_code && !is_code_fence(line) && !line.trim().is_empty() && !shown_elsewhere
    });
    for (i, line) in lines.take(LINES_SHOWN).enumerate() {
        let body = list_marker(line).map_or(line, |(_, _, rest)| rest);
        let bullet = if i == 0 { "" } else { "- " };
        let _ = writeln!(out, "   {bullet}{}", escape(&body.replace("**", "")));
    }
}

/// The last attempt's model when it was not the first one's.
fn escalated(history: &[Attempt]) -> String {
    match history {
        [first, .., last] if last.rung != first.rung => code(&last.model_name()),
        _ => "not needed".to_owned(),
    }
}

fn history(out: &mut String, attempts: &[Attempt]) {
    if attempts.is_empty() {
        return;
    }
    let _ = writeln!(out, "- History:");
    attempts_list(out, attempts);
}

fn attempts_list(out: &mut String, attempts: &[Attempt]) {
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

fn unresolved(out: &mut String, report: &SweepReport) {
    let mut files = report.with(TargetStatus::Unresolved).peekable();
    if files.peek().is_none() {
        return;
    }
    let _ = writeln!(out, "# Unresolved\n");
    for file in files {
        let _ = writeln!(out, "## {}\n", code(&file.target.path));
        let reason = file.dead_reason.as_deref().unwrap_or("every rung of the ladder was spent");
        let _ = writeln!(out, "- Reason: {}", escape(&clip_marked(reason, REASON_SHOWN)));
        let _ = writeln!(out, "- Total attempts: {}", file.attempts.len());
        history(out, &file.attempts);
        out.push('\n');
    }
}

/// What the budget did not reach, and how to go on.
fn left_out(out: &mut String, report: &SweepReport) {
    let files: Vec<_> = report.with(TargetStatus::LeftOut).collect();
    if files.is_empty() {
        return;
    }
    let _ = writeln!(out, "# Left out\n");
    let _ = writeln!(
        out,
        "The sweep's budget did not reach {}. Nothing of them is lost: the same command with a larger\n\
         budget (`--budget-usd`, `--budget-tokens`, `--budget-calls`; 0 for none) goes on with them, and\n\
         what was answered already costs nothing again.\n",
        counted(files.len(), "file", "files")
    );
    for file in files {
        let reason = file.dead_reason.as_deref().unwrap_or("not begun");
        let reason = escape(&clip_marked(reason, REASON_SHOWN));
        let _ = writeln!(out, "- {}: {reason}", code(&file.target.path));
        attempts_list(out, &file.attempts);
    }
    out.push('\n');
}

fn skipped(out: &mut String, report: &SweepReport) {
    let mut files = report.with(TargetStatus::Skipped).peekable();
    if files.peek().is_none() {
        return;
    }
    let _ = writeln!(out, "# Skipped\n\n| File | Reason |\n|---|---|");
    for file in files {
        let reason = file.target.skip.as_deref().or(file.dead_reason.as_deref());
        let _ = writeln!(
            out,
            "| {} | {} |",
            code(&file.target.path),
            escape(reason.unwrap_or("no reason recorded"))
        );
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

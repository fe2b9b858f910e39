//! One finding for a person: what is wrong, how grave, the code with its lines, why, what to write instead. In
//! Markdown and for a terminal.

use super::escape::{block, code, escape};
use super::known;
use super::page::{linked_text, title};
use super::said::Said;
use crate::severity::Severity;
use crate::target::language;
use crate::text::clip_marked;
use queue_schema::rows::finding::Stands;
use queue_schema::rows::{AuditVerdict, Confirmed, Finding, ReviewRow};
use scrum_shown::plain;
use std::cmp::Reverse;
use std::fmt::Write as _;

/// Characters of a claim in a list of findings.
const CLAIM_SHOWN: usize = 200;
/// Places of an ambiguous quote that are named.
const PLACES_SHOWN: usize = 12;

/// How findings are ranked, first comes first: those that no audit rejected and no check doubts, the gravest, those whose place is
/// known, the surest; then in the order of the plan.
pub(super) type Rank = (bool, bool, Severity, bool, Reverse<Option<u8>>, u32, usize);

/// The rank of the n-th finding of a file.
pub(super) fn rank(finding: &Finding, file: u32, n: usize) -> Rank {
    let sure = Reverse(finding.confidence);
    let rejected = finding.is_audited(AuditVerdict::Rejected);
    (rejected, is_doubted(finding), gravity(finding), !finding.anchored, sure, file, n)
}

/// How grave it is.
pub(super) fn gravity(finding: &Finding) -> Severity {
    finding.gravity()
}

/// The checks by program that it failed.
fn checks(finding: &Finding) -> &[String] {
    &finding.checks
}

/// What stands behind it besides its reviewer's word.
fn confirmed(finding: &Finding) -> Option<&'static str> {
    Some(match finding.confirmed? {
        Confirmed::Call => "confirmed by another call",
        Confirmed::Program => "found by a rule",
    })
}

/// What a second call found: for which input the code does what, and what it should do.
fn second(finding: &Finding) -> Option<String> {
    let said = finding.confirmation.as_ref().filter(|c| c.said == Stands::Upheld)?;
    let (input, actual, expected) = (&said.input, &said.actual, &said.expected);
    Some(format!("{input}; what happens: {actual}; what should: {expected} ({})", said.by))
}

/// How many findings of a review ask for something.
pub(super) fn actionable(row: &ReviewRow) -> usize {
    row.findings.iter().filter(|f| f.is_shown()).count()
}

/// Whether a check by program failed.
pub(super) fn is_doubted(finding: &Finding) -> bool {
    !checks(finding).is_empty()
}

/// The findings of a review as they are shown, best rank first: all but those that a person dismissed.
pub(super) fn ranked(row: &ReviewRow) -> Vec<&Finding> {
    let dismissed = |f: &Finding| f.kind.is_actionable() && !f.is_shown();
    let mut all: Vec<(usize, &Finding)> =
        row.findings.iter().enumerate().filter(|(_, f)| !dismissed(f)).collect();
    all.sort_by_key(|(n, finding)| (!finding.kind.is_actionable(), rank(finding, 0, *n)));
    all.into_iter().map(|(_, finding)| finding).collect()
}

/// `src/a.rs:7-9`, or the path alone where no line is known.
fn place(row: &ReviewRow, finding: &Finding) -> String {
    place_of(&row.file, finding.line, finding.end_line)
}

/// The same of a path and lines.
pub(super) fn place_of(file: &str, line: Option<u32>, end_line: Option<u32>) -> String {
    match (line, end_line) {
        (Some(line), Some(end)) if end > line => format!("{file}:{line}-{end}"),
        (Some(line), _) => format!("{file}:{line}"),
        _ => file.to_owned(),
    }
}

/// That it is not decided which of some lines is meant.
pub(super) fn undecided(lines: &[u32]) -> String {
    let shown: Vec<String> = lines.iter().take(PLACES_SHOWN).map(u32::to_string).collect();
    let more = match lines.len().saturating_sub(PLACES_SHOWN) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!("ambiguous: the quote stands on lines {}{more}", shown.join(", "))
}

/// What must be known of the place besides; none where it is certain.
fn unsure_place(finding: &Finding) -> Option<String> {
    if finding.is_ambiguous() {
        return Some(undecided(&finding.ambiguous_lines));
    }
    match (&finding.quote, finding.line) {
        (Some(_), None) => Some("quote not found in the file".to_owned()),
        _ => None,
    }
}

/// Remarks behind the place: how sure, what stands behind it, what it is.
fn remarks(finding: &Finding) -> Vec<String> {
    let mut all: Vec<String> = unsure_place(finding).into_iter().collect();
    all.extend(sure(finding));
    all.extend(finding.proven.as_ref().map(|by| format!("proven by the test {}", plain(&by.test))));
    all.extend(confirmed(finding).map(str::to_owned));
    all.extend(finding.audit.as_ref().map(|audit| plain(&audit.words())));
    all.extend(finding.hinted.as_ref().map(|rule| format!("so says the linter's {}", plain(rule))));
    all.extend(finding.flags.iter().map(|flag| plain(flag)));
    all.extend(finding.state.and_then(known::word).map(str::to_owned));
    all
}

/// How sure its model is, and what that is worth where its calibration is known.
fn sure(finding: &Finding) -> Option<String> {
    let worth = finding.confidence_calibrated.map(|worth| format!(" ({worth}% calibrated)"));
    finding.confidence.map(|said| format!("{said}% sure{}", worth.unwrap_or_default()))
}

fn failed_checks(finding: &Finding) -> String {
    let names: Vec<String> =
        checks(finding).iter().map(|name| plain(&name.replace('_', " "))).collect();
    names.join(", ")
}

fn kind(finding: &Finding) -> String {
    finding.kind.as_str().replace('_', " ")
}

/// A finding with all its parts; its title is the rest of a heading.
pub(super) fn whole(row: &ReviewRow, finding: &Finding, page: Option<&str>) -> String {
    let said = Said::of(finding);
    let mut out = format!("{}\n\n", escape(&said.title));
    let at = linked_text(&code_of(&place(row, finding)), page);
    let mut facts = vec![format!("**{}** {}, {at}", gravity(finding).as_str(), kind(finding))];
    facts.extend(remarks(finding).iter().map(|text| escape(text)));
    let _ = writeln!(out, "{}\n", facts.join(", "));
    let diff = said.diff(finding.anchored);
    if diff.is_none() && !said.quote.is_empty() {
        out.push_str(&block(&language(&row.file).to_lowercase(), &said.quote));
    }
    for line in &said.why {
        let _ = writeln!(out, "{}\n", escape(line));
    }
    let mut part = |name: &str, text: Option<&String>| {
        let _ = text.map(|text| writeln!(out, "**{name}**: {}\n", escape(text)));
    };
    part("Where", said.place.as_ref());
    part("Fails for", said.fails_for.as_ref());
    part("A second call", second(finding).as_ref());
    part("Instead", said.instead.as_ref());
    if let Some(diff) = &diff {
        out.push_str(&block("diff", diff));
    } else if !said.change.is_empty() {
        if said.instead.is_none() {
            out.push_str("**Instead**:\n\n");
        }
        out.push_str(&block(&language(&row.file).to_lowercase(), &said.change));
    }
    if let Some(evidence) = &said.evidence {
        let _ = writeln!(out, "**Evidence**: {}\n", escape(evidence));
    }
    if is_doubted(finding) {
        let _ = writeln!(out, "**Doubtful**: {}\n", escape(&failed_checks(finding)));
    }
    out
}

fn code_of(place: &str) -> String {
    if place.trim().is_empty() { title(place) } else { code(place) }
}

/// A finding in one line of Markdown.
pub(super) fn line(row: &ReviewRow, finding: &Finding, page: Option<&str>) -> String {
    let at = linked_text(&code_of(&place(row, finding)), page);
    let mut facts = vec![format!("**{}**, {at}", gravity(finding).as_str())];
    facts.extend(remarks(finding).iter().map(|text| escape(text)));
    let doubted = if is_doubted(finding) { " (doubtful)" } else { "" };
    let claim = clip_marked(&Said::of(finding).title, CLAIM_SHOWN);
    format!("{}{doubted}: {}", facts.join(", "), escape(&claim))
}

/// A finding in one line for a terminal.
pub(super) fn brief(row: &ReviewRow, finding: &Finding) -> String {
    let worth = finding.confidence_calibrated.map(|worth| format!(", calibrated {worth}%"));
    let worth = worth.unwrap_or_default();
    let sure = finding.confidence.map(|c| format!(" ({c}%{worth})")).unwrap_or_default();
    let doubted = if is_doubted(finding) { ", doubtful" } else { "" };
    let title = plain(&Said::of(finding).title).replace('`', "");
    let audit = match &finding.audit {
        Some(audit) if audit.verdict == AuditVerdict::Rejected => ", rejected",
        Some(audit) if audit.verdict == AuditVerdict::Upheld => ", upheld",
        _ => "",
    };
    let proven = if finding.proven.is_some() { ", proven" } else { "" };
    format!(
        "{}{proven}{audit}{doubted}  {}  {}{sure}",
        gravity(finding).as_str(),
        plain(&place(row, finding)),
        clip_marked(&title, CLAIM_SHOWN)
    )
}

/// A finding with all its parts for a terminal: lines, of which those of prose have at most `width` characters.
pub(super) fn terminal(n: usize, row: &ReviewRow, finding: &Finding, width: usize) -> String {
    let said = Said::of(finding);
    let mut out = String::new();
    let head = format!("{n}. {}", said.title.replace('`', ""));
    wrap(&mut out, "", "   ", &head, width);
    let mut facts =
        vec![format!("{} {}, {}", gravity(finding).as_str(), kind(finding), place(row, finding))];
    facts.extend(remarks(finding));
    wrap(&mut out, "   ", "   ", &facts.join(", "), width);
    let diff = said.diff(finding.anchored);
    if diff.is_none() {
        let first = finding.line.filter(|_| finding.anchored);
        for (at, line) in (0..).zip(&said.quote) {
            let number = first.map_or_else(String::new, |first| format!("{:>5} ", first + at));
            let _ = writeln!(out, "   {number}| {}", plain(line));
        }
    }
    for line in &said.why {
        wrap(&mut out, "   ", "   ", line, width);
    }
    let parts = [
        ("where", &said.place),
        ("fails for", &said.fails_for),
        ("a second call", &second(finding)),
        ("instead", &said.instead),
    ];
    for (name, text) in parts {
        if let Some(text) = text {
            wrap(&mut out, "   ", "     ", &format!("{name}: {text}"), width);
        }
    }
    for line in diff.as_ref().unwrap_or(&said.change) {
        let _ = writeln!(out, "   | {}", plain(line));
    }
    if let Some(evidence) = &said.evidence {
        wrap(&mut out, "   ", "     ", &format!("evidence: {evidence}"), width);
    }
    if is_doubted(finding) {
        wrap(&mut out, "   ", "     ", &format!("doubtful: {}", failed_checks(finding)), width);
    }
    out
}

/// Words on lines of at most `width` characters, the first behind `first`, the others behind `rest`.
pub(super) fn wrap(out: &mut String, first: &str, rest: &str, text: &str, width: usize) {
    let (mut line, mut empty) = (first.to_owned(), true);
    for word in plain(text).split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            let _ = writeln!(out, "{line}");
            (line, empty) = (rest.to_owned(), true);
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    let _ = writeln!(out, "{line}");
}

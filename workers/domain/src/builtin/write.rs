//! Writes a report of the checks as a Markdown review and as a forensic answer.

use super::checks::CHECKS;
use super::checks::{Hit, quotable};
use super::lex::is_prose;
use super::markers;
use super::{MOST_FINDINGS, Report, Subject};
use crate::severity::Severity;
use crate::text::{code_span, counted, one_line};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Confidence in a claim that rests on words of the PRD that do not occur.
const PRD_CONFIDENCE: u8 = 20;
/// Functions named as verified in a forensic answer.
const VERIFIED_SHOWN: usize = 5;
/// Lines or terms that are listed before "and more".
const LISTED: usize = 6;

/// The review as Markdown.
pub fn review_markdown(subject: &Subject<'_>) -> String {
    let report = Report::new(subject);
    let mut out = format!(
        "# Review of {}\n\nWritten by the built-in static checks. They see what the text alone \
         shows and do not judge meaning.\n\n## Score\nAlignment score: not given. The checks \
         compare words, not intentions.\n\n## Suggested changes\n",
        code_span(subject.path)
    );
    let mut n = 0;
    for hit in &report.hits {
        n += 1;
        item(&mut out, n, hit);
    }
    if let Some((text, change)) = prd_claim(&report).filter(|_| n < MOST_FINDINGS) {
        n += 1;
        let _ = write!(
            out,
            "{n}. **{text}** (Confidence: {PRD_CONFIDENCE}%)\n   - Change: {change}\n\n"
        );
    }
    if n == 0 {
        out.push_str(
            "None. No check fired on this file, which is a valid result: it means that nothing \
             of what is listed below stands in the text, not that the file is right.\n\n",
        );
    }
    out.push_str("## What was checked\n");
    for line in checked(&report) {
        let _ = writeln!(out, "- {line}");
    }
    out
}

fn item(out: &mut String, n: usize, hit: &Hit) {
    let check = hit.check;
    let _ = writeln!(out, "{n}. **{}**", one_line(&hit.title));
    let _ = writeln!(out, "   - Severity: {}", check.severity.as_str());
    let _ = writeln!(out, "   - Where: {}", place(hit));
    let _ = writeln!(out, "   - Quote: {}", code_span(&hit.quote));
    let _ = writeln!(out, "   - Fails for: {}.", check.fails);
    let _ = writeln!(out, "   - Change: {}", check.change);
    let _ = writeln!(out, "   - Confidence: {}%\n", check.confidence);
}

/// `first in \`load\`, line 37; also lines 40, 52`.
fn place(hit: &Hit) -> String {
    let Some((first, more)) = hit.lines.split_first() else { return String::new() };
    let mut out = match &hit.function {
        Some(name) => format!("{}, line {first}", code_span(name)),
        None => format!("line {first}"),
    };
    if !more.is_empty() {
        let shown: Vec<String> = more.iter().take(LISTED).map(ToString::to_string).collect();
        // Few places are told one by one.
        let _ = write!(out, "; also lines {}", shown.join(", "));
        if more.len() > LISTED {
            let _ = write!(out, " and {} more", more.len() - LISTED);
        }
    }
    out
}

/// The claim about missing words of the PRD, and what to do about it.
fn prd_claim(report: &Report<'_>) -> Option<(String, &'static str)> {
    let prd = &report.prd;
    prd.is_telling().then(|| {
        let text = format!(
            "The file mentions {} of {} terms of the PRD, but not {}",
            prd.mentioned.len(),
            prd.mentioned.len() + prd.missing.len(),
            listed(&prd.missing)
        );
        (text, "Check whether the missing ones belong here; other files may well hold them.")
    })
}

fn listed(terms: &[String]) -> String {
    let shown: Vec<String> = terms.iter().take(LISTED).map(|t| one_line(t)).collect();
    let more = terms.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// What was looked at and what each check came to, one line each.
fn checked(report: &Report<'_>) -> Vec<String> {
    let scan = &report.scan;
    let mut size = format!(
        "{} of {}",
        counted(scan.lines.len(), "line", "lines"),
        if scan.language == "text" { "plain text" } else { scan.language }
    );
    if let Some(longest) = scan.functions.iter().max_by_key(|f| f.len()) {
        let _ = write!(
            size,
            ", {}, the longest {} with {}",
            counted(scan.functions.len(), "function", "functions"),
            code_span(&longest.name),
            counted(longest.len(), "line", "lines")
        );
    }
    let mut out = vec![size];
    let mut names: Vec<&str> =
        CHECKS.iter().filter(|c| scan.is(c.families)).map(|c| c.name).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        out.push("no check of code fits this kind of file".to_owned());
    } else {
        out.push(format!("{} checks: {}", names.len(), names.join(", ")));
    }
    if report.more > 0 {
        out.push(format!("findings left out, the least grave: {}", report.more));
    }
    let marks = markers::count(scan);
    let said = |n: i64| if n == 0 { "none".to_owned() } else { n.to_string() };
    out.push(format!("lines that mark open work: {}", said(marks.todo)));
    if !is_prose(scan.language) {
        out.push(format!("lines that speak of stand-ins: {}", said(marks.placeholder)));
    }
    let prd = &report.prd;
    let terms = prd.mentioned.len() + prd.missing.len();
    if terms > 0 {
        out.push(format!("terms of the PRD that occur here: {} of {terms}", prd.mentioned.len()));
    }
    out
}

/// The review as a forensic answer.
pub fn review_forensic(subject: &Subject<'_>) -> String {
    let report = Report::new(subject);
    let (mut failures, mut risks) = (Vec::new(), Vec::new());
    for hit in &report.hits {
        let text = format!("{} ({})", hit.title, place(hit));
        let claim = entry(&text, &hit.quote, hit.check.confidence, hit.check.fails);
        if hit.check.severity == Severity::Critical {
            failures.push(claim);
        } else {
            risks.push(claim);
        }
    }
    let mismatches: Vec<Value> = prd_claim(&report)
        .into_iter()
        .map(|(text, change)| entry(&text, "", PRD_CONFIDENCE, change))
        .collect();
    let grave = report.hits.iter().find(|h| h.check.severity <= Severity::Major);
    let actions: Vec<Value> = grave
        .into_iter()
        .map(|h| {
            let text = format!("{} Start at {}.", h.check.change, place(h));
            entry(&text, &h.quote, h.check.confidence, h.check.fails)
        })
        .collect();
    let verdict = if grave.is_some() { "needs_patch" } else { "pass" };
    let answer = json!({
        "verdict": verdict,
        "alignment_score": null,
        "critical_failures": failures,
        "pseudocode_flags": [],
        "prd_mismatches": mismatches,
        "broken_pipelines": [],
        "missing_components": [],
        "risk_points": risks,
        "verified_components": verified(&report),
        "required_next_actions": actions,
    });
    serde_json::to_string_pretty(&answer).unwrap_or_default()
}

fn entry(text: &str, quote: &str, confidence: u8, evidence: &str) -> Value {
    json!({"text": text, "quote": quote, "confidence": confidence, "evidence": evidence, "flags": []})
}

/// The functions in which nothing fired; the whole file when it has none and is clean.
fn verified(report: &Report<'_>) -> Vec<Value> {
    const CONFIDENCE: u8 = 85;
    let scan = &report.scan;
    let fired: Vec<usize> = report.hits.iter().flat_map(|h| h.lines.iter().copied()).collect();
    let clean: Vec<Value> = scan
        .functions
        .iter()
        .filter(|f| !f.test && !fired.iter().any(|l| f.first < *l && *l <= f.last + 1))
        .take(VERIFIED_SHOWN)
        .map(|f| {
            let text = format!("No check fires in {}", code_span(&f.name));
            let evidence = format!("lines {} to {} read in full", f.first + 1, f.last + 1);
            entry(&text, &quotable(scan.shown(f.first)), CONFIDENCE, &evidence)
        })
        .collect();
    if !clean.is_empty() {
        return clean;
    }
    let first =
        (0..scan.lines.len()).map(|i| quotable(scan.shown(i))).find(|l| l.chars().count() > 3);
    let text = if scan.family == 0 {
        "No check of code fits this kind of file"
    } else {
        "No check of code fires outside of what is listed"
    };
    let evidence = format!("{} read in full", counted(scan.lines.len(), "line", "lines"));
    vec![entry(text, &first.unwrap_or_default(), CONFIDENCE, &evidence)]
}

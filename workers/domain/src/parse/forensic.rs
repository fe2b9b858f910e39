//! Forensic answers: a JSON object with a known verdict. It may be fenced or stand in prose, but what a
//! reviewer quotes is not the reviewer's own word: a file may hold such objects too.

use super::confidence::{Confidence, confidence, lone_confidence};
use super::fields::severity;
use super::items::{label, list_marker};
use super::numbers::alignment_score;
use super::{
    Finding, FindingKind, ForensicCounts, Format, MOST_FINDINGS, Parsed, finding, lenient,
    markdown, once,
};
use crate::material::Material;
use crate::text::clip_marked;
use serde_json::{Map, Value};
use std::ops::Range;

/// Places in an answer that are tried as the start of an object: enough for prose with many
/// braces, and a bound for text made of nothing else.
const STARTS_TRIED: usize = 200;
/// Times an answer's length that are read again in search of an object.
const REREAD: usize = 8;
/// Bytes that are read again in any case.
const LEAST_REREAD: usize = 65_536;

/// An object with a verdict, as it stands in an answer.
struct Candidate {
    verdict: &'static str,
    map: Map<String, Value>,
    place: Place,
}

/// Where an object begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On a line of its own, in a fence or not.
    Own,
    /// Behind words on the same line.
    Prose,
    /// In a code span, a list item, a table, or behind a label: somebody else's words.
    Quoted,
}

/// What the verdicts of an answer come to.
#[derive(Debug)]
pub enum Verdicts {
    /// There is none.
    None,
    /// All of them stand in what the reviewer was given: somebody else's words.
    Copied,
    /// Of its own it gives several that differ.
    Contradicting(Vec<&'static str>),
    /// A forensic answer.
    One(Box<Parsed>),
}

/// Reads an answer of which JSON is wanted. JSON may be fenced or stand in prose. Entries may be strings or objects
/// under many names.
pub fn forensic(text: &str) -> Option<Parsed> {
    match verdicts(text, false, &Material::of([])) {
        Verdicts::One(parsed) => Some(*parsed),
        _ => None,
    }
}

/// The verdicts of an answer. What stands in the material is not the reviewer's word, nor is what it quotes. Of several
/// objects with one verdict the last counts, because drafts come before the final answer, and one on a
/// line of its own before one within a line.
///
/// An answer that may come in either form (`alone`) is forensic only by an object on a line of its own, and not
/// when what stands around it is a Markdown review, which then quotes the object.
pub fn verdicts(text: &str, alone: bool, material: &Material) -> Verdicts {
    let (found, around) = candidates(text);
    if found.is_empty() {
        return Verdicts::None;
    }
    let counts = |c: &Candidate| c.place == Place::Own || (!alone && c.place == Place::Prose);
    let (copied, own): (Vec<_>, Vec<_>) =
        found.into_iter().filter(counts).partition(|c| is_copied(c, material));
    if alone && is_markdown_review(&around) {
        return Verdicts::None;
    }
    let mut said: Vec<&'static str> = Vec::new();
    for candidate in &own {
        if !said.contains(&candidate.verdict) {
            said.push(candidate.verdict);
        }
    }
    if said.len() > 1 {
        return Verdicts::Contradicting(said);
    }
    // The last of equals.
    match own.into_iter().max_by_key(|c| c.place == Place::Own) {
        Some(last) => Verdicts::One(Box::new(read(last))),
        None if copied.is_empty() => Verdicts::None,
        None => Verdicts::Copied,
    }
}

/// Whether an object says nothing but what stands in the material: its verdict, and each of its claims.
fn is_copied(found: &Candidate, material: &Material) -> bool {
    let verdict = found.map.get("verdict").and_then(Value::as_str).unwrap_or_default();
    material.holds(&format!("verdict: {verdict}"))
        && found.map.iter().all(|(name, value)| only_given(name, value, material))
}

/// Whether no text in a value is the reviewer's own. Quotes are always the file's.
fn only_given(name: &str, value: &Value, material: &Material) -> bool {
    const NOT_SAID: [&str; 10] = [
        "verdict",
        "quote",
        "code",
        "snippet",
        "code_quote",
        "excerpt",
        "severity",
        "flag",
        "flags",
        "confidence",
    ];
    if NOT_SAID.contains(&name) {
        return true;
    }
    match value {
        Value::String(text) => material.holds(text),
        Value::Array(all) => all.iter().all(|v| only_given("", v, material)),
        Value::Object(map) => map.iter().all(|(name, v)| only_given(name, v, material)),
        _ => true,
    }
}

/// The objects with a verdict, and the text without those on lines of their own.
fn candidates(text: &str) -> (Vec<Candidate>, String) {
    let (mut found, mut around, mut at) = (Vec::new(), String::new(), 0);
    for (range, map) in ranges(text) {
        let Some((verdict, map)) = with_verdict(map) else { continue };
        let place = place(text, range.start);
        if place == Place::Own {
            around.push_str(&text[at..range.start]);
            at = range.end;
        }
        found.push(Candidate { verdict, map, place });
    }
    around.push_str(&text[at..]);
    (found, around)
}

fn place(text: &str, start: usize) -> Place {
    let line = &text[text[..start].rfind('\n').map_or(0, |i| i + 1)..];
    let before = &line[..line.len() - text[start..].len()];
    if before.trim().is_empty() {
        return Place::Own;
    }
    let in_span = !before.matches('`').count().is_multiple_of(2);
    let marked = before.trim_start().starts_with(['|', '>', '#']) || list_marker(before).is_some();
    if in_span || marked || label(before).is_some() { Place::Quoted } else { Place::Prose }
}

/// Whether the text around an object is a review by itself. An answer that begins with its object is
/// in JSON, whatever remarks follow, unless findings do.
fn is_markdown_review(around: &str) -> bool {
    let read = markdown(around);
    if !read.findings.is_empty() {
        return true;
    }
    let first = around.lines().map(str::trim).find(|l| !l.starts_with("```"));
    let begins_with_it = first.is_none_or(str::is_empty);
    let says = |line: &str| {
        list_marker(line).is_some()
            || line.trim().trim_end_matches('.').eq_ignore_ascii_case("none")
    };
    !begins_with_it && (read.alignment_score.is_some() || around.lines().any(says))
}

fn read(found: Candidate) -> Parsed {
    let Candidate { verdict, map, .. } = found;
    let mut findings = Vec::new();
    let mut take = |name: &str, kind: FindingKind| {
        let before = findings.len();
        if let Some(value) = map.get(name) {
            let room = MOST_FINDINGS - before;
            let said = entries(value).into_iter().filter_map(|(name, v)| entry(kind, name, v));
            let said = once(said);
            findings.extend(said.into_iter().take(room));
        }
        u32::try_from(findings.len() - before).unwrap_or(u32::MAX)
    };
    let counts = ForensicCounts {
        critical_failures: take("critical_failures", FindingKind::CriticalFailure),
        pseudocode_flags: take("pseudocode_flags", FindingKind::PseudocodeFlag),
        prd_mismatches: take("prd_mismatches", FindingKind::PrdMismatch),
        broken_pipelines: take("broken_pipelines", FindingKind::BrokenPipeline),
        missing_components: take("missing_components", FindingKind::MissingComponent),
        risk_points: take("risk_points", FindingKind::RiskPoint),
        verified_components: take("verified_components", FindingKind::VerifiedComponent),
        required_next_actions: take("required_next_actions", FindingKind::RequiredNextAction),
    };
    let score =
        ["alignment_score", "score", "alignment"].iter().find_map(|key| match map.get(*key)? {
            Value::Number(n) => n.as_f64().filter(|s| (1.0..=10.0).contains(s)),
            Value::String(s) => alignment_score(&format!("score: {s}")),
            _ => None,
        });
    Parsed {
        format: Format::ForensicJson,
        alignment_score: score,
        verdict: Some(verdict.to_owned()),
        findings,
        counts: Some(counts),
        cut: false,
    }
}

/// Every JSON object in the text that is not inside another one.
pub(crate) fn objects(text: &str) -> Vec<Map<String, Value>> {
    ranges(text).into_iter().map(|(_, map)| map).collect()
}

/// The same with where each stands.
pub(crate) fn ranges(text: &str) -> Vec<(Range<usize>, Map<String, Value>)> {
    let mut found = Vec::new();
    let mut at = 0;
    // Each start may be read to the end of the text; many such would take their square.
    let mut budget = (text.len() * REREAD).max(LEAST_REREAD);
    for _ in 0..STARTS_TRIED {
        let Some(start) = text[at..].find('{').map(|i| at + i) else { break };
        let rest = &text[start..];
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let read = match stream.next() {
            Some(Ok(value)) => Some((value, stream.byte_offset())),
            // Strings are mended only where a name follows, as in an object and not in prose.
            _ if rest[1..].trim_start().starts_with(['"', '\'', '/', '#']) => {
                let Some(left) = budget.checked_sub(rest.len()) else { break };
                budget = left;
                lenient::value(rest)
            }
            _ => None,
        };
        if let Some((Value::Object(map), len)) = read {
            at = start + len;
            found.push((start..at, map));
        } else {
            at = start + 1;
        }
    }
    found
}

/// The object with its verdict; one level of wrapping, as in `{"review": {..}}`, is undone.
fn with_verdict(map: Map<String, Value>) -> Option<(&'static str, Map<String, Value>)> {
    if let Some(verdict) = map.get("verdict").and_then(Value::as_str).and_then(known_verdict) {
        return Some((verdict, map));
    }
    map.into_iter().find_map(|(_, value)| match value {
        Value::Object(inner) => {
            let verdict = inner.get("verdict").and_then(Value::as_str).and_then(known_verdict)?;
            Some((verdict, inner))
        }
        _ => None,
    })
}

pub(super) fn known_verdict(text: &str) -> Option<&'static str> {
    let name = text.trim().to_ascii_lowercase().replace([' ', '-'], "_");
    match name.as_str() {
        "pass" | "passed" => Some("pass"),
        "needs_patch" | "needs_patches" => Some("needs_patch"),
        "fail" | "failed" => Some("fail"),
        _ => None,
    }
}

/// The entries under one name: an array, a map of names to entries, or a single entry.
fn entries(value: &Value) -> Vec<(Option<&str>, &Value)> {
    match value {
        Value::Array(all) => all.iter().map(|v| (None, v)).collect(),
        Value::Object(map) if map.values().any(Value::is_object) => {
            map.iter().map(|(name, v)| (Some(name.as_str()), v)).collect()
        }
        Value::Object(_) | Value::String(_) => vec![(None, value)],
        _ => Vec::new(),
    }
}

fn entry(kind: FindingKind, key: Option<&str>, value: &Value) -> Option<Finding> {
    const TEXT: &[&str] = &[
        "text",
        "description",
        "issue",
        "problem",
        "claim",
        "message",
        "summary",
        "detail",
        "details",
        "finding",
        "failure",
        "risk",
        "action",
        "mismatch",
        "what",
    ];
    const NAME: &[&str] = &["title", "name", "component", "function", "where"];
    match value {
        Value::String(text) if says_nothing(text) => None,
        Value::String(text) => {
            let mut found = finding(kind, text.trim().to_owned());
            confidence(text).set(&mut found);
            Some(found)
        }
        Value::Object(map) => {
            let quote = string(map, &["quote", "code", "snippet", "code_quote", "excerpt"]);
            let evidence = string(map, &["evidence", "proof", "reason", "rationale", "why"]);
            let name = string(map, NAME).or_else(|| key.map(str::to_owned));
            let text = match (name, string(map, TEXT)) {
                (Some(name), Some(text)) if !text.contains(&name) => format!("{name}: {text}"),
                (_, Some(text)) | (Some(text), None) => text,
                (None, None) => match (&evidence, &quote) {
                    (Some(text), _) | (None, Some(text)) => text.clone(),
                    // An object of unknown shape is kept as it is rather than dropped.
                    (None, None) if map.is_empty() => return None,
                    (None, None) => clip_marked(&value.to_string(), 500),
                },
            };
            if says_nothing(&text) {
                return None;
            }
            let mut found = finding(kind, text);
            ["confidence", "confidence_percent", "confidence_pct", "certainty"]
                .iter()
                .find_map(|key| map.get(*key))
                .map_or(Confidence::NotGiven, confidence_value)
                .set(&mut found);
            found.place = string(map, &["where", "location", "place", "function", "line", "lines"]);
            found.quote = quote;
            found.evidence = evidence;
            found.fails_for = string(map, &["fails_for", "fails", "failure_case"]);
            found.change = string(map, &["change", "fix", "suggested_change", "instead"]);
            found.severity = string(map, &["severity"]).as_deref().and_then(severity);
            let given = string(map, &["flag", "flags", "semantic_flag", "semantic_flags"]);
            found.flags = super::flags(&given.unwrap_or_default());
            Some(found)
        }
        _ => None,
    }
}

/// A percentage, or a share of one where it is written as such (0.85).
fn confidence_value(value: &Value) -> Confidence {
    match value {
        Value::Null => Confidence::NotGiven,
        Value::Number(n) => match n.as_f64() {
            Some(v) if n.is_f64() && (0.0..=1.0).contains(&v) => Confidence::share(v),
            Some(v) if (0.0..=100.0).contains(&v) => Confidence::Percent(v.floor() as u8),
            _ => Confidence::Unreadable,
        },
        Value::String(s) => lone_confidence(s),
        _ => Confidence::Unreadable,
    }
}

/// The first of the named values that holds text; an array of texts is joined.
fn string(map: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let text = match map.get(*name)? {
            Value::String(s) => s.trim_matches(['\n', '\r']).trim_end().to_owned(),
            Value::Array(all) => {
                let parts: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
                parts.join("; ")
            }
            Value::Number(n) => n.to_string(),
            _ => return None,
        };
        (!text.trim().is_empty()).then_some(text)
    })
}

/// `None`, or `No risk points found`. `No error handling` says something.
fn says_nothing(text: &str) -> bool {
    const WHAT: &[&str] = &[
        "issues",
        "problems",
        "findings",
        "failures",
        "critical failures",
        "critical issues",
        "pseudocode",
        "pseudocode flags",
        "mismatches",
        "prd mismatches",
        "contradictions",
        "broken pipelines",
        "missing components",
        "risks",
        "risk points",
        "actions",
        "next actions",
        "required next actions",
    ];
    let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
    if matches!(text.as_str(), "" | "none" | "n/a" | "nothing" | "none found" | "-") {
        return true;
    }
    let Some(what) = text.strip_prefix("no ") else { return false };
    let what = ["found", "identified", "detected", "needed", "required"]
        .iter()
        .find_map(|w| what.strip_suffix(w))
        .map_or(what, |what| what.trim_end().trim_end_matches(" were"));
    WHAT.contains(&what)
}

#[cfg(test)]
mod tests;

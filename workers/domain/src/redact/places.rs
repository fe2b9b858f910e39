//! Kubernetes Secrets: all of their data is secret, whatever it is called.

use super::tokens::ascii;
use super::values::is_stand_in;
use super::{Kind, Span};
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// Lines that one Secret has at most, to either side of its kind.
const MOST_LINES: usize = 4000;
/// Bytes that a Secret written as JSON has at most, to either side of its kind.
const MOST_JSON: usize = 65_536;

static YAML: LazyLock<Option<Regex>> =
    LazyLock::new(|| ascii(r"(?m)^[ \t-]*kind:[ \t]*Secret[ \t\r]*$"));
static JSON: LazyLock<Option<Regex>> = LazyLock::new(|| ascii(r#""kind"\s*:\s*"Secret""#));
static MEMBERS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#""(?:data|stringData)"\s*:\s*\{([^{}]*)\}"#).ok());
static MEMBER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#":\s*"((?:[^"\\\n]|\\.)*)""#).ok());

pub(super) fn find(text: &str, found: &mut Vec<Span>) {
    for hit in YAML.iter().flat_map(|re| re.find_iter(text)) {
        yaml(text, hit.range(), found);
    }
    let mut done = 0;
    for hit in JSON.iter().flat_map(|re| re.find_iter(text)) {
        let from = hit.start().saturating_sub(MOST_JSON).max(done);
        let from = (from..=hit.start()).find(|i| text.is_char_boundary(*i)).unwrap_or(from);
        let piece = super::window(text, from, hit.end() - from + MOST_JSON);
        for members in MEMBERS.iter().flat_map(|re| re.captures_iter(piece)) {
            let Some(inner) = members.get(1) else { continue };
            for value in MEMBER.iter().flat_map(|re| re.captures_iter(inner.as_str())) {
                let Some(value) = value.get(1) else { continue };
                let start = from + inner.start() + value.start();
                push(text, start..start + value.len(), found);
            }
        }
        done = from + piece.len();
    }
}

fn push(text: &str, range: Range<usize>, found: &mut Vec<Span>) {
    let Some(value) = text.get(range.clone()) else { return };
    let known = value.contains(super::MASK_START) || is_stand_in(value);
    if !known {
        found.push(Span::new(range, Kind::Assigned));
    }
}

/// The lines of the document around the line that names its kind.
fn yaml(text: &str, kind: Range<usize>, found: &mut Vec<Span>) {
    let own = text[kind.clone()].bytes().take_while(|b| matches!(b, b' ' | b'\t' | b'-')).count();
    let ends = |line: &str| {
        let body = line.trim();
        let depth = line.len() - line.trim_start().len();
        let is_more = body.starts_with('#') || body.starts_with("- ") || is_entry(body);
        !body.is_empty()
            && (body.starts_with("---")
                || depth < own
                || depth == own && (!is_more || body.starts_with("kind:")))
    };
    let mut start = kind.start;
    // Of a list, only the member that has the kind: it begins at its dash.
    let opens = |line: &str| line.trim_start().starts_with("- ");
    if !opens(&text[kind.clone()]) {
        for line in text[..kind.start].split_inclusive('\n').rev().take(MOST_LINES) {
            let is_outer = ends(line);
            if !is_outer || opens(line) {
                start -= line.len();
            }
            if is_outer {
                break;
            }
        }
    }
    let mut at = start;
    let mut within = false;
    for line in text[start..].split_inclusive('\n').take(2 * MOST_LINES) {
        let here = at;
        at += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        if here > kind.start && ends(line) {
            break;
        }
        let depth = line.bytes().take_while(|b| matches!(b, b' ' | b'\t' | b'-')).count();
        let body = line[depth..].trim_end();
        if depth <= own {
            within = matches!(body, "data:" | "stringData:" | "binaryData:");
        } else if within && !body.is_empty() && !body.starts_with('#') {
            entry(text, here + depth, body, found);
        }
    }
}

fn is_entry(body: &str) -> bool {
    body.split_once(':').is_some_and(|(key, rest)| {
        !key.contains(char::is_whitespace) && (rest.is_empty() || rest.starts_with(' '))
    })
}

/// A line of the data: `key: value`, or a line of a longer value.
fn entry(text: &str, at: usize, body: &str, found: &mut Vec<Span>) {
    let value = if is_entry(body) { body.split_once(':').map_or("", |(_, v)| v) } else { body };
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    let start = at + body.len() - value.len();
    let value = value.trim_end_matches(['"', '\'']);
    if !matches!(value, "|" | "|-" | ">" | ">-" | "|+") {
        push(text, start..start + value.len(), found);
    }
}

/// How many of the forms this program can't use.
pub(super) fn unusable() -> usize {
    [&YAML, &JSON, &MEMBERS, &MEMBER].iter().filter(|form| form.is_none()).count()
}

//! Private keys in their frames: PEM of all kinds, PGP, SSH2, PuTTY, and keys as JSON.

use super::tokens::ascii;
use super::{Kind, Span, window};
use aho_corasick::{AhoCorasick, MatchKind};
use regex::Regex;
use std::sync::LazyLock;

/// Bytes of one key at most; the largest in use have some ten thousand.
const MOST_BYTES: usize = 4 << 20;
/// Bytes of one that is written on a single line.
const MOST_LINE: usize = 32_768;
/// Characters from which a run of base64 is key material rather than a word.
const LEAST_RUN: usize = 16;

static FRAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    ascii(r"-{4,5} ?(?P<what>BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
});
static PUTTY: LazyLock<Option<Regex>> =
    LazyLock::new(|| ascii(r"(?m)^[ \t]*Private-Lines:[ \t]*([0-9]{1,3})[ \t\r]*$"));
/// The members of a JSON web key that are private.
static JWK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    ascii(r#"\\?"(?:d|p|q|dp|dq|qi|k)\\?"[ \t]*:[ \t]*\\?"([A-Za-z0-9_\-]{20,})"#)
});

/// One of these is in every text that holds a key.
static SIGNS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let signs = ["PRIVATE KEY", "Private-Lines:", "\"kty\\\"", "\"kty\""];
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(signs).ok()
});

pub(super) fn find(text: &str, found: &mut Vec<Span>) {
    if !SIGNS.as_ref().is_some_and(|signs| signs.is_match(text)) {
        return;
    }
    if text.contains("PRIVATE KEY") {
        frames(text, found);
    }
    if text.contains("Private-Lines:") {
        putty(text, found);
    }
    if text.contains("\"kty") {
        for hit in JWK.iter().flat_map(|re| re.captures_iter(text)).filter_map(|c| c.get(1)) {
            found.push(Span::new(hit.range(), Kind::PrivateKey));
        }
    }
}

fn frames(text: &str, found: &mut Vec<Span>) {
    // Up to where the last frame was followed: an end that was reached belongs to its beginning.
    let mut done = 0;
    for hit in FRAME.iter().flat_map(|re| re.captures_iter(text)) {
        let (Some(whole), Some(what)) = (hit.get(0), hit.name("what")) else { continue };
        if whole.start() < done {
            continue;
        }
        if what.as_str() == "BEGIN" {
            done = below(text, whole.end(), found);
        } else {
            // The end of a key whose beginning was cut away.
            above(text, whole.start(), done, found);
            done = whole.end();
        }
    }
}

/// Masks the material from `at` on; returns where it ends.
fn below(text: &str, at: usize, found: &mut Vec<Span>) -> usize {
    let mut lines = lines_from(window(text, at, MOST_BYTES), at);
    let mut end = at;
    let mut block = Block::default();
    // What stands behind the frame on its own line: a key written as one string.
    if let Some((start, line)) = lines.next() {
        let line = window(line, 0, MOST_LINE);
        let body = line.find("-----END").or_else(|| line.find("---- END"));
        let inner = &line[..body.unwrap_or(line.len())];
        if has_run(inner) {
            block.push(start, trimmed(inner), found);
        }
        end = start + inner.len();
        if body.is_some() {
            return end;
        }
    }
    for (start, line) in lines {
        let core = trimmed(line);
        let (_, body) = core;
        let opening = !block.begun;
        if is_material(body) && (!opening || body.len() >= LEAST_RUN) {
            block.push(start, core, found);
        } else if !(opening && (body.is_empty() || is_header(body))) {
            break;
        }
        end = start + line.len();
    }
    end
}

/// Masks the material right above `at`, down to `floor`.
fn above(text: &str, at: usize, floor: usize, found: &mut Vec<Span>) {
    let mut lines = Vec::new();
    let floor = floor.max(at.saturating_sub(MOST_BYTES));
    let floor = (floor..=at).find(|i| text.is_char_boundary(*i)).unwrap_or(at);
    let mut end = text[floor..at].rfind('\n').map_or(floor, |i| floor + i);
    let same_line = &text[end..at];
    if has_run(same_line) {
        let (lead, body) = trimmed(same_line);
        lines.push((end + lead, body.len()));
    } else {
        while end > floor {
            let start = text[floor..end].rfind('\n').map_or(floor, |i| floor + i + 1);
            let (lead, body) = trimmed(&text[start..end]);
            if !is_material(body) || (lines.len() > 1 && body.len() < LEAST_RUN) {
                break;
            }
            lines.push((start + lead, body.len()));
            if start <= floor {
                break;
            }
            end = start - 1;
        }
        if !lines.iter().any(|(_, len)| *len >= LEAST_RUN) {
            return;
        }
    }
    let mut block = Block::default();
    for (start, len) in lines.into_iter().rev() {
        block.push(start, (0, &text[start..start + len]), found);
    }
}

fn putty(text: &str, found: &mut Vec<Span>) {
    for hit in PUTTY.iter().flat_map(|re| re.captures_iter(text)) {
        let (Some(whole), Some(n)) = (hit.get(0), hit.get(1)) else { continue };
        let n = n.as_str().parse().unwrap_or(0);
        let mut block = Block::default();
        for (start, line) in lines_from(&text[whole.end()..], whole.end()).skip(1).take(n) {
            let core = trimmed(line);
            if !is_material(core.1) {
                break;
            }
            block.push(start, core, found);
        }
    }
}

/// The lines of one key: the first counts.
#[derive(Default)]
struct Block {
    begun: bool,
}

impl Block {
    fn push(&mut self, line: usize, (lead, body): (usize, &str), found: &mut Vec<Span>) {
        let start = line + lead;
        let range = start..start + body.len();
        found.push(Span { range, kind: Kind::PrivateKey, continued: self.begun });
        self.begun = true;
    }
}

/// The lines of a text that starts at `at`, each with its own offset, without its line break.
fn lines_from(text: &str, at: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut start = at;
    text.split('\n').map(move |line| {
        let here = start;
        start += line.len() + 1;
        (here, line)
    })
}

/// A line without comment signs, quotes, escapes and the like: (bytes left out before, the rest).
fn trimmed(line: &str) -> (usize, &str) {
    let mut body = line.trim_start_matches(|c: char| c.is_whitespace() || "\"'`#*>|,;".contains(c));
    body = body.strip_prefix("//").unwrap_or(body).trim_start();
    body = body.trim_start_matches(['"', '\'', '`']);
    // `\n` and `\r` written out, before and behind.
    while let Some(rest) = body.strip_prefix("\\n").or_else(|| body.strip_prefix("\\r")) {
        body = rest;
    }
    let lead = line.len() - body.len();
    let is_tail = |c: char| c.is_whitespace() || "\"'`,;|\\)".contains(c);
    loop {
        let shorter = body.trim_end_matches(is_tail);
        let shorter = shorter.strip_suffix(" +").unwrap_or(shorter);
        let escaped = ["\\n", "\\r"].iter().find_map(|e| shorter.strip_suffix(e));
        let shorter = escaped.unwrap_or(shorter);
        if shorter.len() == body.len() {
            return (lead, body);
        }
        body = shorter;
    }
}

const fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'_' | b'-')
}

fn is_material(body: &str) -> bool {
    // Dashes alone are a rule, or a frame.
    !body.is_empty() && body.bytes().all(is_base64) && !body.contains("--")
}

fn is_header(body: &str) -> bool {
    let Some((name, value)) = body.split_once(": ") else { return false };
    !value.is_empty()
        && name.len() < 24
        && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
}

fn has_run(text: &str) -> bool {
    // Dashes would make one run of frames that follow each other.
    let is_apart = |b: &u8| !is_base64(*b) || matches!(b, b'-' | b'_');
    text.as_bytes().split(is_apart).any(|run| run.len() >= LEAST_RUN)
}

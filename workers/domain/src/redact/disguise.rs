//! Secrets that are written so that no form fits: cut into literals that are put together again, in
//! escapes, or with marks inside that nobody sees.
//!
//! The lines where that is so are read as what they mean, searched like any other text, and what is
//! found is masked where it is written.

use super::{Kind, Span, scan, window};
use aho_corasick::{AhoCorasick, MatchKind};
use std::ops::Range;
use std::sync::LazyLock;

/// Signs between two literals that are put together. The longer ones stand first.
const OPERATORS: &[&str] = &["++", "+", "..", ".", "&", "<>", "~", "||"];

/// What puts literals together that have commas between them.
static JOINS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let signs = ["concat", "CONCAT", "join(\"\")", "join('')", "\"\".join(", "''.join("];
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(signs).ok()
});

/// Bytes of a line that are read before its first disguise, and behind its last.
const AROUND: usize = 256;

/// A text as it is meant, with where each of its bytes is written.
#[derive(Default)]
struct View {
    text: String,
    from: Vec<Range<usize>>,
}

impl View {
    /// Takes over what is written there as it is.
    fn copy(&mut self, whole: &str, range: Range<usize>) {
        self.text.push_str(&whole[range.clone()]);
        self.from.extend(range.map(|i| i..i + 1));
    }

    fn put(&mut self, meant: char, written: Range<usize>) {
        self.text.push(meant);
        self.from.extend(std::iter::repeat_n(written, meant.len_utf8()));
    }

    /// What is found in it, where it is written: a piece for each stretch.
    fn find(&self, whole: &str, found: &mut Vec<Span>) {
        let mut inner = Vec::new();
        scan(&self.text, &mut inner);
        for span in inner {
            let mut pieces: Vec<Range<usize>> = Vec::new();
            for written in &self.from[span.range] {
                match pieces.last_mut() {
                    Some(last)
                        if written.start <= last.end + 3
                            && is_tight(whole, last.end, written.start) =>
                    {
                        last.end = last.end.max(written.end);
                    }
                    _ => pieces.push(written.clone()),
                }
            }
            push(pieces, span.kind, span.continued, found);
        }
    }
}

/// Whether nothing lies between but marks without width.
fn is_tight(whole: &str, end: usize, start: usize) -> bool {
    whole.get(end..start.max(end)).is_some_and(|gap| gap.bytes().all(|b| b >= 0x80))
}

fn push(pieces: Vec<Range<usize>>, kind: Kind, continued: bool, found: &mut Vec<Span>) {
    for (n, range) in pieces.into_iter().enumerate() {
        found.push(Span { range, kind, continued: continued || n > 0 });
    }
}

pub(super) fn find(text: &str, found: &mut Vec<Span>) {
    let mut view = View::default();
    // Up to where the text is read.
    let mut read = 0;
    let joins: Vec<usize> =
        JOINS.iter().flat_map(|find| find.find_iter(text)).map(|hit| hit.start()).collect();
    let mut at = 0;
    while let Some((hit, meant)) = next(text, at, &joins) {
        at = hit.end;
        let line = line_around(text, hit.start, read);
        if line > read || view.text.is_empty() {
            if !view.text.is_empty() {
                let end = line_end(text, read).min(line);
                view.copy(text, read..end);
                view.find(text, found);
                view = View::default();
            }
            read = line;
        }
        view.copy(text, read..hit.start.max(read));
        read = hit.end;
        if let Some(meant) = meant {
            view.put(meant, hit);
        }
    }
    if !view.text.is_empty() {
        let end = line_end(text, read);
        view.copy(text, read..end);
        view.find(text, found);
    }
}

/// Bytes that a disguise starts with.
static STARTS: [bool; 256] = {
    let mut starts = [false; 256];
    let mut i = 0;
    while i < 256 {
        starts[i] = matches!(i, 0x22 | 0x27 | 0x5c | 0xc2 | 0xe1 | 0xe2 | 0xef);
        i += 1;
    }
    starts
};

/// The next disguise from `at` on: where it is written, and the character that it means, if one.
fn next(text: &str, mut at: usize, joins: &[usize]) -> Option<(Range<usize>, Option<char>)> {
    let bytes = text.as_bytes();
    loop {
        at += bytes.get(at..)?.iter().position(|b| STARTS[usize::from(*b)])?;
        let found = match bytes[at] {
            b'"' | b'\'' => joint(bytes, at, joins).map(|end| (end, None)),
            b'\\' => escape(text, at).or_else(|| {
                let end = at + 1 + line_break(&bytes[at + 1..])?;
                Some((blanks(bytes, end), None))
            }),
            _ => text[at..]
                .chars()
                .next()
                .filter(|c| is_unseen(*c))
                .map(|c| (at + c.len_utf8(), None)),
        };
        if let Some((end, meant)) = found {
            return Some((at..end, meant));
        }
        at += 1;
    }
}

/// Where the next literal begins, when that which ends at `at` is put together with it.
fn joint(bytes: &[u8], at: usize, joins: &[usize]) -> Option<usize> {
    let operator = |i: usize| {
        let signs = OPERATORS.iter().find(|sign| bytes[i..].starts_with(sign.as_bytes()));
        let comma = || {
            let near = joins.partition_point(|join| join + AROUND < i);
            bytes.get(i) == Some(&b',') && joins.get(near).is_some_and(|join| *join < i + AROUND)
        };
        blanks(bytes, i + signs.map_or_else(|| usize::from(comma()), |sign| sign.len()))
    };
    let mut i = operator(blanks(bytes, at + 1));
    let escaped = usize::from(bytes.get(i) == Some(&b'\\'));
    if let Some(n) = line_break(bytes.get(i + escaped..)?) {
        i = operator(blanks(bytes, i + escaped + n));
    }
    // A literal that is empty, or three quotes in a row, is no joint.
    let within = |b: Option<&u8>| {
        b.is_some_and(|b| !b.is_ascii_whitespace() && !b"\"'([{,;:)]}".contains(b))
    };
    let is_joint = bytes[i..].first() == Some(&bytes[at])
        && within(at.checked_sub(1).and_then(|i| bytes.get(i)))
        && within(bytes.get(i + 1))
        && (i > at + 1 || bytes[at - 1] != b'=');
    is_joint.then_some(i + 1)
}

/// Where the blanks end that start at `at`.
fn blanks(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// Bytes of the line break at the start.
fn line_break(bytes: &[u8]) -> Option<usize> {
    [&b"\n"[..], b"\r\n"].into_iter().find(|end| bytes.starts_with(end)).map(<[u8]>::len)
}

/// The escape of an ASCII character that starts at `at`: its end, and the character.
fn escape(text: &str, at: usize) -> Option<(usize, Option<char>)> {
    let (form, close) = [("\\x", ""), ("\\u00", ""), ("\\U000000", ""), ("\\u{", "}")]
        .into_iter()
        .find(|(form, _)| text[at..].starts_with(form))?;
    let rest = window(text, at + form.len(), 8);
    let digits = if close.is_empty() { rest } else { rest.trim_start_matches('0') };
    let (digits, behind) = digits.split_at_checked(2)?;
    let code = u8::from_str_radix(digits, 16).ok().filter(|code| (0x20..0x7f).contains(code))?;
    let end = at + form.len() + rest.len() - behind.len() + close.len();
    behind.starts_with(close).then_some((end, Some(char::from(code))))
}

/// Marks without width.
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Where the line before that of `at` starts, not before `floor`, nor further back than is read: the name
/// of a literal may stand above it.
fn line_around(text: &str, at: usize, floor: usize) -> usize {
    let mut from = at.saturating_sub(AROUND).max(floor);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let mut lines = text[from..at].rmatch_indices('\n');
    lines.nth(1).map_or(from, |(i, _)| from + i + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    let rest = window(text, at, AROUND);
    at + rest.find('\n').unwrap_or(rest.len())
}

//! Secrets that are written so that no form fits: cut into literals that are put together again, in
//! escapes, or with marks inside that nobody sees.
//!
//! The lines where that is so are read as what they mean, searched like any other text, and what is
//! found is masked where it is written.

use super::{Kind, Span, scan};
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// A joint of two literals, a line that goes on, an escape of an ASCII character, or a mark without width.
static MARKS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    const OPERATOR: &str = r"(?:\+\+?|\.\.?|&|<>|~|\|\|)?";
    let gap = format!(r"[ \t]*{OPERATOR}[ \t]*(?:\\?\r?\n[ \t]*{OPERATOR}[ \t]*)?");
    let escape = r"\\(?:u00[2-7][0-9a-fA-F]|u\{0{0,4}[2-7][0-9a-fA-F]\}|x[2-7][0-9a-fA-F]|U000000[2-7][0-9a-fA-F])";
    let marks = r"\x{00ad}\x{180e}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{feff}";
    Regex::new(&format!(r#""{gap}"|'{gap}'|\\\r?\n[ \t]*|{escape}|[{marks}]"#)).ok()
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
    for hit in MARKS.iter().flat_map(|re| re.find_iter(text)) {
        let line = line_around(text, hit.start(), read);
        if line > read || view.text.is_empty() {
            if !view.text.is_empty() {
                let end = line_end(text, read).min(line);
                view.copy(text, read..end);
                view.find(text, found);
                view = View::default();
            }
            read = line;
        }
        view.copy(text, read..hit.start().max(read));
        let meant = escaped(hit.as_str());
        if let Some(meant) = meant {
            view.put(meant, hit.range());
        }
        read = hit.end();
    }
    if !view.text.is_empty() {
        let end = line_end(text, read);
        view.copy(text, read..end);
        view.find(text, found);
    }
}

/// The character of an escape: its last two digits tell it.
fn escaped(written: &str) -> Option<char> {
    let digits = written.strip_prefix('\\')?.trim_end_matches('}');
    let code = digits.get(digits.len().checked_sub(2)?..)?;
    u8::from_str_radix(code, 16).ok().map(char::from).filter(|c| !c.is_control())
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
    let rest = super::window(text, at, AROUND);
    at + rest.find('\n').unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_form_is_read() {
        assert!(super::MARKS.is_some());
    }
}

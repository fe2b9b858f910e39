//! Small helpers on text that several modules share.

/// At most the first `max` characters of `text`, never cutting one.
pub fn clip(text: &str, max: usize) -> &str {
    text.char_indices().nth(max).map_or(text, |(end, _)| &text[..end])
}

/// Like [`clip`], with an ellipsis where something was cut; the result has at most `max`
/// characters, the ellipsis included.
pub fn clip_marked(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    format!("{}…", clip(text, max.saturating_sub(1)).trim_end())
}

/// The text on one line: runs of white space and control characters become one space.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The text as a Markdown code span: the delimiter is longer than any run of backticks inside,
/// so that nothing in `text` can end it early.
pub fn code_span(text: &str) -> String {
    let line = one_line(text);
    if line.is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(&line, '`') + 1);
    // CommonMark strips one space from each side, and needs it next to a backtick.
    let pad = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{line}{pad}{ticks}")
}

/// Length of the longest run of `wanted` in `text`.
pub fn longest_run(text: &str, wanted: char) -> usize {
    let (mut best, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == wanted { run + 1 } else { 0 };
        best = best.max(run);
    }
    best
}

/// True for characters that make up identifiers in most languages.
pub fn is_ident(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `1 call`, `2 calls`.
pub fn counted(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// The piece that a text ends with `times` times over or more, one right after the other: a model
/// that goes round in a loop. In pieces of a line or more numbers count as one, for such a model may count its rounds. Short
/// pieces count only when they fill [`LOOP_BYTES`] together, so that a rule under a heading is none; long ones
/// count sooner, because nobody writes the same page again.
pub fn repeated_end(text: &str, times: usize) -> Option<&str> {
    let mut folded = Folded::default();
    folded.push(text);
    folded.repeated_end(text, times)
}

/// A text as it grows, with each number as one nought.
#[derive(Debug, Default)]
pub struct Folded {
    bytes: Vec<u8>,
    /// Whether the text ends within a number.
    in_number: bool,
}

impl Folded {
    /// Appends a piece of the text.
    pub fn push(&mut self, piece: &str) {
        for byte in piece.bytes() {
            let digit = byte.is_ascii_digit();
            if !(digit && self.in_number) {
                self.bytes.push(if digit { b'0' } else { byte });
            }
            self.in_number = digit;
        }
    }

    /// As [`repeated_end`], of the text that was pushed.
    pub fn repeated_end<'a>(&self, text: &'a str, times: usize) -> Option<&'a str> {
        // Once is no repetition.
        let (bytes, times) = (text.as_bytes(), times.max(2));
        let exact = period(bytes, times).map(|period| bytes.len() - period);
        let folded = || start_of_folded(bytes, folded_period(&self.bytes, times)?);
        text.get(exact.or_else(folded)?..)
    }
}

/// The least number of bytes after which the end of a text comes again, often enough to be a loop.
fn period(bytes: &[u8], times: usize) -> Option<usize> {
    periods(bytes).find(|period| {
        let times = match *period {
            VERY_LONG_PIECE.. => 2,
            LONG_PIECE.. => times.min(3),
            _ => times,
        };
        comes_again(bytes, *period, times)
    })
}

/// The same for a text without its numbers: what comes again must be a line or more, and short ones come oftener
/// before they are a loop. Several short ones together are no long one.
fn folded_period(bytes: &[u8], times: usize) -> Option<usize> {
    let piece = periods(bytes).find(|p| comes_again(bytes, *p, 2))?;
    let short = FOLDED_PIECE..LONG_PIECE;
    let loops = piece >= LONG_PIECE && period(bytes, times) == Some(piece)
        || short.contains(&piece) && comes_again(bytes, piece, times * FOLDED_TIMES);
    loops.then_some(piece)
}

/// Whether a text ends with the same `period` bytes so many times, and in [`LOOP_BYTES`] at least.
fn comes_again(bytes: &[u8], period: usize, times: usize) -> bool {
    let from = bytes.len().checked_sub((times * period).max(LOOP_BYTES));
    from.is_some_and(|from| bytes[from + period..] == bytes[from..bytes.len() - period])
}

/// How far before its end the last byte of a text stands again, the nearest first: this is done for every answer
/// while it comes, and nearly all of them have nothing that comes again.
fn periods(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let end = bytes.len().saturating_sub(1);
    let from = end - LOOP_PERIOD.min(bytes.len() / 2).min(end);
    let last = bytes.last().copied().unwrap_or_default();
    memchr::memrchr_iter(last, &bytes[from..end]).map(move |at| end - from - at)
}

/// Where the last `count` bytes of a [`Folded`] text begin in the text itself.
fn start_of_folded(bytes: &[u8], count: usize) -> Option<usize> {
    let is_digit = |at: usize| bytes[at].is_ascii_digit();
    let kept = |at: &usize| !is_digit(*at) || *at == 0 || !is_digit(*at - 1);
    (0..bytes.len()).rev().filter(kept).nth(count.checked_sub(1)?)
}

/// Bytes that a loop goes over at least before it is called one.
const LOOP_BYTES: usize = 400;
/// Bytes of the longest piece whose repetition is looked for.
const LOOP_PERIOD: usize = 6_000;
/// Bytes of a piece from which on its numbers don't tell it apart.
const FOLDED_PIECE: usize = 30;
/// Short pieces that differ in their numbers must come so many times as often: such lists are no loop yet.
const FOLDED_TIMES: usize = 3;
/// Bytes of a piece that is a loop when it comes three times.
const LONG_PIECE: usize = 300;
/// Bytes of a piece that is a loop when it comes twice.
const VERY_LONG_PIECE: usize = 1_500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clip_counts_characters_not_bytes() {
        assert_eq!(clip("äöüß", 2), "äö");
        assert_eq!(clip("ab", 5), "ab");
        assert_eq!(clip_marked("abcdef", 4), "abc…");
        assert_eq!(clip_marked("abcd", 4), "abcd");
    }

    #[test]
    fn one_line_flattens_controls() {
        assert_eq!(one_line(" a\r\n\tb\u{7}c  "), "a b c");
    }

    #[test]
    fn a_loop_is_seen_at_the_end_only() {
        let piece = "- Where: `ä.py`\n- Change: `import threading`\n";
        let looping = format!("## Suggested changes\n{}", piece.repeat(12));
        assert_eq!(repeated_end(&looping, 8).map(str::len), Some(piece.len()));
        assert_eq!(repeated_end(&looping[..looping.len() - 9], 8).map(str::len), Some(piece.len()));
        assert_eq!(repeated_end(&looping, 13), None);
        assert_eq!(repeated_end(&format!("{looping}\n## Contradictions\nNone"), 8), None);
        assert_eq!(repeated_end(&format!("a\n{}", "-".repeat(399)), 8), None, "a rule");
        assert_eq!(repeated_end(&" ".repeat(400), 8), Some(" "), "JSON that never ends");
        assert_eq!(repeated_end(&"漢".repeat(200), 8), Some("漢"));
        assert_eq!(repeated_end("", 8), None);
        let numbers = (0..500).fold(String::new(), |s, n| s + &format!("{n} word{n}, "));
        assert_eq!(repeated_end(&numbers, 4), None, "a list of numbers");
        assert_eq!(repeated_end(&numbers, 1), None, "what stands once");
    }

    #[test]
    fn a_loop_is_seen_through_its_numbers_and_however_long_it_is() {
        let rounds = |n: usize, words: usize| -> String {
            let page =
                (0..words).fold(String::new(), |s, w| s + "word" + &"abcdefgh"[w % 8..] + " is. ");
            (0..n).fold(String::new(), |s, round| {
                s + &format!("{}. Line {}: {page}\n", round + 7, 90 + 11 * round)
            })
        };
        for (n, words, seen) in [
            (24, 4, true),  // counts over ten, and from two digits to three
            (20, 4, false), // twenty short ones may be a list
            (3, 40, true),
            (2, 40, false),
            (2, 160, true),
        ] {
            let text = format!("## Findings\n{}", rounds(n, words));
            let end = repeated_end(&text, 8);
            assert_eq!(end.is_some(), seen, "{n} times {words}");
            // It is shown with its numbers: the last round, or two where a number grew.
            assert!(end.is_none_or(|end| end.starts_with(|c: char| c.is_ascii_digit())), "{end:?}");
        }
        let counted =
            |from: u32| format!("{}. Line {}: {}", from, 90 + from, "word is. ".repeat(40));
        let text: String = (7..10).map(counted).collect();
        assert_eq!(repeated_end(&text, 8), Some(counted(9).as_str()), "from its own number on");
        let two_findings = "1. `a` is wrong (80%)\n2. `b` is wrong (80%)\n";
        assert_eq!(repeated_end(&two_findings.repeat(2), 4), None);
    }

    #[test]
    fn a_code_span_cannot_be_closed_from_inside() {
        assert_eq!(code_span("a"), "`a`");
        assert_eq!(code_span("a `b` ``c``"), "``` a `b` ``c`` ```");
    }
}

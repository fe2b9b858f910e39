//! Where a finding says that it is, in its own words: names, lines, and what is between two of them.

use crate::parse::code::{code_spans, is_code_fence, is_name};
use crate::parse::items::label;
use crate::parse::labels::{self, Role, role};
use crate::text::{clip, is_ident};
use queue_schema::rows::Finding;

/// Characters of a text that are read.
const READ: usize = 2_000;
/// Names and lines that are taken from a text.
const MOST_TOLD: usize = 20;
/// Words between the first and the last line of a range.
const TO: &[&str] =
    &["to", "and", "through", "bis", "à", "a", "al", "até", "до", "по", "至", "到", "から"];

/// What a text tells of a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Told {
    /// Words that may be names, in order, each once, and whether they are written as such.
    pub(super) names: Vec<(String, bool)>,
    /// First and last lines, from 1.
    pub(super) lines: Vec<(u32, u32)>,
    /// It is between the first two names or lines.
    pub(super) between: bool,
    /// It is in a comment or a string.
    pub(super) comment: bool,
}

/// What a finding tells: by its place, by the line that begins it, and by the rest of it.
pub(super) fn told(finding: &Finding) -> [Told; 3] {
    let place = finding.place.as_deref().map(|place| tell(place, true)).unwrap_or_default();
    let (first, rest) = finding.text.split_once('\n').unwrap_or((&finding.text, ""));
    let title = match label(first).and_then(|(name, _)| role(&name)) {
        Some(Role::Quote | Role::Where | Role::Change) => Told::default(),
        _ => tell(first, false),
    };
    [place, title, tell(&prose(rest, finding.evidence.as_deref()), false)]
}

/// What tells of the claim: no code, no place, nothing that is to be written instead.
fn prose(text: &str, evidence: Option<&str>) -> String {
    let mut in_code = false;
    let mut out = String::new();
    for line in text.lines() {
        let fence = is_code_fence(line);
        in_code ^= fence;
        let role = label(line).and_then(|(name, _)| role(&name));
        if !in_code
            && !fence
            && matches!(role, None | Some(Role::Why | Role::Claim | Role::FailsFor))
        {
            out.push_str(line);
            out.push('\n');
        }
        if out.len() > READ {
            break;
        }
    }
    out.push_str(evidence.unwrap_or_default());
    out
}

/// Reads a text. In a place every name and number counts; in other words only what is written as a name, and
/// only numbers that are said to be lines.
fn tell(text: &str, is_place: bool) -> Told {
    let text = clip(text, READ);
    let lower = text.to_lowercase();
    let mut told = Told {
        between: is_place && labels::is_between(&lower),
        comment: is_place && labels::is_comment(&lower),
        ..Told::default()
    };
    let spans = code_spans(text);
    let named: Vec<&str> =
        spans.iter().filter(|span| is_name(span)).flat_map(|s| words(s)).collect();
    for word in words(text) {
        let written = named.contains(&word) || looks_like_name(text, word);
        let room = told.names.len() < MOST_TOLD;
        if (is_place || written) && room && !told.names.iter().any(|(name, _)| name == word) {
            told.names.push((word.to_owned(), written));
        }
    }
    told.lines = lines(text, is_place);
    told
}

/// The words that may be names; those in ASCII also where other scripts stand right beside them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let whole = text.split(|c: char| !is_ident(c));
    let pieces = whole.flat_map(|word| {
        let ascii = (!word.is_ascii()).then(|| word.split(|c: char| !c.is_ascii()));
        std::iter::once(word).chain(ascii.into_iter().flatten())
    });
    pieces.filter(|word| word.chars().any(|c| c.is_alphabetic() || c == '_'))
}

/// `handler_12`, `doIt`, `C5`, `load()`: no word of prose.
fn looks_like_name(text: &str, word: &str) -> bool {
    let inner = word.get(1..).unwrap_or_default();
    word.contains('_')
        || word.contains(|c: char| c.is_ascii_digit())
        || inner.contains(|c: char| c.is_uppercase()) && inner.contains(|c: char| c.is_lowercase())
        || text.match_indices(word).any(|(at, _)| text[at + word.len()..].starts_with('('))
}

/// A number in a text, and where it stands.
struct Number {
    value: u32,
    start: usize,
    end: usize,
}

/// The numbers that stand alone, or behind an `L`.
fn numbers(text: &str) -> Vec<Number> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(i) = text[at..].find(|c: char| c.is_ascii_digit()) {
        let start = at + i;
        let end =
            text[start..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |i| start + i);
        at = end;
        let before = text[..start].chars().next_back();
        let first = match before {
            Some('L' | 'l') => start - 1,
            _ => start,
        };
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let apart = !text[..first].ends_with(part);
        let after = &text[end..];
        let cut = after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '%'))
            || after.starts_with('.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if apart
            && !cut
            && let Ok(value) = text[start..end].parse()
        {
            found.push(Number { value, start: first, end });
        }
        if found.len() == MOST_TOLD {
            break;
        }
    }
    found
}

/// The lines that a text names. Those that it calls lines come alone, where it does.
fn lines(text: &str, is_place: bool) -> Vec<(u32, u32)> {
    let found = numbers(text);
    let mut called: Vec<(u32, u32)> = Vec::new();
    let mut bare: Vec<(u32, u32)> = Vec::new();
    let mut before: Option<(&Number, bool)> = None;
    for number in &found {
        let between = before.map(|(last, _)| text[last.end..number.start].trim());
        let ranges = |sep: &str| {
            let word =
                sep.trim_matches(|c: char| matches!(c, '-' | '–' | '—' | '~' | '行' | '第' | ' '));
            sep.starts_with(['-', '–', '—', '~']) && word.is_empty()
                || TO.contains(&word.trim_end_matches("line").trim())
        };
        let head = text[..number.start].to_lowercase();
        let is_line = labels::is_line(&head, &text[number.end..])
            || text[number.start..].starts_with(['L', 'l'])
            || head.strip_suffix(':').is_some_and(|path| path.ends_with(is_ident));
        // The others of a list of lines are lines too.
        let listed = between.is_some_and(|sep| {
            ranges(sep) || matches!(sep, "," | "，" | "、" | "/" | "&" | "and" | "und" | "et" | "y")
        });
        let is_line = is_line || listed && before.is_some_and(|(_, line)| line);
        let into = if is_line { &mut called } else { &mut bare };
        match (between.is_some_and(ranges), into.last_mut()) {
            (true, Some(last)) if last.1 <= number.value => last.1 = number.value,
            _ => into.push((number.value, number.value)),
        }
        before = Some((number, is_line));
    }
    if called.is_empty() && is_place { bare } else { called }
}

/// First and last line of each range that a place names.
pub(crate) fn lines_of(place: &str) -> Vec<(u32, u32)> {
    lines(clip(place, READ), true)
}

/// The first line that a remark names.
pub(super) fn line_number(remark: &str) -> Option<u32> {
    lines(remark, true).first().map(|(first, _)| *first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_from_places() {
        for (place, want) in [
            ("`handler_12` (line 89)", vec![(89, 89)]),
            ("line 117", vec![(117, 117)]),
            ("lines 10-12", vec![(10, 12)]),
            ("lines 10 to 12", vec![(10, 12)]),
            ("L12", vec![(12, 12)]),
            ("L10-L12", vec![(10, 12)]),
            ("src/a.py:117", vec![(117, 117)]),
            ("`first`, line 37; also lines 40, 52", vec![(37, 37), (40, 40), (52, 52)]),
            ("第117行", vec![(117, 117)]),
            ("第 10 至 12 行", vec![(10, 12)]),
            ("ligne 89 de C5", vec![(89, 89)]),
            ("Zeilen 10 bis 12", vec![(10, 12)]),
            ("строка 89", vec![(89, 89)]),
            ("C5.send, 39", vec![(39, 39)]),
            ("handler_12, v1.5, 80%, 2.5 s", vec![]),
            ("lines 12-10", vec![(12, 12), (10, 10)]),
            ("L10 -> L12", vec![(10, 10), (12, 12)]),
            ("line 10 12", vec![(10, 10)]),
        ] {
            assert_eq!(tell(place, true).lines, want, "{place}");
        }
        for (title, want) in [
            ("Returns None on line 117", vec![(117, 117)]),
            ("a.py:117 returns None", vec![(117, 117)]),
            ("Returns None on line 117. Then it ends", vec![(117, 117)]),
            ("Fails 3 of 10 times", vec![]),
            ("Fails for 3, 10 and 20", vec![]),
            ("Fails on line 7 after 3 tries", vec![(7, 7)]),
            ("**L12** is wrong", vec![(12, 12)]),
        ] {
            assert_eq!(tell(title, false).lines, want, "{title}");
        }
    }

    #[test]
    fn names_are_read_from_places_and_prose() {
        let names = |text: &str, is_place| {
            let names = tell(text, is_place).names;
            names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("C3::send", true), "C3 send");
        assert_eq!(names("send 39 _", true), "send _", "a number is no name");
        let many = (0..30).fold(String::new(), |many, n| many + &format!("name_{n} "));
        assert_eq!(tell(&many, true).names.len(), MOST_TOLD);
        assert_eq!(names("method send of C4", true), "method send of C4");
        assert_eq!(names("在函数handler_15中", true), "在函数handler_15中 handler_15");
        assert_eq!(names("The `send` of C4 will load what doIt() left", false), "send C4 doIt");
        assert_eq!(names("`return load(x)` fails", false), "load");
    }

    #[test]
    fn a_claim_tells_and_the_code_that_stands_with_it_does_not() {
        let names = |text: &str| {
            let finding = Finding { text: text.to_owned(), ..Finding::default() };
            let [_, title, rest] = told(&finding);
            let of = |told: Told| told.names.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
            (of(title).join(" "), of(rest).join(" "))
        };
        for (text, title, rest) in [
            ("in_title\nfirst_one\nthen_two", "in_title", "first_one then_two"),
            ("in_title\n```\nin_code()\n```\nbehind_it", "in_title", "behind_it"),
            ("x\n- Quote: in_quote\n- Why: in_why\n- Change: in_change", "", "in_why"),
            ("Quote: `in_quote`\nWhy: in_why", "", "in_why"),
        ] {
            assert_eq!(names(text), (title.to_owned(), rest.to_owned()), "{text}");
        }
    }
}

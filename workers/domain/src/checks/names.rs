//! Names and numbers of lines in a claim.

use super::{All, One};
use crate::parse::code::code_spans;
use crate::text::is_ident;

/// What a name is called before or behind it.
const NOUNS: [&str; 12] = [
    "function",
    "method",
    "class",
    "struct",
    "type",
    "variable",
    "field",
    "constant",
    "module",
    "trait",
    "interface",
    "enum",
];
/// What a claim says of names that need not be in the file: it wants them, or says that they are not there.
const WANTED: [&str; 20] = [
    "missing",
    "lacks",
    "lack",
    "absent",
    "undefined",
    "undeclared",
    "unknown",
    "unresolved",
    "exist",
    "exists",
    "define",
    "defined",
    "declared",
    "imported",
    "implemented",
    "instead",
    "should",
    "add",
    "need",
    "needs",
];

/// It names a function or the like that is nowhere in the file, or a line behind its end.
pub(super) fn unknown_name(one: &One<'_>, all: &All<'_>) -> bool {
    names_a_line_behind_the_end(&one.claim, all.seen.source.lines().count())
        || sentences(&one.claim).into_iter().any(|sentence| {
            let wanted = super::words(sentence).iter().any(|w| WANTED.contains(&w.as_str()));
            !wanted && named(sentence).iter().any(|name| !all.has_word(name))
        })
}

/// The sentences of a text. A dot inside a name ends none.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    for word in text.split_inclusive([' ', '\n']) {
        at += word.len();
        if word.trim_end().ends_with(['.', ';', '!', '?']) {
            found.push(&text[start..at]);
            start = at;
        }
    }
    found.push(&text[start..]);
    found
}

/// The names in a sentence that it calls a function, a class or the like.
fn named(sentence: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = sentence;
    while let Some(open) = rest.find('`') {
        let before = &rest[..open];
        let Some(span) = code_spans(&rest[open..]).into_iter().next() else { break };
        let after = rest[open..].trim_start_matches('`').get(span.len()..).unwrap_or_default();
        let after = after.trim_start_matches(['`', ' ']);
        let noun = |word: &str| NOUNS.contains(&word.trim_matches(|c: char| !c.is_alphabetic()));
        let last = before.split_whitespace().next_back().unwrap_or_default().to_lowercase();
        let next = after.split_whitespace().next().unwrap_or_default().to_lowercase();
        if noun(&last) || noun(&next) {
            found.extend(name_of(&span).map(str::to_owned));
        }
        let used = sentence.len() - after.len();
        rest = &sentence[used..];
    }
    found
}

/// The last name of a span that is no more than names: `Store::push()` is about `push`.
pub(super) fn name_of(span: &str) -> Option<&str> {
    let plain = span.trim().split('(').next().unwrap_or_default();
    let plain = plain.trim_start_matches(['&', '*', '$', '@', '#']);
    let only_names =
        plain.chars().all(|c| is_ident(c) || matches!(c, '.' | ':' | '-' | '>' | '#' | '\\'));
    let last = plain.rsplit(|c: char| !is_ident(c)).next().unwrap_or_default();
    let is_name = last.starts_with(|c: char| c.is_alphabetic() || c == '_') && last.len() > 1;
    (only_names && is_name).then_some(last)
}

/// `line 120` of a file of 80 lines.
fn names_a_line_behind_the_end(claim: &str, lines: usize) -> bool {
    let words = super::words(claim);
    words.windows(2).any(|pair| {
        let is_line = matches!(pair[0].as_str(), "line" | "lines" | "l");
        is_line && pair[1].parse::<usize>().is_ok_and(|n| n > lines)
    })
}

//! A file with what repeated searches for quotes need.

use super::LEAST_QUOTE;
use crate::builtin::lex;
use crate::clean::is_unseen;
use crate::target::language;

/// Places of a quote that are looked at.
const MOST_FOUND: usize = 2_000;
/// Places of the first part of a quote with an ellipsis that are followed.
const MOST_FOLLOWED: usize = 100;
/// Bytes within which the next part must begin.
const GAP: usize = 8_000;

/// A place of a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// First line, from 1.
    pub(super) first: u32,
    /// Last line.
    pub(super) last: u32,
    /// It fills its lines, but for punctuation at their end.
    pub(super) whole: bool,
    /// Some of it is code: neither comment nor the inside of a string.
    pub(super) code: bool,
}

/// A file whose runs of white space, line ends included, are one space.
pub(super) struct File {
    joined: String,
    /// For each byte of `joined`, whether it is code.
    code: Vec<bool>,
    /// Where in `joined` each line that is not blank begins, and its number.
    starts: Vec<(usize, u32)>,
    /// Lines of the file.
    pub(super) lines: u32,
}

impl File {
    /// `text` has `\n` as its only line end.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let is_prose = lex::is_prose(language(path));
        let code = lex::code_of(path, text);
        let mut file =
            Self { joined: String::new(), code: Vec::new(), starts: Vec::new(), lines: 0 };
        for ((raw, (code, _)), n) in text.lines().zip(&code).zip(1u32..) {
            file.lines = n;
            let mut blank = true;
            let mut spaced = !file.joined.is_empty();
            for (at, c) in raw.char_indices() {
                let masked = || code.get(at..).is_some_and(|c| c.starts_with(char::is_whitespace));
                let is_code = is_prose || !masked();
                if c.is_whitespace() {
                    spaced |= !blank;
                    continue;
                }
                if is_unseen(c) {
                    continue;
                }
                if std::mem::take(&mut spaced) {
                    file.push(' ', false);
                }
                if std::mem::take(&mut blank) {
                    file.starts.push((file.joined.len(), n));
                }
                file.push(c, is_code);
            }
        }
        file
    }

    fn push(&mut self, c: char, is_code: bool) {
        self.joined.push(c);
        self.code.resize(self.joined.len(), is_code);
    }

    pub(super) fn len(&self) -> usize {
        self.joined.len()
    }

    /// All places of a quote in order, with every run of white space as one space: those where its first and
    /// last names are whole.
    pub(super) fn find(&self, quote: &str) -> Vec<Place> {
        let wanted = normalise(quote);
        if !is_enough(&wanted) {
            return Vec::new();
        }
        let hits = self.joined.match_indices(&wanted).map(|(at, _)| at);
        let hits = hits.filter(|at| whole_words(&self.joined, *at, &wanted)).take(MOST_FOUND);
        self.places(hits.map(|at| (at, at + wanted.len())))
    }

    /// All places of a quote whose parts stand one behind the other with something left out between.
    pub(super) fn find_parts(&self, parts: &[&str]) -> Vec<Place> {
        let parts: Vec<String> = parts.iter().map(|part| normalise(part)).collect();
        let Some((first, rest)) =
            parts.split_first().filter(|_| parts.iter().all(|p| is_enough(p)))
        else {
            return Vec::new();
        };
        let starts = self.joined.match_indices(first.as_str()).take(MOST_FOLLOWED);
        self.places(starts.filter_map(|(at, _)| {
            let end = rest.iter().try_fold(at + first.len(), |from, part| {
                let mut to = self.joined.len().min(from + GAP + part.len());
                while !self.joined.is_char_boundary(to) {
                    to -= 1;
                }
                self.joined[from..to].find(part.as_str()).map(|i| from + i + part.len())
            })?;
            Some((at, end))
        }))
    }

    fn places(&self, hits: impl Iterator<Item = (usize, usize)>) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::new();
        for (at, end) in hits {
            let place = self.place(at, end);
            match places.last_mut() {
                // Twice in a line is one place.
                Some(before) if (before.first, before.last) == (place.first, place.last) => {
                    before.code |= place.code;
                }
                _ => places.push(place),
            }
        }
        places
    }

    fn place(&self, at: usize, end: usize) -> Place {
        let line = |at: usize| self.starts.partition_point(|(start, _)| *start <= at).max(1) - 1;
        let (first, last) = (line(at), line(end - 1));
        let number = |i: usize| self.starts.get(i).map_or(1, |(_, n)| *n);
        let line_end = self.starts.get(last + 1).map_or(self.joined.len(), |(start, _)| *start);
        let rest = &self.joined[end..line_end];
        Place {
            first: number(first),
            last: number(last),
            whole: self.starts.get(first).is_some_and(|(start, _)| *start == at)
                && rest.chars().take(8).all(|c| c.is_whitespace() || ";,{:".contains(c))
                && rest.len() <= 8,
            code: self.code[at..end].contains(&true),
        }
    }

    /// Whether some lines hold a word.
    pub(super) fn has_word(&self, place: &Place, word: &str) -> bool {
        let from = self.starts.partition_point(|(_, n)| *n < place.first);
        let to = self.starts.partition_point(|(_, n)| *n <= place.last);
        let offset = |i: usize| self.starts.get(i).map_or(self.joined.len(), |(start, _)| *start);
        let text = &self.joined[offset(from)..offset(to)];
        text.match_indices(word).any(|(at, _)| whole_words(text, at, word))
    }
}

fn is_enough(wanted: &str) -> bool {
    wanted.chars().filter(|c| !c.is_whitespace()).nth(LEAST_QUOTE - 1).is_some()
}

fn normalise(text: &str) -> String {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Marks that are not seen are dropped from answers, so a line that holds some is found without.
    if text.contains(is_unseen) {
        words(&text.replace(|c: char| is_unseen(c) && !c.is_whitespace(), ""))
    } else {
        words(text)
    }
}

fn whole_words(text: &str, at: usize, part: &str) -> bool {
    let ident = |c: Option<char>| c.is_some_and(crate::text::is_ident);
    let cut_before = ident(part.chars().next()) && ident(text[..at].chars().next_back());
    let after = &text[at + part.len()..];
    let cut_after = ident(part.chars().next_back()) && ident(after.chars().next());
    !cut_before && !cut_after
}

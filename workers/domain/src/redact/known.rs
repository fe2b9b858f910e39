//! Secrets of one file, found again in what others make of it.
//!
//! A note, a reason or a region holds pieces of the file, and a piece of a secret has lost what it is
//! known by: its prefix, its name, its frame. Only who has the whole file knows it for what it is.

use super::{Kind, Masked, Span, cut, spans};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Bytes from which on a piece of a secret is masked. Shorter ones prove and give away little.
const PIECE: usize = 12;
/// Bytes that a secret which is shorter than a piece has at least, to be looked for as a whole: below,
/// it could be any word.
const LEAST: usize = 8;

/// The secrets of a file.
#[derive(Debug, Clone, Default)]
pub struct Known<'a> {
    pieces: HashMap<&'a [u8], Kind>,
    short: BTreeMap<&'a str, Kind>,
}

impl<'a> Known<'a> {
    /// Those of a file.
    pub fn of(file: &'a str) -> Self {
        Self::with(file, &spans(file))
    }

    /// The same, where the places of its secrets are known already.
    pub fn with(file: &'a str, spans: &[Span]) -> Self {
        let mut known = Self::default();
        for span in spans {
            let Some(secret) = file.get(span.range.clone()) else { continue };
            if secret.len() >= PIECE {
                known.pieces.extend(secret.as_bytes().windows(PIECE).map(|p| (p, span.kind)));
            } else if secret.len() >= LEAST {
                known.short.insert(secret, span.kind);
            }
        }
        known
    }

    /// A text without its own secrets, and without these and pieces of them.
    pub fn safe(&self, text: &str) -> Masked {
        self.mask(super::mask(text))
    }

    /// The text without these secrets and without pieces of them, on top of what was masked before.
    #[must_use]
    pub fn mask(&self, masked: Masked) -> Masked {
        let text = &masked.text;
        let mut hits: Vec<(Range<usize>, Kind)> = Vec::new();
        if !self.pieces.is_empty() {
            for (at, piece) in text.as_bytes().windows(PIECE).enumerate() {
                if let Some(kind) = self.pieces.get(piece) {
                    hits.push((whole_chars(text, at..at + PIECE), *kind));
                }
            }
        }
        for (secret, kind) in &self.short {
            hits.extend(text.match_indices(secret).map(|(at, s)| (at..at + s.len(), *kind)));
        }
        hits.sort_by_key(|(range, _)| range.start);
        let mut found: Vec<Span> = Vec::new();
        for (range, kind) in hits {
            match found.last_mut() {
                Some(last) if range.start <= last.range.end => {
                    last.range.end = last.range.end.max(range.end);
                }
                _ => found.push(Span::new(range, kind)),
            }
        }
        if found.is_empty() {
            return masked;
        }
        let mut more = cut(text, 0..text.len(), &found);
        for (kind, n) in masked.kinds {
            *more.kinds.entry(kind).or_default() += n;
        }
        more
    }
}

/// The range, and the rest of the characters that it begins and ends in.
fn whole_chars(text: &str, range: Range<usize>) -> Range<usize> {
    let (mut start, mut end) = (range.start, range.end);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

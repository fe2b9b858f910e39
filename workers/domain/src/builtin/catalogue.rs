//! What a check is, and what it is given.

use super::scan::{Scan, family as f};
use crate::severity::Severity;
use std::ops::Range;

/// A place at which the form of a check matches.
pub(super) struct Place<'s, 'a> {
    pub(super) scan: &'s Scan<'a>,
    /// From 0.
    pub(super) line: usize,
    pub(super) text: &'s str,
    /// What matched as a whole, and its groups.
    pub(super) groups: Vec<Option<Range<usize>>>,
}

impl<'s> Place<'s, '_> {
    /// A group's text; empty where it took no part.
    pub(super) fn group(&self, n: usize) -> &'s str {
        let range = self.groups.get(n).cloned().flatten();
        range.and_then(|r| self.text.get(r)).unwrap_or_default()
    }

    /// The same as it stands in the file, with what strings hold.
    pub(super) fn shown(&self, n: usize) -> &'s str {
        let range = self.groups.get(n).cloned().flatten();
        let raw = self.scan.raw(self.line);
        range.and_then(|r| raw.get(r)).filter(|t| !t.is_empty()).unwrap_or_else(|| self.group(n))
    }

    pub(super) fn start(&self) -> usize {
        self.groups.first().and_then(Option::as_ref).map_or(0, |r| r.start)
    }

    pub(super) fn end(&self) -> usize {
        self.groups.first().and_then(Option::as_ref).map_or(0, |r| r.end)
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// From 0.
    pub(super) line: usize,
    /// What stands for `{}` in the title.
    pub(super) subject: String,
}

#[allow(clippy::unnecessary_wraps, reason = "the form that all judges have")]
pub(super) fn found(line: usize, subject: &str) -> Option<Found> {
    Some(Found { line, subject: subject.to_owned() })
}

/// Who judges.
#[derive(Clone, Copy)]
pub(super) enum Judge {
    /// The form is enough; its first group stands for `{}`.
    Form,
    /// A function of the place.
    Line(fn(&Place<'_, '_>) -> Option<Found>),
    /// A function of the whole file, asked once if one of the words occurs.
    File(fn(&Scan<'_>) -> Vec<Found>),
}

/// A check.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) families: u16,
    pub(super) severity: Severity,
    /// In percent.
    pub(super) confidence: u8,
    /// One of them stands on the line; none for a check that always looks.
    pub(super) words: &'static [&'static str],
    pub(super) form: &'static str,
    /// The form is looked for in the line as it stands.
    pub(super) raw: bool,
    pub(super) judge: Judge,
    /// The claim, on one line.
    pub(super) title: &'static str,
    /// For which input or state it goes wrong, and how.
    pub(super) fails: &'static str,
    pub(super) change: &'static str,
}

type Words = &'static [&'static str];
type Texts = [&'static str; 3];

/// A row: title, for what it fails, and what to change are its texts.
pub(super) const fn row(
    name: &'static str,
    families: u16,
    (severity, confidence): (Severity, u8),
    words: Words,
    form: &'static str,
    judge: Judge,
    texts: Texts,
) -> Check {
    let [title, fails, change] = texts;
    Check {
        name,
        families,
        severity,
        confidence,
        words,
        form,
        raw: false,
        judge,
        title,
        fails,
        change,
    }
}

/// A row whose form is looked for in the line as it stands, strings included.
pub(super) const fn raw(
    name: &'static str,
    families: u16,
    weight: (Severity, u8),
    words: Words,
    form: &'static str,
    judge: Judge,
    texts: Texts,
) -> Check {
    let mut check = row(name, families, weight, words, form, judge, texts);
    check.raw = true;
    check
}

/// The form is enough.
pub(super) const FORM: Judge = Judge::Form;
/// C and C++.
pub(super) const ALL_C: u16 = f::C | f::CPP;
/// Languages whose conditions are read.
pub(super) const LOGIC: u16 = f::CODE & !f::RUBY;

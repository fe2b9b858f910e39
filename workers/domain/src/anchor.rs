//! Where in the file a finding is.
//!
//! Lines come from the quote and the file, never from the model: a model's line numbers are
//! wrong more often than its quotes, and a quote can be checked. Where a quote stands more than once, the
//! finding's own words decide which place it means: first the symbol that they name, then a line.

mod file;
mod forms;
mod told;

use crate::builtin::symbols::Symbols;
use crate::redact::{self, MASK_START};
use file::{File, Place};
use forms::{Form, forms, parts};
use queue_schema::rows::{Finding, MOST_PLACES};
use std::borrow::Cow;
use std::cell::{Cell, LazyCell};
pub(crate) use told::lines_of;
use told::{Told, told};

/// Fewer characters than this occur everywhere; they prove nothing.
const LEAST_QUOTE: usize = 4;
/// Bytes of files that are searched, in all, for quotes that are not in them as they stand.
const SEARCHED: usize = 64 << 20;

/// Gives every finding whose quote is in the file its lines. A quote that stands more than once is anchored
/// where the finding's own words say; where they don't tell, the finding is ambiguous and keeps the lines of
/// all places ([`Finding::ambiguous_lines`]).
///
/// A model that is not local was shown the file with its secrets masked, and quotes the masks.
/// Such a quote is looked for in the file as it was shown; masking moves no line.
pub fn anchor(findings: &mut [Finding], path: &str, source: &str) {
    let text = with_line_feeds(source);
    let is_masked = |f: &Finding| f.quote.as_deref().is_some_and(|q| q.contains(MASK_START));
    let shown = findings.iter().any(is_masked).then(|| redact::mask(&text).text);
    let search = Search {
        file: File::new(path, &text),
        shown: shown.map(|shown| File::new(path, &shown)),
        symbols: LazyCell::new(|| Symbols::new(path, &text)),
        left: Cell::new(SEARCHED),
    };
    for finding in findings {
        let (form, places) = match finding.quote.as_deref() {
            Some(quote) => search.find(quote),
            None => (None, Vec::new()),
        };
        let places = search.meant(finding, places, form.as_ref().and_then(|form| form.line));
        let place = if let [place] = places[..] { Some(place) } else { None };
        finding.anchored = place.is_some();
        finding.line = place.map(|place| place.first);
        finding.end_line = place.map(|place| place.last);
        finding.ambiguous_lines = match places.len() {
            0 | 1 => Vec::new(),
            _ => places.iter().map(|place| place.first).take(MOST_PLACES).collect(),
        };
        if let Some(form) = form {
            // A line by itself is shown without what it is indented by.
            let text = form.text.as_str();
            finding.quote = Some(if text.contains('\n') { text } else { text.trim() }.to_owned());
        }
    }
}

/// The text with `\n` at the end of each line, where editors see one: `\r\n` and `\r` alone end lines too.
fn with_line_feeds(source: &str) -> Cow<'_, str> {
    if source.contains('\r') {
        Cow::Owned(source.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(source)
    }
}

struct Search<S> {
    file: File,
    /// The same with its secrets masked, where a quote has a mask.
    shown: Option<File>,
    symbols: S,
    /// Bytes that may still be searched for other forms of quotes.
    left: Cell<usize>,
}

impl<S: std::ops::Deref<Target = Symbols>> Search<S> {
    /// All places of a quote, and the form in which it stands there when it is another one.
    fn find(&self, quote: &str) -> (Option<Form>, Vec<Place>) {
        let mut last = None;
        for (i, form) in forms(quote).into_iter().enumerate() {
            if i > 0 && !self.may_search() {
                return (None, Vec::new());
            }
            let places = self.in_both(|file| file.find(&form.text), &form.text);
            if !places.is_empty() {
                return (Some(form).filter(|_| i > 0), places);
            }
            last = Some(form);
        }
        let Some(last) = last.filter(|_| self.may_search()) else { return (None, Vec::new()) };
        let parts = parts(&last.text);
        let places = match parts[..] {
            [part] => self.in_both(|file| file.find(part), part),
            _ => self.in_both(|file| file.find_parts(&parts), &last.text),
        };
        (None, places)
    }

    fn in_both(&self, find: impl Fn(&File) -> Vec<Place>, quote: &str) -> Vec<Place> {
        let places = find(&self.file);
        let shown = self.shown.as_ref().filter(|_| places.is_empty() && quote.contains(MASK_START));
        shown.map_or(places, find)
    }

    /// Whether the file may be searched once more.
    fn may_search(&self) -> bool {
        let left = self.left.get().checked_sub(self.file.len());
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Those of some places that a finding means: one, or all between which its words don't decide.
    fn meant(&self, finding: &Finding, places: Vec<Place>, numbered: Option<u32>) -> Vec<Place> {
        let mut left = places;
        if left.len() < 2 {
            return left;
        }
        let told = told(finding);
        for told in &told {
            self.keep_named(&mut left, told);
        }
        let lines = self.lines(&told, numbered);
        // A line that is told and holds the quote decides.
        for (first, last) in &lines {
            if keep(&mut left, |place| place.first <= *last && place.last >= *first) {
                break;
            }
        }
        let in_comment = told.iter().any(|told| told.comment);
        keep(&mut left, |place| place.code != in_comment);
        let distance = |place: &Place| {
            let from = |(first, last): &(u32, u32)| {
                first.saturating_sub(place.last).max(place.first.saturating_sub(*last))
            };
            lines.iter().map(from).min()
        };
        let nearest = left.iter().filter_map(distance).min();
        keep(&mut left, |place| distance(place) == nearest);
        keep(&mut left, |place| place.whole);
        left
    }

    /// Keeps the places within most of the symbols that are named, where any is within one.
    fn keep_named(&self, left: &mut Vec<Place>, told: &Told) {
        if left.len() < 2 || told.between {
            return;
        }
        let around = |place: &Place| self.symbols.around(place.first as usize - 1);
        let count = |place: &Place| {
            let named =
                |(name, _): &&(String, bool)| around(place).any(|names| names.contains(name));
            told.names.iter().filter(named).count()
        };
        let most = left.iter().map(count).max().unwrap_or(0);
        if most > 0 {
            keep(left, |place| count(place) == most);
            // What is right in it, before what is in something else within it.
            let least = left.iter().map(|place| around(place).count()).min();
            keep(left, |place| Some(around(place).count()) == least);
            return;
        }
        // What is named may be no block: a constant, a field, what is called there.
        for (name, _) in told.names.iter().filter(|(_, written)| *written) {
            keep(left, |place| self.file.has_word(place, name));
        }
    }

    /// The lines that are told, the most telling ones only, and none that the file does not have.
    fn lines(&self, told: &[Told; 3], numbered: Option<u32>) -> Vec<(u32, u32)> {
        let line = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        let mut between = Vec::new();
        if told[0].between {
            let mut ranges =
                told[0].names.iter().filter_map(|(name, _)| self.symbols.ranges(name).next());
            if let (Some(a), Some(b)) = (ranges.next(), ranges.next()) {
                let (a, b) = if a.0 <= b.0 { (a, b) } else { (b, a) };
                between.push((line(a.1), line(b.0)));
            } else if let [(a, _), (b, _), ..] = told[0].lines[..] {
                between.push((a.min(b), a.max(b)));
            }
        }
        let numbered = numbered.map(|n| (n, n));
        let all = [between, told[0].lines.clone(), numbered.into_iter().collect()];
        let mut all = all.into_iter().chain(told[1..].iter().map(|told| told.lines.clone()));
        let known = |lines: Vec<(u32, u32)>| -> Vec<(u32, u32)> {
            lines.into_iter().filter(|(first, _)| (1..=self.file.lines).contains(first)).collect()
        };
        all.by_ref().map(known).find(|lines| !lines.is_empty()).unwrap_or_default()
    }
}

/// Keeps what is wanted, if any is; whether any was.
fn keep(left: &mut Vec<Place>, wanted: impl Fn(&Place) -> bool) -> bool {
    let any = left.iter().any(&wanted);
    if any {
        left.retain(wanted);
    }
    any
}

#[cfg(test)]
mod tests;

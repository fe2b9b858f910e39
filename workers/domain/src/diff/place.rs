//! Where in a diff a remark is: its file by any spelling, its lines by its quote, else by its words.

use super::bundle::Bundle;
use super::patch::{FilePatch, Hunk, Sign};
use super::read::Said;
use super::stance::{is_fine, is_withdrawn};
use crate::anchor::{anchor, lines_of};
use crate::builtin::symbols::Symbols;
use crate::checks::has_word;
use crate::text::is_ident;
use queue_schema::rows::{DiffRemark, DiffSide, Finding, FindingKind};
use std::collections::BTreeMap;

/// Lines of a file beyond which a diff is not anchored: nobody wrote such a file.
const MOST_LINES: u32 = 1_000_000;
/// Words of a place that are no name.
#[rustfmt::skip]
const NO_NAMES: [&str; 16] = [
    "line", "lines", "in", "of", "the", "at", "and", "near", "around", "function", "fn", "method", "class", "def",
    "file", "to",
];

/// Holds what is said against the diff that it is about.
pub(super) fn placed(said: Vec<Said>, bundle: &Bundle) -> Vec<DiffRemark> {
    let mut remarks: Vec<DiffRemark> = said.into_iter().map(remark).collect();
    let mut by_file: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, remark) in remarks.iter_mut().enumerate() {
        if let Some(file) = file_of(remark, bundle) {
            by_file.entry(file).or_default().push(at);
        } else {
            remark.outside = true;
        }
    }
    for (file, of) in by_file {
        let mut shown = Shown::new(&bundle.files[file]);
        let mut some: Vec<DiffRemark> = of.iter().map(|at| remarks[*at].clone()).collect();
        shown.place(&mut some);
        of.into_iter().zip(some).for_each(|(at, remark)| remarks[at] = remark);
    }
    remarks
}

fn remark(said: Said) -> DiffRemark {
    let some = |text: String| (!text.trim().is_empty()).then_some(text);
    let all = format!("{}\n{}", said.what, said.why);
    let withdrawn = is_withdrawn(&all);
    DiffRemark {
        severity: said.severity.unwrap_or_default(),
        withdrawn,
        fine: !withdrawn && is_fine(&said.what),
        what: said.what,
        why: some(said.why),
        quote: some(said.quote),
        place: said.place,
        ..DiffRemark::default()
    }
}

/// Which file of the bundle a remark is about: the one that it names, else the only one that holds its quote.
fn file_of(remark: &mut DiffRemark, bundle: &Bundle) -> Option<usize> {
    let named = |text: &str| named(text, bundle);
    // Nothing but a place may be quoted.
    let is_place =
        |text: &str| !text.contains(char::is_whitespace) && matches!(named(text), Named::File(_));
    if let Some(place) = remark.quote.take_if(|q| remark.place.is_empty() && is_place(q)) {
        remark.place = place;
    }
    match named(&remark.place) {
        Named::File(at) => return Some(at),
        Named::Other => return None,
        Named::Nothing => {}
    }
    if remark.place.is_empty() {
        let first = remark.what.lines().next().unwrap_or_default();
        let mut words = first.split_whitespace();
        let is_file = |word: &&str| matches!(named(word), Named::File(_));
        if let Some(word) = words.find(is_file).map(str::to_owned)
            && let Named::File(at) = named(&word)
        {
            let rest = remark.what.strip_prefix(&word).unwrap_or(&remark.what);
            let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "—–-:*`".contains(c));
            if !rest.is_empty() {
                remark.what = String::from(rest);
            }
            remark.place = word;
            return Some(at);
        }
    }
    if bundle.files.len() == 1 {
        return Some(0);
    }
    let quote = remark.quote.as_deref().map(crate::checks::squeezed).filter(|q| q.len() >= 4);
    let told = names_in(&remark.place);
    let holds = |file: &FilePatch| {
        let text = |line: &super::Line| String::from_utf8_lossy(&line.text).into_owned();
        let lines = file.hunks.iter().flat_map(|hunk| &hunk.lines).map(text);
        let sections = file.hunks.iter().map(|h| String::from_utf8_lossy(&h.section).into_owned());
        let all = lines.chain(sections).collect::<Vec<_>>().join("\n");
        match &quote {
            Some(quote) => crate::checks::squeezed(&all).contains(quote.as_str()),
            None => !told.is_empty() && told.iter().any(|name| has_word(&all, name)),
        }
    };
    let mut found = (0..bundle.files.len()).filter(|at| holds(&bundle.files[*at]));
    found.next().filter(|_| found.next().is_none())
}

/// What a text names.
enum Named {
    File(usize),
    /// A path that is none of the bundle's.
    Other,
    Nothing,
}

/// The file that a text names, in any spelling: `./a/b.rs`, `b/a/b.rs`, `a\b.rs`, `b.rs` where only one is called so.
fn named(text: &str, bundle: &Bundle) -> Named {
    let text = text.replace('\\', "/");
    let paths: Vec<(usize, String)> = (0..bundle.files.len())
        .flat_map(|at| {
            let file = &bundle.files[at];
            [(at, file.path()), (at, file.old_path())]
        })
        .collect();
    // Those with blanks are no single word of a text.
    let blank = paths.iter().filter(|(_, path)| path.contains(' ') && text.contains(path.as_str()));
    if let Some((at, _)) = blank.max_by_key(|(_, path)| path.len()) {
        return Named::File(*at);
    }
    let mut other = false;
    for word in text.split(|c: char| c.is_whitespace() || "`\"'()[]<>,;".contains(c)) {
        let word = bare(word);
        let is_path = word.contains('/')
            || word.rsplit_once('.').is_some_and(|(stem, end)| {
                !stem.is_empty()
                    && (1..=5).contains(&end.len())
                    && end.chars().all(char::is_alphanumeric)
            });
        let known = paths.iter().filter(|(_, path)| is_spelling(word, path));
        let mut known: Vec<usize> = known.map(|(at, _)| *at).collect();
        if known.is_empty() && !word.is_empty() {
            let end = format!("/{}", word.to_lowercase());
            let ends = paths.iter().filter(|(_, path)| path.to_lowercase().ends_with(&end));
            known = ends.map(|(at, _)| *at).collect();
        }
        known.sort_unstable();
        known.dedup();
        match known[..] {
            [at] => return Named::File(at),
            _ => {
                other |= is_path && (word.contains('/') || text.contains(&format!("{word}:")));
            }
        }
    }
    if other { Named::Other } else { Named::Nothing }
}

/// A word without what follows a path: `:12`, `:12-14`, `::load`, `#L12`, a full stop.
fn bare(word: &str) -> &str {
    let end = word.find([':', '#']).unwrap_or(word.len());
    word[..end].trim_end_matches('.').trim_matches(|c| matches!(c, '*' | '_'))
}

fn is_spelling(word: &str, path: &str) -> bool {
    let (word, path) = (word.to_lowercase(), path.to_lowercase());
    let bare = word.trim_start_matches("./");
    let begins = ["a/", "b/"].into_iter().find_map(|side| bare.strip_prefix(side));
    bare == path
        || begins == Some(path.as_str())
        || word.starts_with('/') && word.ends_with(&format!("/{path}"))
}

/// Whether a word is the file's own name, with its extension.
fn is_file_name(path: &str, word: &str) -> bool {
    word.contains('.') && path.to_lowercase().ends_with(&word.to_lowercase())
}

/// The words of a place that may be names, once its path is taken away.
fn names_in(place: &str) -> Vec<String> {
    let place = place.replace("::", " ").replace("()", " ");
    let words = place.split(|c: char| c.is_whitespace() || "`\"'()[]<>,;:#".contains(c));
    let words = words.filter(|word| !word.contains(['/', '\\']));
    let names = words.flat_map(|word| word.split(['.', '-'])).filter(|name| {
        let begins = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let line = name.strip_prefix('L').is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()));
        begins
            && !line
            && name.chars().all(is_ident)
            && !NO_NAMES.contains(&name.to_lowercase().as_str())
    });
    names.map(str::to_owned).collect()
}

/// A file as far as the diff shows it, each line in the row of its number.
struct Shown<'a> {
    file: &'a FilePatch,
    path: String,
    new: String,
    old: String,
    symbols: Symbols,
}

impl<'a> Shown<'a> {
    fn new(file: &'a FilePatch) -> Self {
        let (new, old) = (side(file, DiffSide::New), side(file, DiffSide::Old));
        let path = file.path();
        let symbols = Symbols::new(&path, if new.trim().is_empty() { &old } else { &new });
        Self { file, path, new, old, symbols }
    }

    /// Gives remarks about this file their lines, and says which of them it does not hold.
    fn place(&mut self, remarks: &mut [DiffRemark]) {
        let findings = remarks.iter().map(|remark| Finding {
            quote: remark.quote.clone(),
            place: Some(remark.place.clone()),
            ..Finding::new(FindingKind::Suggestion, remark.what.clone())
        });
        let mut now: Vec<Finding> = findings.collect();
        let mut before = now.clone();
        anchor(&mut now, &self.path, &self.new);
        anchor(&mut before, &self.path, &self.old);
        for ((remark, now), before) in remarks.iter_mut().zip(now).zip(before) {
            remark.path = Some(self.path.clone());
            // What a hunk is in stands above it, and is none of its lines.
            let lines = |finding: &Finding, side: DiffSide| {
                let first = finding.line.filter(|line| self.hunk(side, *line).is_some())?;
                Some((first, finding.end_line.unwrap_or(first)))
            };
            if let Some((first, last)) = lines(&now, DiffSide::New) {
                self.at(remark, DiffSide::New, first, last);
            } else if let Some((first, last)) = lines(&before, DiffSide::Old) {
                self.at(remark, DiffSide::Old, first, last);
            } else {
                self.by_words(remark);
                let several = now.is_ambiguous() || before.is_ambiguous();
                remark.outside &= !several && now.line.is_none();
            }
        }
    }

    /// The hunk that holds a line.
    fn hunk(&self, side: DiffSide, line: u32) -> Option<&Hunk> {
        self.file.hunks.iter().find(|hunk| hunk.range(side).contains(&line))
    }

    /// Lines of one hunk: forges take no others.
    fn at(&self, remark: &mut DiffRemark, side: DiffSide, first: u32, last: u32) {
        let whole = self.hunk(side, first).is_some_and(|hunk| hunk.range(side).contains(&last));
        let last = if whole { last.max(first) } else { first };
        (remark.side, remark.line, remark.end_line) = (side, Some(first), Some(last));
        let named = names_in(&self.rest(&remark.place)).into_iter().rev();
        let around = |name: &String| self.symbols.ranges(name).next().is_some();
        let row = (first as usize).saturating_sub(1);
        let of_side = side == DiffSide::New || self.new.trim().is_empty();
        let inner = || self.symbols.around(row).find_map(|names| names.last().cloned());
        remark.symbol = named.into_iter().find(around).or_else(|| inner().filter(|_| of_side));
    }

    /// The place without the path in it.
    fn rest(&self, place: &str) -> String {
        let place = place.replace('\\', "/");
        let words = place.split_inclusive(|c: char| c.is_whitespace() || "`,;".contains(c));
        let cut = words.map(|word| {
            let path =
                bare(word.trim_end_matches(|c: char| c.is_whitespace() || "`,;".contains(c)));
            let path_too = path.contains('/') || is_file_name(&self.path, path);
            if path_too && !path.is_empty() { word.replacen(path, "x", 1) } else { word.to_owned() }
        });
        let whole: String = cut.collect();
        // One letter stands for it: a number behind its colon is a line.
        whole.replace(&self.path, "x")
    }

    /// Without a quote that the diff holds: by the line that is told, else by a name.
    fn by_words(&self, remark: &mut DiffRemark) {
        let rest = self.rest(&remark.place);
        let told = lines_of(&rest);
        for side in [DiffSide::New, DiffSide::Old] {
            let holds = |line: u32| self.hunk(side, line).is_some();
            if let Some((first, last)) =
                told.iter().find(|(first, last)| holds(*first) || holds(*last))
            {
                let first = if holds(*first) { *first } else { *last };
                let last = if holds(*last) { *last } else { first };
                return self.at(remark, side, first, last);
            }
        }
        let names: Vec<String> = names_in(&rest).into_iter().filter(|name| name != "x").collect();
        for name in names.iter().rev() {
            if let Some((side, line)) = self.first_with(name) {
                self.at(remark, side, line, line);
                remark.symbol = Some(name.clone());
                return;
            }
        }
        let section = |name: &String| {
            self.file.hunks.iter().any(|h| has_word(&String::from_utf8_lossy(&h.section), name))
        };
        remark.symbol = names.iter().rev().find(|name| section(name)).cloned();
        let quoted = remark.quote.is_some();
        remark.outside =
            remark.symbol.is_none() && (!told.is_empty() || !names.is_empty() || quoted);
    }

    /// The first line with a name: one that was put in, else one that was taken out, else any.
    fn first_with(&self, name: &str) -> Option<(DiffSide, u32)> {
        [Sign::Added, Sign::Removed, Sign::Context].into_iter().find_map(|sign| {
            let mut lines = self.file.hunks.iter().flat_map(Hunk::numbered);
            lines.find_map(|(old, new, line)| {
                let text = String::from_utf8_lossy(&line.text);
                let is_it = line.sign == sign && has_word(&text, name);
                let at = new.map(|n| (DiffSide::New, n)).or(old.map(|n| (DiffSide::Old, n)));
                at.filter(|_| is_it)
            })
        })
    }
}

/// One side of a file, blank where the diff shows nothing. What a hunk is in stands above it, where there is room.
fn side(file: &FilePatch, side: DiffSide) -> String {
    let mut out = String::new();
    let mut row = 1;
    for hunk in &file.hunks {
        let range = hunk.range(side);
        if range.end > MOST_LINES || range.start < row {
            break;
        }
        let section = String::from_utf8_lossy(&hunk.section);
        let blank = (range.start - row) as usize;
        let above = blank > 0 && !section.trim().is_empty();
        out.extend(std::iter::repeat_n('\n', blank - usize::from(above)));
        if above {
            out.push_str(&section);
            out.push('\n');
        }
        let not = if side == DiffSide::New { Sign::Removed } else { Sign::Added };
        for line in hunk.lines.iter().filter(|line| line.sign != not) {
            // A carriange return in the middle would begin a row.
            out.push_str(&String::from_utf8_lossy(&line.text).replace('\r', " "));
            out.push('\n');
        }
        row = range.end;
    }
    out
}

//! Runs the checks over a file: only where a word of a check stands, so that all of them cost
//! little more than one search.

use super::catalogue::{Check, Found, Judge, Place};
use super::scan::Scan;
use super::{rows, values};
use crate::text::{clip, is_ident};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::Regex;
use std::collections::HashSet;
use std::sync::{LazyLock, OnceLock};

/// All checks.
pub(super) static CHECKS: LazyLock<Vec<&'static Check>> =
    LazyLock::new(|| rows::ROWS.iter().chain(values::ROWS).collect());

/// Longer lines hold data, not code.
const LONGEST_LINE: usize = 600;
/// Lines of one file that one check may report.
const MOST_LINES: usize = 200;

/// All that one check found at one place, or at several that are told together.
pub(super) struct Hit {
    pub(super) check: &'static Check,
    pub(super) title: String,
    /// Lines, from 1.
    pub(super) lines: Vec<usize>,
    /// The first of them, verbatim, up to where a secret begins.
    pub(super) quote: String,
    /// The function around it.
    pub(super) function: Option<String>,
}

/// A form, compiled when a word of it first stands in a line. `None` where it can't be.
fn form(n: usize) -> Option<&'static Regex> {
    static FORMS: LazyLock<Vec<OnceLock<Option<Regex>>>> =
        LazyLock::new(|| CHECKS.iter().map(|_| OnceLock::new()).collect());
    FORMS.get(n)?.get_or_init(|| Regex::new(&ascii(CHECKS[n].form)).ok()).as_ref()
}

/// The classes of a form in ASCII: code is, and the tables of Unicode are large.
fn ascii(form: &str) -> String {
    let pairs =
        [(r"\w", "[0-9A-Za-z_]"), (r"\s", r"[ \t]"), (r"\S", r"[^ \t]"), (r"\b", r"(?-u:\b)")];
    pairs.iter().fold(form.to_owned(), |form, (class, plain)| form.replace(class, plain))
}

struct Words {
    find: AhoCorasick,
    /// The check of each word.
    check: Vec<usize>,
}

static WORDS: LazyLock<Option<Words>> = LazyLock::new(|| {
    let words =
        || CHECKS.iter().enumerate().flat_map(|(n, c)| c.words.iter().map(move |w| (n, *w)));
    let check = words().map(|(n, _)| n).collect();
    let find = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .build(words().map(|(_, word)| word))
        .ok()?;
    Some(Words { find, check })
});

/// Checks whose form can't be compiled: none, as a test shows. Tests are built with more features of the regex crate
/// than the programs: there a form that ignores case beyond ASCII is no form.
#[cfg(test)]
pub(super) fn unusable() -> Vec<&'static str> {
    let beyond_ascii =
        |n: usize| CHECKS[n].form.contains("(?i:") || CHECKS[n].form.contains("(?i)");
    let unusable = |n: &usize| form(*n).is_none() || beyond_ascii(*n);
    (0..CHECKS.len()).filter(unusable).map(|n| CHECKS[n].name).collect()
}

/// Runs all checks that fit the file's language: gravest first, then the surest.
pub(super) fn run(scan: &Scan<'_>) -> Vec<Hit> {
    let mut found: Vec<(usize, Found)> = Vec::new();
    let Some(words) = WORDS.as_ref().filter(|_| scan.family != 0) else { return Vec::new() };
    let (mut line, mut asked) = (0, vec![usize::MAX; CHECKS.len()]);
    let base = scan.source.as_ptr() as usize;
    let start = |n: usize| scan.lines.get(n).map(|l| l.raw.as_ptr() as usize - base);
    let mut counts = vec![0; CHECKS.len()];
    for hit in words.find.find_overlapping_iter(scan.source) {
        let n = words.check[hit.pattern().as_usize()];
        while start(line + 1).is_some_and(|s| s <= hit.start()) {
            line += 1;
        }
        let check = CHECKS[n];
        if !scan.is(check.families) || asked[n] == line || counts[n] >= MOST_LINES {
            continue;
        }
        let first = asked[n] == usize::MAX;
        asked[n] = line;
        match check.judge {
            Judge::File(judge) if first => found.extend(judge(scan).into_iter().map(|f| (n, f))),
            _ => {
                if let Some(f) = at_line(scan, n, line) {
                    counts[n] += 1;
                    found.push((n, f));
                }
            }
        }
    }
    for (n, check) in CHECKS.iter().enumerate().filter(|(_, c)| c.words.is_empty()) {
        if let Judge::File(judge) = check.judge {
            found.extend(judge(scan).into_iter().map(|f| (n, f)));
        }
    }
    told(scan, found)
}

fn at_line(scan: &Scan<'_>, n: usize, line: usize) -> Option<Found> {
    let check = CHECKS[n];
    let l = scan.lines.get(line).filter(|l| !l.test && l.raw.len() <= LONGEST_LINE)?;
    let text = if check.raw { scan.raw(line) } else { l.code.as_str() };
    if check.form.is_empty() {
        if l.code.trim().is_empty() {
            return None;
        }
        let Judge::Line(judge) = check.judge else { return None };
        return judge(&Place { scan, line, text, groups: Vec::new() });
    }
    let captures = form(n)?.captures(text)?;
    let groups: Vec<_> = captures.iter().map(|m| m.map(|m| m.range())).collect();
    let place = Place { scan, line, text, groups };
    // What is quoted in a comment is not done, but for what is about comments.
    let spoken = l.comment.get(place.start()..place.end()).is_some_and(|c| !c.trim().is_empty());
    // Nor what another program is told in a string; a query begins in one.
    let blank = |t: &str| t.get(place.start()..=place.start()).is_some_and(|c| c == " ");
    let told = check.raw && check.name != "sql" && blank(&l.code) && !blank(text);
    match check.judge {
        _ if told && check.name != "overdue" => None,
        _ if spoken && check.raw && check.name != "overdue" => None,
        Judge::Form => super::catalogue::found(line, place.shown(1).trim()),
        Judge::Line(judge) => judge(&place),
        Judge::File(_) => None,
    }
}

/// Places of one check are told one by one up to this many, and else together.
const TOLD_APART: usize = 3;

/// What tells a linter to be silent.
const MARKS: [&str; 5] = ["pylint: disable", "noqa", "NOSONAR", "eslint-disable", "nolint"];

fn told(scan: &Scan<'_>, mut found: Vec<(usize, Found)>) -> Vec<Hit> {
    let mut seen = HashSet::new();
    found.retain(|(n, f)| {
        let named = scan.function(f.line).map(|f| f.name.to_lowercase()).unwrap_or_default();
        let test = scan.lines.get(f.line).is_none_or(|l| l.test) || named.contains("selftest");
        // Somebody has looked at it and told a linter so.
        let mut near = (f.line.saturating_sub(1)..=f.line).filter_map(|j| scan.lines.get(j));
        let told = near.any(|l| MARKS.iter().any(|mark| l.raw.contains(mark)));
        !test && !told && seen.insert((CHECKS[*n].name, f.line))
    });
    found.sort_by_key(|(n, f)| (*n, f.line));
    let mut out: Vec<Hit> = Vec::new();
    for same in found.chunk_by(|a, b| a.0 == b.0) {
        let check = CHECKS[same[0].0];
        let size = if same.len() > TOLD_APART { same.len() } else { 1 };
        for group in same.chunks(size) {
            let first = &group[0].1;
            out.push(Hit {
                check,
                title: check.title.replace("{}", &first.subject),
                lines: group.iter().map(|(_, f)| f.line + 1).collect(),
                quote: quotable(scan.shown(first.line)),
                function: scan.function(first.line).map(|f| f.name.clone()),
            });
        }
    }
    out.sort_by_key(|h| (h.check.severity, std::cmp::Reverse(h.check.confidence), h.lines[0]));
    out
}

/// The line without its indentation; of a very long one the start, up to a word's end, so that
/// it can be found in the file again.
pub(super) fn quotable(raw: &str) -> String {
    let line = raw.trim();
    let cut = clip(line, 160);
    if cut.len() == line.len() {
        return line.to_owned();
    }
    let whole = cut.trim_end_matches(is_ident).trim_end();
    if whole.is_empty() { cut.to_owned() } else { whole.to_owned() }
}

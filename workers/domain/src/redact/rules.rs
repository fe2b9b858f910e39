//! Runs forms over a text: only where a word of the form stands, and each form compiled when its word
//! first does, so that hundreds of forms cost little more than one search.

use super::Kind;
use super::tokens::accepts;
use super::values::{is_stand_in, shannon};
use super::words::{self, Hit};
use super::{Span, window, window_before};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

/// The rules of gitleaks.
const LIST: &str = include_str!("rules.tsv");
/// Further forms. They stand first: of two finds the first knows better what it is.
const FORMS: &str = include_str!("forms.tsv");
/// An argument of a command, in quotes or without.
const ARGUMENT: &str = r#"(?:'([^'\n]{3,})'|"([^"\n]{3,})"|([^\s'"`;|&<>()-][^\s'"`;|&<>()]{2,}))"#;
/// Between the name and the value of a rule that tells by a name, and behind the value.
const NAMED: (&str, &str) = (
    r#"(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}("#,
    r#")(?:[\x60'"\s;]|\\[nr]|$)"#,
);
/// Least entropy of a value that a name tells, in bits a byte.
const NAMED_ENTROPY: f64 = 3.0;

/// Bytes before a word, back to its line's start at most, that a form is looked for in.
const BEFORE: usize = 256;
/// Bytes behind a word that a form is looked for in.
const BEHIND: usize = 2048;

/// What a match must be to count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Check {
    /// Of this entropy at least, in bits a byte.
    Entropy(f64),
    /// As [`Check::Entropy`], and it holds a digit: what only a name tells.
    Named(f64),
    /// What `tokens` says of its kind.
    Own,
    /// A password in its place, if it is no stand-in.
    Password,
    /// Nothing else looks like it.
    Sure,
}

struct Rule {
    kind: Kind,
    check: Check,
    words: Vec<String>,
    form: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Rule {
    fn regex(&self) -> Option<&Regex> {
        let build = || RegexBuilder::new(&self.form).unicode(false).build().ok();
        self.compiled.get_or_init(build).as_ref()
    }
}

struct Table {
    rules: Vec<Rule>,
    /// Finds the words of the rules, and behind them those of names: one search for both.
    find: AhoCorasick,
    /// The rule of each word of a rule.
    of_word: Vec<usize>,
}

static TABLE: LazyLock<Option<Table>> = LazyLock::new(|| {
    let lines = |list: &'static str| list.lines().filter(|line| !line.starts_with('#'));
    let rules: Vec<Rule> =
        lines(FORMS).filter_map(form).chain(lines(LIST).filter_map(listed)).collect();
    let words = || rules.iter().enumerate().flat_map(|(i, r)| r.words.iter().map(move |w| (i, w)));
    let of_word = words().map(|(i, _)| i).collect();
    let find = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(words().map(|(_, word)| word.as_str()).chain(words::all()))
        .ok()?;
    Some(Table { rules, find, of_word })
});

fn rule(kind: Kind, check: Check, words: &str, form: String) -> Rule {
    let words = words.split(',').map(str::to_owned).collect();
    Rule { kind, check, words, form, compiled: OnceLock::new() }
}

fn kind(name: &str) -> Option<Kind> {
    Kind::ALL.iter().copied().find(|kind| kind.as_str() == name)
}

/// A line of the further forms.
fn form(line: &str) -> Option<Rule> {
    let mut columns = line.splitn(4, '\t');
    let kind = kind(columns.next()?)?;
    let check = match columns.next()? {
        "own" => Check::Own,
        "password" => Check::Password,
        "sure" => Check::Sure,
        _ => return None,
    };
    let words = columns.next()?;
    Some(rule(kind, check, words, columns.next()?.replace('¤', ARGUMENT)))
}

/// A line of the list of gitleaks.
fn listed(line: &str) -> Option<Rule> {
    let mut columns = line.splitn(6, '\t');
    let (_, kind, entropy) = (columns.next()?, columns.next()?, columns.next()?);
    let (words, name, form) = (columns.next()?, columns.next()?, columns.next()?);
    let kind = self::kind(kind)?;
    let entropy: f64 = entropy.parse().ok()?;
    Some(if name == "-" {
        rule(kind, Check::Entropy(entropy), words, form.to_owned())
    } else {
        let form = format!("(?i){name}{}{form}{}", NAMED.0, NAMED.1);
        rule(kind, Check::Named(entropy.max(NAMED_ENTROPY)), words, form)
    })
}

/// Finds what the rules know; returns the words that names tell by.
pub(super) fn find(text: &str, found: &mut Vec<Span>) -> Vec<Hit> {
    // Up to where each rule has looked.
    let mut looked = vec![0; TABLE.as_ref().map_or(0, |table| table.rules.len())];
    search(text, |rules, i, word| {
        if looked[i] > word.end {
            return;
        }
        let start = line_start(text, word.start);
        let piece = window(text, start, word.end + BEHIND - start);
        let end = start + piece.len();
        looked[i] = if end == text.len() { usize::MAX } else { end - piece.len().min(BEHIND / 2) };
        run(&rules[i], text, start, piece, found);
    })
}

/// The words of a text that names tell by.
pub(super) fn names(text: &str) -> Vec<Hit> {
    search(text, |_, _, _| {})
}

fn search(text: &str, mut on_rule: impl FnMut(&[Rule], usize, Range<usize>)) -> Vec<Hit> {
    let mut names = Vec::new();
    let Some(table) = TABLE.as_ref() else { return names };
    for hit in table.find.find_overlapping_iter(text) {
        let word = hit.pattern().as_usize();
        if let Some(rule) = table.of_word.get(word) {
            on_rule(&table.rules, *rule, hit.range());
        } else {
            let name = word - table.of_word.len();
            names.extend(words::hit(text, name, hit.start(), hit.end()));
        }
    }
    names
}

/// Where the line of `at` starts, or `BEFORE` bytes before it.
fn line_start(text: &str, at: usize) -> usize {
    let before = window_before(text, at, BEFORE);
    at - before.len() + before.rfind('\n').map_or(0, |i| i + 1)
}

fn run(rule: &Rule, text: &str, start: usize, piece: &str, found: &mut Vec<Span>) {
    for hit in rule.regex().iter().flat_map(|re| re.captures_iter(piece.as_bytes())) {
        let groups = (1..hit.len()).find_map(|g| hit.get(g));
        let Some(secret) = groups.or_else(|| hit.get(0)) else { continue };
        let range = start + secret.start()..start + secret.end();
        let Some(value) = text.get(range.clone()) else { continue };
        let is_word = groups.is_some() || starts_word(text, range.start);
        if is_word && passes(rule, value) {
            found.push(Span::new(range.clone(), rule.kind));
            if rule.kind == Kind::AwsKey {
                super::tokens::aws_secret(text, range.start, range.end, found);
            }
        }
    }
}

fn passes(rule: &Rule, value: &str) -> bool {
    if value.contains(super::MASK_START) || is_stand_in(value) {
        return false;
    }
    match rule.check {
        Check::Sure => true,
        Check::Entropy(least) => shannon(value) >= least.max(2.0),
        Check::Named(least) => value.bytes().any(|b| b.is_ascii_digit()) && shannon(value) >= least,
        check => accepts(rule.kind, check, value),
    }
}

/// True where a word starts. The letter of an escape such as `\n` belongs to no word.
fn starts_word(text: &str, at: usize) -> bool {
    let mut before = text[..at].bytes().rev();
    match before.next() {
        Some(b) if b.is_ascii_alphanumeric() => {
            matches!(b, b'n' | b't' | b'r') && before.next() == Some(b'\\')
        }
        _ => true,
    }
}

/// How many rules there are, and how many of them this program can't use.
pub(super) fn usable() -> (usize, usize) {
    let lines = |list: &str| list.lines().filter(|line| !line.starts_with('#')).count();
    let all = lines(FORMS) + lines(LIST);
    let good = TABLE.iter().flat_map(|table| &table.rules).filter(|rule| rule.regex().is_some());
    (all, all - good.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_words_to_find_it_by() {
        assert_eq!(usable().1, 0);
        for rule in &TABLE.as_ref().unwrap().rules {
            assert!(rule.words.iter().all(|w| w.len() >= 2), "{}", rule.form);
        }
    }
}

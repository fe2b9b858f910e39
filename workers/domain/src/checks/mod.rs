//! What a program can tell of a finding without judging it: does its own word hold against the file, against
//! itself and against the others. One row a check in [`CHECKS`].
//!
//! A check that a finding fails is named in the row and counted against its model. It never deletes the finding: it
//! puts it last, and the review is then no better than `block`.

mod absent;
mod names;
mod quotes;
mod words;

pub(crate) use absent::has_word;
pub use absent::{MOST_NAMES, found_in, names_to_look_up};
pub(crate) use words::is_praise;

use crate::builtin::lex;
use crate::parse::items::label;
use crate::text::{clip, is_ident};
use queue_schema::rows::{Finding, TypeHint};
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// Characters of a claim that are compared with others.
const COMPARED: usize = 400;

/// One check.
#[derive(Debug)]
pub struct Check {
    /// The name in rows and counters.
    pub name: &'static str,
    /// What is wrong with a finding that fails it, for a person.
    pub says: &'static str,
    /// Whether a finding fails it.
    fails: fn(&One<'_>, &All<'_>) -> bool,
}

/// All checks.
pub const CHECKS: &[Check] = &[
    Check {
        name: "no_change",
        says: "what it would write is what it quotes",
        fails: quotes::no_change,
    },
    Check {
        name: "nothing_to_replace",
        says: "what it would replace is not in the file",
        fails: quotes::nothing_to_replace,
    },
    Check { name: "comment_only", says: "it quotes only a comment", fails: quotes::comment_only },
    Check {
        name: "long_quote",
        says: "it quotes more than three lines",
        fails: quotes::long_quote,
    },
    Check {
        name: "same_quote",
        says: "three findings quote the same lines",
        fails: quotes::same_quote,
    },
    Check { name: "said_twice", says: "another finding says the same", fails: quotes::said_twice },
    Check {
        name: "evidence_is_claim",
        says: "its evidence is its claim again",
        fails: quotes::evidence_is_claim,
    },
    Check {
        name: "no_documents",
        says: "it cites documents, and there are none",
        fails: words::no_documents,
    },
    Check { name: "praise", says: "it praises what it calls a fault", fails: words::praise },
    Check {
        name: "pass_with_failures",
        says: "the verdict is pass, and this is a failure",
        fails: words::pass_with_failures,
    },
    Check { name: "echo", says: "it repeats the words of the instructions", fails: words::echo },
    Check { name: "style", says: "it is about style only", fails: words::style },
    Check {
        name: "unknown_name",
        says: "it names a function or a line that is not in the file",
        fails: names::unknown_name,
    },
    Check {
        name: "not_absent",
        says: "what it calls missing or unused is there",
        fails: absent::not_absent,
    },
];

/// What findings are held against.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Path of the file.
    pub path: &'a str,
    /// The file.
    pub source: &'a str,
    /// Passages of documents stood in the prompt.
    pub documents: bool,
    /// The verdict of the answer.
    pub verdict: Option<&'a str>,
    /// Names that stand in other files of the commit, of [`names_to_look_up`].
    pub elsewhere: &'a BTreeSet<String>,
    /// Definitions from other files that the reviewer was shown.
    pub beside: &'a [TypeHint],
}

/// A finding with what the checks need of it.
struct One<'a> {
    at: usize,
    finding: &'a Finding,
    /// The claim alone, without what other fields have.
    claim: String,
    /// Its letters and digits.
    folded: String,
    /// Its quote without white space.
    quote: String,
}

/// All findings, and the file. What few checks need of it is worked out when one asks.
struct All<'a> {
    seen: &'a Seen<'a>,
    findings: Vec<One<'a>>,
    squeezed: OnceCell<String>,
    code: OnceCell<Vec<String>>,
    comments: OnceCell<Vec<bool>>,
    words: OnceCell<BTreeSet<&'a str>>,
}

impl<'a> All<'a> {
    fn new(findings: &'a [Finding], seen: &'a Seen<'a>) -> Self {
        let findings = findings.iter().enumerate().map(|(at, finding)| {
            let claim = claim_of(&finding.text);
            let folded = folded(clip(&claim, COMPARED));
            let quote = squeezed(finding.quote.as_deref().unwrap_or_default());
            One { at, finding, claim, folded, quote }
        });
        Self {
            seen,
            findings: findings.collect(),
            squeezed: OnceCell::new(),
            code: OnceCell::new(),
            comments: OnceCell::new(),
            words: OnceCell::new(),
        }
    }

    /// The file without white space.
    fn squeezed(&self) -> &str {
        self.squeezed.get_or_init(|| squeezed(self.seen.source))
    }

    /// Its lines, comments and strings blanked.
    fn code(&self) -> &[String] {
        let lines = || lex::code_of(self.seen.path, self.seen.source).into_iter();
        self.code.get_or_init(|| lines().map(|(code, _)| code).collect())
    }

    /// Whether a line holds a comment and no code.
    fn comments(&self) -> &[bool] {
        self.comments.get_or_init(|| lex::comments_of(self.seen.path, self.seen.source))
    }

    /// Whether a word stands in the file. A finding may also name a field of a definition that was shown.
    fn has_word(&self, word: &str) -> bool {
        let parts = |text: &'a str| text.split(|c: char| !is_ident(c));
        let words = self.words.get_or_init(|| {
            let beside = self.seen.beside.iter().flat_map(|hint| parts(&hint.type_repr));
            parts(self.seen.source).chain(beside).collect()
        });
        words.contains(word)
    }
}

/// Holds each finding that a person should act on against all checks, and puts those last that fail one.
pub fn run(findings: &mut [Finding], seen: &Seen<'_>) {
    let all = All::new(findings, seen);
    let told = all.findings.iter().map(|one| {
        let fails = |check: &&Check| one.finding.kind.is_actionable() && (check.fails)(one, &all);
        CHECKS.iter().filter(fails).map(|check| check.name.to_owned()).collect()
    });
    let told: Vec<Vec<String>> = told.collect();
    for (finding, failed) in findings.iter_mut().zip(told) {
        finding.checks = failed;
    }
    findings.sort_by_key(|f| !f.checks.is_empty());
}

/// What a check says, by its name; the name itself where another version had it.
pub fn says(name: &str) -> &str {
    if name == crate::confirm::REJECTED {
        return "a second call finds that the code does not do that";
    }
    CHECKS.iter().find(|check| check.name == name).map_or(name, |check| check.says)
}

/// The claim of a finding: its text up to the first label of something else.
pub(crate) fn claim_of(text: &str) -> String {
    let lines = text.lines().enumerate().take_while(|(at, line)| *at == 0 || label(line).is_none());
    let claim: Vec<&str> = lines.map(|(_, line)| line.trim()).collect();
    let claim = claim.join(" ").replace("**", "");
    match claim.to_ascii_lowercase().rfind("(confidence") {
        Some(at) => claim[..at].trim().to_owned(),
        None => claim.trim().to_owned(),
    }
}

/// The letters and digits of a text, in lower case.
fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A text without white space.
pub(crate) fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The words of a text in lower case, with apostrophes inside.
pub(crate) fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('’', "'");
    let parts = text.split(|c: char| !is_ident(c) && c != '\'');
    parts.map(|w| w.trim_matches('\'').to_owned()).filter(|w| !w.is_empty()).collect()
}

/// Whether a phrase stands in some words, as whole words.
fn says_phrase(words: &[String], phrase: &str) -> bool {
    let length = phrase.split(' ').count();
    words.windows(length).any(|window| window.iter().zip(phrase.split(' ')).all(|(a, b)| a == b))
}

#[cfg(test)]
mod tests;

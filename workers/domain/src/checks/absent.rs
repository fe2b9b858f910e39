//! Claims that something is missing, unused or unknown, looked up.

use super::names::{name_of, sentences};
use super::{All, One, Seen};
use crate::builtin::lex;
use crate::parse::code::code_spans;
use crate::text::is_ident;
use aho_corasick::{AhoCorasick, MatchKind};
use queue_schema::rows::Finding;
use std::sync::LazyLock;

/// Names that are looked up in other files for one review at most.
pub const MOST_NAMES: usize = 8;
/// Letters from which on a plain word is rare enough to be looked up by.
const RARE: usize = 9;

/// What is said to be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absent {
    /// Any use.
    Use,
    /// Its import.
    Import,
    /// Its definition.
    Definition,
}

/// How that is said behind a name.
const BEHIND: [(&str, Absent); 35] = [
    ("is never called", Absent::Use),
    ("is never used", Absent::Use),
    ("is never read", Absent::Use),
    ("is never invoked", Absent::Use),
    ("is never referenced", Absent::Use),
    ("is not called", Absent::Use),
    ("is not used", Absent::Use),
    ("is not referenced", Absent::Use),
    ("is unused", Absent::Use),
    ("are unused", Absent::Use),
    ("is dead code", Absent::Use),
    ("isn't used", Absent::Use),
    ("isn't called", Absent::Use),
    ("never called", Absent::Use),
    ("never used", Absent::Use),
    ("but unused", Absent::Use),
    ("is not imported", Absent::Import),
    ("isn't imported", Absent::Import),
    ("is never imported", Absent::Import),
    ("without being imported", Absent::Import),
    ("without importing it", Absent::Import),
    ("without an import", Absent::Import),
    ("import is missing", Absent::Import),
    ("is undefined", Absent::Definition),
    ("is not defined", Absent::Definition),
    ("isn't defined", Absent::Definition),
    ("is never defined", Absent::Definition),
    ("is not declared", Absent::Definition),
    ("is undeclared", Absent::Definition),
    ("does not exist", Absent::Definition),
    ("doesn't exist", Absent::Definition),
    ("without being defined", Absent::Definition),
    ("function is missing", Absent::Definition),
    ("method is missing", Absent::Definition),
    ("class is missing", Absent::Definition),
];

/// The same before a name.
const BEFORE: [(&str, Absent); 18] = [
    ("unused function", Absent::Use),
    ("unused method", Absent::Use),
    ("unused variable", Absent::Use),
    ("unused parameter", Absent::Use),
    ("unused argument", Absent::Use),
    ("unused import", Absent::Use),
    ("unused constant", Absent::Use),
    ("unused field", Absent::Use),
    ("missing import", Absent::Import),
    ("missing imports", Absent::Import),
    ("not importing", Absent::Import),
    ("undefined variable", Absent::Definition),
    ("undefined function", Absent::Definition),
    ("undefined name", Absent::Definition),
    ("undefined method", Absent::Definition),
    ("missing function", Absent::Definition),
    ("missing method", Absent::Definition),
    ("missing definition", Absent::Definition),
];

/// What a claim says is absent: names with what they lack.
fn said_absent(claim: &str) -> Vec<(Absent, String)> {
    sentences(claim)
        .into_iter()
        .filter_map(|sentence| {
            let lower = sentence.to_lowercase().replace('’', "'");
            if lower.len() != sentence.len() {
                return None;
            }
            if let Some((what, at)) = first(&lower, FIND_BEHIND.as_ref(), &BEHIND) {
                let name = spans(&sentence[..at]).next_back()?;
                return Some((what, name));
            }
            let (what, at) = first(&lower, FIND_BEFORE.as_ref(), &BEFORE)?;
            let name = spans(&sentence[at..]).next()?;
            Some((what, name))
        })
        .collect()
}

/// Finds all phrases of a table at once.
fn finder(phrases: &[(&str, Absent)]) -> Option<AhoCorasick> {
    let words = phrases.iter().map(|(phrase, _)| phrase);
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(words).ok()
}

static FIND_BEHIND: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| finder(&BEHIND));
static FIND_BEFORE: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| finder(&BEFORE));

/// The first of some phrases in a sentence, and where it begins.
fn first(
    sentence: &str,
    find: Option<&AhoCorasick>,
    phrases: &[(&str, Absent)],
) -> Option<(Absent, usize)> {
    let found = find?.find(sentence)?;
    Some((phrases.get(found.pattern().as_usize())?.1, found.start()))
}

/// The names in backquotes, in order.
fn spans(text: &str) -> impl DoubleEndedIterator<Item = String> {
    let names: Vec<String> =
        code_spans(text).iter().filter_map(|span| name_of(span)).map(str::to_owned).collect();
    names.into_iter()
}

/// What it calls absent is there.
pub(super) fn not_absent(one: &One<'_>, all: &All<'_>) -> bool {
    said_absent(&one.claim).iter().any(|(what, name)| match what {
        Absent::Use => is_used(all.code(), name) || all.seen.elsewhere.contains(name),
        Absent::Import => all
            .code()
            .iter()
            .zip(all.seen.source.lines())
            .any(|(code, raw)| (is_import(code) && has_word(raw, name)) || defines(code, name)),
        Absent::Definition => all
            .code()
            .iter()
            .any(|code| defines(code, name) || (is_import(code) && has_word(code, name))),
    })
}

/// The names that findings call unused and this file does not use: whether another file does decides. Plain short words
/// are not looked up, for they stand in any project.
pub fn names_to_look_up(findings: &[Finding], path: &str, source: &str) -> Vec<String> {
    let actionable = findings.iter().filter(|f| f.kind.is_actionable());
    let said: Vec<(Absent, String)> =
        actionable.flat_map(|f| said_absent(&super::claim_of(&f.text))).collect();
    if said.is_empty() {
        return Vec::new();
    }
    let code: Vec<String> = lex::code_of(path, source).into_iter().map(|(code, _)| code).collect();
    let mut names: Vec<String> = Vec::new();
    for (what, name) in said {
        let inner_capital = name.chars().skip(1).any(char::is_uppercase);
        let rare = name.contains('_') || inner_capital || name.len() >= RARE;
        if what == Absent::Use && rare && !names.contains(&name) && !is_used(&code, &name) {
            names.push(name);
        }
    }
    names.truncate(MOST_NAMES);
    names
}

/// Whether a name stands in code other than where it is defined or imported.
fn is_used(code: &[String], name: &str) -> bool {
    code.iter().any(|line| has_word(line, name) && !defines(line, name) && !is_import(line))
}

/// Whether a text holds a name as a whole word.
pub(crate) fn has_word(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        !text[..at].ends_with(is_ident) && !text[at + name.len()..].starts_with(is_ident)
    })
}

/// Whether a line of code imports something.
fn is_import(code: &str) -> bool {
    const STARTS: [&str; 9] = [
        "import ", "from ", "use ", "pub use ", "#include", "using ", "require", "export ",
        "include ",
    ];
    let code = code.trim_start();
    STARTS.iter().any(|start| code.starts_with(start)) || code.contains("require(")
}

/// Whether a line of code defines a name.
fn defines(code: &str, name: &str) -> bool {
    const WORDS: [&str; 23] = [
        "fn",
        "def",
        "class",
        "struct",
        "enum",
        "trait",
        "type",
        "interface",
        "function",
        "func",
        "let",
        "const",
        "var",
        "val",
        "static",
        "mod",
        "module",
        "object",
        "mut",
        "define",
        "typedef",
        "fun",
        "macro",
    ];
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        if before.ends_with(is_ident) || after.starts_with(is_ident) {
            return false;
        }
        let word = before.trim_end().rsplit(|c: char| !is_ident(c)).next().unwrap_or_default();
        let named = before.ends_with([' ', '\t']) && WORDS.contains(&word);
        let after = after.trim_start();
        let set = after.starts_with(":=")
            || (after.starts_with('=') && !after.starts_with("==") && !after.starts_with("=>"));
        // `x = 1` and `x: int = 1`, and `int x = 1` of C; not `f(x=1)` and not `self.x = 1`.
        let alone = before.trim().is_empty()
            || (before.ends_with([' ', '*', '&']) && !before.contains(['(', '=', '.']));
        // `int load(char *p) {` of C.
        let typed = after.starts_with('(')
            && code.trim_end().ends_with('{')
            && !before.trim().is_empty()
            && !before.contains(['(', '=', '.']);
        named || (set && alone) || typed
    })
}

/// The names of `wanted` that stand in a text.
pub fn found_in<'a>(wanted: &'a [String], text: &str) -> Vec<&'a String> {
    wanted.iter().filter(|name| has_word(text, name)).collect()
}

impl Seen<'_> {
    /// Nothing was looked up.
    pub const NOWHERE: &'static std::collections::BTreeSet<String> =
        &std::collections::BTreeSet::new();
}

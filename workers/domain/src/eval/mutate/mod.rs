//! Small faults that are put into a file on purpose, to see whether a reviewer finds them.
//!
//! Each changes one place of the code of one function, never a comment, a string, a test or a line that only logs. They
//! are found by the words and signs of a line and by the blocks around it: a mutation may not compile, or
//! may change nothing that matters. That is what the project's own tests are asked about.

mod calls;
mod drops;
mod signs;
mod tokens;
mod values;
mod variables;

use crate::builtin::scan::{Scan, family};
use crate::target::{is_test_path, language};
use queue_schema::ids::content_id;
use serde::{Deserialize, Serialize};
use tokens::{Token, tokens};

/// Mutations of one category that are taken of a file at most.
const MOST_OF_CATEGORY: usize = 3;
/// Longest line that is changed, in bytes: what is longer was not written by hand.
const MOST_LINE: usize = 300;

/// What is wrong with a mutated file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Another arithmetical or logical operator.
    Operator,
    /// `<` for `<=`, and the like.
    Bound,
    /// Another number, or true for false.
    Constant,
    /// A value is not converted to its unit.
    Unit,
    /// Two arguments of a call in the wrong order.
    SwappedArguments,
    /// Nobody waits for what was begun.
    DroppedAwait,
    /// An error or a wrong value is not looked for.
    DroppedCheck,
    /// A lock is not taken.
    DroppedLock,
    /// A function goes on, or returns nothing.
    DroppedReturn,
    /// A condition says the contrary.
    InvertedCondition,
    /// Another variable of the same type.
    WrongVariable,
    /// One too many, or one too few.
    OffByOne,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Operator,
        Self::Bound,
        Self::Constant,
        Self::Unit,
        Self::SwappedArguments,
        Self::DroppedAwait,
        Self::DroppedCheck,
        Self::DroppedLock,
        Self::DroppedReturn,
        Self::InvertedCondition,
        Self::WrongVariable,
        Self::OffByOne,
    ];

    /// The name in reports and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Bound => "bound",
            Self::Constant => "constant",
            Self::Unit => "unit",
            Self::SwappedArguments => "swapped_arguments",
            Self::DroppedAwait => "dropped_await",
            Self::DroppedCheck => "dropped_check",
            Self::DroppedLock => "dropped_lock",
            Self::DroppedReturn => "dropped_return",
            Self::InvertedCondition => "inverted_condition",
            Self::WrongVariable => "wrong_variable",
            Self::OffByOne => "off_by_one",
        }
    }
}

/// A change of some neighbouring lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// What is wrong then.
    pub category: Category,
    /// The first of the lines, from 1.
    pub first: u32,
    /// The lines as they are, without their ends.
    pub was: Vec<String>,
    /// What stands there instead; none where they are gone.
    pub now: Vec<String>,
}

impl Mutation {
    /// The file with the fault; `None` for a file that does not have those lines.
    pub fn apply(&self, source: &str) -> Option<String> {
        let lines: Vec<&str> = source.split_inclusive('\n').collect();
        let first = (self.first as usize).checked_sub(1)?;
        let old = lines.get(first..first + self.was.len())?;
        if !old.iter().zip(&self.was).all(|(line, was)| without_end(line) == was) {
            return None;
        }
        let last = old.last()?;
        let end = &last[without_end(last).len()..];
        let mut out = lines[..first].concat();
        for (n, line) in self.now.iter().enumerate() {
            out.push_str(line);
            let own = old.get(n).filter(|_| n + 1 < self.now.len());
            out.push_str(own.map_or(end, |old| &old[without_end(old).len()..]));
        }
        out.push_str(&lines[first + self.was.len()..].concat());
        Some(out)
    }

    /// The lines of the file with the fault where it is, from 1: those that differ, or the two between which some are
    /// gone.
    pub fn seeded(&self) -> (u32, u32) {
        let lines = u32::try_from(self.now.len()).unwrap_or(u32::MAX);
        if lines == 0 {
            return (self.first.saturating_sub(1).max(1), self.first);
        }
        (self.first, self.first.saturating_add(lines - 1))
    }

    /// By what a choice orders it, for a seed.
    pub fn key(&self, seed: u64, path: &str) -> String {
        let (first, now) = (self.first.to_le_bytes(), self.now.join("\n"));
        let parts = [path.as_bytes(), self.category.as_str().as_bytes(), &first, now.as_bytes()];
        content_id(&[&seed.to_le_bytes(), parts[0], parts[1], parts[2], parts[3]])
    }
}

fn without_end(line: &str) -> &str {
    line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line))
}

/// Whether faults can be put into a file of this name.
pub fn is_mutable(path: &str) -> bool {
    let known = matches!(
        language(path),
        "Rust" | "Python" | "JavaScript" | "TypeScript" | "Go" | "Java" | "C" | "C++"
    );
    known && !is_test_path(path)
}

/// The mutations of a file, by their lines: of each category those that a seed puts first.
pub fn mutations(path: &str, source: &str, seed: u64) -> Vec<Mutation> {
    let mut all = every(path, source);
    all.sort_by_cached_key(|mutation| (mutation.category, mutation.key(seed, path)));
    all.dedup();
    let (mut last, mut taken) = (None, 0);
    all.retain(|mutation| {
        taken = if last == Some(mutation.category) { taken + 1 } else { 1 };
        last = Some(mutation.category);
        taken <= MOST_OF_CATEGORY
    });
    all.sort_by_key(|mutation| (mutation.first, mutation.category));
    all
}

/// All mutations of a file.
fn every(path: &str, source: &str) -> Vec<Mutation> {
    let scan = Scan::new(path, source);
    let families = family::PYTHON | family::SCRIPT | family::GO | family::JAVA;
    if !is_mutable(path) || !scan.is(families | family::C | family::CPP | family::RUST) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for i in 0..scan.lines.len() {
        let Some(at) = At::new(&scan, i) else { continue };
        drops::all(&at, &mut out);
        if !at.only_talks() {
            signs::all(&at, &mut out);
            values::all(&at, &mut out);
            calls::all(&at, &mut out);
            variables::all(&at, &mut out);
        }
    }
    out.retain(|mutation| mutation.was != mutation.now);
    out
}

/// A line of the body of a function.
struct At<'s, 'a> {
    scan: &'s Scan<'a>,
    /// From 0.
    i: usize,
    code: &'s str,
    raw: &'a str,
    tokens: Vec<Token<'s>>,
    /// The lines of the function around it, from 0, both inclusive.
    function: (usize, usize),
}

impl<'s, 'a> At<'s, 'a> {
    /// `None` for a line that holds no code of a function.
    fn new(scan: &'s Scan<'a>, i: usize) -> Option<Self> {
        let function = scan.function(i).filter(|f| !f.test && f.first < i)?;
        let (code, raw) = (scan.code(i), scan.raw(i));
        let text = code.trim_start();
        let aside = text.starts_with(['@', '#']) || text.is_empty();
        if aside || raw.len() > MOST_LINE || scan.lines.get(i).is_none_or(|line| line.test) {
            return None;
        }
        let tokens = tokens(code);
        let first = tokens.first()?;
        let imports = ["import", "from", "use", "package", "export", "include", "using"];
        let is_import = imports.contains(&first.text);
        let function = (function.first, function.last);
        (!is_import).then_some(Self { scan, i, code, raw, tokens, function })
    }

    fn is(&self, families: u16) -> bool {
        self.scan.is(families)
    }

    /// Whether the line logs, prints, asserts or says why something failed: a fault there is none.
    fn only_talks(&self) -> bool {
        const TALK: [&str; 15] = [
            "log", "print", "debug", "console", "assert", "panic", "warn", "trace", "throw",
            "raise", "error", "errorf", "bail", "info", "expect",
        ];
        let words = self.tokens.iter().filter(|t| t.kind == tokens::Kind::Word);
        words.map(|t| t.text.to_ascii_lowercase()).any(|word| {
            TALK.contains(&word.as_str())
                || word.starts_with("log")
                || ["printf", "println", "print_", "assert", "perror"]
                    .iter()
                    .any(|talk| word.contains(talk))
        })
    }

    /// Whether the line is the head of a branch or a loop of one of these words.
    fn begins(&self, words: &[&str]) -> bool {
        let text = self.code.trim_start().trim_start_matches('}').trim_start();
        let word = text.split(|c: char| !crate::text::is_ident(c)).next().unwrap_or_default();
        words.contains(&word)
    }

    /// The line with one piece replaced, as a mutation.
    fn put(&self, category: Category, start: usize, end: usize, text: &str) -> Mutation {
        let now = format!("{}{text}{}", &self.raw[..start], &self.raw[end..]);
        self.lines(category, self.i, vec![now])
    }

    /// The lines from this one to `last` replaced.
    fn lines(&self, category: Category, last: usize, now: Vec<String>) -> Mutation {
        let was = self.scan.lines[self.i..=last].iter().map(|line| line.raw.to_owned()).collect();
        let first = u32::try_from(self.i + 1).unwrap_or(u32::MAX);
        Mutation { category, first, was, now }
    }

    /// Each token with the ones before and behind it.
    fn between(&self) -> impl Iterator<Item = [&Token<'s>; 3]> {
        self.tokens.windows(3).filter_map(|three| match three {
            [a, b, c] => Some([a, b, c]),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;

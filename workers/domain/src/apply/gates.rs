//! The gates that need only the texts: path, confidence, unique, size, rationale.

use super::ends::{self, Flat};
use super::parse::Patch;
use super::paths::PathRules;
use crate::text::{clip_marked, is_ident, one_line};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The gates, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The file is the one that was reviewed.
    Fresh,
    /// The path is inside the repository, a regular file, and one that may be changed.
    Path,
    /// The patch is sure enough.
    Confidence,
    /// What it replaces occurs exactly once.
    Unique,
    /// It is small.
    Size,
    /// Its rationale speaks of what it writes.
    Rationale,
    /// A test of the finding fails without it and passes with it.
    Proof,
    /// The check command succeeds.
    Check,
    /// It does not warn more often than before.
    Warnings,
    /// The test command succeeds.
    Tests,
}

impl Gate {
    /// The name used in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Path => "path",
            Self::Confidence => "confidence",
            Self::Unique => "unique",
            Self::Size => "size",
            Self::Rationale => "rationale",
            Self::Proof => "proof",
            Self::Check => "check",
            Self::Warnings => "warnings",
            Self::Tests => "tests",
        }
    }
}

/// The first gate that something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Which.
    pub gate: Gate,
    /// What was wrong, for a person.
    pub reason: String,
}

impl Failed {
    /// A failure at a gate.
    pub fn at(gate: Gate, reason: impl Into<String>) -> Self {
        Self { gate, reason: reason.into() }
    }
}

/// What patches are held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Least confidence of a patch, in percent.
    pub min_conf: u8,
    /// Lines on the larger side at most.
    pub max_lines: u32,
}

/// Windows of a file that are compared when a text was not found.
const WINDOWS: usize = 4_000;
/// Characters of a window that are compared.
const WINDOW_CHARS: usize = 400;
/// Likeness from which a place is worth naming, 0 to 1.
const NEAR: f32 = 0.6;

/// The path gate, as far as the path alone tells. That it is a regular file is for whoever reads the
/// tree.
///
/// # Errors
/// The failure.
pub fn path(path: &str, rules: &PathRules) -> Result<(), Failed> {
    let fail = |reason: &str| Err(Failed::at(Gate::Path, reason));
    let bad = |part: &str| part.is_empty() || part == "." || part == "..";
    if path.is_empty() || path.starts_with('/') || path.contains('\\') || path.contains('\0') {
        return fail("the path is not one inside the repository");
    }
    if path.split('/').any(bad) {
        return fail("the path climbs");
    }
    // `.git` and what some file systems take for it: `.GIT`, `git~1`, with trailing dots and spaces.
    let git = |part: &str| {
        let part = part.trim_end_matches(['.', ' ']).to_lowercase();
        part == ".git" || part.starts_with("git~")
    };
    if path.split('/').any(git) {
        return fail("the path leads into the repository's own directory");
    }
    match rules.refusal(path) {
        Some(why) => Err(Failed::at(Gate::Path, format!("the path {why}"))),
        None => Ok(()),
    }
}

/// Holds one patch against the content it is for; the content with the patch.
///
/// # Errors
/// The first gate that it failed.
pub fn patch(content: &str, patch: &Patch, bounds: &Bounds) -> Result<String, Failed> {
    match patch.confidence {
        None => return Err(Failed::at(Gate::Confidence, "it gives no confidence")),
        Some(c) if c < bounds.min_conf => {
            let reason = format!("{c} %, at least {} are needed", bounds.min_conf);
            return Err(Failed::at(Gate::Confidence, reason));
        }
        Some(_) => {}
    }
    // Whichever line ends the file has, and the answer.
    let (flat, old, new) =
        (Flat::of(content), Flat::of(&patch.old_string).text, Flat::of(&patch.new_string).text);
    let at = unique(&flat.text, &old)?;
    size(&old, &new, bounds.max_lines)?;
    rationale(patch)?;
    let (start, end) = (flat.back(at), flat.back(at + old.len()));
    let place = &content[start..end];
    let written = ends::with_those_of(place, &new, ends::around(content, start));
    Ok([&content[..start], &written, &content[end..]].concat())
}

/// The gate for what a file is written in; `encoding` is empty for UTF-8.
///
/// # Errors
/// The failure.
pub fn encoding(encoding: &str) -> Result<(), Failed> {
    if encoding.is_empty() {
        return Ok(());
    }
    let reason = format!("the file is written in {encoding}; only files in UTF-8 are patched");
    Err(Failed::at(Gate::Path, reason))
}

fn unique(content: &str, old: &str) -> Result<usize, Failed> {
    let fail = |reason: String| Err(Failed::at(Gate::Unique, reason));
    if old.trim().is_empty() {
        return fail("`old_string` is empty".to_owned());
    }
    let mut found = content.match_indices(old).map(|(at, _)| at);
    // Places may overlap: `aa` stands twice in `aaa`.
    let again = |at: usize| {
        let step = content[at..].chars().next().map_or(1, char::len_utf8);
        content[at + step..].contains(old)
    };
    match found.next() {
        Some(at) if !again(at) => Ok(at),
        Some(_) => {
            let n = 1 + found.count();
            fail(format!(
                "`old_string` is {} in the file",
                if n < 2 { "more than once".to_owned() } else { format!("{n} times") }
            ))
        }
        None => fail(format!("`old_string` is not in the file{}", nearest(content, old))),
    }
}

/// Where the file comes closest, for a person.
fn nearest(content: &str, old: &str) -> String {
    let wanted: Vec<&str> = old.trim_matches('\n').lines().collect();
    let lines: Vec<&str> = content.lines().collect();
    let cut = |lines: &[&str]| {
        let text = lines.iter().map(|l| l.trim()).collect::<Vec<_>>().join("\n");
        text.chars().take(WINDOW_CHARS).collect::<String>()
    };
    let target = cut(&wanted);
    let best = lines
        .windows(wanted.len().max(1))
        .take(WINDOWS)
        .enumerate()
        .map(|(at, window)| (likeness(&target, &cut(window)), at))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    match best {
        Some((ratio, at)) if ratio >= NEAR => {
            let shown = clip_marked(&one_line(lines[at]), 80);
            format!("; nearest is line {}: {shown}", at + 1)
        }
        _ => String::new(),
    }
}

fn likeness(a: &str, b: &str) -> f32 {
    // Texts whose lengths differ so much can't be alike enough; this only saves the time to compare them.
    if (2 * a.len().min(b.len())) as f32 / ((a.len() + b.len()).max(1) as f32) < NEAR {
        return 0.0;
    }
    strsim::sorensen_dice(a, b) as f32
}

fn size(old: &str, new: &str, most: u32) -> Result<(), Failed> {
    if old == new {
        return Err(Failed::at(Gate::Size, "it changes nothing"));
    }
    let lines = old.lines().count().max(new.lines().count());
    if lines > most as usize {
        return Err(Failed::at(Gate::Size, format!("{lines} lines, at most {most} are allowed")));
    }
    Ok(())
}

fn rationale(patch: &Patch) -> Result<(), Failed> {
    let written: BTreeSet<String> = words(&patch.new_string).collect();
    // What stands in backquotes is meant as code, though it be an English word: `used`.
    let quoted = patch.rationale.split('`').skip(1).step_by(2).flat_map(words);
    let plain = words(&patch.rationale).filter(|w| !STOPWORDS.contains(&w.as_str()));
    let said: Vec<String> = quoted.chain(plain).collect();
    if said.iter().any(|word| written.contains(word)) {
        return Ok(());
    }
    let reason = if said.is_empty() {
        "there is no rationale"
    } else {
        "no word of the rationale stands in what it writes"
    };
    Err(Failed::at(Gate::Rationale, reason))
}

/// Words that could be identifiers, in lower case. A single letter says nothing.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c| !is_ident(c))
        .filter(|w| w.chars().count() > 1 && !w.chars().all(|c| c.is_ascii_digit()))
        .map(str::to_lowercase)
}

/// English words that stand in any rationale.
const STOPWORDS: &[&str] = &[
    "about", "add", "added", "adds", "after", "all", "also", "always", "an", "and", "any", "are",
    "as", "at", "be", "because", "been", "before", "being", "but", "by", "can", "cannot", "change",
    "changed", "changes", "code", "could", "did", "do", "does", "done", "drop", "dropped", "drops",
    "each", "else", "file", "fix", "fixed", "fixes", "for", "from", "function", "had", "has",
    "have", "here", "how", "if", "in", "instead", "into", "is", "it", "its", "just", "line",
    "lines", "longer", "make", "makes", "may", "more", "must", "never", "no", "not", "now", "of",
    "on", "one", "only", "or", "other", "out", "over", "remove", "removed", "removes", "replace",
    "replaced", "same", "should", "since", "so", "some", "such", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "to", "too", "two", "under", "up",
    "use", "used", "uses", "using", "was", "we", "were", "what", "when", "where", "which", "while",
    "why", "will", "with", "without", "would", "you",
];

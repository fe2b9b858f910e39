//! Findings of linters that a project already runs, read from a SARIF 2.1.0 log.
//!
//! They are shown to reviewers as hints that may be wrong, each file's own only, and a finding that says
//! the same of the same line names them. What a message says is the words of whoever wrote the code or
//! the rule: it is material like the file.

mod sarif;

use crate::retrieve::terms;
use crate::text::{clip_marked, one_line};
use queue_schema::limits::HintLimits;
use queue_schema::rows::Finding;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Characters of a message that are kept.
const MESSAGE: usize = 300;
/// Characters of the name of a rule or program that are kept.
const NAME: usize = 80;
/// Lines between a finding and a hint on the same thing: linters name the line of the statement, a
/// quote may begin at its decorator.
const NEAR: u32 = 1;
/// Terms that a finding and a hint share when they mean the same.
const SHARED: usize = 2;

/// How grave a linter says that something is, gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Wrong.
    Error,
    /// May be wrong.
    Warning,
    /// For the reader.
    Note,
}

/// What a linter says of a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hint {
    /// How grave.
    pub level: Level,
    /// From 1; 0 for the file as a whole.
    pub line: u32,
    /// Program and rule, as `ruff F401`.
    pub rule: String,
    /// What it says.
    pub message: String,
}

/// All hints of a sweep, by file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hints {
    files: BTreeMap<String, Vec<Hint>>,
    /// Results that name no file of the repository, or no place.
    #[serde(default)]
    pub elsewhere: usize,
}

impl Hints {
    /// Reads a SARIF log. `root` is where the repository lies, for logs with absolute paths. Of each
    /// file, `most` hints are kept, the gravest first.
    ///
    /// # Errors
    /// What is wrong with the log, and where in it.
    pub fn read(log: &str, root: &str, most: usize) -> Result<Self, String> {
        let mut hints = sarif::read(log, root)?;
        for list in hints.files.values_mut() {
            list.sort();
            list.dedup();
            list.truncate(most);
        }
        Ok(hints)
    }

    /// The form in which a sweep keeps them.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads that form.
    ///
    /// # Errors
    /// When it is another one.
    pub fn of_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Those of one file that a reviewer is shown, in the order of its lines.
    pub fn of(&self, path: &str, limits: HintLimits) -> Vec<Hint> {
        let list = self.files.get(path).map(Vec::as_slice).unwrap_or_default();
        let mut bytes = 0;
        let fits = |hint: &&Hint| {
            bytes += told(hint).len();
            bytes <= limits.max_bytes as usize
        };
        let mut shown: Vec<Hint> =
            list.iter().take(limits.max_count as usize).take_while(fits).cloned().collect();
        shown.sort_by_key(|hint| hint.line);
        shown
    }

    fn add(&mut self, path: String, level: Level, line: u32, rule: &str, message: &str) {
        let hint = Hint {
            level,
            line,
            rule: clip_marked(&one_line(rule), NAME),
            message: clip_marked(&one_line(message), MESSAGE),
        };
        self.files.entry(path).or_default().push(hint);
    }
}

fn told(hint: &Hint) -> String {
    let level = match hint.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let place = if hint.line == 0 { "the file".to_owned() } else { format!("line {}", hint.line) };
    format!("{place}, {level} of {}: {}\n", hint.rule, hint.message)
}

/// The hints as a reviewer is shown them; empty without any.
pub fn list(hints: &[Hint]) -> String {
    hints.iter().fold(String::new(), |mut out, hint| {
        let _ = write!(out, "{}", told(hint));
        out
    })
}

/// Marks the findings that say what a linter says of the same lines.
pub fn mark(findings: &mut [Finding], hints: &[Hint]) {
    for finding in findings {
        let Some(line) = finding.line else { continue };
        let last = finding.end_line.unwrap_or(line);
        let words = terms(&finding.text);
        let same = hints.iter().find(|hint| {
            let near = line.saturating_sub(NEAR) <= hint.line && hint.line <= last + NEAR;
            near && hint.line > 0 && means_the_same(&words, hint)
        });
        finding.hinted = same.map(|hint| hint.rule.clone());
    }
}

fn means_the_same(words: &[String], hint: &Hint) -> bool {
    // What every message holds tells nothing.
    const COMMON: [&str; 12] = [
        "this", "that", "with", "line", "code", "should", "used", "from", "file", "value",
        "function", "consider",
    ];
    let mut said: Vec<String> = terms(&hint.message);
    said.retain(|w| w.len() > 2 && !COMMON.contains(&w.as_str()));
    said.sort_unstable();
    said.dedup();
    let shared = said.iter().filter(|w| words.contains(w)).count();
    let rule = hint.rule.split(' ').next_back().unwrap_or_default().to_lowercase();
    let named = rule.len() > 3 && words.contains(&rule);
    named || shared >= SHARED.min(said.len()).max(1) && shared * 4 >= said.len()
}

#[cfg(test)]
mod tests;

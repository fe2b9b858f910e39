//! Reading what reviewers write. Forgiving in form, strict in content: what can't be parsed is
//! `None`, never guessed, and no input makes a parser panic.

pub(crate) mod bounds;
pub(crate) mod code;
mod confidence;
mod fields;
mod forensic;
pub(crate) mod items;
pub(crate) mod labels;
mod lenient;
mod markdown;
mod nothing;
mod numbers;
mod quote;
mod table;

pub use forensic::{Verdicts, forensic, verdicts};
pub(crate) use forensic::{objects, ranges as objects_at};
pub(crate) use markdown::has_unread;
pub use markdown::markdown;
pub(crate) use nothing::{is_clean_review, says_nothing};
pub(crate) use table::cells;

use queue_schema::rows::{FLAGS, Finding, FindingKind};
use std::collections::BTreeSet;

/// In which form an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prose with headings and lists.
    Markdown,
    /// One JSON object by the forensic schema.
    ForensicJson,
}

impl Format {
    /// The name used in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::ForensicJson => "forensic_json",
        }
    }
}

/// How many entries a forensic answer has under each name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForensicCounts {
    /// Entries under `critical_failures`.
    pub critical_failures: u32,
    /// Entries under `pseudocode_flags`.
    pub pseudocode_flags: u32,
    /// Entries under `prd_mismatches`.
    pub prd_mismatches: u32,
    /// Entries under `broken_pipelines`.
    pub broken_pipelines: u32,
    /// Entries under `missing_components`.
    pub missing_components: u32,
    /// Entries under `risk_points`.
    pub risk_points: u32,
    /// Entries under `verified_components`.
    pub verified_components: u32,
    /// Entries under `required_next_actions`.
    pub required_next_actions: u32,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The form it came in.
    pub format: Format,
    /// 1 to 10.
    pub alignment_score: Option<f64>,
    /// `pass`, `needs_patch` or `fail`, where the answer says so. Only that of a forensic one is a row's.
    pub verdict: Option<String>,
    /// The findings, not yet anchored.
    pub findings: Vec<Finding>,
    /// Only a forensic answer has them.
    pub counts: Option<ForensicCounts>,
    /// It was cut, and these are its finished findings.
    pub cut: bool,
}

/// More than any review has; a bound on what a run-away answer can put into a row.
const MOST_FINDINGS: usize = 200;

/// The findings without those that say again what was said: a model that loops says it once.
fn once(findings: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut said =
        |f: &Finding| seen.insert((f.kind.as_str(), f.text.clone(), f.quote.clone(), f.confidence));
    findings.into_iter().filter(|f| said(f)).take(MOST_FINDINGS).collect()
}

/// The semantic flags that some words name, each once, in the order of [`FLAGS`].
fn flags(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let named = |flag: &&&str| words.iter().any(|word| word.eq_ignore_ascii_case(flag));
    FLAGS.iter().filter(named).map(|flag| (*flag).to_owned()).collect()
}

fn finding(kind: FindingKind, text: String) -> Finding {
    Finding::new(kind, text)
}

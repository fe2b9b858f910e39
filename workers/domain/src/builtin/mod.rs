//! The built-in reviewer: static checks with evidence, written in the form of a review.
//!
//! It is what runs when no model is at hand. It is no model, and says so: it sees what the text
//! alone shows, gives each claim the confidence that deserves, and leaves the alignment score
//! out, because comparing words is not judging meaning.

mod catalogue;
mod checks;
mod conditions;
mod errors;
mod flow;
pub(crate) mod functions;
mod judges;
pub(crate) mod lex;
mod markers;
mod python;
mod resources;
mod rows;
pub(crate) mod scan;
mod strings;
mod summary;
pub(crate) mod symbols;
mod terms;
mod values;
mod write;

pub use markers::markers;
pub use summary::summarise;
pub use terms::prd_terms;
pub use write::{review_forensic, review_markdown};

use crate::retrieve::terms;
use crate::severity::Severity;
use checks::Hit;
use queue_schema::rows::{Confirmed, Finding};
use scan::Scan;
use std::collections::BTreeSet;

/// More findings than this are not read.
const MOST_FINDINGS: usize = 8;

/// What is reviewed.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Path in the repository.
    pub path: &'a str,
    /// The file.
    pub source: &'a str,
    /// Words of the PRD that a file on its subject would mention.
    pub prd_terms: &'a [String],
}

/// Checks whose form proves the fault and whose change is the same few characters each time.
const MECHANICAL: [&str; 10] = [
    "assert-tuple",
    "assigned-compare",
    "empty-statement",
    "is-literal",
    "mask-compare",
    "nan",
    "not-compare",
    "not-in",
    "string-identity",
    "yaml-load",
];

/// Marks the findings of the built-in reviewer that need no second opinion: a rule found them, and their change is
/// mechanical.
pub fn confirm(findings: &mut [Finding]) {
    for finding in findings.iter_mut().filter(|f| f.anchored) {
        let claim = finding.text.lines().next().unwrap_or_default();
        let mut checks = checks::CHECKS.iter().filter(|c| MECHANICAL.contains(&c.name));
        let mechanical = checks.any(|check| {
            let (before, after) = check.title.split_once("{}").unwrap_or((check.title, ""));
            claim.trim_start_matches('*').starts_with(before) && claim.contains(after)
        });
        if mechanical {
            finding.confirmed = Some(Confirmed::Program);
        }
    }
}

/// What a check finds at one line.
pub(crate) struct Fault {
    pub(crate) severity: Severity,
    /// Line, from 1.
    pub(crate) line: u32,
    pub(crate) title: String,
    pub(crate) fails: &'static str,
    pub(crate) change: &'static str,
    pub(crate) quote: String,
    pub(crate) function: Option<String>,
}

/// What the checks find on the lines that are wanted, the gravest first; of a check that finds many places together,
/// the first one.
pub(crate) fn on_lines(path: &str, source: &str, wanted: &dyn Fn(u32) -> bool) -> Vec<Fault> {
    let scan = Scan::new(path, source);
    let number = |line: usize| u32::try_from(line).unwrap_or(u32::MAX);
    let fault = |hit: Hit| {
        let line = *hit.lines.iter().find(|line| wanted(number(**line)))?;
        Some(Fault {
            severity: hit.check.severity,
            line: number(line),
            title: hit.title,
            fails: hit.check.fails,
            change: hit.check.change,
            quote: checks::quotable(scan.shown(line - 1)),
            function: scan.function(line - 1).map(|f| f.name.clone()),
        })
    };
    checks::run(&scan).into_iter().filter_map(fault).collect()
}

/// What all checks found, and what they looked at.
struct Report<'a> {
    scan: Scan<'a>,
    hits: Vec<Hit>,
    /// Findings that were too many.
    more: usize,
    prd: Prd,
}

/// Terms of the PRD, by whether the file mentions them.
#[derive(Default)]
struct Prd {
    mentioned: Vec<String>,
    missing: Vec<String>,
}

impl Prd {
    fn of(subject: &Subject<'_>) -> Self {
        let words: BTreeSet<String> =
            terms(subject.source).into_iter().chain(terms(subject.path)).collect();
        let mut prd = Self::default();
        for term in subject.prd_terms {
            let parts = terms(term);
            if parts.is_empty() {
                continue;
            }
            let known = parts.iter().all(|p| words.contains(p));
            if known { &mut prd.mentioned } else { &mut prd.missing }.push(term.clone());
        }
        prd
    }

    /// Missing words mean something only where most of the others occur: any other file is
    /// likely about something else.
    fn is_telling(&self) -> bool {
        !self.missing.is_empty() && self.mentioned.len() >= self.missing.len()
    }
}

impl<'a> Report<'a> {
    fn new(subject: &Subject<'a>) -> Self {
        let scan = Scan::new(subject.path, subject.source);
        let mut hits = checks::run(&scan);
        let more = hits.len().saturating_sub(MOST_FINDINGS);
        hits.truncate(MOST_FINDINGS);
        Self { scan, hits, more, prd: Prd::of(subject) }
    }
}

#[cfg(test)]
mod tests;

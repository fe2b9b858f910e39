//! `[diff]`: how a change is reviewed.

use crate::validate::Checks;
use queue_schema::sweep::{DiffBounds, DiffFailOn};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Bytes of a part at most, whatever the settings say: it goes into one prompt.
const MOST_BYTES: u64 = 16 << 20;

/// `[diff]`: how a change is reviewed, by whom, and when a review of one fails.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffSettings {
    /// Bytes of a part of a change at most, where nothing in it is larger by itself.
    pub split_over_bytes: u64,
    /// A part of more bytes is warned of.
    pub warn_over_bytes: u64,
    /// A part of more bytes is refused, unless forced.
    pub refuse_over_bytes: u64,
    /// Bytes of the code around the hunks of a part that reviewers see.
    pub context_bytes: u64,
    /// Findings of earlier sweeps in the files of a part that reviewers are told of at most.
    pub max_hints: u32,
    /// Tokens to generate for the review of a part.
    pub max_tokens: u32,
    /// Findings of a part that a reviewer is asked for at most.
    pub max_findings: u32,
    /// How often the last rung of a reviewer is asked again after an answer that can't be used.
    pub retries: u32,
    /// For which findings a review ends with exit code 1.
    pub fail_on: DiffFailOn,
    /// Reviewers by name: `PROVIDER/MODEL`, or the name of a ladder; empty for none of that name.
    pub reviewers: BTreeMap<String, String>,
}

impl DiffSettings {
    /// What is frozen into a sweep.
    pub fn bounds(&self, force: bool) -> DiffBounds {
        // No `..`: a new bound without a setting must not compile.
        DiffBounds {
            split_over_bytes: self.split_over_bytes,
            warn_over_bytes: self.warn_over_bytes,
            refuse_over_bytes: self.refuse_over_bytes,
            force,
            context_bytes: self.context_bytes,
            max_hints: self.max_hints,
            max_tokens: self.max_tokens,
            max_findings: self.max_findings,
            retries: self.retries,
        }
    }

    pub(crate) fn validate(&self, check: &mut Checks) {
        check.range("diff.split_over_bytes", self.split_over_bytes, 1000, MOST_BYTES);
        check.range("diff.warn_over_bytes", self.warn_over_bytes, 1000, MOST_BYTES);
        check.range("diff.refuse_over_bytes", self.refuse_over_bytes, 1000, MOST_BYTES);
        if self.refuse_over_bytes < self.split_over_bytes {
            let what = format!(
                "{} bytes are less than diff.split_over_bytes ({}): what is not split would be refused",
                self.refuse_over_bytes, self.split_over_bytes
            );
            check.add("diff.refuse_over_bytes", what, "raise it, or lower diff.split_over_bytes");
        }
        check.range("diff.context_bytes", self.context_bytes, 0, 1 << 20);
        check.range("diff.max_hints", self.max_hints.into(), 0, 200);
        check.range("diff.max_tokens", self.max_tokens.into(), 1, 1_000_000);
        check.range("diff.max_findings", self.max_findings.into(), 1, 100);
        check.range("diff.retries", self.retries.into(), 0, 10);
        for (name, model) in &self.reviewers {
            let key = format!("diff.reviewers.{name}");
            if !is_reviewer(name) {
                let what = format!("'{name}' can't be the name of a reviewer");
                check.add(&key, what, "use 1 to 32 of a-z, 0-9, _, - and .");
            }
            if !model.is_empty() && model.trim().is_empty() {
                let fix = "write PROVIDER/MODEL or the name of a ladder, or leave it empty";
                check.add(&key, "a blank is no model".to_owned(), fix);
            }
        }
    }
}

/// Whether a name can be a reviewer's: it stands in tallies and in exit messages.
pub fn is_reviewer(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
    (1..=32).contains(&name.len()) && name.bytes().all(plain)
}

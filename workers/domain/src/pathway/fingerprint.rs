//! Mistakes of an area that come back: what they are learnt from, how they are shown, and how they fade.

use super::pattern_key;
use crate::redact::Known as Secrets;
use crate::text::{clip_marked, one_line};
use queue_schema::rows::{FLAGS, Finding};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Characters of an example that are kept.
const EXAMPLE: usize = 300;
/// Bytes of a pattern key at most: a flag and three names.
const KEY_BYTES: usize = 900;

/// A mistake that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Its semantic flag.
    pub flag: String,
    /// See [`pattern_key`].
    pub pattern_key: String,
    /// The words of the review that found it last: the claim, and the code that it quotes.
    #[serde(default)]
    pub example: String,
    /// How often it was found.
    #[serde(default)]
    pub occurrences: u32,
}

impl Fingerprint {
    /// Whether its flag is one, and its key a key of that flag.
    pub fn is_whole(&self) -> bool {
        let names =
            self.pattern_key.strip_prefix(&self.flag).and_then(|rest| rest.strip_prefix(':'));
        let fits = names
            .is_some_and(|names| !names.trim().is_empty() && !names.contains(char::is_control));
        FLAGS.contains(&self.flag.as_str()) && fits && self.pattern_key.len() <= KEY_BYTES
    }
}

/// The keys of some mistakes, in their order.
pub fn keys_of(prints: &[Fingerprint]) -> Vec<String> {
    prints.iter().map(|print| print.pattern_key.clone()).collect()
}

/// Whether anything is learnt from a finding: its code is in the file, and no check speaks against it.
pub fn teaches(finding: &Finding) -> bool {
    finding.anchored && finding.checks.is_empty() && finding.kind.is_actionable()
}

/// The mistakes that a review of a file found, each once. Reviewers of other files are told of them, and may not be local.
pub fn fingerprints(findings: &[Finding], source: &str) -> Vec<Fingerprint> {
    if !findings.iter().any(teaches) {
        return Vec::new();
    }
    let secrets = Secrets::of(source);
    let mut found: BTreeMap<String, Fingerprint> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| teaches(finding)) {
        for flag in &finding.flags {
            let Some(key) = pattern_key(flag, &finding.text) else { continue };
            let print = found.entry(key.clone()).or_insert_with(|| Fingerprint {
                flag: flag.clone(),
                pattern_key: key,
                example: example(finding, &secrets),
                occurrences: 0,
            });
            print.occurrences += 1;
        }
    }
    found.into_values().collect()
}

/// The claim and its code on one line. Masked while it is whole: nobody knows a secret that a cut divides.
fn example(finding: &Finding, secrets: &Secrets<'_>) -> String {
    let quote = finding.quote.as_deref().unwrap_or_default();
    let claim = finding.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let whole = if quote.is_empty() { claim.to_owned() } else { format!("{claim} | {quote}") };
    clip_marked(&one_line(&secrets.safe(&whole).text), EXAMPLE)
}

/// What an area knows of a mistake.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// The mistake, with all its occurrences.
    pub print: Fingerprint,
    /// Number of the sweep that saw it first.
    pub since: u64,
    /// Number of the sweep that saw it last.
    pub last_seen: u64,
    /// Who rejected it and why.
    pub rejected: Option<String>,
}

impl Known {
    /// Whether a reviewer of this sweep is told of it: it was not rejected, and not forgotten.
    pub fn is_shown(&self, seq: u64, forget_sweeps: u32) -> bool {
        let unseen = seq.saturating_sub(self.last_seen);
        self.rejected.is_none() && self.print.is_whole() && unseen <= u64::from(forget_sweeps)
    }
}

/// Those that a reviewer is shown, most frequent first, at most `most`, their examples cut.
pub fn shown<'a>(
    known: impl IntoIterator<Item = &'a Known>,
    seq: u64,
    forget_sweeps: u32,
    (most, chars): (u32, u32),
) -> Vec<Fingerprint> {
    let mut known: Vec<&Known> =
        known.into_iter().filter(|known| known.is_shown(seq, forget_sweeps)).collect();
    let rank = |known: &Known| std::cmp::Reverse((known.print.occurrences, known.last_seen));
    known.sort_by(|a, b| {
        rank(a).cmp(&rank(b)).then_with(|| a.print.pattern_key.cmp(&b.print.pattern_key))
    });
    let cut = |known: &Known| Fingerprint {
        example: clip_marked(&known.print.example, chars as usize),
        ..known.print.clone()
    };
    known.into_iter().take(most as usize).map(cut).collect()
}

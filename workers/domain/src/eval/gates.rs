//! What each gate that rejects a whole answer is worth: what a run would have come to if the first answer that it
//! rejects of each file had been taken as it stands.
//!
//! Nothing has to run again for it: what would have been taken is kept with the attempt, and with it the file would
//! have been done, so that what was asked later is what the gate costs.

use super::case::Built;
use super::figures::Pair;
use super::score::{Judged, Outcome, Verdict};
use crate::anchor::anchor;
use crate::clean::clean;
use crate::material::Material;
use crate::parse::{self, Verdicts};
use queue_schema::rows::{Attempt, Finding, Outcome as Ended};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An answer that a gate rejected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// The gate, as attempts name it: thin, malformed, leaked, truncated, refused.
    pub gate: String,
    /// What the answer says, held against the case. Of a long answer only its beginning is kept.
    pub findings: Vec<Judged>,
    /// Attempts after it.
    pub calls_after: usize,
    /// Their tokens.
    pub tokens_after: u64,
}

/// What a gate costs, and what it saves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Its name.
    pub gate: String,
    /// Answers that it rejected.
    pub answers: usize,
    /// Files of these answers.
    pub files: usize,
    /// Files of them that have no review in the end.
    pub lost: usize,
    /// Right findings of the first rejected answer of each file.
    pub right: usize,
    /// False ones.
    pub wrong: usize,
    /// Those that nobody can judge.
    pub undecided: usize,
    /// Attempts that would not have been made without the gate.
    pub calls: usize,
    /// Their tokens.
    pub tokens: u64,
    /// Precision as it is; null where no finding can be judged.
    pub precision_with: Option<f64>,
    /// Precision without the gate.
    pub precision_without: Option<f64>,
    /// Faults found, by all faults; null without a fault.
    pub recall_with: Option<f64>,
    /// The same without the gate.
    pub recall_without: Option<f64>,
}

/// The answers about a case that a gate rejected, by the judgement of their findings.
pub(super) fn rejected(
    built: &Built,
    attempts: &[Attempt],
    judged: impl Fn(Vec<Finding>) -> Vec<Judged>,
) -> Vec<Rejected> {
    let by_gate = |a: &Attempt| {
        !matches!(a.outcome, Ended::Accepted | Ended::Error) && !a.answer_preview.is_empty()
    };
    let each = attempts.iter().enumerate().filter(|(_, a)| by_gate(a));
    each.map(|(at, attempt)| {
        let after = &attempts[at + 1..];
        Rejected {
            gate: attempt.outcome.to_string(),
            findings: judged(findings(built, &attempt.answer_preview)),
            calls_after: after.len(),
            tokens_after: after.iter().map(|a| a.tokens_in + a.tokens_out).sum(),
        }
    })
    .collect()
}

/// What an answer says, whatever the gates think of it.
fn findings(built: &Built, answer: &str) -> Vec<Finding> {
    let text = clean(answer);
    let material = Material::of(std::iter::once(built.text.as_str()));
    let parsed = match parse::verdicts(&text, true, &material) {
        Verdicts::One(parsed) => *parsed,
        _ => parse::markdown(&text),
    };
    let mut findings = parsed.findings;
    anchor(&mut findings, &built.case.place, &built.text);
    findings
}

/// What each gate that rejected an answer is worth, by name.
pub fn gates(pairs: &[Pair<'_>]) -> Vec<Gate> {
    let all = || pairs.iter().flat_map(|(_, o)| &o.rejected);
    let names: BTreeSet<&str> = all().map(|r| r.gate.as_str()).collect();
    names.into_iter().map(|name| one(pairs, name)).collect()
}

fn one(pairs: &[Pair<'_>], gate: &str) -> Gate {
    let taken: BTreeMap<&str, &Rejected> = pairs
        .iter()
        .filter_map(|(case, o)| {
            Some((case.id.as_str(), o.rejected.iter().find(|r| r.gate == gate)?))
        })
        .collect();
    let first = |verdict| {
        let findings = taken.values().flat_map(|r| &r.findings);
        findings.filter(|f| f.verdict == verdict).count()
    };
    let lost = |(case, o): &&Pair<'_>| taken.contains_key(case.id.as_str()) && !o.is_reviewed();
    let (precision_with, recall_with) = shares(pairs, |o| &o.findings);
    let (precision_without, recall_without) =
        shares(pairs, |o| taken.get(o.case.as_str()).map_or(&o.findings, |r| &r.findings));
    Gate {
        gate: gate.to_owned(),
        answers: pairs.iter().flat_map(|(_, o)| &o.rejected).filter(|r| r.gate == gate).count(),
        files: taken.len(),
        lost: pairs.iter().filter(lost).count(),
        right: first(Verdict::Right),
        wrong: first(Verdict::False),
        undecided: first(Verdict::Undecided),
        calls: taken.values().map(|r| r.calls_after).sum(),
        tokens: taken.values().map(|r| r.tokens_after).sum(),
        precision_with,
        precision_without,
        recall_with,
        recall_without,
    }
}

/// Precision and recall by the findings that a case is said to have.
fn shares<'a>(
    pairs: &'a [Pair<'a>],
    findings: impl Fn(&'a Outcome) -> &'a Vec<Judged>,
) -> (Option<f64>, Option<f64>) {
    let share = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
    let (mut right, mut judged, mut found, mut seeded) = (0, 0, 0, 0);
    for (case, outcome) in pairs {
        let of = |verdict| findings(outcome).iter().filter(|f| f.verdict == verdict).count();
        right += of(Verdict::Right);
        judged += of(Verdict::Right) + of(Verdict::False);
        if case.is_seeded() {
            seeded += 1;
            found += usize::from(of(Verdict::Right) > 0);
        }
    }
    (share(right, judged), share(found, seeded))
}

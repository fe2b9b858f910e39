//! What each gate that rejects a whole answer is worth: what a run would have come to if the first answer that it
//! rejects of each file had been taken as it stands.
//!
//! Nothing has to run again for it: the attempt keeps what the answer said. Had it been taken, the file would have been
//! done. So the attempts after it are what the gate costs.

use super::case::Built;
use super::figures::{Pair, Sides};
use super::score::{Judged, Outcome, Verdict};
use crate::anchor::anchor;
use crate::clean::clean;
use crate::material::Material;
use crate::parse::{self, Verdicts};
use queue_schema::rows::{Attempt, Finding, Outcome as Ended};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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
    /// With the gate, and without it.
    #[serde(flatten)]
    pub sides: Sides,
}

/// The answers about a case that a gate rejected. `judged` holds findings against the case.
pub(super) fn rejected(
    built: &Built,
    attempts: &[Attempt],
    judged: impl Fn(&[Finding]) -> Vec<Judged>,
) -> Vec<Rejected> {
    let by_gate = |a: &Attempt| {
        !matches!(a.outcome, Ended::Accepted | Ended::Error) && !a.answer_preview.is_empty()
    };
    let each = attempts.iter().enumerate().filter(|(_, a)| by_gate(a));
    each.map(|(at, attempt)| {
        let after = &attempts[at + 1..];
        Rejected {
            gate: attempt.outcome.to_string(),
            findings: judged(&findings(built, &attempt.answer_preview)),
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

/// The answer that would have been taken without the gate.
fn first<'a>(outcome: &'a Outcome, gate: &str) -> Option<&'a Rejected> {
    outcome.rejected.iter().find(|r| r.gate == gate)
}

fn one(pairs: &[Pair<'_>], gate: &str) -> Gate {
    let taken: Vec<(&Outcome, &Rejected)> =
        pairs.iter().filter_map(|(_, o)| Some((*o, first(o, gate)?))).collect();
    let says = |verdict| {
        let findings = taken.iter().flat_map(|(_, r)| &r.findings);
        findings.filter(|f| f.verdict == verdict).count()
    };
    Gate {
        gate: gate.to_owned(),
        answers: pairs.iter().flat_map(|(_, o)| &o.rejected).filter(|r| r.gate == gate).count(),
        files: taken.len(),
        lost: taken.iter().filter(|(o, _)| !o.is_reviewed()).count(),
        right: says(Verdict::Right),
        wrong: says(Verdict::False),
        undecided: says(Verdict::Undecided),
        calls: taken.iter().map(|(_, r)| r.calls_after).sum(),
        tokens: taken.iter().map(|(_, r)| r.tokens_after).sum(),
        sides: Sides::new(pairs, |o| {
            first(o, gate).map_or(&o.findings, |r| &r.findings).iter().collect()
        }),
    }
}

//! What a reviewer's findings come to, held against the places of the faults.
//!
//! A finding at the fault is right, and the fault is then found. The same finding of the clean file is none of the
//! fault: whoever says of a line that it is wrong whether it is or not has found nothing. So a claim that also stands
//! in the review of the clean file is false in both. What else is said of a file with a fault can't be judged: it
//! may be what the fault does elsewhere, or nothing. What is said of a clean file counts as false.

use super::case::{Built, Case};
use super::gates::{self, Rejected};
use super::worth::marks;
use crate::findings::{LineMap, Older, Said, View, likeness, matching_by_all, observe};
use crate::report::FileReport;
use crate::review::Spent;
use crate::text::{clip, one_line};
use queue_schema::rows::{Attempt, Finding, ReviewRow};
use queue_schema::sweep::TargetStatus;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Lines that a finding may be away from the fault.
pub const NEAR_LINES: u32 = 3;
/// Characters that are kept of a claim.
const CLAIM_CHARS: usize = 300;
/// Characters that are kept of why a file was not reviewed.
const REASON_CHARS: usize = 200;

/// What is said of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is at the fault.
    Right,
    /// There is no fault, or it is said of the clean file as well.
    False,
    /// Nobody can tell.
    Undecided,
}

/// A finding that was held against the case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The claim, cut.
    pub text: String,
    /// Its lines, from 1; null for one that is at no place.
    pub lines: Option<(u32, u32)>,
    /// As the model said, 0 to 1; null where it said none that can be read.
    pub confidence: Option<f64>,
    /// What it comes to.
    pub verdict: Verdict,
    /// The same claim stands in the review of the clean file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub also_of_clean: bool,
    /// The checks that it failed and what second opinions say against it, by the names of [`super::worth`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The id of the case.
    pub case: String,
    /// `reviewed`, or how else its file ended: unresolved, skipped, left_out, cancelled, waiting.
    pub status: String,
    /// Why it was not reviewed, and how its last attempt ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `whole`, or `notes` for a file that was read in parts; null for one that was not reviewed.
    pub read: Option<String>,
    /// `provider/model` of the accepted review.
    pub model: Option<String>,
    /// Whether the fault was found; false for a clean file.
    pub hit: bool,
    /// The findings that ask for something.
    pub findings: Vec<Judged>,
    /// The answers that a gate rejected, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejected>,
    /// Dollars of all calls about it; null where nobody told.
    pub cost_usd: Option<f64>,
    /// Seconds in calls about it.
    pub seconds: f64,
    /// Tokens of all calls about it, prompts and answers; those of the cache are not among them.
    #[serde(default)]
    pub tokens: u64,
    /// Its answer was found and not asked for: cost and seconds are those of another run, or missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
}

impl Outcome {
    /// Whether there is a review.
    pub fn is_reviewed(&self) -> bool {
        self.status == REVIEWED
    }

    /// Findings with this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|f| f.verdict == verdict).count()
    }
}

/// The status of a case that was reviewed.
pub const REVIEWED: &str = "reviewed";

/// A finding whose claim is known to be right or wrong: what a model's confidences are held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// `provider/model`.
    pub model: String,
    /// As the model said, 0 to 1; null where it said none that can be read.
    pub confidence: Option<f64>,
    /// Whether it is right.
    pub right: bool,
    /// The id of the case.
    pub case: String,
    /// Always `eval`.
    pub source: String,
}

/// Judges the reviews of some cases, in the order of the cases. A case without a file was never planned.
pub fn score(cases: &[Built], files: &BTreeMap<String, FileReport>) -> Vec<Outcome> {
    let by_id: BTreeMap<&str, &Built> = cases.iter().map(|c| (c.case.id.as_str(), c)).collect();
    let file_of = |case: &Case| files.get(&case.place);
    cases
        .iter()
        .map(|built| {
            let twin = built.case.clean.as_deref().and_then(|id| by_id.get(id));
            let clean = twin.and_then(|twin| Some((*twin, file_of(&twin.case)?.row.as_ref()?)));
            outcome(built, file_of(&built.case), clean)
        })
        .collect()
}

/// The labels of some outcomes, in their order.
pub fn labels(outcomes: &[Outcome]) -> Vec<Label> {
    let of = |outcome: &Outcome, finding: &Judged| {
        Some(Label {
            model: outcome.model.clone()?,
            confidence: finding.confidence,
            right: match finding.verdict {
                Verdict::Right => true,
                Verdict::False => false,
                Verdict::Undecided => return None,
            },
            case: outcome.case.clone(),
            source: "eval".to_owned(),
        })
    };
    outcomes.iter().flat_map(|o| o.findings.iter().filter_map(move |f| of(o, f))).collect()
}

/// Gives calls that were answered from the cache the cost and time that the same answers took in an earlier run.
pub fn paid_before(
    files: &mut BTreeMap<String, FileReport>,
    before: &[&BTreeMap<String, FileReport>],
) {
    let key = |place: &str, a: &Attempt| {
        Some((place.to_owned(), a.model_name(), a.answer_sha256.clone()?))
    };
    let mut paid = BTreeMap::new();
    for files in before {
        for (place, file) in *files {
            for attempt in file.history().iter().filter(|a| !a.cached) {
                paid.extend(
                    key(place, attempt).map(|key| (key, (attempt.cost_usd, attempt.duration_ms))),
                );
            }
        }
    }
    for (place, file) in files {
        let (mut cost, mut ms) = (None::<f64>, 0);
        let row = file.row.as_mut();
        let attempts = match row {
            Some(row) => &mut row.attempts,
            None => &mut file.attempts,
        };
        for attempt in attempts.iter_mut().filter(|a| a.cached) {
            let Some((usd, took)) = key(place, attempt).and_then(|key| paid.get(&key)).copied()
            else {
                continue;
            };
            attempt.cached = false;
            (attempt.cost_usd, attempt.duration_ms) = (usd, took);
            cost = usd.map_or(cost, |usd| Some(cost.unwrap_or(0.0) + usd));
            ms += took;
        }
        if let Some(row) = file.row.as_mut() {
            row.cost_usd = cost.map_or(row.cost_usd, |usd| Some(row.cost_usd.unwrap_or(0.0) + usd));
            row.duration_ms += ms;
        }
    }
}

fn outcome(
    built: &Built,
    file: Option<&FileReport>,
    clean: Option<(&Built, &ReviewRow)>,
) -> Outcome {
    let (row, attempts) =
        (file.and_then(|f| f.row.as_ref()), file.map_or(&[][..], FileReport::history));
    let sum = |each: fn(&Attempt) -> Option<f64>| {
        attempts.iter().filter_map(each).fold(None, |sum, usd| Some(sum.unwrap_or(0.0) + usd))
    };
    let cost_usd = row.map_or_else(|| sum(|a| a.cost_usd), |row| row.cost_usd);
    let ms =
        row.map_or_else(|| attempts.iter().map(|a| a.duration_ms).sum(), |row| row.duration_ms);
    let of = |findings: &[Finding]| judged(built, findings, clean);
    let findings = row.map(|row| of(&row.findings)).unwrap_or_default();
    let rejected = gates::rejected(built, attempts, of);
    let hit = built.case.is_seeded() && findings.iter().any(|f| f.verdict == Verdict::Right);
    let status = match file.map(|f| f.status) {
        Some(_) if row.is_some() => REVIEWED,
        Some(TargetStatus::Unresolved | TargetStatus::Resolved) => "unresolved",
        Some(TargetStatus::Skipped) => "skipped",
        Some(TargetStatus::LeftOut) => "left_out",
        Some(TargetStatus::Cancelled) => "cancelled",
        Some(TargetStatus::Waiting | TargetStatus::Live) | None => "waiting",
    };
    let reason = file.filter(|_| row.is_none()).map(|file| {
        let last = attempts.last().map(|a| format!("{}: {}", a.outcome, a.reason));
        let reason = last.or_else(|| file.reason().map(str::to_owned)).unwrap_or_default();
        clip(&one_line(&reason), REASON_CHARS).to_owned()
    });
    Outcome {
        case: built.case.id.clone(),
        status: status.to_owned(),
        reason,
        read: row.map(|row| if row.shards_total > 0 { "notes" } else { "whole" }.to_owned()),
        model: row.map(|row| row.accepted_model.clone()),
        hit,
        findings,
        rejected,
        cost_usd,
        seconds: ms as f64 / 1e3,
        tokens: row.map_or_else(|| tokens(attempts), |row| row.tokens_in + row.tokens_out),
        cached: attempts.iter().any(|a| a.cached),
    }
}

fn tokens(attempts: &[Attempt]) -> u64 {
    let spent = Spent::of(attempts);
    spent.tokens_in + spent.tokens_out
}

/// The findings of an answer that ask for something, with what they come to.
fn judged(built: &Built, findings: &[Finding], clean: Option<(&Built, &ReviewRow)>) -> Vec<Judged> {
    let asks = |findings: &[Finding]| -> Vec<Finding> {
        findings.iter().filter(|f| f.kind.is_actionable()).cloned().collect()
    };
    let own = asks(findings);
    let also = match clean {
        Some((twin, row)) => also_of(built, &own, twin, &asks(&row.findings)),
        None => vec![false; own.len()],
    };
    let each = own.into_iter().zip(also);
    each.map(|(finding, also_of_clean)| {
        let lines = finding
            .anchored
            .then(|| finding.line.map(|l| (l, finding.end_line.unwrap_or(l).max(l))))
            .flatten();
        let verdict = if !built.case.is_seeded() || also_of_clean {
            Verdict::False
        } else if lines.is_some_and(|lines| is_near(lines, &built.case.lines)) {
            Verdict::Right
        } else {
            Verdict::Undecided
        };
        let confidence = finding.confidence.filter(|_| !finding.confidence_unreadable);
        Judged {
            text: clip(&one_line(&finding.text), CLAIM_CHARS).to_owned(),
            lines,
            confidence: confidence.map(|percent| f64::from(percent) / 100.0),
            verdict,
            also_of_clean,
            marks: marks(&finding),
        }
    })
    .collect()
}

/// Whether some lines are at one of the places.
fn is_near((first, last): (u32, u32), places: &[(u32, u32)]) -> bool {
    places.iter().any(|(from, to)| {
        first <= to.saturating_add(NEAR_LINES) && last.saturating_add(NEAR_LINES) >= *from
    })
}

/// Of each finding of a file with a fault, whether the review of the clean file says the same.
fn also_of(built: &Built, own: &[Finding], twin: &Built, clean: &[Finding]) -> Vec<bool> {
    let said = Said::default();
    let like = |finding: &Finding, view: &View| likeness(&observe(finding, view, &said));
    let (old, new) =
        (View::new(&twin.case.file, &twin.text), View::new(&built.case.file, &built.text));
    let map = LineMap::new(&twin.text, &built.text);
    let older: Vec<Older> = clean.iter().map(|f| Older::new(like(f, &old), Some(&map))).collect();
    let newer: Vec<_> = own.iter().map(|f| like(f, &new)).collect();
    matching_by_all(&older, &newer).into_iter().map(|found| found.is_some()).collect()
}

//! What judges a finding: an eval that planted the bug, a person who dismissed it, an audit, or a change of its code
//! after which nobody says it any more.

use super::Label;
use crate::eval::record::EVAL_VERSION;
use queue_schema::rows::{AuditVerdict, FindingRow, FindingState};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What judged a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A seeded bug or a clean file.
    Eval,
    /// Its code was changed, and it is not said any more.
    Fixed,
    /// A person dismissed it.
    Dismissed,
    /// An audit upheld it.
    AuditUpheld,
    /// An audit rejected it.
    AuditRejected,
}

impl Source {
    /// The word in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eval => "eval",
            Self::Fixed => "fixed",
            Self::Dismissed => "dismissed",
            Self::AuditUpheld => "audit_upheld",
            Self::AuditRejected => "audit_rejected",
        }
    }

    const fn is_right(self) -> bool {
        matches!(self, Self::Fixed | Self::AuditUpheld)
    }
}

/// The judged findings of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// Those with a confidence.
    pub labels: Vec<Label>,
    /// By what judged them.
    pub sources: BTreeMap<Source, u32>,
    /// Judged, and without a confidence that can be read.
    pub silent: u32,
    /// Those that an eval found right, with or without a confidence.
    pub right_by_eval: u32,
}

/// Judged findings by model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllJudged {
    /// The findings.
    pub by_model: BTreeMap<String, Judged>,
    /// Cases of evals of which the review of a model was accepted.
    pub reviews: BTreeMap<String, u32>,
}

impl AllJudged {
    fn add(&mut self, model: &str, confidence: Option<u8>, source: Source, right: bool) {
        let judged = self.by_model.entry(model.to_owned()).or_default();
        judged.right_by_eval += u32::from(right && source == Source::Eval);
        match confidence {
            Some(confidence) => {
                judged.labels.push(Label { confidence, right });
                *judged.sources.entry(source).or_default() += 1;
            }
            None => judged.silent += 1,
        }
    }

    /// Adds a finding of the ledger, if something judges it. A person's word goes before an audit, and that before a
    /// change of the code, which may have had other reasons.
    pub fn add_finding(&mut self, row: &FindingRow) {
        let verdict = row.audited.as_ref().map(|audited| audited.audit.verdict);
        let source = match (row.state, verdict) {
            (FindingState::Dismissed, _) => Source::Dismissed,
            (_, Some(AuditVerdict::Upheld)) => Source::AuditUpheld,
            (_, Some(AuditVerdict::Rejected)) => Source::AuditRejected,
            // What had been dismissed before its code went was not fixed because of it.
            (FindingState::Fixed, _) if row.decided.as_ref().is_some_and(|d| d.dismissed) => {
                Source::Dismissed
            }
            (FindingState::Fixed, _) => Source::Fixed,
            _ => return,
        };
        if row.observed.model.is_empty() {
            return;
        }
        let (model, said) = (&row.observed.model, row.observed.confidence);
        self.add(model, said.filter(|said| *said <= 100), source, source.is_right());
    }

    /// Adds the labels of an eval file; how many there are.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn add_eval(&mut self, json: &str) -> Result<usize, String> {
        let file: EvalFile = serde_json::from_str(json).map_err(|e| {
            format!("is no eval file ({e}); pass the eval.json that `scrum eval` writes")
        })?;
        if file.schema_version != EVAL_VERSION {
            return Err(format!(
                "has schema version {}, and this program reads {EVAL_VERSION}; write it with the `scrum eval` of the same version",
                file.schema_version
            ));
        }
        let (cases, labels): (Vec<_>, Vec<_>) =
            file.runs.into_iter().map(|run| (run.cases, run.labels)).unzip();
        let labels: Vec<EvalLabel> = labels.into_iter().flatten().collect();
        for label in &labels {
            let said = label.confidence.map(|said| (said * 100.0).round());
            if said.is_some_and(|said| !(0.0..=100.0).contains(&said)) {
                return Err(format!(
                    "has a label of {} (case '{}') whose confidence is not between 0 and 1; write it anew with `scrum eval`",
                    label.model, label.case
                ));
            }
        }
        for label in &labels {
            let said = label.confidence.map(|said| (said * 100.0).round() as u8);
            self.add(&label.model, said, Source::Eval, label.right);
        }
        for model in cases.into_iter().flatten().filter_map(|case| case.model) {
            *self.reviews.entry(model).or_default() += 1;
        }
        Ok(labels.len())
    }
}

#[derive(Deserialize)]
struct EvalFile {
    schema_version: u32,
    runs: Vec<EvalRun>,
}

#[derive(Deserialize)]
struct EvalRun {
    #[serde(default)]
    cases: Vec<EvalCase>,
    labels: Vec<EvalLabel>,
}

#[derive(Deserialize)]
struct EvalCase {
    /// Of the accepted review; none where there is none.
    #[serde(default)]
    model: Option<String>,
}

#[derive(Deserialize)]
struct EvalLabel {
    model: String,
    #[serde(default)]
    confidence: Option<f64>,
    right: bool,
    #[serde(default)]
    case: String,
}

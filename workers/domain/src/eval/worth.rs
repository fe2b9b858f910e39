//! What each check of the product is worth: what precision and recall would be if the findings that it marks were left
//! out, held against what they are.
//!
//! Nothing has to run again for it: a check never deletes a finding, it marks it. So one run knows both sides.

use super::figures::Pair;
use super::score::{Judged, Outcome, Verdict};
use queue_schema::rows::finding::Stands;
use queue_schema::rows::{AuditVerdict, Finding};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The mark of a finding whose quote stands at no known place.
const NOT_ANCHORED: &str = "not_anchored";
/// The mark of one whose confidence can't be read.
const UNREADABLE: &str = "confidence_unreadable";
/// The mark of one that the second call rejected.
const REJECTED: &str = "confirmation_rejected";
/// The mark of one that the second call was asked about and did not uphold.
const NOT_UPHELD: &str = "confirmation_not_upheld";
/// The mark of one that voters rejected.
const AUDIT_REJECTED: &str = "audit_rejected";
/// The mark of one on which voters did not agree, or could not say.
const AUDIT_OPEN: &str = "audit_undecided";
/// Any mark at all.
pub const ANY: &str = "any of them";

/// The marks of a finding: the checks that it failed, and what second opinions say.
pub(super) fn marks(finding: &Finding) -> Vec<String> {
    let mut marks = finding.checks.clone();
    let mut mark = |holds: bool, name: &str| marks.extend(holds.then(|| name.to_owned()));
    mark(!finding.anchored, NOT_ANCHORED);
    mark(finding.confidence_unreadable, UNREADABLE);
    let said = finding.confirmation.as_ref().map(|c| c.said);
    mark(said == Some(Stands::Rejected), REJECTED);
    mark(said.is_some_and(|said| said != Stands::Upheld), NOT_UPHELD);
    let voted = finding.audit.as_ref().map(|a| &a.verdict);
    mark(voted == Some(&AuditVerdict::Rejected), AUDIT_REJECTED);
    let closed = |v: &AuditVerdict| matches!(v, AuditVerdict::Rejected | AuditVerdict::Upheld);
    mark(voted.is_some_and(|v| !closed(v)), AUDIT_OPEN);
    marks
}

/// What one mark tells apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Worth {
    /// The mark.
    pub mark: String,
    /// Marked findings that are right: what it costs to leave them out.
    pub right: usize,
    /// Marked findings that are false: what it saves.
    pub wrong: usize,
    /// Marked findings that nobody can judge.
    pub undecided: usize,
    /// Precision with all findings; null where none can be judged.
    pub precision_with: Option<f64>,
    /// Precision without the marked ones.
    pub precision_without: Option<f64>,
    /// Faults found with all findings, by all faults; null without a fault.
    pub recall_with: Option<f64>,
    /// Faults still found without the marked ones, by all faults.
    pub recall_without: Option<f64>,
}

impl Worth {
    /// Whether some marked findings are right, as often as all are: there is a reason to take the check away.
    pub fn adds_nothing(&self) -> bool {
        let judged = self.right + self.wrong;
        let all = self.precision_with.unwrap_or(1.0);
        self.right > 0 && self.right as f64 / judged as f64 >= all
    }
}

/// What each mark that occurs is worth, by name, and all of them together at the end.
pub fn worth(pairs: &[Pair<'_>]) -> Vec<Worth> {
    let findings = || pairs.iter().flat_map(|(_, o)| &o.findings);
    let names: BTreeSet<&str> = findings().flat_map(|f| &f.marks).map(String::as_str).collect();
    let many = names.len() > 1;
    let each = names
        .into_iter()
        .map(|name| one(pairs, name, |finding| finding.marks.iter().any(|mark| mark == name)));
    let all = many.then(|| one(pairs, ANY, |finding| !finding.marks.is_empty()));
    each.chain(all).collect()
}

fn one(pairs: &[Pair<'_>], mark: &str, is_marked: impl Fn(&Judged) -> bool) -> Worth {
    let count = |verdict, marked: Option<bool>| {
        let fits = |f: &&Judged| {
            f.verdict == verdict && marked.is_none_or(|marked| is_marked(f) == marked)
        };
        pairs.iter().flat_map(|(_, o)| &o.findings).filter(fits).count()
    };
    let share = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
    let precision = |marked| {
        let right = count(Verdict::Right, marked);
        share(right, right + count(Verdict::False, marked))
    };
    let seeded: Vec<&Outcome> =
        pairs.iter().filter(|(case, _)| case.is_seeded()).map(|(_, o)| *o).collect();
    let still =
        |o: &&&Outcome| o.findings.iter().any(|f| f.verdict == Verdict::Right && !is_marked(f));
    Worth {
        mark: mark.to_owned(),
        right: count(Verdict::Right, Some(true)),
        wrong: count(Verdict::False, Some(true)),
        undecided: count(Verdict::Undecided, Some(true)),
        precision_with: precision(None),
        precision_without: precision(Some(false)),
        recall_with: share(seeded.iter().filter(|o| o.hit).count(), seeded.len()),
        recall_without: share(seeded.iter().filter(still).count(), seeded.len()),
    }
}

//! What each check of the product is worth: what precision and recall would be if the findings that it marks were left
//! out, held against what they are.
//!
//! Nothing has to run again for it: a check never deletes a finding, it marks it. So one run knows both sides.

use super::figures::{Pair, Sides};
use super::score::{Judged, Verdict};
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
    /// With all findings, and without the marked ones.
    #[serde(flatten)]
    pub sides: Sides,
}

impl Worth {
    /// Whether some marked findings are right, as often as all are: there is a reason to take the check away.
    pub fn adds_nothing(&self) -> bool {
        let judged = self.right + self.wrong;
        let all = self.sides.precision_with.unwrap_or(1.0);
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
    let marked = |verdict| {
        let fits = |f: &&Judged| f.verdict == verdict && is_marked(f);
        pairs.iter().flat_map(|(_, o)| &o.findings).filter(fits).count()
    };
    Worth {
        mark: mark.to_owned(),
        right: marked(Verdict::Right),
        wrong: marked(Verdict::False),
        undecided: marked(Verdict::Undecided),
        sides: Sides::new(pairs, |o| o.findings.iter().filter(|f| !is_marked(f)).collect()),
    }
}

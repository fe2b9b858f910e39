//! From the findings of a change to what is published of them.

use super::{Finding, Publication, State};
use crate::checks::squeezed;
use queue_schema::ids::content_id;
use queue_schema::rows::{DiffFinding, DiffRemark, FindingState};

/// Digits of the hash of what a finding is about.
const ABOUT_DIGITS: usize = 16;

impl From<&DiffFinding> for Finding {
    fn from(row: &DiffFinding) -> Self {
        let remark = &row.remark;
        let path = remark.path.clone().unwrap_or_default();
        // What the change does not hold is never shown at a line.
        let line = remark.line.filter(|_| !remark.outside && !path.is_empty());
        Self {
            fingerprint: row.id.clone(),
            about: about(remark),
            path: if path.is_empty() { remark.place.clone() } else { path },
            line,
            side: remark.side,
            severity: row.severity,
            title: remark.what.clone(),
            body: remark.why.clone().unwrap_or_default(),
            reviewers: row.reviewers.clone(),
        }
    }
}

impl Publication {
    /// Takes up the findings of a change, in their order, but for those that are gone or that somebody has dismissed.
    #[must_use]
    pub fn with_findings(mut self, rows: &[DiffFinding]) -> Self {
        let gone = [Some(FindingState::Fixed), Some(FindingState::Dismissed)];
        let there = rows.iter().filter(|row| !gone.contains(&row.state));
        self.findings = there.map(Finding::from).collect();
        self
    }

    /// What the status says: a review that is not whole is no pass, and one that fails is not whole either way.
    pub fn state_of(exit_code: u8) -> State {
        match exit_code {
            0 => State::Passed,
            1 => State::Failed,
            _ => State::Unreviewed,
        }
    }
}

/// File and quoted code of a remark as a hash; empty where it has not both.
fn about(remark: &DiffRemark) -> String {
    let code = remark.quote.as_deref().map(squeezed).unwrap_or_default();
    match &remark.path {
        Some(path) if !path.is_empty() && !code.is_empty() => {
            content_id(&[path.as_bytes(), code.as_bytes()])[..ABOUT_DIGITS].to_owned()
        }
        _ => String::new(),
    }
}

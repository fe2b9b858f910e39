//! From the findings of a change to what is published of them.

use super::{Finding, Publication, State};
use queue_schema::rows::{DiffFinding, FindingState};

impl From<&DiffFinding> for Finding {
    fn from(row: &DiffFinding) -> Self {
        let remark = &row.remark;
        let path = remark.path.clone().unwrap_or_default();
        // What the change does not hold is never shown at a line.
        let line = remark.line.filter(|_| !remark.outside && !path.is_empty());
        Self {
            fingerprint: row.id.clone(),
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

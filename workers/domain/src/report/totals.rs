//! What all files of a sweep come to.

use super::FileReport;
use super::finding::{actionable, gravity};
use super::unread::is_unread;
use crate::metrics;
use queue_schema::rows::AuditVerdict;
use queue_schema::rows::metrics::Known;
use queue_schema::sweep::TargetStatus;

/// Sums over files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    statuses: [usize; TargetStatus::ALL.len()],
    /// Attempts of all files.
    pub attempts: usize,
    /// Files whose facts were taken out.
    pub facts: usize,
    /// Reviewed files without facts, or with unchecked ones, because of the models.
    pub facts_failed: usize,
    /// Secrets that were masked in what was sent of all files.
    pub masked: u32,
    /// Files with findings.
    pub telling: usize,
    /// Reviewed files of which a part was not read.
    pub partial: usize,
    /// Accepted reviews of which nothing could be read as a finding.
    pub unread: usize,
    /// Findings by what an audit says of them, in the order of [`AuditVerdict::ALL`].
    pub audited: [usize; AuditVerdict::ALL.len()],
    /// Findings by severity, gravest first; without those that a person dismissed.
    pub findings: [usize; 4],
    /// Reviews that began at a remembered model, and the rungs that this saved.
    pub hot_swaps: (usize, u32),
    /// Findings against those of earlier sweeps.
    pub known: Known,
}

impl Totals {
    /// Adds a file.
    pub fn add(&mut self, file: &FileReport) {
        self.statuses[at(file.status)] += 1;
        self.attempts += file.history().len();
        self.facts += usize::from(file.facts.is_some());
        self.facts_failed += usize::from(file.facts_trouble.is_some());
        self.masked = self.masked.saturating_add(file.masked());
        if let Some(row) = &file.row {
            self.telling += usize::from(actionable(row) > 0);
            self.partial += usize::from(file.is_partial());
            self.unread += usize::from(row.findings.is_empty() && is_unread(row));
            self.hot_swaps.0 += usize::from(row.pathway_hot_swap_hit);
            self.hot_swaps.1 = self.hot_swaps.1.saturating_add(row.rungs_saved);
            self.known = self.known.each(&metrics::known(row), |a, b| a + b);
            for finding in row.findings.iter().filter(|f| f.is_shown()) {
                self.findings[gravity(finding) as usize] += 1;
                if let Some(audit) = &finding.audit {
                    self.audited[audit.verdict as usize] += 1;
                }
            }
        }
    }

    /// Files with this status.
    pub fn with(&self, status: TargetStatus) -> usize {
        self.statuses[at(status)]
    }

    /// Files that were to be reviewed: all but the skipped ones.
    pub fn reviewable(&self) -> usize {
        self.statuses.iter().sum::<usize>() - self.with(TargetStatus::Skipped)
    }
}

fn at(status: TargetStatus) -> usize {
    TargetStatus::ALL.iter().position(|s| *s == status).unwrap_or(0)
}

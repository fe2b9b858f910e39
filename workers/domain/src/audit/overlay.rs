//! What audits came to, at the findings of a review.

use queue_schema::rows::{AuditConsensusRow, ReviewRow};

/// Shows at the findings of a row what audits of it say: a later one of `audits` counts before an earlier one. A
/// finding that none of them is about keeps what its ledger said when it was reviewed.
pub fn overlay(row: &mut ReviewRow, audits: &[AuditConsensusRow]) {
    for audit in audits.iter().filter(|audit| audit.audited_review == row.review_id) {
        for audited in &audit.findings {
            if let Some(finding) = row.findings.get_mut(audited.index as usize) {
                finding.audit = Some(audited.short(&audit.sweep_id));
            }
        }
    }
}

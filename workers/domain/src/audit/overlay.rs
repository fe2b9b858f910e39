//! What audits came to, at the findings of a review.

use super::decide::{Decided, consensus};
use crate::checks::claim_of;
use crate::text::clip_marked;
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::rows::audit::{AUDIT_SCHEMA_VERSION, AuditVote, AuditedFinding};
use queue_schema::rows::{AuditConsensusRow, AuditVerdict, Finding, ReviewRow};
use queue_schema::sweep::AuditSpec;
use queue_schema::url::public_address;

/// Characters of a claim, and of its code, that a row keeps.
const KEPT_CHARS: usize = 400;

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

/// A finding as a row of an audit has it, with what the votes come to.
pub fn audited(
    index: u32,
    finding: &Finding,
    decided: Decided,
    votes: Vec<AuditVote>,
) -> AuditedFinding {
    AuditedFinding {
        id: finding.id.clone(),
        index,
        kind: finding.kind,
        severity: finding.gravity(),
        text: clip_marked(&claim_of(&finding.text), KEPT_CHARS),
        quote: finding.quote.as_ref().map(|quote| clip_marked(quote, KEPT_CHARS)),
        line: finding.line,
        verdict: decided.verdict,
        reason: decided.reason,
        upheld: decided.upheld,
        rejected: decided.rejected,
        voters: decided.voters,
        votes,
    }
}

/// The row of an audit of a review without anybody's votes.
pub fn empty_row(
    review: &ReviewRow,
    sweep: &SweepId,
    findings: Vec<AuditedFinding>,
) -> AuditConsensusRow {
    let target = ReviewId::from(review.review_id.as_str()).target();
    let n = |verdict| {
        let n = findings.iter().filter(|finding| finding.verdict == verdict).count();
        u32::try_from(n).unwrap_or(u32::MAX)
    };
    AuditConsensusRow {
        audited_at: String::new(),
        sweep_id: sweep.to_string(),
        review_id: ReviewId::new(sweep, target.unwrap_or(u32::MAX)).to_string(),
        audited_review: review.review_id.clone(),
        repo: public_address(&review.repo),
        file: review.file.clone(),
        commit: review.commit.clone(),
        blob: review.blob.clone(),
        model: review.accepted_model.clone(),
        consensus: consensus(findings.iter().map(|finding| finding.verdict)),
        upheld: n(AuditVerdict::Upheld),
        rejected: n(AuditVerdict::Rejected),
        split: n(AuditVerdict::Split),
        undecided: n(AuditVerdict::Undecided),
        findings,
        voters: Vec::new(),
        tie_broken: false,
        whole: true,
        tokens_in: 0,
        tokens_out: 0,
        cost_usd: None,
        schema_version: AUDIT_SCHEMA_VERSION,
    }
}

/// What is to be said of a review that the budget of its audit did not reach.
pub fn left_out(review: &ReviewRow, sweep: &SweepId, spec: &AuditSpec) -> AuditConsensusRow {
    let wanted = (0..).zip(&review.findings).filter(|(_, finding)| spec.takes(finding));
    let undecided = wanted.map(|(index, finding)| {
        audited(index, finding, Decided::not_asked("left out because of the budget"), Vec::new())
    });
    empty_row(review, sweep, undecided.collect())
}

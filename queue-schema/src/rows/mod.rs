//! Rows of the knowledge base: append-only, versioned, one file a kind.
//!
//! A row kind is a constant stream name plus a type; [`Row`] ties the two together so that a
//! handler can't append one kind's row to another kind's stream.

pub mod apply;
pub mod attempt;
pub mod audit;
pub mod calibration;
pub mod claim;
pub mod diagnosis;
pub mod diff;
pub mod facts;
pub mod finding;
pub mod ledger;
pub mod metrics;
pub mod pathway;
pub mod post;
pub mod review;
pub mod trust;
pub mod vote;

pub use apply::{AutoApplyRow, PatchRecord, Proof};
pub use attempt::{Attempt, Outcome};
pub use audit::{AuditConsensusRow, AuditStand, AuditVerdict, FindingAudit};
pub use calibration::CalibrationRow;
pub use claim::ClaimRow;
pub use diagnosis::DiagnosisRow;
pub use diff::{DiffFinding, DiffRemark, DiffReview, DiffSeverity, DiffSide, DiffVerdict};
pub use facts::AuditFactsRow;
pub use finding::{
    Confirmed, FLAGS, Finding, FindingKind, FindingProof, FindingState, GoneFinding, MOST_PLACES,
    Severity,
};
pub use ledger::FindingRow;
pub use metrics::{LoopMetricsRow, LoopNumbers};
pub use pathway::PathwayTraceRow;
pub use post::{PostRow, PostState};
pub use review::{ReviewRow, TypeHint};
pub use trust::ModelTrustRow;
pub use vote::Heard;

use serde::{Serialize, de::DeserializeOwned};

/// Streams of the row kinds that are kept of a sweep, and forgotten with it. The others
/// are not: they are composed when somebody asks.
pub const STREAMS: &[&str] = &[
    ReviewRow::STREAM,
    AuditFactsRow::STREAM,
    AutoApplyRow::STREAM,
    DiffReview::STREAM,
    DiffFinding::STREAM,
    PostRow::STREAM,
    ClaimRow::STREAM,
    AuditConsensusRow::STREAM,
    DiagnosisRow::STREAM,
];

/// A kind of knowledge-base row.
pub trait Row: Serialize + DeserializeOwned {
    /// Name of the stream and of the JSONL file, e.g. `scrum_reviews`.
    const STREAM: &'static str;
    /// What makes the row unique within its sweep; a second row with the same id is not written.
    fn row_id(&self) -> String;
}

//! JSON Schemas of the rows, as they ship: for whoever reads the knowledge base from outside.
//!
//! The files in `schemas/` are made from the row types by a test, which also holds them against the
//! types: `SCRUM_UPDATE_SCHEMAS=1 cargo test -p queue-schema --lib schemas` writes them anew.

/// The schema of one kind of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSchema {
    /// Name of the stream and of the JSONL file.
    pub kind: &'static str,
    /// Name of the schema's file; it carries the version of the rows.
    pub file: &'static str,
    /// The schema.
    pub text: &'static str,
}

macro_rules! row_schemas {
    ($($row:ident in $file:literal),* $(,)?) => {
        /// One for each kind of row.
        pub const SCHEMAS: &[RowSchema] = &[$(RowSchema {
            kind: <crate::rows::$row as crate::rows::Row>::STREAM,
            file: $file,
            text: include_str!(concat!("../schemas/", $file)),
        }),*];

        #[cfg(test)]
        fn made() -> Vec<(&'static RowSchema, serde_json::Value)> {
            let made = [$(tests::schema_of::<crate::rows::$row>()),*];
            SCHEMAS.iter().zip(made).collect()
        }
    };
}

// One line a kind of row.
row_schemas! {
    ReviewRow in "scrum_reviews.v4.json",
    AuditFactsRow in "audit_facts.v2.json",
    AutoApplyRow in "auto_apply.v1.json",
    DiffReview in "diff_reviews.v1.json",
    DiffFinding in "diff_findings.v1.json",
    PostRow in "posts.v1.json",
    ClaimRow in "claims.v1.json",
    AuditConsensusRow in "audit_consensus.v1.json",
    DiagnosisRow in "observer_diagnoses.v1.json",
    LoopMetricsRow in "scrum_loop_metrics.v1.json",
    ModelTrustRow in "model_trust.v1.json",
    FindingRow in "findings.v1.json",
    PathwayTraceRow in "pathway_traces.v1.json",
    CalibrationRow in "calibrations.v1.json",
}

/// The schema of a kind of row, by the name of its stream.
pub fn of(kind: &str) -> Option<&'static RowSchema> {
    SCHEMAS.iter().find(|schema| schema.kind == kind)
}

#[cfg(test)]
mod tests;

//! What a sweep leaves behind: Markdown for people, JSON and SARIF for programs.
//!
//! A sweep may have more files than fit into memory: what is rendered here takes one file after the other.
//! What it says of a file is written at once; what it says of all of them is gathered in sums and in lists
//! that are cut.
//!
//! All text here that comes from a repository or from a model is hostile until escaped: it must
//! not be able to break a table, to inject markup, or to pass itself off as part of the report.

pub mod applied;
pub(crate) mod escape;
mod expected;
pub mod file;
mod finding;
pub mod index;
pub mod known;
pub mod lines;
mod models;
mod original;
pub mod overview;
pub mod page;
mod progress;
mod said;
pub mod sarif;
pub mod summary;
mod top;
mod totals;
mod trouble;
mod unread;

pub use said::Said;
pub use totals::Totals;

use crate::estimate::Off;
use crate::review::{Spent, most_masked};
pub use queue_schema::url::public_address;

use queue_schema::budget::Budget;
use queue_schema::rows::{
    Attempt, AuditFactsRow, DiagnosisRow, LoopMetricsRow, ModelTrustRow, ReviewRow,
};
use queue_schema::sweep::{Basis, Ladder, Target, TargetStatus};
use std::collections::BTreeMap;

/// A sweep as it stands, apart from its files.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepReport {
    /// Which sweep.
    pub sweep_id: String,
    /// Repository as the sweep named it.
    pub repo: String,
    /// Commit that was read.
    pub commit: String,
    /// RFC 3339, UTC.
    pub generated_at: String,
    /// From the first job to the last, in milliseconds.
    pub duration_ms: u64,
    /// The ladder that reviews climbed.
    pub ladder: Ladder,
    /// The user's labels.
    pub labels: BTreeMap<String, String>,
    /// What it may spend; `None` without a cap.
    pub budget: Option<Budget>,
    /// Model calls, by the sweep's own counter.
    pub calls: u64,
    /// Tokens, money and time of all model calls, by the sweep's own counters: rows know neither what
    /// reviews took that came to nothing nor what patches did.
    pub spent: Spent,
    /// Its ledger by model and task.
    pub models: Vec<ModelTrustRow>,
    /// What was expected of it rests on this; none where nothing was.
    pub expected: Option<Basis>,
    /// How far off that was, of each number.
    pub off: Vec<Off>,
    /// The sweep in numbers, held against the one before.
    pub metrics: Option<LoopMetricsRow>,
    /// Failures that piled up.
    pub troubles: Vec<DiagnosisRow>,
}

/// One target of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct FileReport {
    /// The target.
    pub target: Target,
    /// How it stands.
    pub status: TargetStatus,
    /// Its row, once accepted.
    pub row: Option<ReviewRow>,
    /// Its attempts; those of the row when there is one.
    pub attempts: Vec<Attempt>,
    /// Why it is in the dead-letter queue, or was left out.
    pub dead_reason: Option<String>,
    /// What its review says of it.
    pub facts: Option<AuditFactsRow>,
    /// Why there are no facts, or unchecked ones.
    pub facts_trouble: Option<String>,
}

impl FileReport {
    /// The attempts, from wherever they are known.
    pub fn history(&self) -> &[Attempt] {
        match &self.row {
            Some(row) if !row.attempts.is_empty() => &row.attempts,
            _ => &self.attempts,
        }
    }

    /// True for a file that is covered only in part.
    pub fn is_partial(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.cut || !row.shards_missing.is_empty())
    }

    fn spent(&self) -> Spent {
        let facts = self.facts.as_ref().map(|row| Spent {
            tokens_in: row.tokens_in,
            tokens_out: row.tokens_out,
            cost_usd: row.cost_usd,
            duration_ms: row.duration_ms,
        });
        let review = match &self.row {
            // The row also holds what the shards took.
            Some(row) => Spent {
                tokens_in: row.tokens_in,
                tokens_out: row.tokens_out,
                cost_usd: row.cost_usd,
                duration_ms: row.duration_ms,
            },
            None => Spent::of(&self.attempts),
        };
        review.plus(&facts.unwrap_or_default())
    }

    /// Secrets that were masked in what was sent of the file.
    pub fn masked(&self) -> u32 {
        let review =
            self.row.as_ref().map_or_else(|| most_masked(&self.attempts), |row| row.masked);
        // The same secrets: the review and its facts are about the same file.
        review.max(self.facts.as_ref().map_or(0, |row| row.masked))
    }

    /// Why it is as it is, where a reason is known.
    pub fn reason(&self) -> Option<&str> {
        self.target.skip.as_deref().or(self.dead_reason.as_deref())
    }

    /// What a person is told of it.
    fn status_word(&self) -> &'static str {
        match self.status {
            TargetStatus::Resolved if self.is_partial() => "partly reviewed",
            TargetStatus::Resolved if page::is_clean(self) => "clean",
            TargetStatus::Resolved => "reviewed",
            TargetStatus::Unresolved => "unresolved",
            TargetStatus::Waiting => "waiting",
            TargetStatus::Live => "in progress",
            TargetStatus::Skipped => "skipped",
            TargetStatus::Cancelled => "cancelled",
            TargetStatus::LeftOut => "left out",
        }
    }
}

#[cfg(test)]
mod tests;

//! The knowledge base: every kind of row, who reads it in the product, and its rows over many sweeps.
//!
//! Rows that nobody reads are waste: each kind names its readers, and a test looks whether they are there.

mod rows;

pub use rows::{KbRows, Of};

use crate::Error;
use queue_schema::client::Queue;
use queue_schema::rows::{
    AuditConsensusRow, AuditFactsRow, AutoApplyRow, CalibrationRow, ClaimRow, DiagnosisRow,
    DiffFinding, DiffReview, FindingRow, LoopMetricsRow, ModelTrustRow, PathwayTraceRow, PostRow,
    ReviewRow, Row,
};
use rows::written;
use serde::Serialize;

/// What reads a kind of row.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Reader {
    /// The command that shows it.
    pub command: &'static str,
    /// The file that reads it.
    pub file: &'static str,
    /// The type of the row there.
    pub row: &'static str,
}

/// A kind of row and its readers.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The name of its stream and of its JSONL file.
    pub name: &'static str,
    /// Who reads it.
    pub readers: &'static [Reader],
}

const fn reader(command: &'static str, file: &'static str, row: &'static str) -> Reader {
    Reader { command, file, row }
}

/// Every kind of row.
pub const KINDS: &[Kind] = &[
    Kind {
        name: ReviewRow::STREAM,
        readers: &[
            reader("scrum report", "workers/knowledge/src/files.rs", "ReviewRow"),
            reader("scrum apply", "workers/domain/src/apply/select.rs", "ReviewRow"),
        ],
    },
    Kind {
        name: AuditFactsRow::STREAM,
        readers: &[reader("scrum report", "workers/knowledge/src/files.rs", "AuditFactsRow")],
    },
    Kind {
        name: AutoApplyRow::STREAM,
        readers: &[reader("scrum apply", "producer/src/commands/apply.rs", "AutoApplyRow")],
    },
    Kind {
        name: DiffReview::STREAM,
        readers: &[reader("scrum diff", "workers/domain/src/diff/tally.rs", "DiffReview")],
    },
    Kind {
        name: DiffFinding::STREAM,
        readers: &[reader("scrum diff", "workers/domain/src/diff/compare.rs", "DiffFinding")],
    },
    Kind {
        name: PostRow::STREAM,
        readers: &[reader("scrum diff", "producer/src/commands/post.rs", "PostRow")],
    },
    Kind {
        name: ClaimRow::STREAM,
        readers: &[reader("scrum audit", "producer/src/commands/audit.rs", "ClaimRow")],
    },
    Kind {
        name: AuditConsensusRow::STREAM,
        readers: &[reader(
            "scrum report",
            "workers/domain/src/audit/overlay.rs",
            "AuditConsensusRow",
        )],
    },
    Kind {
        name: DiagnosisRow::STREAM,
        readers: &[
            reader("scrum observe", "producer/src/commands/observe.rs", "DiagnosisRow"),
            reader("scrum report", "workers/domain/src/report/trouble.rs", "DiagnosisRow"),
        ],
    },
    Kind {
        name: LoopMetricsRow::STREAM,
        readers: &[reader("scrum metrics", "producer/src/commands/metrics.rs", "LoopMetricsRow")],
    },
    Kind {
        name: ModelTrustRow::STREAM,
        readers: &[reader("scrum models", "producer/src/commands/models.rs", "ModelTrustRow")],
    },
    Kind {
        name: FindingRow::STREAM,
        readers: &[reader("scrum findings", "producer/src/commands/findings.rs", "FindingRow")],
    },
    Kind {
        name: PathwayTraceRow::STREAM,
        readers: &[reader("scrum memory", "producer/src/commands/memory.rs", "PathwayTraceRow")],
    },
    Kind {
        name: CalibrationRow::STREAM,
        readers: &[reader(
            "scrum calibrate",
            "producer/src/commands/calibrate.rs",
            "CalibrationRow",
        )],
    },
];

/// The kind of a name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// How a kind of row stands.
#[derive(Debug, Serialize)]
pub struct Health {
    /// The kind.
    pub kind: &'static str,
    /// Rows of the sweeps that are looked through.
    pub rows: u64,
    /// Whether there may be more rows: no further ones were looked at.
    pub more: bool,
    /// Bytes of these as JSON.
    pub bytes: u64,
    /// When the newest one was written, RFC 3339; null without one, and for models.
    pub last_written: Option<String>,
    /// Who reads it; a kind without a reader is a fault.
    pub readers: &'static [Reader],
}

/// How each kind of row stands, by so many rows of each at most and a page; the newest sweeps first.
///
/// # Errors
/// A failure of Redis, or a row that this program can't read.
pub async fn health(queue: &Queue, most: u64) -> Result<Vec<Health>, Error> {
    let mut all = Vec::new();
    for kind in KINDS {
        let mut found = Health {
            kind: kind.name,
            rows: 0,
            more: false,
            bytes: 0,
            last_written: None,
            readers: kind.readers,
        };
        let mut rows = KbRows::new(queue, kind, Of::default()).await?;
        loop {
            if found.rows >= most {
                found.more = true;
                break;
            }
            let page = rows.next_page().await?;
            if page.is_empty() {
                break;
            }
            for row in &page {
                found.rows += 1;
                found.bytes += row.to_string().len() as u64;
                let at = written(row);
                found.last_written = found.last_written.max(at);
            }
        }
        all.push(found);
    }
    Ok(all)
}

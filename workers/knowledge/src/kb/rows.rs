//! The rows of a kind over many sweeps, page by page.

use super::Kind;
use crate::memory::pathways;
use crate::sweeps::LOOK_BACK;
use crate::{Error, Ledger, OfFile, PAGE, Wanted, metrics_of, models, timestamp};
use queue_schema::client::Queue;
use queue_schema::ids::{MemoryId, SweepId};
use queue_schema::rows::{
    AuditConsensusRow, AuditFactsRow, AutoApplyRow, CalibrationRow, ClaimRow, DiagnosisRow,
    DiffFinding, DiffReview, FindingRow, LoopMetricsRow, ModelTrustRow, PathwayTraceRow, PostRow,
    ReviewRow, Row,
};
use scrum_domain::metrics::same_repository;
use serde::Serialize;
use serde_json::Value;

/// Where rows are from that are of no sweep and no repository.
const FLEET: &str = "fleet";

/// Which rows.
#[derive(Default)]
pub struct Of {
    /// Only of the repository that has one of these names: its path, URL or identity; of all without any.
    pub repos: Vec<String>,
    /// Only about files that this says yes to: none of the rows about no file.
    pub path: Option<OfFile>,
    /// Only written since then, in milliseconds since the epoch; what is composed of a sweep: begun since then.
    pub since_ms: u64,
}

impl std::fmt::Debug for Of {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Of").field("repos", &self.repos).finish_non_exhaustive()
    }
}

impl Of {
    fn takes(&self, row: &Value) -> bool {
        let of_file = |takes: &OfFile| {
            let one = row["file"].as_str().or_else(|| row["remark"]["path"].as_str());
            let several = row["files"].as_array().into_iter().flatten().filter_map(Value::as_str);
            one.into_iter().chain(several).any(takes)
        };
        let late = || written(row).is_none_or(|at| at >= timestamp(self.since_ms));
        self.path.as_ref().is_none_or(of_file) && (self.since_ms == 0 || late())
    }
}

/// When a row was written; `None` where it does not say.
pub(super) fn written(row: &Value) -> Option<String> {
    let names = [
        "reviewed_at",
        "extracted_at",
        "checked_at",
        "audited_at",
        "ts",
        "started_at",
        "created_at",
        "calibrated_at",
    ];
    let told = names.iter().find_map(|name| row[*name].as_str()).map(str::to_owned);
    told.or_else(|| row["observed"]["last"]["at_ms"].as_u64().map(timestamp))
}

/// Rows of one kind page by page: the newest sweep first, in each in the order of writing.
#[derive(Debug)]
pub struct KbRows<'a> {
    queue: &'a Queue,
    kind: &'static Kind,
    of: Of,
    /// Sweeps, or repositories for what outlives sweeps, that were not read to their ends, the next one last.
    left: Vec<String>,
    /// The place in the next one.
    after: Option<String>,
}

impl<'a> KbRows<'a> {
    /// Those of a kind, in the latest 1,000 sweeps.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn new(queue: &'a Queue, kind: &'static Kind, of: Of) -> Result<Self, Error> {
        let mut left: Vec<String> = Vec::new();
        if kind.name == CalibrationRow::STREAM {
            // Those of the fleet's models are of no repository.
            left.extend(of.repos.is_empty().then(|| FLEET.to_owned()));
        } else if [FindingRow::STREAM, PathwayTraceRow::STREAM].contains(&kind.name) {
            for (id, name) in queue.memories().await? {
                let is_it = |repo: &String| *repo == name || MemoryId::of(repo) == id;
                if of.repos.is_empty() || of.repos.iter().any(is_it) {
                    left.push(id.to_string());
                }
            }
        } else {
            for id in queue.latest_sweeps(LOOK_BACK).await? {
                if of.repos.is_empty() || is_of(queue, &id, &of.repos).await? {
                    left.push(id.to_string());
                }
            }
        }
        left.reverse();
        Ok(Self { queue, kind, of, left, after: None })
    }

    /// Goes on where [`Self::cursor`] was taken.
    ///
    /// # Errors
    /// A text that is no cursor, or one whose sweep is gone.
    pub fn from(mut self, cursor: &str) -> Result<Self, Error> {
        let bad = || Error::Cursor(cursor.to_owned());
        let (source, after) = cursor.split_once(':').ok_or_else(bad)?;
        let at = self.left.iter().position(|id| id == source).ok_or_else(bad)?;
        self.left.truncate(at + 1);
        self.after = (!after.is_empty()).then(|| after.to_owned());
        Ok(self)
    }

    /// Where the next page begins; `None` behind the last one.
    pub fn cursor(&self) -> Option<String> {
        let source = self.left.last()?;
        Some(format!("{source}:{}", self.after.as_deref().unwrap_or_default()))
    }

    /// The next rows, of one sweep or repository; empty when there are no further ones.
    ///
    /// # Errors
    /// A failure of Redis, or a row that this program can't read.
    pub async fn next_page(&mut self) -> Result<Vec<Value>, Error> {
        while let Some(source) = self.left.last().cloned() {
            let (rows, after) = match self.kind.name {
                ReviewRow::STREAM => self.stream::<ReviewRow>(&source).await?,
                AuditFactsRow::STREAM => self.stream::<AuditFactsRow>(&source).await?,
                AutoApplyRow::STREAM => self.stream::<AutoApplyRow>(&source).await?,
                DiffReview::STREAM => self.stream::<DiffReview>(&source).await?,
                DiffFinding::STREAM => self.stream::<DiffFinding>(&source).await?,
                PostRow::STREAM => self.stream::<PostRow>(&source).await?,
                ClaimRow::STREAM => self.stream::<ClaimRow>(&source).await?,
                AuditConsensusRow::STREAM => self.stream::<AuditConsensusRow>(&source).await?,
                DiagnosisRow::STREAM => self.stream::<DiagnosisRow>(&source).await?,
                LoopMetricsRow::STREAM => {
                    let row = metrics_of(self.queue, &sweep(&source)).await?;
                    (values(row.as_slice()), None)
                }
                ModelTrustRow::STREAM => (self.models(&sweep(&source)).await?, None),
                CalibrationRow::STREAM => (values(&self.queue.calibrations().await?), None),
                PathwayTraceRow::STREAM => self.traces(&memory(&source)?).await?,
                _ => self.findings(&memory(&source)?).await?,
            };
            if after.is_none() {
                self.left.pop();
            }
            self.after = after;
            let rows: Vec<Value> = rows.into_iter().filter(|row| self.of.takes(row)).collect();
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }

    async fn stream<R: Row>(&self, source: &str) -> Result<(Vec<Value>, Option<String>), Error> {
        let sweep = sweep(source);
        let (rows, after) = self.queue.rows_page::<R>(&sweep, self.after.as_deref(), PAGE).await?;
        Ok((values(&rows), after))
    }

    /// They say no time: that of their sweep counts.
    async fn models(&self, sweep: &SweepId) -> Result<Vec<Value>, Error> {
        if self.of.since_ms > 0 {
            let status = self.queue.sweep_status(sweep).await?;
            if status.is_none_or(|status| status.created_ms < self.of.since_ms) {
                return Ok(Vec::new());
            }
        }
        Ok(values(&models(self.queue, Some(sweep)).await?))
    }

    async fn findings(&self, memory: &MemoryId) -> Result<(Vec<Value>, Option<String>), Error> {
        let mut all = Ledger::of(self.queue, memory, Wanted::default()).await?;
        if let Some(after) = &self.after {
            all = all.from(after);
        }
        let rows = values(&all.next_page().await?);
        Ok((rows, all.cursor().map(str::to_owned)))
    }

    async fn traces(&self, memory: &MemoryId) -> Result<(Vec<Value>, Option<String>), Error> {
        let repo = self.queue.memory_state(memory).await?.name;
        // A command line can't hold what stands between area and pathway in the list.
        let after = self.after.as_deref().and_then(|after| after.rsplit_once('/'));
        let from = after.map(|(area, id)| format!("{area}\0{id}")).unwrap_or_default();
        let page = pathways(self.queue, memory, &from).await?;
        let traces = page.pathways.iter().flat_map(|view| &view.traces);
        let rows: Vec<PathwayTraceRow> = traces.map(|trace| trace.row(&repo)).collect();
        Ok((values(&rows), page.cursor.map(|entry| entry.replace('\0', "/"))))
    }
}

/// Whether a sweep is one of the repository that has one of these names.
async fn is_of(queue: &Queue, sweep: &SweepId, names: &[String]) -> Result<bool, Error> {
    let Some(spec) = queue.sweep_spec(sweep).await? else { return Ok(false) };
    Ok(names.iter().any(|name| same_repository(name, &spec.repo) || spec.identity == *name))
}

fn sweep(id: &str) -> SweepId {
    SweepId::from(id.to_owned())
}

fn memory(id: &str) -> Result<MemoryId, Error> {
    id.parse().map_err(|_| Error::Cursor(id.to_owned()))
}

fn values<R: Serialize>(rows: &[R]) -> Vec<Value> {
    rows.iter().filter_map(|row| serde_json::to_value(row).ok()).collect()
}

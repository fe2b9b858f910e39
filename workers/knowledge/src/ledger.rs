//! The ledger of findings of a repository, over all its sweeps.

use crate::Error;
use queue_schema::client::Queue;
use queue_schema::ids::{FindingId, MemoryId};
use queue_schema::records::{FileFindings, KeptFinding};
use queue_schema::rows::ledger::SCHEMA_VERSION;
use queue_schema::rows::{AuditVerdict, FindingRow, FindingState, Severity};
use scrum_domain::findings::state;

/// Files with findings that are read at a time.
const FILES: usize = 64;

/// Says which files are meant.
pub type OfFile = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Which findings.
#[derive(Default)]
pub struct Wanted {
    /// Only of files that this says yes to.
    pub path: Option<OfFile>,
    /// Only in one of these states; all without any.
    pub states: Vec<FindingState>,
    /// Only at least this grave.
    pub severity: Option<Severity>,
    /// Only with this semantic flag.
    pub flag: Option<String>,
    /// Only of reviews in this tier.
    pub tier: Option<String>,
    /// Only first said since then, in milliseconds since the epoch.
    pub since_ms: u64,
    /// Only those behind which something stands besides their reviewer's word.
    pub confirmed: bool,
    /// Only those of which an audit of their present code says one of these; all without any.
    pub audited: Vec<AuditVerdict>,
}

impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted").field("states", &self.states).finish_non_exhaustive()
    }
}

impl Wanted {
    fn takes_file(&self, path: &str) -> bool {
        self.path.as_ref().is_none_or(|takes| takes(path))
    }

    fn takes(&self, row: &FindingRow) -> bool {
        let of = &row.observed;
        let audited = row.audited.as_ref().map(|audited| audited.audit.verdict);
        (self.states.is_empty() || self.states.contains(&row.state))
            && self.severity.is_none_or(|least| of.severity.is_some_and(|s| s <= least))
            && self.flag.as_ref().is_none_or(|flag| of.flags.contains(flag))
            && self.tier.as_ref().is_none_or(|tier| of.tier == *tier)
            && of.first.at_ms >= self.since_ms
            && (!self.confirmed || of.confirmed.is_some() || row.proven.is_some())
            && (self.audited.is_empty()
                || self.audited.iter().any(|wanted| audited == Some(*wanted)))
    }
}

/// Findings page by page, in the order of their files.
#[derive(Debug)]
pub struct Ledger<'a> {
    queue: &'a Queue,
    memory: &'a MemoryId,
    repo: String,
    wanted: Wanted,
    now_ms: u64,
    after: Option<String>,
    over: bool,
}

impl<'a> Ledger<'a> {
    /// Those of a repository.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn of(queue: &'a Queue, memory: &'a MemoryId, wanted: Wanted) -> Result<Self, Error> {
        let repo = queue.memory_state(memory).await?.name;
        let now_ms = queue.now_ms().await?;
        Ok(Self { queue, memory, repo, wanted, now_ms, after: None, over: false })
    }

    /// Goes on where [`Self::cursor`] was taken.
    #[must_use]
    pub fn from(mut self, cursor: &str) -> Self {
        self.after = Some(cursor.to_owned());
        self
    }

    /// Where the next page begins; `None` before the first page and behind the last.
    pub fn cursor(&self) -> Option<&str> {
        self.after.as_deref().filter(|_| !self.over)
    }

    /// The wanted findings of the next files that have any; empty when there are no further ones.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn next_page(&mut self) -> Result<Vec<FindingRow>, Error> {
        while !self.over {
            let after = self.after.as_deref();
            let paths = self.queue.finding_files(self.memory, after, FILES).await?;
            self.over = paths.len() < FILES;
            self.after = paths.last().cloned();
            let wanted: Vec<&String> =
                paths.iter().filter(|path| self.wanted.takes_file(path)).collect();
            let files = self.queue.findings_of(self.memory, &wanted).await?;
            let rows = files.iter().flat_map(|file| self.rows(file));
            let rows: Vec<FindingRow> = rows.filter(|row| self.wanted.takes(row)).collect();
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }

    fn rows<'b>(&'b self, file: &'b FileFindings) -> impl Iterator<Item = FindingRow> + 'b {
        file.all.iter().map(|kept| row(&self.repo, &file.path, kept, self.now_ms))
    }

    /// The findings of one file, wanted or not.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn of_file(&self, path: &str) -> Result<Vec<FindingRow>, Error> {
        let files = self.queue.findings_of(self.memory, &[path]).await?;
        Ok(files.iter().flat_map(|file| self.rows(file)).collect())
    }

    /// One finding, by its id or how that begins, from the first page on.
    ///
    /// # Errors
    /// When none or several are meant, or a failure of Redis.
    pub async fn find(&mut self, name: &str) -> Result<FindingRow, Error> {
        let none = || Error::NoFinding(name.to_owned());
        if let Ok(id) = name.parse::<FindingId>() {
            let places = self.queue.finding_places(self.memory, &[&id]).await?;
            if let Some((_, path)) = places.into_iter().flatten().next() {
                let files = self.queue.findings_of(self.memory, &[path]).await?;
                let mut rows = files.iter().flat_map(|file| self.rows(file));
                return rows.find(|row| row.id == *id).ok_or_else(none);
            }
        }
        (self.after, self.over) = (None, false);
        let mut found = Vec::new();
        loop {
            let page = self.next_page().await?;
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().filter(|row| row.id.starts_with(name)));
        }
        match found.len() {
            1 => found.pop().ok_or_else(none),
            0 => Err(none()),
            fits => Err(Error::AmbiguousFinding { name: name.to_owned(), fits }),
        }
    }
}

/// A finding as programs read it.
fn row(repo: &str, file: &str, kept: &KeptFinding, now_ms: u64) -> FindingRow {
    FindingRow {
        id: kept.id.to_string(),
        repo: repo.to_owned(),
        file: file.to_owned(),
        state: state(&kept.observed, kept.decided.as_ref(), now_ms),
        looked: kept.looked,
        seen: kept.seen,
        observed: kept.observed.clone(),
        decided: kept.decided.clone(),
        audited: kept.audited.clone().filter(|_| kept.audit().is_some()),
        proven: kept.proven.clone().filter(|_| kept.proof().is_some()),
        schema_version: SCHEMA_VERSION,
    }
}

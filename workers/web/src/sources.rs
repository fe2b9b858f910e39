//! Files of repositories, for pages that show them. They are read where they lie on this machine; no remote is asked.

use queue_schema::sweep::SweepSpec;
use scrum_domain::redact::mask;
use scrum_domain::target;
use scrum_repo::Repo;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Reads at a time. One that waits for a dead disk keeps its place.
const PLACES: usize = 8;

/// What reads files.
#[derive(Debug)]
pub struct Sources {
    mirrors: Option<PathBuf>,
    limit: Duration,
    places: Arc<Semaphore>,
}

impl Sources {
    /// One that looks for mirrors of URLs there; a read may take half of what a request may.
    pub fn new(mirrors: Option<PathBuf>, timeout: Duration) -> Self {
        Self { mirrors, limit: timeout / 2, places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// The text of a blob of a sweep's commit, its secrets masked: who sees the dashboard need not see them.
    ///
    /// # Errors
    /// Why there is none, for a person.
    pub async fn read(&self, spec: &SweepSpec, blob: &str) -> Result<String, String> {
        let busy = || "too many files are being read at once; try again".to_owned();
        let place = self.places.clone().try_acquire_owned().map_err(|_| busy())?;
        let most = spec.limits.max_file_bytes;
        let (named, commit, blob) = (spec.repo.clone(), spec.commit.clone(), blob.to_owned());
        let mirrors = self.mirrors.clone().unwrap_or_default();
        let read = tokio::task::spawn_blocking(move || {
            let _place = place;
            let repo = Repo::open_here(&named, &mirrors, &commit);
            let bytes = repo.and_then(|repo| repo.blob_within(&blob, most));
            let bytes = bytes.map_err(|e| e.to_string())?;
            let decoded = target::inspect(&bytes).map_err(|e| e.to_string())?;
            Ok::<_, String>(mask(&decoded.text).text)
        });
        let ended = tokio::time::timeout(self.limit, read).await;
        let read = ended.map_err(|_| "the repository did not answer in time".to_owned())?;
        read.map_err(|_| busy())?
    }
}

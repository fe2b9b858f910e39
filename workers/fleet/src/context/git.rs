//! Reads of the repository that a sweep is about.

use super::{Context, IDLE_REPOS};
use crate::runtime::HandlerError;
use queue_schema::sweep::SweepSpec;
use scrum_domain::target;
use scrum_repo::{Entry, IgnoreFile, Repo, RepoError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

impl Context {
    /// Every entry of the sweep's commit, in order.
    ///
    /// # Errors
    /// When the repository can't be read from this machine.
    pub async fn tree(&self, spec: &SweepSpec) -> Result<Arc<Vec<Entry>>, HandlerError> {
        let key = format!("{}@{}", spec.repo, spec.commit);
        if let Some(found) = self.0.trees.get(&key) {
            return Ok(found);
        }
        let (commit, most) = (spec.commit.clone(), u64::from(spec.limits.max_targets));
        // Without globs every entry is a target, and they are counted before they are listed.
        let all = spec.globs.is_empty() && most > 0;
        let tree = self.with_repo(spec, move |repo| {
            if all { repo.snapshot_within(&commit, most) } else { repo.snapshot(&commit) }
        });
        let tree = tree.await?;
        Ok(self.0.trees.put(&key, tree))
    }

    /// Where files of an earlier commit that the sweep's does not have are in it.
    ///
    /// # Errors
    /// When the repository can't be read from this machine, or lacks the earlier commit.
    pub async fn renames(
        &self,
        spec: &SweepSpec,
        from: &str,
        files: BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, HandlerError> {
        let (from, to, most) = (from.to_owned(), spec.commit.clone(), spec.limits.max_file_bytes);
        self.with_repo(spec, move |repo| repo.renames(&from, &to, &files, most)).await
    }

    /// The ignore file of the sweep's commit, which has this tree; `None` where it has none.
    ///
    /// # Errors
    /// Fatal when it can't be used: without it, what should stay at home would be sent.
    pub async fn ignore_file(
        &self,
        spec: &SweepSpec,
        tree: &[Entry],
    ) -> Result<Option<Arc<IgnoreFile>>, HandlerError> {
        let Some(entry) = tree.iter().find(|entry| entry.path == IgnoreFile::NAME) else {
            return Ok(None);
        };
        let fatal = |e: RepoError| HandlerError::Fatal(e.to_string());
        IgnoreFile::check(entry).map_err(fatal)?;
        if let Some(found) = self.0.ignores.get(&entry.blob) {
            return Ok(Some(found));
        }
        let bytes = self.blob(spec, &entry.blob).await?;
        // It takes a moment to compile.
        let read = tokio::task::spawn_blocking(move || IgnoreFile::read(&bytes)).await;
        let read = read.map_err(|e| HandlerError::retry("reading the ignore file", e))?;
        Ok(Some(self.0.ignores.put(&entry.blob, read.map_err(fatal)?)))
    }

    /// The text of a file that is reviewed.
    ///
    /// # Errors
    /// Fatal when it is no text; when the repository can't be read from this machine.
    pub async fn source(&self, spec: &SweepSpec, oid: &str) -> Result<String, HandlerError> {
        Ok(self.decoded(spec, oid).await?.0)
    }

    /// The same, and the encoding that it was read in; empty for UTF-8.
    ///
    /// # Errors
    /// As [`Context::source`].
    pub async fn decoded(
        &self,
        spec: &SweepSpec,
        oid: &str,
    ) -> Result<(String, &'static str), HandlerError> {
        let bytes = self.blob(spec, oid).await?;
        let read = target::inspect(&bytes).map_err(|e| HandlerError::Fatal(e.to_string()))?;
        Ok((read.text.into_owned(), read.encoding))
    }

    /// The content of a blob, read once for all jobs that come one after the other.
    ///
    /// # Errors
    /// When the repository can't be read from this machine.
    pub async fn blob(&self, spec: &SweepSpec, oid: &str) -> Result<Arc<Vec<u8>>, HandlerError> {
        // What is larger was skipped when the sweep was planned, by the same header.
        let most = spec.limits.max_file_bytes.max(IgnoreFile::MAX_BYTES);
        let kept = self.0.blobs.get(&spec.repo, oid);
        if let Some(bytes) = kept.filter(|bytes| bytes.len() as u64 <= most) {
            return Ok(bytes);
        }
        let bytes = self.read_blob(spec, oid.to_owned(), most).await?;
        Ok(self.0.blobs.put(&spec.repo, oid, bytes))
    }

    async fn read_blob(
        &self,
        spec: &SweepSpec,
        oid: String,
        most: u64,
    ) -> Result<Vec<u8>, HandlerError> {
        let key = format!("{}@{}", spec.repo, spec.commit);
        let kept = self.idle_repo(&key);
        let (repo, commit) = (spec.repo.clone(), spec.commit.clone());
        let mirrors = self.0.mirrors.clone();
        let read = self.0.reads.run(&spec.repo, move || {
            if let Some(repo) = kept
                && let Ok(bytes) = repo.blob_within(&oid, most)
            {
                return Ok((bytes, repo));
            }
            let repo = Repo::open_at(&repo, &mirrors, &commit)?;
            Ok((repo.blob_within(&oid, most)?, repo))
        });
        let (bytes, repo) = read.await?;
        let mut idle = self.0.repos.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= IDLE_REPOS {
            // The oldest, or those of a sweep that is over would stay for ever.
            idle.remove(0);
        }
        idle.push((key, repo));
        drop(idle);
        Ok(bytes)
    }

    fn idle_repo(&self, key: &str) -> Option<Repo> {
        let mut idle = self.0.repos.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().rposition(|(k, _)| k == key)?;
        Some(idle.remove(at).1)
    }

    /// Runs `work` with a repository as it is now: the mirror of a URL is brought up to date.
    ///
    /// # Errors
    /// As [`Context::with_repo`].
    pub(crate) async fn with_fresh_repo<T, F>(&self, repo: &str, work: F) -> Result<T, HandlerError>
    where
        T: Send + 'static,
        F: FnOnce(&Repo) -> Result<T, RepoError> + Send + 'static,
    {
        let (named, mirrors) = (repo.to_owned(), self.0.mirrors.clone());
        let read = move || work(&Repo::open_or_mirror(&named, &mirrors)?);
        self.0.reads.run(repo, read).await
    }

    /// Runs `work` with the repository on a thread where it may block, for `worker.git_read_s` at most.
    ///
    /// # Errors
    /// [`HandlerError::Fatal`] for what no second try mends, see [`RepoError::is_permanent`]; else
    /// [`HandlerError::Retry`]: a mount or a clone may come back.
    pub(crate) async fn with_repo<T, F>(&self, spec: &SweepSpec, work: F) -> Result<T, HandlerError>
    where
        T: Send + 'static,
        F: FnOnce(&Repo) -> Result<T, RepoError> + Send + 'static,
    {
        let (spec, commit) = (spec.repo.clone(), spec.commit.clone());
        let mirrors = self.0.mirrors.clone();
        let of = spec.clone();
        let read = move || work(&Repo::open_at(&spec, &mirrors, &commit)?);
        self.0.reads.run(&of, read).await
    }
}

//! The regular files of a commit by their paths, for finding out what a project is.

use crate::{MANIFEST_BYTES, Repo, RepoError};
use std::collections::BTreeMap;

/// The regular files of a commit. Paths that are not UTF-8 are left out.
pub struct Files<'a> {
    repo: &'a Repo,
    blobs: BTreeMap<String, String>,
}

impl Repo {
    /// Those of a commit.
    ///
    /// # Errors
    /// As [`Repo::snapshot`].
    pub fn regular_files(&self, commit: &str) -> Result<Files<'_>, RepoError> {
        let all = self.snapshot(commit)?.into_iter();
        let regular = all.filter(|entry| entry.is_regular() && !entry.path_escaped);
        Ok(Files { repo: self, blobs: regular.map(|entry| (entry.path, entry.blob)).collect() })
    }
}

impl Files<'_> {
    /// Whether there is one of this path.
    pub fn has(&self, path: &str) -> bool {
        self.blobs.contains_key(path)
    }

    /// Whether there is one below this directory.
    pub fn has_dir(&self, dir: &str) -> bool {
        let head = format!("{dir}/");
        self.blobs.range(head.clone()..).next().is_some_and(|(path, _)| path.starts_with(&head))
    }

    /// The text of one of at most a MiB; `None` for what can't be read as that.
    pub fn text(&self, path: &str) -> Option<String> {
        let bytes = self.repo.blob_within(self.blobs.get(path)?, MANIFEST_BYTES).ok()?;
        String::from_utf8(bytes).ok()
    }
}

impl std::fmt::Debug for Files<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Files").field(&self.blobs.len()).finish()
    }
}

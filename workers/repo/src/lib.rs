//! Git: snapshots of a commit. The only crate that links libgit2 or runs `git`.
//!
//! Workers read objects, never the working tree: a sweep is pinned to a commit, and what a user
//! does to the files meanwhile does not matter. libgit2 reads objects without running hooks,
//! filters or fsmonitor, whatever the repository's configuration says.

mod error;
mod globs;
mod mirror;
mod snapshot;

pub use error::RepoError;
pub use globs::{IgnoreFile, TargetGlobs};
pub use snapshot::{Entry, EntryKind};

use git2::{ErrorCode, Repository};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// An open repository. Not to be shared between threads: open one where it is needed, which
/// costs little, on a thread that may block.
pub struct Repo {
    git: Repository,
}

impl std::fmt::Debug for Repo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Repo").field(&self.git.path()).finish()
    }
}

impl Repo {
    /// Opens the repository that holds `path`, which may be a directory inside it.
    ///
    /// # Errors
    /// [`RepoError::Missing`] or [`RepoError::NotARepository`], with what to do.
    pub fn open(path: &Path) -> Result<Self, RepoError> {
        trust_any_owner();
        if !path.exists() {
            return Err(RepoError::Missing(path.to_owned()));
        }
        let git = Repository::discover(path).map_err(|e| match e.code() {
            ErrorCode::NotFound => RepoError::NotARepository(path.to_owned()),
            _ => RepoError::git(path.display(), &e),
        })?;
        Ok(Self { git })
    }

    /// True when a repository is named by URL and not by path.
    pub fn is_url(spec: &str) -> bool {
        mirror::is_url(spec)
    }

    /// Opens a path, or the local mirror of a URL, made or refreshed under `mirrors`.
    ///
    /// # Errors
    /// As [`Repo::open`], or [`RepoError::Mirror`] with what `git` said.
    pub fn open_or_mirror(spec: &str, mirrors: &Path) -> Result<Self, RepoError> {
        if Self::is_url(spec) {
            Self::open(&mirror::ensure(spec, mirrors)?)
        } else {
            Self::open(Path::new(spec))
        }
    }

    /// The working tree's root, or the repository itself when it is bare. Absolute.
    pub fn canonical(&self) -> PathBuf {
        let path = self.git.workdir().unwrap_or_else(|| self.git.path());
        path.canonicalize().unwrap_or_else(|_| path.to_owned())
    }

    /// The full id of the commit that a revision means; tags are peeled.
    ///
    /// # Errors
    /// [`RepoError::NoCommits`] for a new repository, [`RepoError::Revision`] otherwise.
    pub fn resolve(&self, rev: &str) -> Result<String, RepoError> {
        let found = self.git.revparse_single(rev).and_then(|o| o.peel_to_commit());
        found.map(|c| c.id().to_string()).map_err(|e| {
            if self.git.is_empty().unwrap_or(false) || self.git.head().is_err_and(|h| h.code() == ErrorCode::UnbornBranch) {
                RepoError::NoCommits(self.canonical())
            } else {
                RepoError::Revision {
                    rev: rev.to_owned(),
                    repo: self.canonical(),
                    message: e.message().to_owned(),
                }
            }
        })
    }

    /// Every entry of a commit's tree, in git's own order. Reads no content.
    ///
    /// # Errors
    /// When the commit or one of its trees is not in the repository.
    pub fn snapshot(&self, commit: &str) -> Result<Vec<Entry>, RepoError> {
        snapshot::of(&self.git, commit).map_err(|e| RepoError::git(format!("commit {commit}"), &e))
    }

    /// The content of a blob.
    ///
    /// # Errors
    /// When it is not in the repository.
    pub fn blob(&self, oid: &str) -> Result<Vec<u8>, RepoError> {
        let read = || Ok(self.git.find_blob(git2::Oid::from_str(oid)?)?.content().to_vec());
        read().map_err(|e: git2::Error| RepoError::git(format!("blob {oid}"), &e))
    }
}

/// libgit2 refuses repositories of other owners because their configuration could make git run
/// programs. We read objects only, which runs nothing, and workers in containers see every
/// repository as somebody else's.
fn trust_any_owner() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: sets one global of libgit2, once, before any repository is opened by us.
        #[allow(unsafe_code)]
        let set = unsafe { git2::opts::set_verify_owner_validation(false) };
        // It only fails when libgit2 was built without the option; then git's own rules apply.
        let _ = set;
    });
}

#[cfg(test)]
mod tests;

//! Git: snapshots of a commit. The only crate that links libgit2 or runs `git`.
//!
//! Workers read objects, never the working tree: a sweep is pinned to a commit, and what a user
//! does to the files meanwhile does not matter. libgit2 reads objects without running hooks,
//! filters or fsmonitor, whatever the repository's configuration says.
//!
//! What is written goes to a branch of its own ([`Repo::land`]), and is checked before that in a
//! copy of the commit's files ([`Repo::export`]) in a [`Sandbox`].

mod branch;
mod cache;
mod change;
mod command;
mod diff;
mod error;
mod files;
mod globs;
mod guard;
mod identity;
mod land;
mod lock;
mod messages;
mod mirror;
mod place;
mod planted;
mod renames;
mod sandbox;
mod snapshot;
mod state;
mod step;
mod worktree;

pub use cache::Cache;
pub use change::DiffRange;
pub use error::RepoError;
pub use files::Files;
pub use globs::{IgnoreFile, TargetGlobs};
pub use land::{Begun, Change, Landing};
pub use messages::MOST_COMMITS;
pub use planted::plant;
pub use sandbox::{Check, Ran, Sandbox, SandboxKind};
pub use snapshot::{Entry, EntryKind};
pub use worktree::{ExportBounds, LeftOut, Marks, Worktree, sweep_stale};

use git2::{ErrorCode, ObjectType, Oid, Repository};
use guard::Guard;
use mirror::Need;
use scrum_disk as disk;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Bytes of a blob that is read without another bound.
const BLOB_BYTES: u64 = 256 << 20;
/// Bytes of a `package.json` that is looked at.
const MANIFEST_BYTES: u64 = 1 << 20;

/// An open repository. Not to be shared between threads: open one where it is needed, which
/// costs little, on a thread that may block.
pub struct Repo {
    git: Repository,
    guard: Guard,
    /// The directory whose files it keeps; none for a bare one.
    root: Option<PathBuf>,
}

impl std::fmt::Debug for Repo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Repo").field(&self.git.path()).finish()
    }
}

impl Repo {
    /// Opens the repository that holds `path`, which may be a directory inside it. What is read and
    /// written is in the git directory that lies there, wherever its configuration points.
    ///
    /// # Errors
    /// [`RepoError::Missing`], [`RepoError::NotARepository`], or [`RepoError::Elsewhere`] for a git
    /// directory that is a link to another one, with what to do.
    pub fn open(path: &Path) -> Result<Self, RepoError> {
        set_up_libgit2();
        let (git_dir, root) = place::find(path)?;
        // Before libgit2 opens any of its files.
        let guard = Guard::check(&git_dir)?;
        Ok(Self { git: place::open_git_dir(&git_dir)?, guard, root })
    }

    /// True when a repository is named by URL and not by path.
    pub fn is_url(spec: &str) -> bool {
        mirror::is_url(spec)
    }

    /// Opens a path, or the local mirror of a URL, made or refreshed under `mirrors`: for finding
    /// out what a revision means now. It talks to the remote at every call; a worker that knows
    /// its commit wants [`Repo::open_at`].
    ///
    /// # Errors
    /// As [`Repo::open`], [`RepoError::Url`] for a URL that is not passed to git, or
    /// [`RepoError::Mirror`] with what `git` said. A remote that is away is an error, because the
    /// mirror's old state would be taken for the present one.
    pub fn open_or_mirror(spec: &str, mirrors: &Path) -> Result<Self, RepoError> {
        Self::open_needing(spec, mirrors, Need::Latest)
    }

    /// Opens a path, or the local mirror of a URL, which is made or refreshed only when it lacks
    /// `commit`.
    ///
    /// # Errors
    /// As [`Repo::open_or_mirror`], or [`RepoError::CommitGone`] when a remote lacks the commit.
    pub fn open_at(spec: &str, mirrors: &Path, commit: &str) -> Result<Self, RepoError> {
        Self::open_needing(spec, mirrors, Need::Commit(commit))
    }

    /// The same, of what is on this machine: a remote is never asked.
    ///
    /// # Errors
    /// As [`Repo::open_at`]; [`RepoError::Mirror`] for a URL that has no mirror with the commit here.
    pub fn open_here(spec: &str, mirrors: &Path, commit: &str) -> Result<Self, RepoError> {
        if !Self::is_url(spec) {
            return Self::open(Path::new(spec));
        }
        set_up_libgit2();
        Self::open(&mirror::here(spec, mirrors, commit)?)
    }

    fn open_needing(spec: &str, mirrors: &Path, need: Need<'_>) -> Result<Self, RepoError> {
        if Self::is_url(spec) {
            // Before the first repository is opened, also inside the mirror's checks.
            set_up_libgit2();
            Self::open(&mirror::ensure(spec, mirrors, need)?)
        } else {
            Self::open(Path::new(spec))
        }
    }

    /// The working tree's root, or the repository itself when it is bare. Absolute.
    pub fn canonical(&self) -> PathBuf {
        let path = self.root.as_deref().unwrap_or_else(|| self.git.path());
        disk::real_path(path).unwrap_or_else(|_| path.to_owned())
    }

    /// Where a path lies below the root of the working tree, `/` as separator; `None` for the root
    /// itself, for what lies elsewhere, and for what git keeps for itself.
    pub fn below_root(&self, path: &Path) -> Option<String> {
        let root = disk::real_path(self.root.as_deref()?).ok()?;
        let below = disk::real_path(path).ok()?;
        let below = below.strip_prefix(root).ok()?;
        let own = below.starts_with(".git") || below.as_os_str().is_empty();
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        (!own).then(|| parts.join("/"))
    }

    /// The full id of the commit that a revision means; tags are peeled.
    ///
    /// # Errors
    /// [`RepoError::NoCommits`] for a new repository, [`RepoError::Revision`] otherwise.
    pub fn resolve(&self, rev: &str) -> Result<String, RepoError> {
        self.guard.check_revisions()?;
        let found = self.git.revparse_single(rev).and_then(|o| o.peel_to_commit());
        found.map(|c| c.id().to_string()).map_err(|e| {
            let unborn = || self.git.head().is_err_and(|h| h.code() == ErrorCode::UnbornBranch);
            // Another branch may have commits: only a question about HEAD is answered by it.
            if self.git.is_empty().unwrap_or(false) || (rev == "HEAD" && unborn()) {
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

    /// Every entry of a commit's tree, recursively, sorted by the bytes of its path. Reads no
    /// content and never the working tree.
    ///
    /// # Errors
    /// [`RepoError::Git`] when the commit, one of its trees or the header of a file is not in the
    /// repository, as in a shallow or partial clone; [`RepoError::TooLarge`] beyond a million
    /// entries or a path of 4,096 bytes.
    pub fn snapshot(&self, commit: &str) -> Result<Vec<Entry>, RepoError> {
        snapshot::of(self, commit, snapshot::BOUNDS)
    }

    /// The same, of a commit in which every entry is a target.
    ///
    /// # Errors
    /// As [`Repo::snapshot`], and [`RepoError::TooManyTargets`] with their number, which is known
    /// before they are listed.
    pub fn snapshot_within(&self, commit: &str, targets: u64) -> Result<Vec<Entry>, RepoError> {
        let bounds = snapshot::Bounds { targets: Some(targets), ..snapshot::BOUNDS };
        snapshot::of(self, commit, bounds)
    }

    /// The files at the root of a commit, and the text of `package.json` among them, for finding out
    /// what checks it.
    ///
    /// # Errors
    /// [`RepoError::Git`] when one of these objects can't be read, [`RepoError::TooLarge`] for a
    /// `package.json` of more than a MiB.
    pub fn at_root(&self, commit: &str) -> Result<(Vec<String>, Option<String>), RepoError> {
        let failed = |e: git2::Error| RepoError::git(format!("commit {commit}"), &e);
        let id = Oid::from_str(commit).map_err(failed)?;
        self.guard.check_object(id)?;
        let id = self.git.find_commit(id).map_err(failed)?.tree_id();
        self.guard.check_object(id)?;
        let tree = self.git.find_tree(id).map_err(failed)?;
        let (mut names, mut package) = (Vec::new(), None);
        for entry in tree.iter().filter(|entry| entry.kind() == Some(ObjectType::Blob)) {
            let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
            if name == "package.json" {
                let bytes = self.blob_within(&entry.id().to_string(), MANIFEST_BYTES)?;
                package = Some(String::from_utf8_lossy(&bytes).into_owned());
            }
            names.push(name);
        }
        Ok((names, package))
    }

    /// The content of a blob, whole: look at [`Entry::bytes`] first.
    ///
    /// # Errors
    /// As [`Repo::blob_within`], beyond 256 MiB.
    pub fn blob(&self, oid: &str) -> Result<Vec<u8>, RepoError> {
        self.blob_within(oid, BLOB_BYTES)
    }

    /// The content of a blob of at most `most` bytes, by its header.
    ///
    /// # Errors
    /// [`RepoError::Git`] when it is not in the repository or is no blob, [`RepoError::TooLarge`].
    pub fn blob_within(&self, oid: &str, most: u64) -> Result<Vec<u8>, RepoError> {
        let what = format!("blob {oid}");
        let failed = |e: git2::Error| RepoError::git(&what, &e);
        let id = Oid::from_str(oid).map_err(failed)?;
        self.guard.check_object(id)?;
        let (bytes, _) = self.git.odb().and_then(|odb| odb.read_header(id)).map_err(failed)?;
        if bytes as u64 > most {
            let bound = format!("{bytes} bytes, where at most {most} are read");
            return Err(RepoError::TooLarge { what, bound });
        }
        Ok(self.git.find_blob(id).map_err(failed)?.content().to_vec())
    }
}

/// Sets what libgit2 keeps for the whole process.
///
/// Ownership: libgit2 refuses repositories of other owners because their configuration could make
/// git run programs (hooks, filters, fsmonitor, ssh and credential commands). We read and write
/// objects and refs, no more: libgit2 is built without transports, we check nothing out, and none
/// of these functions runs a program. Workers in containers and in CI see every repository as
/// somebody else's, and would need `safe.directory` for each.
///
/// Partial clones: libgit2 refuses to open them because it can't fetch what is missing. Objects
/// that are there can be read; one that is missing is an error that says so.
///
/// Hashes: libgit2 hashes every object that it reads and compares, and that is left on. A row names the
/// object that was reviewed, and a damaged or forged one must be an error and not a review of something else.
/// Workers keep what they have read, so that the cost is one hash a file.
fn set_up_libgit2() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: both set globals of libgit2 that are not synchronised. This runs once, before
        // this crate opens any repository, and no other crate of the workspace links git2.
        #[allow(unsafe_code)]
        let set = unsafe {
            git2::opts::set_verify_owner_validation(false)
                .and_then(|()| git2::opts::set_extensions(&["partialclone"]))
        };
        // They fail only when memory is short; then libgit2's own, stricter rules apply.
        let _ = set;
    });
}

#[cfg(test)]
mod tests;

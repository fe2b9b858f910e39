//! What can go wrong with a repository: what, where, and what to do.

use git2::{ErrorClass, ErrorCode};
use scrum_shown::shell_quoted;
use std::path::{Path, PathBuf};

/// A failure of git.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepoError {
    /// No such path.
    #[error("there is nothing at {}; pass the path of a git repository", .0.display())]
    Missing(PathBuf),
    /// Not in a repository.
    #[error(
        "{} is not a git repository; run `git init` and commit there, or pass a path inside a clone",
        .0.display()
    )]
    NotARepository(PathBuf),
    /// Nothing committed.
    #[error(
        "the repository {} has no commits yet; commit something, because a sweep is pinned to a commit",
        .0.display()
    )]
    NoCommits(PathBuf),
    /// No such revision.
    #[error(
        "there is no revision '{rev}' in {}: {message}; `git log` there lists commits",
        .repo.display()
    )]
    Revision {
        /// What was asked for.
        rev: String,
        /// Where.
        repo: PathBuf,
        /// What libgit2 said.
        message: String,
    },
    /// A URL that is not passed to git.
    #[error("the repository URL '{url}' {why}")]
    Url {
        /// Which one, without its password or token.
        url: String,
        /// What is wrong with it, and what to do.
        why: &'static str,
    },
    /// `git` could not mirror a URL.
    #[error(
        "git could not mirror {url}: {message}; try `git ls-remote {}` on this machine to see why",
        shell_quoted(.url)
    )]
    Mirror {
        /// Which one, without its password.
        url: String,
        /// What git said last.
        message: String,
    },
    /// A remote no longer has the commit that a sweep is pinned to.
    #[error(
        "{url} has no commit {commit} (any more): a force push may have dropped it; start a new sweep"
    )]
    CommitGone {
        /// Which remote.
        url: String,
        /// Which commit.
        commit: String,
    },
    /// A glob that is none.
    #[error(
        "the target '{glob}' is not a valid glob: {message}; quote it, as in --target 'src/**/*.rs'"
    )]
    Glob {
        /// Which one.
        glob: String,
        /// What the parser said.
        message: String,
    },
    /// An ignore file by which nothing can be told apart. It may keep secrets at home: without it
    /// nothing is read.
    #[error(
        "{} at the root of the commit {why}, so that it would keep nothing out; mend it, commit it, and sweep that commit",
        crate::IgnoreFile::NAME
    )]
    IgnoreFile {
        /// What is wrong with it.
        why: String,
    },
    /// An index that is no change.
    #[error("what is staged in {} can't be taken: {why}", .repo.display())]
    Staged {
        /// Where.
        repo: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A patch that does not apply.
    #[error(
        "the patch does not apply to HEAD: {0}; make it anew with `git diff --binary`, or check out what it was made of"
    )]
    Patch(String),
    /// A tree beyond every bound.
    #[error("{what} has {bound}; this is more than a repository of sources has, and is not read")]
    TooLarge {
        /// Which commit, or which path of it.
        what: String,
        /// The bound that it passes.
        bound: String,
    },
    /// More files than a sweep may have.
    #[error(
        "there are {count} targets; at most {max} are allowed (sweep.max_targets): narrow the sweep with --target, or raise the setting"
    )]
    TooManyTargets {
        /// How many there are.
        count: u64,
        /// How many there may be.
        max: u64,
    },
    /// A git directory that is not read, because that might never end.
    #[error(
        "{} {why}; nothing is read from this repository: remove that, or sweep a fresh clone",
        .path.display()
    )]
    GitDirectory {
        /// What stands in the way.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A branch that is not committed to.
    #[error("the branch '{name}' {why}")]
    Branch {
        /// Which one.
        name: String,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// The branch is not where the work began: do it again on what is there now.
    #[error(
        "the branch '{branch}' moved meanwhile; the changes must be made again on its new commit"
    )]
    Moved {
        /// Which one.
        branch: String,
        /// Its head now; none when it is gone.
        head: Option<String>,
    },
    /// Somebody began after us: our work on this branch is over, theirs counts.
    #[error("another run has taken over the branch '{branch}'; nothing was changed")]
    Fenced {
        /// Which one.
        branch: String,
    },
    /// Somebody holds the lock of a branch for too long: try again.
    #[error(
        "the branch '{branch}' is locked ({}); when no git is at work in the repository, remove that file",
        .lock.display()
    )]
    Locked {
        /// Which one.
        branch: String,
        /// The file that is the lock.
        lock: PathBuf,
    },
    /// A file that is not to be changed.
    #[error("{path}: {why}")]
    Change {
        /// Which one.
        path: String,
        /// Why not.
        why: String,
    },
    /// Foreign code is run in bubblewrap or not at all, and that does not work here.
    #[error("no_sandbox: checks run in bubblewrap or not at all; {0}")]
    NoSandbox(String),
    /// A repository whose git directory sends whoever uses it elsewhere.
    #[error("{} is not used: {why}", .place.display())]
    Elsewhere {
        /// What was named, or what leads away from it.
        place: PathBuf,
        /// Where it leads, and what to do.
        why: String,
    },
    /// The sandbox could not be set up. This says nothing about the check in it.
    #[error("the sandbox does not work: {0}")]
    Sandbox(String),
    /// A file of our own that can't be read or written.
    #[error("{what}: {message}; {hint}")]
    Io {
        /// Which file or directory.
        what: String,
        /// What the system said.
        message: String,
        /// What to do.
        hint: &'static str,
    },
    /// An object that should be there.
    #[error("git can't read {what}: {message}{hint}")]
    Git {
        /// Which object.
        what: String,
        /// What libgit2 said.
        message: String,
        /// What to do, where that is known, with a leading "; ".
        hint: &'static str,
        /// The object itself is broken: see [`RepoError::is_permanent`].
        broken: bool,
    },
}

impl RepoError {
    /// Whether the same may succeed when it is begun again.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Moved { .. } | Self::Fenced { .. } | Self::Locked { .. })
    }

    /// Whether the same will fail however often it is tried: a person has to do something about the
    /// repository or the request. What may come back (a mount, a remote, an object that a fetch brings) is
    /// not among them.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Git { broken, .. } => *broken,
            Self::Url { .. }
            | Self::CommitGone { .. }
            | Self::Glob { .. }
            | Self::IgnoreFile { .. }
            | Self::TooLarge { .. }
            | Self::Staged { .. }
            | Self::Patch(_)
            | Self::TooManyTargets { .. }
            | Self::GitDirectory { .. }
            | Self::Elsewhere { .. } => true,
            _ => false,
        }
    }

    pub(crate) fn io(what: &Path, error: impl std::fmt::Display, hint: &'static str) -> Self {
        Self::Io { what: what.display().to_string(), message: error.to_string(), hint }
    }

    pub(crate) fn git(what: impl Into<String>, error: &git2::Error) -> Self {
        let message = error.message().to_owned();
        // It is there, and it is not what its name or its header says.
        let broken = error.code() == ErrorCode::HashsumMismatch
            || (error.code() != ErrorCode::NotFound
                && matches!(
                    error.class(),
                    ErrorClass::Zlib
                        | ErrorClass::Odb
                        | ErrorClass::Object
                        | ErrorClass::Tree
                        | ErrorClass::Invalid
                ));
        let hint = if message.contains("object format") || message.contains("objectformat") {
            "; repositories with SHA-256 object names are not supported"
        } else if broken {
            "; the object is broken: `git fsck` in that repository names all that are, and a fresh clone has \
             them whole"
        } else if error.code() == ErrorCode::NotFound {
            "; if the clone is shallow or partial, run `git fetch --unshallow` or \
             `git fetch --refetch` in it, else `git fsck`"
        } else if error.class() == ErrorClass::Os {
            "; check that this user may read the repository"
        } else {
            ""
        };
        Self::Git { what: what.into(), message, hint, broken }
    }
}

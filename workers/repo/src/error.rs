//! What can go wrong with a repository: what, where, and what to do.

use std::path::PathBuf;

/// A failure of git.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// No such path.
    #[error("there is nothing at {}; pass the path of a git repository", .0.display())]
    Missing(PathBuf),
    /// Not in a repository.
    #[error("{} is not a git repository; run `git init` and commit there, or pass a path inside a clone", .0.display())]
    NotARepository(PathBuf),
    /// Nothing committed.
    #[error("the repository {} has no commits yet; commit something, because a sweep is pinned to a commit", .0.display())]
    NoCommits(PathBuf),
    /// No such revision.
    #[error("there is no revision '{rev}' in {}: {message}; `git log` there shows what there is", .repo.display())]
    Revision {
        /// What was asked for.
        rev: String,
        /// Where.
        repo: PathBuf,
        /// What libgit2 said.
        message: String,
    },
    /// A URL that we don't pass to git.
    #[error("the repository URL '{0}' is not one of https, ssh, git or file; clone it yourself and pass the path")]
    Url(String),
    /// `git` could not mirror a URL.
    #[error("git could not mirror {url}: {message}; try `git clone {url}` on this machine to see why")]
    Mirror {
        /// Which one.
        url: String,
        /// What git said last.
        message: String,
    },
    /// A glob that is none.
    #[error("the target '{glob}' is no glob: {message}; quote it, as in --target 'src/**/*.rs'")]
    Glob {
        /// Which one.
        glob: String,
        /// What the parser said.
        message: String,
    },
    /// An object that should be there.
    #[error("git can't read {what}: {message}")]
    Git {
        /// Which object.
        what: String,
        /// What libgit2 said.
        message: String,
    },
}

impl RepoError {
    pub(crate) fn git(what: impl ToString, error: &git2::Error) -> Self {
        Self::Git { what: what.to_string(), message: error.message().to_owned() }
    }
}

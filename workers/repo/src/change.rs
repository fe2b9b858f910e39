//! Which two commits a change lies between, as people name it: a range, a commit, the index, a patch.

use crate::{Repo, RepoError};
use git2::{Commit, Diff, ErrorCode, Index, Oid, Signature, Time};
use queue_schema::sweep::EMPTY_TREE;
use scrum_disk as disk;
use std::path::Path;

/// Author of the commits that hold what nobody has committed yet. Fixed, as their time is: the same index has the same
/// commit.
const AUTHOR: (&str, &str) = ("Scrum Fleet", "scrum-fleet@localhost");

/// A change: the commit before it, or [`EMPTY_TREE`], and the one after it; full ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffRange {
    /// Before.
    pub base: String,
    /// After.
    pub head: String,
}

impl Repo {
    /// The change that a range means: `BASE..HEAD`; `BASE...HEAD`, which begins where the two parted; or one commit,
    /// from its first parent on. An empty side is `HEAD`.
    ///
    /// # Errors
    /// As [`Repo::resolve`]; [`RepoError::Revision`] for two commits without a common ancestor.
    pub fn range(&self, range: &str) -> Result<DiffRange, RepoError> {
        let side = |name: &str| self.resolve(if name.is_empty() { "HEAD" } else { name });
        if let Some((one, other)) = range.split_once("...") {
            let (one, head) = (side(one)?, side(other)?);
            let ids = Oid::from_str(&one).and_then(|a| Ok((a, Oid::from_str(&head)?)));
            let base = ids.and_then(|(a, b)| self.git.merge_base(a, b)).map_err(|e| {
                let message = match e.code() {
                    ErrorCode::NotFound => {
                        "the two have no common ancestor; name them as BASE..HEAD"
                    }
                    _ => e.message(),
                };
                self.no_revision(range, message)
            })?;
            return Ok(DiffRange { base: base.to_string(), head });
        }
        if let Some((base, head)) = range.split_once("..") {
            return Ok(DiffRange { base: side(base)?, head: side(head)? });
        }
        let head = self.resolve(range)?;
        let commit = self.commit_of(&head)?;
        // A commit of a shallow clone names a parent that is not there: what it changed is not known.
        let base = match commit.parent_ids().next() {
            Some(parent) => self.commit_of(&parent.to_string())?.id().to_string(),
            None => EMPTY_TREE.to_owned(),
        };
        Ok(DiffRange { base, head })
    }

    /// What is in the index and not in `HEAD`: a commit of it is written, which no branch has. `index` is the index to
    /// read, where it is not the repository's own.
    ///
    /// # Errors
    /// [`RepoError::Staged`] for an index with conflicts, or one that can't be read; [`RepoError::Git`].
    pub fn staged(&self, index: Option<&Path>) -> Result<DiffRange, RepoError> {
        self.guard.check_revisions()?;
        let staged = |why: String| RepoError::Staged { repo: self.canonical(), why };
        let read = match index {
            Some(path) if !disk::is_file(path) => {
                return Err(staged(format!("{} is no file", path.display())));
            }
            Some(path) => Index::open(path),
            None => self.git.index(),
        };
        let mut index = read.map_err(|e| staged(e.message().to_owned()))?;
        if index.has_conflicts() {
            return Err(staged("it has conflicts; resolve and add them".to_owned()));
        }
        let tree = index.write_tree_to(&self.git).map_err(|e| staged(e.message().to_owned()))?;
        self.dangling(tree, "what is staged")
    }

    /// What a patch changes of `HEAD`, as it would if it was applied: a commit of that is written, which no branch
    /// has, and no file is touched.
    ///
    /// # Errors
    /// [`RepoError::Patch`] for a text that is no patch, or that does not fit; [`RepoError::Git`].
    pub fn patched(&self, patch: &[u8]) -> Result<DiffRange, RepoError> {
        self.guard.check_revisions()?;
        let refused = |e: git2::Error| RepoError::Patch(e.message().to_owned());
        let diff = Diff::from_buffer(patch).map_err(refused)?;
        if diff.deltas().len() == 0 {
            return Err(RepoError::Patch("it changes no file".to_owned()));
        }
        let head = self.commit_of(&self.resolve("HEAD")?)?;
        let before = head.tree().map_err(|e| RepoError::git("HEAD", &e))?;
        let mut index = self.git.apply_to_tree(&before, &diff, None).map_err(refused)?;
        let tree = index.write_tree_to(&self.git).map_err(refused)?;
        self.dangling(tree, "what a patch changes")
    }

    /// A commit on `HEAD`, or the first one where there is none, to which nothing leads.
    fn dangling(&self, tree: Oid, subject: &str) -> Result<DiffRange, RepoError> {
        let failed = |e: git2::Error| RepoError::git(subject, &e);
        let parent = match self.resolve("HEAD") {
            Ok(id) => Some(self.commit_of(&id)?),
            Err(RepoError::NoCommits(_)) => None,
            Err(error) => return Err(error),
        };
        let who = Signature::new(AUTHOR.0, AUTHOR.1, &Time::new(0, 0)).map_err(failed)?;
        let tree = self.git.find_tree(tree).map_err(failed)?;
        let parents: Vec<&Commit<'_>> = parent.iter().collect();
        let made = self.git.commit(None, &who, &who, subject, &tree, &parents).map_err(failed)?;
        let base = parent.map_or_else(|| EMPTY_TREE.to_owned(), |p| p.id().to_string());
        Ok(DiffRange { base, head: made.to_string() })
    }

    fn commit_of(&self, id: &str) -> Result<Commit<'_>, RepoError> {
        let found = Oid::from_str(id).and_then(|id| self.git.find_commit(id));
        found.map_err(|e| RepoError::git(format!("commit {id}"), &e))
    }

    fn no_revision(&self, rev: &str, message: &str) -> RepoError {
        let (rev, repo, message) = (rev.to_owned(), self.canonical(), message.to_owned());
        RepoError::Revision { rev, repo, message }
    }
}

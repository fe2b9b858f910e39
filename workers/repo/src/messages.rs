//! What the authors of a change wrote with its commits.

use crate::{Repo, RepoError};
use git2::{Oid, Sort};

/// Commits whose messages are read.
pub const MOST_COMMITS: usize = 200;
/// Bytes of a message that are read.
const MOST_BYTES: usize = 64 * 1024;
/// Digits of a commit's id that name it for people.
const DIGITS: usize = 10;

impl Repo {
    /// The messages of the commits that lead from one commit to another, the oldest first, each behind the beginning of
    /// its commit's id; at most [`MOST_COMMITS`], the newest ones. A base that is no commit leaves all of the history.
    ///
    /// # Errors
    /// [`RepoError::Git`] when the commits can't be read.
    pub fn messages(&self, base: &str, head: &str) -> Result<Vec<(String, String)>, RepoError> {
        let what = format!("the commits from {base} to {head}");
        let failed = |e: git2::Error| RepoError::git(&what, &e);
        let mut walk = self.git.revwalk().map_err(failed)?;
        walk.set_sorting(Sort::TOPOLOGICAL).map_err(failed)?;
        walk.push(Oid::from_str(head).map_err(failed)?).map_err(failed)?;
        if let Some(base) = Oid::from_str(base).ok().filter(|id| self.git.find_commit(*id).is_ok())
        {
            walk.hide(base).map_err(failed)?;
        }
        let mut found = Vec::new();
        for id in walk.take(MOST_COMMITS) {
            let commit = self.git.find_commit(id.map_err(failed)?).map_err(failed)?;
            let bytes = commit.message_bytes();
            let message = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST_BYTES)]);
            found.push((commit.id().to_string()[..DIGITS].to_owned(), message.into_owned()));
        }
        found.reverse();
        Ok(found)
    }
}

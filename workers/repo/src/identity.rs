//! What names a repository, wherever its clones lie.

use crate::{Repo, RepoError};
use git2::{Oid, Sort};
use queue_schema::url;

/// Commits that are walked back for the first one. Longer histories have remotes.
const MOST_COMMITS: usize = 100_000;
/// The remote that names a repository, where there are several.
const ORIGIN: &str = "origin";

impl Repo {
    /// The canonical identity of the repository, as the history of `commit` tells: its remote's address without user,
    /// password, scheme and ending; without a remote `root:COMMIT`, the first commit of its history; where that is not
    /// all there its path. A remote on this machine names nothing that others share.
    ///
    /// # Errors
    /// When the history can't be read.
    pub fn identity(&self, commit: &str) -> Result<String, RepoError> {
        if let Some(url) = self.remote() {
            return Ok(url::identity(&url));
        }
        let root = if self.git.is_shallow() { None } else { self.first_commit(commit)? };
        let path = || self.canonical().to_string_lossy().into_owned();
        Ok(root.map_or_else(path, |root| format!("root:{root}")))
    }

    fn remote(&self) -> Option<String> {
        let names = self.git.remotes().ok()?;
        let mut names: Vec<&str> = names.iter().flatten().flatten().collect();
        names.sort_by_key(|name| (*name != ORIGIN, *name));
        let urls = names.iter().filter_map(|name| self.git.find_remote(name).ok());
        let mut urls = urls.filter_map(|remote| remote.url().ok().map(str::to_owned));
        urls.find(|url| url::is_url(url) && !url.starts_with("file:"))
    }

    /// The first commit, along first parents; `None` when there are too many to walk.
    fn first_commit(&self, commit: &str) -> Result<Option<Oid>, RepoError> {
        let walked = || -> Result<Option<Oid>, git2::Error> {
            let mut walk = self.git.revwalk()?;
            walk.push(Oid::from_str(commit)?)?;
            walk.simplify_first_parent()?;
            walk.set_sorting(Sort::TOPOLOGICAL)?;
            let mut last = None;
            for (n, id) in walk.enumerate() {
                if n >= MOST_COMMITS {
                    return Ok(None);
                }
                last = Some(id?);
            }
            Ok(last)
        };
        walked().map_err(|e| RepoError::git(format!("the history of {commit}"), &e))
    }
}

//! What files of one commit are called in another.

use crate::snapshot::Entry;
use crate::{Repo, RepoError};
use git2::{Delta, DiffFindOptions, DiffOptions, Oid};
use std::collections::{BTreeMap, BTreeSet};

/// Files of either side whose contents are compared.
const MOST_COMPARED: usize = 1_000;
/// How much of a renamed file is the same, in percent: what git takes.
const ALIKE: u16 = 50;

impl Repo {
    /// Where those of some files of a commit that another one does not have are in it: under a name that
    /// the first one does not have, with the same content or one that is as alike as git asks of a rename.
    /// Larger files than `most_bytes` are only compared as a whole.
    ///
    /// # Errors
    /// As [`Repo::snapshot`], for either commit.
    pub fn renames(
        &self,
        from: &str,
        to: &str,
        files: &BTreeSet<String>,
        most_bytes: u64,
    ) -> Result<BTreeMap<String, String>, RepoError> {
        let (old, new) = (self.snapshot(from)?, self.snapshot(to)?);
        let missing = |all: &[Entry], of: &[Entry]| -> Vec<Entry> {
            let names: BTreeSet<&str> = of.iter().map(|entry| entry.path.as_str()).collect();
            let files = all.iter().filter(|e| e.is_regular() && !names.contains(e.path.as_str()));
            files.cloned().collect()
        };
        let mut removed = missing(&old, &new);
        removed.retain(|entry| files.contains(&entry.path));
        let mut added = missing(&new, &old);
        let mut found = BTreeMap::new();
        removed.retain(|old| {
            let same = added.iter().position(|new| new.blob == old.blob);
            let new = same.map(|at| added.remove(at).path);
            new.map(|new| found.insert(old.path.clone(), new)).is_none()
        });
        for entries in [&mut removed, &mut added] {
            entries.retain(|entry| entry.bytes <= most_bytes && !entry.path_escaped);
            entries.truncate(MOST_COMPARED);
        }
        if !removed.is_empty() && !added.is_empty() {
            let alike = self.alike(from, to, removed.iter().chain(&added));
            found.extend(alike.map_err(|e| RepoError::git(format!("commit {to}"), &e))?);
        }
        Ok(found)
    }

    /// Renames among some files of two commits whose trees were looked at already.
    fn alike<'a>(
        &self,
        from: &str,
        to: &str,
        files: impl Iterator<Item = &'a Entry>,
    ) -> Result<Vec<(String, String)>, git2::Error> {
        let tree = |commit: &str| self.git.find_commit(Oid::from_str(commit)?)?.tree();
        let mut options = DiffOptions::new();
        // They are paths, not patterns.
        options.disable_pathspec_match(true).ignore_submodules(true);
        for entry in files {
            options.pathspec(&entry.path);
        }
        let mut diff =
            self.git.diff_tree_to_tree(Some(&tree(from)?), Some(&tree(to)?), Some(&mut options))?;
        let mut find = DiffFindOptions::new();
        find.renames(true).rename_threshold(ALIKE).rename_limit(MOST_COMPARED);
        diff.find_similar(Some(&mut find))?;
        let name = |file: git2::DiffFile<'_>| Some(file.path()?.to_str()?.to_owned());
        let renamed = diff.deltas().filter(|delta| delta.status() == Delta::Renamed);
        Ok(renamed.filter_map(|d| Some((name(d.old_file())?, name(d.new_file())?))).collect())
    }
}

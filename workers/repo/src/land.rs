//! Commits on a branch, fenced, and found again after a crash.
//!
//! A run calls [`Repo::begin`] first and [`Repo::land`] when its changes are made. Whoever began
//! last may land; all others are fenced off. What landed leaves a journal until
//! [`Repo::forget_landed`], so that a run whose process died after it landed finds out.
//!
//! Everything that is decided is decided while the branch is locked, in this order: the fence, the
//! head, the protection, the journal, the branch. A process that dies before the last of these has
//! changed nothing but the journal, which names a commit that the branch does not have, and so
//! counts for nothing. One that dies after it has landed.
//!
//! Objects, one reference and its log, and the files under `scrum/` in the git directory are
//! all that is written. Neither HEAD nor index, working tree, stash or configuration are touched,
//! and libgit2 runs no hooks.

use crate::branch::{check_name, ref_name};
use crate::lock::BranchLock;
use crate::state::{Kind, State};
use crate::step::step;
use crate::worktree::names;
use crate::{Repo, RepoError};
use git2::build::TreeUpdateBuilder;
use git2::{FileMode, ObjectType, Oid, Signature, Time, Tree};
use scrum_disk as disk;
use std::path::Path;

/// What [`Repo::begin`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Begun {
    /// The run has not landed.
    Fresh,
    /// The run landed before; this is its journal.
    Landed(String),
}

/// Where and as what changes land.
#[derive(Debug, Clone, Copy)]
pub struct Landing<'a> {
    /// The branch, without `refs/heads/`.
    pub branch: &'a str,
    /// The head that the changes were made on; none when the branch is new and begins at `base`.
    pub expected: Option<&'a str>,
    /// Where a new branch begins; not looked at when there is an `expected`.
    pub base: &'a str,
    /// The same as in [`Repo::begin`].
    pub run: &'a str,
    /// The same as in [`Repo::begin`].
    pub token: &'a str,
    /// Branches that nobody commits to; see [`Repo::check_branch`].
    pub protected: &'a [String],
    /// Author and committer.
    pub author_name: &'a str,
    /// Their address.
    pub author_email: &'a str,
    /// Time of the commits, in seconds since 1970.
    pub time: i64,
}

/// One commit: a file's new content, and perhaps a new file. The first one exists, and keeps its mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From the root of the repository, with `/`.
    pub path: String,
    /// All of it.
    pub content: Vec<u8>,
    /// A file that is new with the same commit: its path and all of it. Nothing is there before.
    pub added: Option<(String, Vec<u8>)>,
    /// The message of the commit.
    pub message: String,
}

impl Repo {
    /// Begins a run on a branch: from here on nobody who began earlier lands there, and whoever is
    /// just about to has ended when this returns. Says whether this run has landed before.
    ///
    /// May be called any number of times. A crash leaves the fence, which only ends the runs
    /// before it.
    ///
    /// # Errors
    /// [`RepoError::Branch`] for a name that is none, [`RepoError::Locked`] when the branch stays
    /// locked, [`RepoError::Io`] when the git directory can't be written.
    pub fn begin(&self, branch: &str, run: &str, token: &str) -> Result<Begun, RepoError> {
        check_name(branch)?;
        self.check_place(branch)?;
        let state = State::open(self.git.commondir())?;
        state.put(Kind::Fence, branch, token)?;
        step("fenced");
        let _lock = BranchLock::take(&self.git, &state, branch)?;
        let Some(journal) = state.get(Kind::Landed, run)? else { return Ok(Begun::Fresh) };
        if let Some((head, text)) = journal.split_once('\n')
            && Oid::from_str(head).is_ok()
            && self.branch_contains(branch, head)?
        {
            return Ok(Begun::Landed(text.to_owned()));
        }
        state.remove(Kind::Landed, run)?;
        Ok(Begun::Fresh)
    }

    /// Makes one commit a change, in order, and moves the branch to the last of them, all or
    /// nothing. `journal` gets the ids of the commits, and gives the text that [`Repo::begin`]
    /// returns from then on. No changes: nothing happens.
    ///
    /// After a crash, [`Repo::begin`] with the same run says whether this had landed.
    ///
    /// # Errors
    /// [`RepoError::Fenced`], [`RepoError::Moved`] and [`RepoError::Locked`] as
    /// [`RepoError::is_passing`] says; [`RepoError::Branch`] when the branch is protected or in
    /// use, [`RepoError::Change`] for a file that is not there or not changed. Nothing has landed
    /// then.
    pub fn land(
        &self,
        landing: &Landing<'_>,
        changes: &[Change],
        journal: impl FnOnce(&[String]) -> String,
    ) -> Result<Vec<String>, RepoError> {
        let Landing { branch, expected, .. } = *landing;
        self.check_branch(branch, landing.protected)?;
        let time = Time::new(landing.time, 0);
        // A line break would begin a line of the commit's own: another parent, another author.
        let [name, email] = [landing.author_name, landing.author_email]
            .map(|text| text.replace(|c: char| c.is_control(), " "));
        let who = Signature::new(&name, &email, &time)
            .map_err(|e| RepoError::git("the author of the commits", &e))?;
        let commits = self.commits(landing, changes, &who)?;
        let Some(&head) = commits.last() else { return Ok(Vec::new()) };
        let ids: Vec<String> = commits.iter().map(ToString::to_string).collect();
        step("objects");
        let state = State::open(self.git.commondir())?;
        let lock = BranchLock::take(&self.git, &state, branch)?;
        if state.get(Kind::Fence, branch)?.as_deref() != Some(landing.token) {
            return Err(RepoError::Fenced { branch: branch.to_owned() });
        }
        let now = self.branch_head(branch)?;
        if now.as_deref() != expected {
            return Err(RepoError::Moved { branch: branch.to_owned(), head: now });
        }
        self.check_branch(branch, landing.protected)?;
        // Under the lock: one that is fenced off must not write over a journal that counts.
        state.put(Kind::Landed, landing.run, &format!("{head}\n{}", journal(&ids)))?;
        step("journal");
        lock.set(head, &who, "scrum: apply")?;
        step("landed");
        // The branch has moved; on the disk it is when the system gets to it, or now.
        self.sync_ref(branch);
        Ok(ids)
    }

    /// Forgets what a run has landed, once its row is kept elsewhere. May be called again.
    ///
    /// # Errors
    /// [`RepoError::Io`] when the git directory can't be written.
    pub fn forget_landed(&self, run: &str) -> Result<(), RepoError> {
        State::open(self.git.commondir())?.remove(Kind::Landed, run)
    }

    fn commits(
        &self,
        landing: &Landing<'_>,
        changes: &[Change],
        who: &Signature<'_>,
    ) -> Result<Vec<Oid>, RepoError> {
        let start = landing.expected.unwrap_or(landing.base);
        let first = Oid::from_str(start).and_then(|id| self.git.find_commit(id));
        let mut parent = first.map_err(|e| RepoError::git(format!("commit {start}"), &e))?;
        let mut made = Vec::with_capacity(changes.len());
        for change in changes {
            let failed = |e: git2::Error| RepoError::git(&change.path, &e);
            let before = parent.tree().map_err(failed)?;
            let (old, file_mode) = regular(&before, &change.path)?;
            let blob = self.git.blob(&change.content).map_err(failed)?;
            if blob == old {
                return Err(refused(change, "its content is not changed"));
            }
            let mut update = TreeUpdateBuilder::new();
            update.upsert(change.path.as_str(), blob, file_mode);
            let mut objects = vec![(change.path.as_str(), blob)];
            if let Some((path, content)) = &change.added {
                absent(&before, path)?;
                let added = self.git.blob(content).map_err(failed)?;
                update.upsert(path.as_str(), added, FileMode::Blob);
                objects.push((path, added));
            }
            let tree = update.create_updated(&self.git, &before).map_err(failed)?;
            let tree = self.git.find_tree(tree).map_err(failed)?;
            let commit = self
                .git
                .commit(None, who, who, &change.message, &tree, &[&parent])
                .map_err(failed)?;
            for (path, blob) in objects {
                self.sync_objects(&tree, path, &[blob, commit]);
            }
            made.push(commit);
            parent = self.git.find_commit(commit).map_err(failed)?;
        }
        Ok(made)
    }

    /// libgit2 leaves it to the system when objects reach the disk, and a branch that names a
    /// commit which a power cut took away is a broken one. What can't be synced is left so.
    fn sync_objects(&self, root: &Tree<'_>, path: &str, more: &[Oid]) {
        let mut ids = vec![root.id()];
        for (at, _) in path.match_indices('/') {
            ids.extend(root.get_path(Path::new(&path[..at])).map(|entry| entry.id()));
        }
        let objects = self.git.commondir().join("objects");
        for id in ids.iter().chain(more).map(ToString::to_string) {
            let (dir, name) = id.split_at(2);
            for place in [objects.join(dir).join(name), objects.join(dir)] {
                let _ = disk::sync(&place);
            }
        }
    }

    fn sync_ref(&self, branch: &str) {
        let place = self.git.commondir().join(ref_name(branch));
        for place in [Some(place.as_path()), place.parent()].into_iter().flatten() {
            let _ = disk::sync(place);
        }
    }
}

fn refused(change: &Change, why: &str) -> RepoError {
    RepoError::Change { path: change.path.clone(), why: why.to_owned() }
}

/// Refuses the path of a new file at which a tree has something, or to which it has no way.
fn absent(tree: &Tree<'_>, path: &str) -> Result<(), RepoError> {
    let refused = |why: &str| RepoError::Change { path: path.to_owned(), why: why.to_owned() };
    if let Some(why) = names::refused(path.as_bytes()) {
        return Err(refused(why));
    }
    let mut dirs = path.match_indices('/').map(|(at, _)| &path[..at]);
    let is_dir = |dir: &str| {
        let found = tree.get_path(Path::new(dir));
        found.map_or(true, |entry| entry.kind() == Some(ObjectType::Tree))
    };
    if !dirs.all(is_dir) || tree.get_path(Path::new(path)).is_ok() {
        return Err(refused("something else is at this place"));
    }
    Ok(())
}

/// The object and mode of a regular file in a tree.
fn regular(tree: &Tree<'_>, path: &str) -> Result<(Oid, FileMode), RepoError> {
    let refused = |why: &str| RepoError::Change { path: path.to_owned(), why: why.to_owned() };
    // An absolute path, or one with `..`, has no such part; libgit2 cuts at a NUL.
    if path.contains('\0') || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(refused("this is not a path inside the repository"));
    }
    let entry = tree.get_path(Path::new(path)).map_err(|_| {
        refused("there is no such file in the commit; only existing ones are changed")
    })?;
    let mode = match entry.filemode() {
        0o100_644 => FileMode::Blob,
        0o100_664 => FileMode::BlobGroupWritable,
        0o100_755 => FileMode::BlobExecutable,
        _ => return Err(refused("this is not a regular file")),
    };
    if entry.kind() != Some(ObjectType::Blob) {
        return Err(refused("this is not a regular file"));
    }
    Ok((entry.id(), mode))
}

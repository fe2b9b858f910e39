//! Branches: which one may be committed to, and where one is.

use crate::place::line_of;
use crate::{Repo, RepoError};
use git2::{Branch, ErrorCode, Oid, ReferenceType};
use scrum_disk as disk;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Linked working trees that are looked at; somebody with more can't be sure of any of them.
const MOST_WORKTREES: usize = 10_000;
/// Symbolic references in a row, as git has it.
const MOST_LINKS: usize = 5;

/// The full name of a branch's reference.
pub(crate) fn ref_name(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

fn refused(name: &str, why: impl Into<String>) -> RepoError {
    RepoError::Branch { name: name.to_owned(), why: why.into() }
}

impl Repo {
    /// Whether commits may be made on a branch, which need not exist: it has a valid name, is not
    /// protected (by its exact name, or by a pattern that ends with `*`), and no working tree has
    /// it checked out, because what lies there would no longer be what its HEAD says.
    ///
    /// # Errors
    /// [`RepoError::Branch`] with what to do; [`RepoError::Git`] when that can't be found out.
    pub fn check_branch(&self, name: &str, protected: &[String]) -> Result<(), RepoError> {
        check_name(name)?;
        if let Some(pattern) = protected.iter().find(|pattern| covers(pattern, name)) {
            return Err(refused(
                name,
                format!(
                    "is protected ('{pattern}'); name another one, or none, and a new one is made"
                ),
            ));
        }
        self.check_place(name)?;
        if let Some(target) = self.symbolic_target(&ref_name(name)) {
            return Err(refused(
                name,
                format!("is another name for '{target}'; name a branch of its own"),
            ));
        }
        for (checked_out, place) in self.checked_out()? {
            if checked_out == ref_name(name) {
                return Err(refused(
                    name,
                    format!(
                        "is in use in the working tree {}; check out another branch there, or \
                         name another one here",
                        place.display()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The commit that a branch points to; none when there is no such branch.
    ///
    /// # Errors
    /// [`RepoError::Branch`] for a name that is none or a branch that is no commit,
    /// [`RepoError::Git`] when it can't be read.
    pub fn branch_head(&self, name: &str) -> Result<Option<String>, RepoError> {
        check_name(name)?;
        match self.git.find_reference(&ref_name(name)) {
            Ok(found) => match found.peel_to_commit() {
                Ok(commit) => Ok(Some(commit.id().to_string())),
                Err(e) => Err(RepoError::git(format!("the branch {name}"), &e)),
            },
            Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
            Err(e) => Err(RepoError::git(format!("the branch {name}"), &e)),
        }
    }

    /// True when the branch is that commit or has it among its ancestors.
    pub(crate) fn branch_contains(&self, name: &str, commit: &str) -> Result<bool, RepoError> {
        let Some(head) = self.branch_head(name)? else { return Ok(false) };
        if head == commit {
            return Ok(true);
        }
        let look = || {
            let (head, commit) = (Oid::from_str(&head)?, Oid::from_str(commit)?);
            match self.git.find_commit(commit) {
                Ok(_) => self.git.graph_descendant_of(head, commit),
                Err(e) if e.code() == ErrorCode::NotFound => Ok(false),
                Err(e) => Err(e),
            }
        };
        look().map_err(|e| RepoError::git(format!("the history of {name}"), &e))
    }

    fn symbolic_target(&self, reference: &str) -> Option<String> {
        let found = self.git.find_reference(reference).ok()?;
        if found.kind() != Some(ReferenceType::Symbolic) {
            return None;
        }
        Some(String::from_utf8_lossy(found.symbolic_target_bytes()?).into_owned())
    }

    /// References that a working tree has checked out, is rebasing or bisecting, with its place.
    fn checked_out(&self) -> Result<Vec<(String, PathBuf)>, RepoError> {
        let common = self.git.commondir();
        let mut dirs = Vec::new();
        if !self.main_is_bare() {
            dirs.push((common.to_owned(), common.parent().unwrap_or(common).to_owned()));
        }
        let linked = common.join("worktrees");
        let unreadable =
            |e: std::io::Error| RepoError::io(&linked, e, "check that this user may read it");
        let names = match disk::listed(&linked) {
            Ok(names) => names,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(unreadable(e)),
        };
        for name in names {
            let dir = linked.join(name);
            let place = line_of(&dir.join("gitdir")).map(PathBuf::from);
            let place = place.and_then(|p| p.parent().map(Path::to_owned));
            dirs.push((dir.clone(), place.unwrap_or(dir)));
            if dirs.len() > MOST_WORKTREES {
                return Err(RepoError::TooLarge {
                    what: linked.display().to_string(),
                    bound: format!("more than {MOST_WORKTREES} working trees"),
                });
            }
        }
        let mut found = Vec::new();
        for (dir, place) in dirs {
            for mut reference in in_use(&dir) {
                // A branch may be another name for one, and then both are in use.
                for _ in 0..MOST_LINKS {
                    let next = self.symbolic_target(&reference);
                    found.push((reference, place.clone()));
                    let Some(next) = next else { break };
                    reference = next;
                }
            }
        }
        Ok(found)
    }

    /// Whether the repository itself has no working tree; seen from a linked one too.
    fn main_is_bare(&self) -> bool {
        // Beside a `.git` there are files, whatever the configuration says.
        self.git.commondir().file_name() != Some(OsStr::new(".git"))
            && self.git.config().and_then(|c| c.get_bool("core.bare")).unwrap_or(false)
    }

    /// git follows symbolic links in its own directory, and would write elsewhere.
    pub(crate) fn check_place(&self, name: &str) -> Result<(), RepoError> {
        let common = self.git.commondir();
        let objects = common.join("objects");
        // Those that objects are written into, by the first byte of their names.
        let mut places: Vec<_> = (0..=255).map(|n| objects.join(format!("{n:02x}"))).collect();
        places.push(objects);
        for start in ["refs/heads", "logs/refs/heads"] {
            let mut place = common.to_owned();
            for part in start.split('/').chain(name.split('/')) {
                place.push(part);
                places.push(place.clone());
            }
        }
        let logs = common.join("logs");
        // A log is appended to, and so would be the file that shares it under another name.
        let is_shared = |place: &Path| {
            let links = || disk::stat(place).is_ok_and(|m| m.nlink() > 1);
            place.starts_with(&logs) && disk::is_file(place) && links()
        };
        let is_link = |place: &&PathBuf| disk::is_link(place) || is_shared(place);
        match places.iter().find(is_link) {
            Some(link) => Err(refused(
                name,
                format!(
                    "would be written through the link {}; `git clone` the repository \
                     and name the clone",
                    link.display()
                ),
            )),
            None => Ok(()),
        }
    }
}

/// A name that a branch may have. The full name of a reference is most likely a slip.
pub(crate) fn check_name(name: &str) -> Result<(), RepoError> {
    if name.starts_with("refs/") {
        return Err(refused(name, "begins with 'refs/'; write what follows 'refs/heads/'"));
    }
    if !Branch::name_is_valid(name).unwrap_or(false) {
        return Err(refused(
            name,
            "is not a valid name of a branch; check it with `git check-ref-format --branch NAME`",
        ));
    }
    Ok(())
}

/// Without regard to case: a file system may take `Main` for `main`.
fn covers(pattern: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    match pattern.to_lowercase().strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern.to_lowercase(),
    }
}

/// What a working tree's git directory says it works on.
fn in_use(dir: &Path) -> Vec<String> {
    let full = |name: String| if name.starts_with("refs/") { name } else { ref_name(&name) };
    let linked = || {
        // Very old repositories have a link here.
        disk::link_target(&dir.join("HEAD")).ok().map(|p| p.to_string_lossy().into_owned())
    };
    let head = linked()
        .or_else(|| Some(line_of(&dir.join("HEAD"))?.strip_prefix("ref:")?.trim().to_owned()));
    let paused = ["rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"];
    let paused = paused.iter().filter_map(|file| line_of(&dir.join(file)));
    head.into_iter().chain(paused).map(full).collect()
}

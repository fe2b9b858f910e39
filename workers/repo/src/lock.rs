//! The lock of a branch: git's own, so that git waits for us and we for it, and one of ours
//! around it, because git's outlives a process that is killed.

use crate::branch::ref_name;
use crate::state::State;
use crate::{RepoError, step::step};
use git2::{ErrorCode, Oid, Repository, Signature, Transaction};
use scrum_disk::{self as disk, File, Metadata};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Wait for another landing; it holds the lock for some milliseconds, many may stand in line.
const OUR_WAIT: Duration = Duration::from_secs(60);
/// Wait for a git that is at work on the branch. Tests wait for one that never ends.
const GIT_WAIT: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 5 });
/// A lock of git's that came up just after we announced ours, and whose maker is gone, is taken
/// for ours after this time.
const UNSIGNED_AGE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);
const HINT: &str = "check that this user may write in the repository's git directory";

/// Held while a branch is looked at and moved. When the process is killed, git's lock file stays.
/// Whoever comes next knows by our file that it was ours, and removes it:
/// `locking` is written before, and the identity of git's lock file after it was made.
pub(crate) struct BranchLock<'repo> {
    git: Option<Transaction<'repo>>,
    ours: File,
    name: String,
    branch: String,
}

impl<'repo> BranchLock<'repo> {
    /// Takes both.
    ///
    /// # Errors
    /// [`RepoError::Locked`] when somebody else holds one for too long, [`RepoError::Branch`]
    /// when a branch of that name can't be.
    pub(crate) fn take(
        repo: &'repo Repository,
        state: &State,
        branch: &str,
    ) -> Result<Self, RepoError> {
        let name = ref_name(branch);
        let lock = repo.commondir().join(format!("{name}.lock"));
        let locked = || RepoError::Locked { branch: branch.to_owned(), lock: lock.clone() };
        let failed = |e: std::io::Error| RepoError::io(&lock, e, HINT);
        let mut ours = state.lock_file(branch)?;
        if !disk::exclusive(&ours, OUR_WAIT).map_err(failed)? {
            return Err(locked());
        }
        let started = Instant::now();
        while !clear_left_over(&mut ours, &lock).map_err(failed)? {
            if started.elapsed() > UNSIGNED_AGE + GIT_WAIT {
                return Err(locked());
            }
            thread::sleep(PAUSE);
        }
        let mut git =
            repo.transaction().map_err(|e| RepoError::git(format!("the branch {branch}"), &e))?;
        let started = Instant::now();
        loop {
            note(&mut ours, "locking\n").map_err(failed)?;
            match git.lock_ref(&name) {
                Ok(()) => break,
                Err(e) if e.code() == ErrorCode::Locked && started.elapsed() < GIT_WAIT => {
                    thread::sleep(PAUSE);
                }
                Err(e) => {
                    let _ = ours.set_len(0);
                    return Err(match e.code() {
                        ErrorCode::Locked => locked(),
                        _ => RepoError::Branch {
                            name: branch.to_owned(),
                            why: format!(
                                "can't be written: {}; a branch 'a' and a branch 'a/b' can't both \
                                 be, and this user must be able to write in the repository",
                                e.message()
                            ),
                        },
                    });
                }
            }
        }
        step("locked");
        let taken = Self { git: Some(git), ours, name, branch: branch.to_owned() };
        let made = disk::stat(&lock).map_err(failed)?;
        (&taken.ours).write_all(identity(&made).as_bytes()).map_err(failed)?;
        step("signed");
        Ok(taken)
    }

    /// Moves the branch and lets go.
    pub(crate) fn set(
        mut self,
        target: Oid,
        who: &Signature<'_>,
        message: &str,
    ) -> Result<(), RepoError> {
        let Some(mut git) = self.git.take() else { return Ok(()) };
        git.set_target(&self.name, target, Some(who), message)
            .and_then(|()| git.commit())
            .map_err(|e| RepoError::git(format!("the branch {}", self.branch), &e))
    }
}

impl Drop for BranchLock<'_> {
    fn drop(&mut self) {
        // git's first: as long as that is there, our file must say whose it is.
        drop(self.git.take());
        let _ = self.ours.set_len(0);
    }
}

/// Removes git's lock when it was left by one of us that is gone; that we hold our own lock shows
/// that it is. False as long as that can't be told.
fn clear_left_over(ours: &mut File, lock: &Path) -> std::io::Result<bool> {
    let mut text = String::new();
    ours.seek(SeekFrom::Start(0))?;
    ours.take(4096).read_to_string(&mut text)?;
    if text.is_empty() {
        return Ok(true);
    }
    if let Ok(found) = disk::stat(lock) {
        let is_ours = match text.split_once('\n') {
            Some((_, signed)) if signed.ends_with('\n') => signed == identity(&found),
            // Killed in between. Somebody else's lock may be younger than what we announced, but
            // not for long.
            _ => {
                let made = found.modified()?;
                let after = made >= ours.metadata()?.modified()?;
                let old = SystemTime::now().duration_since(made).unwrap_or_default() > UNSIGNED_AGE;
                if after && !old {
                    return Ok(false);
                }
                after
            }
        };
        if is_ours {
            let (dir, name) = (lock.parent(), lock.file_name());
            if let (Some(dir), Some(name)) = (dir, name) {
                disk::remove(disk::dir(dir)?, name.as_bytes())?;
            }
        }
    }
    ours.set_len(0)?;
    Ok(true)
}

fn note(ours: &mut File, text: &str) -> std::io::Result<()> {
    ours.set_len(0)?;
    ours.seek(SeekFrom::Start(0))?;
    ours.write_all(text.as_bytes())
}

/// Numbers of files are used again; together with the time of birth they are not.
fn identity(file: &Metadata) -> String {
    let born = file.created().ok();
    let born = born.and_then(|t| t.duration_since(SystemTime::UNIX_EPOCH).ok());
    let born = born.unwrap_or_default();
    format!("{}:{} {}.{:09}\n", file.dev(), file.ino(), born.as_secs(), born.subsec_nanos())
}

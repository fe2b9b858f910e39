//! The build cache of a repository: for one run of checks at a time.

use crate::RepoError;
use scrum_disk::{self as disk, File, Mode};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two looks at whether the wait is called off.
const LOOK: Duration = Duration::from_millis(200);
const HINT: &str = "check that this user may write there and that the disk has room";

/// A build cache that nobody else uses. Tools tell what is built by the times of files: two runs at once, on
/// two branches, would take each other's results for their own. Whoever has it exports its worktree only
/// then, so that its files are newer than what others have built. Let go when dropped, or when the
/// process dies.
#[derive(Debug)]
pub struct Cache {
    dir: PathBuf,
    _lock: File,
}

impl Cache {
    /// Makes the directory where it is not there, and waits for whoever has it.
    ///
    /// # Errors
    /// [`RepoError::Io`] when it can't be made, [`RepoError::Sandbox`] when the wait is called off.
    pub fn take(dir: &Path, cancel: &AtomicBool) -> Result<Self, RepoError> {
        let failed = |e: std::io::Error| RepoError::io(dir, e, HINT);
        disk::private_dir(dir).map_err(failed)?;
        // Beside it: what runs in a sandbox may write all that is in it.
        let beside = dir.with_extension("lock");
        let lock = match (beside.parent(), beside.file_name()) {
            (Some(place), Some(name)) => disk::dir(place)
                .and_then(|place| disk::lock_file(place, name.as_bytes(), Mode::from(0o600))),
            _ => Err(std::io::ErrorKind::InvalidInput.into()),
        };
        let lock = lock.map_err(failed)?;
        while !disk::exclusive(&lock, LOOK).map_err(failed)? {
            if cancel.load(Ordering::Relaxed) {
                return Err(RepoError::Sandbox("the check was called off".to_owned()));
            }
        }
        Ok(Self { dir: dir.to_owned(), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_and_the_next_waits_until_it_is_let_go_or_called_off() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("cache/abc");
        let go = AtomicBool::new(false);
        let first = Cache::take(&dir, &go).unwrap();
        assert!(first.path().is_dir());
        let off = AtomicBool::new(true);
        assert!(matches!(Cache::take(&dir, &off), Err(RepoError::Sandbox(_))));
        std::thread::scope(|scope| {
            let next = scope.spawn(|| Cache::take(&dir, &go).unwrap());
            assert!(!next.is_finished());
            drop(first);
            next.join().unwrap();
        });
        Cache::take(&place.path().join("cache/other"), &off).unwrap();
    }
}

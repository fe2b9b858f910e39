//! What we keep in a repository's git directory, under `scrum/`: fences, locks, and journals of
//! what has landed. git itself looks at none of it.

use crate::RepoError;
use queue_schema::ids::sha256_hex;
use scrum_disk::{self as disk, File, Mode};
use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A journal's text is a few rows; this is far more.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes of a file name that holds a name as it is; longer ones are named by their hash.
const LONGEST_NAME: usize = 180;

const HINT: &str = "check that this user may write in the repository's git directory, \
                    that it is there, and that the disk has room";

/// What a file in here is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// The token of whoever may commit to a branch.
    Fence,
    /// What a run has landed.
    Landed,
    /// Held while a branch is looked at and moved.
    Lock,
}

impl Kind {
    fn dir(self) -> &'static str {
        match self {
            Self::Fence => "fence",
            Self::Landed => "landed",
            Self::Lock => "lock",
        }
    }
}

/// The directory, open.
pub(crate) struct State {
    root: OwnedFd,
    path: PathBuf,
}

impl State {
    /// Opens it in the common git directory, and makes it there.
    pub(crate) fn open(common: &Path) -> Result<Self, RepoError> {
        let path = common.join("scrum");
        let open = || disk::made_dir_in(disk::dir(common)?, b"scrum", Mode::from(0o777));
        let root = open().map_err(|e| RepoError::io(&path, e, HINT))?;
        Ok(Self { root, path })
    }

    /// Writes a file as a whole; it is on the disk when this returns.
    pub(crate) fn put(&self, kind: Kind, name: &str, text: &str) -> Result<(), RepoError> {
        self.within(kind, name, |dir, name| {
            disk::replace(dir, name, text.as_bytes(), Mode::from(0o666)).map(drop)
        })
    }

    /// Reads a file.
    pub(crate) fn get(&self, kind: Kind, name: &str) -> Result<Option<String>, RepoError> {
        let bytes = self.within(kind, name, |dir, name| disk::read(dir, name, MOST_BYTES))?;
        Ok(bytes.map(|b| String::from_utf8_lossy(&b).into_owned()))
    }

    /// Removes a file, which may not be there.
    pub(crate) fn remove(&self, kind: Kind, name: &str) -> Result<(), RepoError> {
        self.within(kind, name, |dir, name| disk::remove(dir, name))
    }

    /// A file that stays, for locking and for what is written about the lock.
    pub(crate) fn lock_file(&self, name: &str) -> Result<File, RepoError> {
        self.within(Kind::Lock, name, |dir, name| disk::lock_file(dir, name, Mode::from(0o666)))
    }

    fn within<T>(
        &self,
        kind: Kind,
        name: &str,
        act: impl FnOnce(&OwnedFd, &[u8]) -> io::Result<T>,
    ) -> Result<T, RepoError> {
        let file = file_name(name);
        let dir = disk::made_dir_in(self.root.as_fd(), kind.dir().as_bytes(), Mode::from(0o777));
        dir.and_then(|dir| act(&dir, file.as_bytes()))
            .map_err(|e| RepoError::io(&self.path.join(kind.dir()).join(&file), e, HINT))
    }
}

/// A name as the name of one file: different names stay different, also where a file system takes
/// upper and lower case for the same.
fn file_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain =
            matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') || (byte == b'.' && at > 0);
        if plain {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02x}");
        }
    }
    if out.is_empty() || out.len() > LONGEST_NAME {
        return format!("%%{}", sha256_hex(name.as_bytes()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_names_are_different_files() {
        let long = "x".repeat(1000);
        let names =
            ["main", "Main", "a/b", "a%2fb", "..", ".", "", "../../x", "a.b", "é", &long, "\0"];
        let mut files: Vec<_> = names.iter().map(|n| file_name(n).to_lowercase()).collect();
        for file in &files {
            assert!(!file.contains('/') && !file.starts_with('.') && file.len() < 255, "{file}");
        }
        files.sort();
        files.dedup();
        assert_eq!(files.len(), names.len());
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let git = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), git.path().join("scrum")).unwrap();
        assert!(State::open(git.path()).is_err());
        std::fs::remove_file(git.path().join("scrum")).unwrap();
        let state = State::open(git.path()).unwrap();
        std::os::unix::fs::symlink(outside.path(), git.path().join("scrum/fence")).unwrap();
        let error = state.put(Kind::Fence, "x", "t").unwrap_err().to_string();
        assert!(error.contains("scrum/fence/x") && error.contains("may write"), "{error}");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
        std::fs::create_dir(git.path().join("scrum/landed")).unwrap();
        let canary = outside.path().join("canary");
        std::fs::write(&canary, "old").unwrap();
        std::os::unix::fs::symlink(&canary, git.path().join("scrum/landed/x")).unwrap();
        assert!(state.get(Kind::Landed, "x").is_err(), "not read through a link");
        state.put(Kind::Landed, "x", "new").unwrap();
        assert_eq!(std::fs::read_to_string(&canary).unwrap(), "old");
        assert_eq!(state.get(Kind::Landed, "x").unwrap().as_deref(), Some("new"));
        state.remove(Kind::Landed, "x").unwrap();
        state.remove(Kind::Landed, "x").unwrap();
        assert_eq!(state.get(Kind::Landed, "x").unwrap(), None);
    }
}

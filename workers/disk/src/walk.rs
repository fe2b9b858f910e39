//! A path that a person names, one part after the other, up to a directory that is open.

use crate::at::{self, DIRECTORY, Kind, kind};
use rustix::fs::{CWD, Mode, OFlags, Stat, fstat};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Directories on the way are searched and not read: others need not let us list them.
#[cfg(target_os = "linux")]
const ON_THE_WAY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const ON_THE_WAY: OFlags = DIRECTORY;
/// Directories above one another; systems know no path that is as deep.
const MOST_LEVELS: usize = 4096;

/// How far a path leads.
pub(crate) struct Walked {
    /// The last directory that is there.
    pub(crate) dir: OwnedFd,
    /// The first part that is not there.
    pub(crate) missing: Option<Vec<u8>>,
}

/// Opens a directory by its path. Symbolic links are followed but inside a repository, where they
/// are not the person's own. With a mode, what is not there is made.
pub(crate) fn walk(path: &Path, make: Option<Mode>) -> io::Result<Walked> {
    let path = std::path::absolute(path)?;
    let mut dir = rustix::fs::openat(CWD, "/", ON_THE_WAY, Mode::empty())?;
    let mut so_far = PathBuf::from("/");
    for part in path.components() {
        let name = match part {
            Component::Normal(name) => name.as_bytes(),
            Component::ParentDir => {
                dir = parent(&dir)?;
                continue;
            }
            _ => continue,
        };
        so_far.push(part);
        dir = match (kind(&dir, name)?, make) {
            (None, None) => return Ok(Walked { dir, missing: Some(name.to_vec()) }),
            (None, Some(mode)) => {
                at::made_dir_in(&dir, name, mode)?;
                step(&dir, name, OFlags::NOFOLLOW)?
            }
            (Some(Kind::Link), _) if in_repository(&dir)? => {
                return Err(refused(format!(
                    "{} is a symbolic link inside a repository, whose author chose where it leads",
                    so_far.display()
                )));
            }
            (Some(Kind::Link), _) => step(&dir, name, OFlags::empty())?,
            (Some(_), _) => step(&dir, name, OFlags::NOFOLLOW)?,
        };
    }
    Ok(Walked { dir, missing: None })
}

fn step(dir: &OwnedFd, name: &[u8], more: OFlags) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(dir, name, ON_THE_WAY | more, Mode::empty())?)
}

/// The directory, for reading.
pub(crate) fn reopened(dir: impl AsFd) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(dir, ".", DIRECTORY, Mode::empty())?)
}

fn parent(dir: &OwnedFd) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(dir, "..", ON_THE_WAY, Mode::empty())?)
}

pub(crate) fn same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// Calls `look` with a directory and with all that are above it, each with what is above that;
/// none for the root. Ends with the first answer.
pub(crate) fn upwards<T>(
    dir: &OwnedFd,
    mut look: impl FnMut(&OwnedFd, Option<&OwnedFd>) -> io::Result<Option<T>>,
) -> io::Result<Option<T>> {
    let mut dir = dir.try_clone()?;
    for _ in 0..MOST_LEVELS {
        let above = parent(&dir)?;
        let is_root = same(&fstat(&above)?, &fstat(&dir)?);
        if let Some(found) = look(&dir, Some(&above).filter(|_| !is_root))? {
            return Ok(Some(found));
        }
        if is_root {
            return Ok(None);
        }
        dir = above;
    }
    Err(refused("too many directories above one another".to_owned()))
}

/// True in a working tree, in a git directory, and anywhere below.
fn in_repository(dir: &OwnedFd) -> io::Result<bool> {
    let found = upwards(dir, |dir, above| {
        let inside = holds_repository(dir)? || is_git_dir(dir, above)?;
        Ok(inside.then_some(()))
    })?;
    Ok(found.is_some())
}

/// True for the root of a working tree.
pub(crate) fn holds_repository(dir: &OwnedFd) -> io::Result<bool> {
    Ok(kind(dir, b".git")?.is_some())
}

/// True for `.git` and for a bare repository.
pub(crate) fn is_git_dir(dir: &OwnedFd, above: Option<&OwnedFd>) -> io::Result<bool> {
    if let Some(above) = above
        && let Some(git) = at::entry(above, b".git")?
        && same(&git, &fstat(dir)?)
    {
        return Ok(true);
    }
    for name in [&b"HEAD"[..], b"objects", b"refs"] {
        if kind(dir, name)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(crate) fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

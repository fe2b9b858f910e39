//! Directories that are for their owner alone.

use crate::at::{self, made_dir_in, names};
use crate::walk::{reopened, walk};
use rustix::fs::{FileType, Mode, OFlags, fchmod, fstat};
use rustix::process::geteuid;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tempfile::TempDir;

const OWNERS: Mode = Mode::from_raw_mode(0o700);
/// Group and others.
const OTHERS: Mode = Mode::from_raw_mode(0o077);
/// How deep modes are mended, each level being open at the time.
const MOST_LEVELS: usize = 64;

/// What a state directory holds, and what a new file system does.
const STATE: [&[u8]; 7] =
    [b"apply", b"definitions", b"logs", b"mirrors", b"redis", b"reports", b"lost+found"];

/// Opens or makes the root of what is kept on this machine, and makes it and its contents private
/// (mode 700, files 600). The path may be a symbolic link, but not inside a repository.
///
/// # Errors
/// It belongs to another user; an error of the system.
pub fn private_root(path: &Path) -> io::Result<OwnedFd> {
    owned(reopened(walk(path, Some(OWNERS))?.dir)?)
}

/// The same for a directory below such a root, which must not be a symbolic link.
///
/// # Errors
/// As [`private_root`], or a symbolic link.
pub fn private_dir(path: &Path) -> io::Result<OwnedFd> {
    let path = std::path::absolute(path)?;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::other("it has no name"));
    };
    private_in(walk(parent, Some(OWNERS))?.dir, name.as_bytes())
}

/// The same in a directory that is open.
///
/// # Errors
/// As [`private_dir`].
pub fn private_in(parent: impl AsFd, name: &[u8]) -> io::Result<OwnedFd> {
    owned(made_dir_in(parent, name, OWNERS)?)
}

/// Refuses a directory that others may enter and that holds something else than our state: closing it would
/// take it, and all that is in it, from those others. `/` or a folder of projects is named by mistake.
fn only_ours(dir: &OwnedFd) -> io::Result<()> {
    if !Mode::from_raw_mode(fstat(dir)?.st_mode).intersects(OTHERS) {
        return Ok(());
    }
    let foreign = names(dir)?.into_iter().find(|name| !STATE.contains(&&name[..]));
    foreign.map_or(Ok(()), |name| {
        let why = format!(
            "it holds {:?}, which is none of ours, and it would be closed to all other users; name a new or \
             an empty directory",
            String::from_utf8_lossy(&name)
        );
        Err(io::Error::new(io::ErrorKind::InvalidInput, why))
    })
}

/// Makes the root private if it exists and is ours. A root of another user, an unreachable or a read-only
/// one is left as it is; [`private_root`] reports that when the root is used.
///
/// # Errors
/// As [`private_root`], and kind `InvalidInput` for a directory that is open to others and holds something
/// else than our state.
pub fn keep_private(path: &Path) -> io::Result<()> {
    let Ok(found) = walk(path, None) else { return Ok(()) };
    if found.missing.is_some() || fstat(&found.dir)?.st_uid != geteuid().as_raw() {
        return Ok(());
    }
    let dir = reopened(found.dir)?;
    only_ours(&dir)?;
    match owned(dir) {
        Err(e) if e.kind() != io::ErrorKind::ReadOnlyFilesystem => Err(e),
        _ => Ok(()),
    }
}

/// A new directory for temporary files, removed when it is dropped. Its name cannot be foreseen,
/// and nobody else can enter it.
///
/// # Errors
/// What the system says.
pub fn temp_dir() -> io::Result<TempDir> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    tempfile::Builder::new().prefix("scrum-").permissions(mode).tempdir()
}

fn owned(dir: OwnedFd) -> io::Result<OwnedFd> {
    let found = fstat(&dir)?;
    if found.st_uid != geteuid().as_raw() {
        let why = format!(
            "it belongs to user {}, who could read and change what is kept in it; run this as \
             that user, or name another directory",
            found.st_uid
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    if Mode::from_raw_mode(found.st_mode).intersects(OTHERS) {
        fchmod(&dir, OWNERS)?;
        if Mode::from_raw_mode(fstat(&dir)?.st_mode).intersects(OTHERS) {
            let why = "its file system keeps no modes, so that others could read what is in it; \
                       name a directory on another one";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        close_to_others(&dir, 0)?;
    }
    Ok(dir)
}

/// Removes the rights of others from all entries. The directory itself is private already; this is for
/// when it is copied or moved, so an entry that can't be changed is left.
fn close_to_others(dir: &OwnedFd, level: usize) -> io::Result<()> {
    for name in names(dir)? {
        let Some(found) = at::entry(dir, &name)? else { continue };
        let is_dir = match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => true,
            FileType::RegularFile => false,
            _ => continue,
        };
        let mode = Mode::from_raw_mode(found.st_mode);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        if (!is_dir && !mode.intersects(OTHERS)) || found.st_uid != geteuid().as_raw() {
            continue;
        }
        let Ok(open) = rustix::fs::openat(dir, &name[..], flags, Mode::empty()) else { continue };
        let _ = fchmod(&open, mode.difference(OTHERS));
        if is_dir && level < MOST_LEVELS {
            close_to_others(&open, level + 1)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_tree_is_made_private_at_any_depth_without_following_links() {
        let place = temp_dir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(place.path()), 0o700);
        let outside = place.path().join("outside");
        fs::write(&outside, "").unwrap();
        fs::set_permissions(&outside, fs::Permissions::from_mode(0o644)).unwrap();
        let root = place.path().join("root");
        let deep = root.join("mirrors/b/c");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("tool"), "").unwrap();
        fs::set_permissions(deep.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(&outside, deep.join("link")).unwrap();
        for dir in [&root, &root.join("mirrors"), &deep] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o775)).unwrap();
        }
        keep_private(&root).unwrap();
        for path in
            [&root, &root.join("mirrors"), &root.join("mirrors/b"), &deep, &deep.join("tool")]
        {
            assert_eq!(mode(path), 0o700, "{}", path.display());
        }
        assert_eq!(mode(&outside), 0o644);
        // Named by mistake: nothing is taken from anybody.
        fs::write(root.join("thesis.txt"), "").unwrap();
        keep_private(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        let error = keep_private(&root).unwrap_err().to_string();
        assert!(error.contains("thesis.txt") && error.contains("empty directory"), "{error}");
        assert_eq!((mode(&root), mode(&root.join("mirrors"))), (0o755, 0o700));
        keep_private(&root.join("nothing/there")).unwrap();
        keep_private(&outside.join("below")).unwrap();
    }
}

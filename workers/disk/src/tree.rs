//! Removes a tree that a foreign program has changed: it may have read-only directories, symbolic links, and be
//! deeper than any path can name.
//!
//! Directories are moved, one after the other, to one place of our own and emptied there. So two
//! are open at a time, no path grows, and nothing is reached through a link.

use crate::at::{self, Kind};
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Files and directories; far more than a build makes.
const MOST_ENTRIES: u64 = 100_000_000;
/// Times that a directory fills up again while it is emptied: then something still runs in it.
const MOST_REFILLS: u32 = 100;

/// Removes the directory `name`; none is no error. One that was killed here is taken up again.
pub fn remove_tree(parent: &OwnedFd, name: &str) -> io::Result<()> {
    let gone = format!("{name}.gone");
    let place = at::made_dir_in(parent, gone.as_bytes(), Mode::from(0o700))?;
    let mut next = 0;
    // First what a killed one moved here.
    let mut pending = at::names(&place)?;
    match is_dir(parent, name.as_bytes())? {
        Some(true) => pending.push(moved(parent, name.as_bytes(), &place, &mut next)?),
        Some(false) => at::remove(parent, name.as_bytes())?,
        None => {}
    }
    let (mut seen, mut refills) = (0, 0);
    while let Some(name) = pending.pop() {
        match is_dir(&place, &name)? {
            Some(true) => {}
            Some(false) => {
                at::remove(&place, &name)?;
                continue;
            }
            None => continue,
        }
        let dir = opened(&place, &name)?;
        for entry in Dir::read_from(&dir)? {
            let entry = entry?;
            let entry = entry.file_name().to_bytes();
            if entry == b"." || entry == b".." {
                continue;
            }
            seen += 1;
            if seen > MOST_ENTRIES {
                return Err(io::Error::other("there are too many files to remove"));
            }
            match is_dir(&dir, entry)? {
                Some(true) => pending.push(moved(&dir, entry, &place, &mut next)?),
                Some(false) => at::remove(&dir, entry)?,
                None => {}
            }
        }
        match rustix::fs::unlinkat(&place, &name[..], AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {}
            // Not all systems list everything while entries vanish.
            Err(Errno::NOTEMPTY | Errno::EXIST) if refills < MOST_REFILLS => {
                refills += 1;
                pending.push(name);
            }
            Err(e) => return Err(e.into()),
        }
    }
    match rustix::fs::unlinkat(parent, gone.as_str(), AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn is_dir(parent: &OwnedFd, name: &[u8]) -> io::Result<Option<bool>> {
    Ok(at::kind(parent, name)?.map(|kind| kind == Kind::Dir))
}

/// Moves a directory to our place, under a name of ours.
fn moved(from: &OwnedFd, name: &[u8], place: &OwnedFd, next: &mut u64) -> io::Result<Vec<u8>> {
    // Its entry `..` changes, so it must be writable.
    opened(from, name)?;
    loop {
        let new = format!("d{next}").into_bytes();
        *next += 1;
        match rustix::fs::renameat(from, name, place, &new[..]) {
            Ok(()) => return Ok(new),
            Err(Errno::EXIST | Errno::NOTEMPTY) if *next < MOST_ENTRIES => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Opens a directory, and makes it one that we may change.
fn opened(parent: &OwnedFd, name: &[u8]) -> io::Result<OwnedFd> {
    let dir = match at::dir_in(parent, name) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            allow(parent.as_fd(), name)?;
            at::dir_in(parent, name)?
        }
        other => other?,
    };
    rustix::fs::fchmod(&dir, Mode::from(0o700))?;
    Ok(dir)
}

/// Makes a directory that may not even be read ours again.
#[cfg(target_os = "linux")]
fn allow(parent: impl AsFd, name: &[u8]) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // By what it is and not by its name: that could be a link by now.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    Ok(rustix::fs::chmod(format!("/proc/self/fd/{}", dir.as_raw_fd()), Mode::from(0o700))?)
}

#[cfg(not(target_os = "linux"))]
fn allow(parent: impl AsFd, name: &[u8]) -> io::Result<()> {
    let _ = OFlags::empty();
    Ok(rustix::fs::chmodat(parent, name, Mode::from(0o700), AtFlags::SYMLINK_NOFOLLOW)?)
}

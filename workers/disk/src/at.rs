//! Entries of an open directory, by their names. Nothing here follows a symbolic link, because another
//! user or program may have made it.

use crate::out::OutFile;
use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Without NONBLOCK the opening of a pipe would wait for its other end.
const PLAIN: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
/// Entries of a directory that are listed; far more than any of ours has.
const MOST_NAMES: usize = 10_000_000;

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// A pipe, a socket or a device.
    Other,
}

/// The kind of the entry; `None` if there is none.
pub fn kind(parent: impl AsFd, name: &[u8]) -> io::Result<Option<Kind>> {
    let found = entry(parent, name)?;
    Ok(found.map(|stat| match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Dir,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }))
}

pub(crate) fn entry(parent: impl AsFd, name: &[u8]) -> io::Result<Option<Stat>> {
    single(name)?;
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// A name that could lead elsewhere is a mistake of the caller.
fn single(name: &[u8]) -> io::Result<()> {
    if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') || name.contains(&0) {
        let what = format!("'{}' is not the name of one entry", String::from_utf8_lossy(name));
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    Ok(())
}

/// The names of all entries, in no order.
pub fn names(dir: impl AsFd) -> io::Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        if all.len() >= MOST_NAMES {
            return Err(io::Error::other("the directory has too many entries"));
        }
        all.push(name.to_vec());
    }
    Ok(all)
}

/// A directory in a directory; a symbolic link is an error.
pub fn dir_in(parent: impl AsFd, name: &[u8]) -> io::Result<OwnedFd> {
    single(name)?;
    Ok(rustix::fs::openat(parent, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?)
}

/// As [`dir_in`]; the directory is made if it does not exist.
pub fn made_dir_in(parent: impl AsFd, name: &[u8], mode: Mode) -> io::Result<OwnedFd> {
    match make_dir(parent.as_fd(), name, mode) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => dir_in(parent, name),
    }
}

/// A new directory; anything of that name is an error.
pub fn make_dir(parent: impl AsFd, name: &[u8], mode: Mode) -> io::Result<()> {
    single(name)?;
    Ok(rustix::fs::mkdirat(parent, name, mode)?)
}

/// A new symbolic link; anything of that name is an error.
pub fn link_in(parent: impl AsFd, name: &[u8], target: &[u8]) -> io::Result<()> {
    single(name)?;
    Ok(rustix::fs::symlinkat(target, parent, name)?)
}

/// A new file; anything of that name is an error.
pub fn create(parent: impl AsFd, name: &[u8], mode: Mode) -> io::Result<File> {
    single(name)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(parent, name, flags, mode)?))
}

/// Replaces a file atomically: a reader sees the old or the new content. A link of that name is
/// replaced and not followed. The file is on the disk when this returns. Returns its time, which may lie ahead of the
/// clock by as much as makes its second a later one than that of the file before.
pub fn replace(parent: impl AsFd, name: &[u8], bytes: &[u8], mode: Mode) -> io::Result<SystemTime> {
    let dir = parent.as_fd().try_clone_to_owned()?;
    let mut file = OutFile::begin(dir, name, mode)?;
    file.write_all(bytes)?;
    file.finish_on_disk()
}

/// Gives a file a later second than the one that it replaces: some tools, for instance Python, detect a
/// changed file only by the second of its time and its size.
pub(crate) fn dated_after(parent: impl AsFd, name: &[u8], file: &File) -> io::Result<SystemTime> {
    let now = file.metadata()?.modified()?;
    let Ok(Some(old)) = entry(parent, name) else { return Ok(now) };
    let old = u64::try_from(old.st_mtime).unwrap_or(0);
    if now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() > old {
        return Ok(now);
    }
    let later = UNIX_EPOCH + Duration::from_secs(old.saturating_add(1));
    file.set_modified(later)?;
    Ok(later)
}

/// Renames an entry within a directory; a file that has the new name is replaced.
pub fn rename(parent: impl AsFd, from: &[u8], to: &[u8]) -> io::Result<()> {
    single(from)?;
    single(to)?;
    Ok(rustix::fs::renameat(parent.as_fd(), from, parent.as_fd(), to)?)
}

/// A regular file, for reading.
pub fn open_in(parent: impl AsFd, name: &[u8]) -> io::Result<File> {
    opened(parent, name, OFlags::RDONLY, Mode::empty())
}

/// A regular file's content, at most so many bytes of it; none when there is no such file.
pub fn read(parent: impl AsFd, name: &[u8], limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match open_in(parent, name) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// A file that stays, for locking and for what is written about the lock; made where it is not
/// there.
pub fn lock_file(parent: impl AsFd, name: &[u8], mode: Mode) -> io::Result<File> {
    opened(parent, name, OFlags::RDWR | OFlags::CREATE, mode)
}

/// A log to add to, for nobody else to read; made where it is not there.
pub fn append(parent: impl AsFd, name: &[u8]) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE;
    let file = opened(parent, name, flags, Mode::from(0o600))?;
    rustix::fs::fchmod(&file, Mode::from(0o600))?;
    Ok(file)
}

fn opened(parent: impl AsFd, name: &[u8], how: OFlags, mode: Mode) -> io::Result<File> {
    single(name)?;
    let file = File::from(rustix::fs::openat(parent, name, how | PLAIN, mode)?);
    regular(file)
}

pub(crate) fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other("it is not a regular file, but a directory, a pipe or a device"))
}

/// Removes a file or link; one that is not there is no error.
pub fn remove(parent: impl AsFd, name: &[u8]) -> io::Result<()> {
    single(name)?;
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Waits for the exclusive lock of a file. The lock ends with the process that holds it. False if it was
/// not free in time.
pub fn exclusive(file: &File, timeout: Duration) -> io::Result<bool> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK | Errno::INTR) if started.elapsed() < timeout => {
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => return Ok(false),
            Err(e) => return Err(e.into()),
        }
    }
}

/// Releases the lock, also for processes that inherited the file.
pub fn unlock(file: &File) -> io::Result<()> {
    Ok(flock(file, FlockOperation::Unlock)?)
}

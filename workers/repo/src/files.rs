//! Files below a directory, reached step by step and never through a symbolic link: what lies
//! there may have been put there by somebody else.

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A directory by its path, which is trusted.
pub(crate) fn dir(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty())?)
}

/// A directory in a directory; a symbolic link is an error.
pub(crate) fn dir_in(parent: impl AsFd, name: &[u8]) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(parent, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?)
}

/// The same, made where it is not there.
pub(crate) fn made_dir_in(parent: impl AsFd, name: &[u8], mode: Mode) -> io::Result<OwnedFd> {
    match rustix::fs::mkdirat(parent.as_fd(), name, mode) {
        Ok(()) | Err(Errno::EXIST) => dir_in(parent, name),
        Err(e) => Err(e.into()),
    }
}

/// A new file; anything of that name is an error.
pub(crate) fn create(parent: impl AsFd, name: &[u8], mode: Mode) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(parent, name, flags, mode)?))
}

/// Replaces a file as a whole: whoever reads it sees the old or the new content. A link of that
/// name is replaced and not followed. It is on the disk when this returns.
pub(crate) fn replace(parent: impl AsFd, name: &[u8], bytes: &[u8], mode: Mode) -> io::Result<()> {
    // One process may do this from several threads, and another after a crash.
    let id = format!("{}-{:?}", std::process::id(), thread::current().id());
    let beside: Vec<u8> = format!(".new-{id}").bytes().filter(|b| *b != b'/').collect();
    remove(parent.as_fd(), &beside)?;
    let mut file = create(parent.as_fd(), &beside, mode)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| dated_after(parent.as_fd(), name, &file))
        .and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| {
        Ok(rustix::fs::renameat(parent.as_fd(), &beside[..], parent.as_fd(), name)?)
    });
    if renamed.is_err() {
        let _ = remove(parent.as_fd(), &beside);
    }
    renamed?;
    Ok(rustix::fs::fsync(parent)?)
}

/// Gives a file a later second than the one that it replaces: there are tools that tell a changed file by
/// the second of its time and by its size, Python for one.
fn dated_after(parent: impl AsFd, name: &[u8], file: &File) -> io::Result<()> {
    let Ok(old) = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) else {
        return Ok(());
    };
    let old = u64::try_from(old.st_mtime).unwrap_or(0);
    let now = file.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    if now.as_secs() <= old {
        file.set_modified(UNIX_EPOCH + Duration::from_secs(old + 1))?;
    }
    Ok(())
}

/// A regular file's content, at most so many bytes of it; none when there is no such file.
pub(crate) fn read(parent: impl AsFd, name: &[u8], limit: u64) -> io::Result<Option<Vec<u8>>> {
    // Without NONBLOCK the opening of a pipe would wait for somebody to write to it.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("this is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Removes a file or link; one that is not there is no error.
pub(crate) fn remove(parent: impl AsFd, name: &[u8]) -> io::Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Waits for the exclusive lock of a file, which ends with whoever holds it, also when that is
/// killed. False when it was not free in time.
pub(crate) fn exclusive(file: &File, timeout: Duration) -> io::Result<bool> {
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

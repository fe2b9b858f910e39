//! Paths that a person, a setting or git itself names. Symbolic links on the way are followed; the
//! functions that do not follow the last part of a path say so.

use crate::at::{DIRECTORY, regular};
use rustix::fs::{CWD, Mode, OFlags};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, Metadata, ReadDir};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A directory by its path.
pub fn dir(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty())?)
}

/// Bytes that are free for this user on the disk of an opened directory.
///
/// # Errors
/// What the system says.
pub fn room(dir: impl AsFd) -> io::Result<u64> {
    let disk = rustix::fs::fstatvfs(dir)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// A file is larger than what is read of its kind.
#[derive(Debug)]
struct TooLarge {
    bytes: u64,
    most: u64,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it has {} bytes, and at most {} are read", self.bytes, self.most)
    }
}

impl std::error::Error for TooLarge {}

/// The bytes of a file, when the error is that these are too many.
pub fn too_large(error: &io::Error) -> Option<u64> {
    error.get_ref()?.downcast_ref::<TooLarge>().map(|found| found.bytes)
}

/// The whole content of a regular file of at most so many bytes.
///
/// # Errors
/// A pipe, a device or a directory; a file that is larger, see [`too_large`]; what the system says.
pub fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    whole(opened(path, OFlags::empty())?, most)
}

/// The same as text.
///
/// # Errors
/// As [`read_file`], and bytes that are not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read_file(path, most)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
}

/// The beginning of a regular file that is no symbolic link, at most so many bytes.
///
/// # Errors
/// As [`read_file`], and a symbolic link.
pub fn read_plain(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    opened(path, OFlags::NOFOLLOW)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last bytes of a regular file that is no symbolic link.
///
/// # Errors
/// As [`read_plain`].
pub fn tail(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = opened(path, OFlags::NOFOLLOW)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(limit)))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn opened(path: &Path, more: OFlags) -> io::Result<File> {
    // Without NONBLOCK the opening of a pipe would wait for its other end.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    regular(File::from(rustix::fs::openat(CWD, path, flags, Mode::empty())?))
}

fn whole(file: File, most: u64) -> io::Result<Vec<u8>> {
    let too_large = |bytes| io::Error::new(io::ErrorKind::FileTooLarge, TooLarge { bytes, most });
    let size = file.metadata()?.len();
    if size > most {
        return Err(too_large(size));
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        read if read > most => Err(too_large(read)),
        _ => Ok(bytes),
    }
}

/// The names of a directory's entries, in no order.
pub fn listed(path: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(path)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// The path without symbolic links.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// True when there is something, behind a symbolic link too.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// True when it is a regular file, behind a symbolic link too.
pub fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// True when it is a directory, behind a symbolic link too.
pub fn is_dir(path: &Path) -> bool {
    path.is_dir()
}

/// What the path itself is; a symbolic link is not followed.
pub fn stat(path: &Path) -> io::Result<Metadata> {
    fs::symlink_metadata(path)
}

/// What is there, behind a symbolic link too.
pub fn stat_behind(path: &Path) -> io::Result<Metadata> {
    fs::metadata(path)
}

/// A directory's entries with their kinds, in no order.
pub fn entries(path: &Path) -> io::Result<ReadDir> {
    fs::read_dir(path)
}

/// True when the path itself is a symbolic link.
pub fn is_link(path: &Path) -> bool {
    stat(path).is_ok_and(|found| found.is_symlink())
}

/// Where a symbolic link leads.
pub fn link_target(path: &Path) -> io::Result<PathBuf> {
    fs::read_link(path)
}

/// Waits until a file or directory, that is no symbolic link, is on the disk.
pub fn sync(path: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    File::from(rustix::fs::openat(CWD, path, flags, Mode::empty())?).sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read_and_only_up_to_a_bound() {
        let place = crate::temp_dir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::write(at("file"), "12345").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        assert_eq!(read_file(&at("link"), 5).unwrap(), b"12345", "a person's own link");
        let error = read_file(&at("file"), 4).unwrap_err();
        assert_eq!((too_large(&error), error.kind()), (Some(5), io::ErrorKind::FileTooLarge));
        assert_eq!(tail(&at("file"), 2).unwrap(), b"45");
        assert_eq!(read_plain(&at("file"), 2).unwrap(), b"12");
        assert!(read_plain(&at("link"), 2).is_err() && tail(&at("link"), 2).is_err());
        for other in ["/dev/zero", "/"] {
            let error = read_file(Path::new(other), 4).unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{other}: {error}");
        }
        // Larger than it says: such files are in /proc.
        assert_eq!(
            too_large(&read_file(Path::new("/proc/self/status"), 10).unwrap_err()),
            Some(11)
        );
    }
}

//! What is written for people: directories of reports, and single files.

use crate::at::{self, Kind, create, dated_after, exclusive, kind, lock_file, names};
use crate::walk::{holds_repository, is_git_dir, refused, same, upwards, walk};
use rustix::fs::{Mode, Stat, fstat, fsync};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Says that a directory holds a report, so that the next one may replace it.
const MARKER: &str = ".scrum-report";
const MARKER_TEXT: &[u8] =
    b"This directory holds a report of scrum. The next report may replace it.\n";
/// How the name of a file begins that is being written.
const BESIDE: &str = ".scrum-new-";
/// In the state directory, where reports may lie.
const REPORTS: &[u8] = b"reports";
/// Wait for another process that writes a report into the same directory.
const OTHER_WRITER: Duration = Duration::from_secs(60);
/// Names that an error gives as examples.
const SHOWN: usize = 3;

/// A directory for a report: new, empty, or with an earlier report. One process at a time writes in
/// it. Files are written beside and renamed, so that a reader never sees half of one; symbolic
/// links in it are replaced and never followed.
#[derive(Debug)]
pub struct OutDir {
    dir: OwnedFd,
    path: PathBuf,
    mode: Mode,
    /// Held as long as we write.
    _lock: File,
}

impl OutDir {
    /// Whether the directory could be used, without making anything. `state` is the state directory;
    /// `is_ours` knows the names of a report's files, for reports without a marker.
    ///
    /// # Errors
    /// Kind `InvalidInput`, with the reason, for a symbolic link, a directory with other files, the root of
    /// the file system or of a repository, a git directory, the state directory except its `reports/`. Else
    /// an error of the system.
    pub fn check(path: &Path, state: &Path, is_ours: impl Fn(&str) -> bool) -> io::Result<()> {
        look(path, state, is_ours).map(drop)
    }

    /// Opens the directory, makes it where it is not there, and marks it.
    ///
    /// # Errors
    /// As [`OutDir::check`], and another process that writes in it for longer than a minute.
    pub fn open(path: &Path, state: &Path, is_ours: impl Fn(&str) -> bool) -> io::Result<Self> {
        let in_state = look(path, state, is_ours)?;
        let (parent, name) = parts(path)?;
        let (dirs, mode) = if in_state { (0o700, 0o600) } else { (0o777, 0o666) };
        let (dirs, mode) = (Mode::from(dirs), Mode::from(mode));
        let parent = walk(&parent, Some(dirs))?.dir;
        let dir = at::made_dir_in(parent, &name, dirs)?;
        let mut lock = lock_file(&dir, MARKER.as_bytes(), mode)?;
        if !exclusive(&lock, OTHER_WRITER)? {
            return Err(io::Error::other("another process is writing a report there; wait for it"));
        }
        if lock.metadata()?.len() == 0 {
            lock.write_all(MARKER_TEXT)?;
        }
        for name in names(&dir)? {
            // Left by a killed process: we hold the lock, so nobody writes it now.
            if name.starts_with(BESIDE.as_bytes()) && kind(&dir, &name)? == Some(Kind::File) {
                at::remove(&dir, &name)?;
            }
        }
        Ok(Self { dir, path: path.to_owned(), mode, _lock: lock })
    }

    /// Where it is, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a file; nobody sees it before [`OutFile::finish`]. Several may be written at a time.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(&self, name: &str) -> io::Result<OutFile> {
        OutFile::begin(self.dir.try_clone()?, name.as_bytes(), self.mode)
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// What the system says.
    pub fn put(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = self.begin(name)?;
        file.write_all(text.as_bytes())?;
        file.finish()
    }

    /// The content of a regular file, at most so many bytes of it; none when there is no such file.
    ///
    /// # Errors
    /// It is no regular file; what the system says.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        at::read(&self.dir, name.as_bytes(), limit)
    }

    /// Removes a file or link; one that is not there is no error.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        at::remove(&self.dir, name.as_bytes())
    }

    /// The names of all entries, in no order, without names that are not UTF-8.
    ///
    /// # Errors
    /// What the system says.
    pub fn names(&self) -> io::Result<Vec<String>> {
        Ok(names(&self.dir)?.into_iter().filter_map(|name| String::from_utf8(name).ok()).collect())
    }
}

/// A file that is being written under a name that cannot be foreseen. Dropped without
/// [`OutFile::finish`], it is removed.
#[derive(Debug)]
pub struct OutFile {
    dir: OwnedFd,
    beside: Vec<u8>,
    name: Vec<u8>,
    file: BufWriter<File>,
    done: bool,
}

impl OutFile {
    /// Begins a file at a path that a person named. What is there already is replaced when the file
    /// is finished.
    ///
    /// # Errors
    /// Kind `InvalidInput` for a symbolic link, and for anything else that is no regular file; what
    /// the system says.
    pub fn at(path: &Path) -> io::Result<Self> {
        let (parent, name) = parts(path)?;
        let walked = walk(&parent, None)?;
        if walked.missing.is_some() {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        match kind(&walked.dir, &name)? {
            Some(Kind::Link) => return Err(refused(LINK.to_owned())),
            Some(Kind::Dir | Kind::Other) => return Err(refused("it is not a file".to_owned())),
            Some(Kind::File) | None => {}
        }
        Self::begin(walked.dir, &name, Mode::from(0o666))
    }

    pub(crate) fn begin(dir: OwnedFd, name: &[u8], mode: Mode) -> io::Result<Self> {
        let beside = format!("{BESIDE}{:016x}", getrandom::u64()?).into_bytes();
        let file = BufWriter::new(create(&dir, &beside, mode)?);
        Ok(Self { dir, beside, name: name.to_owned(), file, done: false })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// What the system says; the file is gone then, and what had the name is as it was.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.named()
    }

    /// The same, and the file is on the disk when this returns, dated after the one before. Returns its time.
    pub(crate) fn finish_on_disk(mut self) -> io::Result<SystemTime> {
        self.file.flush()?;
        let time = dated_after(&self.dir, &self.name, self.file.get_ref())?;
        self.file.get_ref().sync_all()?;
        self.named()?;
        fsync(&self.dir)?;
        Ok(time)
    }

    fn named(&mut self) -> io::Result<()> {
        at::rename(&self.dir, &self.beside, &self.name)?;
        self.done = true;
        Ok(())
    }
}

impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for OutFile {
    fn drop(&mut self) {
        if !self.done {
            let _ = at::remove(&self.dir, &self.beside);
        }
    }
}

const LINK: &str = "it is a symbolic link; name the place that it leads to";

/// The directory that holds it, and its name there.
fn parts(path: &Path) -> io::Result<(PathBuf, Vec<u8>)> {
    let path = std::path::absolute(path)?;
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((parent.to_owned(), name.as_bytes().to_owned())),
        (None, _) => Err(refused("it is the root of the file system".to_owned())),
        (_, None) => Err(refused("it ends in '..'; name the directory itself".to_owned())),
    }
}

/// Looks without making anything. True when the place lies in the state directory.
fn look(path: &Path, state: &Path, is_ours: impl Fn(&str) -> bool) -> io::Result<bool> {
    let (parent, name) = parts(path)?;
    let walked = walk(&parent, None)?;
    let state = State::of(state)?;
    if let Some(missing) = &walked.missing {
        return above(&walked.dir, &state, missing);
    }
    match kind(&walked.dir, &name)? {
        None => above(&walked.dir, &state, &name),
        Some(Kind::Link) => Err(refused(LINK.to_owned())),
        Some(Kind::Dir) => {
            let dir = at::dir_in(&walked.dir, &name)?;
            let in_state = place(&dir, &state)?;
            content(&dir, is_ours)?;
            Ok(in_state)
        }
        Some(_) => Err(refused("it is a file and not a directory".to_owned())),
    }
}

/// The state directory, and where reports lie in it, as far as they are there.
struct State {
    root: Option<Stat>,
    reports: Option<Stat>,
}

impl State {
    fn of(path: &Path) -> io::Result<Self> {
        // One that can't be reached holds no report of ours either.
        let Some(walked) = walk(path, None).ok().filter(|walked| walked.missing.is_none()) else {
            return Ok(Self { root: None, reports: None });
        };
        let reports = at::entry(&walked.dir, REPORTS)?;
        Ok(Self { root: Some(fstat(&walked.dir)?), reports })
    }
}

/// Refuses places by what they are.
fn place(dir: &OwnedFd, state: &State) -> io::Result<bool> {
    let here = fstat(dir)?;
    if holds_repository(dir)? {
        return Err(refused("it is the root of a repository".to_owned()));
    }
    if state.root.is_some_and(|root| same(&root, &here)) {
        return Err(refused("it is the state directory".to_owned()));
    }
    let mut below = None;
    surroundings(dir, state, |stat| {
        let was = below.replace(*stat);
        was.zip(state.reports).is_some_and(|(was, reports)| same(&was, &reports))
    })
}

/// Refuses a place that is not there yet by what it would lie in.
fn above(dir: &OwnedFd, state: &State, missing: &[u8]) -> io::Result<bool> {
    let mut below: Option<Stat> = None;
    surroundings(dir, state, |stat| match below.replace(*stat) {
        Some(was) => state.reports.is_some_and(|reports| same(&was, &reports)),
        None => missing == REPORTS,
    })
}

/// Calls `in_reports` for each directory from here up: whether the directory below it is `reports/` of the state
/// directory. True if the place is inside the state directory.
fn surroundings(
    dir: &OwnedFd,
    state: &State,
    mut in_reports: impl FnMut(&Stat) -> bool,
) -> io::Result<bool> {
    let found = upwards(dir, |dir, above| {
        let here = fstat(dir)?;
        let fits = in_reports(&here);
        if is_git_dir(dir, above)? {
            return Err(refused("it is in a git directory".to_owned()));
        }
        if state.root.is_some_and(|root| same(&root, &here)) {
            return if fits {
                Ok(Some(()))
            } else {
                Err(refused("it is in the state directory, where only reports/ is free".to_owned()))
            };
        }
        Ok(None)
    })?;
    Ok(found.is_some())
}

/// Refuses a directory that holds something else than a report.
fn content(dir: &OwnedFd, is_ours: impl Fn(&str) -> bool) -> io::Result<()> {
    if kind(dir, MARKER.as_bytes())? == Some(Kind::File) {
        return Ok(());
    }
    let mut foreign = Vec::new();
    for name in names(dir)? {
        let ours = std::str::from_utf8(&name).is_ok_and(&is_ours);
        if !ours || kind(dir, &name)? != Some(Kind::File) {
            foreign.push(String::from_utf8_lossy(&name).into_owned());
        }
    }
    if foreign.is_empty() {
        return Ok(());
    }
    foreign.sort();
    let more = if foreign.len() > SHOWN { ", .." } else { "" };
    foreign.truncate(SHOWN);
    let shown: Vec<_> = foreign.iter().map(|name| format!("{name:?}")).collect();
    Err(refused(format!(
        "it holds something else than a report of scrum: {}{more}; name a new or an empty directory",
        shown.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_appears_when_it_is_finished_and_leftovers_of_killed_writers_are_removed() {
        let place = crate::temp_dir().unwrap();
        let (path, state) = (place.path().join("deep/out"), place.path().join("state"));
        let open = || OutDir::open(&path, &state, |_| false).unwrap();
        let out = open();
        out.put("a", "old").unwrap();
        let mut file = out.begin("a").unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(out.read("a", 10).unwrap().unwrap(), b"old");
        file.finish().unwrap();
        assert_eq!(out.read("a", 2).unwrap().unwrap(), b"ne");
        drop(out.begin("b").unwrap());
        assert_eq!(out.read("b", 2).unwrap(), None);
        for name in ["../b", "/b", "", ".", "..", "a/b"] {
            assert!(out.put(name, "x").is_err() && out.remove(name).is_err(), "{name:?}");
        }
        // Nobody finishes it, and nobody drops it.
        std::mem::forget(out.begin("c").unwrap());
        assert_eq!(out.names().unwrap().len(), 3);
        drop(out);
        let mut names = open().names().unwrap();
        names.sort();
        assert_eq!(names, [".scrum-report", "a"]);
        assert!(!fs::exists(place.path().join("b")).unwrap());
    }
}

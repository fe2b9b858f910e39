//! The tree of a commit as files in a directory of our own, for programs to run over.
//!
//! It is written from the objects by ourselves: no checkout, so no filters, attributes, hooks or
//! submodules. There is no `.git` in it: what runs there can't write into the repository.

pub(crate) mod names;

use crate::snapshot::{self, Bounds, RawEntry};
use crate::{EntryKind, Repo, RepoError, place};
use git2::{Oid, Repository};
use rustix::io::Errno;
use scrum_disk::{self as disk, File, Kind, Mode};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PREFIX: &str = "tree-";
/// Names that are tried for a new directory: others make theirs at the same time.
const MOST_NAMES: u32 = 1000;
/// What a file may be dated ahead of the clock: see [`Worktree::settle`].
const MOST_AHEAD: Duration = Duration::from_secs(1);
/// What the clock of a file system may lag behind that of programs.
const TICK: Duration = Duration::from_millis(10);
const HINT: &str = "check that this user may write there and that the disk has room";

/// Bounds of one export.
#[derive(Debug, Clone, Copy)]
pub struct ExportBounds {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Entries of the tree, directories included.
    pub entries: usize,
}

/// What of a commit is not in a [`Worktree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path; bytes that are not UTF-8 are shown as U+FFFD.
    pub path: String,
    /// Why it is not there.
    pub why: &'static str,
}

/// How the files of a [`Worktree`] stood.
#[derive(Debug)]
pub struct Marks(BTreeMap<Vec<u8>, disk::Stamp>);

/// A commit's files in a directory of their own, removed when this is dropped. A process that is
/// killed leaves it behind: see [`sweep_stale`].
#[derive(Debug)]
pub struct Worktree {
    parent: OwnedFd,
    name: String,
    root: PathBuf,
    dir: OwnedFd,
    /// Held as long as we live: nobody sweeps it then.
    lock: File,
    git_dir: PathBuf,
    files: HashMap<String, (Oid, Mode)>,
    /// Milliseconds of the latest time that a replaced file got.
    latest: AtomicU64,
    left_out: Vec<LeftOut>,
}

impl Repo {
    /// Writes the tree of a commit into a new directory (mode 0700) in `into`, which is made where
    /// it is not there. Executable bits are kept, a submodule is an empty directory. Symbolic
    /// links are made when they stay inside; others, and names that could mean something outside
    /// or a git directory, are left out and listed.
    ///
    /// A crash leaves a directory that [`sweep_stale`] removes.
    ///
    /// # Errors
    /// [`RepoError::TooLarge`] beyond the bounds, before anything is written;
    /// [`RepoError::Git`] when an object is missing; [`RepoError::Io`] when the disk is full or
    /// `into` can't be written.
    pub fn export(
        &self,
        commit: &str,
        into: &Path,
        bounds: ExportBounds,
    ) -> Result<Worktree, RepoError> {
        let mut left_out = Vec::new();
        let (entries, path) = (bounds.entries, names::LONGEST_PATH);
        let limits = Bounds { entries, path, targets: None };
        let entries = snapshot::raw(self, commit, limits, |path| {
            let path = path.chars().take(200).collect::<String>() + "…";
            left_out.push(LeftOut { path, why: "its path is too long" });
            Ok(())
        })?;
        let bytes = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.2));
        if bytes > bounds.bytes {
            let bound = format!("more than {} bytes", bounds.bytes);
            return Err(RepoError::TooLarge { what: format!("commit {commit}"), bound });
        }
        let mut tree = Worktree::empty(into, self.git.path())?;
        tree.left_out = left_out;
        // Links last: until then there is nothing that a path could go astray through.
        let (links, others): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.3 == EntryKind::Symlink);
        let mut parent = None;
        for entry in others.iter().chain(&links) {
            match tree.put(&self.git, entry, &mut parent)? {
                Ok(()) => {}
                Err(why) => {
                    let path = String::from_utf8_lossy(&entry.0).into_owned();
                    tree.left_out.push(LeftOut { path, why });
                }
            }
        }
        Ok(tree)
    }
}

/// The directory of the entry before, which most often is that of the next.
type Parent = Option<(Vec<u8>, OwnedFd)>;

impl Worktree {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// What of the commit is not here, and why.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Replaces the content of a regular file of the commit that is still one here. Symbolic links
    /// are not followed, whatever has run here since.
    ///
    /// # Errors
    /// [`RepoError::Change`] for a path that is no such file, [`RepoError::Io`].
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<(), RepoError> {
        let (_, mode) = *self.known(path)?;
        let (dir, name) = split(path);
        let failed = |e: io::Error| self.failed(path, &e);
        let dir = self.walk(dir.as_bytes(), false).map_err(failed)?;
        if disk::kind(&dir, name.as_bytes()).map_err(failed)? != Some(Kind::File) {
            let why = "this is no longer a regular file".to_owned();
            return Err(RepoError::Change { path: path.to_owned(), why });
        }
        let time = disk::replace(dir, name.as_bytes(), bytes, mode).map_err(failed)?;
        self.dated(time);
        Ok(())
    }

    /// Puts the commit's content of a file back, also when something has removed it since.
    ///
    /// # Errors
    /// As [`Worktree::write`], or [`RepoError::Git`] when the object can't be read.
    pub fn restore(&self, path: &str) -> Result<(), RepoError> {
        let (id, mode) = *self.known(path)?;
        let (dir, name) = split(path);
        let git = place::open_git_dir(&self.git_dir)?;
        let unreadable = |e: git2::Error| RepoError::git(path, &e);
        let blob = git.find_blob(id).map_err(unreadable)?;
        let time = self
            .walk(dir.as_bytes(), true)
            .and_then(|dir| disk::replace(dir, name.as_bytes(), blob.content(), mode))
            .map_err(|e| self.failed(path, &e))?;
        self.dated(time);
        Ok(())
    }

    fn dated(&self, time: SystemTime) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        self.latest.fetch_max(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Waits until no file that was replaced is dated ahead of the clock any more: `make` warns of those, and a warning
    /// may count. A file gets a later second than the one that it replaces, so this takes a second at most, and most
    /// often nothing.
    pub fn settle(&self) {
        let latest =
            UNIX_EPOCH.checked_add(Duration::from_millis(self.latest.load(Ordering::Relaxed)));
        let ahead = latest.and_then(|latest| latest.duration_since(SystemTime::now()).ok());
        if let Some(ahead) = ahead {
            thread::sleep(ahead.min(MOST_AHEAD) + TICK);
        }
    }

    /// Writes a file that is not there yet, and makes the directories on the way to it. Nothing is followed or
    /// replaced.
    ///
    /// # Errors
    /// [`RepoError::Change`] for a path that leads elsewhere, or at which there is something; [`RepoError::Io`].
    pub fn add(&self, path: &str, bytes: &[u8]) -> Result<(), RepoError> {
        let refused = |why: &str| RepoError::Change { path: path.to_owned(), why: why.to_owned() };
        if let Some(why) = names::refused(path.as_bytes()) {
            return Err(refused(why));
        }
        let (dir, name) = split(path);
        let failed = |e: io::Error| match taken(&e) {
            Some(_) => refused("something else is at this place"),
            None => self.failed(path, &e),
        };
        let dir = self.walk(dir.as_bytes(), true).map_err(failed)?;
        let file = disk::create(dir, name.as_bytes(), Mode::from(0o644));
        file.and_then(|mut file| file.write_all(bytes)).map_err(failed)
    }

    /// Removes a file that was added. None is no error.
    ///
    /// # Errors
    /// [`RepoError::Io`].
    pub fn remove(&self, path: &str) -> Result<(), RepoError> {
        let (dir, name) = split(path);
        let dir = self.walk(dir.as_bytes(), true);
        dir.and_then(|dir| disk::remove(dir, name.as_bytes())).map_err(|e| self.failed(path, &e))
    }

    /// Whether the commit has a regular file of this path.
    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// How all files stand here now.
    ///
    /// # Errors
    /// [`RepoError::Io`] when they can't be listed.
    pub fn marks(&self) -> Result<Marks, RepoError> {
        disk::stamps(&self.dir).map(Marks).map_err(|e| self.failed("", &e))
    }

    /// The paths of what is new, gone or changed since then, in their order.
    ///
    /// # Errors
    /// [`RepoError::Io`] when the files can't be listed.
    pub fn changed(&self, since: &Marks) -> Result<Vec<String>, RepoError> {
        let now = self.marks()?;
        let differ = |one: &Marks, other: &Marks| -> Vec<Vec<u8>> {
            let some = one.0.iter().filter(|(path, stamp)| other.0.get(*path) != Some(*stamp));
            some.map(|(path, _)| path.clone()).collect()
        };
        let mut all = differ(since, &now);
        all.extend(differ(&now, since));
        all.sort();
        all.dedup();
        Ok(all.into_iter().map(|path| String::from_utf8_lossy(&path).into_owned()).collect())
    }

    fn known(&self, path: &str) -> Result<&(Oid, Mode), RepoError> {
        self.files.get(path).ok_or_else(|| RepoError::Change {
            path: path.to_owned(),
            why: "there is no such regular file in the commit".to_owned(),
        })
    }

    fn failed(&self, path: &str, error: &io::Error) -> RepoError {
        RepoError::io(&self.root.join(path), error, "something that ran there may be in the way")
    }

    /// A new directory, held.
    fn empty(into: &Path, git_dir: &Path) -> Result<Self, RepoError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let failed = |e: io::Error| RepoError::io(into, e, HINT);
        let parent = disk::private_dir(into).map_err(failed)?;
        let into = disk::real_path(into).map_err(failed)?;
        for _ in 0..MOST_NAMES {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("{PREFIX}{}-{number}", std::process::id());
            // The lock comes first and goes last, so that there is no directory without one.
            let lock_name = format!("{name}.lock");
            let lock = match disk::create(&parent, lock_name.as_bytes(), Mode::from(0o600)) {
                Ok(lock) => lock,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(failed(e)),
            };
            disk::exclusive(&lock, Duration::from_secs(1)).map_err(failed)?;
            let made = disk::make_dir(&parent, name.as_bytes(), Mode::from(0o700))
                .and_then(|()| disk::dir_in(&parent, name.as_bytes()));
            let dir = match made {
                Ok(dir) => dir,
                Err(e) => {
                    let _ = disk::remove(&parent, lock_name.as_bytes());
                    return Err(failed(e));
                }
            };
            return Ok(Self {
                root: into.join(&name),
                git_dir: git_dir.to_owned(),
                files: HashMap::new(),
                latest: AtomicU64::new(0),
                left_out: Vec::new(),
                parent,
                name,
                dir,
                lock,
            });
        }
        Err(failed(io::Error::other("it is full of directories of killed workers")))
    }

    /// Writes one entry. The inner error says why it is left out.
    fn put(
        &mut self,
        git: &Repository,
        (path, id, bytes, kind): &RawEntry,
        parent: &mut Parent,
    ) -> Result<Result<(), &'static str>, RepoError> {
        if let Some(why) = names::refused(path) {
            return Ok(Err(why));
        }
        let cut = path.iter().rposition(|b| *b == b'/');
        let (dir, name) = (&path[..cut.unwrap_or(0)], &path[cut.map_or(0, |at| at + 1)..]);
        let shown = || String::from_utf8_lossy(path).into_owned();
        if parent.as_ref().is_none_or(|(of, _)| of != dir) {
            match self.walk(dir, true) {
                Ok(fd) => *parent = Some((dir.to_vec(), fd)),
                Err(e) => return taken(&e).ok_or_else(|| self.failed(&shown(), &e)).map(Err),
            }
        }
        let Some((_, fd)) = parent else { return Ok(Err("it has no directory")) };
        let content = || {
            let blob = git.find_blob(*id);
            blob.map_err(|e| RepoError::git(format!("{} ({id})", shown()), &e))
        };
        let mode = match kind {
            EntryKind::Executable => Mode::from(0o755),
            _ => Mode::from(0o644),
        };
        let put = match kind {
            EntryKind::Submodule => disk::make_dir(fd, name, Mode::from(0o755)),
            EntryKind::Symlink if *bytes > names::LONGEST_PATH as u64 => {
                return Ok(Err("it is a symbolic link to a place that can't be"));
            }
            EntryKind::Symlink => {
                let blob = content()?;
                if !names::stays_inside(path, blob.content()) {
                    return Ok(Err("it is a symbolic link that may lead out of the repository"));
                }
                disk::link_in(fd, name, blob.content())
            }
            EntryKind::File | EntryKind::Executable => {
                let blob = content()?;
                disk::create(fd, name, mode).and_then(|mut file| file.write_all(blob.content()))
            }
        };
        if let Err(e) = put {
            return taken(&e).ok_or_else(|| self.failed(&shown(), &e)).map(Err);
        }
        if matches!(kind, EntryKind::File | EntryKind::Executable)
            && let Ok(path) = String::from_utf8(path.clone())
        {
            self.files.insert(path, (*id, mode));
        }
        Ok(Ok(()))
    }

    fn walk(&self, path: &[u8], make: bool) -> io::Result<OwnedFd> {
        let mut dir = self.dir.try_clone()?;
        for part in path.split(|b| *b == b'/').filter(|part| !part.is_empty()) {
            dir = if make {
                disk::made_dir_in(&dir, part, Mode::from(0o755))?
            } else {
                disk::dir_in(&dir, part)?
            };
        }
        Ok(dir)
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        // What can't be removed now is left for the sweep, which needs the lock file.
        if disk::remove_tree(&self.parent, &self.name).is_ok() {
            let _ = disk::remove(&self.parent, format!("{}.lock", self.name).as_bytes());
        }
        let _ = disk::unlock(&self.lock);
    }
}

/// Why an entry is left out, when the place is taken by another.
fn taken(error: &io::Error) -> Option<&'static str> {
    let here = [Errno::EXIST, Errno::NOTDIR, Errno::LOOP, Errno::ISDIR];
    if here.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error())) {
        return Some("another entry has the same place, or one that differs in case only");
    }
    let odd = [Errno::INVAL, Errno::ILSEQ, Errno::NAMETOOLONG];
    odd.iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
        .then_some("this system can't have a file of that name")
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Removes what killed processes left in a directory that was given to [`Repo::export`], once it
/// is older than that; what a living one uses is left alone. Returns how many there were.
///
/// # Errors
/// [`RepoError::Io`] when the directory can't be read, or something can't be removed; the others
/// are.
pub fn sweep_stale(dir: &Path, older_than: Duration) -> Result<usize, RepoError> {
    let failed = |e: io::Error| RepoError::io(dir, e, "remove by hand what is in it");
    let parent = match disk::dir(dir) {
        Ok(parent) => parent,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(failed(e)),
    };
    let (mut swept, mut trouble) = (0, None);
    for lock_name in disk::names(&parent).map_err(failed)? {
        let Ok(lock_name) = std::str::from_utf8(&lock_name) else { continue };
        let name = lock_name.strip_suffix(".lock").filter(|name| name.starts_with(PREFIX));
        let Some(name) = name else { continue };
        let Ok(lock) = disk::open_in(&parent, lock_name.as_bytes()) else { continue };
        let made = lock.metadata().and_then(|meta| meta.modified()).ok();
        let age = made.and_then(|t| SystemTime::now().duration_since(t).ok());
        if age.is_none_or(|age| age < older_than) {
            continue;
        }
        if !disk::exclusive(&lock, Duration::ZERO).map_err(failed)? {
            continue;
        }
        let removed = disk::remove_tree(&parent, name)
            .and_then(|()| disk::remove(&parent, lock_name.as_bytes()));
        match removed {
            Ok(()) => swept += 1,
            Err(e) => trouble = Some(e),
        }
    }
    trouble.map_or(Ok(swept), |e| Err(failed(e)))
}

//! The tree of a commit, flat.

use crate::RepoError;
use git2::{ObjectType, Oid, Repository};

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A file with the executable bit.
    Executable,
    /// A symbolic link; its content is the path it points to.
    Symlink,
    /// A commit of another repository.
    Submodule,
}

/// One entry of a commit's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path with `/` as separator; bytes that are not UTF-8 are shown as U+FFFD.
    pub path: String,
    /// True when the path had to be shown that way.
    pub path_lossy: bool,
    /// Object id, hex.
    pub blob: String,
    /// Size of the content in bytes, from the object's header; 0 for a submodule.
    pub bytes: u64,
    /// What it is.
    pub kind: EntryKind,
}

/// Bounds of one snapshot. A few hundred bytes of crafted objects can name one tree a billion
/// times over; the largest repositories of sources known have about half a million files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Entries, directories included.
    pub(crate) entries: usize,
    /// Bytes of one path; as Linux has it.
    pub(crate) path: usize,
}

pub(crate) const BOUNDS: Bounds = Bounds { entries: 4_000_000, path: 4096 };

const MODE_EXECUTABLE: i32 = 0o100_755;
const MODE_LINK: i32 = 0o120_000;
const MODE_COMMIT: i32 = 0o160_000;

/// An entry as it is: the bytes of its path, its object, the size of that, what it is.
pub(crate) type RawEntry = (Vec<u8>, Oid, u64, EntryKind);

/// Every entry of the tree, recursively, sorted by the bytes of its path. No content is read.
pub(crate) fn of(git: &Repository, commit: &str, bounds: Bounds) -> Result<Vec<Entry>, RepoError> {
    let found = raw(git, commit, bounds, |path| {
        let what = path.chars().take(200).collect::<String>() + "…";
        let bound = format!("a path of more than {} bytes", bounds.path);
        Err(RepoError::TooLarge { what, bound })
    })?;
    Ok(found.into_iter().map(|(path, id, bytes, kind)| entry(path, id, bytes, kind)).collect())
}

/// The same with paths as they are. A path that is too long is given to `too_long`, and what is
/// below it is not looked at.
pub(crate) fn raw(
    git: &Repository,
    commit: &str,
    bounds: Bounds,
    mut too_long: impl FnMut(String) -> Result<(), RepoError>,
) -> Result<Vec<RawEntry>, RepoError> {
    let root = || git.find_commit(Oid::from_str(commit)?)?.tree();
    let tree = root().map_err(|e| RepoError::git(format!("commit {commit}"), &e))?;
    let odb = git.odb().map_err(|e| RepoError::git("the object database", &e))?;
    let mut found: Vec<RawEntry> = Vec::new();
    let mut seen = 0;
    // Depth first, by hand: deep trees must not use up the stack.
    let mut open = vec![(tree, 0, 0)];
    let mut path: Vec<u8> = Vec::new();
    while let Some((tree, at, prefix)) = open.pop() {
        path.truncate(prefix);
        let Some(entry) = tree.get(at) else { continue };
        path.extend_from_slice(entry.name_bytes());
        let (mode, id, is_tree) =
            (entry.filemode(), entry.id(), entry.kind() == Some(ObjectType::Tree));
        drop(entry);
        seen += 1;
        let shown = || String::from_utf8_lossy(&path).into_owned();
        if seen > bounds.entries {
            let bound = format!("more than {} entries", bounds.entries);
            return Err(RepoError::TooLarge { what: format!("commit {commit}"), bound });
        }
        if path.len() > bounds.path {
            too_long(shown())?;
            open.push((tree, at + 1, prefix));
            continue;
        }
        let unreadable = |e: git2::Error| RepoError::git(format!("{} ({id})", shown()), &e);
        let below = if is_tree { Some(git.find_tree(id).map_err(unreadable)?) } else { None };
        open.push((tree, at + 1, prefix));
        if let Some(below) = below {
            path.push(b'/');
            open.push((below, 0, path.len()));
            continue;
        }
        let kind = match mode {
            MODE_COMMIT => EntryKind::Submodule,
            MODE_LINK => EntryKind::Symlink,
            MODE_EXECUTABLE => EntryKind::Executable,
            _ => EntryKind::File,
        };
        let bytes = match kind {
            EntryKind::Submodule => 0,
            _ => odb.read_header(id).map_err(unreadable)?.0 as u64,
        };
        found.push((path.clone(), id, bytes, kind));
    }
    // Git's own order is this one already, unless somebody wrote the tree by hand.
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

fn entry(path: Vec<u8>, id: Oid, bytes: u64, kind: EntryKind) -> Entry {
    let blob = id.to_string();
    match String::from_utf8(path) {
        Ok(path) => Entry { path, path_lossy: false, blob, bytes, kind },
        Err(e) => {
            let path = String::from_utf8_lossy(e.as_bytes()).into_owned();
            Entry { path, path_lossy: true, blob, bytes, kind }
        }
    }
}

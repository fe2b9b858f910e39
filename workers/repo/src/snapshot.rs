//! The tree of a commit, flat.

use crate::{Repo, RepoError};
use git2::{ObjectType, Odb, Oid, Tree};
use std::collections::HashMap;
use std::fmt::Write as _;

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
    /// Path with `/` as separator. Where it is not UTF-8, each wrong byte and each `%` in it stands as `%XX`.
    pub path: String,
    /// True when the path stands that way.
    pub path_escaped: bool,
    /// Object id, hex.
    pub blob: String,
    /// Size of the content in bytes, from the object's header; 0 for a submodule.
    pub bytes: u64,
    /// What it is.
    pub kind: EntryKind,
}

impl Entry {
    /// Whether it is a regular file, executable or not.
    pub const fn is_regular(&self) -> bool {
        matches!(self.kind, EntryKind::File | EntryKind::Executable)
    }
}

/// Bounds of one snapshot. A few hundred bytes of crafted objects can name one tree a billion
/// times over; the largest repositories of sources known have about half a million files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Entries, directories included.
    pub(crate) entries: usize,
    /// Bytes of one path; as Linux has it.
    pub(crate) path: usize,
    /// Entries that are no directories; `None` for as many as there are entries.
    pub(crate) targets: Option<u64>,
}

pub(crate) const BOUNDS: Bounds = Bounds { entries: 1_000_000, path: 4096, targets: None };

/// Bytes of one tree object, or of a commit: a tree of a million entries has about 40 MB.
const OBJECT_BYTES: usize = 64 << 20;

const MODE_EXECUTABLE: i32 = 0o100_755;
const MODE_LINK: i32 = 0o120_000;
const MODE_COMMIT: i32 = 0o160_000;

/// An entry as it is: the bytes of its path, its object, the size of that, what it is.
pub(crate) type RawEntry = (Vec<u8>, Oid, u64, EntryKind);

/// Every entry of the tree, recursively, sorted by the bytes of its path. No content is read.
pub(crate) fn of(repo: &Repo, commit: &str, bounds: Bounds) -> Result<Vec<Entry>, RepoError> {
    let found = raw(repo, commit, bounds, |path| {
        let what = path.chars().take(200).collect::<String>() + "…";
        let bound = format!("a path of more than {} bytes", bounds.path);
        Err(RepoError::TooLarge { what, bound })
    })?;
    let mut entries = Vec::with_capacity(found.len());
    let mut odd = Vec::new();
    for (path, id, bytes, kind) in found {
        let path = String::from_utf8(path).unwrap_or_else(|e| {
            odd.push((entries.len(), e.into_bytes()));
            String::new()
        });
        entries.push(Entry { path, path_escaped: false, blob: id.to_string(), bytes, kind });
    }
    for (at, path) in odd {
        // A name that is spelt like the escaped form of another one is left to that file.
        let escaped = escaped(&path, true);
        let taken = entries.iter().any(|entry| entry.path == escaped);
        let entry = &mut entries[at];
        entry.path = if taken { self::escaped(&path, false) } else { escaped };
        entry.path_escaped = true;
    }
    Ok(entries)
}

/// A path that is not UTF-8, with `%XX` for each wrong byte and each `%`; in lower case where not `upper`.
fn escaped(path: &[u8], upper: bool) -> String {
    let mut out = String::with_capacity(path.len() + 8);
    let put = |out: &mut String, byte: u8| {
        let _ = if upper { write!(out, "%{byte:02X}") } else { write!(out, "%{byte:02x}") };
    };
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '%' { put(&mut out, b'%') } else { out.push(c) }
        }
        chunk.invalid().iter().for_each(|byte| put(&mut out, *byte));
    }
    out
}

/// The same with paths as they are. A path that is too long is given to `too_long`, and what is
/// below it is not looked at.
pub(crate) fn raw(
    repo: &Repo,
    commit: &str,
    bounds: Bounds,
    mut too_long: impl FnMut(String) -> Result<(), RepoError>,
) -> Result<Vec<RawEntry>, RepoError> {
    let what = format!("commit {commit}");
    let reader = Reader::new(repo)?;
    let id = Oid::from_str(commit).map_err(|e| RepoError::git(&what, &e))?;
    reader.check(&what, id)?;
    let root = repo.git.find_commit(id).map_err(|e| RepoError::git(&what, &e))?.tree_id();
    let tree = reader.tree(&what, root)?;
    let too_large = |n: String| {
        let bound = format!("{n} entries, where at most {} are read", bounds.entries);
        RepoError::TooLarge { what: what.clone(), bound }
    };
    let Count { targets, entries } = count(&reader, tree.clone(), bounds, &too_large)?;
    if let Some(max) = bounds.targets.filter(|max| targets > *max) {
        return Err(RepoError::TooManyTargets { count: targets, max });
    }
    if entries > bounds.entries as u64 {
        return Err(too_large(entries.to_string()));
    }
    let mut found: Vec<RawEntry> = Vec::new();
    // A blob that stands under many names is looked up once.
    let mut sizes: HashMap<Oid, u64> = HashMap::new();
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
            return Err(too_large(format!("more than {}", bounds.entries)));
        }
        if path.len() > bounds.path {
            too_long(shown())?;
            open.push((tree, at + 1, prefix));
            continue;
        }
        let named = || format!("{} ({id})", shown());
        let below = if is_tree { Some(reader.tree(&named(), id)?) } else { None };
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
        let bytes = match (kind, sizes.get(&id)) {
            (EntryKind::Submodule, _) => 0,
            (_, Some(known)) => *known,
            (_, None) => {
                let bytes = reader.bytes(&named(), id)? as u64;
                sizes.insert(id, bytes);
                bytes
            }
        };
        found.push((path.clone(), id, bytes, kind));
    }
    // Git's own order is this one already, unless somebody wrote the tree by hand.
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// Reads objects whose size is known to be within bounds.
struct Reader<'repo> {
    repo: &'repo Repo,
    odb: Odb<'repo>,
}

impl<'repo> Reader<'repo> {
    fn new(repo: &'repo Repo) -> Result<Self, RepoError> {
        let odb = repo.git.odb().map_err(|e| RepoError::git("the object database", &e))?;
        Ok(Self { repo, odb })
    }

    /// Bytes of an object, by its header.
    fn bytes(&self, what: &str, id: Oid) -> Result<usize, RepoError> {
        self.repo.guard.check_object(id)?;
        Ok(self.odb.read_header(id).map_err(|e| RepoError::git(what, &e))?.0)
    }

    fn check(&self, what: &str, id: Oid) -> Result<(), RepoError> {
        let bytes = self.bytes(what, id)?;
        if bytes > OBJECT_BYTES {
            let bound =
                format!("an object of {bytes} bytes, where at most {OBJECT_BYTES} are read");
            return Err(RepoError::TooLarge { what: what.to_owned(), bound });
        }
        Ok(())
    }

    fn tree(&self, what: &str, id: Oid) -> Result<Tree<'repo>, RepoError> {
        self.check(what, id)?;
        self.repo.git.find_tree(id).map_err(|e| RepoError::git(what, &e))
    }
}

/// What a tree holds, with all that is below it.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// Entries that are no trees.
    targets: u64,
    /// All entries.
    entries: u64,
}

/// Counts without unfolding: a tree that is named a thousand times is looked at once.
fn count(
    reader: &Reader<'_>,
    root: Tree<'_>,
    bounds: Bounds,
    too_large: &impl Fn(String) -> RepoError,
) -> Result<Count, RepoError> {
    // Each level takes two bytes of a path, so that what is deeper has no path within the bounds.
    let deepest = bounds.path / 2 + 1;
    let mut known: HashMap<Oid, Count> = HashMap::new();
    let mut looked_at = 0;
    let mut open = vec![(root, 0, Count::default())];
    loop {
        let Some((tree, at, mut sum)) = open.pop() else { return Ok(Count::default()) };
        let entry = tree.get(at).map(|e| (e.id(), e.kind() == Some(ObjectType::Tree)));
        let Some((id, is_tree)) = entry else {
            known.insert(tree.id(), sum);
            let Some((_, _, above)) = open.last_mut() else { return Ok(sum) };
            above.targets = above.targets.saturating_add(sum.targets);
            above.entries = above.entries.saturating_add(sum.entries);
            continue;
        };
        looked_at += 1;
        if looked_at > bounds.entries {
            return Err(too_large(format!("more than {}", bounds.entries)));
        }
        sum.entries = sum.entries.saturating_add(1);
        let mut below = None;
        if !is_tree {
            sum.targets = sum.targets.saturating_add(1);
        } else if let Some(known) = known.get(&id) {
            sum.targets = sum.targets.saturating_add(known.targets);
            sum.entries = sum.entries.saturating_add(known.entries);
        } else if open.len() < deepest {
            below = Some(reader.tree(&format!("tree {id}"), id)?);
        }
        open.push((tree, at + 1, sum));
        open.extend(below.map(|tree| (tree, 0, Count::default())));
    }
}

//! The tree of a commit, flat.

use git2::{ObjectType, Repository};

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

const MODE_EXECUTABLE: i32 = 0o100_755;
const MODE_LINK: i32 = 0o120_000;
const MODE_COMMIT: i32 = 0o160_000;

/// Every entry of the tree, recursively, in git's own order.
pub fn of(git: &Repository, commit: &str) -> Result<Vec<Entry>, git2::Error> {
    let tree = git.find_commit(git2::Oid::from_str(commit)?)?.tree()?;
    let odb = git.odb()?;
    let mut out = Vec::new();
    // Depth first, by hand: a callback could not return our errors, and deep trees must not
    // use up the stack.
    let mut open = vec![(tree, 0, Vec::new())];
    while let Some((tree, at, prefix)) = open.pop() {
        let Some(entry) = tree.get(at) else { continue };
        let mut path = prefix.clone();
        path.extend_from_slice(entry.name_bytes());
        let (mode, id, kind) = (entry.filemode(), entry.id(), entry.kind());
        let below = match kind {
            Some(ObjectType::Tree) => Some(git.find_tree(id)?),
            _ => None,
        };
        drop(entry);
        open.push((tree, at + 1, prefix));
        if let Some(below) = below {
            path.push(b'/');
            open.push((below, 0, path));
            continue;
        }
        let kind = match mode {
            MODE_COMMIT => EntryKind::Submodule,
            MODE_LINK => EntryKind::Symlink,
            MODE_EXECUTABLE => EntryKind::Executable,
            _ => EntryKind::File,
        };
        let bytes = if kind == EntryKind::Submodule { 0 } else { odb.read_header(id)?.0 as u64 };
        let name = String::from_utf8_lossy(&path);
        out.push(Entry {
            path_lossy: matches!(name, std::borrow::Cow::Owned(_)),
            path: name.into_owned(),
            blob: id.to_string(),
            bytes,
            kind,
        });
    }
    Ok(out)
}

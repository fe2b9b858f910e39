//! What changed between two commits, as text in git's format: the same text on every machine.

use crate::{IgnoreFile, Repo, RepoError};
use git2::{
    Blob, Diff, DiffDelta, DiffFindOptions, DiffOptions, FileMode, ObjectType, Oid, Patch, Tree,
    TreeEntry,
};
use queue_schema::sweep::EMPTY_TREE;
use std::collections::BTreeMap;
use std::path::Path;

/// Changed entries at most. Larger changes are imports of other repositories, which nobody reviews as a diff.
const MOST_ENTRIES: usize = 100_000;
/// Levels of directories that are gone into.
const DEEPEST: usize = 256;
/// Bytes of the whole text at most.
const MOST_TEXT: usize = 256 << 20;
/// Added and removed files up to which renames are looked for, as git does.
const MOST_RENAMES: usize = 1000;
/// How much of a renamed file is the same, in percent: what git takes.
const ALIKE: u16 = 50;
/// Lines around a change.
const AROUND: u32 = 3;
/// Digits of the objects' names in the text.
const DIGITS: u16 = 12;

impl Repo {
    /// What `head` changes of `base`, both full ids of commits, the latter also [`EMPTY_TREE`]: git's unified format
    /// with renames and three lines around a change. Of a binary file, and of one of more than `most_bytes`, only
    /// the name is there, with the line that git writes of binary files. Nothing of the repository's
    /// configuration changes the text, but for the line that attributes choose behind `@@`.
    ///
    /// # Errors
    /// [`RepoError::Git`] for an object that can't be read, [`RepoError::TooLarge`] beyond 100,000 changed entries or
    /// 256 MiB of text.
    pub fn diff(&self, base: &str, head: &str, most_bytes: u64) -> Result<Vec<u8>, RepoError> {
        self.guard.check_revisions()?;
        let what = format!("the change from {base} to {head}");
        let failed = |e: git2::Error| RepoError::git(&what, &e);
        let old = if base == EMPTY_TREE { None } else { Some(self.tree_of(base)?) };
        let new = self.tree_of(head)?;
        self.bounded(old.as_ref(), &new, &what)?;
        let mut options = DiffOptions::new();
        options
            .context_lines(AROUND)
            .interhunk_lines(0)
            .indent_heuristic(false)
            .id_abbrev(DIGITS)
            .old_prefix("a/")
            .new_prefix("b/")
            .include_typechange(true)
            // Whether a file is text is judged by its content, not by attributes of whatever is checked out.
            .force_text(true);
        let diff = self.git.diff_tree_to_tree(old.as_ref(), Some(&new), Some(&mut options));
        let mut diff = diff.map_err(failed)?;
        let mut find = DiffFindOptions::new();
        find.renames(true).rename_threshold(ALIKE).rename_limit(MOST_RENAMES);
        diff.find_similar(Some(&mut find)).map_err(failed)?;
        self.text_of(&diff, most_bytes, &what)
    }

    /// The content of files of a commit, by their paths, of each that is a regular file of at most `most_bytes`.
    ///
    /// # Errors
    /// [`RepoError::Git`] for an object that can't be read.
    pub fn files(
        &self,
        commit: &str,
        paths: &[String],
        most_bytes: u64,
    ) -> Result<BTreeMap<String, Vec<u8>>, RepoError> {
        self.guard.check_revisions()?;
        let tree = self.tree_of(commit)?;
        let mut found = BTreeMap::new();
        for path in paths {
            let Ok(entry) = tree.get_path(Path::new(path)) else { continue };
            let is_link = entry.filemode() == i32::from(FileMode::Link);
            if entry.kind() != Some(ObjectType::Blob) || is_link {
                continue;
            }
            match self.blob_within(&entry.id().to_string(), most_bytes) {
                Ok(bytes) => drop(found.insert(path.clone(), bytes)),
                Err(RepoError::TooLarge { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The ignore file of a commit; `None` where it has none, as the empty tree.
    ///
    /// # Errors
    /// [`RepoError::IgnoreFile`] when it can't be used, [`RepoError::Git`] when it can't be read.
    pub fn ignore_file(&self, commit: &str) -> Result<Option<IgnoreFile>, RepoError> {
        if commit == EMPTY_TREE {
            return Ok(None);
        }
        let tree = self.tree_of(commit)?;
        let Some(entry) = tree.get_name(IgnoreFile::NAME) else { return Ok(None) };
        let fail = |why: &str| Err(RepoError::IgnoreFile { why: why.to_owned() });
        if entry.kind() != Some(ObjectType::Blob) || entry.filemode() == i32::from(FileMode::Link) {
            return fail("is no regular file");
        }
        match self.blob_within(&entry.id().to_string(), IgnoreFile::MAX_BYTES) {
            Ok(bytes) => IgnoreFile::read(&bytes).map(Some),
            Err(RepoError::TooLarge { bound, .. }) => fail(&format!("has {bound}")),
            Err(error) => Err(error),
        }
    }

    fn tree_of(&self, commit: &str) -> Result<Tree<'_>, RepoError> {
        let found = Oid::from_str(commit).and_then(|id| self.git.find_commit(id)?.tree());
        found.map_err(|e| RepoError::git(format!("commit {commit}"), &e))
    }

    fn text_of(&self, diff: &Diff<'_>, most: u64, what: &str) -> Result<Vec<u8>, RepoError> {
        let failed = |e: git2::Error| RepoError::git(what, &e);
        let mut text = Vec::new();
        for (at, delta) in diff.deltas().enumerate() {
            let opaque = self.is_opaque(&delta, most).map_err(failed)?;
            let Some(mut patch) = Patch::from_diff(diff, at).map_err(failed)? else { continue };
            let mut of_file = Vec::new();
            let mut put =
                |_: DiffDelta<'_>, _: Option<git2::DiffHunk<'_>>, line: git2::DiffLine<'_>| {
                    let origin = line.origin();
                    if opaque && origin != 'F' {
                        return true;
                    }
                    if matches!(origin, '+' | '-' | ' ') {
                        of_file.push(origin as u8);
                    }
                    of_file.extend_from_slice(line.content());
                    true
                };
            patch.print(&mut put).map_err(failed)?;
            if opaque {
                of_file = without_content(&of_file, &delta);
            }
            text.extend_from_slice(&of_file);
            if text.len() > MOST_TEXT {
                let bound = format!("more than {MOST_TEXT} bytes of changes");
                return Err(RepoError::TooLarge { what: what.to_owned(), bound });
            }
        }
        Ok(text)
    }

    /// Whether nothing of a file's content is shown.
    fn is_opaque(&self, delta: &DiffDelta<'_>, most: u64) -> Result<bool, git2::Error> {
        let odb = self.git.odb()?;
        for file in [delta.old_file(), delta.new_file()] {
            let id = file.id();
            if id.is_zero() || file.mode() == FileMode::Commit {
                continue;
            }
            if odb.read_header(id)?.0 as u64 > most {
                return Ok(true);
            }
            if self.git.find_blob(id).as_ref().is_ok_and(Blob::is_binary) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts the changed entries before libgit2 lists them: few bytes of crafted objects can name billions.
    fn bounded(&self, old: Option<&Tree<'_>>, new: &Tree<'_>, what: &str) -> Result<(), RepoError> {
        let failed = |e: git2::Error| RepoError::git(what, &e);
        let mut open = vec![(old.map(Tree::id), Some(new.id()), 0)];
        let mut seen = 0;
        while let Some((old, new, depth)) = open.pop() {
            let read = |id: Option<Oid>| id.map(|id| self.git.find_tree(id)).transpose();
            let (old, new) = (read(old).map_err(failed)?, read(new).map_err(failed)?);
            for (tree, other, is_new) in [(&new, &old, true), (&old, &new, false)] {
                for entry in tree.iter().flatten() {
                    let same_name =
                        other.as_ref().and_then(|t| t.get_name_bytes(entry.name_bytes()));
                    // What both have is looked at once.
                    if same_name.as_ref().is_some_and(|o| !is_new || o.id() == entry.id()) {
                        continue;
                    }
                    let below = |e: &TreeEntry<'_>| {
                        Some(e.id()).filter(|_| e.kind() == Some(ObjectType::Tree))
                    };
                    let (own, others) = (below(&entry), same_name.as_ref().and_then(below));
                    seen += 1;
                    if seen > MOST_ENTRIES || depth > DEEPEST {
                        let bound = format!("more than {MOST_ENTRIES} changed files");
                        return Err(RepoError::TooLarge { what: what.to_owned(), bound });
                    }
                    if own.is_some() || others.is_some() {
                        let pair = if is_new { (others, own) } else { (own, others) };
                        open.push((pair.0, pair.1, depth + 1));
                    }
                }
            }
        }
        Ok(())
    }
}

/// The head of a file whose content is not shown, and instead of it the line that git writes of binary files.
fn without_content(head: &[u8], delta: &DiffDelta<'_>) -> Vec<u8> {
    let (mut out, mut names) = (Vec::new(), [b"/dev/null".to_vec(), b"/dev/null".to_vec()]);
    for line in head.split_inclusive(|b| *b == b'\n') {
        let name = |mark: &[u8]| line.strip_prefix(mark).map(<[u8]>::trim_ascii_end);
        match (name(b"--- "), name(b"+++ ")) {
            (Some(old), _) => names[0] = old.to_vec(),
            (_, Some(new)) => names[1] = new.to_vec(),
            _ => out.extend_from_slice(line),
        }
    }
    if delta.old_file().id() != delta.new_file().id() {
        let [old, new] = names;
        out.extend_from_slice(&[b"Binary files ", &old[..], b" and ", &new, b" differ\n"].concat());
    }
    out
}

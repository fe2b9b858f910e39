//! A repository of our own, made of files that are given.

use crate::{RepoError, set_up_libgit2};
use git2::{Index, IndexEntry, IndexTime, Repository, RepositoryInitOptions, Signature, Time};
use scrum_disk as disk;
use std::path::Path;

/// Author of its commit. Fixed, as the time is: the same files have the same commit.
const AUTHOR: (&str, &str) = ("Scrum Fleet", "scrum-fleet@localhost");
const BRANCH: &str = "refs/heads/main";
const REGULAR: u32 = 0o100_644;
const HINT: &str = "check that this user may write there and that the disk has room";

/// Makes a bare repository in a directory of ours, with one commit of these files, to which `main` and `HEAD`
/// lead, and returns its id. May be called again: the same files are the same commit. A crash leaves objects that
/// the next call uses.
///
/// # Errors
/// [`RepoError::Io`] when the directory can't be made, [`RepoError::Git`] when it can't be written or two files have
/// one place.
pub fn plant<'a>(
    dir: &Path,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<String, RepoError> {
    set_up_libgit2();
    disk::private_dir(dir).map_err(|e| RepoError::io(dir, e, HINT))?;
    let failed = |e: git2::Error| RepoError::git(dir.display().to_string(), &e);
    let mut options = RepositoryInitOptions::new();
    options.bare(true).mkdir(false).external_template(false).initial_head(BRANCH);
    let git = Repository::init_opts(dir, &options).map_err(failed)?;
    let mut index = Index::new().map_err(failed)?;
    for (path, bytes) in files {
        let id = git.blob(bytes).map_err(failed)?;
        index.add(&entry(path, id)).map_err(failed)?;
    }
    let tree = index.write_tree_to(&git).and_then(|id| git.find_tree(id)).map_err(failed)?;
    let who = Signature::new(AUTHOR.0, AUTHOR.1, &Time::new(0, 0)).map_err(failed)?;
    let commit = git.commit(None, &who, &who, "Files", &tree, &[]).map_err(failed)?;
    git.reference(BRANCH, commit, true, "scrum: files").map_err(failed)?;
    Ok(commit.to_string())
}

fn entry(path: &str, id: git2::Oid) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: REGULAR,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Repo;

    #[test]
    fn the_same_files_are_the_same_commit_and_other_ones_another() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("eval/abc");
        let files = [("a1/src/x.py", &b"x = 1\n"[..]), ("b2/src/x.py", b"x = 2\n")];
        let first = plant(&dir, files).unwrap();
        assert_eq!(plant(&dir, files).unwrap(), first);
        let other = plant(&place.path().join("other"), files.into_iter().rev()).unwrap();
        assert_eq!(other, first, "wherever it lies");
        let repo = Repo::open(&dir).unwrap();
        assert_eq!(repo.resolve("HEAD").unwrap(), first);
        let tree = repo.snapshot(&first).unwrap();
        let paths: Vec<&str> = tree.iter().map(|e| e.path.as_str()).collect();
        assert_eq!(paths, ["a1/src/x.py", "b2/src/x.py"]);
        assert_eq!(repo.blob(&tree[1].blob).unwrap(), b"x = 2\n");
        assert_ne!(plant(&dir, [files[0]]).unwrap(), first);
        assert!(plant(&dir, [("../x", &b""[..])]).is_err());
    }
}

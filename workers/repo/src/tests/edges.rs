//! Repositories that are not as they usually are: detached, linked, partial, shallow, crafted.

use super::*;
use crate::snapshot::{self, Bounds};
use git2::{Oid, Repository, Signature};

/// A commit whose tree is `levels` deep, each level naming the one below it twice.
fn bomb(dir: &Path, levels: usize) -> (Repository, String) {
    let git = Repository::init_bare(dir).unwrap();
    let mut tree = {
        let blob = git.blob(b"x").unwrap();
        let mut builder = git.treebuilder(None).unwrap();
        builder.insert("leaf", blob, 0o100_644).unwrap();
        builder.write().unwrap()
    };
    for _ in 0..levels {
        let mut builder = git.treebuilder(None).unwrap();
        builder.insert("a", tree, 0o040_000).unwrap();
        builder.insert("b", tree, 0o040_000).unwrap();
        tree = builder.write().unwrap();
    }
    let commit = commit_tree(&git, tree);
    (git, commit)
}

fn commit_tree(git: &Repository, tree: Oid) -> String {
    let who = Signature::now("t", "t@example.com").unwrap();
    let tree = git.find_tree(tree).unwrap();
    git.commit(None, &who, &who, "m", &tree, &[]).unwrap().to_string()
}

#[test]
fn a_tree_that_names_itself_over_and_over_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    // 2^40 files: it must not take a moment, whatever the bound.
    let (_, commit) = bomb(dir.path(), 40);
    let repo = Repo::open(dir.path()).unwrap();
    let error = repo.snapshot(&commit).unwrap_err();
    assert!(matches!(error, RepoError::TooLarge { .. }) && error.is_permanent(), "{error}");
    assert!(error.to_string().contains("has 3298534883326 entries"), "{error}");
    let error = repo.snapshot_within(&commit, 200_000).unwrap_err();
    assert!(error.is_permanent(), "{error}");
    let told = error.to_string();
    assert!(told.contains("1099511627776 targets; at most 200000"), "{told}");
    assert!(told.contains("sweep.max_targets") && told.contains("--target"), "{told}");
    let (_, small) = bomb(&dir.path().join("small"), 6);
    let repo = Repo::open(&dir.path().join("small")).unwrap();
    assert_eq!(repo.snapshot_within(&small, 64).unwrap().len(), 64);
    assert!(repo.snapshot_within(&small, 63).is_err());
    let bounds = Bounds { path: 10, ..snapshot::BOUNDS };
    let error = snapshot::of(&repo, &small, bounds).unwrap_err().to_string();
    assert!(error.contains("a path of more than 10 bytes"), "{error}");
}

#[test]
fn a_tree_deeper_than_a_stack_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let git = Repository::init_bare(dir.path()).unwrap();
    let mut tree = git.treebuilder(None).unwrap().write().unwrap();
    let blob = git.blob(b"x").unwrap();
    for level in 0..2000 {
        let mut builder = git.treebuilder(None).unwrap();
        if level == 0 {
            builder.insert("leaf", blob, 0o100_644).unwrap();
        } else {
            builder.insert("d", tree, 0o040_000).unwrap();
        }
        tree = builder.write().unwrap();
    }
    let commit = commit_tree(&git, tree);
    let entries = Repo::open(dir.path()).unwrap().snapshot(&commit).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].path.len(), 1999 * 2 + "leaf".len());
}

#[test]
fn entries_are_sorted_by_the_bytes_of_their_paths() {
    let f = Fixture::new();
    for name in ["a/z", "a-b", "a.rs", "a0", "B", "é", "a/A/b"] {
        f.write(name, b"x");
    }
    let commit = f.commit("one");
    let entries = Repo::open(f.path()).unwrap().snapshot(&commit).unwrap();
    let paths: Vec<&str> = entries.iter().map(|e| e.path.as_str()).collect();
    let mut sorted = paths.clone();
    sorted.sort_unstable();
    assert_eq!(paths, sorted);
    assert_eq!(paths.len(), 7);
}

#[test]
fn executables_and_contents_that_are_not_text_come_back_as_they_are() {
    use std::os::unix::fs::PermissionsExt;
    let f = Fixture::new();
    f.write("run.sh", b"#!/bin/sh\n");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(f.path().join("run.sh"), mode).unwrap();
    f.write("latin1.txt", b"caf\xe9\r\n");
    // Neither line endings nor filters of the configuration touch what is read.
    f.write(".gitattributes", b"*.txt text eol=lf filter=evil\n");
    f.git(&["config", "core.autocrlf", "false"]);
    f.git(&["add", "run.sh", "latin1.txt"]);
    f.git(&["commit", "-q", "-m", "one"]);
    f.git(&["config", "filter.evil.smudge", "touch ran"]);
    f.git(&["config", "core.fsmonitor", "touch ran"]);
    let repo = Repo::open(f.path()).unwrap();
    let entries = repo.snapshot(&repo.resolve("HEAD").unwrap()).unwrap();
    assert_eq!(entries[1].kind, EntryKind::Executable);
    assert_eq!(entries[1].path, "run.sh");
    let latin = repo.blob(&entries[0].blob).unwrap();
    assert!(latin.starts_with(b"caf\xe9"), "{latin:?}");
    assert!(!f.path().join("ran").exists());
    let error = repo.blob(&repo.resolve("HEAD").unwrap()).unwrap_err();
    assert!(matches!(error, RepoError::Git { .. }), "a commit is not a blob: {error}");
    assert!(repo.blob("not an id").is_err());
}

#[test]
fn detached_heads_branches_and_short_ids_are_resolved() {
    let f = Fixture::new();
    f.write("a", b"a");
    let first = f.commit("one");
    f.write("a", b"b");
    let second = f.commit("two");
    f.git(&["checkout", "-q", "--detach", &first]);
    let repo = Repo::open(f.path()).unwrap();
    assert_eq!(repo.resolve("HEAD").unwrap(), first);
    assert_eq!(repo.resolve("main").unwrap(), second);
    assert_eq!(repo.resolve("main~1").unwrap(), first);
    assert_eq!(repo.resolve(&second[..10]).unwrap(), second);
    let error = repo.resolve("main:a").unwrap_err();
    assert!(matches!(error, RepoError::Revision { .. }), "a file is no commit: {error}");
    // An orphan branch has no commits, but the others have.
    f.git(&["checkout", "-q", "--orphan", "new"]);
    let repo = Repo::open(f.path()).unwrap();
    assert!(matches!(repo.resolve("HEAD").unwrap_err(), RepoError::NoCommits(_)));
    assert_eq!(repo.resolve("main").unwrap(), second);
    assert!(matches!(repo.resolve("nope").unwrap_err(), RepoError::Revision { .. }));
}

#[test]
fn a_linked_worktree_is_a_repository_of_its_own_place() {
    let f = Fixture::new();
    f.write("a", b"a");
    let commit = f.commit("one");
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    f.git(&["worktree", "add", "-q", "--detach", tree.to_str().unwrap()]);
    let repo = Repo::open(&tree).unwrap();
    assert_eq!(repo.canonical(), tree.canonicalize().unwrap());
    assert_eq!(repo.snapshot(&commit).unwrap().len(), 1);
}

#[test]
fn partial_and_shallow_clones_open_and_say_what_they_lack() {
    let f = Fixture::new();
    f.write("a", b"a");
    let first = f.commit("one");
    f.write("a", b"b");
    let second = f.commit("two");
    f.git(&["config", "uploadpack.allowFilter", "true"]);
    let place = tempfile::tempdir().unwrap();
    let url = format!("file://{}", f.path().display());
    let clone = |name: &str, how: &str| {
        let dir = place.path().join(name);
        f.git(&["clone", "-q", "--no-checkout", how, &url, dir.to_str().unwrap()]);
        Repo::open(&dir).unwrap()
    };
    let partial = clone("partial", "--filter=blob:none");
    let error = partial.snapshot(&second).unwrap_err().to_string();
    assert!(error.contains("a (") && error.contains("--refetch"), "{error}");
    let shallow = clone("shallow", "--depth=1");
    assert_eq!(shallow.snapshot(&second).unwrap().len(), 1);
    let error = shallow.snapshot(&first).unwrap_err().to_string();
    assert!(error.contains(&first) && error.contains("--unshallow"), "{error}");
}

#[test]
fn repositories_of_other_owners_are_read() {
    let f = Fixture::new();
    f.write("a", b"a");
    let commit = f.commit("one");
    // Only root can give a repository away; elsewhere there is nothing to try.
    if std::os::unix::fs::chown(f.path(), Some(12345), Some(12345)).is_err()
        || std::os::unix::fs::chown(f.path().join(".git"), Some(12345), Some(12345)).is_err()
    {
        return;
    }
    assert_eq!(Repo::open(f.path()).unwrap().resolve("HEAD").unwrap(), commit);
}

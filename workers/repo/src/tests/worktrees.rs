//! A commit as files: written, changed, put back, removed.

use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const BOUNDS: ExportBounds = ExportBounds { bytes: 64 << 20, entries: 10_000 };

fn exported(into: &Path) -> (Fixture, Worktree) {
    let f = Fixture::new();
    f.write("src/deep/a.rs", b"a\n");
    f.write("top", b"t\n");
    f.write("tool", b"#!/bin/sh\n");
    f.git(&["add", "-A"]);
    f.git(&["update-index", "--chmod=+x", "tool"]);
    f.git(&["commit", "-q", "-m", "one"]);
    let repo = Repo::open(f.path()).unwrap();
    let tree = repo.export(&repo.resolve("HEAD").unwrap(), into, BOUNDS).unwrap();
    (f, tree)
}

#[test]
fn what_callers_take_to_other_threads_may_go_there() {
    fn goes<T: Send + 'static>() {}
    goes::<Repo>();
    goes::<Worktree>();
    goes::<Sandbox>();
    goes::<RepoError>();
}

#[test]
fn a_commit_is_written_changed_and_put_back() {
    let into = tempfile::tempdir().unwrap();
    let (_f, tree) = exported(&into.path().join("new"));
    let at = |name: &str| tree.path().join(name);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(tree.path()), 0o700);
    assert!(mode(&at("tool")) & 0o111 != 0 && mode(&at("top")) & 0o111 == 0);
    assert!(!at(".git").exists() && tree.left_out().is_empty());
    tree.write("tool", b"new\n").unwrap();
    assert_eq!(fs::read(at("tool")).unwrap(), b"new\n");
    assert!(mode(&at("tool")) & 0o111 != 0);
    tree.restore("tool").unwrap();
    assert_eq!(fs::read(at("tool")).unwrap(), b"#!/bin/sh\n");
    fs::remove_dir_all(at("src")).unwrap();
    assert!(tree.write("src/deep/a.rs", b"x").is_err(), "a new file is not made");
    tree.restore("src/deep/a.rs").unwrap();
    assert_eq!(fs::read(at("src/deep/a.rs")).unwrap(), b"a\n");
    for path in ["new", "../x", "src", "src/deep", "/etc/passwd", "", "src/../top", "top/x"] {
        let error = tree.write(path, b"x").unwrap_err();
        assert!(matches!(error, RepoError::Change { .. }), "{path}: {error}");
        assert!(tree.restore(path).is_err(), "{path}");
    }
}

#[test]
fn what_ran_there_cannot_make_us_write_elsewhere() {
    let into = tempfile::tempdir().unwrap();
    let (_f, tree) = exported(&into.path().join("trees"));
    let canary = into.path().join("canary");
    fs::write(&canary, "old").unwrap();
    let at = |name: &str| tree.path().join(name);
    // A file becomes a link, a second name of one outside, a pipe.
    fs::remove_file(at("top")).unwrap();
    symlink(&canary, at("top")).unwrap();
    assert!(tree.write("top", b"x").is_err());
    tree.restore("top").unwrap();
    assert!(!at("top").is_symlink());
    fs::remove_file(at("tool")).unwrap();
    fs::hard_link(&canary, at("tool")).unwrap();
    tree.write("tool", b"x").unwrap();
    fs::remove_file(at("tool")).unwrap();
    Command::new("mkfifo").arg(at("tool")).status().unwrap();
    assert!(tree.write("tool", b"x").is_err());
    tree.restore("tool").unwrap();
    // A directory becomes a link to where the same file is.
    fs::rename(at("src"), into.path().join("src")).unwrap();
    symlink(into.path().join("src"), at("src")).unwrap();
    assert!(tree.write("src/deep/a.rs", b"x").is_err());
    assert!(tree.restore("src/deep/a.rs").is_err());
    assert_eq!(fs::read_to_string(&canary).unwrap(), "old");
    drop(tree);
    assert_eq!(
        fs::read(into.path().join("src/deep/a.rs")).unwrap(),
        b"a\n",
        "links are not followed"
    );
    assert_eq!(fs::read_dir(into.path().join("trees")).unwrap().count(), 0);
}

#[test]
fn what_a_build_left_is_removed_however_deep_and_read_only() {
    let into = tempfile::tempdir().unwrap();
    let (_f, tree) = exported(&into.path().join("trees"));
    // Deeper than a path can say, by a shell that goes there step by step; then nothing in it may
    // be changed or even read.
    let script = "i=0; while [ $i -lt 400 ]; do mkdir ddddddddddddddddddddd && cd -P ddddddddddddddddddddd || exit 1; \
                  i=$((i+1)); done; echo x > leaf; chmod 0 .";
    let made = Command::new("sh").args(["-c", script]).current_dir(tree.path()).status().unwrap();
    assert!(made.success());
    let locked = tree.path().join("locked/inner");
    fs::create_dir_all(&locked).unwrap();
    fs::write(locked.join("file"), "x").unwrap();
    symlink("/", locked.join("root")).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(tree.path().join("locked"), fs::Permissions::from_mode(0o500)).unwrap();
    drop(tree);
    assert_eq!(fs::read_dir(into.path().join("trees")).unwrap().count(), 0);
    assert!(Path::new("/etc").exists());
}

#[test]
fn what_a_killed_worker_left_is_swept_and_nothing_else() {
    let into = tempfile::tempdir().unwrap();
    let (_f, living) = exported(into.path());
    let (_g, dead) = exported(into.path());
    let place = dead.path().to_owned();
    // As after a kill: the directory and its lock file are there, and nobody holds the lock.
    let lock = place.with_extension("lock");
    drop(dead);
    fs::create_dir_all(place.join("target/debug")).unwrap();
    fs::write(&lock, "").unwrap();
    fs::write(into.path().join("other.lock"), "").unwrap();
    fs::create_dir(into.path().join("tree-other")).unwrap();
    assert_eq!(sweep_stale(into.path(), Duration::from_secs(3600)).unwrap(), 0, "too young");
    assert_eq!(sweep_stale(into.path(), Duration::ZERO).unwrap(), 1);
    assert!(!place.exists() && !lock.exists());
    assert!(living.path().join("top").exists(), "it is in use");
    assert!(into.path().join("other.lock").exists() && into.path().join("tree-other").exists());
    // One that was killed while it removed.
    fs::create_dir_all(place.with_extension("gone").join("d0/x")).unwrap();
    fs::write(&lock, "").unwrap();
    assert_eq!(sweep_stale(into.path(), Duration::ZERO).unwrap(), 1);
    assert!(!place.with_extension("gone").exists());
    assert_eq!(sweep_stale(Path::new("/no/such"), Duration::ZERO).unwrap(), 0);
}

#[test]
fn new_files_are_added_where_nothing_is_and_what_changes_is_seen() {
    let into = tempfile::tempdir().unwrap();
    let (_f, tree) = exported(&into.path().join("trees"));
    let at = |name: &str| tree.path().join(name);
    let before = tree.marks().unwrap();
    tree.add("tests/new.rs", b"new\n").unwrap();
    assert_eq!(tree.changed(&before).unwrap(), ["tests/new.rs"]);
    assert!(!tree.has("tests/new.rs") && tree.has("src/deep/a.rs"));
    symlink("/etc", at("out")).unwrap();
    for path in ["tests/new.rs", "top", "src", "top/x", "out/x", "../x", "/x", "a//b", ".git/x"] {
        let error = tree.add(path, b"x").unwrap_err();
        assert!(matches!(error, RepoError::Change { .. }), "{path}: {error}");
    }
    let before = tree.marks().unwrap();
    assert!(tree.changed(&before).unwrap().is_empty());
    // The same bytes and the same time are no disguise.
    let time = fs::metadata(at("top")).unwrap().modified().unwrap();
    fs::write(at("top"), b"t\n").unwrap();
    fs::File::options().append(true).open(at("top")).unwrap().set_modified(time).unwrap();
    fs::remove_file(at("tool")).unwrap();
    fs::create_dir(at("empty")).unwrap();
    assert_eq!(tree.changed(&before).unwrap(), ["tool", "top"]);
    tree.remove("tests/new.rs").unwrap();
    tree.remove("tests/new.rs").unwrap();
    assert!(!at("tests/new.rs").exists());
}

#[test]
fn a_file_that_is_replaced_again_and_again_gets_later_seconds_and_none_lies_ahead() {
    let into = tempfile::tempdir().unwrap();
    let (_f, tree) = exported(&into.path().join("trees"));
    let time = || fs::metadata(tree.path().join("top")).unwrap().modified().unwrap();
    let second = || time().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for n in 0..3 {
        let before = second();
        if n == 1 { tree.restore("top") } else { tree.write("top", b"u\n") }.unwrap();
        assert!(second() > before, "{n}");
        tree.settle();
        assert!(time() <= SystemTime::now(), "{n}");
    }
}

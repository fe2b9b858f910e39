//! Against real repositories, made by the real git.

use super::*;
use std::process::Command;
use tempfile::TempDir;

mod changes;
mod edges;
mod elsewhere;
mod guarded;
mod hostile;
mod identity;
mod kills;
mod landing;
mod mirrors;
#[cfg(target_os = "linux")]
mod probes;
mod renames;
#[cfg(target_os = "linux")]
mod sandboxes;
#[cfg(target_os = "linux")]
mod toolchains;
mod worktrees;

struct Fixture {
    dir: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let this = Self { dir: tempfile::tempdir().unwrap() };
        this.git(&["init", "-q", "-b", "main"]);
        this
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn git(&self, args: &[&str]) -> String {
        let out = Command::new("git")
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.com",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(args)
            .current_dir(self.path())
            .env_remove("GIT_DIR")
            .env_remove("GIT_INDEX_FILE")
            .env_remove("GIT_WORK_TREE")
            .output()
            .unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }
}

#[test]
fn a_snapshot_is_the_commit_and_not_the_working_tree() {
    let f = Fixture::new();
    f.write("src/deep/a.rs", b"fn a() {}\n");
    f.write("z.txt", b"z");
    let commit = f.commit("one");
    f.write("z.txt", b"changed");
    f.write("untracked", b"x");
    let repo = Repo::open(&f.path().join("src/deep")).unwrap();
    assert_eq!(repo.canonical(), f.path().canonicalize().unwrap());
    assert_eq!(repo.resolve("HEAD").unwrap(), commit);
    let entries = repo.snapshot(&commit).unwrap();
    let paths: Vec<_> = entries.iter().map(|e| (e.path.as_str(), e.bytes)).collect();
    assert_eq!(paths, [("src/deep/a.rs", 10), ("z.txt", 1)]);
    assert_eq!(repo.blob(&entries[1].blob).unwrap(), b"z");
}

#[test]
fn odd_entries_are_told_apart() {
    use std::os::unix::ffi::OsStrExt;
    let f = Fixture::new();
    f.write("bin", b"\0\x01\x02");
    f.write("empty", b"");
    f.write("big.txt", &vec![b'x'; 2 * 1024 * 1024]);
    std::os::unix::fs::symlink("/etc/passwd", f.path().join("link")).unwrap();
    std::fs::write(f.path().join(std::ffi::OsStr::from_bytes(b"n\xff.txt")), "n").unwrap();
    f.git(&["add", "-A"]);
    f.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        "160000,0123456789012345678901234567890123456789,sub",
    ]);
    f.git(&["commit", "-q", "-m", "odd"]);
    let repo = Repo::open(f.path()).unwrap();
    let entries = repo.snapshot(&repo.resolve("HEAD").unwrap()).unwrap();
    let kind = |p: &str| entries.iter().find(|e| e.path == p).map(|e| (e.kind, e.bytes));
    assert_eq!(kind("bin"), Some((EntryKind::File, 3)));
    assert_eq!(kind("empty"), Some((EntryKind::File, 0)));
    assert_eq!(kind("big.txt"), Some((EntryKind::File, 2 * 1024 * 1024)));
    assert_eq!(kind("link"), Some((EntryKind::Symlink, 11)));
    assert_eq!(kind("sub"), Some((EntryKind::Submodule, 0)));
}

#[test]
fn names_that_are_not_utf_8_are_told_apart_and_can_be_read_back() {
    use std::os::unix::ffi::OsStrExt;
    let f = Fixture::new();
    let names: [(&[u8], &str); 7] = [
        (b"a/n\xfe.txt", "a/n%FE.txt"),
        (b"a/n\xff.txt", "a/n%FF.txt"),
        (b"caf\xe9 100%.rs", "caf%E9 100%25.rs"),
        ("sub/\u{e9}\u{fffd}.rs".as_bytes(), "sub/\u{e9}\u{fffd}.rs"),
        (b"sub/\xc3\xa9\xe2\x82.rs", "sub/\u{e9}%E2%82.rs"),
        // Spelt like the escaped form of another one.
        (b"x%FF", "x%FF"),
        (b"x\xff", "x%ff"),
    ];
    for (name, _) in names {
        let path = f.path().join(std::ffi::OsStr::from_bytes(name));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    f.git(&["add", "-A"]);
    f.git(&["commit", "-q", "-m", "odd"]);
    let repo = Repo::open(f.path()).unwrap();
    let entries = repo.snapshot(&repo.resolve("HEAD").unwrap()).unwrap();
    assert_eq!(entries.len(), names.len());
    for (name, path) in names {
        let entry = entries
            .iter()
            .find(|e| e.path == path)
            .unwrap_or_else(|| panic!("{path}: {entries:?}"));
        assert_eq!(repo.blob(&entry.blob).unwrap(), name);
        assert_eq!(entry.path_escaped, std::str::from_utf8(name).is_err());
        if entry.path_escaped {
            let mut back = Vec::new();
            let mut rest = entry.path.as_str();
            while let Some((before, after)) = rest.split_once('%') {
                back.extend(before.bytes());
                back.push(u8::from_str_radix(&after[..2], 16).unwrap());
                rest = &after[2..];
            }
            back.extend(rest.bytes());
            assert_eq!(back, name);
        }
    }
}

#[test]
fn what_a_user_gets_wrong_is_said() {
    let f = Fixture::new();
    let unborn = Repo::open(f.path()).unwrap().resolve("HEAD").unwrap_err();
    assert!(matches!(unborn, RepoError::NoCommits(_)), "{unborn}");
    f.write("a", b"a");
    f.commit("one");
    let rev = Repo::open(f.path()).unwrap().resolve("nope").unwrap_err();
    assert!(matches!(rev, RepoError::Revision { .. }), "{rev}");
    let plain = tempfile::tempdir().unwrap();
    assert!(matches!(Repo::open(plain.path()), Err(RepoError::NotARepository(_))));
    assert!(matches!(Repo::open(Path::new("/no/such")), Err(RepoError::Missing(_))));
}

#[test]
fn tags_bare_and_packed_repositories_are_read() {
    let f = Fixture::new();
    f.write("a", b"a");
    let commit = f.commit("one");
    f.git(&["tag", "-a", "v1", "-m", "v1"]);
    f.git(&["gc", "-q"]);
    let bare = tempfile::tempdir().unwrap();
    f.git(&["clone", "-q", "--bare", ".", bare.path().to_str().unwrap()]);
    let repo = Repo::open(bare.path()).unwrap();
    assert_eq!(repo.resolve("v1").unwrap(), commit);
    assert_eq!(repo.snapshot(&commit).unwrap().len(), 1);
}

#[test]
fn a_url_is_mirrored_and_refreshed() {
    let f = Fixture::new();
    f.write("a", b"a");
    f.commit("one");
    let mirrors = tempfile::tempdir().unwrap();
    let url = format!("file://{}", f.path().display());
    let first = Repo::open_or_mirror(&url, mirrors.path()).unwrap().resolve("HEAD").unwrap();
    f.write("b", b"b");
    let commit = f.commit("two");
    let repo = Repo::open_or_mirror(&url, mirrors.path()).unwrap();
    assert_ne!(first, commit);
    assert_eq!(repo.resolve("HEAD").unwrap(), commit);
    let gone = Repo::open_or_mirror("file:///no/such/repo", mirrors.path()).unwrap_err();
    assert!(matches!(gone, RepoError::Mirror { .. }), "{gone}");
}

//! Files of a git directory that would hold a reader for ever, and objects that no second try mends.

use super::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

/// Far more than reading a few files takes.
const LONG: Duration = Duration::from_secs(60);

/// Opens a repository and reads all of a revision, as a sweep does.
fn read(path: PathBuf) -> Result<usize, RepoError> {
    let (tx, rx) = mpsc::channel();
    // A thread that hangs is left behind.
    std::thread::spawn(move || {
        let read = || {
            let repo = Repo::open(&path)?;
            let entries = repo.snapshot(&repo.resolve("HEAD")?)?;
            entries.iter().try_for_each(|e| repo.blob(&e.blob).map(drop))?;
            Ok(entries.len())
        };
        let _ = tx.send(read());
    });
    rx.recv_timeout(LONG).expect("reading ends")
}

fn fifo(path: &Path) {
    let _ = fs::remove_file(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

fn loose(f: &Fixture, id: &str) -> PathBuf {
    f.path().join(".git/objects").join(&id[..2]).join(&id[2..])
}

#[test]
fn a_named_pipe_in_a_git_directory_is_refused_without_waiting() {
    for place in [
        "config",
        "HEAD",
        "commondir",
        "packed-refs",
        "shallow",
        "refs/heads/main",
        "logs/HEAD",
        "objects/info/alternates",
        "objects/info/commit-graph",
        "objects/pack/pack-0123456789012345678901234567890123456789.idx",
        "HEAD^{commit}",
        "HEAD^{tree}",
        "HEAD:a",
        "include.path",
        "includeIf.onbranch:main.path",
        "include of an include",
        "config through a link",
        "borrowed objects",
    ] {
        let f = Fixture::new();
        f.write("a", b"a");
        f.commit("one");
        let git = f.path().join(".git");
        let pipe = f.path().join("pipe");
        match place {
            id if id.starts_with("HEAD^") || id.starts_with("HEAD:") => {
                fifo(&loose(&f, &f.git(&["rev-parse", id])));
            }
            "include.path" | "includeIf.onbranch:main.path" => {
                f.git(&["config", place, "../pipe"]);
                fifo(&pipe);
            }
            "include of an include" => {
                f.git(&["config", "include.path", "more"]);
                let more = format!("[include] path = {}", pipe.display());
                fs::write(git.join("more"), more).unwrap();
                fifo(&pipe);
            }
            "config through a link" => {
                fs::remove_file(git.join("config")).unwrap();
                symlink(&pipe, git.join("config")).unwrap();
                fifo(&pipe);
            }
            "borrowed objects" => {
                let id = f.git(&["rev-parse", "HEAD:a"]);
                fs::remove_file(loose(&f, &id)).unwrap();
                fs::write(git.join("objects/info/alternates"), "../../lent\n").unwrap();
                fifo(&f.path().join("lent").join(&id[..2]).join(&id[2..]));
            }
            name => fifo(&git.join(name)),
        }
        let error = read(f.path().to_owned()).unwrap_err();
        assert!(matches!(error, RepoError::GitDirectory { .. }), "{place}: {error}");
        assert!(
            error.is_permanent() && error.to_string().contains("named pipe"),
            "{place}: {error}"
        );
    }
}

#[test]
fn unusual_but_harmless_git_directories_are_read() {
    let f = Fixture::new();
    f.write("a", b"a");
    f.commit("one");
    let git = f.path().join(".git");
    f.git(&["config", "include.path", "../there"]);
    fs::write(f.path().join("there"), "[user]\n\tname = x\n").unwrap();
    f.git(&["config", "--add", "include.path", "/not/there"]);
    let _socket =
        std::os::unix::net::UnixListener::bind(git.join("fsmonitor--daemon.ipc")).unwrap();
    symlink("nowhere", git.join("dangling")).unwrap();
    symlink(".", git.join("refs/round")).unwrap();
    fs::create_dir_all(git.join("objects/info/commit-graphs")).unwrap();
    assert_eq!(read(f.path().to_owned()).unwrap(), 1);
    let linked = tempfile::tempdir().unwrap();
    f.git(&["worktree", "add", "-q", linked.path().join("w").to_str().unwrap()]);
    assert_eq!(read(linked.path().join("w")).unwrap(), 1);
    f.git(&["gc", "-q"]);
    assert_eq!(read(f.path().to_owned()).unwrap(), 1);
}

/// Bytes as zlib stores them without compression.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut parts = bytes.chunks(0xffff).peekable();
    while let Some(part) = parts.next() {
        let length = u16::try_from(part.len()).unwrap();
        out.push(u8::from(parts.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(part);
    }
    let sums = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    out.extend((sums.1 << 16 | sums.0).to_be_bytes());
    out
}

#[test]
fn a_broken_object_is_permanent_and_a_missing_one_is_transient() {
    let huge = [b"blob 3\0".to_vec(), vec![b'x'; 4 << 20]].concat();
    let cut = &stored(b"blob 900\0abc")[..14];
    let cases: [(&str, &str, Option<Vec<u8>>, bool); 11] = [
        ("another content", "HEAD:a", Some(stored(b"blob 1\0b")), true),
        ("more than its header says", "HEAD:a", Some(stored(&huge)), true),
        ("less than its header says", "HEAD:a", Some(stored(b"blob 900\0abc")), true),
        ("cut off", "HEAD:a", Some(cut.to_vec()), true),
        ("a size beyond all bounds", "HEAD:a", Some(stored(b"blob 99999999999\0abc")), true),
        ("no compression at all", "HEAD:a", Some(b"garbage".to_vec()), true),
        ("empty", "HEAD:a", Some(Vec::new()), true),
        ("a tree that is none", "HEAD^{tree}", Some(stored(b"tree 3\0abc")), true),
        ("a huge tree", "HEAD^{tree}", Some(stored(b"tree 9999999999\0abc")), true),
        ("a commit that is none", "HEAD^{commit}", Some(stored(b"commit 3\0abc")), true),
        ("not there", "HEAD:a", None, false),
    ];
    for (what, name, content, permanent) in cases {
        let f = Fixture::new();
        f.write("a", b"a");
        f.commit("one");
        let commit = f.git(&["rev-parse", "HEAD"]);
        let blob = f.git(&["rev-parse", "HEAD:a"]);
        let file = loose(&f, &f.git(&["rev-parse", name]));
        fs::remove_file(&file).unwrap();
        if let Some(content) = content {
            fs::write(&file, content).unwrap();
        }
        let repo = Repo::open(f.path()).unwrap();
        let read = repo.snapshot(&commit).and_then(|_| repo.blob(&blob));
        let error = read.expect_err(what);
        println!("{what}: {error}");
        assert_eq!(error.is_permanent(), permanent, "{what}: {error:?}");
    }
    for (what, error) in [
        ("a path that is not there", Repo::open(Path::new("/not/there")).unwrap_err()),
        ("a mount that is away", Repo::open(tempfile::tempdir().unwrap().path()).unwrap_err()),
    ] {
        assert!(!error.is_permanent(), "{what}");
    }
}

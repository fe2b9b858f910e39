//! Repositories whose maker wants something to run, or to be read or written elsewhere.

use super::*;
use git2::{ObjectType, Repository, Signature};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

const BOUNDS: ExportBounds = ExportBounds { bytes: 64 << 20, entries: 10_000 };

const HOOKS: [&str; 28] = [
    "applypatch-msg",
    "commit-msg",
    "fsmonitor-watchman",
    "p4-changelist",
    "p4-post-changelist",
    "p4-pre-submit",
    "p4-prepare-changelist",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-receive",
    "post-rewrite",
    "post-update",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "pre-receive",
    "prepare-commit-msg",
    "proc-receive",
    "push-to-checkout",
    "reference-transaction",
    "sendemail-validate",
    "update",
];

/// A repository in which everything that can name a program names one that leaves a canary.
fn trapped() -> (Fixture, String, TempDir) {
    let f = Fixture::new();
    let nest = tempfile::tempdir().unwrap();
    let canary = nest.path().join("canary");
    let program = nest.path().join("program");
    fs::write(&program, format!("#!/bin/sh\necho \"$0 $*\" >> {}\ncat\n", canary.display()))
        .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    f.write(".gitattributes", b"* filter=evil diff=evil merge=evil text eol=crlf ident\n");
    f.write("a.txt", b"$Id$\na\n");
    f.write(
        ".gitmodules",
        b"[submodule \"s\"]\n\tpath = s\n\turl = ext::sh -c touch% /tmp/x\n\tupdate = !touch x\n",
    );
    f.write(".lfsconfig", b"[lfs]\n\turl = http://127.0.0.1:1/\n");
    symlink("a.txt", f.path().join("inside")).unwrap();
    symlink(&canary, f.path().join("outside")).unwrap();
    f.git(&["add", "-A"]);
    f.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        "160000,0123456789012345678901234567890123456789,s",
    ]);
    f.git(&["commit", "-q", "-m", "one"]);
    let commit = f.git(&["rev-parse", "HEAD"]);
    for hook in HOOKS {
        let place = f.path().join(".git/hooks").join(hook);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(&program, &place).unwrap();
    }
    let run = program.to_str().unwrap();
    for name in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.editor",
        "core.pager",
        "core.askPass",
        "core.gitProxy",
        "core.alternateRefsCommand",
        "filter.evil.smudge",
        "filter.evil.clean",
        "filter.evil.process",
        "diff.evil.command",
        "diff.evil.textconv",
        "merge.evil.driver",
        "gpg.program",
        "credential.helper",
        "uploadpack.packObjectsHook",
        "sequence.editor",
        "diff.external",
        "gpg.ssh.program",
        "interactive.diffFilter",
    ] {
        f.git(&["config", name, run]);
    }
    f.git(&["config", "filter.evil.required", "true"]);
    f.git(&["config", "commit.gpgsign", "true"]);
    f.git(&["config", "core.hooksPath", f.path().join(".git/hooks").to_str().unwrap()]);
    let _ = fs::remove_file(&canary);
    (f, commit, nest)
}

/// Changes for a new branch.
pub(super) fn landing<'a>(branch: &'a str, base: &'a str) -> Landing<'a> {
    Landing {
        branch,
        expected: None,
        base,
        run: "run",
        token: "token",
        protected: &[],
        author_name: "S",
        author_email: "s@example.com",
        time: 1,
    }
}

#[test]
fn no_program_that_a_repository_names_runs() {
    let (f, base, nest) = trapped();
    let canary = nest.path().join("canary");
    let repo = Repo::open(f.path()).unwrap();
    let tree = repo.export(&base, &nest.path().join("trees"), BOUNDS).unwrap();
    assert_eq!(fs::read(tree.path().join("a.txt")).unwrap(), b"$Id$\na\n", "the bytes of the blob");
    assert!(fs::read_dir(tree.path().join("s")).unwrap().next().is_none(), "empty");
    assert_eq!(fs::read_link(tree.path().join("inside")).unwrap(), Path::new("a.txt"));
    let left: Vec<_> = tree.left_out().iter().map(|l| l.path.as_str()).collect();
    assert_eq!(left, ["outside"]);
    tree.write("a.txt", b"b\n").unwrap();
    tree.restore("a.txt").unwrap();
    let _ = repo.begin("scrum/x", "run", "token").unwrap();
    let landing = landing("scrum/x", &base);
    let change =
        Change { path: "a.txt".into(), content: b"b\n".to_vec(), message: "m".into(), added: None };
    repo.land(&landing, &[change], |_| String::new()).unwrap();
    drop(tree);
    assert!(!canary.exists(), "{}", fs::read_to_string(&canary).unwrap_or_default());
    // The traps do work.
    let by_git = Command::new("git").args(["commit", "-aqm", "x"]).current_dir(f.path()).output();
    by_git.unwrap();
    assert!(canary.exists());
}

/// A tree as bytes, which git itself would refuse to write.
fn raw_tree(git: &Repository, entries: &[(&str, &[u8], git2::Oid)]) -> git2::Oid {
    let mut bytes = Vec::new();
    for (mode, name, id) in entries {
        bytes.extend_from_slice(mode.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(id.as_bytes());
    }
    git.odb().unwrap().write(ObjectType::Tree, &bytes).unwrap()
}

fn commit(git: &Repository, tree: git2::Oid) -> String {
    let who = Signature::now("t", "t@example.com").unwrap();
    let text = format!(
        "tree {tree}\nauthor {0} <t@e> 1 +0000\ncommitter {0} <t@e> 1 +0000\n\nm\n",
        who.name().unwrap_or("t")
    );
    git.odb().unwrap().write(ObjectType::Commit, text.as_bytes()).unwrap().to_string()
}

#[test]
fn names_made_by_hand_are_left_out_and_listed() {
    let nest = tempfile::tempdir().unwrap();
    let git = Repository::init_bare(nest.path().join("r.git")).unwrap();
    let blob = git.blob(b"evil").unwrap();
    let up = git.blob(b"../../up").unwrap();
    let etc = git.blob(b"/etc").unwrap();
    let dot = git.blob(b".").unwrap();
    let below = raw_tree(&git, &[("100644", b"config", blob), ("100755", b"hooks", blob)]);
    let climbing = raw_tree(&git, &[("100644", b"climbed", blob)]);
    let long = vec![b'n'; 300];
    let tree = raw_tree(
        &git,
        &[
            ("40000", b"..", climbing),
            ("40000", b".GIT", below),
            ("40000", b".git", below),
            ("40000", b"GIT~1", below),
            ("40000", b".git. ", below),
            ("40000", ".g\u{200c}it".as_bytes(), below),
            ("100644", b"../climbed", blob),
            ("100644", b"/tmp/absolute", blob),
            ("100644", b"sub/../../climbed", blob),
            ("100644", b".", blob),
            ("100644", &long, blob),
            ("100644", b"n\xff\xfe", blob),
            ("100644", b"good", blob),
            ("100644", b"good", blob),
            ("100644", b"file", blob),
            ("100644", b"file/below", blob),
            // A link, and then something that would be written through it.
            ("120000", b"esc", etc),
            ("100644", b"esc/through", blob),
            ("120000", b"up", up),
            ("120000", b"here", dot),
            ("40000", b"here", below),
            ("120000", b"here2", dot),
        ],
    );
    let commit = commit(&git, tree);
    let repo = Repo::open(&nest.path().join("r.git")).unwrap();
    let trees = nest.path().join("in/trees");
    let exported = repo.export(&commit, &trees, BOUNDS).unwrap();
    let mut names: Vec<_> = fs::read_dir(exported.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["esc", "file", "good", "here", "here2", "n\u{fffd}\u{fffd}"]);
    assert!(exported.path().join("esc").is_dir() && exported.path().join("esc/through").is_file());
    assert!(!exported.path().join("esc").is_symlink(), "the link to /etc was left out");
    let left: Vec<_> = exported.left_out().iter().map(|l| (l.path.as_str(), l.why)).collect();
    for path in [
        "../climbed",
        ".GIT/config",
        ".git/hooks",
        "GIT~1/config",
        "/tmp/absolute",
        "sub/../../climbed",
        ".",
        "up",
        "esc",
        "file/below",
        "good",
    ] {
        assert!(left.iter().any(|(p, _)| *p == path), "{path}: {left:?}");
    }
    // Nothing beside the directories that are ours.
    let beside: Vec<_> =
        fs::read_dir(nest.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
    assert_eq!(fs::read_dir(nest.path().join("in")).unwrap().count(), 1);
    // Such a tree can be committed onto, and what was odd in it stays as it was.
    let _ = repo.begin("x", "run", "token").unwrap();
    let landing = landing("x", &commit);
    for path in ["../climbed", ".git/config", ".GIT/config", "/tmp/absolute", "..", "up", "here"] {
        let change =
            Change { path: path.into(), content: b"1".to_vec(), message: "m".into(), added: None };
        let refused = repo.land(&landing, &[change], |_| String::new());
        assert!(refused.is_err(), "{path}");
    }
    assert_eq!(repo.branch_head("x").unwrap(), None);
}

#[test]
fn a_git_directory_that_leads_elsewhere_is_not_written_through() {
    let nest = tempfile::tempdir().unwrap();
    for link in ["refs/heads", "refs/heads/scrum", "logs", "objects", "scrum"] {
        let f = Fixture::new();
        f.write("a.txt", b"a\n");
        let base = f.commit("one");
        let place = f.path().join(".git").join(link);
        let target = nest.path().join(link.replace('/', "-"));
        let _ = fs::rename(&place, &target);
        fs::create_dir_all(&target).unwrap();
        let before: Vec<_> =
            fs::read_dir(&target).unwrap().map(|e| e.unwrap().file_name()).collect();
        symlink(&target, &place).unwrap();
        let repo = Repo::open(f.path()).unwrap();
        let landing = landing("scrum/x", &base);
        let change = Change {
            path: "a.txt".into(),
            content: b"b".to_vec(),
            message: "m".into(),
            added: None,
        };
        let landed = repo.land(&landing, &[change], |_| String::new());
        assert!(landed.is_err(), "{link}");
        assert!(repo.begin("scrum/x", "run", "token").is_err(), "{link}");
        let after: Vec<_> =
            fs::read_dir(&target).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(after, before, "{link}");
    }
}

#[test]
fn bounds_hold_before_anything_is_written() {
    let f = Fixture::new();
    f.write("a", &[b'x'; 1000]);
    f.write("b", b"b");
    let commit = f.commit("one");
    let repo = Repo::open(f.path()).unwrap();
    let into = tempfile::tempdir().unwrap();
    for bounds in
        [ExportBounds { bytes: 1000, entries: 10 }, ExportBounds { bytes: 2000, entries: 1 }]
    {
        let error = repo.export(&commit, into.path(), bounds).unwrap_err();
        assert!(matches!(error, RepoError::TooLarge { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(into.path()).unwrap().count(), 0);
    drop(repo.export(&commit, into.path(), ExportBounds { bytes: 1001, entries: 2 }).unwrap());
}

//! A repository that wants to run, read, write and call what it must not, and patches that want the same.

use crate::bed::{apply, bench, patch, stub, sweep, user_state};
use scrum_tests::repo::{TestRepo, find_below};
use serde_json::json;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// Hooks that git knows of.
const HOOKS: &[&str] = &[
    "applypatch-msg",
    "commit-msg",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
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
    "reference-transaction",
    "sendemail-validate",
    "update",
];

/// What a build script may try, each with its word in the file that it leaves.
fn build_script(port: u16, secret: &Path, outside: &Path) -> String {
    format!(
        r#"use std::io::Write;
fn main() {{
    let mut told = String::new();
    let mut tell = |what: &str, done: bool| told += &format!("{{what}}={{}}\n", if done {{ "done" }} else {{ "failed" }});
    tell("network", std::net::TcpStream::connect("127.0.0.1:{port}").is_ok());
    tell("environment", std::env::vars().any(|(k, v)| k.contains("CANARY") || v.contains("canary-value")));
    tell("read", std::fs::read("{}").is_ok());
    tell("write", std::fs::OpenOptions::new().append(true).create(true).open("{}").is_ok());
    let out = std::path::Path::new(&std::env::var("OUT_DIR").unwrap()).join("attempts.txt");
    std::fs::File::create(out).unwrap().write_all(told.as_bytes()).unwrap();
}}
"#,
        secret.display(),
        outside.display()
    )
}

#[test]
fn a_hostile_repository_does_nothing_outside_its_sandbox() {
    let place = tempfile::tempdir().unwrap();
    let canaries = place.path().join("canaries");
    let (secret, outside) = (place.path().join("secret"), place.path().join("outside"));
    std::fs::create_dir(&canaries).unwrap();
    std::fs::write(&secret, "canary-value").unwrap();
    std::fs::write(&outside, "as it was").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let program = |name: &str| -> PathBuf {
        let path = place.path().join(format!("{name}.sh"));
        std::fs::write(&path, format!("#!/bin/sh\ntouch {}/{name}\ncat\n", canaries.display()))
            .unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    };

    let repo = TestRepo::new();
    repo.write(
        "Cargo.toml",
        b"[package]\nname = 'evil'\nversion = '0.1.0'\nedition = '2021'\nbuild = 'build.rs'\n",
    );
    repo.write(".gitignore", b"target\n");
    repo.write(
        ".gitmodules",
        b"[submodule \"m\"]\n\tpath = m\n\turl = ext::sh -c touch% /tmp/never\n",
    );
    let port = listener.local_addr().unwrap().port();
    repo.write("build.rs", build_script(port, &secret, &outside).as_bytes());
    repo.write("src/lib.rs", b"//! A library.\n\n/// Whether.\npub fn enabled() -> bool {\n    let chosen = false;\n    chosen\n}\n");
    symlink(&outside, repo.path().join("src/link.rs")).unwrap();
    symlink(place.path(), repo.path().join("escape")).unwrap();
    repo.commit("before the traps");
    // Traps are set behind the commit, so that making the test does not spring them.
    repo.write(".gitattributes", b"*.rs filter=evil diff=evil merge=evil\n* text=auto ident\n");
    repo.commit("attributes");
    for key in [
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
        "merge.evil.driver",
        "core.fsmonitor",
        "core.sshCommand",
        "gpg.program",
    ] {
        repo.git(&["config", key, program(&key.replace('.', "-")).to_str().unwrap()]);
    }
    repo.git(&["config", "commit.gpgsign", "true"]);
    for hook in HOOKS {
        let to = repo.path().join(".git/hooks").join(hook);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(program(hook), &to).unwrap();
    }

    let mut evil = patch("let chosen = false;", "let chosen = true;", "chosen should be true", 97);
    // A patch names no file; one that does is not asked.
    evil["patches"][0]["path"] = json!("../../outside");
    evil["patches"][0]["file"] = json!("/etc/passwd");
    let (stub, _) = stub(&[("src/lib.rs", evil)]);
    let bench = bench(None, &stub).set("apply.deny", "nothing/");
    sweep(&bench, &repo, &["--target", "src/*.rs"]);
    let index = std::fs::read(repo.path().join(".git/index")).unwrap();
    let head = std::fs::read(repo.path().join(".git/HEAD")).unwrap();
    // Whatever the set-up has sprung is not counted.
    for entry in std::fs::read_dir(&canaries).unwrap().flatten() {
        std::fs::remove_file(entry.path()).unwrap();
    }
    let mut command =
        bench.scrum(&["apply", "latest", "--json", "--commit", "--branch", "scrum/evil"]);
    command.env("SECRET_CANARY", "canary-value");
    let done = scrum_tests::process::Done::from(command.output().unwrap()).expect(0);
    let done = crate::bed::Applied::of(&done);
    assert_eq!(done.decisions(), [("src/lib.rs", "committed", None)], "{:?}", done.rows);
    assert_eq!(done.rows["src/lib.rs"].sandbox, "bubblewrap");

    let fired: Vec<_> =
        std::fs::read_dir(&canaries).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(fired.is_empty(), "programs of the repository ran: {fired:?}");
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "as it was");
    assert!(listener.accept().is_err(), "nobody called");
    assert_eq!(std::fs::read(repo.path().join(".git/index")).unwrap(), index);
    assert_eq!(std::fs::read(repo.path().join(".git/HEAD")).unwrap(), head);
    // The build script did run, and tried.
    let attempts = find_below(&bench.state().join("apply/cache"), "attempts.txt")
        .expect("the build script ran");
    let attempts = std::fs::read_to_string(attempts).unwrap();
    assert_eq!(attempts, "network=failed\nenvironment=failed\nread=failed\nwrite=failed\n");
    // What was committed is the one line, seen without the repository's filters.
    let diff = repo.git(&[
        "-c",
        "core.fsmonitor=false",
        "diff-tree",
        "-r",
        "--name-status",
        "main",
        "scrum/evil",
    ]);
    assert_eq!(diff, "M\tsrc/lib.rs");
}

#[test]
fn the_branch_that_the_user_is_on_is_not_written_even_when_it_is_checked_out_later() {
    let repo = TestRepo::with_files(1);
    let (stub, _) =
        stub(&[("src/f0.rs", patch("Reads a number", "Reads one number", "reads one", 97))]);
    let bench = bench(None, &stub);
    sweep(&bench, &repo, &[]);
    repo.git(&["branch", "scrum/mine"]);
    let first = apply(&bench, &["--check", "true", "--branch", "scrum/mine"]);
    assert_eq!(first.rows["src/f0.rs"].action.as_str(), "dry_run_would_commit");
    repo.git(&["checkout", "-q", "scrum/mine"]);
    let before = user_state(&repo);
    let done = bench
        .run(&["apply", "latest", "--check", "true", "--branch", "scrum/mine", "--commit"])
        .expect(2);
    assert!(done.stderr.contains("is in use in the working tree"), "{}", done.stderr);
    assert_eq!(user_state(&repo), before);
}

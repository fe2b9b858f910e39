//! What a person can get wrong: said, where, what to do, exit 2, and nothing is written.

use crate::bed::{bench, patch, stub, sweep};
use scrum_tests::process::Done;
use scrum_tests::repo::TestRepo;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn mistakes_are_told_before_anything_is_asked() {
    let repo = TestRepo::with_files(1);
    let (stub, _) = stub(&[("src/f0.rs", patch("a", "b", "b", 95))]);
    let bench = bench(None, &stub);
    let done = bench.run(&["apply", "latest"]).expect(2);
    assert!(done.stderr.contains("there are no sweeps yet"), "{}", done.stderr);
    sweep(&bench, &repo, &[]);
    repo.git(&["branch", "side"]);
    let side = bench.dir.path().join("side");
    repo.git(&["worktree", "add", "-q", side.to_str().unwrap(), "side"]);
    let calls = stub.requests().len();
    for (args, said) in [
        (vec!["--branch", "main"], "main"),
        (vec!["--branch", "release-2"], "release"),
        (vec!["--branch", "side"], "side"),
        (vec!["--branch", "a..b"], "a..b"),
        (vec!["--check", " "], "--check is empty"),
        (vec![], "no check command is known for this project"),
        (vec!["--check", "true", "--model", "qwen"], "is not PROVIDER/MODEL"),
        (vec!["--check", "true", "--model", "stubb/qwen"], "did you mean stub?"),
        (vec!["--check", "true", "--model", "builtin/x"], "are not a model"),
    ] {
        let mut all = vec!["apply", "latest"];
        all.extend(&args);
        let done = bench.run(&all).expect(2);
        assert!(done.stderr.contains(said), "{args:?}: {}", done.stderr);
    }
    assert_eq!(stub.requests().len(), calls, "nobody was asked");
    let done = bench.run(&["apply", "latest", "--check", "true", "--min-conf", "99"]).expect(0);
    assert!(done.stderr.contains("0 of 1 reviews are confident enough"), "{}", done.stderr);
    assert!(done.stderr.contains("not src/f0.rs: its mean confidence is 95 %"), "{}", done.stderr);
}

#[test]
fn the_doctor_tells_what_contains_the_checks() {
    let (stub, _) = stub(&[]);
    let bench = bench(None, &stub);
    let done = bench.run(&["doctor"]);
    assert!(done.stdout.contains("bubblewrap: checks have no network"), "{}", done.stdout);
    assert!(done.stdout.contains("a check finds "), "{}", done.stdout);
    // What is in the way, where it does not work: here a container's filter of system calls.
    let path = bench.dir.path().join("bwrap");
    let said = "bwrap: No permissions to create new namespace";
    std::fs::write(&path, format!("#!/bin/sh\necho '{said}' >&2\nexit 1\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = bench.scrum(&["doctor"]);
    let dirs = format!("{}:{}", bench.dir.path().display(), std::env::var("PATH").unwrap());
    command.env("PATH", dirs).env("KUBERNETES_SERVICE_HOST", "x");
    let done = Done::from(command.output().unwrap()).expect(0);
    for part in
        [said, "scrum apply is refused here", "seccomp=unconfined", "systempaths=unconfined"]
    {
        assert!(done.stdout.contains(part), "{part}: {}", done.stdout);
    }
    assert!(done.stdout.contains("stub/patcher"), "{}", done.stdout);
    let wrong = bench.set("apply.provider", "nobody").run(&["doctor"]).expect(1);
    assert!(wrong.stdout.contains("there is no provider 'nobody'"), "{}", wrong.stdout);
}

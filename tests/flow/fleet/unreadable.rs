//! Repositories that can't be read, or whose reads hang.

use super::{LONG, review, status};
use queue_schema::ids::sha256_hex;
use scrum_tests::model_stub::ModelStub;
use scrum_tests::process::{Bench, Done, Process, memory_kib, signal};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

fn object(repo: &TestRepo, name: &str) -> PathBuf {
    let id = repo.git(&["rev-parse", name]);
    repo.path().join(".git/objects").join(&id[..2]).join(&id[2..])
}

fn pipe(path: PathBuf) {
    let _ = fs::remove_file(&path);
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Trees that name each other: 2^31 files in a kilobyte.
fn unfolding(repo: &TestRepo) {
    let mut tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
    for _ in 0..30 {
        let list = format!("040000 tree {tree}\ta\n040000 tree {tree}\tb\n");
        repo.write("list", list.as_bytes());
        let mktree = format!("git mktree < {}", repo.path().join("list").display());
        let made = Command::new("sh").args(["-c", &mktree]).current_dir(repo.path()).output();
        let made = String::from_utf8(made.unwrap().stdout).unwrap();
        made.trim().clone_into(&mut tree);
    }
    let commit = repo.git(&["commit-tree", &tree, "-m", "many"]);
    repo.git(&["update-ref", "HEAD", &commit]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_error_ends_a_sweep_at_once_and_says_what_to_do() {
    type Break = fn(&TestRepo);
    // What is done before the sweep is asked for, what after that, and what is then said.
    let cases: [(Break, Break, &str); 7] = [
        (|_| {}, |r| pipe(object(r, "HEAD^{tree}")), "named pipe"),
        (
            |_| {},
            |r| {
                r.git(&["config", "include.path", "../pipe"]);
                pipe(r.path().join("pipe"));
            },
            "named pipe",
        ),
        (
            |_| {},
            |r| {
                let tree = object(r, "HEAD^{tree}");
                let other = fs::read(object(r, "HEAD:src")).unwrap();
                fs::remove_file(&tree).unwrap();
                fs::write(tree, other).unwrap();
            },
            "the object is broken: `git fsck`",
        ),
        (unfolding, |_| {}, "2147483648 targets; at most 200000 are allowed (sweep.max_targets)"),
        (
            // Each line is compiled on its own: a mebibyte of them took half a gigabyte.
            |r| {
                let lines: Vec<_> = (0..77_000).map(|i| format!("*name{i}.c")).collect();
                r.write(".scrumignore", lines.join("\n").as_bytes());
                r.commit("bomb");
            },
            |_| {},
            "more than 262144",
        ),
        (
            |r| {
                r.write(".scrumignore", "*?[a-z]".repeat(140).as_bytes());
                r.write(".scrumignore", vec!["*?[a-z]".repeat(140); 10].join("\n").as_bytes());
                r.commit("bomb");
            },
            |_| {},
            "has more than 4000 wildcards",
        ),
        (
            |r| {
                r.write(".scrumignore", "a".repeat(2000).as_bytes());
                r.commit("bomb");
            },
            |_| {},
            "has more than 1024 bytes in one pattern (line 1)",
        ),
    ];
    let server = RedisServer::start();
    let stub = ModelStub::start(review());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        // One more try would take longer than the test waits.
        .set("queue.backoff_base_ms", "3600000")
        .set("queue.backoff_max_ms", "3600000");
    let mut repos = Vec::new();
    for (before, after, told) in cases {
        let repo = TestRepo::with_files(2);
        before(&repo);
        let id = bench.enqueue(&repo);
        after(&repo);
        repos.push((repo, id, told));
    }
    let worker = bench.worker(&[]);
    for (_, id, told) in &repos {
        let state = || bench.run(&["status", id, "--json"]).stdout;
        let state = eventually(LONG, "the sweep ends", || {
            Some(state()).filter(|s| s.contains("\"failed\""))
        });
        assert!(state.contains(told), "{told}: {state}");
    }
    assert!(stub.requests().is_empty(), "nothing was sent");
    let peak = memory_kib(worker.pid(), "VmHWM");
    println!("the worker took {peak} KiB at most");
    assert!(peak < 150_000, "{peak} KiB");
    let letters = bench.run(&["dlq", "list", "--json"]).expect(0).stdout;
    assert_eq!(letters.matches("\"fatal\"").count(), repos.len(), "{letters}");
    // The command that requests a sweep does not hang either.
    for (repo, ..) in &repos[..2] {
        let mut scrum = bench.on("sweep", repo, &[]);
        let scrum = Process(scrum.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        assert_eq!(scrum.wait(LONG), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_with_too_many_targets_is_refused_with_their_number() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(5);
    let stub = ModelStub::start(review());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("sweep.max_targets", "3");
    let _worker = bench.worker(&[]);
    let failed = bench.sweep(&repo, &["--wait"]).expect(2).stderr;
    assert!(failed.contains("5 targets; at most 3 are allowed"), "{failed}");
    // With another bound the request is the same sweep, and the worker knows that of the one which is forgotten.
    let id = status(&bench)["sweeps"][0]["id"].as_str().unwrap().to_owned();
    bench.run(&["forget", &id]).expect(0);
    let mut again = bench.on("sweep", &repo, &["--wait"]);
    let again = Done::from(again.env("SCRUM__SWEEP__MAX_TARGETS", "5").output().unwrap()).expect(0);
    assert!(again.stdout.contains("5 of 5 files reviewed"), "{}", again.stdout);
    assert_eq!(status(&bench)["sweeps"][0]["id"], id);
    let some = |glob| bench.sweep(&repo, &["--wait", "--target", glob]);
    let failed = some("src/f[0-3].rs").expect(2).stderr;
    assert!(failed.contains("4 targets; at most 3 are allowed"), "{failed}");
    let done = some("src/f[0-2].rs").expect(0).stdout;
    assert!(done.contains("3 of 3 files reviewed"), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_ends_a_worker_whose_threads_hang() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(review());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let (url, ladder) = (format!("file://{}", repo.path().display()), bench.ladder());
    bench.run(&["sweep", &url, "--ladder", ladder.to_str().unwrap()]).expect(0);
    // Without its mirror the worker must make one, and somebody holds the lock of that.
    let mirror = bench.state().join("mirrors").join(&sha256_hex(url.as_bytes())[..32]);
    fs::remove_dir_all(&mirror).unwrap();
    let lock = fs::File::create(mirror.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let worker = bench.worker(&[]);
    eventually(LONG, "planning has begun", || {
        (status(&bench)["jobs"]["leased"] == 1).then_some(())
    });
    signal(worker.pid(), "TERM");
    eventually(LONG, "it drains", || bench.worker_log().contains("draining").then_some(()));
    assert_eq!(worker.terminate(LONG), 0, "{}", bench.worker_log());
    let handed_back = status(&bench)["jobs"].clone();
    assert_eq!((&handed_back["leased"], &handed_back["dead"]), (&0.into(), &0.into()));
    drop(lock);
}

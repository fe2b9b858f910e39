//! What a person can get wrong: what was wrong, where, what to do; exit 2; nothing enqueued.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_tests::process::Bench;
use scrum_tests::repo::TestRepo;

#[track_caller]
fn refused(bench: &Bench, args: &[&str], words: &[&str]) {
    let done = bench.run(args).expect(2);
    for word in words {
        assert!(done.stderr.contains(word), "{word:?} is not in: {}", done.stderr);
    }
    assert!(done.stdout.is_empty(), "stdout is for data: {}", done.stdout);
}

#[test]
fn a_change_that_cannot_be_reviewed_is_told_before_anything_is_asked() {
    let repo = TestRepo::with_files(1);
    let line = |n: u32| format!("let value_{n} = compute({n});\n");
    let large = (0..4000).map(line).collect::<Vec<_>>().concat();
    repo.write("src/large.rs", large.as_bytes());
    repo.commit("a file of 120 KB");
    let bench = Bench::new(None, "");
    let path = repo.path().to_str().unwrap();
    let fixed: [(&[&str], &[&str]); 8] = [
        (&["HEAD"], &["src/large.rs", "100000", "--force"]),
        (&["HEAD..nope"], &["nope", "git log"]),
        (&[], &["required"]),
        (&["HEAD", "--staged"], &["cannot be used with"]),
        (&["HEAD", "--reviewer", "a=nobody/x"], &["nobody/x"]),
        (&["HEAD", "--reviewer", "Opus"], &["has no '='"]),
        (&["HEAD", "--fail-on", "ever"], &["convergent-block, block, warn, never"]),
        (&["--patch", "missing.patch"], &["--patch missing.patch", "check the path"]),
    ];
    for (args, words) in fixed {
        refused(&bench, &[&["diff", path], args].concat(), words);
    }
    let other = bench.dir.path().join("other.patch");
    std::fs::write(&other, "no patch\n").unwrap();
    refused(&bench, &["diff", path, "--patch", other.to_str().unwrap()], &["does not apply"]);
    refused(&bench, &["audit", path, "HEAD"], &["--claims"]);
    refused(&bench, &["audit", "--claims", path], &["<RANGE>"]);
    refused(&bench, &["audit", "feed"], &["there are no sweeps yet"]);
    refused(
        &bench,
        &["audit", "latest", "--min-severity", "grave"],
        &["critical, major, minor, info"],
    );
    let audit = ["audit", "--claims", path, "HEAD", "--voter"];
    refused(
        &bench,
        &[&audit[..4], &["--text", "/no/such.md"]].concat(),
        &["/no/such.md", "check the path"],
    );
    refused(&bench, &[&audit[..], &["a=builtin"]].concat(), &["no model to ask", "--voter"]);
    refused(&bench, &[&audit[..], &["a=bultin"]].concat(), &["bultin", "builtin"]);
    refused(&bench, &["diff", "https://h.invalid/r", "--staged"], &["on this machine"]);
}

#[test]
fn mistakes_are_told_and_cost_nothing() {
    let repo = TestRepo::with_files(1);
    let repo = repo.path().to_str().unwrap();
    let bench = Bench::new(None, "");
    let plain = tempfile::tempdir().unwrap();
    let plain = plain.path().to_str().unwrap();
    refused(
        &bench,
        &["run", "/no/such/dir"],
        &["/no/such/dir", "nothing", "path of a git repository"],
    );
    refused(&bench, &["run", plain], &[plain, "not a git repository", "git init"]);
    refused(
        &bench,
        &["run", "https://example.invalid/o/r.git?token=t0ken"],
        &["https://example.invalid/o/r.git?***", "credential helper"],
    );
    refused(
        &bench,
        &["run", "https://t0ken@example.invalid/o/r.git"],
        &["https://***@example.invalid/o/r.git", "credential helper"],
    );
    refused(&bench, &["run", repo, "--rev", "nope"], &["nope", "git log"]);
    refused(
        &bench,
        &["run", repo, "--prd", "missing.md"],
        &["--prd", "missing.md", "check the path"],
    );
    let latin = bench.dir.path().join("latin.md");
    std::fs::write(&latin, b"caf\xe9").unwrap();
    refused(
        &bench,
        &["run", repo, "--proposal", latin.to_str().unwrap()],
        &["--proposal", "UTF-8", "byte 3"],
    );
    let short = bench.dir.path().join("short.md");
    std::fs::write(&short, "# PRD\n\nThe parser never panics on text that is no number.\n")
        .unwrap();
    for option in ["--prd", "--proposal"] {
        refused(
            &bench,
            &["run", repo, option, short.to_str().unwrap()],
            &[option, "more than 60 characters", "documents.least_chars", "leave the option out"],
        );
    }
    refused(&bench, &["run", repo, "--ladder", "bultin"], &["bultin", "builtin", "local-first"]);
    refused(&bench, &["run", repo, "--ladder", "./no.toml"], &["no.toml"]);
    refused(&bench, &["run", repo, "--policy", "lax"], &["lax", "structured"]);
    refused(&bench, &["run", repo, "--target", "src/["], &["src/[", "glob"]);
    refused(&bench, &["run", repo, "--label", "plain"], &["plain", "KEY=VALUE"]);
    refused(&bench, &["report", "nothing"], &["no sweeps yet", "scrum run"]);
    refused(&bench, &["models", "--sweep", "nothing"], &["no sweeps yet", "scrum run"]);
    refused(&bench, &["metrics", "/no/such/dir"], &["/no/such/dir", "nothing"]);
    refused(&bench, &["metrics", plain], &[plain, "not a git repository"]);
    refused(&bench, &["dlq", "show", "nothing"], &["nothing", "scrum dlq list"]);
    refused(&bench, &["memory", plain], &[plain, "not a git repository"]);
    refused(&bench, &["memory", repo, "list"], &["nothing is remembered", "scrum run"]);
    refused(&bench, &["memory", repo, "import", "/no/such.json"], &["/no/such.json"]);
    refused(
        &bench,
        &["memory", repo, "import", short.to_str().unwrap()],
        &["short.md", "no exported memory"],
    );
    refused(&bench, &["findings", repo, "list"], &["nothing is remembered", "scrum run"]);
    refused(&bench, &["findings", plain, "list"], &[plain, "not a git repository"]);
    refused(&bench, &["kb", "schema", "nothing"], &["nothing", "scrum kb schema"]);
    refused(&bench, &["kb", "query", "scrum_review"], &["do you mean scrum_reviews?"]);
    refused(
        &bench,
        &["kb", "export", "findings", "--repo", plain],
        &[plain, "not a git repository"],
    );
    refused(
        &bench,
        &["kb", "query", "scrum_reviews", "--from", "x"],
        &["'x' is no place in this list"],
    );
    for (args, words) in [
        (["dlq", "list", "--class", "poisson"], ["poisson", "do you mean poison?"]),
        (["dlq", "export", "--class", "nonsense"], ["nonsense", "known: ladder_exhausted"]),
        (["dlq", "list", "--lane", "rang:ollama"], ["rang", "do you mean rung?"]),
        (
            ["pause", "rung:ollamma", "--json", "--quiet"],
            ["rung:ollamma", "do you mean rung:ollama?"],
        ),
        (["pause", "nonsense", "--json", "--quiet"], ["nonsense", "scrum status"]),
        (["resume", "plans", "--json", "--quiet"], ["plans", "do you mean plan?"]),
    ] {
        refused(&bench, &args, &words);
    }
    refused(&bench, &["sweep", repo], &["SCRUM_REDIS_URL", "scrum run"]);
    // With nobody to do it, waiting would never end.
    refused(&bench, &["sweep", repo, "--wait"], &["SCRUM_REDIS_URL", "scrum run"]);
    let status = bench.run(&["status", "--json"]).expect(0);
    assert!(status.stdout.contains("\"sweeps\":[]"), "nothing was enqueued: {}", status.stdout);
}

#[test]
fn an_unborn_repository_is_told_apart() {
    let repo = TestRepo::new();
    let bench = Bench::new(None, "");
    refused(&bench, &["run", repo.path().to_str().unwrap()], &["no commits yet"]);
}

#[test]
fn a_redis_that_is_not_there_is_named_without_its_password() {
    let repo = TestRepo::with_files(1);
    let bench = Bench::new(Some("redis://:hunter2@127.0.0.1:1/0".into()), "");
    let done = bench.run(&["sweep", repo.path().to_str().unwrap()]).expect(2);
    assert!(
        done.stderr.contains("127.0.0.1:1") && done.stderr.contains("SCRUM_REDIS_URL"),
        "{}",
        done.stderr
    );
    assert!(!done.stderr.contains("hunter2"), "{}", done.stderr);
    let done = Bench::new(Some("gopher://x".into()), "").run(&["status"]).expect(2);
    assert!(done.stderr.contains("SCRUM_REDIS_URL") && done.stderr.contains("redis://HOST"));
}

#[test]
fn wrong_settings_name_the_key_and_the_nearest() {
    let bench = Bench::new(None, "lease_sm = 3\n");
    let done = bench.run(&["status"]).expect(2);
    assert!(
        done.stderr.contains("lease_sm") && done.stderr.contains("lease_ms"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("scrum.toml"), "{}", done.stderr);
}

#[test]
fn a_worker_without_a_fleet_says_what_to_do() {
    let bench = Bench::new(None, "");
    let out = bench.command("scrum-worker").output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(text.contains("SCRUM_REDIS_URL") && text.contains("scrum run"), "{text}");
}

#[test]
fn doctor_names_what_is_missing_and_what_is_fine() {
    let bench = Bench::new(None, "");
    let done = bench.run(&["doctor"]).expect(0);
    for word in [
        "appendfsync always",
        "OLLAMA_API_KEY",
        "provider builtin",
        "ladder builtin",
        "git version",
    ] {
        assert!(done.stdout.contains(word), "{word:?} is not in:\n{}", done.stdout);
    }
}

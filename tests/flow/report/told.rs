//! What a person sees on the terminal: the worst findings after a run, one file of a report, causes of trouble
//! as they happen, what stands of an earlier run.

use scrum_tests::model_stub::{Gate, ModelStub, Reply, Rule, answers};
use scrum_tests::process::{Bench, Done, Process, signal};
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use serde_json::Value;
use std::fs::{File, read_to_string};
use std::process::{Command, Stdio};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn review(call: &scrum_tests::model_stub::Recorded) -> Reply {
    let quotes = answers::quotes_from(&call.prompt, 3);
    let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
    Reply::ok(answers::markdown_review_quoting("any", &quotes))
}

/// A command that runs, with its stderr in a file.
struct Running {
    process: Process,
    said: std::path::PathBuf,
}

impl Running {
    fn start(bench: &Bench, repo: &TestRepo) -> Self {
        let said = bench.dir.path().join("stderr");
        let out = bench.out();
        let mut command = bench.on("run", repo, &["--out", out.to_str().unwrap()]);
        command.stdout(Stdio::null()).stderr(File::create(&said).unwrap());
        Self { process: Process(command.spawn().unwrap()), said }
    }

    /// Waits until it has said so.
    fn says(&self, what: &str) {
        let said = || read_to_string(&self.said).unwrap_or_default();
        eventually(LONG, &format!("{what:?}"), || said().contains(what).then_some(()));
    }

    fn interrupt(self) {
        signal(self.process.pid(), "INT");
        assert_eq!(self.process.wait(LONG), 130);
    }
}

#[test]
fn a_run_ends_with_the_five_worst_findings_and_a_file_is_shown_alone() {
    let repo = TestRepo::with_files(3);
    repo.write("lib/src/f0.rs", b"pub fn same_name() -> u32 {\n    40 + 2\n}\n");
    repo.commit("a name that ends alike");
    let stub = ModelStub::with(review);
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    let done = bench.review(&repo, &[]).expect(0);
    let told: Vec<&str> =
        done.stdout.lines().skip_while(|line| !line.ends_with(" findings:")).collect();
    assert_eq!(told.len(), 8, "{}", done.stdout);
    for line in &told[1..6] {
        let place = line.split("  ").nth(2).unwrap();
        let (file, line_number) = place.split_once(':').unwrap();
        assert!(file.starts_with("src/f") || file.starts_with("lib/"), "{line}");
        assert!(line_number.parse::<u32>().is_ok_and(|n| n > 0), "{line}");
    }
    assert!(
        told[1].contains("(92%)")
            && told[6].starts_with("  and ")
            && told[7].starts_with("report: ")
    );

    let show = |name: &str| bench.run(&["report", "latest", name]);
    for name in ["src/f1.rs", "./src/f1.rs", "f1.rs"] {
        let shown = show(name).expect(0).stdout;
        assert!(shown.starts_with("src/f1.rs\n3 findings, tier "), "{shown}");
        for part in [
            "\n1. Success is reported",
            "src/f1.rs:",
            "| ",
            "instead: ",
            "attempt 1: stub/m, accepted",
        ] {
            assert!(shown.contains(part), "{part:?} not in\n{shown}");
        }
    }
    let json: Value = serde_json::from_str(
        &bench.run(&["report", "latest", "src/f2.rs", "--json"]).expect(0).stdout,
    )
    .unwrap();
    assert_eq!((&json["file"], &json["accepted_on"]), (&"src/f2.rs".into(), &1.into()));
    for (name, said) in [
        ("f0.rs", "fits 2 files, among them lib/src/f0.rs, src/f0.rs"),
        ("src/f9.rs", "do you mean src/f0.rs?"),
        ("nothing/like/it.py", "has no file 'nothing/like/it.py'"),
    ] {
        let refused = show(name).expect(2);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
}

#[test]
fn a_clean_review_is_called_clean() {
    let repo = TestRepo::with_files(2);
    let clean = "## Suggested changes\nNone. Each function was read against its name and its comment, and nothing was \
        found that is wrong, missing or only pretended.\n\n## What was checked\n- the parser\n- its errors\n- its bounds\n";
    let stub = ModelStub::with(move |_| Reply::ok(clean));
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    let done = bench.review(&repo, &[]).expect(0);
    assert!(done.stdout.contains("\nclean: nothing was found\n"), "{}", done.stdout);
    let report = read_to_string(bench.out().join("scrum_report.md")).unwrap();
    assert!(report.contains("- Findings: **none, the review is clean**"), "{report}");
}

#[test]
fn causes_of_trouble_are_told_as_they_happen_and_end_when_a_call_succeeds() {
    let html = "<html><head><title>502 Bad Gateway</title></head></html>";
    for (reply, cause) in [
        (Reply::status(500, r#"{"error":{"message":"boom"}}"#), "boom"),
        (Reply::status(502, html), "502"),
        (Reply::status(400, r#"{"error":{"message":"no such thing"}}"#), "no such thing"),
        (Reply::CutStream("half an ans".into(), 40), "stub/m"),
    ] {
        let repo = TestRepo::with_files(4);
        let gate = Gate::new();
        let stub = ModelStub::start(vec![
            Rule::prompt("read_0", reply),
            Rule::any(Reply::ok(answers::markdown_review("any")).held_by(&gate)),
        ]);
        let bench =
            Bench::with_stub(None, &stub.openai_url(), &["m"]).set("sweep.transient_retries", "1");
        let run = Running::start(&bench, &repo);
        run.says("provider error: stub/m: ");
        run.says("failed)");
        let status = bench.run(&["status"]).expect(0).stdout;
        assert!(status.contains("provider error: stub/m") && status.contains(cause), "{status}");
        gate.open();
        assert_eq!(run.process.wait(LONG), 1);
        let sarif: Value =
            serde_json::from_str(&read_to_string(bench.out().join("scrum.sarif")).unwrap())
                .unwrap();
        let invocation = &sarif["runs"][0]["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false, "{cause}");
        let note = invocation["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap();
        assert!(note.contains(cause), "{note}");
        // The others were answered: the provider works.
        let status = bench.run(&["status"]).expect(0).stdout;
        assert!(!status.contains("provider error"), "{status}");
    }
}

#[test]
fn who_waits_for_whom_until_when() {
    let repo = TestRepo::with_files(2);
    let stub = ModelStub::with(|_| Reply::rate_limited(3600));
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    let run = Running::start(&bench, &repo);
    run.says("all calls wait for stub until 2");
    run.says("after HTTP 429");
    let status = bench.run(&["status"]).expect(0).stdout;
    assert!(status.contains("paused for ") && status.contains(", until 2"), "{status}");
    run.interrupt();
}

#[test]
fn what_a_provider_failed_is_taken_up_when_asked_for() {
    let repo = TestRepo::with_files(2);
    let stub = ModelStub::with(review);
    stub.require_key("right");
    let mut settings =
        format!("[providers.stub]\nwire = 'openai'\nbase_url = '{}'\n", stub.openai_url());
    settings.push_str("local = true\napi_key_env = 'STUB_API_KEY'\n");
    let bench = Bench::new(None, &settings);
    std::fs::write(bench.ladder(), "name = 'test'\n[[rungs]]\nprovider = 'stub'\nmodel = 'm'\n")
        .unwrap();
    let run = |key: &str, more: &[&str]| -> Done {
        let mut command = bench.on("run", &repo, more);
        Done::from(command.env("STUB_API_KEY", key).output().unwrap())
    };
    let first = run("wrong", &[]).expect(1);
    for part in ["provider error: stub/m", "scrum dlq list", "the same command with --retry-failed"]
    {
        assert!(first.stdout.contains(part), "{}", first.stdout);
    }
    // The same command says what stands, and asks nobody.
    let calls = stub.requests().len();
    let again = run("right", &[]).expect(1);
    assert!(
        again.stderr.contains("2 jobs died of provider errors")
            && again.stderr.contains("--retry-failed"),
        "{}",
        again.stderr
    );
    assert_eq!(stub.requests().len(), calls);
    let taken = run("right", &["--retry-failed"]).expect(0);
    assert!(taken.stderr.contains("2 jobs are back in the queue"), "{}", taken.stderr);
    assert!(
        !taken.stdout.contains("provider error") && taken.stdout.contains("findings"),
        "{}",
        taken.stdout
    );
    let status = bench.run(&["status"]).expect(0).stdout;
    assert!(!status.contains("provider error"), "{status}");
}

#[test]
fn a_hint_stands_only_where_it_helps() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::with(|_| Reply::ok(answers::thin()));
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    let first = bench.review(&repo, &[]).expect(1);
    assert!(first.stdout.contains("scrum dlq list --sweep"), "{}", first.stdout);
    assert!(!first.stdout.contains("--retry-failed"), "no provider failed: {}", first.stdout);
    bench.run(&["dlq", "discard", "--limit", "0"]).expect(0);
    let second = bench.review(&repo, &[]).expect(1);
    assert!(!second.stdout.contains("scrum dlq list"), "{}", second.stdout);
    // What the originals were told by.
    let bench =
        bench.env("LH_SCRUM_FILES", "src/f0.rs,src/gone.rs").env("LH_SCRUM_SKIP_EXTRACT", "1");
    let third = bench.review(&repo, &[]).expect(1);
    let taken = "taken from the environment: LH_SCRUM_FILES as --target, LH_SCRUM_SKIP_EXTRACT as --no-facts";
    assert!(
        third.stderr.contains(taken) && third.stderr.contains("'src/gone.rs' matches no file"),
        "{}",
        third.stderr
    );
}

#[test]
#[allow(clippy::print_stderr)] // so that a skipped test is seen
fn forty_columns_are_enough() {
    let repo = TestRepo::with_files(2);
    let bench = Bench::new(None, "");
    bench.run(&["run", repo.path().to_str().unwrap(), "--ladder", "builtin", "--quiet"]).expect(0);
    for (columns, args) in [
        (40, "status"),
        (40, "metrics"),
        (40, "dlq list"),
        (40, "report latest f0.rs"),
        (80, "status"),
        (80, "metrics"),
    ] {
        let program = scrum_tests::process::program("scrum");
        let line = format!("stty rows 24 cols {columns}; exec {} {args}", program.display());
        let mut command = bench.command("scrum");
        let envs: Vec<_> =
            command.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
        command = Command::new("script");
        for (key, value) in envs {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        command.args(["-qec", &line, "/dev/null"]).current_dir(repo.path()).stdin(Stdio::null());
        let Ok(out) = command.output() else {
            eprintln!("skipped: without `script` there is no terminal of forty columns");
            return;
        };
        let text = String::from_utf8_lossy(&out.stdout).replace('\r', "");
        assert!(!text.trim().is_empty(), "{args}: {text}");
        let code = |line: &str| line.contains("| ") || line.contains("scrum ");
        for line in text.lines().filter(|line| !code(line)) {
            assert!(line.chars().count() <= columns, "{args} at {columns}: {line:?} in\n{text}");
        }
    }
}

#[test]
fn a_log_without_room_ends_no_worker() {
    let repo = TestRepo::with_files(2);
    let stub = ModelStub::with(review);
    let server = scrum_tests::redis::RedisServer::alone();
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let worker = bench.worker_with(&[], |command| {
        command.stderr(full());
    });
    let mut sweep = bench.on("sweep", &repo, &["--wait"]);
    let status = sweep.stdout(Stdio::null()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(worker.terminate(LONG), 0);
}

#[test]
#[allow(clippy::print_stderr)] // so that a skipped test is seen
fn a_full_disk_of_the_state_is_named_and_ends_the_command() {
    let repo = TestRepo::with_files(4);
    // Workers get no time for what they could give back to nobody.
    let bench = Bench::new(None, "").set("worker.grace_s", "3600");
    let disk = bench.dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let scrum = bench.command("scrum");
    // A small disk that only this command sees, all but full.
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs {0} || exit 77; head -c 1000000 /dev/zero > {0}/ballast; \
         exec {1} run {2} --ladder builtin --state-dir {0}/state",
        disk.display(),
        scrum_tests::process::program("scrum").display(),
        repo.path().display()
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).stdin(Stdio::null());
    for (key, value) in scrum.get_envs().filter(|(key, _)| *key != "SCRUM_STATE_DIR") {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    let Some(done) =
        command.output().ok().map(Done::from).filter(|done| ![1, 77].contains(&done.code))
    else {
        eprintln!("skipped: this process may mount no disk of its own");
        return;
    };
    let done = done.expect(2);
    assert!(
        done.stderr.contains("is full; make room, or pass another --state-dir"),
        "{}",
        done.stderr
    );
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
}

//! `kill -9` of the applier's worker: at every step boundary on the wire, and in the middle of a check.

use crate::common::{LONG, each};
use crate::victim::{Boundary, Shift};
use queue_schema::keys;
use queue_schema::rows::{AutoApplyRow, Row as _};
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::Bench;
use scrum_tests::proxy::Proxy;
use scrum_tests::redis::{RedisServer, at};
use scrum_tests::repo::{TestRepo, find_below};
use scrum_tests::wait::eventually;

const BRANCH: &str = "scrum/kills";

fn is_patch(call: &Recorded) -> bool {
    call.prompt.contains("# Findings of the review")
}

/// A test that says that it runs, waits until it may end, and asserts what the good patch writes.
fn test_of(prompt: &str) -> String {
    let n = (0..3).find(|n| prompt.contains(&format!("path: src/f{n}.rs"))).unwrap_or_default();
    let wait = "import os, time\nhome = os.path.expanduser('~')\nopen(home + '/runs', 'w').close()\nwhile not os.path.exists(home + '/go'):\n    time.sleep(0.02)\n";
    format!("```python\n{wait}assert 'good number' in open('src/f{n}.rs').read()\n```")
}

/// Reviews that are sure; a patch that is good for every file but `f1`.
fn stub() -> ModelStub {
    ModelStub::with(|call| {
        if call.prompt.contains("# Claim to be tested") {
            Reply::ok(test_of(&call.prompt))
        } else if is_patch(call) {
            let new = if call.prompt.contains("read_1") { "BAD number" } else { "good number" };
            Reply::ok(format!(
                r#"{{"patches": [{{"old_string": "Reads a number", "new_string": "Reads a {new}", "rationale": "the number is told", "confidence": 97}}]}}"#
            ))
        } else {
            let quotes = answers::code_quotes_from(&call.prompt, 3);
            let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
            let review = answers::markdown_review_quoting("the file", &quotes);
            Reply::ok(["85%", "75%", "92%"].iter().fold(review, |r, c| r.replace(c, "95%")))
        }
    })
}

struct Bed {
    repo: TestRepo,
    stub: ModelStub,
    server: RedisServer,
    bench: Bench,
    sweep: String,
}

impl Bed {
    /// Three reviewed files.
    fn new() -> Self {
        let (repo, stub, server) = (TestRepo::with_files(3), stub(), RedisServer::alone());
        server.load_scripts();
        let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
            .short_leases()
            .set("queue.commit_batch", "1")
            .set("worker.prepare_ahead", "false")
            .set("apply.provider", "stub")
            .set("apply.model", "patcher")
            .set("apply.unconfirmed", "true")
            .set("apply.prove_command", "python3 {test}")
            .set("apply.prove_test", "checks/{name}.py")
            .set("apply.prove_repeats", "2")
            .set("apply.allowed_checks", "*");
        let worker = bench.worker(&[]);
        let ladder = bench.ladder();
        let path = repo.path().to_str().unwrap();
        bench.run(&["sweep", path, "--ladder", ladder.to_str().unwrap(), "--wait"]).expect(0);
        let status = bench.run(&["status", "latest", "--json"]).expect(0);
        let status: serde_json::Value = serde_json::from_str(status.stdout.trim()).unwrap();
        let sweep = status["sweeps"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(worker.terminate(LONG), 0);
        Self { repo, stub, server, bench, sweep }
    }

    fn ask(&self, check: &str) -> String {
        self.ask_with(check, &[])
    }

    fn ask_with(&self, check: &str, more: &[&str]) -> String {
        let args = ["apply", "latest", "--commit", "--branch", BRANCH, "--check", check];
        let args = [&args[..], more].concat();
        let run = self.bench.run(&args).expect(0).stdout.trim().to_owned();
        assert_eq!(run.len(), 12, "the id of a run");
        run
    }

    /// Waits for the run's end and holds rows and branch against each other.
    fn end(&self, run: &str) -> Vec<AutoApplyRow> {
        self.end_as(run, "build_red_reverted")
    }

    /// The same, where the bad patch comes to this.
    fn end_as(&self, run: &str, bad: &str) -> Vec<AutoApplyRow> {
        let mut conn = self.server.connection();
        let key = at(keys::apply_run(&self.sweep, run));
        eventually(LONG, "the run ends", || {
            let ended: bool =
                redis::cmd("HEXISTS").arg(&key).arg("ended").query(&mut conn).unwrap();
            ended.then_some(())
        });
        let key = at(keys::rows(AutoApplyRow::STREAM, &self.sweep));
        let rows: Vec<(String, Vec<String>)> =
            redis::cmd("XRANGE").arg(key).arg("-").arg("+").query(&mut conn).unwrap();
        let mut rows: Vec<AutoApplyRow> =
            rows.iter().map(|(_, fields)| serde_json::from_str(&fields[3]).unwrap()).collect();
        rows.sort_by(|a, b| a.file.cmp(&b.file));
        let actions: Vec<_> = rows.iter().map(|r| (r.file.as_str(), r.action.as_str())).collect();
        assert_eq!(
            actions,
            [("src/f0.rs", "committed"), ("src/f1.rs", bad), ("src/f2.rs", "committed")],
            "one row a file"
        );
        let range = format!("main..{BRANCH}");
        let commits = self.repo.git(&["log", "--reverse", "--format=%H", &range]);
        let told: Vec<_> = rows.iter().filter_map(|r| r.commit.clone()).collect();
        let mut on_branch: Vec<_> = commits.lines().map(str::to_owned).collect();
        on_branch.sort_unstable();
        let mut sorted = told.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, on_branch, "the rows tell of the commits that are there");
        rows
    }
}

/// One run; its worker dies at `at`, and another one finishes.
fn run(at: Option<Boundary>) -> (usize, Vec<Boundary>) {
    let bed = Bed::new();
    let before = bed.stub.requests().len();
    let proxy = Proxy::to(bed.server.socket());
    let run = bed.ask("! grep -rn BAD src");
    let shift = Shift::killed_at(&bed.bench, &proxy, at);
    bed.end(&run);
    (bed.stub.requests().len() - before, shift.passed())
}

#[test]
fn an_applier_killed_at_any_step_boundary_leaves_commits_with_their_rows_or_neither() {
    let (calls, boundaries) = run(None);
    assert_eq!(calls, 3, "one call a file");
    // Three patch jobs and the apply job: claims, kept answers, commits, before and after.
    assert!(boundaries.contains(&Boundary::BeforeCommit(4)), "{boundaries:?}");
    println!("figure: {} boundaries", boundaries.len());
    each(boundaries, 4, |at| {
        let again = usize::from(matches!(at, Boundary::BeforeKeep(_)));
        assert_eq!(run(Some(at)).0, calls + again, "model calls when killed at {at:?}");
    });
}

#[test]
fn an_applier_killed_in_the_middle_of_a_check_leaves_nothing_and_the_next_one_does_it() {
    let bed = Bed::new();
    // The check says that it runs, and waits until it may end.
    let check = "touch $HOME/runs; until [ -e $HOME/go ]; do sleep 0.02; done; ! grep -rn BAD src";
    let run = bed.ask(check);
    let first = bed.bench.worker(&[]);
    let cache = bed.bench.state().join("apply/cache");
    let home = eventually(LONG, "the check runs", || find_below(&cache, "runs"));
    first.kill9();
    assert_eq!(bed.repo.git(&["branch", "--list", BRANCH]), "", "nothing has landed");
    std::fs::write(home.parent().unwrap().join("go"), "").unwrap();
    let _second = bed.bench.worker(&[]);
    bed.end(&run);
}

#[test]
fn an_applier_killed_while_a_test_proves_a_finding_asks_no_model_again() {
    let bed = Bed::new();
    let before = bed.stub.requests().len();
    let run = bed.ask_with("true", &["--prove"]);
    let first = bed.bench.worker(&[]);
    let cache = bed.bench.state().join("apply/cache");
    let home = eventually(LONG, "a test runs", || find_below(&cache, "runs"));
    first.kill9();
    assert_eq!(bed.repo.git(&["branch", "--list", BRANCH]), "", "nothing has landed");
    let calls = bed.stub.requests().len() - before;
    assert_eq!(calls, 6, "a test and a patch for each file");
    std::fs::write(home.parent().unwrap().join("go"), "").unwrap();
    let _second = bed.bench.worker(&[]);
    let rows = bed.end_as(&run, "all_rejected");
    assert_eq!(bed.stub.requests().len() - before, calls);
    let ends: Vec<_> = rows
        .iter()
        .map(|row| row.proof.clone().unwrap())
        .map(|proof| (proof.proven, proof.gate, proof.runs))
        .collect();
    // The bad patch does not do what the test wants; what it fails for is proven all the same.
    assert_eq!(ends, [(true, None, 4), (true, Some("after".to_owned()), 2), (true, None, 4)]);
    let added = bed.repo.git(&["log", "--name-status", "--format=", &format!("main..{BRANCH}")]);
    let added: Vec<&str> = added.lines().filter(|line| line.starts_with("A\tchecks/")).collect();
    assert_eq!(added.len(), 2, "each fix has its test: {added:?}");
}

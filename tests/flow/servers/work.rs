//! All that the product does with a server, as commands: for tests of what it needs there.

use super::schemas;
use queue_schema::schemas::SCHEMAS;
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::Bench;
use scrum_tests::repo::{TestRepo, large_file};
use scrum_tests::wait::eventually;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// A fleet's settings, a repository in which something of each kind happens, and models.
pub struct Setup {
    /// Settings.
    pub bench: Bench,
    /// Three small files, one of which gets a patch; a large one; two that no model can review; two that are
    /// skipped.
    pub repo: TestRepo,
    /// Answers everything.
    pub stub: ModelStub,
}

/// A file that is kept at home.
pub const IGNORED: &str = "home.env";

/// Files that no model of the usual ladder can review.
const POOR: [&str; 2] = ["src/poor_0.rs", "src/poor_1.rs"];

impl Setup {
    /// For the server at a URL.
    pub fn new(redis: Option<String>) -> Self {
        let repo = TestRepo::with_files(3);
        repo.write("src/large.rs", large_file(9000).as_bytes());
        for (i, name) in POOR.iter().enumerate() {
            repo.write(name, format!("pub const N: usize = {i};\n").as_bytes());
        }
        repo.write(IGNORED, b"TOKEN=of nobody\n");
        repo.write(".scrumignore", format!("{IGNORED}\n.scrumignore\n").as_bytes());
        repo.commit("all kinds");
        let stub = stub();
        let bench = Bench::with_stub(redis, &stub.openai_url(), &["m"])
            .set("facts.enabled", "true")
            .set("apply.provider", "stub")
            .set("apply.model", "patcher")
            .set("apply.unconfirmed", "true")
            .set("apply.prove_command", "python3 {test}")
            .set("apply.prove_test", "checks/{name}.py")
            // Two files that nobody can review are a trouble.
            .set("observe.threshold", "2")
            .set("observe.interval_s", "1");
        let better = "name='better'\n[[rungs]]\nprovider='stub'\nmodel='better'\n";
        std::fs::write(bench.dir.path().join("better.toml"), better).unwrap();
        Self { bench, repo, stub }
    }

    /// A ladder whose model can review every file.
    pub fn better(&self) -> PathBuf {
        self.bench.dir.path().join("better.toml")
    }

    /// `sweep` on the usual ladder, with more arguments.
    pub fn sweep(&self) -> Vec<String> {
        let ladder = self.bench.ladder().display().to_string();
        vec!["sweep".into(), self.repo.path().display().to_string(), "--ladder".into(), ladder]
    }
}

/// What is replaced in `src/f0.rs`.
pub const PATCHED: (&str, &str) = ("/// Reads a number.", "/// Reads a number; panics at others.");

fn stub() -> ModelStub {
    let calls = AtomicUsize::new(0);
    ModelStub::with(move |call: &Recorded| {
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            // One job waits and comes back.
            return Reply::overloaded();
        }
        if let Some(facts) = answers::facts_or(&call.system) {
            return Reply::ok(facts);
        }
        if call.prompt.contains("# Claim to be tested") {
            return Reply::ok("```python\nassert False\n```");
        }
        if call.prompt.contains("# Findings of the review") {
            let found = call.prompt.contains("path: src/f0.rs");
            let patches = found.then(|| {
                json!({"old_string": PATCHED.0, "new_string": PATCHED.1, "confidence": 96,
                    "rationale": "callers must know that it panics"})
            });
            return Reply::ok(json!({ "patches": Vec::from_iter(patches) }).to_string());
        }
        if call.model != "better" && POOR.iter().any(|f| call.prompt.contains(f)) {
            return Reply::ok(answers::thin());
        }
        let quotes = answers::code_quotes_from(&call.prompt, 3);
        let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
        let review = answers::markdown_review_quoting("the file", &quotes);
        Reply::ok(["85%", "75%", "92%"].iter().fold(review, |r, c| r.replace(c, "95%")))
    })
}

/// A sweep with everything in it, to its end; returns its id. Two files stay unresolved.
pub fn one_sweep(setup: &Setup) -> String {
    let sweep = setup.sweep();
    let args: Vec<&str> = sweep.iter().map(String::as_str).chain(["--wait"]).collect();
    let done = setup.bench.run(&args).expect(1);
    assert!(
        done.stdout.contains("4 of 8 files reviewed, 2 unresolved, 2 skipped"),
        "{}",
        done.stdout
    );
    let all = setup.bench.run(&["status", "--json"]).expect(0).stdout;
    let all: Value = serde_json::from_str(&all).unwrap();
    all["sweeps"][0]["id"].as_str().unwrap().to_owned()
}

/// Runs every command in a state of the queue in which it has something to do. `run` is given the arguments
/// and the exit codes that are right, and returns what was printed.
pub fn every_command(setup: &Setup, mut run: impl FnMut(&[&str], &[i32]) -> String) {
    let sweep = setup.sweep();
    let sweep: Vec<&str> = sweep.iter().map(String::as_str).collect();
    let (out, better) = (setup.bench.out(), setup.better());
    let (out, better) = (out.to_str().unwrap(), better.to_str().unwrap());
    run(&[&sweep[..], &["--wait", "--out", out]].concat(), &[1]);
    schemas::check_report(out.as_ref());
    let all: Value = serde_json::from_str(&run(&["status", "--json"], &[0])).unwrap();
    let id = all["sweeps"][0]["id"].as_str().unwrap().to_owned();
    let id = id.as_str();
    run(&["status", id], &[1]);
    run(&["report", id, "--out", out], &[1]);
    run(&["apply", id, "--check", "true", "--wait"], &[0]);
    run(&["apply", id, "--check", "true", "--commit", "--wait"], &[0]);
    let proven = run(&["apply", id, "--check", "true", "--prove", "--wait"], &[0]);
    assert!(proven.contains("3 of 3 findings are proven by a test"), "{proven}");
    assert!(setup.repo.git(&["branch", "--list", "scrum/*"]).contains("auto-apply"));
    run(&["models", "--sweep", id], &[0]);
    run(&["metrics"], &[0]);
    let of = |more: &[&'static str]| [&["findings", sweep[1]], more].concat();
    let found: Value = serde_json::from_str(&run(&of(&["list", "--json"]), &[0])).unwrap();
    let found = found[0]["id"].as_str().unwrap();
    run(&["findings", sweep[1], "dismiss", found, "--why", "callers check"], &[0]);
    run(&["findings", sweep[1], "reopen", found], &[0]);
    run(&["findings", sweep[1], "show", found], &[0]);
    let exported = run(&of(&["export"]), &[0]);
    let file = setup.bench.dir.path().join("findings.jsonl");
    std::fs::write(&file, exported).unwrap();
    run(&["findings", sweep[1], "import", file.to_str().unwrap()], &[0]);
    let letters: Value = serde_json::from_str(&run(&["dlq", "list", "--json"], &[0])).unwrap();
    let letter = |i: usize| letters[i]["id"].as_str().unwrap();
    run(&["dlq", "show", letter(0)], &[0]);
    run(&["dlq", "export", "--sweep", id], &[0]);
    run(&["dlq", "retry", letter(0), "--ladder", better], &[0]);
    run(&["dlq", "discard", letter(1)], &[0]);
    eventually(LONG, "the retry is over", || {
        run(&["status", id, "--json"], &[0, 1]).contains("\"resolved\":5").then_some(())
    });
    // A budget that does not reach, and one that does; of another model, or the answers would be there.
    let few = ["--target", "src/f0.rs", "--target", "src/f1.rs", "--wait", "--budget-calls"];
    let other = ["sweep", sweep[1], "--ladder", better];
    run(&[&other[..], &few, &["1"]].concat(), &[1]);
    run(&[&other[..], &few, &["0"]].concat(), &[0]);
    run(&["run", sweep[1], "--ladder", "builtin", "--out", out], &[0]);
    let change = run(&["diff", sweep[1], "HEAD", "--reviewer", "checks=builtin", "--json"], &[0]);
    let change: Value = serde_json::from_str(&change).unwrap();
    let change = change["sweep_id"].as_str().unwrap();
    run(&["report", change, "--out", out], &[0]);
    run(&["status", change], &[0]);
    // The stub's answers are no votes.
    run(&["audit", "--claims", sweep[1], "HEAD", "--voter", "a=stub/m"], &[2]);
    run(&["audit", id, "--min-severity", "info", "--voter", "a=stub/m"], &[1]);
    run(&["pause", "rung:stub"], &[0]);
    let other = run(&[&sweep[..], &["--again"]].concat(), &[0]);
    let other = other.trim();
    run(&["pause", "--sweep", other], &[0]);
    run(&["resume", "--sweep", other], &[0]);
    run(&["doctor", "--queue"], &[0]);
    run(&["doctor", "--queue", "--mend"], &[0]);
    run(&["cancel", other], &[0]);
    run(&["resume", "rung:stub"], &[0]);
    eventually(LONG, "it may be forgotten", || {
        let said = run(&["status", other, "--json"], &[0, 1]);
        said.contains("\"live\":0").then_some(())
    });
    run(&["forget", other], &[0]);
    run(&["memory", sweep[1]], &[0]);
    run(&["memory", sweep[1], "list"], &[0]);
    let kept = run(&["memory", sweep[1], "export"], &[0]);
    let memory: Value = serde_json::from_str(&kept).unwrap();
    let pathway = memory["pathways"].as_object().unwrap().keys().next().unwrap().clone();
    run(&["memory", sweep[1], "show", &pathway], &[0]);
    run(&["memory", sweep[1], "reject", &pathway, "OffByOne:none", "--why", "none"], &[2]);
    run(&["memory", sweep[1], "forget", &pathway], &[0]);
    let file = setup.bench.dir.path().join("memory.json");
    std::fs::write(&file, kept).unwrap();
    run(&["memory", sweep[1], "import", file.to_str().unwrap()], &[0]);
    run(&["observe", "--sweep", id, "--failures"], &[0]);
    let applied = run(&["observe", "--sweep", id, "--source", "applies", "--json"], &[0]);
    assert_eq!(applied.matches("\"committed\"").count(), 1, "{applied}");
    eventually(LONG, "the files that nobody can review are diagnosed", || {
        let rows = run(&["kb", "query", "observer_diagnoses", "--json"], &[0]);
        rows.contains("\"class\":").then_some(())
    });
    let eval = setup.bench.dir.path().join("eval.json");
    let label = json!({"model": "stub/m", "confidence": 0.9, "right": true, "case": "c"});
    let labels: Vec<Value> = std::iter::repeat_n(label, 60).collect();
    let judged = json!({"schema_version": 1, "runs": [{"labels": labels}]});
    std::fs::write(&eval, judged.to_string()).unwrap();
    run(&["calibrate", "--eval", eval.to_str().unwrap()], &[0]);
    run(&["calibrate", "--show"], &[0]);
    run(&["estimate", sweep[1], "--ladder", better], &[0]);
    run(&["ladder", "suggest"], &[1]);
    run(&["doctor"], &[0, 1]);
    run(&["kb", "schema"], &[0]);
    run(&["kb", "health"], &[0]);
    let rows = run(&["kb", "export", "scrum_reviews", "--repo", sweep[1]], &[0]);
    assert!(!rows.is_empty() && rows.lines().all(|row| serde_json::from_str::<Value>(row).is_ok()));
    for schema in SCHEMAS {
        let page: Value =
            serde_json::from_str(&run(&["kb", "query", schema.kind, "--json"], &[0])).unwrap();
        let rows = page["rows"].as_array().unwrap();
        let absent = ["audit_facts", "diff_findings", "posts"].contains(&schema.kind);
        assert!(!rows.is_empty() || absent, "{}", schema.kind);
        let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
        schemas::check_rows(schema.kind, &lines.join("\n"));
        if let Some(next) = page["next"].as_str() {
            run(&["kb", "query", schema.kind, "--from", next], &[0]);
        }
        let all = run(&["kb", "export", schema.kind], &[0]);
        assert_eq!(run(&["kb", "export", schema.kind, "--since", "1d"], &[0]), all);
    }
    run(
        &["schedule", "add", sweep[1], "--every", "1h", "--ladder", "builtin", "--name", "app"],
        &[0],
    );
    for args in
        [&["list"][..], &["show", "app"], &["pause", "app"], &["resume", "app"], &["remove", "app"]]
    {
        run(&[&["schedule"], args].concat(), &[0]);
    }
    let eval = setup.bench.dir.path().join("eval");
    let eval = ["--ladder", "builtin", "--mutants", "2", "--out", eval.to_str().unwrap()];
    run(&[&["eval", sweep[1]], &eval[..]].concat(), &[0]);
    run(&["eval", "compare", eval[5], eval[5]], &[0]);
    let cases = setup.bench.dir.path().join("cases.json");
    std::fs::write(&cases, r#"[{"path": "/nothing"}]"#).unwrap();
    let here = setup.stub.openai_url();
    run(&["parity", cases.to_str().unwrap(), &here, &here], &[0]);
    // Its client leaves at once; what its tools read and decide is what the commands above do.
    run(&["mcp", sweep[1]], &[0]);
    run(&["completions", "bash"], &[0]);
}

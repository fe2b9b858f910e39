//! What the fleet tells of itself: an event of each thing that ends, and what is made of many.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::ids::SweepId;
use queue_schema::keys;
use queue_schema::rows::DiagnosisRow;
use scrum_tests::events;
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, Usage, answers};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A file with a name that a prompt can be known by.
fn write(repo: &TestRepo, file: &str) {
    let name = name_of(file);
    repo.write(file, format!("pub const {name}_LIMIT: usize = 10 + 1;\n").as_bytes());
}

fn name_of(file: &str) -> String {
    file.trim_end_matches(".rs").replace('/', "_").to_uppercase()
}

fn repo(files: &[&str]) -> TestRepo {
    let repo = TestRepo::new();
    for file in files {
        write(&repo, file);
    }
    repo.commit("files");
    repo
}

/// What the stub says of a file, and the events that this comes to: outcome and class of attempts, classes of
/// dead letters, ends of targets, alerts.
type Case = (&'static str, &'static [&'static str], &'static str, &'static str, usize);

const CASES: [Case; 9] = [
    ("a/ok.rs", &["accepted -"], "-", "resolved", 0),
    ("a/thin.rs", &["thin thin"], "ladder_exhausted", "unresolved", 0),
    ("a/malformed.rs", &["malformed malformed"], "ladder_exhausted", "unresolved", 0),
    ("a/truncated.rs", &["truncated truncated"], "ladder_exhausted", "unresolved", 0),
    ("a/refused.rs", &["refused refused"], "ladder_exhausted", "unresolved", 0),
    ("a/error.rs", &["error no_model"], "ladder_exhausted", "unresolved", 1),
    ("a/cut.rs", &["error garbled"], "ladder_exhausted", "unresolved", 1),
    ("a/passes.rs", &["accepted -", "transient http_5xx"], "-", "resolved", 1),
    ("a/context.rs", &["error context"], "ladder_exhausted", "unresolved", 1),
];

fn say(file: &str, passed: &AtomicBool) -> Reply {
    let long = r#"{"error":{"message":"This model's maximum context length is 8192 tokens","code":"context_length_exceeded"}}"#;
    match file {
        "a/thin.rs" => Reply::ok(answers::thin()),
        "a/malformed.rs" => Reply::ok("{\"verdict\": \"pa"),
        "a/truncated.rs" => Reply::Length("Half of".into()),
        "a/refused.rs" => Reply::Refusal("I can't assist with that request.".into()),
        "a/error.rs" => Reply::status(404, "model 'x' not found"),
        "a/cut.rs" => Reply::CutStream(answers::markdown_review("any"), 1500),
        "a/context.rs" => Reply::status(400, long),
        "a/passes.rs" if !passed.swap(true, Ordering::SeqCst) => Reply::status(500, "oops"),
        _ => Reply::ok(answers::markdown_review("any")),
    }
}

/// The case that a prompt is about.
fn asked_of<'a>(call: &Recorded, files: &[&'a str]) -> Option<&'a str> {
    let names = |file: &str| call.prompt.contains(&format!("const {}_LIMIT", name_of(file)));
    files.iter().copied().find(|file| names(file))
}

fn of<'a>(all: &'a [Value], source: &str) -> Vec<&'a Value> {
    all.iter().filter(|event| event["source"] == source).collect()
}

#[test]
fn each_outcome_of_a_review_is_one_event() {
    let files = CASES.map(|(file, ..)| file);
    let repo = repo(&files);
    repo.write("a/skipped.bin", &[0, 159, 146, 150, 0]);
    repo.commit("binary");
    let passed = AtomicBool::new(false);
    let stub = ModelStub::with(move |call| {
        asked_of(call, &files).map_or_else(|| Reply::ok(answers::thin()), |file| say(file, &passed))
    });
    let server = RedisServer::alone();
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("sweep.empty_retries", "0");
    let _worker = bench.worker(&[]);
    bench.on("sweep", &repo, &["--wait"]).status().unwrap();
    let all = events::of(&server);
    let targets: Vec<&str> = files.to_vec();
    let paths = |event: &&&Value, path: &str| {
        let target = event["target"].as_u64().unwrap_or(u64::MAX);
        let mut sorted = targets.clone();
        sorted.push("a/skipped.bin");
        sorted.sort_unstable();
        sorted.get(usize::try_from(target).unwrap_or(usize::MAX)) == Some(&path)
    };
    for (file, attempts, dead, end, _) in CASES {
        let mine = |source: &str| -> Vec<Value> {
            of(&all, source).iter().filter(|e| paths(e, file)).map(|e| (*e).clone()).collect()
        };
        assert_eq!(events::lines(&mine("attempts"), &["outcome", "class"]), attempts, "{file}");
        let dead: &[&str] = if dead == "-" { &[] } else { &[dead] };
        assert_eq!(events::lines(&mine("dead_letters"), &["class"]), dead, "{file}");
        assert_eq!(events::lines(&mine("settlements"), &["endpoint"]), [end], "{file}");
        for event in mine("attempts") {
            assert_eq!(event["endpoint"], "stub/m", "{event}");
            assert_eq!((&event["task"], &event["area"]), (&"review".into(), &file.into()));
            let success = event["outcome"] == "accepted";
            assert_eq!(event["success"], success, "{event}");
            assert_eq!(event["reason"].is_null(), success, "{event}");
        }
    }
    let alerts: usize = CASES.iter().map(|(.., alerts)| alerts).sum();
    assert_eq!(of(&all, "alerts").len(), alerts, "{:?}", of(&all, "alerts"));
    let skipped = |e: &&&Value| e["endpoint"] == "skipped" && e["targets"] == 1;
    assert_eq!(of(&all, "settlements").iter().filter(skipped).count(), 1);
}

/// Events of a source, a line each.
fn lines(all: &[Value], source: &str, members: &[&str]) -> Vec<String> {
    events::lines(&of(all, source).into_iter().cloned().collect::<Vec<_>>(), members)
}

#[test]
fn facts_that_fail_and_what_a_budget_leaves_out_are_told() {
    let stub = ModelStub::with(|call| match answers::facts_stage(&call.system) {
        Some(_) => Reply::ok("no facts"),
        None => Reply::Ok(answers::markdown_review("any"), Usage::tokens(10, 10)),
    });
    for (facts, budget, attempts, ends) in [
        ("true", "0", vec!["facts false", "review true"], vec!["resolved true 1"]),
        ("false", "1", vec!["review true"], vec!["left_out false 1", "resolved true 1"]),
    ] {
        let repo = if budget == "0" { repo(&["one.rs"]) } else { repo(&["one.rs", "two.rs"]) };
        let server = RedisServer::alone();
        let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
            .set("facts.enabled", facts)
            .set("worker.concurrency", "1");
        let _worker = bench.worker(&[]);
        bench.on("sweep", &repo, &["--wait", "--budget-calls", budget]).status().unwrap();
        let all = events::of(&server);
        assert_eq!(lines(&all, "attempts", &["task", "success"]), attempts);
        assert_eq!(lines(&all, "settlements", &["endpoint", "success", "targets"]), ends);
    }
}

#[test]
fn a_fleet_that_is_told_to_writes_no_events() {
    let repo = repo(&["one.rs"]);
    let stub = ModelStub::with(|_| Reply::ok(answers::markdown_review("any")));
    let server = RedisServer::alone();
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("observe.enabled", "false");
    bench.review(&repo, &[]).expect(0);
    assert_eq!(events::of(&server), Vec::<Value>::new());
}

/// A test that waits longer has failed.
const LONG: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn diagnoses(server: &RedisServer, sweep: &SweepId) -> Vec<DiagnosisRow> {
    let queue = oracle::queue(&server.url()).await;
    queue.rows_page(sweep, None, 100).await.unwrap().0
}

/// Waits until somebody has looked for troubles from beginning to end.
fn looked(server: &RedisServer) {
    let mut conn = server.connection();
    let mut turns = std::collections::BTreeSet::new();
    let mut held = true;
    eventually(LONG, "somebody looks twice", || {
        let who: Option<String> = conn.ask(&["GET", keys::OBSERVING]);
        if who.is_some() && !std::mem::replace(&mut held, who.is_some()) {
            turns.insert(turns.len());
        }
        held = who.is_some();
        (turns.len() >= 2).then_some(())
    });
}

/// Six files that are too thin, six that are cut, three that are refused.
fn failing() -> (TestRepo, ModelStub) {
    let names = |area: &str, n: usize| (0..n).map(move |k| format!("{area}/f{k}.rs")).collect();
    let all: Vec<Vec<String>> = vec![names("src/a", 6), names("src/b", 6), names("src/c", 3)];
    let files: Vec<&str> = all.iter().flatten().map(String::as_str).collect();
    let stub = ModelStub::with(|call| {
        let asks = |area: &str| call.prompt.contains(&format!("const SRC_{area}_F"));
        if call.model == "d" {
            Reply::Ok("The prompt\n\u{202e}is too long.".into(), Usage::tokens(5, 5))
        } else if asks("A") {
            Reply::ok(answers::thin())
        } else if asks("B") {
            Reply::Length("Half of".into())
        } else {
            Reply::Refusal("I can't assist with that request.".into())
        }
    });
    (repo(&files), stub)
}

fn failing_bench(server: &RedisServer, stub: &ModelStub) -> Bench {
    // One window, unless a day ends meanwhile.
    Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("observe.interval_s", "1")
        .set("observe.window_s", "86400")
}

fn told(rows: &[DiagnosisRow]) -> Vec<(&str, &str, u64)> {
    let mut all: Vec<_> =
        rows.iter().map(|r| (r.class.as_str(), r.area.as_str(), r.count)).collect();
    all.sort_unstable();
    all
}

#[test]
fn failures_that_pile_up_are_diagnosed_once_and_shown_everywhere() {
    let ((repo, stub), server) = (failing(), RedisServer::alone());
    let bench = failing_bench(&server, &stub);
    let first = bench.worker(&[]);
    let second = bench.worker(&[]);
    let id = bench.enqueue(&repo);
    bench.sweep(&repo, &["--wait"]);
    // Whoever has the turn may die.
    first.kill9();
    let rows = eventually(LONG, "two diagnoses", || {
        let rows = diagnoses(&server, &id);
        (rows.len() >= 2).then_some(rows)
    });
    looked(&server);
    let want = [("thin", "src/a", 6), ("truncated", "src/b", 6)];
    assert_eq!(told(&diagnoses(&server, &id)), want, "once each, and none below the threshold");
    let thin = rows.iter().find(|row| row.class == "thin").unwrap();
    assert_eq!((thin.endpoint.as_str(), thin.task.as_str()), ("stub/m", "review"));
    assert!(thin.files.iter().all(|file| file.starts_with("src/a/f")) && thin.files.len() == 5);
    assert!(!thin.samples.is_empty() && thin.what_to_do.contains("larger model"), "{thin:?}");
    drop(second);

    let out = bench.out();
    bench.run(&["report", &id, "--out", out.to_str().unwrap()]);
    let page = std::fs::read_to_string(out.join("scrum_report.md")).unwrap();
    assert!(page.contains("# Trouble") && page.contains("6 times thin, review by"), "{page}");
    let summary = std::fs::read_to_string(out.join("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["troubles"].as_array().unwrap().len(), 2);
    let shown = bench.run(&["observe", "--sweep", &id]).expect(0).stdout;
    assert!(shown.contains("6 times truncated, review by stub/m under src/b"), "{shown}");
    let doctor = bench.run(&["doctor"]).stdout;
    assert_eq!(doctor.matches("times t").count(), 2, "{doctor}");
    let kept = bench.run(&["kb", "query", "observer_diagnoses", "--json"]).expect(0).stdout;
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["rows"].as_array().unwrap().len(), 2);
}

#[test]
fn a_sweep_that_is_over_before_anybody_looks_has_its_troubles_in_the_report() {
    let ((repo, stub), server) = (failing(), RedisServer::alone());
    let bench = failing_bench(&server, &stub).set("observe.interval_s", "3600");
    bench.review(&repo, &[]);
    let id = bench.run(&["status", "latest", "--json"]).stdout;
    let id: Value = serde_json::from_str(&id).unwrap();
    let id: SweepId = id["sweeps"][0]["id"].as_str().unwrap().into();
    assert!(diagnoses(&server, &id).is_empty());
    let page = std::fs::read_to_string(bench.out().join("scrum_report.md")).unwrap();
    assert!(page.contains("6 times thin") && page.contains("6 times truncated"), "{page}");
    let none = failing_bench(&server, &stub).set("observe.threshold", "7");
    let out = none.out();
    none.run(&["report", &id, "--out", out.to_str().unwrap()]);
    let page = std::fs::read_to_string(out.join("scrum_report.md")).unwrap();
    assert!(!page.contains("# Trouble"), "{page}");
}

#[test]
fn a_model_adds_its_words_and_its_failure_takes_nothing_away() {
    for (model, text) in [("stub/d", Some("The prompt\n\u{202e}is too long.")), ("stub/m", None)] {
        let ((repo, stub), server) = (failing(), RedisServer::alone());
        let bench =
            failing_bench(&server, &stub).set("observe.model", model).set("observe.threshold", "6");
        let _worker = bench.worker(&[]);
        let id = bench.enqueue(&repo);
        bench.sweep(&repo, &["--wait"]);
        let rows = eventually(LONG, "two diagnoses", || {
            Some(diagnoses(&server, &id)).filter(|rows| rows.len() >= 2)
        });
        looked(&server);
        assert_eq!(diagnoses(&server, &id), rows, "asked once each");
        for row in &rows {
            assert_eq!(
                (row.model.as_deref(), row.text.as_deref(), row.count),
                (Some(model), text, 6)
            );
        }
        let asked = |system: &str| system.contains("You look after a fleet");
        let calls: Vec<_> =
            stub.requests().into_iter().filter(|call| asked(&call.system)).collect();
        assert_eq!(calls.len(), 2, "{model}");
        assert!(calls.iter().all(|call| call.prompt.contains("failures: 6")));
        let status = bench.run(&["status", &id, "--json"]).stdout;
        let status: Value = serde_json::from_str(&status).unwrap();
        assert_eq!(status["sweeps"][0]["calls"], 15 + 2, "the budget counts them");
        assert_eq!(status["sweeps"][0]["attempts"], 15, "and the reviews do not");
        if text.is_some() {
            let shown = bench.run(&["observe"]).expect(0).stdout;
            assert!(shown.contains("stub/d says: The prompt \\u{202e}is too long."), "{shown}");
        }
    }
}

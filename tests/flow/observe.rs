//! What the fleet tells of itself: an event of each thing that ends, and what is made of many.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_tests::events;
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, Usage, answers};
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};

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
/// dead letters, ends of targets, whether there is an alert.
type Case = (&'static str, &'static [&'static str], &'static str, &'static str, bool);

const CASES: [Case; 9] = [
    ("a/ok.rs", &["accepted -"], "-", "resolved", false),
    ("a/thin.rs", &["thin thin"], "ladder_exhausted", "unresolved", false),
    ("a/malformed.rs", &["malformed malformed"], "ladder_exhausted", "unresolved", false),
    ("a/truncated.rs", &["truncated truncated"], "ladder_exhausted", "unresolved", false),
    ("a/refused.rs", &["refused refused"], "ladder_exhausted", "unresolved", false),
    ("a/error.rs", &["error no_model"], "ladder_exhausted", "unresolved", true),
    ("a/cut.rs", &["error garbled"], "ladder_exhausted", "unresolved", true),
    ("a/passes.rs", &["accepted -", "transient http_5xx"], "-", "resolved", true),
    ("a/context.rs", &["error context"], "ladder_exhausted", "unresolved", true),
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
    for (file, attempts, dead, end, alert) in CASES {
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
        let _ = alert;
    }
    let alerts = CASES.iter().filter(|(.., alert)| *alert).count();
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

//! Findings of which a reviewer is sure are put to a second call, and only those that it upholds are applied.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::client::Queue;
use queue_schema::ids::SweepId;
use queue_schema::rows::finding::Stands;
use queue_schema::rows::{Confirmed, ReviewRow};
use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply, answers};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

const WRONG: &str = "INPUT: an empty list\nACTUAL: it panics\nEXPECTED: it returns None\n";

/// What the second call is answered about the file of this number, and what it must come to: the tier, and whether
/// the file is applied. `None` is never asked.
fn cases() -> Vec<(Option<Reply>, &'static str, bool)> {
    let says = |text: String| Some(Reply::ok(text));
    vec![
        (says(format!("CLAIM: 1\n{WRONG}VERDICT: upheld")), "auto", true),
        (
            says(
                json!({"claim": 1, "input": "0", "actual": "loops", "expected": "ends", "verdict": "upheld"})
                    .to_string(),
            ),
            "auto",
            true,
        ),
        (says("CLAIM: 1\nVERDICT: rejected".into()), "block", false),
        (says(format!("CLAIM: 1\n{WRONG}VERDICT: not upheld")), "block", false),
        (says("CLAIM: 1\nVERDICT: can't tell".into()), "dry_run", false),
        (says("CLAIM: 1\nVERDICT: upheld".into()), "dry_run", false),
        (says(format!("CLAIM: 1\n{WRONG}VERDICT: upheld in part")), "dry_run", false),
        (says("The claim seems to be right.".into()), "dry_run", false),
        (says(String::new()), "dry_run", false),
        (Some(Reply::status(400, "no")), "dry_run", false),
        // Not sure enough, and one that fails a check by program.
        (None, "dry_run", false),
        (None, "block", false),
    ]
}

/// The number of the file that a prompt is about.
fn file(call: &Recorded) -> usize {
    let path = call.prompt.lines().find_map(|l| l.strip_prefix("path: src/f")).unwrap_or_default();
    path.trim_end_matches(".rs").parse().unwrap_or(usize::MAX)
}

fn confirms(call: &Recorded) -> bool {
    call.prompt.contains("CLAIM 1")
}

/// One sure finding a file.
fn review(call: &Recorded, confidence: &str) -> Reply {
    review_changing(call, confidence, false)
}

fn review_changing(call: &Recorded, confidence: &str, nothing: bool) -> Reply {
    let quotes = answers::code_quotes_from(&call.prompt, 1);
    let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
    let path = format!("src/f{}.rs", file(call));
    let text = answers::markdown_review_quoting(&path, &quotes).replace("85%", confidence);
    let change = if nothing { format!("`{}`", quotes[0]) } else { "return it".to_owned() };
    Reply::ok(text.replace("return the error to the caller", &change))
}

fn bench(redis: &RedisServer, stub: &ModelStub, models: &[&str]) -> Bench {
    Bench::with_stub(Some(redis.url()), &stub.openai_url(), models)
        .set("confirm.enabled", "true")
        // The files of tests are small beside the rules of a review.
        .set("confirm.max_share", "100")
        .set("apply.allowed_checks", "true")
        .set("apply.provider", "stub")
        .set("apply.model", "patcher")
}

async fn rows(queue: &Queue, id: &SweepId) -> BTreeMap<String, ReviewRow> {
    let rows = queue.rows::<ReviewRow>(id).await.unwrap();
    rows.into_iter().map(|row| (row.file.clone(), row)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_reviews_are_confirmed_or_not_and_only_the_confirmed_are_applied() {
    let (repo, server) = (TestRepo::with_files(cases().len()), RedisServer::alone());
    let stub = ModelStub::with(|call| {
        if call.prompt.contains("# Findings of the review") {
            return Reply::ok(r#"{"patches": []}"#);
        }
        match (confirms(call), file(call)) {
            (true, n) => cases()[n].0.clone().expect("nobody is asked about it"),
            (false, 10) => review(call, "89%"),
            // What it would write is what it quotes.
            (false, 11) => review_changing(call, "95%", true),
            _ => review(call, "95%"),
        }
    });
    let bench = bench(&server, &stub, &["a", "b"]);
    let _worker = bench.worker(&[]);
    let id = bench.enqueue(&repo);
    bench.sweep(&repo, &["--wait"]).expect(0);
    let queue = oracle::queue(&server.url()).await;
    let rows = rows(&queue, &id).await;
    for (n, (reply, tier, _)) in cases().into_iter().enumerate() {
        let row = rows.get(&format!("src/f{n}.rs"));
        let row = row.unwrap_or_else(|| panic!("{n} of {:?}", rows.keys()));
        let finding = &row.findings[0];
        assert_eq!(row.gradient_tier, tier, "{n}: {finding:?}");
        assert_eq!(finding.confirmed == Some(Confirmed::Call), tier == "auto", "{n}");
        let said = finding.confirmation.as_ref();
        assert_eq!(said.is_some(), n < 7, "{n}: what can't be read says nothing");
        if let Some(said) = said {
            assert_eq!(said.by, "stub/b", "the next model of the ladder");
            assert_eq!(said.said == Stands::Rejected, tier == "block", "{n}");
        }
        let asked = stub.requests().into_iter().filter(|c| confirms(c) && file(c) == n).count();
        assert_eq!(asked, usize::from(reply.is_some()), "{n}");
    }
    for call in stub.requests().iter().filter(|c| confirms(c)) {
        let prompt = call.prompt.to_lowercase();
        for hidden in ["confidence", "95%", "stub/a", "(95"] {
            assert!(!prompt.contains(hidden), "{hidden}: {prompt}");
        }
    }
    let done = bench.run(&["apply", &id, "--json", "--wait", "--check", "true"]).expect(0);
    let applied: Value = serde_json::from_str(done.stdout.trim()).unwrap();
    let decided = applied["decisions"].as_array().unwrap();
    let taken: HashSet<&str> = decided.iter().map(|d| d["file"].as_str().unwrap()).collect();
    let expected: Vec<String> = (0..)
        .zip(cases())
        .filter(|(_, (_, _, applied))| *applied)
        .map(|(n, _)| format!("src/f{n}.rs"))
        .collect();
    assert_eq!(taken, expected.iter().map(String::as_str).collect());
    let out = bench.out();
    bench.run(&["report", &id, "--out", out.to_str().unwrap()]).expect(0);
    let report = std::fs::read_to_string(out.join("scrum_report.md")).unwrap();
    for shown in ["confirmed by another call", "an empty list", "it panics", "it returns None"] {
        assert!(report.contains(shown), "{shown}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_call_costs_at_most_its_share_of_the_review() {
    let (repo, server) = (TestRepo::new(), RedisServer::alone());
    let long: Vec<String> =
        (0..150).map(|n| format!("    total += prices[{n}] * rates[{n}];\n")).collect();
    let long = long.concat();
    for n in 0..4 {
        repo.write(&format!("src/f{n}.rs"), format!("fn sum_{n}() {{\n{long}}}\n").as_bytes());
    }
    repo.commit("files");
    let stub = ModelStub::with(|call| {
        if !confirms(call) {
            return review(call, "95%");
        }
        // As long an answer as it may give.
        let most = call.body["max_tokens"].as_u64().unwrap() as usize;
        Reply::ok(format!("CLAIM: 1\n{WRONG}VERDICT: upheld\n{}", "x".repeat(most * 4 - 100)))
    });
    let bench = bench(&server, &stub, &["a", "b"]).set("confirm.max_share", "40");
    let _worker = bench.worker(&[]);
    bench.sweep(&repo, &["--wait"]).expect(0);
    let tokens = |call: &Recorded| call.prompt.len() / 4;
    for n in 0..4 {
        let of = |second| {
            let calls = stub.requests();
            calls.into_iter().find(|c| file(c) == n && confirms(c) == second).expect("a call")
        };
        let (first, second) = (of(false), of(true));
        let took = tokens(&second) + second.body["max_tokens"].as_u64().unwrap() as usize;
        let review = tokens(&first) + 700 / 4;
        assert!(took * 100 <= review * 40, "{took} of {review} tokens");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_model_alone_confirms_itself_and_nobody_is_asked_twice_after_faults() {
    let (repo, server) = (TestRepo::with_files(3), RedisServer::start());
    let (gate, seen) = (Gate::new(), Mutex::new(HashSet::new()));
    let held = gate.clone();
    let stub = ModelStub::with(move |call| {
        if !confirms(call) {
            return review(call, "95%");
        }
        // A transient error first, then a call that the worker does not live to hear.
        if seen.lock().unwrap().insert(file(call)) {
            return Reply::status(500, "oops");
        }
        Reply::ok(format!("CLAIM: 1\n{WRONG}VERDICT: upheld")).held_by(&held)
    });
    let bench = bench(&server, &stub, &["a"]).short_leases();
    let id = bench.enqueue(&repo);
    let victim = bench.worker(&[]);
    stub.wait_requests(9).await;
    victim.kill9();
    gate.open();
    let _other = bench.worker(&[]);
    bench.sweep(&repo, &["--wait"]).expect(0);
    let queue = oracle::queue(&server.url()).await;
    let rows = rows(&queue, &id).await;
    assert!(rows.values().all(|row| row.gradient_tier == "auto"), "{rows:?}");
    assert_eq!(rows.len(), 3);
    let reviews = stub.requests().iter().filter(|c| !confirms(c)).count();
    assert_eq!(reviews, 3, "an answer that is there is never asked for again");
    let all = oracle::check_all(&server, &id, &repo).await;
    all.is_done();
}

/// The worker serves the lane of the review and lacks the key of the next model of its ladder.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_model_that_the_worker_can_call_confirms_and_without_one_the_review_stays_accepted()
{
    let stub = ModelStub::with(|call| {
        if confirms(call) {
            return Reply::ok(format!("CLAIM: 1\n{WRONG}VERDICT: upheld"));
        }
        review(call, "95%")
    });
    for (ladder, named, by) in [
        (&["stub/a", "hosted/b"][..], "", Some("stub/a")),
        (&["stub/a", "hosted/b", "stub/c"], "", Some("stub/c")),
        // Whom a person has named nobody else stands in for.
        (&["stub/a", "stub/c"], "hosted/b", None),
    ] {
        let (repo, server) = (TestRepo::with_files(1), RedisServer::alone());
        let url = stub.openai_url();
        let of = |name: &str, more: &str| {
            format!("[providers.{name}]\nwire='openai'\nbase_url='{url}'\nlocal=true\n{more}\n")
        };
        let settings = of("stub", "") + &of("hosted", "api_key_env='HOSTED_API_KEY'");
        let bench = Bench::new(Some(server.url()), &settings)
            .set("confirm.enabled", "true")
            .set("confirm.max_share", "100")
            .set("confirm.model", named)
            .set("queue.max_attempts", "4");
        let rung = |name: &&str| {
            let (provider, model) = name.split_once('/').unwrap();
            format!("[[rungs]]\nprovider='{provider}'\nmodel='{model}'\n")
        };
        let rungs: String = ladder.iter().map(rung).collect();
        std::fs::write(bench.ladder(), format!("name='t'\n{rungs}")).unwrap();
        let _worker = bench.worker(&[]);
        let (id, before) = (bench.enqueue(&repo), stub.requests().len());
        bench.sweep(&repo, &["--wait"]).expect(0);
        let queue = oracle::queue(&server.url()).await;
        let rows = rows(&queue, &id).await;
        let row = rows.values().next().unwrap_or_else(|| panic!("{ladder:?}: no row"));
        let said = row.findings[0].confirmation.as_ref();
        assert_eq!(said.map(|said| said.by.as_str()), by, "{ladder:?} {named}");
        let calls = 1 + u64::from(by.is_some());
        let counted = oracle::check_sweep(&queue, &id).await.calls;
        let made = (stub.requests().len() - before) as u64;
        assert_eq!((counted, made), (calls, calls), "{ladder:?} {named}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_confirmation_nobody_is_asked_a_second_time() {
    for (setting, flag) in [("false", None), ("true", Some("--no-confirm"))] {
        let (repo, server) = (TestRepo::with_files(2), RedisServer::alone());
        let stub = ModelStub::with(|call| review(call, "95%"));
        let bench = bench(&server, &stub, &["a", "b"]).set("confirm.enabled", setting);
        let _worker = bench.worker(&[]);
        let more: Vec<&str> = ["--wait"].into_iter().chain(flag).collect();
        bench.sweep(&repo, &more).expect(0);
        assert_eq!(stub.requests().len(), 2);
    }
}

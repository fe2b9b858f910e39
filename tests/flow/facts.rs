//! Facts of accepted reviews: taken out, checked, kept; and whatever goes wrong there, the review stays
//! accepted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/schemas.rs"]
mod schemas;

use queue_schema::jobs::facts::FactsStage;
use queue_schema::rows::AuditFactsRow;
use queue_schema::rows::facts::FactVerdict;
use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply, Usage, answers};
use scrum_tests::oracle::{self, Seen};
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::{TestRepo, large_file};
use scrum_tests::wait::eventually;
use serde_json::Value;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn stage(call: &Recorded) -> Option<FactsStage> {
    answers::facts_stage(&call.system)
}

/// Good answers to everything.
fn good(call: &Recorded) -> Reply {
    let text = answers::facts_or(&call.system);
    Reply::ok(text.unwrap_or_else(|| answers::markdown_review("any")))
}

fn calls(stub: &ModelStub, wanted: Option<FactsStage>) -> Vec<Recorded> {
    stub.requests().into_iter().filter(|call| stage(call) == wanted).collect()
}

/// A bench whose sweeps take facts out, as they do by default.
fn bench(redis: Option<String>, stub: &ModelStub) -> Bench {
    Bench::with_stub(redis, &stub.openai_url(), &["a", "b"]).set("facts.enabled", "true")
}

fn rows(bench: &Bench) -> Vec<AuditFactsRow> {
    schemas::check_report(&bench.out());
    let text = std::fs::read_to_string(bench.out().join("audit_facts.jsonl")).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn report(bench: &Bench, name: &str) -> String {
    std::fs::read_to_string(bench.out().join(name)).unwrap()
}

fn json(bench: &Bench, name: &str) -> Value {
    serde_json::from_str(&report(bench, name)).unwrap()
}

fn until(bench: &Bench, id: &str, what: &str, reached: impl Fn(&Value) -> bool) {
    eventually(LONG, what, || {
        let all = bench.run(&["status", "--json"]).expect(0).stdout;
        let all: Value = serde_json::from_str(&all).unwrap();
        let sweeps = all["sweeps"].as_array().unwrap();
        sweeps.iter().any(|s| s["id"] == id && reached(s)).then_some(())
    });
}

async fn over(server: &RedisServer, bench: &Bench, id: &str, repo: &TestRepo) -> Seen {
    until(bench, id, "the sweep is over", |s| s["state"] != "running" && s["state"] != "planning");
    oracle::check_all(server, id, repo).await
}

#[test]
fn facts_are_taken_out_by_one_model_and_checked_by_the_next() {
    let repo = TestRepo::with_files(2);
    let stub = ModelStub::with(|call| {
        let Reply::Ok(text, _) = good(call) else { panic!("a good answer") };
        Reply::Ok(text, Usage { cost: Some(0.5), ..Usage::tokens(10, 5) })
    });
    let bench = bench(None, &stub);
    let done = bench.review(&repo, &["--json"]).expect(0);
    assert_eq!((calls(&stub, None).len(), stub.requests().len()), (2, 6));
    let extract = calls(&stub, Some(FactsStage::Extract)).remove(0);
    let verify = calls(&stub, Some(FactsStage::Verify)).remove(0);
    assert_eq!((extract.model.as_str(), verify.model.as_str()), ("a", "b"));
    assert!(extract.prompt.contains("Review of `any` as a whole"), "{}", extract.prompt);
    assert!(
        extract.body["response_format"]["json_schema"]["schema"]["properties"]["facts"]["maxItems"]
            .is_number()
    );
    assert!(
        verify.prompt.contains("1: `parse` drops the error") && verify.prompt.contains("fn read_")
    );

    let row = &rows(&bench)[0];
    assert_eq!((row.pr_number, row.schema_version, row.source.as_str()), (0, 2, "scrum_review"));
    assert!(row.scrum_master_reviewed && row.extracted_at.ends_with('Z'));
    assert_eq!((row.extractor.as_str(), row.verifier.as_str()), ("stub/a", "stub/b"));
    assert_eq!((row.entities.len(), row.facts.len(), row.relationships.len()), (2, 2, 1));
    assert_eq!(row.verdicts, [Some(FactVerdict::Supported), Some(FactVerdict::Unsupported)]);
    assert_eq!(row.verification_preview, answers::verification());
    assert_eq!((row.tokens_in, row.tokens_out, row.cost_usd), (20, 10, Some(1.0)));
    assert_eq!(row.head_sha, repo.git(&["rev-parse", "HEAD"]).trim());

    let summary = json(&bench, "summary.json");
    assert_eq!((&summary["facts"], &summary["facts_failed"]), (&2.into(), &0.into()));
    assert_eq!(summary["tokens_in"], 60, "facts are paid for as well");
    let file = json(&bench, "review_src_f0.rs.json");
    assert_eq!(
        (&file["schema_version"], &file["facts"]["facts"].as_array().unwrap().len()),
        (&4.into(), &2)
    );
    assert!(report(&bench, "review_src_f0.rs.md").contains("Facts: 2 facts, 1 held by `stub/b`"));
    let status: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&status["facts"], &status["tokens_in"]), (&2.into(), &60.into()), "{status}");

    // Another sweep has another marker in its prompts; the questions are the same.
    bench.review(&repo, &["--again"]).expect(0);
    assert_eq!((stub.requests().len(), rows(&bench).len()), (6, 2), "all answers were kept");
}

#[test]
fn facts_can_be_switched_off_and_short_reviews_have_none() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::with(good);
    let on = bench(None, &stub);
    on.review(&repo, &["--no-facts"]).expect(0);
    assert_eq!((stub.requests().len(), rows(&on).len()), (1, 0));
    let off = bench(None, &stub).set("facts.enabled", "false");
    off.review(&repo, &[]).expect(0);
    assert_eq!((stub.requests().len(), rows(&off).len()), (2, 0));
    let long = bench(None, &stub).set("facts.min_chars", "100000");
    long.review(&repo, &[]).expect(0);
    assert_eq!((stub.requests().len(), rows(&long).len()), (3, 0));
    assert_eq!(json(&long, "summary.json")["facts_failed"], 0, "nobody wanted them");
}

#[test]
fn static_checks_alone_have_no_facts_and_are_never_asked_for_any() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::with(good);
    let bench = bench(None, &stub).set("facts.extractor", "stub/a");
    std::fs::write(
        bench.ladder(),
        "name='t'\n[[rungs]]\nprovider='builtin'\nmodel='static-checks'\n",
    )
    .unwrap();
    bench.review(&repo, &[]).expect(0);
    assert_eq!((stub.requests().len(), rows(&bench).len()), (0, 0));
    // With a model further down, that one takes the facts out, and checks them for want of another.
    let rungs = "name='t'\n[[rungs]]\nprovider='builtin'\nmodel='static-checks'\n\
        [[rungs]]\nprovider='stub'\nmodel='c'\n";
    std::fs::write(bench.ladder(), rungs).unwrap();
    bench.review(&repo, &[]).expect(0);
    let row = rows(&bench).remove(0);
    assert_eq!((row.extractor.as_str(), row.verifier.as_str()), ("stub/a", "stub/c"));
    assert_eq!((calls(&stub, None).len(), stub.requests().len()), (0, 2));
}

#[test]
fn wrong_names_are_refused_before_anything_runs() {
    let stub = ModelStub::with(good);
    let repo = TestRepo::with_files(1);
    for (value, says) in [
        ("gpt", "'gpt' is not PROVIDER/MODEL"),
        ("nobody/x", "there is no provider 'nobody'"),
        ("builtin/static-checks", "'builtin' is not a model"),
    ] {
        let bench = bench(None, &stub).set("facts.verifier", value);
        let done = bench.review(&repo, &[]).expect(2);
        assert!(
            done.stderr.contains("facts.verifier") && done.stderr.contains(says),
            "{}",
            done.stderr
        );
    }
}

#[test]
fn an_extractor_that_writes_prose_costs_the_facts_and_not_the_review() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::with(|call| match stage(call) {
        Some(_) => Reply::ok("The review says that all is well, and I agree."),
        None => good(call),
    });
    let bench = bench(None, &stub);
    let done = bench.review(&repo, &[]).expect(0);
    assert!(done.stderr.contains("facts of 1 file could not be extracted"), "{}", done.stderr);
    assert_eq!(
        (stub.requests().len(), rows(&bench).len()),
        (2, 0),
        "nobody checks what is not there"
    );
    let summary = json(&bench, "summary.json");
    assert_eq!((&summary["resolved"], &summary["facts_failed"]), (&1.into(), &1.into()));
    let why = summary["per_file"][0]["facts_trouble"].as_str().unwrap();
    assert!(why.contains("malformed: no JSON object"), "{why}");
    assert!(report(&bench, "review_src_f0.rs.md").contains("No facts: malformed"));
}

#[test]
fn a_verifier_that_refuses_the_key_leaves_unchecked_facts_and_is_told_once() {
    let repo = TestRepo::with_files(4);
    let stub = ModelStub::with(|call| match stage(call) {
        Some(FactsStage::Verify) => Reply::status(401, "no such key"),
        _ => good(call),
    });
    let bench = bench(None, &stub);
    let done = bench.review(&repo, &[]).expect(0);
    assert_eq!(done.stdout.matches("provider error: stub/b").count(), 1, "{}", done.stdout);
    let rows = rows(&bench);
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert_eq!((row.facts.len(), &row.verdicts[..]), (2, &[None, None][..]));
        assert_eq!((row.verification_preview.as_str(), row.verifier.as_str()), ("", "stub/b"));
        assert!(row.verification_error.unwrap().starts_with("error: "));
    }
    let summary = json(&bench, "summary.json");
    assert_eq!((&summary["facts"], &summary["facts_failed"]), (&4.into(), &4.into()));
    assert!(report(&bench, "review_src_f0.rs.md").contains("Facts: 2 facts, not checked: error"));
}

#[test]
fn passing_trouble_is_waited_out_and_a_cut_answer_keeps_what_is_whole() {
    let repo = TestRepo::with_files(1);
    let busy = std::sync::atomic::AtomicBool::new(true);
    let stub = ModelStub::with(move |call| match stage(call) {
        Some(FactsStage::Extract) if busy.swap(false, std::sync::atomic::Ordering::SeqCst) => {
            Reply::overloaded()
        }
        Some(FactsStage::Extract) => Reply::Length("{\"facts\":[\"one\",\"tw".into()),
        Some(FactsStage::Verify) => Reply::Refusal("I must decline.".into()),
        None => good(call),
    });
    let bench = bench(None, &stub);
    bench.review(&repo, &[]).expect(0);
    let row = rows(&bench).remove(0);
    assert_eq!((row.facts, row.cut), (vec!["one".to_owned()], true));
    assert!(row.verification_error.unwrap().starts_with("refused"));
    assert_eq!(stub.requests().len(), 4);
}

#[test]
fn a_large_file_is_checked_against_the_notes_on_it() {
    let repo = TestRepo::new();
    repo.write("big.rs", large_file(12_000).as_bytes());
    repo.commit("big");
    let stub = ModelStub::with(|call| {
        if call.body["max_tokens"] == 400 {
            Reply::ok(answers::shard_summary())
        } else {
            good(call)
        }
    });
    let bench = bench(None, &stub).set("facts.source_chars", "150");
    bench.review(&repo, &[]).expect(0);
    let verify = calls(&stub, Some(FactsStage::Verify)).remove(0).prompt;
    assert!(
        verify.contains("notes on the file\npath: big.rs\n")
            && verify.contains("too large to be shown"),
        "{verify}"
    );
    assert!(verify.contains("Only the beginning is shown, 150 characters"), "{verify}");
    assert_eq!(rows(&bench).len(), 1);
}

#[test]
fn what_the_review_quotes_is_masked_for_models_that_are_not_local() {
    let secret = ["gh", "p_", "q7Rz0KpW3mX9vLb2Ns8TfY4cHd6JgA1eUiQo"].concat();
    let repo = TestRepo::new();
    repo.write("a.rs", format!("const TOKEN: &str = \"{secret}\";\n").as_bytes());
    repo.commit("secret");
    let quoted = secret.clone();
    let stub = ModelStub::with(move |call| {
        if stage(call).is_some() {
            return good(call);
        }
        // A model that guesses what a mask stands for.
        let line = format!("const TOKEN: &str = \"{quoted}\";");
        Reply::ok(answers::markdown_review_quoting("a.rs", &[&line]))
    });
    let bench = bench(None, &stub).set("providers.stub.local", "false");
    bench.review(&repo, &[]).expect(0);
    for call in stub.requests() {
        assert!(!call.body.to_string().contains(&secret), "{}", call.prompt);
    }
    assert_eq!(rows(&bench)[0].masked, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_over_facts_loses_nothing() {
    for at in [FactsStage::Extract, FactsStage::Verify] {
        let (repo, server) = (TestRepo::with_files(1), RedisServer::start());
        let gate = Gate::new();
        let held = gate.clone();
        let stub = ModelStub::with(move |call| {
            if stage(call) == Some(at) { good(call).held_by(&held) } else { good(call) }
        });
        let bench = bench(Some(server.url()), &stub).short_leases();
        let id = bench.enqueue(&repo);
        let before = if at == FactsStage::Extract { 2 } else { 3 };
        let victim = bench.worker(&[]);
        stub.wait_requests(before).await;
        until(&bench, &id, "the file is not done before its facts are", |s| s["live"] == 1);
        victim.kill9();
        gate.open();
        let _other = bench.worker(&[]);
        let seen = over(&server, &bench, &id, &repo).await;
        seen.is_done();
        assert_eq!((seen.sweep.resolved, seen.sweep.facts, seen.sweep.facts_failed), (1, 1, 0));
        assert_eq!(stub.requests().len(), 4, "the call that was in flight is made again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_sweep_is_cancelled_over_its_facts_stays_resolved() {
    let (repo, server, gate) = (TestRepo::with_files(3), RedisServer::start(), Gate::new());
    let held = gate.clone();
    let stub =
        ModelStub::with(
            move |call| {
                if stage(call).is_some() { good(call).held_by(&held) } else { good(call) }
            },
        );
    // One file at a time: the others wait.
    let bench = bench(Some(server.url()), &stub).set("sweep.admission_window", "1");
    let id = bench.enqueue(&repo);
    let worker = bench.worker(&[]);
    stub.wait_requests(2).await;
    bench.run(&["cancel", &id]).expect(0);
    gate.open();
    until(&bench, &id, "its last job is over", |s| s["live"] == 0);
    let seen = oracle::check_all(&server, &id, &repo).await;
    assert_eq!((seen.sweep.resolved, seen.sweep.cancelled), (1, 2), "{:?}", seen.sweep);
    assert!(seen.jobs.is_empty(), "{:?}", seen.jobs);
    assert_eq!(calls(&stub, Some(FactsStage::Verify)).len(), 0, "what would follow is dropped");
    bench.run(&["report", &id, "--out", bench.out().to_str().unwrap()]).expect(1);
    let why = json(&bench, "summary.json")["per_file"][0]["facts_trouble"].clone();
    assert!(why.as_str().unwrap().contains("cancelled first"), "{why}");
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_whose_job_dies_are_a_letter_and_the_file_stays_resolved() {
    let (repo, server, gate) = (TestRepo::with_files(2), RedisServer::start(), Gate::new());
    let held = gate.clone();
    let stub =
        ModelStub::with(
            move |call| {
                if stage(call).is_some() { good(call).held_by(&held) } else { good(call) }
            },
        );
    let bench = bench(Some(server.url()), &stub).short_leases().set("queue.crash_limit", "1");
    let id = bench.enqueue(&repo);
    let victim = bench.worker(&[]);
    stub.wait_requests(4).await;
    victim.kill9();
    let worker = bench.worker(&[]);
    let seen = over(&server, &bench, &id, &repo).await;
    assert_eq!((seen.sweep.resolved, seen.sweep.unresolved, seen.sweep.facts), (2, 0, 0));
    assert_eq!(seen.jobs.get("dead"), Some(&2), "{:?}", seen.jobs);

    let list = bench.run(&["dlq", "list", "--lane", "facts:"]).expect(0).stdout;
    assert!(list.contains(&format!("{id}-0.facts.extract")) && list.contains("poison"), "{list}");
    let show = bench.run(&["dlq", "show", &format!("{id}-0.facts.extract")]).expect(0).stdout;
    assert!(show.contains("src/f0.rs") && show.contains("review   accepted"), "{show}");
    let out = bench.out();
    bench.run(&["report", &id, "--out", out.to_str().unwrap()]).expect(0);
    let summary = json(&bench, "summary.json");
    assert_eq!((&summary["resolved"], &summary["facts_failed"]), (&2.into(), &2.into()));
    assert!(
        report(&bench, "review_src_f0.rs.md")
            .contains("No facts: in the dead-letter queue: poison")
    );

    // One is thrown away, the other one had again; neither changes what was accepted.
    bench.run(&["dlq", "discard", &format!("{id}-1.facts.extract")]).expect(0);
    oracle::check_all(&server, &id, &repo).await;
    gate.open();
    bench.run(&["dlq", "retry", &format!("{id}-0.facts.extract")]).expect(0);
    until(&bench, &id, "it is done", |s| s["state"] == "done" && s["facts"] == 1);
    let seen = oracle::check_all(&server, &id, &repo).await;
    seen.is_done();
    assert_eq!((seen.sweep.resolved, seen.sweep.facts), (2, 1));
    assert!(seen.jobs.is_empty(), "{:?}", seen.jobs);
    drop(worker);
}

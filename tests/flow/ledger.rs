//! Money and trust: what the ledgers say is what the model server served, whoever was killed; and what a
//! sweep comes to, held against the one before.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::keys;
use queue_schema::rows::{LoopMetricsRow, ModelTrustRow, ReviewRow, Row};
use redis::Commands;
use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply, Usage, answers};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Done};
use scrum_tests::redis::{RedisServer, at};
use scrum_tests::repo::{TestRepo, large_file};
use scrum_tests::wait::eventually;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn is_shard(call: &Recorded) -> bool {
    call.body["max_tokens"] == 400
}

fn json(bench: &Bench, args: &[&str]) -> Value {
    let done = bench.run(&[args, &["--json"]].concat()).expect(0);
    serde_json::from_str(&done.stdout).unwrap()
}

fn list<R: Row>(bench: &Bench, args: &[&str]) -> Vec<R> {
    let Value::Array(rows) = json(bench, args) else { panic!("{args:?} gives no list") };
    rows.into_iter().map(|row| serde_json::from_value(row).unwrap()).collect()
}

fn rows(bench: &Bench) -> Vec<ReviewRow> {
    let text = std::fs::read_to_string(bench.out().join("scrum_reviews.jsonl")).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// What a model server has served of one model and task.
#[derive(Debug, Default, Clone, PartialEq)]
struct Served {
    calls: u64,
    limited: u64,
    refused: u64,
    tokens_in: u64,
    tokens_out: u64,
    micro_usd: u64,
}

type Book = Arc<Mutex<BTreeMap<(String, &'static str), Served>>>;

/// An answer to a prompt of a hundred tokens.
fn hundred(text: String) -> Reply {
    Reply::Ok(text, Usage::tokens(100, 10))
}

/// An answer with a price, written into the book.
fn sell(book: &Book, call: &Recorded, text: String) -> Reply {
    let n = call.n as u64;
    let mut book = book.lock().unwrap();
    let task = if is_shard(call) { "shard" } else { "review" };
    let served = book.entry((call.model.clone(), task)).or_default();
    let usage = Usage {
        tokens_in: 1000 + n,
        tokens_out: 10 + n,
        cost: Some((100 + n) as f64 / 1e6),
        provider: None,
        ..Usage::default()
    };
    served.calls += 1;
    served.tokens_in += usage.tokens_in;
    served.tokens_out += usage.tokens_out;
    served.micro_usd += 100 + n;
    Reply::Ok(text, usage)
}

/// The same for a call that gets no answer.
fn turn_away(book: &Book, call: &Recorded, reply: Reply) -> Reply {
    let mut book = book.lock().unwrap();
    let task = if is_shard(call) { "shard" } else { "review" };
    let served = book.entry((call.model.clone(), task)).or_default();
    served.calls += 1;
    match &reply {
        Reply::Status { code: 429, .. } => served.limited += 1,
        _ => served.refused += 1,
    }
    reply
}

/// A review of two rungs and shards: the first rung is thin, and every third call is turned away.
fn market(book: Book) -> ModelStub {
    ModelStub::with(move |call| match (is_shard(call), call.model.as_str()) {
        _ if call.n == 2 => turn_away(&book, call, Reply::rate_limited(1)),
        _ if call.n % 3 == 0 => turn_away(&book, call, Reply::rate_limited(0)),
        // For good, of one shard: the next rung of the shard ladder has it.
        (true, "weak") if call.prompt.contains("shard 1 of") => {
            turn_away(&book, call, Reply::status(400, "no"))
        }
        (true, _) => sell(&book, call, answers::shard_summary()),
        (false, "weak") => sell(&book, call, answers::thin()),
        (false, _) => sell(&book, call, answers::markdown_review("the file")),
    })
}

fn check_against(book: &Book, models: &[ModelTrustRow]) {
    let book = book.lock().unwrap();
    assert_eq!(models.len(), book.len(), "{models:?}");
    for row in models {
        let task = if row.task == "shard" { "shard" } else { "review" };
        let ledger = Served {
            calls: row.calls,
            limited: row.transient,
            refused: row.error,
            tokens_in: row.tokens_in,
            tokens_out: row.tokens_out,
            micro_usd: (row.cost_usd.unwrap() * 1e6).round() as u64,
        };
        assert_eq!(ledger, book[&(row.model.clone(), task)], "{row:?}");
        assert_eq!(row.calls, row.attempts - row.cached + row.transient, "{row:?}");
        let outcomes = [row.thin, row.malformed, row.leaked, row.truncated, row.refused, row.error];
        assert_eq!(row.attempts, row.accepted + outcomes.iter().sum::<u64>(), "{row:?}");
        assert!(row.p50_ms <= row.p90_ms && row.p90_ms <= row.p99_ms, "{row:?}");
        assert_eq!(row.p50_ms.is_some(), row.tokens_in > 0, "{row:?}");
    }
}

#[test]
fn the_ledgers_say_what_was_served_and_all_sums_agree() {
    let repo = TestRepo::with_files(4);
    repo.write("big.rs", large_file(12_000).as_bytes());
    repo.commit("big");
    let book = Book::default();
    let stub = market(Arc::clone(&book));
    let bench = Bench::with_stub(None, &stub.openai_url(), &["weak", "strong"])
        .set("sweep.transient_retries", "50")
        .set("queue.max_attempts", "100");
    bench.review(&repo, &[]).expect(0);

    let of_sweep: Vec<ModelTrustRow> = list(&bench, &["models", "--sweep", "latest"]);
    check_against(&book, &of_sweep);
    let trust: Vec<ModelTrustRow> = list(&bench, &["models"]);
    check_against(&book, &trust);
    assert!(trust.iter().all(|r| r.sweep_id.is_none()));
    let sum = |of: fn(&ModelTrustRow) -> u64| of_sweep.iter().map(of).sum::<u64>();
    assert_eq!(sum(|r| r.calls), stub.requests().len() as u64);
    let weak = of_sweep.iter().find(|r| r.model == "weak" && r.task == "review").unwrap();
    assert_eq!((weak.attempts, weak.thin, weak.accepted), (5, 5, 0));

    // The counters of the sweep, and the rows of its files.
    let status: Value = json(&bench, &["status", "latest"]);
    let status = &status["sweeps"][0];
    assert_eq!(status["attempts"], sum(|r| r.attempts));
    assert_eq!(status["tokens_in"], sum(|r| r.tokens_in));
    assert_eq!(status["tokens_out"], sum(|r| r.tokens_out));
    let micro = sum(|r| (r.cost_usd.unwrap() * 1e6).round() as u64);
    assert_eq!(status["cost_micro_usd"], micro);
    let rows = rows(&bench);
    assert_eq!(rows.iter().map(|r| r.tokens_in).sum::<u64>(), sum(|r| r.tokens_in));
    assert_eq!(rows.iter().map(|r| r.tokens_out).sum::<u64>(), sum(|r| r.tokens_out));
    assert_eq!(rows.iter().map(|r| r.duration_ms).sum::<u64>(), sum(|r| r.duration_ms));
    let cost: f64 = rows.iter().filter_map(|r| r.cost_usd).sum();
    assert!((cost * 1e6 - micro as f64).abs() < 0.5, "{cost} {micro}");

    // The report has the same, and people can read it.
    let summary = std::fs::read_to_string(bench.out().join("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["models"], serde_json::to_value(&of_sweep).unwrap());
    let report = std::fs::read_to_string(bench.out().join("scrum_report.md")).unwrap();
    assert!(report.contains("# Models") && report.contains("| `stub/strong` | review | 5 | 5 |"));
    let shown = bench.run(&["models"]).expect(0).stdout;
    assert!(shown.contains("stub/strong") && shown.contains("5/5 100%"), "{shown}");
    assert!(shown.contains("5 thin") && shown.contains("transient"), "{shown}");
    assert!(shown.lines().all(|l| l.chars().count() <= 100), "{shown}");

    // Asked again, all answers are found: attempts, and not a call or token more.
    let before = stub.requests().len();
    bench.review(&repo, &["--again"]).expect(0);
    let again: Vec<ModelTrustRow> = list(&bench, &["models", "--sweep", "latest"]);
    // The shard that was turned away for good is no answer, so it is asked for again.
    let new = (stub.requests().len() - before) as u64;
    assert_eq!(again.iter().map(|r| r.calls).sum::<u64>(), new);
    assert!(again.iter().filter(|r| r.task == "review").all(|r| r.cached == r.attempts));
    assert_eq!(again.iter().map(|r| r.tokens_in).sum::<u64>(), 0, "{again:?}");
    let trust: Vec<ModelTrustRow> = list(&bench, &["models"]);
    check_against(&book, &trust);
}

/// A call that was made, and whose worker died before it could commit, is the one exception: nobody is
/// left to count it. It is made again.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_leaves_no_call_uncounted_but_those_that_it_died_in() {
    const HELD: usize = 3;
    const BEFORE: usize = 5;
    let server = RedisServer::start();
    let repo = TestRepo::with_files(12);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call| {
        let answer = hundred(answers::markdown_review("the file"));
        let dies = (BEFORE + 1..=BEFORE + HELD).contains(&call.n);
        if dies { answer.held_by(&held) } else { answer }
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).short_leases();
    let id = bench.enqueue(&repo);
    let queue = oracle::queue(&server.url()).await;
    let worker = bench.worker(&["--concurrency", &HELD.to_string()]);
    stub.wait_in_flight(HELD).await;
    stub.wait_requests(BEFORE + HELD).await;
    eventually(LONG, "all others are committed", || {
        let status = json(&bench, &["status", &id]);
        (status["sweeps"][0]["attempts"] == BEFORE).then_some(())
    });
    worker.kill9();
    gate.open();
    let _other = bench.worker(&["--concurrency", "4"]);
    let done = bench.run(&["status", &id, "--watch", "--quiet"]).expect(0);
    assert!(done.stdout.contains("done"), "{}", done.stdout);
    oracle::check_all(&server, &id, &repo).await.is_done();

    let status = queue.sweep_status(&id).await.unwrap().unwrap();
    let calls = stub.requests().len();
    assert_eq!(calls, 12 + HELD, "what was in flight was asked for again");
    let ledger = queue.ledger(&id).await.unwrap();
    assert_eq!(ledger, queue.trust().await.unwrap());
    let [counts] = &ledger.values().collect::<Vec<_>>()[..] else { panic!("one model") };
    assert_eq!(counts["calls"], (calls - HELD) as u64);
    assert_eq!((counts["attempts"], counts["accepted"]), (12, 12));
    assert_eq!((counts["tokens_in"], status.tokens_in), (1200, 1200));
    assert_eq!(counts["tokens_out"], status.tokens_out);
    let met = queue.loop_counters(&id).await.unwrap();
    assert_eq!((met["files"], met["findings"]), (12, 36));
    assert_eq!(counts.keys().filter(|k| *k == "cost_micro_usd").count(), 0, "no price was told");
}

#[test]
fn a_second_sweep_says_what_has_changed_and_whether_it_can_be_compared() {
    let repo = TestRepo::new();
    repo.write("src/a.rs", b"// TODO: bound it\npub fn a() {\n    todo!()\n}\n");
    repo.write("src/b.rs", b"#[allow(dead_code)]\npub struct FakeStore;\n");
    repo.commit("first");
    // One finding for each quote: fewer where the work was done.
    let stub = ModelStub::with(|call| {
        let quotes = if call.prompt.contains("todo!()") { 3 } else { 1 };
        let quotes = answers::quotes_from(&call.prompt, quotes);
        let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
        hundred(answers::markdown_review_quoting("the file", &quotes))
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    let path = repo.path().to_str().unwrap();
    bench.review(&repo, &[]).expect(0);
    let first: Vec<LoopMetricsRow> = list(&bench, &["metrics", path]);
    let [first] = &first[..] else { panic!("one sweep: {first:?}") };
    let m = first.numbers.markers;
    assert_eq!((m.todo, m.placeholder, m.dead_code), (2, 1, 1));
    assert_eq!((first.delta, first.previous_sweep.as_ref()), (None, None));
    let report = || std::fs::read_to_string(bench.out().join("scrum_report.md")).unwrap();
    assert!(!report().contains("# Progress"));

    repo.write(
        "src/a.rs",
        b"// TODO: bound it\npub fn a() -> usize {\n    let limit = 1;\n    limit\n}\n",
    );
    repo.write("src/c.rs", b"pub fn c() -> &'static str {\n    \"a string\"\n}\n");
    repo.commit("second");
    bench.review(&repo, &[]).expect(0);
    let both: Vec<LoopMetricsRow> = list(&bench, &["metrics", path]);
    let [second, older] = &both[..] else { panic!("two sweeps: {both:?}") };
    assert_eq!(older, first, "newest first");
    let delta = second.delta.unwrap();
    assert_eq!(second.previous_sweep.as_ref(), Some(&first.sweep_id));
    assert_eq!((delta.resolved, delta.markers.todo, delta.markers.dead_code), (1, -1, 0));
    let (now, before) = (&second.numbers, &first.numbers);
    assert_eq!(delta.findings, now.findings - before.findings);
    assert_eq!(now.findings, now.severity.minor, "suggestions");
    // A file that has not changed is answered from the cache.
    assert_eq!((now.attempts, now.calls, now.tokens_in), (3, 2, 200));
    assert!(second.not_like_for_like.is_empty(), "{:?}", second.not_like_for_like);
    let rows = rows(&bench);
    assert_eq!(rows.iter().map(|r| r.findings.len()).sum::<usize>(), now.findings as usize);
    let anchored = rows.iter().flat_map(|r| &r.findings).filter(|f| f.anchored).count();
    assert_eq!((now.anchored as usize, now.anchored + now.unanchored), (anchored, now.findings));
    let kept = std::fs::read_to_string(bench.out().join("scrum_loop_metrics.jsonl")).unwrap();
    assert_eq!(&serde_json::from_str::<LoopMetricsRow>(&kept).unwrap(), second);
    let text = report();
    let progress = text.split("# Progress").nth(1).unwrap();
    assert!(progress.contains("- lines that mark open work: 1 (-1)"), "{progress}");
    assert!(!progress.contains("Not like for like"), "{progress}");

    // Of other files it says so, and shows it; `--limit` holds against what it does not show.
    bench.review(&repo, &["--target", "src/a.rs"]).expect(0);
    let shown = bench.run(&["metrics", path, "--limit", "1"]).expect(0).stdout;
    assert!(shown.contains("not like for like: other targets (src/a.rs"), "{shown}");
    assert!(shown.contains(&format!("against {}", second.sweep_id)), "{shown}");
    assert!(shown.lines().all(|l| l.chars().count() <= 100), "{shown}");
    let text = report();
    assert!(text.contains("**Not like for like**: other targets") && !text.contains("Worse:"));
    // Without a repository: that of the directory, else all.
    let mut inside = bench.scrum(&["metrics", "--json"]);
    let inside =
        Done::from(inside.current_dir(repo.path().join("src")).output().unwrap()).expect(0);
    assert_eq!(inside.stdout, bench.run(&["metrics", "--json"]).expect(0).stdout);
    assert_eq!(list::<LoopMetricsRow>(&bench, &["metrics"]).len(), 3);
}

#[test]
fn forgetting_a_sweep_takes_its_counters_and_leaves_trust() {
    let server = RedisServer::start();
    let stub = ModelStub::start(Reply::ok(answers::markdown_review("the file")));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    assert!(bench.run(&["models"]).expect(0).stdout.contains("no model was asked"));
    assert!(bench.run(&["metrics"]).expect(0).stdout.contains("no sweeps yet"));
    let repo = TestRepo::with_files(2);
    let _worker = bench.worker(&[]);
    let id = bench.enqueue(&repo);
    bench.run(&["status", &id, "--watch", "--quiet"]).expect(0);
    let mut conn = server.connection();
    let mut counted = || {
        let names = [keys::ledger("*"), keys::loop_counters("*"), keys::TRUST.to_owned()];
        names.map(|name| conn.keys::<_, Vec<String>>(at(name)).unwrap().len())
    };
    assert_eq!(counted(), [1, 1, 1]);
    let trust = bench.run(&["models", "--json"]).expect(0).stdout;
    bench.run(&["forget", &id]).expect(0);
    assert_eq!(counted(), [0, 0, 1]);
    assert_eq!(bench.run(&["models", "--json"]).expect(0).stdout, trust);
    let path = repo.path().to_str().unwrap();
    assert_eq!(list::<LoopMetricsRow>(&bench, &["metrics", path]).len(), 0);
    let shown = bench.run(&["metrics", path]).expect(0).stdout;
    assert!(shown.contains("no sweeps of"), "{shown}");
}

#[test]
fn a_provider_that_claims_absurd_numbers_spoils_no_counter() {
    let repo = TestRepo::with_files(4);
    repo.write("big.rs", large_file(12_000).as_bytes());
    repo.commit("big");
    let stub = ModelStub::with(|call| {
        let usage = match call.n {
            1 => Usage::tokens(u64::MAX, 0),
            2 => Usage::tokens(u64::MAX, u64::MAX),
            3 => Usage { cost: Some(1e300), ..Usage::tokens(0, u64::MAX) },
            4 => Usage { cost: Some(-5.0), ..Usage::tokens(100, 10) },
            _ => Usage::tokens(100, 10),
        };
        let summary = is_shard(call).then(answers::shard_summary);
        Reply::Ok(summary.unwrap_or_else(|| answers::markdown_review("the file")), usage)
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    bench.review(&repo, &[]).expect(0);
    let status = json(&bench, &["status", "latest"])["sweeps"][0].clone();
    assert_eq!((&status["resolved"], &status["unresolved"]), (&5.into(), &0.into()), "{status}");
    let models: Vec<ModelTrustRow> = list(&bench, &["models", "--sweep", "latest"]);
    assert_eq!(status["tokens_in"], models.iter().map(|m| m.tokens_in).sum::<u64>());
    let cost: f64 = models.iter().filter_map(|m| m.cost_usd).sum();
    assert_eq!(status["cost_micro_usd"].as_u64().unwrap(), (cost * 1e6).round() as u64);
}

/// What the last sweep took, as each of the places says that show it: calls, tokens, dollars.
fn bills(bench: &Bench, repo: &TestRepo) -> [(u64, u64, u64, f64); 5] {
    let bill = |v: &Value, micro: Option<&Value>| {
        let n = |name: &str| v[name].as_u64().unwrap();
        let usd = micro.map_or_else(|| v["cost_usd"].as_f64(), |m| Some(m.as_f64()? / 1e6));
        (n("calls"), n("tokens_in"), n("tokens_out"), usd.unwrap())
    };
    // Of a sweep with an unresolved file the command says so by its exit code.
    let status = bench.run(&["status", "latest", "--json"]).expect(1).stdout;
    let status = serde_json::from_str::<Value>(&status).unwrap()["sweeps"][0].clone();
    let metrics = json(bench, &["metrics", repo.path().to_str().unwrap()])[0].clone();
    let models: Vec<ModelTrustRow> = list(bench, &["models", "--sweep", "latest"]);
    let sum = |of: fn(&ModelTrustRow) -> u64| models.iter().map(of).sum::<u64>();
    let usd = models.iter().filter_map(|m| m.cost_usd).sum();
    let models = (sum(|m| m.calls), sum(|m| m.tokens_in), sum(|m| m.tokens_out), usd);
    let read = |name: &str| std::fs::read_to_string(bench.out().join(name)).unwrap();
    let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
    let report = read("scrum_report.md");
    let line = report.split_once("model calls: ").unwrap().1.lines().next().unwrap();
    let told: Vec<f64> = line.split([' ', ',', '$']).filter_map(|w| w.parse().ok()).collect();
    let [calls, tokens_in, tokens_out, usd] = told[..] else { panic!("{line}") };
    let report = (calls as u64, tokens_in as u64, tokens_out as u64, usd);
    [
        report,
        bill(&summary, None),
        bill(&status, status.get("cost_micro_usd")),
        bill(&metrics, None),
        models,
    ]
}

#[test]
fn the_report_bills_what_was_paid_and_what_was_found_is_free() {
    let repo = TestRepo::with_files(2);
    repo.write("big.rs", large_file(12_000).as_bytes());
    repo.write("src/hopeless.rs", b"pub fn hopeless() -> usize {\n    7\n}\n");
    repo.commit("big");
    let stub = ModelStub::with(|call| {
        let usage = Usage { cost: Some(0.0125), ..Usage::tokens(100, 10) };
        if is_shard(call) {
            return Reply::Ok(answers::shard_summary(), usage);
        }
        let hopeless = call.prompt.contains("hopeless");
        let review = || if hopeless { answers::thin() } else { answers::markdown_review("any") };
        Reply::Ok(answers::facts_or(&call.system).unwrap_or_else(review), usage)
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]).set("facts.enabled", "true");
    let same = |calls: usize| {
        let calls = calls as u64;
        let want = (calls, 100 * calls, 10 * calls, 0.0125 * calls as f64);
        for (calls, tokens_in, tokens_out, usd) in bills(&bench, &repo) {
            assert_eq!((calls, tokens_in, tokens_out), (want.0, want.1, want.2));
            assert!((usd - want.3).abs() < 1e-9, "{usd} {}", want.3);
        }
    };
    bench.review(&repo, &[]).expect(1);
    let calls = stub.requests().len();
    same(calls);
    bench.review(&repo, &["--again"]).expect(1);
    assert_eq!(stub.requests().len(), calls, "all answers were kept");
    same(0);
    assert!(rows(&bench).iter().all(|r| (r.tokens_in, r.cost_usd) == (0, Some(0.0))));
    let facts = std::fs::read_to_string(bench.out().join("audit_facts.jsonl")).unwrap();
    for row in facts.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        assert_eq!((&row["tokens_in"], &row["cost_usd"]), (&0.into(), &0.0.into()));
    }
}

//! Budgets: a sweep that may not spend enough makes do with less, stops, says what it left out, and
//! goes on with a larger one without asking anything twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_tests::model_stub::{ModelStub, Recorded, Reply, Usage, answers};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Done};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::{TestRepo, large_file};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Every answer takes as many tokens of prompt and of text.
fn review(tokens: u64) -> Reply {
    Reply::Ok(answers::markdown_review("any"), Usage::tokens(tokens, tokens))
}

fn is_shard(call: &Recorded) -> bool {
    call.body["max_tokens"] == 400
}

/// A fleet, one job at a time so that steps come in one order, and a ladder with prices.
struct Fleet {
    bench: Bench,
    server: RedisServer,
    repo: TestRepo,
    stub: ModelStub,
}

impl Fleet {
    fn new(repo: TestRepo, stub: ModelStub, rungs: &[(&str, Option<u32>)]) -> Self {
        let server = RedisServer::start();
        let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &[])
            .set("budget.wait_ms", "20")
            .set("worker.concurrency", "1");
        let mut ladder = String::from("name = 'test'\n");
        for (model, price) in rungs {
            let _ = write!(ladder, "[[rungs]]\nprovider = 'stub'\nmodel = '{model}'\n");
            if let Some(price) = price {
                let _ = writeln!(ladder, "usd_per_million_in = {price}.0");
                let _ = writeln!(ladder, "usd_per_million_out = {price}.0");
            }
        }
        std::fs::write(bench.ladder(), ladder).unwrap();
        Self { bench, server, repo, stub }
    }

    fn set(mut self, key: &str, value: &str) -> Self {
        self.bench = self.bench.set(key, value);
        self
    }

    fn run(&self, more: &[&str]) -> Done {
        let (ladder, out) = (self.bench.ladder(), self.bench.out());
        let mut args = vec![
            "run",
            self.repo.path().to_str().unwrap(),
            "--ladder",
            ladder.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ];
        args.extend(more);
        let done = self.bench.run(&args);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        if done.code < 2 {
            runtime.block_on(async {
                let queue = oracle::queue(&self.server.url()).await;
                let id = queue.latest_sweeps(1).await.unwrap().remove(0);
                oracle::check_all(&self.server, &id, &self.repo).await.is_done();
            });
        }
        done
    }

    fn calls(&self) -> usize {
        self.stub.requests().len()
    }

    fn by_model(&self) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for call in self.stub.requests() {
            *all.entry(call.model).or_default() += 1;
        }
        all
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.bench.out().join(name)).unwrap()
    }

    fn summary(&self) -> Value {
        serde_json::from_str(&self.file("summary.json")).unwrap()
    }

    fn sweep(&self) -> Value {
        let done = self.bench.run(&["status", "latest", "--json"]);
        serde_json::from_str::<Value>(&done.stdout).unwrap()["sweeps"][0].clone()
    }

    fn no_letters(&self) {
        let list = self.bench.run(&["dlq", "list", "--json"]).expect(0);
        assert_eq!(list.stdout.trim(), "[]");
    }

    /// No question was asked twice.
    fn nothing_twice(&self) {
        let mut seen = std::collections::HashSet::new();
        for call in self.stub.requests() {
            assert!(seen.insert(call.body.to_string()), "asked twice: {}", call.prompt);
        }
    }
}

fn left_out(summary: &Value) -> Vec<(String, String)> {
    let all = summary["left_out"].as_array().unwrap().iter();
    let word = |v: &Value| v.as_str().unwrap_or("not started").to_owned();
    all.map(|f| (word(&f["file"]), word(&f["reason"]))).collect()
}

#[test]
fn a_budget_of_calls_is_kept_and_the_rest_is_left_out_by_name() {
    let stub = ModelStub::with(|_| review(10));
    let fleet =
        Fleet::new(TestRepo::with_files(6), stub, &[("m", None)]).set("worker.concurrency", "8");
    let done = fleet.run(&["--budget-calls", "3"]).expect(1);
    assert_eq!(fleet.calls(), 3, "no call over the cap, however many jobs run at a time");
    assert!(done.stdout.contains("3 of 6 files reviewed, 0 unresolved"), "{}", done.stdout);
    assert!(
        done.stdout.contains("3 files were left out because of the budget (3 of 3 calls spent)"),
        "{}",
        done.stdout
    );
    fleet.no_letters();
    let summary = fleet.summary();
    assert_eq!((&summary["resolved"], left_out(&summary).len()), (&3.into(), 3));
    let budget = &summary["budget"];
    assert_eq!((&budget["calls"], &budget["spent"]["calls"]), (&3.into(), &3.into()));
    assert_eq!((&budget["stopped"], &budget["tokens"]), (&true.into(), &Value::Null));
    let covered = summary["per_file"].as_array().unwrap();
    assert_eq!(covered.iter().filter(|f| f["status"] == "left_out").count(), 3, "{covered:?}");
    let report = fleet.file("scrum_report.md");
    assert!(report.contains("# Left out") && report.contains("--budget-calls"), "{report}");
    assert!(report.contains("- Budget: 3 of 3 calls spent"), "{report}");
    for (file, _) in left_out(&summary) {
        assert!(report.contains(&format!("- `{file}`: ")), "{file} is named: {report}");
    }
    let status = fleet.bench.run(&["status", "latest"]).expect(1).stdout;
    assert!(status.contains("3 left out") && status.contains("3 of 3 calls"), "{status}");

    // The same again changes nothing; what is not said stays.
    fleet.run(&["--budget-calls", "3"]).expect(1);
    fleet.run(&[]).expect(1);
    assert_eq!(fleet.calls(), 3);
    let done = fleet.run(&["--budget-calls", "5"]).expect(1);
    assert!(done.stderr.contains("left out by the old budget: 3 files"), "{}", done.stderr);
    assert_eq!(fleet.calls(), 5);
    let done = fleet.run(&["--budget-calls", "0"]).expect(0);
    assert!(done.stdout.contains("6 of 6 files reviewed"), "{}", done.stdout);
    assert_eq!((fleet.calls(), &fleet.sweep()["calls"]), (6, &6.into()));
    assert!(!fleet.file("scrum_report.md").contains("Left out"));
    fleet.nothing_twice();
}

#[test]
fn near_a_budget_of_tokens_a_rejected_review_gets_no_further_attempt() {
    let stub = ModelStub::with(|call| {
        if call.model == "weak" && call.prompt.contains("read_3") {
            Reply::Ok(answers::thin(), Usage::tokens(1000, 1000))
        } else {
            review(1000)
        }
    });
    // One after the other: the last one that is begun is the one that is rejected.
    let fleet = Fleet::new(TestRepo::with_files(4), stub, &[("weak", None), ("strong", None)])
        .set("sweep.max_tokens", "100")
        .set("sweep.admission_window", "1");
    fleet.run(&["--budget-tokens", "10000"]).expect(1);
    assert_eq!(fleet.by_model(), BTreeMap::from([("weak".to_owned(), 4)]));
    let summary = fleet.summary();
    let [(file, why)] = &left_out(&summary)[..] else { panic!("one file: {summary}") };
    assert_eq!((file.as_str(), why.as_str()), ("src/f3.rs", "8000 of 10000 tokens are spent"));
    assert_eq!(summary["budget"]["degraded"], true);
    let report = fleet.file("scrum_report.md");
    assert!(report.contains("  - 1: `stub/weak`, thin"), "its attempt is told: {report}");
    fleet.no_letters();

    fleet.run(&["--budget-tokens", "50000"]).expect(0);
    let models = BTreeMap::from([("strong".to_owned(), 1), ("weak".to_owned(), 4)]);
    assert_eq!(fleet.by_model(), models, "what was answered is not asked again");
    let sweep = fleet.sweep();
    assert_eq!((&sweep["calls"], &sweep["tokens_in"]), (&5.into(), &5000.into()));
    fleet.nothing_twice();
}

#[test]
fn near_a_budget_of_dollars_only_the_cheapest_rung_is_asked() {
    let stub = ModelStub::with(|_| review(1000));
    let rungs = [("dear", Some(20)), ("cheap", Some(1))];
    let fleet =
        Fleet::new(TestRepo::with_files(14), stub, &rungs).set("sweep.admission_window", "1");
    // A dear call takes four cents, a cheap one a fifth of a cent.
    let done = fleet.run(&["--budget-usd", "0.10"]).expect(1);
    let models = BTreeMap::from([("cheap".to_owned(), 8), ("dear".to_owned(), 2)]);
    assert_eq!(fleet.by_model(), models, "8 cents by two, then cheaply up to 95 percent");
    let order: Vec<_> = fleet.stub.requests().into_iter().map(|c| c.model).collect();
    assert_eq!(order[..2], ["dear", "dear"], "the ladder's first rung while there is money");
    assert!(
        done.stdout.contains("4 files were left out because of the budget ($0.096 of $0.10 spent)"),
        "{}",
        done.stdout
    );
    let summary = fleet.summary();
    assert_eq!(left_out(&summary).len(), 4);
    assert!((summary["cost_usd"].as_f64().unwrap() - 0.096).abs() < 1e-9, "{summary}");
    // A rung passed over is no attempt.
    let attempts = summary["per_file"].as_array().unwrap().iter().map(|f| &f["attempts"]);
    assert_eq!(attempts.filter(|a| **a == 1).count(), 10);
    assert_eq!(fleet.sweep()["budget"]["spent"]["usd"], 0.096);
    fleet.no_letters();

    fleet.run(&["--budget-usd", "10"]).expect(0);
    let models = BTreeMap::from([("cheap".to_owned(), 8), ("dear".to_owned(), 6)]);
    assert_eq!(fleet.by_model(), models);
    fleet.nothing_twice();
}

#[test]
fn what_the_provider_says_of_a_call_wins_over_its_price() {
    let stub = ModelStub::with(|_| {
        let usage = Usage { cost: Some(0.25), ..Usage::tokens(1000, 1000) };
        Reply::Ok(answers::markdown_review("any"), usage)
    });
    let fleet = Fleet::new(TestRepo::with_files(2), stub, &[("m", Some(1))]);
    fleet.run(&["--budget-usd", "5"]).expect(0);
    assert_eq!(fleet.sweep()["cost_micro_usd"], 500_000);
    let row = fleet.file("scrum_reviews.jsonl");
    let row: Value = serde_json::from_str(row.lines().next().unwrap()).unwrap();
    assert_eq!(row["cost_usd"], 0.25);
}

#[test]
fn a_price_that_only_the_provider_knows_keeps_the_cap_with_many_calls_at_once() {
    let stub = ModelStub::with(|_| {
        let usage = Usage { cost: Some(0.01), ..Usage::tokens(1000, 1000) };
        Reply::Ok(answers::markdown_review("any"), usage)
    });
    let fleet =
        Fleet::new(TestRepo::with_files(8), stub, &[("m", None)]).set("worker.concurrency", "8");
    fleet.run(&["--budget-usd", "0.035"]).expect(1);
    assert_eq!(fleet.calls(), 3, "$0.03 of $0.035");
    assert_eq!(fleet.sweep()["cost_micro_usd"], 30_000);
    assert!(fleet.stub.stats().max_in_flight <= 2, "the first goes alone, the next two fit");
}

#[test]
fn a_review_whose_parts_are_not_all_read_is_left_out_and_taken_up_with_them() {
    let repo = TestRepo::new();
    repo.write("big.rs", large_file(12_000).as_bytes());
    repo.commit("big");
    let stub = ModelStub::with(|call| {
        if is_shard(call) { Reply::ok(answers::shard_summary()) } else { review(10) }
    });
    let fleet = Fleet::new(repo, stub, &[("m", None)]);
    fleet.run(&["--budget-calls", "2"]).expect(1);
    assert_eq!(fleet.calls(), 2);
    let left = left_out(&fleet.summary());
    let [(file, why)] = &left[..] else { panic!("one file: {left:?}") };
    assert_eq!(file, "big.rs");
    assert!(why.starts_with("part ") && why.ends_with("2 of 2 calls are spent"), "{why}");
    fleet.no_letters();
    fleet.run(&["--budget-calls", "0"]).expect(0);
    let shards = fleet.stub.requests().iter().filter(|c| is_shard(c)).count();
    assert_eq!(fleet.calls(), shards + 1, "each part once, and one review");
    let row: Value = serde_json::from_str(fleet.file("scrum_reviews.jsonl").trim()).unwrap();
    assert_eq!(
        (&row["shards_total"], &row["shards_missing"]),
        (&shards.into(), &Value::Array(vec![]))
    );
    fleet.nothing_twice();
}

#[test]
fn a_budget_too_small_for_a_single_call_makes_none_and_says_so() {
    let stub = ModelStub::with(|_| review(10));
    let fleet = Fleet::new(TestRepo::with_files(3), stub, &[("m", None)]);
    fleet.run(&["--budget-tokens", "200"]).expect(1);
    assert_eq!(fleet.calls(), 0);
    let left = left_out(&fleet.summary());
    assert_eq!(left.len(), 3);
    let why = &left[0].1;
    assert!(why.starts_with("0 of 200 tokens are spent, and the next call may take "), "{why}");
    fleet.no_letters();
}

#[test]
fn tokens_that_no_provider_tells_are_guessed_so_that_the_cap_holds() {
    let silent = |_: &Recorded| Reply::Ok(answers::markdown_review("any"), Usage::default());
    let fleet = Fleet::new(TestRepo::with_files(6), ModelStub::with(silent), &[("m", Some(10))])
        .set("sweep.max_tokens", "100");
    fleet.run(&["--budget-tokens", "3000"]).expect(1);
    let (calls, sweep) = (fleet.calls(), fleet.sweep());
    assert!((1..6).contains(&calls), "{calls}");
    let spent = sweep["budget"]["spent"]["tokens"].as_u64().unwrap();
    assert!(spent > 0 && spent <= 3000, "{sweep}");
    assert_eq!((&sweep["tokens_in"], &sweep["tokens_out"]), (&0.into(), &0.into()));
    assert_eq!(sweep["cost_micro_usd"].as_u64().unwrap(), spent * 10, "by the price");
}

#[test]
fn failed_calls_count_and_answers_from_the_cache_do_not() {
    let stub = ModelStub::with(|call| match call.model.as_str() {
        "broken" => Reply::status(500, "no"),
        _ => review(10),
    });
    let fleet = Fleet::new(TestRepo::with_files(1), stub, &[("broken", None), ("m", None)])
        .set("sweep.transient_retries", "1");
    fleet.run(&["--budget-calls", "10"]).expect(0);
    assert_eq!((fleet.calls(), &fleet.sweep()["calls"]), (3, &3.into()), "two tries, one answer");
    // Another sweep over the same: the failed ones are asked again, the answered one is not.
    fleet.run(&["--budget-calls", "2", "--again"]).expect(0);
    let sweep = fleet.sweep();
    assert_eq!((fleet.calls(), &sweep["calls"], &sweep["tokens_in"]), (5, &2.into(), &0.into()));
}

#[test]
fn the_settings_give_every_sweep_a_budget_and_unpriced_rungs_are_told() {
    let stub = ModelStub::with(|_| review(10));
    let fleet = Fleet::new(TestRepo::with_files(3), stub, &[("m", None)])
        .set("budget.calls", "2")
        .set("budget.usd", "1.5")
        .set("providers.stub.local", "false");
    let done = fleet.run(&[]).expect(1);
    assert_eq!(fleet.calls(), 2);
    assert_eq!(done.stderr.matches("no price is known of stub/m").count(), 1, "{}", done.stderr);
    assert_eq!(fleet.sweep()["budget"]["usd"], 1.5);
}

#[test]
fn budgets_that_are_none_are_refused() {
    let fleet = Fleet::new(TestRepo::with_files(1), ModelStub::with(|_| review(1)), &[("m", None)]);
    for (option, value, words) in [
        ("--budget-usd", "NaN", "write dollars"),
        ("--budget-usd", "-1", "write dollars"),
        ("--budget-usd", "five", "'five' is not a number"),
        ("--budget-tokens", "-5", "write a whole number"),
        ("--budget-calls", "2.5", "write a whole number"),
    ] {
        let done = fleet.run(&[option, value]).expect(2);
        assert!(done.stderr.contains(words), "{option} {value}: {}", done.stderr);
        assert!(done.stderr.contains(option), "{option} {value}: {}", done.stderr);
    }
    let fleet = fleet.set("budget.usd", "-3");
    let done = fleet.run(&[]).expect(2);
    assert!(done.stderr.contains("budget.usd"), "{}", done.stderr);
    assert_eq!(fleet.calls(), 0);
}

#[test]
fn facts_that_the_budget_refuses_are_no_attempts() {
    // Reviews are small and facts may be long, so that it is their calls that no longer fit.
    let stub = ModelStub::with(|call| {
        let text =
            answers::facts_or(&call.system).unwrap_or_else(|| answers::markdown_review("any"));
        Reply::Ok(text, Usage::tokens(10, 10))
    });
    let fleet = Fleet::new(TestRepo::with_files(2), stub, &[("m", None)])
        .set("facts.enabled", "true")
        .set("facts.max_tokens", "60000")
        .set("sweep.max_tokens", "100");
    fleet.run(&["--budget-tokens", "50000"]).expect(0);
    assert_eq!(fleet.calls(), 2, "the reviews alone");
    let sweep = fleet.sweep();
    assert_eq!((&sweep["facts"], &sweep["facts_failed"]), (&0.into(), &2.into()), "{sweep}");
    let models = fleet.summary()["models"].as_array().unwrap().clone();
    let told: u64 = models.iter().map(|m| m["attempts"].as_u64().unwrap()).sum();
    assert_eq!((&sweep["attempts"], told), (&2.into(), 2), "{sweep}");
}

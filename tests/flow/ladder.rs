//! The ladder, against a stub that speaks the real wire format: rungs fail, the next one learns.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/schemas.rs"]
mod schemas;

#[path = "ladder/judged.rs"]
mod judged;
#[path = "ladder/transient.rs"]
mod transient;

use queue_schema::keys;
use queue_schema::rows::{Outcome, ReviewRow};
use redis::Commands;
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, Rule, answers};
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::{TestRepo, large_file};
use scrum_tests::wait::eventually;
use serde_json::Value;
use std::sync::Mutex;
use std::time::Duration;

const SHARD: &str = "Shard ";

/// The reviewer's prompt of a whole file ends in no shard instructions.
fn is_shard(call: &Recorded) -> bool {
    call.body["max_tokens"] == 400
}

fn rows(bench: &Bench) -> Vec<ReviewRow> {
    schemas::check_report(&bench.out());
    let text = std::fs::read_to_string(bench.out().join("scrum_reviews.jsonl")).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn a_failed_rung_teaches_the_next() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(vec![
        Rule::model("weak", Reply::ok(answers::thin())),
        Rule::model("chatty", Reply::Length("A very long start".into())),
        Rule::any(Reply::ok(answers::markdown_review("src/f0.rs"))),
    ]);
    let bench = Bench::with_stub(None, &stub.openai_url(), &["weak", "chatty", "strong"]);
    bench.review(&repo, &[]).expect(0);
    let row = rows(&bench).remove(0);
    assert_eq!(
        (row.accepted_model.as_str(), row.accepted_on_attempt, row.attempts_made),
        ("stub/strong", 3, 3)
    );
    let outcomes: Vec<_> = row.attempts.iter().map(|a| a.outcome).collect();
    assert_eq!(outcomes, [Outcome::Thin, Outcome::Truncated, Outcome::Accepted]);
    let calls = stub.requests();
    assert_eq!(calls.len(), 3);
    assert!(!calls[0].prompt.contains("stub/weak"), "the first attempt has nothing to learn from");
    let last = &calls[2].prompt;
    assert!(last.contains("stub/weak") && last.contains("thin"), "{last}");
    assert!(last.contains("stub/chatty") && last.contains("truncated"), "{last}");
    assert!(last.find("stub/chatty") > last.find("read_0"), "the learning context stands last");
    assert!(row.tokens_in > 0 && row.tokens_out > 0);
}

#[test]
fn a_large_file_goes_through_shards_and_meets_again() {
    let repo = TestRepo::new();
    repo.write("big.rs", large_file(12_000).as_bytes());
    repo.commit("big");
    let stub = ModelStub::with(|call| {
        if is_shard(call) {
            Reply::ok(answers::shard_summary())
        } else {
            Reply::ok(answers::markdown_review("big.rs"))
        }
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    bench.review(&repo, &[]).expect(0);
    let row = rows(&bench).remove(0);
    let calls = stub.requests();
    let shards: Vec<_> = calls.iter().filter(|c| is_shard(c)).collect();
    assert!(row.tree_split_fired);
    assert!(shards.len() >= 3, "{}", shards.len());
    assert_eq!(row.shards_total as usize, shards.len());
    assert_eq!(calls.len(), shards.len() + 1, "one review after all shards");
    let review = calls.last().unwrap();
    assert!(!is_shard(review), "the review came last");
    assert!(review.prompt.contains(answers::shard_summary().lines().next().unwrap()));
    assert!(
        !review.prompt.contains('§') && !review.prompt.contains(SHARD),
        "the reviewer is not told of shards"
    );
    assert!(row.tokens_in > row.attempts[0].tokens_in, "the shards' tokens are counted");
}

#[test]
fn a_shard_that_no_rung_can_do_leaves_a_named_gap() {
    let repo = TestRepo::new();
    repo.write("big.rs", large_file(12_000).as_bytes());
    repo.commit("big");
    let stub = ModelStub::with(|call| match is_shard(call) {
        true if call.prompt.contains("2 of") => Reply::ok(""),
        true => Reply::ok(answers::shard_summary()),
        false => Reply::ok(answers::markdown_review("big.rs")),
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["a", "b"]);
    bench.review(&repo, &[]).expect(0);
    let row = rows(&bench).remove(0);
    let [(start, end)] = row.shards_missing[..] else {
        panic!("one gap: {:?}", row.shards_missing)
    };
    assert!(start > 0 && end > start);
    let calls = stub.requests();
    let review = calls.iter().find(|c| !is_shard(c)).unwrap();
    assert!(
        review.prompt.contains(&start.to_string()) && review.prompt.contains(&end.to_string()),
        "{}",
        review.prompt
    );
    let report = std::fs::read_to_string(bench.out().join("scrum_report.md")).unwrap();
    assert!(report.contains("1 reviewed of 1 (1 only partly)"), "{report}");
    let page = std::fs::read_to_string(bench.out().join("review_big.rs.md")).unwrap();
    assert!(page.contains("only partly reviewed") && page.contains("Not covered"), "{page}");
}

#[test]
fn a_review_that_speaks_of_shards_is_rejected_as_leaked() {
    let repo = TestRepo::new();
    repo.write("big.rs", large_file(9000).as_bytes());
    repo.commit("big");
    let stub = ModelStub::with(|call| match (is_shard(call), call.model.as_str()) {
        (true, _) => Reply::ok(answers::shard_summary()),
        (false, "leaky") => Reply::ok(answers::leaked("big.rs")),
        (false, _) => Reply::ok(answers::markdown_review("big.rs")),
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["leaky", "good"]);
    bench.review(&repo, &[]).expect(0);
    let row = rows(&bench).remove(0);
    assert_eq!(
        (row.attempts[0].outcome, row.accepted_model.as_str()),
        (Outcome::Leaked, "stub/good")
    );
}

#[test]
fn a_forensic_answer_by_schema_is_accepted() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(vec![
        Rule::model("prose", Reply::ok(answers::markdown_review("src/f0.rs"))),
        Rule::any(Reply::ok(answers::forensic_needs_patch())),
    ]);
    let bench = Bench::with_stub(None, &stub.openai_url(), &["prose", "json"]);
    let preamble = bench.dir.path().join("forensic.md");
    std::fs::write(&preamble, "Look for code that only pretends to work.\n").unwrap();
    bench.review(&repo, &["--forensic", preamble.to_str().unwrap()]).expect(0);
    let row = rows(&bench).remove(0);
    assert_eq!((row.attempts[0].outcome, row.accepted_on_attempt), (Outcome::Malformed, 2));
    assert_eq!(
        (row.output_format.as_str(), row.verdict.as_deref()),
        ("forensic_json", Some("needs_patch"))
    );
    assert!(row.critical_failures_count + row.pseudocode_flags_count > 0, "{row:?}");
    let call = &stub.requests()[0];
    assert_eq!(call.body["response_format"]["type"], "json_schema");
    assert!(call.prompt.contains("only pretends to work"));
}

#[test]
fn when_all_rungs_are_spent_the_file_is_a_dead_letter_with_its_history() {
    let repo = TestRepo::with_files(2);
    let stub = ModelStub::with(|call| {
        if call.prompt.contains("read_1") {
            Reply::ok(answers::thin())
        } else {
            Reply::ok(answers::markdown_review("src/f0.rs"))
        }
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["a", "b"]);
    let done = bench.review(&repo, &[]).expect(1);
    assert!(done.stdout.contains("1 of 2 files reviewed, 1 unresolved"), "{}", done.stdout);
    let report = std::fs::read_to_string(bench.out().join("scrum_report.md")).unwrap();
    assert!(report.contains("# Unresolved") && report.contains("ladder_exhausted"), "{report}");

    let list: Value =
        serde_json::from_str(&bench.run(&["dlq", "list", "--json"]).expect(0).stdout).unwrap();
    let id = list[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (list.as_array().unwrap().len(), &list[0]["class"]),
        (1, &"ladder_exhausted".into())
    );
    let shown = bench.run(&["dlq", "show", &id]).expect(0).stdout;
    assert!(
        shown.contains("src/f1.rs") && shown.contains("stub/a") && shown.contains("stub/b"),
        "{shown}"
    );
    let table = bench.run(&["dlq", "list", "--class", "poison"]).expect(0).stdout;
    assert!(table.contains("no dead letter matches"), "{table}");
    let wrong = bench.run(&["dlq", "retry", &id, "--from-rung", "7"]).expect(2);
    assert!(wrong.stderr.contains("rungs 0 to 1"), "{}", wrong.stderr);

    // A person mends what was wrong and says: again, from the second rung.
    stub.set_script(Reply::ok(answers::markdown_review("src/f1.rs")));
    let before = stub.requests().len();
    bench.run(&["dlq", "retry", &id, "--from-rung", "1"]).expect(0);
    bench.review(&repo, &[]).expect(0);
    let calls = stub.requests();
    assert_eq!(calls.len(), before + 1, "one call, for the one file");
    assert_eq!(calls[before].model, "b");
    assert!(calls[before].prompt.contains("stub/a"), "its history is the learning context");
    let rows = rows(&bench);
    let row = rows.iter().find(|r| r.file == "src/f1.rs").unwrap();
    assert_eq!((row.accepted_on_attempt, row.attempts_made), (3, 3));
    let list = bench.run(&["dlq", "list", "--json"]).expect(0).stdout;
    assert_eq!(list.trim(), "[]");
}

#[test]
fn an_answer_once_paid_for_is_not_asked_for_again() {
    let repo = TestRepo::with_files(3);
    let stub = ModelStub::start(Reply::ok(answers::markdown_review("src/f0.rs")));
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    bench.review(&repo, &[]).expect(0);
    assert_eq!(stub.requests().len(), 3);
    bench.review(&repo, &["--again"]).expect(0);
    assert_eq!(stub.requests().len(), 3, "all from the cache");
    assert!(rows(&bench).iter().all(|r| r.attempts[0].cached));
    // One file changed: that file alone.
    repo.write("src/f1.rs", b"pub fn other() -> bool { true }\n");
    repo.commit("change");
    bench.review(&repo, &[]).expect(0);
    assert_eq!(stub.requests().len(), 4);
}

#[test]
fn a_model_that_is_asked_in_another_way_answers_anew() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(Reply::ok(answers::markdown_review("src/f0.rs")));
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    let again = |bench: &Bench| {
        bench.review(&repo, &["--again"]).expect(0);
        stub.requests().len()
    };
    assert_eq!((again(&bench), again(&bench)), (1, 1));
    // The question has no schema, and a timer is no part of an answer.
    let bench = bench
        .set("providers.stub.json_schema", "false")
        .set("providers.stub.total_timeout_s", "170");
    assert_eq!(again(&bench), 1);
    let bench = bench.set("providers.stub.max_repeats", "50");
    assert_eq!((again(&bench), again(&bench)), (2, 2));
}

#[test]
fn the_ollama_wire_serves_as_well() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(Reply::ok(answers::markdown_review("src/f0.rs")));
    let bench = Bench::new(
        None,
        &format!(
            "[providers.oll]\nwire = 'ollama'\nbase_url = '{}'\nlocal = true\n",
            stub.ollama_url()
        ),
    );
    std::fs::write(bench.ladder(), "name='o'\n[[rungs]]\nprovider='oll'\nmodel='q'\n").unwrap();
    bench.review(&repo, &[]).expect(0);
    assert_eq!(rows(&bench)[0].accepted_model, "oll/q");
    assert!(stub.requests()[0].body["options"]["num_ctx"].as_u64().unwrap() >= 8192);
}

#[test]
fn auto_finds_an_ollama_and_climbs_its_models_small_to_large() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(Reply::ok(answers::markdown_review("src/f0.rs")));
    stub.set_models(&["qwen:1b", "all-minilm:latest"]);
    let bench =
        Bench::new(None, &format!("[providers.ollama]\nbase_url = '{}'\n", stub.ollama_url()));
    let out = bench.out();
    let done = bench
        .run(&["run", repo.path().to_str().unwrap(), "--out", out.to_str().unwrap()])
        .expect(0);
    assert!(
        done.stderr.contains("ollama/qwen:1b") && !done.stderr.contains("minilm"),
        "{}",
        done.stderr
    );
    assert_eq!(rows(&bench)[0].accepted_model, "ollama/qwen:1b");
}

#[test]
fn a_discarded_letter_leaves_its_file_unresolved() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(Reply::ok(answers::thin()));
    let bench = Bench::with_stub(None, &stub.openai_url(), &["a"]);
    bench.review(&repo, &[]).expect(1);
    let list: Value =
        serde_json::from_str(&bench.run(&["dlq", "list", "--json"]).expect(0).stdout).unwrap();
    let id = list[0]["id"].as_str().unwrap();
    bench.run(&["dlq", "discard", id, "nonsense"]).expect(2);
    let done = bench.run(&["dlq", "discard", id]).expect(0);
    assert!(done.stdout.contains("1 discarded"), "{}", done.stdout);
    assert_eq!(bench.run(&["dlq", "list", "--json"]).expect(0).stdout.trim(), "[]");
    bench.review(&repo, &[]).expect(1);
}

/// The whole way through against a real server, where one is named; its words are not judged.
#[test]
fn a_real_model_serves_the_whole_way() {
    let Ok(url) = std::env::var("SCRUM_TEST_OPENAI_URL") else {
        println!("skipped: SCRUM_TEST_OPENAI_URL names no OpenAI-style server");
        return;
    };
    let model = std::env::var("SCRUM_TEST_OPENAI_MODEL").unwrap_or_else(|_| "default".into());
    let repo = TestRepo::with_files(1);
    let bench = Bench::new(
        None,
        &format!(
            "[providers.stub]\nwire='openai'\nbase_url='{url}'\nlocal=true\nconcurrency=1\n\
             total_timeout_s=500\nfirst_byte_timeout_s=300\n[sweep]\nmax_tokens=600\n"
        ),
    );
    let rungs = format!(
        "name='real'\n[[rungs]]\nprovider='stub'\nmodel='{model}'\nmax_tokens=20\n\
         [[rungs]]\nprovider='stub'\nmodel='{model}'\n"
    );
    std::fs::write(bench.ladder(), rungs).unwrap();
    let done = bench.review(&repo, &["--policy", "structured"]);
    assert!(done.code == 0 || done.code == 1, "{}", done.stderr);
    let status = bench.run(&["status", "--json"]).expect(0).stdout;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        (&status["sweeps"][0]["state"], &status["sweeps"][0]["attempts"]),
        (&"done".into(), &2.into())
    );
    assert!(status["sweeps"][0]["tokens_in"].as_u64().unwrap() > 100);
}

#[test]
fn a_letter_may_be_tried_again_on_another_ladder() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(vec![
        Rule::model("weak", Reply::ok(answers::thin())),
        Rule::model("other", Reply::ok(answers::thin())),
        Rule::any(Reply::ok(answers::markdown_review("src/f0.rs"))),
    ]);
    let bench = Bench::with_stub(None, &stub.openai_url(), &["weak"]);
    bench.review(&repo, &[]).expect(1);
    let list = bench.run(&["dlq", "list", "--json"]).expect(0).stdout;
    let list: Value = serde_json::from_str(&list).unwrap();
    let id = list[0]["id"].as_str().unwrap();
    let strong = bench.dir.path().join("strong.toml");
    let rungs = "name='strong'\n[[rungs]]\nprovider='stub'\nmodel='other'\n[[rungs]]\nprovider='stub'\nmodel='good'\n";
    std::fs::write(&strong, rungs).unwrap();
    bench.run(&["dlq", "retry", id, "--ladder", "nonsense"]).expect(2);
    bench.run(&["dlq", "retry", id, "--ladder", strong.to_str().unwrap()]).expect(0);
    bench.review(&repo, &[]).expect(0);
    let row = rows(&bench).remove(0);
    let models: Vec<_> = row.attempts.iter().map(|a| a.model.as_str()).collect();
    assert_eq!(models, ["weak", "other", "good"], "both rungs of the other ladder were climbed");
}

/// Paths and answers that would break a report out of its form; the rows and the SARIF stay sound.
#[test]
fn hostile_paths_and_answers_leave_a_sound_report() {
    let repo = TestRepo::new();
    for name in ["src/a b[1]#?%20.rs", "src/\u{fc}\u{1f980}.rs", "src/c:d\"'<x>.rs", "-v.rs"] {
        let code = format!("pub const NAME: &str = {name:?};\n");
        repo.write(name, code.as_bytes());
    }
    repo.write("data.bin", b"\0\x01\x02");
    repo.commit("odd names");
    let stub = ModelStub::with(|call| {
        let quotes = answers::quotes_from(&call.prompt, 1);
        let quote = quotes.first().map_or("nothing", String::as_str);
        Reply::ok(format!(
            "## Score\nAlignment score: 7/10\n\n## Suggested changes\n\
             1. **[click](javascript:alert(1)) <script>x</script> {{0}} \u{202e}evil\u{7}** (Confidence: 85%)\n   \
             - Quote: `{quote}`\n   - Flag: DeadCode\n\
             2. **\u{0}** (Confidence: 100%)\n   - Quote: `not in the file at all`\n\
             3. **{}** (Confidence: 1%)\n",
            (0..2000).fold(String::new(), |s, n| s + &format!("long{n} "))
        ))
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    bench.review(&repo, &[]).expect(0);
    let rows = rows(&bench);
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|r| r.findings[0].flags == ["DeadCode"]), "{:?}", rows[0].findings);
    assert!(rows.iter().all(|r| r.findings.iter().any(|f| !f.anchored)));
    let sarif = std::fs::read_to_string(bench.out().join("scrum.sarif")).unwrap();
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let findings: usize = rows.iter().map(|r| r.findings.len()).sum();
    assert_eq!(results.len(), findings, "each finding is one result");
    assert!(!sarif.to_string().contains("](javascript"));
}

#[test]
fn a_rung_has_its_own_tokens_and_temperature_on_both_wires() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(vec![
        Rule::model("own", Reply::ok(answers::thin())),
        Rule::any(Reply::ok(answers::markdown_review("src/f0.rs"))),
    ]);
    let providers = format!(
        "[providers.a]\nwire='openai'\nbase_url='{}'\n[providers.b]\nwire='ollama'\nbase_url='{}'\n",
        stub.openai_url(),
        stub.ollama_url()
    );
    let bench = Bench::new(None, &providers);
    let own = |provider: &str| {
        format!("[[rungs]]\nprovider='{provider}'\nmodel='own'\nmax_tokens=33\ntemperature=0.7\n")
    };
    let plain = "[[rungs]]\nprovider='b'\nmodel='plain'\n";
    std::fs::write(bench.ladder(), format!("name='own'\n{}{}{plain}", own("a"), own("b"))).unwrap();
    bench.review(&repo, &[]).expect(0);
    let calls = stub.requests();
    assert_eq!(calls.len(), 3);
    let openai = &calls[0].body;
    assert_eq!((&openai["max_tokens"], &openai["temperature"]), (&33.into(), &0.7.into()));
    for (call, tokens, temperature) in [(&calls[1], 33, 0.7), (&calls[2], 1500, 0.2)] {
        let ollama = &call.body["options"];
        assert_eq!(ollama["num_predict"], tokens);
        assert_eq!(ollama["temperature"], temperature);
    }
}

#[test]
fn a_dead_letter_keeps_the_beginning_of_the_rejected_answer() {
    let repo = TestRepo::with_files(1);
    let answer: String =
        (0..).flat_map(|n| format!("wörd{n} ").chars().collect::<Vec<_>>()).take(3000).collect();
    let stub = ModelStub::start(Reply::ok(answer.clone()));
    let bench = Bench::with_stub(None, &stub.openai_url(), &["prose"]);
    bench.review(&repo, &[]).expect(1);
    let json = |args: &[&str]| -> Value {
        serde_json::from_str(&bench.run(args).expect(0).stdout).unwrap()
    };
    let id = json(&["dlq", "list", "--json"])[0]["id"].as_str().unwrap().to_owned();
    let shown = json(&["dlq", "show", &id, "--json"]);
    assert_eq!(shown["letter"]["class"], "ladder_exhausted");
    let attempt = &shown["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["chars"]), (&"thin".into(), &3000.into()));
    let beginning: String = answer.chars().take(2000).collect();
    assert_eq!(attempt["answer_preview"], beginning.as_str());
}

//! Answers that go round, are empty, or do not hold.

use super::*;

/// A sweep over one file, whose first model goes round in a loop.
fn round_in_a_loop(wire: &str, more: &str) -> (ModelStub, ReviewRow) {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(vec![
        Rule::model("round", Reply::Loop(answers::round())),
        Rule::any(Reply::ok(answers::markdown_review("src/f0.rs"))),
    ]);
    let url = if wire == "ollama" { stub.ollama_url() } else { stub.openai_url() };
    let settings = format!("[providers.p]\nwire='{wire}'\nbase_url='{url}'\n{more}\n");
    let bench = Bench::new(None, &settings);
    let rungs = ["round", "good"].map(|m| format!("[[rungs]]\nprovider='p'\nmodel='{m}'\n"));
    std::fs::write(bench.ladder(), format!("name='round'\n{}", rungs.concat())).unwrap();
    bench.review(&repo, &[]).expect(0);
    let row = rows(&bench).remove(0);
    assert_eq!((row.attempts.len(), row.accepted_model.as_str()), (2, "p/good"));
    let hung_up = || (stub.stats().in_flight == 0).then_some(());
    eventually(Duration::from_secs(60), "the end of the calls", hung_up);
    let stats = stub.stats();
    assert_eq!((stats.requests, stats.broken), (2, 1), "closed before its end");
    (stub, row)
}

#[test]
fn a_call_that_goes_round_in_a_loop_is_stopped() {
    for wire in ["openai", "ollama"] {
        let (stub, row) = round_in_a_loop(wire, "");
        let written = stub.sent_by("round");
        assert!(written < 256 * 1024, "{wire}: {written} bytes of five million");
        let spent = &row.attempts[0];
        assert_eq!(spent.outcome, Outcome::Truncated);
        assert!(spent.reason.contains("over and over"), "{}", spent.reason);
        assert!(spent.chars < 4096, "{wire}: {} characters", spent.chars);
        assert!(stub.requests()[1].prompt.contains(&spent.reason), "{}", spent.reason);

        // Nothing but the bound on an answer ends it then.
        let (_, row) = round_in_a_loop(wire, "max_repeats=0\nmax_answer_bytes=65536");
        let spent = &row.attempts[0];
        assert_eq!(spent.outcome, Outcome::Error);
        assert!(spent.reason.contains("max_answer_bytes"), "{}", spent.reason);
    }
}

#[test]
fn an_empty_answer_is_asked_for_once_more_on_the_same_rung() {
    let repo = TestRepo::with_files(20);
    // What the only model is asked first about every fifth file is answered with nothing.
    let moody = ["f0.rs", "f5.rs", "f10.rs", "f15.rs"].map(|file| format!("path: src/{file}"));
    let left = std::sync::Mutex::new(std::collections::BTreeSet::from(moody));
    let stub = ModelStub::with(move |call| {
        let mut left = left.lock().unwrap();
        let before = left.len();
        left.retain(|path| !call.prompt.contains(path));
        let empty = left.len() < before;
        Reply::ok(if empty { String::new() } else { answers::markdown_review("a file") })
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["moody"]);
    bench.review(&repo, &[]).expect(0);
    let rows = rows(&bench);
    assert_eq!(rows.len(), 20, "no file is lost");
    let again: Vec<_> = rows.iter().filter(|r| r.attempts_made > 1).collect();
    assert_eq!(again.len(), 4);
    for row in &again {
        let [empty, good] = &row.attempts[..] else { panic!("{:?}", row.attempts) };
        assert_eq!((empty.outcome, empty.reason.as_str()), (Outcome::Thin, "empty answer"));
        assert_eq!((empty.rung, good.rung, row.accepted_on_attempt), (0, 0, 2));
    }
    assert_eq!(stub.requests().len(), 24);

    // A model that has nothing to say is asked twice, then the next one.
    let stub = ModelStub::start(vec![
        Rule::model("mute", Reply::ok("\n \n")),
        Rule::any(Reply::ok(answers::markdown_review("a file"))),
    ]);
    let bench = Bench::with_stub(None, &stub.openai_url(), &["mute", "talks"]);
    bench.review(&TestRepo::with_files(1), &[]).expect(0);
    let models: Vec<_> = stub.requests().iter().map(|c| c.model.clone()).collect();
    assert_eq!(models, ["mute", "mute", "talks"]);
    let bench =
        Bench::with_stub(None, &stub.openai_url(), &["mute"]).set("sweep.empty_retries", "0");
    bench.review(&TestRepo::with_files(1), &[]).expect(1);
    assert_eq!(stub.requests().len(), 4);
}

#[test]
fn findings_are_checked_by_program_and_the_checks_are_counted() {
    let repo = TestRepo::new();
    repo.write("store.py", b"class Store:\n    def flush_all(self):\n        return 1\n\n\ndef lonely_part():\n    return 2\n");
    repo.write("main.py", b"from store import Store\n\nstore = Store()\nstore.flush_all()\n");
    repo.commit("two files");
    let finding = |claim: &str, quote: &str| {
        format!(
            "1. Quote: `{quote}`\n   - Claim: {claim}\n   - Fails for: any call\n   - Change: drop it\n   - Severity: major\n   - Confidence: 95%\n"
        )
    };
    let review = [
        "## Findings\n".to_owned(),
        finding("`flush_all` is never called", "def flush_all(self):"),
        finding("`lonely_part` is never called", "def lonely_part():"),
        "\n## Verdict\nneeds_patch\n".to_owned(),
    ]
    .concat();
    let stub = ModelStub::with(move |call| {
        Reply::ok(if call.prompt.contains("path: store.py") {
            review.clone()
        } else {
            "## Findings\nNone. I read both lines.\n\n## Verdict\npass\n".to_owned()
        })
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    bench.review(&repo, &[]).expect(0);
    let rows = rows(&bench);
    let row = |file: &str| rows.iter().find(|r| r.file == file).unwrap();
    let [held, failed] = &row("store.py").findings[..] else { panic!("{:?}", row("store.py")) };
    assert!(held.text.contains("lonely_part") && held.checks.is_empty(), "{held:?}");
    assert_eq!(failed.checks, ["not_absent"], "the other file calls it");
    assert_eq!(failed.severity.map(queue_schema::rows::Severity::as_str), Some("major"));
    assert_eq!(failed.change.as_deref(), Some("drop it"));
    assert_eq!(row("store.py").gradient_tier, "block");
    let clean = row("main.py");
    assert_eq!((clean.findings_count, clean.alignment_score, clean.attempts_made), (0, None, 1));
    let models: Value =
        serde_json::from_str(&bench.run(&["models", "--json"]).expect(0).stdout).unwrap();
    let model = models.as_array().unwrap().iter().find(|m| m["task"] == "review").unwrap();
    assert_eq!((&model["findings"], &model["checks"]["not_absent"]), (&2.into(), &1.into()));
    let told = bench.run(&["models"]).expect(0).stdout;
    assert!(told.contains("failed checks: 1 (not_absent 1)"), "{told}");
}

//! Large files: what the shards found reaches the reviewer, in order and whole, and a review of a
//! part never passes as one of the whole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/schemas.rs"]
mod schemas;

use queue_schema::rows::{Outcome, ReviewRow};
use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply, answers};
use scrum_tests::process::{Bench, Done, Process};
use scrum_tests::repo::{TestRepo, large_file};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The one line of the file that mends what a careless reviewer reports as missing.
const FIX: &str = "if amount > limit { return Err(OverLimit); }";

fn is_shard(call: &Recorded) -> bool {
    call.body["max_tokens"] == 400
}

/// Which shard of how many a prompt is about.
fn place(call: &Recorded) -> (u32, u32) {
    let words = call.prompt.split("This is shard ").nth(1).unwrap();
    let mut numbers = words.split(|c: char| !c.is_ascii_digit()).filter(|w| !w.is_empty());
    let mut next = || numbers.next().unwrap().parse().unwrap();
    (next(), next())
}

/// The bytes of a shard, from its prompt.
fn bytes_of(call: &Recorded) -> (u64, u64) {
    let words = call.prompt.split(", bytes ").nth(1).unwrap();
    let mut numbers = words.split(|c: char| !c.is_ascii_digit()).filter(|w| !w.is_empty());
    let mut next = || numbers.next().unwrap().parse().unwrap();
    (next(), next())
}

fn row(bench: &Bench) -> ReviewRow {
    schemas::check_report(&bench.out());
    let text = std::fs::read_to_string(bench.out().join("scrum_reviews.jsonl")).unwrap();
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

/// A file of five shards, with the fix in the second.
fn repo() -> TestRepo {
    let repo = TestRepo::new();
    let mut text = large_file(17_000);
    let at = text[5000..].find("    trimmed.find").unwrap() + 5000;
    text.insert_str(at, &format!("    {FIX}\n"));
    repo.write("big.rs", text.as_bytes());
    repo.commit("big");
    repo
}

/// Notes that quote what the shard holds, with a number to tell them apart.
fn notes(call: &Recorded) -> String {
    let (k, of) = place(call);
    let fact = if call.prompt.contains(FIX) { FIX } else { "plain text functions" };
    format!("Fact number {k}. In shard {k} of {of}: `{fact}`. Errors are returned with `?` here.")
}

#[test]
fn a_fix_in_the_second_shard_is_not_reported_as_missing() {
    let stub = ModelStub::with(|call| {
        if is_shard(call) {
            return Reply::ok(notes(call));
        }
        // A reviewer that reports what the notes don't hold, and nothing else.
        let review = answers::markdown_review("big.rs");
        let lacking = "The limit is never checked";
        Reply::ok(if call.prompt.contains(FIX) {
            review
        } else {
            review.replace("The error of the parser is dropped", lacking)
        })
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    bench.review(&repo(), &[]).expect(0);
    let row = row(&bench);
    assert_eq!((row.shards_total, row.shards_missing.len()), (5, 0));
    let calls = stub.requests();
    let holder = calls.iter().find(|c| is_shard(c) && c.prompt.contains(FIX)).unwrap();
    assert_eq!(place(holder), (2, 5));
    let review = &calls.iter().find(|c| !is_shard(c)).unwrap().prompt;
    assert!(review.contains(FIX), "{review}");
    let order: Vec<usize> =
        (1..=5).map(|k| review.find(&format!("Fact number {k}.")).unwrap()).collect();
    assert!(order.is_sorted(), "in the order of the file: {order:?}");
    assert!(!review.contains('§') && !review.to_lowercase().contains("shard"), "{review}");
    assert!(review.contains("distillation") && review.contains("proves nothing"), "{review}");
    assert!(row.findings.iter().all(|f| !f.text.contains("never checked")), "{:?}", row.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shards_of_a_file_are_read_at_the_same_time() {
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call| {
        if is_shard(call) {
            return Reply::ok(notes(call)).held_by(&held);
        }
        Reply::ok(answers::markdown_review("big.rs"))
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    let (repo, ladder, out) = (repo(), bench.ladder(), bench.out());
    let args = ["run", "--ladder", ladder.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let run = Process(bench.scrum(&args).arg(repo.path()).spawn().unwrap());
    // None is answered before all have been asked for.
    stub.wait_in_flight(5).await;
    assert!(stub.requests().iter().all(is_shard), "the review waits for its shards");
    gate.open();
    assert_eq!(run.wait(Duration::from_secs(60)), 0);
    assert_eq!((row(&bench).shards_total, stub.requests().len()), (5, 6));
}

#[test]
fn a_file_is_read_once_however_many_jobs_it_takes() {
    let repo = repo();
    let blob = repo.git(&["rev-parse", "HEAD:big.rs"]);
    let object = repo.path().join(".git/objects").join(&blob[..2]).join(&blob[2..]);
    let away = object.clone();
    let stub = ModelStub::with(move |call| {
        if is_shard(call) {
            // Whoever reads it now finds nothing.
            let _ = std::fs::remove_file(&away);
            return Reply::ok(notes(call));
        }
        Reply::ok(answers::markdown_review("big.rs"))
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    bench.review(&repo, &[]).expect(0);
    assert!(!object.exists(), "it was read before the first shard, and not after it");
    assert_eq!((row(&bench).shards_total, stub.requests().len()), (5, 6));
}

#[test]
fn an_answer_that_speaks_of_a_shard_is_leaked_whatever_it_says() {
    let stub = ModelStub::with(|call| {
        if is_shard(call) {
            return Reply::ok(notes(call));
        }
        let review = answers::markdown_review("big.rs");
        Reply::ok(match call.model.as_str() {
            "a" => review.replace("as a whole", "from shard 3 alone"),
            "b" => review.replace("as a whole", "from §3§"),
            "c" => review.replace("as a whole", "from part 2 of 5"),
            _ => review,
        })
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["a", "b", "c", "d"]);
    bench.review(&repo(), &[]).expect(0);
    let outcomes: Vec<Outcome> = row(&bench).attempts.iter().map(|a| a.outcome).collect();
    let leaked = Outcome::Leaked;
    assert_eq!(outcomes, [leaked, leaked, leaked, Outcome::Accepted]);
}

#[test]
fn a_shard_that_fails_is_a_gap_in_prompt_row_and_ledger() {
    let stub = ModelStub::with(|call| match is_shard(call) {
        true if place(call).0 == 2 => Reply::status(400, "no"),
        true => Reply::ok(notes(call)),
        false => Reply::ok(answers::markdown_review("big.rs")),
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["a", "b"]);
    bench.review(&repo(), &[]).expect(0);
    let calls = stub.requests();
    let failed: Vec<&Recorded> = calls.iter().filter(|c| is_shard(c) && place(c).0 == 2).collect();
    assert_eq!(failed.len(), 2, "both rungs of the shard ladder were asked");
    let (start, end) = bytes_of(failed[0]);
    assert_eq!(row(&bench).shards_missing, [(start, end)]);
    let review = &calls.iter().find(|c| !is_shard(c)).unwrap().prompt;
    assert!(review.contains(&format!("bytes: {start} to {end}")), "{review}");
    assert!(!review.contains(FIX), "it stood there");
    let summary = std::fs::read(bench.out().join("summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary["per_file"][0]["coverage"], "partly", "{summary}");
}

#[test]
fn a_file_none_of_whose_shards_was_read_is_a_letter_that_begins_with_them_again() {
    let good = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&good);
    let stub = ModelStub::with(move |call| match (is_shard(call), mended.load(Ordering::SeqCst)) {
        (true, true) => Reply::ok(notes(call)),
        // An answer, and one that is kept: the same question would find it again.
        (true, false) => Reply::ok("no"),
        (false, _) => Reply::ok(answers::markdown_review("big.rs")),
    });
    for chained in ["false", "true"] {
        good.store(false, Ordering::SeqCst);
        let bench = Bench::with_stub(None, &stub.openai_url(), &["a", "b"])
            .set("sweep.chained_shards", chained);
        let repo = repo();
        let before = stub.requests().len();
        bench.review(&repo, &[]).expect(1);
        let listed = bench.run(&["dlq", "list", "--json"]).expect(0).stdout;
        let letters: Value = serde_json::from_str(&listed).unwrap();
        let [letter] = &letters.as_array().unwrap()[..] else { panic!("{letters}") };
        assert_eq!(letter["class"], "ladder_exhausted");
        let reason = letter["reason"].as_str().unwrap();
        for said in ["could read any of the file's 5 parts", "stub/b: thin", "a retry asks"] {
            assert!(reason.contains(said), "{said}: {reason}");
        }
        let calls = stub.requests().split_off(before);
        assert!(calls.len() == 10 && calls.iter().all(is_shard), "nobody reviews nothing");

        // A retry that changes nothing is such a letter again.
        let id = letter["id"].as_str().unwrap();
        bench.run(&["dlq", "retry", id]).expect(0);
        bench.review(&repo, &[]).expect(1);
        good.store(true, Ordering::SeqCst);
        bench.run(&["dlq", "retry", id, "--from-rung", "1"]).expect(0);
        bench.review(&repo, &[]).expect(0);
        let calls = stub.requests().split_off(before);
        assert_eq!(calls.iter().filter(|c| is_shard(c)).count(), 10 + 10 + 5, "{chained}");
        let row = row(&bench);
        assert_eq!((row.shards_total, row.shards_missing.len()), (5, 0));
        assert_eq!((row.attempts_made, row.accepted_model.as_str()), (1, "stub/b"));
    }
}

#[test]
fn in_a_chain_each_shard_sees_the_notes_so_far() {
    let stub = ModelStub::with(|call| match is_shard(call) {
        // One that fails does not break the chain.
        true if place(call).0 == 3 => Reply::status(400, "no"),
        true => Reply::ok(notes(call)),
        false => Reply::ok(answers::markdown_review("big.rs")),
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    let repo = repo();
    let mut command = bench.scrum(&[
        "run",
        repo.path().to_str().unwrap(),
        "--ladder",
        bench.ladder().to_str().unwrap(),
        "--out",
        bench.out().to_str().unwrap(),
    ]);
    command.env("SCRUM__SWEEP__CHAINED_SHARDS", "true");
    Done::from(command.output().unwrap()).expect(0);
    let calls = stub.requests();
    let shards: Vec<(u32, u32)> = calls.iter().filter(|c| is_shard(c)).map(place).collect();
    assert_eq!(shards, [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)], "one after the other");
    assert_eq!(stub.stats().max_in_flight, 1);
    for call in calls.iter().filter(|c| is_shard(c)) {
        let (k, _) = place(call);
        for earlier in 1..=5 {
            let seen = call.prompt.contains(&format!("Fact number {earlier}."));
            assert_eq!(seen, earlier < k && earlier != 3, "notes on {earlier} before {k}");
        }
    }
    let row = row(&bench);
    assert_eq!((row.shards_total, row.shards_missing.len()), (5, 1));
    assert!(!is_shard(calls.last().unwrap()));
}

#[test]
fn shards_follow_the_setting() {
    for (mode, whole_functions) in [("syntax", true), ("bytes", false)] {
        let stub = ModelStub::with(|call| {
            Reply::ok(if is_shard(call) { notes(call) } else { answers::markdown_review("big.rs") })
        });
        let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
        let repo = repo();
        let mut command = bench.scrum(&[
            "run",
            repo.path().to_str().unwrap(),
            "--ladder",
            bench.ladder().to_str().unwrap(),
        ]);
        command.env("SCRUM__SWEEP__SPLIT", mode);
        Done::from(command.output().unwrap()).expect(0);
        let text = std::fs::read_to_string(repo.path().join("big.rs")).unwrap();
        let mut ranges: Vec<(u64, u64)> =
            stub.requests().iter().filter(|c| is_shard(c)).map(bytes_of).collect();
        ranges.sort_unstable();
        assert_eq!((ranges[0].0, ranges[ranges.len() - 1].1), (0, text.len() as u64));
        assert!(ranges.windows(2).all(|w| w[0].1 == w[1].0), "{ranges:?}");
        let starts = |r: &&(u64, u64)| {
            text[usize::try_from(r.0).unwrap()..].starts_with("/// Function number")
        };
        let good = ranges[1..].iter().filter(starts).count() == ranges.len() - 1;
        assert_eq!(good, whole_functions, "{mode}: {ranges:?}");
        if mode == "bytes" {
            assert!(ranges[..ranges.len() - 1].iter().all(|r| r.1 - r.0 == 3500), "{ranges:?}");
        }
    }
}

#[test]
fn a_file_over_the_limit_that_comes_out_as_one_piece_is_shown_whole() {
    let stub = ModelStub::with(|_| Reply::ok(answers::markdown_review("one.rs")));
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"])
        .set("sweep.split_over_bytes", "4000")
        .set("sweep.shard_bytes", "3500");
    let repo = TestRepo::new();
    let text = large_file(4500);
    assert!(text.len() < 5250, "one and a half shards: one piece");
    repo.write("one.rs", text.as_bytes());
    repo.commit("one");
    bench.review(&repo, &[]).expect(0);
    let calls = stub.requests();
    assert!(calls.len() == 1 && calls[0].prompt.contains(&text), "no summary is paid for");
    let row = row(&bench);
    assert!(!row.tree_split_fired && row.shards_missing.is_empty());
}

/// What stands before the notes in the reviewer's prompt.
const NOTES: &str = "notes on the file\npath: big.rs\n\n";

#[test]
fn notes_that_are_too_many_are_cut_evenly_and_told() {
    let words = (0..2000).map(|i| format!("word{i}")).collect::<Vec<_>>().join(" ");
    let stub = ModelStub::with(move |call| {
        // A server that does not heed the limit of tokens either.
        Reply::ok(if is_shard(call) {
            format!("{} {words}", notes(call))
        } else {
            answers::markdown_review("big.rs")
        })
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    let tight = Bench::with_stub(None, &stub.openai_url(), &["m"]).set("sweep.notes_chars", "1000");
    for (bench, most, shortened) in [(bench, 5 * 3200, 0), (tight, 1000, 5)] {
        let before = stub.requests().len();
        bench.review(&repo(), &[]).expect(0);
        let calls = stub.requests().split_off(before);
        let review = &calls.iter().find(|c| !is_shard(c)).unwrap().prompt;
        let (_, shown) = review.split_once(NOTES).unwrap();
        let (shown, _) = shown.split_once(">>>").unwrap();
        let chars = shown.chars().count();
        assert!(chars > most * 8 / 10 && chars < most + 50, "{chars} of {most}");
        assert!((1..=5).all(|k| shown.contains(&format!("Fact number {k}."))), "{shown}");
        let told = review.contains("notes on 5 parts were shortened");
        assert_eq!((told, row(&bench).shards_shortened), (shortened > 0, shortened));
        let name = format!("review_{}.md", row(&bench).file.replace('/', "_"));
        let page = std::fs::read_to_string(bench.out().join(name)).unwrap();
        assert_eq!(page.contains("5 of them were cut"), shortened > 0, "{page}");
    }
}

#[test]
fn a_reviewer_who_repeats_the_notes_leaks_nothing() {
    let stub = ModelStub::with(|call| {
        if !is_shard(call) {
            let notes = call.prompt.split(NOTES).nth(1).unwrap();
            let said = notes.lines().next().unwrap();
            return Reply::ok(format!("{}\n- {said}\n", answers::markdown_review("big.rs")));
        }
        let (k, _) = place(call);
        Reply::ok(match k {
            1 => "This shard defines functions; the shard has no tests, unlike shard 3.".to_owned(),
            _ => format!("Shard {k}: more of these functions, as in the other shards."),
        })
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    bench.review(&repo(), &[]).expect(0);
    assert_eq!(row(&bench).attempts_made, 1);
    let calls = stub.requests();
    let review = &calls.iter().find(|c| !is_shard(c)).unwrap().prompt;
    assert!(!review.to_lowercase().contains("shard"), "{review}");
}

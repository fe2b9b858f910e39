//! The bounds of single steps: what is set is what happens, and it is frozen into the sweep.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::rows::{Outcome, ReviewRow};
use scrum_tests::model_stub::{ModelStub, Reply, answers};
use scrum_tests::process::Bench;
use scrum_tests::repo::TestRepo;

#[test]
fn each_bound_of_a_step_does_what_it_says() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::with(|call| {
        let quotes = answers::code_quotes_from(&call.prompt, 3);
        let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
        let review = answers::markdown_review_quoting("src/f0.rs", &quotes);
        Reply::ok(match call.model.as_str() {
            "unsure" => review.replace("(Confidence: ", "(").replace("%)", ")"),
            "brief" => "- `read_0` returns what it reads.".to_owned(),
            _ => review,
        })
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["unsure", "brief", "good"])
        .set("accept.structured_chars", "250")
        .set("accept.confidence_from", "2")
        .set("tiers.dry_run", "76")
        .set("documents.chunk_chars", "120")
        .set("documents.overlap_chars", "0")
        .set("documents.least_chars", "100")
        .set("documents.shown_chars", "20")
        .set("history.preview_chars", "25")
        .set("history.answer_chars", "90")
        .set("history.reason_chars", "9");
    let prd = bench.dir.path().join("prd.md");
    let passage = format!("{:<118}.\n", "The function read_0 trims its text and reads a number");
    std::fs::write(&prd, format!("{passage}{passage}{passage}read_0 in short")).unwrap();
    let (ladder, out) = (bench.ladder(), bench.out());
    let run = |bench: &Bench| {
        let args = [
            ["run", repo.path().to_str().unwrap()],
            ["--ladder", ladder.to_str().unwrap()],
            ["--prd", prd.to_str().unwrap()],
            ["--out", out.to_str().unwrap()],
        ];
        bench.run(&args.concat()).expect(0);
        let text = std::fs::read_to_string(out.join("scrum_reviews.jsonl")).unwrap();
        serde_json::from_str::<ReviewRow>(&text).unwrap()
    };
    let row = run(&bench);
    let outcomes: Vec<_> = row.attempts.iter().map(|a| a.outcome).collect();
    assert_eq!(outcomes, [Outcome::Malformed, Outcome::Thin, Outcome::Accepted]);
    assert!(row.attempts[1].reason.contains("at least 250"), "{}", row.attempts[1].reason);
    assert_eq!((row.confidence_min, row.gradient_tier.as_str()), (Some(75), "simulation"));
    assert_eq!(row.suggestions_preview.chars().count(), 25);
    assert_eq!(row.kept_answer().chars().count(), 90);
    assert!(row.attempts.iter().all(|a| a.answer_preview.chars().count() == 25));
    let mut offsets: Vec<_> = row.top_chunks.iter().map(|c| c.offset).collect();
    offsets.sort_unstable();
    assert_eq!(offsets, [0, 120, 240], "the last one is too short");
    let calls = stub.requests();
    let prompt = &calls[2].prompt;
    assert!(prompt.contains("The function read_0 ") && !prompt.contains("trims its text"));
    let learned = prompt.lines().find(|l| l.starts_with("- attempt 1")).unwrap();
    assert!(learned.ends_with(&row.attempts[0].reason[..9]), "{learned}");

    // Another bound is another sweep; what it asks anew is paid for anew.
    let bench = bench.set("accept.structured_chars", "20");
    let other = run(&bench);
    assert_ne!(other.sweep_id, row.sweep_id);
    assert_eq!(other.accepted_model, "stub/brief");
    assert_eq!(stub.requests().len(), calls.len(), "these questions were asked before");
}

#[test]
fn reviewers_are_shown_the_definitions_that_a_file_uses_and_those_of_no_ignored_one() {
    let repo = TestRepo::new();
    repo.write(
        "src/store.py",
        b"class Store:\n    def sweep_all(self, limit: int) -> list: return []\n",
    );
    repo.write("src/secret.py", b"def inner_key(hidden_name): return 1\n");
    let user = "from store import Store\nfrom secret import inner_key\n\ndef use(s: Store):\n    return s.sweep_all(inner_key(2))\n";
    repo.write("src/user.py", user.as_bytes());
    repo.write(".scrumignore", b"src/secret.py\n");
    repo.commit("files");
    let stub = ModelStub::with(|call| {
        let quotes = answers::code_quotes_from(&call.prompt, 3);
        let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
        Reply::ok(answers::markdown_review_quoting("src/user.py", &quotes))
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["good"]);
    let (ladder, out) = (bench.ladder(), bench.out());
    let run = |bench: &Bench| {
        let args = [
            ["run", repo.path().to_str().unwrap()],
            ["--ladder", ladder.to_str().unwrap()],
            ["--target", "src/user.py"],
            ["--out", out.to_str().unwrap()],
        ];
        bench.run(&args.concat()).expect(0);
        let text = std::fs::read_to_string(out.join("scrum_reviews.jsonl")).unwrap();
        serde_json::from_str::<ReviewRow>(&text).unwrap()
    };
    let row = run(&bench);
    let hinted: Vec<_> =
        row.type_hints_used.iter().map(|h| (h.source.as_str(), h.symbol.as_str())).collect();
    assert_eq!(hinted, [("src/store.py", "Store"), ("src/store.py", "Store.sweep_all")]);
    let of_review = |at: usize| {
        let calls = stub.requests();
        let mut reviews =
            calls.iter().filter(|call| call.prompt.contains("# Definitions that") || at > 0);
        reviews.nth(at).map(|call| call.prompt.clone()).unwrap_or_default()
    };
    let prompt = of_review(0);
    assert!(
        prompt.contains(
            "src/store.py:\n  class Store\n  Store: def sweep_all(self, limit: int) -> list\n"
        ),
        "{prompt}"
    );
    assert!(!prompt.contains("hidden_name"), "an ignored file stays at home");
    let kept = bench.dir.path().join("state/definitions");
    assert!(kept.read_dir().is_ok_and(|mut all| all.next().is_some()), "{}", kept.display());
    // Without room, and where none are wanted, there are none.
    let bench = bench.set("memory.definitions", "0");
    assert_eq!(run(&bench).type_hints_used, []);
}

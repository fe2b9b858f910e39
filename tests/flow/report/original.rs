//! What reads the files of the original script reads ours: node holds every file of a report against the
//! original's types.

use queue_schema::rows::ReviewRow;
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::Bench;
use scrum_tests::repo::{TestRepo, large_file};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// An answer that is longer than what rows and attempts show of it.
fn long_review(prompt: &str) -> String {
    let quotes = answers::quotes_from(prompt, 2);
    let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
    // Lines that differ in their numbers alone would be taken for a loop.
    let letter = |n: u8| char::from(b'a' + n);
    let more: Vec<String> = (0..80)
        .map(|n| format!("- part {}{} was read against its name", letter(n / 9), letter(n % 26)))
        .collect();
    let more = more.join("\n");
    format!(
        "{}\n## What was checked\n{more}\nThe end.\n",
        answers::markdown_review_quoting("any", &quotes)
    )
}

fn answer(call: &Recorded) -> Reply {
    if let Some(facts) = answers::facts_or(&call.system) {
        return Reply::ok(facts);
    }
    if call.body["max_tokens"] == 400 {
        return Reply::ok(answers::shard_summary());
    }
    // One file that nobody can review.
    let is_dead = call.prompt.contains("read_2");
    match call.model.as_str() {
        "failing" => Reply::status(400, r#"{"error":{"message":"bad request"}}"#),
        "thin" => Reply::ok(answers::thin()),
        _ if is_dead => Reply::ok(answers::thin()),
        "json" => Reply::ok(answers::forensic_needs_patch()),
        _ => Reply::ok(long_review(&call.prompt)),
    }
}

/// What node read, by type; `None` where there is no node.
#[allow(clippy::print_stderr)] // so that a skipped test is seen
fn read_by_node(out: &Path) -> Option<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/original/read.mjs");
    let Ok(done) = Command::new("node").arg(script).arg(out).output() else {
        eprintln!("skipped: node is not installed, so no report is read by the original's types");
        return None;
    };
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{stderr}");
    Some(serde_json::from_slice(&done.stdout).unwrap())
}

fn rows(out: &Path) -> Vec<ReviewRow> {
    let text = std::fs::read_to_string(out.join("scrum_reviews.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn readers_of_the_original_read_every_file_of_a_report() {
    let repo = TestRepo::with_files(3);
    repo.write("src/big.rs", large_file(30_000).as_bytes());
    repo.write(
        "docs/prd.md",
        "Each part reads a number and refuses whatever is none. ".repeat(30).as_bytes(),
    );
    repo.write(".scrumignore", b"docs/\n.scrumignore\n");
    repo.commit("a large file");
    let stub = ModelStub::with(answer);
    let bench = Bench::with_stub(None, &stub.openai_url(), &["failing", "thin", "good"])
        .set("facts.enabled", "true");
    let prd = repo.path().join("docs/prd.md");
    let prd = prd.to_str().unwrap();
    bench.review(&repo, &["--prd", prd, "--proposal", prd]).expect(1);
    let out = bench.out();
    if let Some(read) = read_by_node(&out) {
        assert_eq!((&read["Summary"], &read["FileReview"]), (&1.into(), &4.into()), "{read}");
        assert_eq!((&read["ReviewRow"], &read["AuditFactsRow"]), (&3.into(), &3.into()), "{read}");
    }
    // The whole answer is the row's, whatever becomes of the answer cache.
    for row in rows(&out) {
        assert!(row.suggestions_preview.chars().count() == 2000, "{row:?}");
        assert!(row.kept_answer().ends_with("The end.\n"), "{}", row.kept_answer());
    }
    let dead: Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("review_src_f2.rs.json")).unwrap())
            .unwrap();
    assert_eq!((&dead["accepted_on"], &dead["suggestions"]), (&Value::Null, &"".into()));
    let told: Vec<_> =
        dead["attempts_history"].as_array().unwrap().iter().map(|a| &a["status"]).collect();
    assert_eq!(told, ["error", "thin", "thin"]);

    // The same of answers in JSON.
    let ladder = "name = 'json'\n[[rungs]]\nprovider = 'stub'\nmodel = 'json'\n";
    std::fs::write(bench.ladder(), ladder).unwrap();
    bench.review(&repo, &["--policy", "forensic"]).expect(1);
    read_by_node(&out);
    assert!(rows(&out).iter().all(|row| row.critical_failures_count > 0 && row.verdict.is_some()));
}

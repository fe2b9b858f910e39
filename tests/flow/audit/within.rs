//! Votes within a sweep that reviews, votes at once, and budgets that end among them.

use crate::bed::{Bed, Case, Says};
use queue_schema::rows::{AuditVerdict, ReviewRow};
use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply};
use scrum_tests::process::Bench;
use scrum_tests::repo::TestRepo;
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};

const CASES: &[Case] = &[
    ("src/a/x.rs", "good", [Says::Upholds; 3], None, "upheld"),
    ("src/b/x.rs", "bad", [Says::Rejects; 3], None, "rejected"),
];

/// Settings that name the voters.
fn voters() -> Vec<(&'static str, &'static str)> {
    vec![
        ("audit.voters.a", "stub/v1"),
        ("audit.voters.b", "stub/v2"),
        ("audit.voters.c", "stub/v3"),
        ("audit.tie_breaker", ""),
    ]
}

fn rows(bench: &Bench) -> Vec<ReviewRow> {
    let text = std::fs::read_to_string(bench.out().join("scrum_reviews.jsonl")).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn a_sweep_audits_its_own_reviews_with_and_without_facts() {
    for facts in [&["--no-facts", "--no-confirm"][..], &[]] {
        let bed = Bed::new(CASES, &voters());
        let done = bed.bench.review(&bed.repo, &[&["--audit"], facts].concat()).expect(0);
        assert!(done.stderr.contains("voters: a (stub/v1), b (stub/v2)"), "{}", done.stderr);
        for row in rows(&bed.bench) {
            let audit = row.findings[0].audit.as_ref().unwrap();
            let wanted = if row.file.contains("/a/") {
                AuditVerdict::Upheld
            } else {
                AuditVerdict::Rejected
            };
            assert_eq!((audit.verdict, &audit.sweep), (wanted, &row.sweep_id), "{row:?}");
        }
        // A sweep without an audit is another one; with it, it is found again.
        let asked = bed.stub.requests().len();
        bed.bench.review(&bed.repo, &[&["--audit"], facts].concat()).expect(0);
        assert_eq!(bed.stub.requests().len(), asked);
    }
}

/// The voters wait for each other: were they asked one after the other, the first would wait for ever.
#[test]
fn the_votes_on_a_file_are_under_way_at_once() {
    let (gate, arrived) = (Gate::new(), AtomicUsize::new(0));
    let stub = ModelStub::with(move |call: &Recorded| {
        if !call.model.starts_with('v') {
            return Reply::ok(
                "## Findings\n1. Quote: `let n = 1;`\n   Claim: `n` is never read by anybody in this file\n   Fails \
                 for: every build, which warns\n   Change: `delete the line`\n   Severity: major\n   Evidence: it is \
                 the only line\n   Confidence: 90%\n\n## Verdict\nneeds_patch\n",
            );
        }
        if arrived.fetch_add(1, Ordering::SeqCst) == 2 {
            gate.open();
        }
        let vote = "FINDING: 1\nQUOTE: let n = 1;\nWHY: nothing reads it\nVERDICT: upheld\n";
        Reply::ok(vote).held_by(&gate)
    });
    let repo = TestRepo::new();
    repo.write("a.rs", b"fn main() {\n    let n = 1;\n}\n");
    repo.commit("begin");
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    let bench = voters().iter().fold(bench, |bench, (key, value)| bench.set(key, value));
    bench.review(&repo, &["--no-facts", "--no-confirm", "--audit"]).expect(0);
    let audit = rows(&bench)[0].findings[0].audit.clone().unwrap();
    assert_eq!((audit.verdict, audit.upheld), (AuditVerdict::Upheld, 3));
}

#[test]
fn a_budget_that_ends_among_the_votes_leaves_findings_undecided_and_says_so() {
    let bed = Bed::new(CASES, &[("worker.concurrency", "1")]);
    bed.bench.review(&bed.repo, &["--no-facts", "--no-confirm"]).expect(0);
    let before = bed.stub.requests().len();
    let done = bed.audit(&["audit", "latest", "--json", "--budget-calls", "4"]).expect(1);
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    assert!(bed.stub.requests().len() - before <= 4, "the cap holds");
    let all: Vec<&Value> = json["reviews"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row["findings"].as_array().unwrap())
        .collect();
    assert_eq!(all.len(), 2, "each finding is named: {json}");
    let undecided: Vec<_> = all.iter().filter(|f| f["verdict"] == "undecided").collect();
    assert!(!undecided.is_empty(), "{json}");
    for finding in undecided {
        let reason = finding["reason"].as_str().unwrap();
        assert!(reason.contains("left out because of the budget"), "{reason}");
    }
    // A larger one, and the answers that were paid for are found.
    let asked = bed.stub.requests().len();
    bed.audit(&["audit", "latest", "--json", "--budget-calls", "0", "--again"]).expect(0);
    assert!(bed.stub.requests().len() - asked < 6, "what was answered is not asked again");

    // In a sweep of its own reviews, these stand whatever becomes of the votes.
    let bed = Bed::new(CASES, &[&voters()[..], &[("worker.concurrency", "1")]].concat());
    bed.bench
        .review(&bed.repo, &["--no-facts", "--no-confirm", "--audit", "--budget-calls", "3"])
        .expect(0);
    let rows = rows(&bed.bench);
    assert_eq!(rows.len(), 2, "both files are reviewed");
    let left = rows.iter().filter_map(|row| row.findings[0].audit.as_ref());
    assert!(left.clone().any(|audit| audit.why.contains("budget")), "{rows:?}");
}

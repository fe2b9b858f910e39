//! Second opinions: the findings of a sweep, put to the vote of several models, and what follows from that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "audit/bed.rs"]
mod bed;
#[path = "../support/schemas.rs"]
mod schemas;
#[path = "audit/within.rs"]
mod within;

use bed::{Bed, Case, Says, claims};
use queue_schema::rows::{AuditConsensusRow, AuditVerdict, ReviewRow};
use serde_json::Value;
use std::collections::BTreeMap;

use Says::{CantTell, Denies, Invents, Nothing, Other, Rejects, Upholds};

/// What the three voters and the tie-breaker say of each finding, and what that comes to. Those of one file are asked about
/// in one call, so that a vote that never comes has a file of its own.
const CASES: &[Case] = &[
    ("src/a/x.rs", "all", [Upholds; 3], None, "upheld"),
    ("src/a/x.rs", "two", [Upholds, Rejects, Rejects], None, "rejected"),
    ("src/a/x.rs", "one", [Upholds, Rejects, CantTell], Some(Rejects), "rejected"),
    ("src/a/x.rs", "tie", [Upholds, Rejects, CantTell], Some(CantTell), "undecided"),
    ("src/a/x.rs", "cant", [CantTell, CantTell, Upholds], None, "undecided"),
    ("src/b/x.rs", "invented", [Invents, Invents, Upholds], Some(Rejects), "split"),
    ("src/b/x.rs", "negated", [Denies, Denies, Rejects], Some(Rejects), "rejected"),
    ("src/b/x.rs", "dressed", [Other, Other, Upholds], None, "upheld"),
    ("src/c/x.rs", "missing", [Upholds, Nothing, Upholds], None, "upheld"),
    ("src/d/x.rs", "alone", [Upholds, Nothing, Nothing], Some(Nothing), "undecided"),
];

/// The verdicts of an audit, by claim.
fn verdicts(json: &Value) -> BTreeMap<String, String> {
    let findings = json["reviews"].as_array().unwrap().iter().flat_map(|row| {
        row["findings"].as_array().unwrap().iter().map(|f| {
            let claim = f["text"].as_str().unwrap().split('`').nth(1).unwrap().to_owned();
            (claim, f["verdict"].as_str().unwrap().to_owned())
        })
    });
    findings.collect()
}

fn wanted() -> BTreeMap<String, String> {
    CASES.iter().map(|case| (format!("take_{}", case.1), case.4.to_owned())).collect()
}

#[test]
fn the_votes_on_each_finding_come_to_its_verdict_wherever_it_is_shown() {
    let bed = Bed::new(CASES, &[]);
    bed.bench.review(&bed.repo, &["--no-facts", "--no-confirm"]).expect(0);
    let reviews = bed.stub.requests().len();
    let args = ["audit", "latest", "--tie-breaker", "t=stub/v4", "--json"];
    let done = bed.audit(&args).expect(1);
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(verdicts(&json), wanted(), "{json}");
    for row in json["reviews"].as_array().unwrap() {
        schemas::check_rows("audit_consensus", &row.to_string());
        let row: AuditConsensusRow = serde_json::from_value(row.clone()).unwrap();
        for finding in &row.findings {
            assert!(finding.voters >= 3 && !finding.reason.is_empty(), "{finding:?}");
            let id = finding.id.as_ref().unwrap();
            let shown = bed.bench.run(&["findings", bed.path(), "show", id, "--json"]).expect(0);
            let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
            assert_eq!(shown["audited"]["verdict"], finding.verdict.as_str(), "{shown}");
        }
    }
    let rows: Vec<AuditConsensusRow> = serde_json::from_value(json["reviews"].clone()).unwrap();
    let whole: Vec<Option<bool>> = rows.iter().map(|row| row.consensus).collect();
    assert_eq!(whole, [Some(false), Some(true), Some(true), None]);
    let reason = |claim: &str| {
        let all = rows.iter().flat_map(|row| &row.findings);
        let found = all.into_iter().find(|f| f.text.contains(claim)).unwrap();
        found.reason.clone()
    };
    assert!(reason("take_invented").contains("2 does not count: it quotes what"));
    assert!(reason("take_negated").contains("2 does not count: its reason says the opposite"));
    assert!(reason("take_alone").contains("too few votes"), "{}", reason("take_alone"));

    // No voter saw who says it, how sure they are, or the findings in the order of another voter.
    let votes = bed.stub.requests().split_off(reviews);
    let first: Vec<_> = votes.iter().filter(|call| call.prompt.contains("src/a/x.rs")).collect();
    for call in &first {
        for word in ["95%", "Confidence", "stub/m", "major"] {
            assert!(!call.prompt.contains(word), "{word}: {}", call.prompt);
        }
    }
    let orders: Vec<Vec<String>> = first.iter().map(|call| claims(&call.prompt)).collect();
    assert_eq!(orders.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 5, 2], "{orders:?}");
    assert!(orders[0] != orders[1] || orders[1] != orders[2], "{orders:?}");

    // The same command asks nobody, and finds the same.
    let asked = bed.stub.requests().len();
    let again = bed.audit(&args).expect(1);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&again["sweep"], verdicts(&again)), (&json["sweep"], wanted()));
    bed.audit(&[&args[..], &["--again"]].concat()).expect(1);
    assert_eq!(bed.stub.requests().len(), asked, "answers are kept");
    readers(&bed);
}

/// What each reader makes of it.
fn readers(bed: &Bed) {
    let out = bed.bench.out();
    let out = out.to_str().unwrap();
    let sweep = bed.reviewed();
    bed.bench.run(&["report", &sweep, "--out", out]).expect(0);
    let read = |name: &str| std::fs::read_to_string(bed.bench.out().join(name)).unwrap();
    let rows: Vec<ReviewRow> =
        read("scrum_reviews.jsonl").lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let first = rows.iter().find(|row| row.file == "src/a/x.rs").unwrap();
    assert_eq!(first.findings.iter().filter(|f| f.is_audited(AuditVerdict::Rejected)).count(), 2);
    let overview = read("scrum_report.md");
    assert!(overview.contains("- Audit: 3 upheld, 1 split, 3 undecided, 3 rejected"), "{overview}");
    assert!(overview.contains("rejected by the audit (2 of 3)"), "{overview}");
    // Rejected findings come last.
    let page = bed.bench.run(&["report", &sweep, "src/a/x.rs"]).expect(0).stdout;
    let at = |claim: &str| {
        page.find(&format!("take_{claim} reads")).unwrap_or_else(|| panic!("{claim}: {page}"))
    };
    for kept in ["all", "tie", "cant"] {
        assert!(at(kept) < at("two") && at(kept) < at("one"), "{page}");
    }
    assert_eq!(schemas::check_report(&bed.bench.out()), 4);
    let sarif: Value = serde_json::from_str(&read("scrum.sarif")).unwrap();
    schemas::check_sarif(&sarif);
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let audits = results.iter().filter(|r| r["properties"]["audit"]["verdict"] == "rejected");
    assert_eq!(audits.count(), 3);
    let list = |verdict: &str| {
        let args = ["findings", bed.path(), "list", "--audited", verdict];
        bed.bench.run(&args).expect(0).stdout
    };
    for (verdict, claims, not) in [
        ("rejected", &["take_one", "take_two", "take_negated"][..], "take_all"),
        ("upheld", &["take_all", "take_dressed", "take_missing"], "take_two"),
        ("split,undecided", &["take_tie", "take_invented", "take_alone"], "take_all"),
    ] {
        let said = list(verdict);
        assert!(claims.iter().all(|claim| said.contains(claim)) && !said.contains(not), "{said}");
    }
    let models = bed.bench.run(&["models"]).expect(0).stdout;
    assert!(models.contains("findings upheld by audits 3, rejected 3"), "{models}");
    let kb = bed.bench.run(&["kb", "query", "audit_consensus", "--path", "src/b/*", "--json"]);
    assert_eq!(kb.expect(0).stdout.matches("\"audited_review\"").count(), 1);
    // Each audit of a file is one event, of each of the two audits.
    let told = bed.bench.run(&["observe", "--source", "audits", "--json"]).expect(0).stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    let about = |e: &Value| (e["event"]["sweep"].to_string(), e["event"]["target"].as_u64());
    let mut all: Vec<_> = told["events"].as_array().unwrap().iter().map(about).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!((all.len(), &told["sources"]["by_source"]["audits"]["total"]), (8, &8.into()));
}

#[test]
fn a_rejected_finding_is_never_applied_and_an_upheld_one_is_confirmed() {
    let cases: &[Case] = &[
        ("src/a/x.rs", "good", [Upholds; 3], None, "upheld"),
        ("src/b/x.rs", "bad", [Rejects; 3], None, "rejected"),
    ];
    let settings = [("apply.provider", "stub"), ("apply.model", "patcher")];
    let bed = Bed::new(cases, &settings);
    bed.bench.review(&bed.repo, &["--no-facts", "--no-confirm"]).expect(0);
    let before = bed.bench.run(&["apply", "latest", "--json"]).expect(0);
    assert!(
        !before.stdout.contains("\"chosen\""),
        "nothing confirms any of them: {}",
        before.stdout
    );
    bed.audit(&["audit", "latest", "--json"]).expect(0);
    let sweep = bed.reviewed();
    let apply = ["apply", sweep.as_str(), "--check", "true"];
    bed.bench.run(&[&apply[..], &["--json"]].concat()).expect(0);
    let asked: Vec<String> = bed
        .stub
        .requests()
        .into_iter()
        .filter(|call| call.model == "patcher")
        .map(|call| call.prompt)
        .collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].contains("take_good") && !asked[0].contains("take_bad"));
    let told = bed.bench.run(&apply).expect(0);
    let told = format!("{}{}", told.stdout, told.stderr);
    assert!(told.contains("an audit rejected its findings"), "{told}");
}

/// A remembered model that did well begins reviews, until an audit says that what it found is wrong.
#[test]
fn an_audit_that_rejects_keeps_a_model_from_being_swapped_in_and_its_mistakes_from_being_shown() {
    let run = |audited: bool| {
        let cases: &[Case] = &[("src/a/x.rs", "limit", [Rejects; 3], None, "rejected")];
        let bed = Bed::on(cases, &["weak", "m"], &[]);
        for round in 1..=6 {
            if round > 1 {
                bed.commit(round);
            }
            bed.bench.review(&bed.repo, &["--no-facts", "--no-confirm"]).expect(0);
        }
        if audited {
            bed.audit(&["audit", "latest", "--json"]).expect(0);
        }
        let before = bed.stub.requests().len();
        bed.commit(7);
        bed.bench.review(&bed.repo, &["--no-facts", "--no-confirm"]).expect(0);
        let text = std::fs::read_to_string(bed.bench.out().join("scrum_reviews.jsonl")).unwrap();
        let row: ReviewRow = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let asked = bed.stub.requests().split_off(before);
        let shown = asked.iter().any(|call| call.prompt.contains("What was found near this file"));
        let finding = row.findings[0].clone();
        (row.pathway_hot_swap_hit, shown, finding.audit.map(|audit| audit.verdict))
    };
    assert_eq!(run(false), (true, true, None));
    // The code is the same as before: what the audit said of it holds in the next sweep.
    assert_eq!(run(true), (false, false, Some(AuditVerdict::Rejected)));
}

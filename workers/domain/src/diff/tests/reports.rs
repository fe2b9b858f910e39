//! What a review comes to, as people and programs are shown it.

use super::{at, vote};
use crate::diff::*;
use queue_schema::rows::DiffSeverity::{Block, Info, Warn};
use queue_schema::rows::DiffSide::Old;
use queue_schema::rows::{
    DiffFinding, DiffRemark, DiffReview, DiffVerdict, FindingState, Severity,
};
use serde_json::json;

/// Two who agree in other words, one who says more, and one who said nothing.
fn review() -> Tally {
    let lock = DiffRemark {
        why: Some("`drop` never comes".to_owned()),
        quote: Some("lock()".to_owned()),
        end_line: Some(9),
        ..at("a.rs", 7, Block, "The lock is never released")
    };
    let old = DiffRemark { side: Old, ..at("b.rs", 3, Warn, "A check is gone") };
    let elsewhere = DiffRemark {
        path: None,
        line: None,
        outside: true,
        place: "in c.rs".to_owned(),
        ..at("", 1, Info, "A test is missing")
    };
    let fine = DiffRemark { fine: true, ..at("a.rs", 2, Info, "The bound is fine") };
    let back = DiffRemark { withdrawn: true, ..at("a.rs", 4, Warn, "It wraps? No.") };
    let mut said = [
        vote("a", DiffVerdict::Hold, vec![lock, old, back]),
        vote(
            "b",
            DiffVerdict::Ship,
            vec![at("a.rs", 8, Warn, "A lock is not released"), elsewhere, fine],
        ),
    ];
    said[1].opinion.derived = true;
    let missing = Missing {
        bundle: "web/".to_owned(),
        reviewer: "c".to_owned(),
        reason: "429\nlater".to_owned(),
    };
    let mut sum = tally(&said, &[missing]);
    sum.findings[0].state = Some(FindingState::Open);
    sum.findings[1].state = Some(FindingState::New);
    sum
}

#[test]
fn a_review_is_told_whole() {
    let sum = review();
    let counted = Counted { sweep_id: "5", repo: "r", base: "b", head: "h", ts: "t" };
    let gone = sum.rows(&counted)[1..2].to_vec();
    let known = [report_known()];
    let left = [("Cargo.lock".to_owned(), "lock file".to_owned())];
    let warnings = ["big.rs has one hunk".to_owned()];
    let about = report::About {
        sweep_id: "5",
        repo: "/r",
        base: "b0",
        head: "h0",
        left_out: &left,
        warnings: &warnings,
        gone: &gone,
        known: &known,
        ..report::About::default()
    };
    assert_eq!(
        report::lines(&sum, &about),
        [
            "hold: 3 findings (1 convergent) by 3 reviewers over 2 bundles; too few reviewers answered for 1",
            "  a: hold (1 of 1 bundles)",
            "  b: ship-with-fixes (1 of 1 bundles, derived from its findings)",
            "  c: no answer (0 of 1 bundles)",
            "BLOCK a.rs:7-9: The lock is never released (a, b) [still there]",
            "WARN  b.rs:3 (before): A check is gone (a) [new]",
            "INFO  in c.rs (not in the diff): A test is missing (b)",
            "gone  b.rs:3 (before): A check is gone",
            "c said nothing of web/: 429 later",
            "left out: Cargo.lock (lock file)",
            "warning: big.rs has one hunk",
        ]
    );
    assert_eq!(
        report::markdown(&sum, &about),
        [
            "# Review of a change\n\n**hold: 3 findings (1 convergent) by 3 reviewers over 2 bundles; too few reviewers answered for 1**\n\n`/r` from `b0` to `h0`\n\n| Reviewer | Verdict |\n|---|---|\n| a | hold (1 of 1 bundles) |\n| b | ship-with-fixes (1 of 1 bundles, derived from its findings) |\n| c | no answer (0 of 1 bundles) |\n\n",
            "## Said by two or more\n\n- **BLOCK** `a.rs:7-9`: The lock is never released (still there)\n  - Why: `drop` never comes\n  - Code: `lock()`\n  - Said by: a, b\n  - b: A lock is not released\n\n",
            "## Said by one\n\n- **WARN** `b.rs:3 (before)`: A check is gone (new)\n  - Said by: a\n- **INFO** `in c.rs` (not in the diff): A test is missing\n  - Said by: b\n\n",
            "## Gone since the review before\n\n- `b.rs:3 (before)`: A check is gone\n\n",
            "## Known of these files before\n\n- `a.rs:1`: It leaks (dismissed by a person)\n\n",
            "## Found right\n\n- `a.rs:2`: The bound is fine (b)\n\n",
            "## Taken back\n\n- `a.rs:4`: It wraps? No. (a)\n\n",
            "## Not answered\n\n- c of `web/`: 429 later\n\n",
            "## Left out\n\n- `Cargo.lock`: lock file\n\n",
            "## Warnings\n\n- big.rs has one hunk\n\n",
            "## Answers\n",
        ]
        .concat()
    );
    let nobody = tally(&[], &[]);
    for (under_review, want) in [(true, "under review"), (false, "not reviewed")] {
        let about = report::About { under_review, ..report::About::default() };
        let told = format!("{want}: 0 findings (0 convergent) by 0 reviewers over 0 bundles");
        assert_eq!(report::lines(&nobody, &about), [told.as_str()]);
        let json = report::json(&nobody, &about);
        assert_eq!((&json["verdict"], &json["summary"]), (&json!(null), &told.as_str().into()));
    }
    let none = report::markdown(&nobody, &report::About::default());
    assert!(
        none.contains("## Said by two or more\n\nNone.\n\n## Said by one\n\nNone.\n"),
        "{none}"
    );
    let log = report::sarif(&sum, &about);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let of = |result: &serde_json::Value| {
        let region = &result["locations"][0]["physicalLocation"]["region"];
        (result["ruleId"].clone(), result["baselineState"].clone(), region.clone())
    };
    let none = serde_json::Value::Null;
    assert_eq!(
        results.iter().map(of).collect::<Vec<_>>(),
        [
            ("convergent".into(), "unchanged".into(), json!({"startLine": 7, "endLine": 9})),
            ("single".into(), "new".into(), none),
        ]
    );
    let notes = &log["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(
        (&notes[1]["level"], &notes[1]["message"]["text"]),
        (&"note".into(), &"A test is missing".into()),
        "a result without a place is none"
    );
}

#[test]
fn every_result_of_a_log_has_a_place() {
    let remark = |path: Option<&str>| DiffRemark {
        path: path.map(str::to_owned),
        ..at("", 4, Warn, "A test is missing")
    };
    let given: DiffReview = serde_json::from_value(json!({
        "sweep_id": "5", "review_id": "5-0", "repo": "r", "base": "b", "head": "h", "bundle": "./",
        "bundle_id": "0", "files": ["api/a b.rs", "b.rs"], "reviewer": "a", "model": "m", "reviewed_at": "t",
        "verdict": "hold", "verdict_note": "", "remarks": [], "answer": "", "attempts": [], "tokens_in": 0,
        "tokens_out": 0, "cost_usd": null, "duration_ms": 0, "masked": 0, "schema_version": 1,
    }))
    .unwrap();
    let elsewhere = DiffReview { bundle: "web/".to_owned(), ..given.clone() };
    let line = json!({"startLine": 4, "endLine": 4});
    for (path, reviews, want, region) in [
        (Some("c.rs"), vec![given.clone()], Some("c.rs"), line),
        (None, vec![elsewhere.clone(), given.clone()], Some("api/a%20b.rs"), json!(null)),
        (None, vec![elsewhere], None, json!(null)),
        (Some(""), vec![], None, json!(null)),
    ] {
        let sum = tally(&[vote("a", DiffVerdict::Hold, vec![remark(path)])], &[]);
        let about = report::About { reviews: &reviews, ..report::About::default() };
        let run = &report::sarif(&sum, &about)["runs"][0];
        let place = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!((&place["artifactLocation"]["uri"], &place["region"]), (&json!(want), &region));
        let notes = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
        assert_eq!(notes.len(), usize::from(want.is_none()), "{path:?}");
    }
}

fn report_known() -> Known {
    Known {
        path: "a.rs".to_owned(),
        line: Some(1),
        severity: Some(Severity::Major),
        text: "It leaks".to_owned(),
        state: FindingState::Dismissed,
        why: Some(String::new()),
    }
}

#[test]
fn gitlab_is_shown_what_stands_at_lines_of_the_head_each_once() {
    let counted = Counted { sweep_id: "5", repo: "r", base: "b", head: "h", ts: "t" };
    let mut rows = review().rows(&counted);
    let outside = DiffRemark { outside: true, ..rows[0].remark.clone() };
    let nowhere = DiffRemark { path: Some(String::new()), ..rows[0].remark.clone() };
    for (n, remark) in (0..).zip([outside, nowhere]) {
        rows.push(DiffFinding { id: format!("{n}"), remark, ..rows[0].clone() });
    }
    let info = at("d.rs", 5, Info, "A name\nis unclear");
    rows.push(DiffFinding {
        id: "i".to_owned(),
        severity: Info,
        convergent: false,
        remark: info,
        reviewers: vec!["b".to_owned()],
        ..rows[0].clone()
    });
    rows.push(rows[0].clone());
    assert_eq!(
        code_quality(&rows),
        json!([
            {
                "description": "The lock is never released (a, b)", "check_name": "scrum-convergent",
                "fingerprint": rows[0].id, "severity": "blocker",
                "location": {"path": "a.rs", "lines": {"begin": 7}},
            },
            {
                "description": "A name is unclear (b)", "check_name": "scrum-single",
                "fingerprint": "i", "severity": "info",
                "location": {"path": "d.rs", "lines": {"begin": 5}},
            },
        ])
    );
}

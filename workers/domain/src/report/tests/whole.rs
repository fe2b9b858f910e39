//! Findings and pages as a person reads them, from the first line to the last.

use super::*;
use crate::report::finding::{brief, line, terminal, whole};
use queue_schema::rows::metrics::Known;
use queue_schema::rows::{FindingState, GoneFinding};
use serde_json::json;

/// A review of `src/a.rs` in one attempt that took nothing.
fn plain_row(findings: Vec<Finding>) -> ReviewRow {
    let mut row = row("src/a.rs", findings, &[attempt(1, Outcome::Accepted, "")]);
    (row.shards_missing, row.shards_total, row.tree_split_fired) = (Vec::new(), 0, false);
    (row.alignment_score, row.gradient_tier) = (None, "auto".into());
    (row.tokens_in, row.tokens_out, row.cost_usd, row.duration_ms) = (0, 0, None, 0);
    row.gradient_tier_avg.clone_from(&row.gradient_tier);
    row
}

/// A suggestion with these members besides.
fn of_json(members: &Value) -> Finding {
    let mut whole = json!(Finding::new(FindingKind::Suggestion, ""));
    for (name, value) in members.as_object().unwrap() {
        whole[name] = value.clone();
    }
    serde_json::from_value(whole).unwrap()
}

fn audit(verdict: &str) -> Value {
    json!({"verdict": verdict, "upheld": 1, "rejected": 2, "voters": 3, "why": "", "sweep": "s"})
}

#[test]
fn a_finding_is_shown_with_all_that_is_known_of_it() {
    let full = json!({
        "kind": "critical_failure", "text": "**Drops it.** Claim of `f`\nThe reader never sees it.",
        "quote": "let x = 1;\nlet y = 2;\nlet z = 3;", "line": 7, "end_line": 9, "anchored": true,
        "confidence": 80, "confidence_calibrated": 60, "evidence": "`g` drops it",
        "flags": ["OffByOne"], "hinted": "clippy::x", "fails_for": "an empty list",
        "change": "```rust\nlet x = 1;\nlet y = 4;\nlet z = 3;\n```", "confirmed": "call",
        "confirmation": {"said": "upheld", "by": "p/m", "input": "[]", "actual": "1", "expected": "0"},
        "checks": ["style_only", "reach"], "state": "changed", "audit": audit("rejected"),
        "proven": {"sweep": "s", "run": "r", "test": "tests/a.rs"},
    });
    let loose = json!({
        "text": "Reads it twice\n- Where: `load`, and also `save`\n- Change:\n```\nread();\n```",
        "quote": "read_it();", "audit": audit("upheld"),
    });
    let bare = json!({
        "text": "Is slow", "anchored": true, "line": 3, "end_line": 3, "confirmed": "program",
        "confirmation": {"said": "rejected", "by": "p/m", "input": "i", "actual": "a", "expected": "e"},
        "change": "```rust\nfast();\n```",
    });
    let known = "80% sure (60% calibrated), proven by the test tests/a.rs, confirmed by another call, rejected by \
                 the audit (2 of 3), so says the linter's clippy::x, OffByOne, known, its code has changed";
    let diff = " let x = 1;\n-let y = 2;\n+let y = 4;\n let z = 3;";
    let missing = "quote not found in the file, upheld by the audit (1 of 3)";
    for (members, in_page, in_list, told, on_terminal) in [
        (
            full,
            format!(
                "Drops it. Claim of `f`\n\n**critical** critical failure, [`src/a.rs:7-9`](p.md), {known}\n\n\
                 The reader never sees it.\n\n**Fails for**: an empty list\n\n\
                 **A second call**: \\[\\]; what happens: 1; what should: 0 (p/m)\n\n\
                 ```diff\n{diff}\n```\n\n**Evidence**: `g` drops it\n\n**Doubtful**: style only, reach\n\n"
            ),
            format!(
                "**critical**, `src/a.rs:7-9`, {known} (doubtful): Drops it. Claim of `f`"
            ),
            "critical, proven, rejected, doubtful  src/a.rs:7-9  Drops it. Claim of f (80%, calibrated 60%)",
            format!(
                "1. Drops it. Claim of f\n   critical critical failure, src/a.rs:7-9, 80% sure (60%\n   \
                 calibrated), proven by the test tests/a.rs, confirmed by\n   another call, rejected by the audit \
                 (2 of 3), so says the\n   linter's clippy::x, OffByOne, known, its code has changed\n   \
                 The reader never sees it.\n   fails for: an empty list\n   a second call: []; what happens: 1; \
                 what should: 0 (p/m)\n   | {}\n   evidence: `g` drops it\n   doubtful: style only, reach\n",
                diff.replace('\n', "\n   | ")
            ),
        ),
        (
            loose,
            format!(
                "Reads it twice\n\n**minor** suggestion, [`src/a.rs`](p.md), {missing}\n\n```rust\nread_it();\n```\n\n\
                 **Where**: `load`, and also `save`\n\n**Instead**:\n\n```rust\nread();\n```\n\n"
            ),
            format!("**minor**, `src/a.rs`, {missing}: Reads it twice"),
            "minor, upheld  src/a.rs  Reads it twice",
            "1. Reads it twice\n   minor suggestion, src/a.rs, quote not found in the file,\n   upheld by the audit (1 of 3)\n   \
             | read_it();\n   where: `load`, and also `save`\n   | read();\n"
                .to_owned(),
        ),
        (
            bare,
            "Is slow\n\n**minor** suggestion, [`src/a.rs:3`](p.md), found by a rule\n\n**Instead**:\n\n```rust\nfast();\n```\n\n"
                .to_owned(),
            "**minor**, `src/a.rs:3`, found by a rule: Is slow".to_owned(),
            "minor  src/a.rs:3  Is slow",
            "1. Is slow\n   minor suggestion, src/a.rs:3, found by a rule\n   | fast();\n".to_owned(),
        ),
    ] {
        let finding = of_json(&members);
        let row = plain_row(vec![finding.clone()]);
        assert_eq!(whole(&row, &finding, Some("p.md")), in_page);
        assert_eq!(line(&row, &finding, None), in_list);
        assert_eq!(brief(&row, &finding), told);
        assert_eq!(terminal(1, &row, &finding, 60), on_terminal);
    }
}

#[test]
fn a_page_says_what_is_gone_and_how_the_file_was_read() {
    let dismissed = Finding {
        state: Some(FindingState::Dismissed),
        ..finding(FindingKind::Suggestion, "x", Some(1))
    };
    let gone = |n| GoneFinding { text: format!("claim {n}"), line: Some(n), ..Default::default() };
    let mut sweep = sweep("x", "src/a.rs");
    let mut row = plain_row(vec![dismissed.clone(), dismissed]);
    row.findings_gone = (1..=22).map(gone).collect();
    (row.findings_unrepeated, row.encoding, row.masked, row.tokens_in) = (2, "GBK".into(), 1, 5);
    row.gradient_tier_avg = "block".into();
    sweep.files[0].row = Some(row.clone());
    let list = |mark: &str| -> String {
        (1..=20)
            .fold(String::new(), |all, n| all + &format!("{mark}claim {n} (was at src/a.rs:{n})\n"))
    };
    let said = ["2 dismissed findings are left out", "2 open findings were not said again"];
    let page = format!(
        "# `src/a.rs`\n\n[Overview](scrum_report.md) of sweep `s`\n\nclean: reviewed, without findings\n\n{}\n\n{}\n\n\
         Gone since the review before:\n\n{}- and 2 more\n\n<details><summary>How it was reviewed</summary>\n\n\
         - Accepted on attempt: 1 (`ollama/m1`)\n- Escalated to: not needed\n- Total attempts: 1\n\
         - Tier from the mean: block\n- Read as GBK\n- Masked before the text was sent: 1 secret\n\
         - Tokens: 5 in, 0 out, cost not told, model time 0 ms\n\n</details>\n",
        said[0],
        said[1],
        list("- ")
    );
    let got = page::render(&sweep, &sweep.files[0], "p.md");
    assert_eq!(got.split_once('\n').unwrap().1, page);
    let on_terminal = format!(
        "src/a.rs\nclean: reviewed, without findings\n\n{}\n{}\n{}gone: and 2 more\nattempt 1: ollama/m1, accepted\n",
        said[0],
        said[1],
        list("gone: ")
    );
    assert_eq!(page::terminal(&sweep.files[0], 60), on_terminal);
    // Nothing to say of these, and nothing is said.
    let quiet = ReviewRow {
        findings_gone: Vec::new(),
        findings_unrepeated: 1,
        findings: Vec::new(),
        encoding: String::new(),
        masked: 0,
        tokens_in: 0,
        gradient_tier_avg: "auto".into(),
        ..row
    };
    sweep.files[0].row = Some(quiet);
    let got = page::render(&sweep, &sweep.files[0], "p.md");
    let (head, how) = got.split_once("<details>").unwrap();
    assert!(head.ends_with("without findings\n\n1 open finding was not said again\n\n"), "{head}");
    assert!(how.ends_with("</summary>\n\n- Accepted on attempt: 1 (`ollama/m1`)\n- Escalated to: not needed\n- Total attempts: 1\n\n</details>\n"), "{how}");
}

#[test]
fn which_files_have_pages_of_their_own() {
    let attempts = [attempt(1, Outcome::Thin, ""), attempt(2, Outcome::Accepted, "")];
    let verified = finding(FindingKind::VerifiedComponent, "fine", Some(1));
    let with = |change: &dyn Fn(&mut FileReport, &mut ReviewRow)| {
        let mut file = file("src/a.rs", TargetStatus::Resolved);
        let mut row = plain_row(Vec::new());
        change(&mut file, &mut row);
        file.row = Some(row);
        page::is_wanted(&file)
    };
    assert!(!with(&|_, _| {}), "a line says all of it");
    assert!(with(&|_, row| row.findings = vec![verified.clone()]));
    assert!(with(&|_, row| row.attempts = attempts.to_vec()));
    assert!(with(&|_, row| row.cut = true));
    assert!(with(&|file, _| file.facts_trouble = Some("thin".into())));
    assert!(with(&|_, row| row.findings_gone = vec![GoneFinding::default()]));
}

#[test]
fn a_sweep_says_how_its_findings_stand_to_those_before() {
    let known = |counts: [i64; 7]| {
        let [new, reopened, open, changed, unrepeated, fixed, dismissed] = counts;
        Known { new, reopened, open, changed, unrepeated, fixed, dismissed, ..Known::default() }
    };
    for (counts, said) in [
        ([5, 0, 0, 0, 0, 0, 0], None),
        ([2, 0, 3, 0, 0, 1, 0], Some("2 new, 3 still open, 1 gone")),
        ([0, 1, 0, 0, 0, 0, 0], Some("1 new, 0 still open, 0 gone; 1 of the new reopened")),
        (
            [0, 0, 1, 1, 1, 0, 2],
            Some(
                "0 new, 3 still open, 0 gone; 1 of the open not said again; 2 dismissed are left out",
            ),
        ),
        ([0, 0, 0, 0, 0, 0, 1], Some("0 new, 0 still open, 0 gone; 1 dismissed is left out")),
        ([0, 0, 0, 0, 0, 1, 1], Some("0 new, 0 still open, 1 gone; 1 dismissed is left out")),
        (
            [0, 1, 0, 0, 0, 0, 1],
            Some("1 new, 0 still open, 0 gone; 1 of the new reopened; 1 dismissed is left out"),
        ),
        ([0, 0, 0, 0, 0, 2, 0], Some("0 new, 0 still open, 2 gone")),
    ] {
        assert_eq!(super::super::known::in_words(&known(counts)).as_deref(), said, "{counts:?}");
    }
}

//! What stands in an overview around the findings, and the names of the original in JSON.

use super::*;
use crate::estimate::Off;
use queue_schema::rows::review::TopChunk;
use queue_schema::rows::{AutoApplyRow, DiagnosisRow, GoneFinding};
use queue_schema::sweep::Span;
use serde_json::json;

/// A section of an overview: from its title to the next one or a fold.
fn section<'a>(overview: &'a str, title: &str) -> &'a str {
    let at = overview.find(title).unwrap_or_else(|| panic!("no {title} in\n{overview}"));
    let rest = &overview[at..];
    let next = ["\n# ", "\n## ", "\n<details>", "\n</details>"];
    let end = next.iter().filter_map(|next| rest[1..].find(next)).min();
    rest[..end.map_or(rest.len(), |end| end + 1)].trim_end()
}

#[test]
fn what_the_applier_did_is_told_in_its_order() {
    let of = |members: Value| -> AutoApplyRow {
        let mut whole = json!({
            "action": "committed", "file": "a.rs", "patches_applied": 1, "patches_rejected": 0, "reason": "",
            "confidence_avg": null, "gradient_tier": "auto", "reviewer_model": "p/m", "patch_model": "p/m",
            "branch": "scrum", "commit": null, "ts": "", "sweep_id": "s", "review_id": "s-0", "run_id": "r",
            "repo": "", "base": "0", "patches": [], "warnings_before": null, "warnings_after": null,
            "output_tail": "", "sandbox": "", "tokens_in": 0, "tokens_out": 0, "cost_usd": null, "masked": 0,
            "schema_version": 1, "unsafe_no_sandbox": false,
        });
        members.as_object().unwrap().iter().for_each(|(name, v)| whole[name] = v.clone());
        serde_json::from_value(whole).unwrap()
    };
    let proof = |proven: bool| {
        json!({"finding": 0, "claim": "", "test": "t_a.rs", "text": "", "command": "", "proven": proven,
               "gate": null, "reason": "", "runs": 1, "output_tail": ""})
    };
    let mut applied = Applied::default();
    let report = sweep("x", "a.rs").report;
    let render = |applied: &Applied| Overview::default().render(&report, applied);
    assert!(!render(&applied).contains("# Applied") && applied.summary().is_null());
    applied.add(&of(json!({"commit": "0123456789abcdef", "proof": proof(true)})));
    let head = "# Applied\n\n";
    let first = "- `a.rs`: committed, `0123456789` on `scrum`, finding proven by `t_a.rs`\n";
    assert_eq!(section(&render(&applied), "# Applied"), format!("{head}{first}").trim_end());
    applied.add(&of(json!({
        "action": "build_red_reverted", "file": "b.rs", "reason": "it\n<b>", "proof": proof(false),
        "unsafe_no_sandbox": true,
    })));
    let warning = "**The check ran without a sandbox** for 1 decision, as was asked for: it could do all that the \
                   worker's user may.\n\n";
    let second =
        "- `b.rs`: build red reverted, finding not proven, without a sandbox: it &lt;b&gt;";
    let told = format!("{head}{warning}{first}{second}");
    assert_eq!(section(&render(&applied), "# Applied"), told);
    assert_eq!(applied.summary(), json!({"build_red_reverted": 1, "committed": 1}));
}

#[test]
fn failures_that_piled_up_and_what_was_expected_are_told() {
    let trouble = |n: u64, area: &str, text: Option<&str>| -> DiagnosisRow {
        let samples: Vec<&str> = text.iter().map(|_| "no answer\nin 60 s").collect();
        let row = json!({
            "sweep_id": "s", "diagnosis_id": "", "task": "review", "endpoint": "p/m", "class": "timeout",
            "area": area, "count": n, "since_ms": 0, "until_ms": 0, "samples": samples, "files": [],
            "what_to_do": "wait", "model": text.map(|_| "p/big"), "text": text, "ts": "", "schema_version": 1,
        });
        serde_json::from_value(row).unwrap()
    };
    let mut whole = sweep("x", "src/a.rs");
    assert!(!render(&whole).contains("# Trouble") && !render(&whole).contains("was expected"));
    whole.report.troubles =
        vec![trouble(7, "src/a", Some("It is <down>.\nWait.")), trouble(3, "", None)];
    let two = "# Trouble\n\nFailures of one kind that piled up:\n\n\
               - 7 times timeout, review by `p/m` under `src/a`: wait; the last: no answer in 60 s\n  \
               - `p/big` says: It is &lt;down&gt;. Wait.\n- 3 times timeout, review by `p/m`: wait";
    assert_eq!(section(&render(&whole), "# Trouble"), two);
    whole.report.troubles.resize(10, trouble(3, "", None));
    assert!(!section(&render(&whole), "# Trouble").contains("more"));
    whole.report.troubles.resize(11, trouble(3, "", None));
    let all = render(&whole);
    assert!(section(&all, "# Trouble").ends_with("wait\n\nAnd 1 more: `scrum observe`"), "{all}");
    let off = |what, took, within, off_percent| Off {
        what,
        expected: Span { low: 1_000.0, likely: 1_500.0, high: 2_000.0 },
        took,
        within,
        off_percent,
    };
    whole.report.expected = Some(Basis::Ledger);
    whole.report.off = vec![
        off("calls", 1_000.0, true, Some(-33.3)),
        off("tokens", 999.0, false, Some(-33.4)),
        off("usd", 2_500.5, false, Some(66.7)),
        off("ms", 2_100.0, false, None),
    ];
    let title = "## What it was expected to take";
    let table = format!(
        "{title}\n\n| | Expected, four times of five | Took | Off by |\n|---|---|--:|---|\n\
         | Calls | 1000 to 2000 | 1000 | within, -33 % |\n| Tokens | 1000 to 2000 | 999 | below, -33 % |\n\
         | Dollars | $1000.0000 to $2000.0000 | $2500.5000 | above, +67 % |\n\
         | Time | 1.0 s to 2.0 s | 2.1 s | above |"
    );
    assert_eq!(section(&render(&whole), title), table);
    whole.report.expected = Some(Basis::Files);
    assert!(render(&whole).contains("| Possible, from the files alone |"));
}

#[test]
fn an_overview_begins_with_what_it_comes_to() {
    let mut whole = sweep("x", "src/a.rs");
    let row = whole.files[0].row.as_mut().unwrap();
    (row.pathway_hot_swap_hit, row.rungs_saved, row.masked) = (true, 2, 1);
    row.findings[0].state = Some(queue_schema::rows::FindingState::Open);
    row.findings_gone = vec![GoneFinding::default()];
    let audit = json!({"verdict": "upheld", "upheld": 2, "rejected": 0, "voters": 2, "why": "", "sweep": "s"});
    row.findings[1].audit = serde_json::from_value(audit).unwrap();
    whole.report.labels = BTreeMap::from([("team".to_owned(), "a|b".to_owned())]);
    let overview = render(&whole);
    let head = "# Scrum report\n\n- Findings: **1 critical, 1 minor in 1 file**\n\
                - Audit: 1 upheld, 0 split, 0 undecided, 0 rejected\n\
                - Since the sweep before: 0 new, 1 still open, 1 gone\n\
                - Repository: `https://host/r.git` at `c0ffee`\n\
                - Files: 1 reviewed of 2 (1 only partly), 1 unresolved, 1 skipped; [all of them](scrum_files.md)\n\
                - 1 secret was masked in text sent to models that are not local\n\
                - 1 review began at a remembered model, 2 rungs saved";
    assert_eq!(section(&overview, "# Scrum report"), head);
    assert!(
        overview.contains("ladder `local`\n- Labels: <code>team=a\\|b</code>\n- Duration"),
        "{overview}"
    );
    let summary = summarized(&whole);
    let findings = json!({"new": 0, "reopened": 0, "still_open": 1, "gone": 1, "not_repeated": 0, "dismissed": 0});
    assert_eq!((&summary["findings"], &summary["per_file"][0]["masked"]), (&findings, &1.into()));
    assert_eq!(summary["per_file"][0]["duration_ms"], 3000);
    let bare = render(&Whole { files: Vec::new(), ..sweep("x", "a.rs") });
    assert_eq!(section(&bare, "# Scrum report").lines().count(), 5, "{bare}");
    assert!(bare.contains("**none in what was reviewed**"), "{bare}");
    assert!(!bare.contains("Labels") && bare.contains("0 reviewed of 0, 0 unresolved"), "{bare}");
}

#[test]
fn a_file_has_the_names_of_the_original_as_well() {
    let mut whole = sweep("x", "src/a.rs");
    let row = whole.files[0].row.as_mut().unwrap();
    let chunk = |origin: &str, offset: u32| -> TopChunk {
        let chunk = json!({"origin": origin, "offset": offset, "score": 0.5, "ranking": "lexical"});
        serde_json::from_value(chunk).unwrap()
    };
    row.top_chunks = vec![chunk("prd", 3), chunk("proposal", 4)];
    let dead = &mut whole.files[1];
    dead.attempts = [Outcome::Malformed, Outcome::Thin, Outcome::Error, Outcome::Refused]
        .into_iter()
        .zip(1..)
        .map(|(outcome, n)| attempt(n, outcome, "why"))
        .collect();
    let names = "file file_bytes tree_split_fired shards_summarized top_prd_chunks top_proposal_chunks \
                 attempts_made attempts_history accepted_on escalated_to_model suggestions duration_ms";
    let members = |file: &FileReport| -> Value {
        let all = file::render(file);
        names.split(' ').map(|name| (name.to_owned(), all[name].clone())).collect()
    };
    let tried = |n: u32, status: &str| json!({"n": n, "model": format!("ollama/m{n}"), "status": status, "chars": 120});
    let failed = |n: u32, status: &str, why: &str| {
        let mut tried = tried(n, status);
        tried["error"] = why.into();
        tried
    };
    let done = json!({
        "file": "src/a.rs", "file_bytes": 10, "tree_split_fired": true, "shards_summarized": 2,
        "top_prd_chunks": [{"origin": "prd", "offset": 3, "score": 0.5}],
        "top_proposal_chunks": [{"origin": "proposal", "offset": 4, "score": 0.5}],
        "attempts_made": 2, "attempts_history": [failed(1, "thin", "x"), tried(2, "accepted")],
        "accepted_on": 2, "escalated_to_model": "ollama/m2", "suggestions": "a", "duration_ms": 3000,
    });
    assert_eq!(members(&whole.files[0]), done);
    let dead = json!({
        "file": "src/dead.rs", "file_bytes": 10, "tree_split_fired": false, "shards_summarized": 0,
        "top_prd_chunks": [], "top_proposal_chunks": [], "attempts_made": 4,
        "attempts_history": [
            failed(1, "thin", "malformed: why"), failed(2, "thin", "why"), failed(3, "error", "why"),
            failed(4, "error", "refused: why"),
        ],
        "accepted_on": null, "escalated_to_model": "", "suggestions": "", "duration_ms": 6000,
    });
    assert_eq!(members(&whole.files[1]), dead);
    let per_file = summarized(&whole)["per_file"].clone();
    let of = |n: usize| ["accepted_on", "model", "ms"].map(|name| per_file[n][name].clone());
    assert_eq!(of(0), [json!(2), json!("ollama/m2"), json!(3000)]);
    assert_eq!(of(1), [Value::Null, json!(""), json!(6000)]);
}

#[test]
fn every_file_has_a_line_in_the_index() {
    let whole = sweep("x", "src/a.rs");
    let attempts = [attempt(1, Outcome::Accepted, "")];
    let reviewed = |path: &str, findings: Vec<Finding>| {
        let mut row = row(path, findings, &attempts);
        row.shards_missing.clear();
        FileReport { row: Some(row), ..file(path, TargetStatus::Resolved) }
    };
    let mut unread = reviewed("unread.rs", Vec::new());
    unread.row.as_mut().unwrap().suggestions_preview = "## Observations\n- **load** leaks".into();
    assert_eq!(
        page::terminal(&unread, 80).lines().nth(1),
        Some("accepted, but nothing could be read as a finding, alignment 4.5/10")
    );
    let mut left = file("left.rs", TargetStatus::LeftOut);
    left.dead_reason = Some("spent | <b>".into());
    let told = finding(FindingKind::Suggestion, "x", Some(1));
    for (file, page, line) in [
        (&whole.files[0], Some("p.md"), "[`src/a.rs`](p.md) | partly reviewed | 2 | dry_run |  |"),
        (&reviewed("b.rs", vec![told]), None, "`b.rs` | reviewed | 1 | dry_run |  |"),
        (&reviewed("c.rs", Vec::new()), None, "`c.rs` | clean | 0 | block |  |"),
        (&unread, None, "`unread.rs` | reviewed | 0 | block | read the answer |"),
        (&whole.files[1], None, "`src/dead.rs` | unresolved | | | all rungs spent x |"),
        (&whole.files[2], None, "`logo.png` | skipped | | | not a text file (by its name) |"),
        (&left, None, "`left.rs` | left out | | | spent \\| &lt;b&gt; |"),
        (&file("d.rs", TargetStatus::Live), None, "`d.rs` | in progress | | | |"),
        (
            &file("e.rs", TargetStatus::Unresolved),
            None,
            "`e.rs` | unresolved | | | no reason recorded |",
        ),
        (&file(" ", TargetStatus::Waiting), None, "(a name of blanks) | waiting | | | |"),
    ] {
        assert_eq!(index::line(file, page), format!("| {line}\n"));
    }
    let head = "# Files of sweep `s`\n\n[Overview](scrum_report.md). A file with a link has a page of its own.\n\n\
                | File | Status | Findings | Tier | Remark |\n|---|---|--:|---|---|\n";
    assert_eq!(index::head(&whole), head);
    let later = summary::listed(&file("d.rs", TargetStatus::Live));
    assert_eq!(later, json!({"file": "d.rs", "status": "live"}));
}

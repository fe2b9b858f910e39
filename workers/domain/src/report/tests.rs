use super::applied::Applied;
use super::overview::Overview;
use super::*;
use queue_schema::budget::{Amount, Budget, Caps};
use queue_schema::rows::{Finding, FindingKind, Outcome};
use serde_json::Value;
use std::ops::{Deref, DerefMut};

mod around;
mod files;
mod hostile;
mod large;
mod said;
mod sarif_log;
mod sections;
mod whole;

/// A sweep with its files, which are rendered one after the other.
struct Whole {
    report: SweepReport,
    files: Vec<FileReport>,
}

impl Deref for Whole {
    type Target = SweepReport;
    fn deref(&self) -> &SweepReport {
        &self.report
    }
}

impl DerefMut for Whole {
    fn deref_mut(&mut self) -> &mut SweepReport {
        &mut self.report
    }
}

/// The overview, and the pages under their names.
fn markdown(sweep: &Whole) -> (String, Vec<(String, String)>) {
    let (mut overview, mut names) = (Overview::default(), file::Names::default());
    let mut pages = Vec::new();
    for file in &sweep.files {
        let name = format!("{}.md", names.stem_of(&file.target.path));
        let page = page::is_wanted(file).then_some(name.as_str());
        overview.add(file, page);
        if let Some(name) = page {
            pages.push((name.to_owned(), page::render(sweep, file, name)));
        }
    }
    (overview.render(sweep, &Applied::default()), pages)
}

fn render(sweep: &Whole) -> String {
    markdown(sweep).0
}

fn summarized(sweep: &Whole) -> Value {
    let (mut totals, mut value) = (Totals::default(), summary::head(sweep));
    sweep.files.iter().for_each(|file| totals.add(file));
    let with = |of: &[TargetStatus], make: fn(&FileReport) -> Value| -> Value {
        sweep.files.iter().filter(|f| of.contains(&f.status)).map(make).collect()
    };
    for (name, of) in summary::LISTS {
        value[name] = with(of, summary::listed);
    }
    value["per_file"] = sweep
        .files
        .iter()
        .filter(|f| f.status != TargetStatus::Skipped)
        .map(summary::per_file)
        .collect();
    for (name, member) in
        summary::tail(sweep, &totals, &Applied::default().summary()).as_object().unwrap()
    {
        value[name] = member.clone();
    }
    value
}

fn sarif(sweep: &Whole) -> Value {
    let (mut text, tail) = sarif::frame(sweep);
    let (mut array, mut not_reviewed) = (lines::Array::default(), sarif::NotReviewed::default());
    sweep.files.iter().for_each(|file| not_reviewed.add(file));
    for result in sweep.files.iter().flat_map(sarif::results) {
        text.push_str(&array.item(&result));
    }
    let invocations = not_reviewed.invocations();
    serde_json::from_str(&format!("{text}{}{invocations}{tail}", array.end())).unwrap()
}

fn attempt(n: u32, outcome: Outcome, reason: &str) -> Attempt {
    Attempt {
        provider: "ollama".into(),
        model: format!("m{n}"),
        reason: reason.into(),
        chars: 120,
        tokens_in: 100,
        tokens_out: 20,
        cost_usd: Some(0.25),
        duration_ms: 1500,
        ..crate::fixtures::attempt(n, outcome)
    }
}

fn finding(kind: FindingKind, text: &str, line: Option<u32>) -> Finding {
    Finding {
        quote: Some("let x = 1;".into()),
        line,
        end_line: line,
        anchored: line.is_some(),
        confidence: Some(80),
        ..Finding::new(kind, text)
    }
}

fn file(path: &str, status: TargetStatus) -> FileReport {
    let target = Target { path: path.into(), blob: "b".into(), bytes: 10, skip: None };
    FileReport {
        target,
        status,
        row: None,
        attempts: Vec::new(),
        dead_reason: None,
        facts: None,
        facts_trouble: None,
    }
}

fn row(path: &str, findings: Vec<Finding>, attempts: &[Attempt]) -> ReviewRow {
    let parsed = crate::parse::Parsed {
        format: crate::parse::Format::Markdown,
        alignment_score: Some(4.5),
        verdict: None,
        findings,
        counts: None,
        cut: false,
    };
    let pathway = crate::review::Pathway::default();
    crate::review::row(&crate::review::Accepted {
        reviewed_at: "2026-01-02T03:04:05Z",
        sweep_id: "s",
        review_id: "s-0",
        repo: "/r",
        commit: "c0ffee",
        path,
        blob: "b",
        answer: "a",
        parsed: &parsed,
        attempts,
        spent_around: Spent::default(),
        shards_total: 3,
        shards_missing: &[(3500, 7000)],
        shards_shortened: 2,
        encoding: "",
        top_chunks: &[],
        shards_masked: 0,
        retrieval: "lexical",
        type_hints: &[],
        pathway: &pathway,
        limits: crate::review::RowLimits::default(),
    })
}

fn sweep(text: &str, path: &str) -> Whole {
    let mut done = file(path, TargetStatus::Resolved);
    let history = vec![attempt(1, Outcome::Thin, text), attempt(2, Outcome::Accepted, "")];
    let findings = vec![
        finding(FindingKind::CriticalFailure, text, Some(7)),
        finding(FindingKind::Suggestion, text, None),
        finding(FindingKind::VerifiedComponent, "fine", Some(9)),
    ];
    done.row = Some(row(path, findings, &history));
    let mut dead = file("src/dead.rs", TargetStatus::Unresolved);
    dead.attempts = vec![attempt(1, Outcome::Malformed, "no JSON")];
    dead.dead_reason = Some(format!("all rungs spent {text}"));
    let mut skipped = file("logo.png", TargetStatus::Skipped);
    skipped.target.skip = Some("not a text file (by its name)".into());
    let report = SweepReport {
        expected: None,
        off: Vec::new(),
        budget: None,
        sweep_id: "s".into(),
        repo: "https://me:secret@host/r.git".into(),
        commit: "c0ffee".into(),
        generated_at: "2026-01-02T03:04:05Z".into(),
        duration_ms: 83_000,
        ladder: Ladder { name: "local".into(), description: String::new(), rungs: Vec::new() },
        labels: BTreeMap::new(),
        calls: 4,
        spent: Spent { tokens_in: 400, tokens_out: 80, cost_usd: Some(1.0), duration_ms: 6_000 },
        models: Vec::new(),
        metrics: None,
        troubles: Vec::new(),
    };
    Whole { report, files: vec![done, dead, skipped] }
}

#[test]
fn an_answer_of_which_nothing_was_read_is_shown() {
    let attempts = [attempt(1, Outcome::Accepted, "")];
    let mut observed = file("observed.rs", TargetStatus::Resolved);
    let mut answer = row("observed.rs", Vec::new(), &attempts);
    answer.suggestions_preview =
        "## Observations\n- **load** leaks <b>\n\n## Contradictions\nNone".into();
    observed.row = Some(answer);
    let mut quiet = file("quiet.rs", TargetStatus::Resolved);
    let mut answer = row("quiet.rs", Vec::new(), &attempts);
    answer.suggestions_preview =
        "## Suggested changes\n- None found.\n\n## What was checked\n- `load`\n".into();
    quiet.row = Some(answer);
    let mut sweep = sweep("swallows errors", "src/a.rs");
    sweep.files = vec![observed, quiet];
    let md = render(&sweep);
    let rest = md.split("# Accepted, but nothing could be read as a finding").nth(1).unwrap();
    let (unread, clean) = rest.split_once("<summary>Clean: 1 file").unwrap();
    assert!(clean.contains("quiet.rs") && !clean.contains("observed.rs"), "{md}");
    assert!(unread.contains("observed.rs") && !unread.contains("quiet.rs"), "{md}");
    assert!(
        unread.contains("  > \\#\\# Observations  \n  > - \\*\\*load\\*\\* leaks &lt;b&gt;"),
        "{md}"
    );
}

#[test]
fn the_report_tells_the_whole_story() {
    let whole = sweep("swallows errors", "src/a.rs");
    let (overview, pages) = markdown(&whole);
    let page = &pages.iter().find(|(name, _)| name == "review_src_a.rs.md").unwrap().1;
    let terminal = page::terminal(&whole.files[0], 72);
    for (text, parts) in [
        (
            &overview,
            &[
                "- Findings: **1 critical, 1 minor in 1 file**",
                "Repository: `https://host/r.git` at `c0ffee`",
                "1 reviewed of 2 (1 only partly), 1 unresolved, 1 skipped",
                "## 1. swallows errors\n\n**critical** critical failure, \
                 [`src/a.rs:7`](review_src_a.rs.md), 80% sure\n\n```rust\nlet x = 1;\n```\n",
                "[`src/a.rs`](review_src_a.rs.md), quote not found in the file, 80% sure",
                "| [`src/a.rs`](review_src_a.rs.md) | partly reviewed | 2 | dry_run | 4.5 | 2 | `ollama/m2` |",
                "## [`src/dead.rs`](review_src_dead.rs.md)",
                "malformed, 120 characters, 1.5 s: no JSON",
                "<details><summary>Skipped: 1 file</summary>",
                "| `logo.png` | not a text file (by its name) |",
                "<details><summary>About this run</summary>",
                "Generated at: 2026-01-02T03:04:05Z",
                "Duration: 1 min 23 s",
                "Review attempts: 3; model calls: 4, tokens 400 in and 80 out, cost $1.0000",
            ][..],
        ),
        (
            page,
            &[
                "2 findings, only partly reviewed, tier dry_run, alignment 4.5/10",
                "**Not covered: bytes 3500 to 7000**",
                "## 1. swallows errors\n\n**critical** critical failure, `src/a.rs:7`, 80% sure",
                "## 3. fine\n\n**info** verified component",
                "<details><summary>How it was reviewed</summary>",
                "Accepted on attempt: 2 (`ollama/m2`)",
                "Escalated to: `ollama/m2`",
                "Total attempts: 2",
                "1: `ollama/m1`, thin, 120 characters, 1.5 s: swallows errors",
                "Read in 3 parts; the notes on 2 of them were cut",
            ],
        ),
        (
            &terminal,
            &[
                "src/a.rs\n2 findings, only partly reviewed, tier dry_run, alignment 4.5/10\n",
                "1. swallows errors\n   critical critical failure, src/a.rs:7, 80% sure\n       7 | let x = 1;\n",
                "attempt 1: ollama/m1, thin: swallows errors\n",
            ],
        ),
    ] {
        let mut rest = text.as_str();
        for part in parts {
            // Each behind the one before, and nowhere twice.
            let at =
                rest.find(part).unwrap_or_else(|| panic!("{part:?} not in its place in\n{text}"));
            rest = &rest[at + part.len()..];
        }
    }
    assert!(!overview.contains("Accepted on attempt"), "how it came about is in the page alone");
}

#[test]
fn files_without_findings_are_a_list_with_their_history() {
    let mut report = sweep("swallows errors", "src/a.rs");
    let mut clean = file("src/clean.rs", TargetStatus::Resolved);
    let history = [attempt(1, Outcome::Thin, "too short"), attempt(2, Outcome::Accepted, "")];
    clean.row = Some(row("src/clean.rs", Vec::new(), &history));
    report.files.push(clean);
    report.files.push(file("src/later.rs", TargetStatus::Waiting));
    let md = render(&report);
    let (findings, rest) =
        md.split_once("<summary>Clean: 1 file reviewed, without findings").unwrap();
    assert!(!findings.contains("clean.rs"), "{md}");
    let told =
        "- [`src/clean.rs`](review_src_clean.rs.md): accepted on attempt 2 of 2 (`ollama/m2`)";
    assert!(rest.contains(told), "{md}");
    assert!(rest.contains("  - 1: `ollama/m1`, thin") && rest.contains("too short"), "{md}");
    assert!(findings.contains("# Not done\n\n- `src/later.rs`: waiting"), "{md}");
}

#[test]
fn what_a_budget_left_out_is_named_with_the_reason_and_what_to_do() {
    let mut report = sweep("swallows errors", "src/a.rs");
    let mut begun = file("src/begun.rs", TargetStatus::LeftOut);
    begun.attempts = vec![attempt(1, Outcome::Thin, "too short")];
    begun.dead_reason = Some("4 of 5 calls are spent | <b>".into());
    report.files.push(begun);
    report.files.push(file("src/later.rs", TargetStatus::LeftOut));
    let amount = |calls| Amount { calls, ..Amount::default() };
    let caps = Caps { most: amount(5), degrade_percent: 80, stop_percent: 95 };
    report.budget = Some(Budget { caps, spent: amount(4), reserved: amount(0) });
    let md = render(&report);
    for part in [
        "- Budget: 4 of 5 calls spent; near the limit only cheap calls were made; 2 files **left out**",
        "1 reviewed of 4 (1 only partly), 1 unresolved, 1 skipped",
        "# Left out",
        "Because of the budget, 2 files were left out.",
        "- [`src/begun.rs`](review_src_begun.rs.md): 4 of 5 calls are spent \\| &lt;b&gt;",
        "  - 1: `ollama/m1`, thin, 120 characters, 1.5 s: too short",
        "- `src/later.rs`: not started",
    ] {
        assert!(md.contains(part), "{part:?} not in\n{md}");
    }
    let v = summarized(&report);
    assert_eq!(v["left_out"][0]["file"], "src/begun.rs");
    assert_eq!(v["left_out"][1]["reason"], Value::Null);
    assert_eq!((&v["budget"]["degraded"], &v["budget"]["stopped"]), (&true.into(), &false.into()));
    assert_eq!(v["per_file"][2]["coverage"], "none");
    assert_eq!(summarized(&sweep("x", "a.rs"))["budget"], Value::Null);
}

#[test]
fn the_summary_keeps_the_names_of_the_original() {
    let v = summarized(&sweep("x", "src/a.rs"));
    assert_eq!(v["ran_at"], "2026-01-02T03:04:05Z");
    assert_eq!((&v["target_count"], &v["resolved"]), (&2.into(), &1.into()));
    assert_eq!((&v["total_attempts"], &v["total_duration_ms"]), (&3.into(), &83_000.into()));
    let [done, dead] = &v["per_file"].as_array().unwrap()[..] else { panic!("two files") };
    assert_eq!(done["file"], "src/a.rs");
    assert_eq!((&done["resolved"], &done["attempts"]), (&true.into(), &2.into()));
    assert_eq!(done["accepted_model"], "ollama/m2");
    assert_eq!(done["coverage"], "partly");
    assert_eq!(dead["accepted_model"], Value::Null);
    assert_eq!(v["unresolved"][0]["file"], "src/dead.rs");
    assert_eq!(v["skipped"][0]["reason"], "not a text file (by its name)");
}

#[test]
fn a_file_report_is_its_row_or_its_history() {
    let report = sweep("x", "src/a.rs");
    assert_eq!(file::render(&report.files[0])["gradient_tier"], "dry_run");
    let dead = file::render(&report.files[1]);
    assert_eq!(dead["status"], "unresolved");
    assert_eq!(dead["attempts"][0]["reason"], "no JSON");
    assert_eq!(file::render(&report.files[2])["reason"], "not a text file (by its name)");
}

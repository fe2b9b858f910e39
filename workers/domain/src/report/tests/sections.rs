//! Facts, progress and models.

use super::*;

#[test]
fn facts_are_a_line_in_the_report_and_whole_in_the_files() {
    let mut report = sweep("x", "a.rs");
    assert!(!render(&report).contains("acts:"), "nobody was asked");
    report.files[0].facts_trouble = Some("thin: <b>|empty</b> answer".into());
    let page = |report: &Whole| markdown(report).1.remove(0).1;
    assert!(page(&report).contains("- No facts: thin: &lt;b&gt;\\|empty"));
    assert!(render(&report).contains("- Facts of 1 file could not be extracted or checked"));
    let extracted = crate::facts::Extracted {
        facts: vec!["one".into(), "two".into()],
        ..crate::facts::Extracted::default()
    };
    let verified = crate::facts::Verified {
        preview: "1: supported".into(),
        verdicts: crate::facts::verdicts("1: supported", 2),
    };
    let row = crate::facts::row(&crate::facts::Known {
        extracted_at: "2026-01-02T03:04:05Z",
        sweep_id: "s",
        review_id: "s-0",
        repo: "/r",
        commit: "c",
        path: "a.rs",
        blob: "b",
        extractor: "p/a",
        verifier: "p/b",
        extracted: &extracted,
        verified: Ok(&verified),
        spent: Spent { tokens_in: 1000, ..Spent::default() },
        masked: 0,
    });
    report.files[0].facts = Some(row);
    report.files[0].facts_trouble = None;
    assert!(page(&report).contains("- Facts: 2 facts, 1 held by `p/b`"));
    let summary = summarized(&report);
    assert_eq!((&summary["facts"], &summary["facts_failed"]), (&1.into(), &0.into()));
    assert_eq!(file::render(&report.files[0])["facts"]["facts"][1], "two");
}

#[test]
fn progress_is_told_in_plain_words_and_honestly() {
    use queue_schema::rows::{LoopMetricsRow, LoopNumbers};
    let mut report = sweep("x", "src/a.rs");
    assert!(!render(&report).contains("# Progress"), "there is nothing before it");
    let mut numbers = LoopNumbers { resolved: 3, wall_ms: 2_000, ..LoopNumbers::default() };
    numbers.severity.critical = 1;
    numbers.markers.todo = 4;
    numbers.cost_usd = Some(0.25);
    let mut delta = LoopNumbers { tokens_in: 120, wall_ms: -500, ..LoopNumbers::default() };
    delta.resolved = -1;
    delta.severity.critical = -2;
    delta.markers.todo = 1;
    delta.cost_usd = Some(-0.05);
    report.metrics = Some(LoopMetricsRow {
        sweep_id: "s".into(),
        repo: "/r".into(),
        commit: "c0ffee".into(),
        ladder: "local".into(),
        state: "done".into(),
        started_at: "2026-01-02T03:04:05Z".into(),
        numbers,
        previous_sweep: Some("before1".into()),
        delta: Some(delta),
        not_like_for_like: Vec::new(),
        schema_version: 1,
    });
    let section = |report: &Whole| {
        let md = render(report);
        let section = md.split("# Progress").nth(1).unwrap();
        section.split("<details>").next().unwrap().to_owned()
    };
    let text = section(&report);
    for part in [
        "Against sweep `before1`",
        "Better:\n\n- critical findings: 1 (-2)\n\n",
        "Worse:\n\n- lines that mark open work: 4 (+1)\n\n",
        "Otherwise:\n\n- files reviewed: 3 (-1)\n",
        "- tokens in: 0 (+120)\n- cost: $0.2500 (-0.0500)\n- time: 2.0 s (-500 ms)\n",
    ] {
        assert!(text.contains(part), "{part:?} not in\n{text}");
    }
    assert!(!text.contains("minor") && !text.contains("Not like"), "{text}");
    let changed = report.metrics.clone();
    report.metrics.as_mut().unwrap().delta =
        Some(LoopNumbers { resolved: 1, ..LoopNumbers::default() });
    let end = "Otherwise:\n\n- files reviewed: 3 (+1)\n\nNo figure that counts as better or worse has changed.";
    assert!(section(&report).trim_end().ends_with(end), "{}", section(&report));
    report.metrics = changed;
    // What can't be compared is not called better or worse.
    let metrics = report.metrics.as_mut().unwrap();
    metrics.not_like_for_like = vec!["other targets (src/**, before <b>all</b>)".into()];
    let text = section(&report);
    assert!(text.contains("**Not like for like**: other targets"), "{text}");
    assert!(
        text.contains(
            "What is different:\n\n- files reviewed: 3 (-1)\n- critical findings: 1 (-2)"
        ),
        "{text}"
    );
    assert!(
        !text.contains("No figure")
            && !text.contains("etter:")
            && !text.contains("orse:")
            && !text.contains("<b>"),
        "{text}"
    );
}

#[test]
fn models_stand_in_the_report_and_in_the_summary() {
    use queue_schema::ledger::{self, Ledger, Taken, TaskClass, Tried};
    let mut report = sweep("x", "src/a.rs");
    assert!(!render(&report).contains("# Models"));
    let mut sums = Ledger::new();
    let taken =
        Taken { tokens_in: 7, tokens_out: 2, cost_micro_usd: Some(1500), ms: 3_000, asked: 0 };
    let tried = Tried::Answered(Outcome::Accepted, taken);
    let adds = ledger::adds("ollama", "m|1", TaskClass::Review, tried);
    ledger::gather(&mut sums, adds.into_iter().map(|(f, n)| (f, n.unsigned_abs())));
    report.models = crate::trust::rows(&sums, Some("s"));
    let md = render(&report);
    let line = "| <code>ollama/m\\|1</code> | review | 1 | 1 | 7 | 2 | $0.0015 | 3.0 s |";
    assert!(md.contains(line), "{md}");
    let row = &summarized(&report)["models"][0];
    assert_eq!((&row["model"], &row["calls"]), (&"m|1".into(), &1.into()));
    assert_eq!(row["cost_usd"], 0.0015);
}

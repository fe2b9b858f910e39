//! Scoring, counting and comparing, over reviews that are written here.

use super::case::{Built, Case, Source, set};
use super::compare::{Comparison, Side, compare};
use super::figures::{figures, paired, slices};
use super::record::{Record, Run, Tried};
use super::score::{Outcome, Verdict, labels, paid_before, score};
use super::{report, stats};
use crate::fixtures::attempt;
use crate::report::FileReport;
use queue_schema::rows::{Attempt, Finding, FindingKind, Outcome as Ended, ReviewRow};
use queue_schema::sweep::{Target, TargetStatus};
use std::collections::BTreeMap;

mod marks;
mod told;

const RIGHT: &str = "def f(n, m):\n    if n <= 0:\n        return 1\n    a = n\n    b = m\n    c = a + b\n    d = c * 2\n    e = d - 1\n    return e\n";

fn seeded(file: &str) -> Source {
    Source {
        file: file.into(),
        category: "bound".into(),
        text: RIGHT.replace("n <= 0", "n < 0"),
        fixed: Some(RIGHT.into()),
        lines: vec![(2, 2)],
        ..Source::default()
    }
}

fn finding(text: &str, line: u32, confidence: u8) -> Finding {
    let quote = RIGHT.lines().nth(line as usize - 1).map(str::to_owned);
    Finding {
        quote,
        line: Some(line),
        end_line: Some(line),
        anchored: true,
        confidence: Some(confidence),
        ..Finding::new(FindingKind::Suggestion, text)
    }
}

fn file(place: &str, findings: Option<Vec<Finding>>) -> FileReport {
    let target = Target { path: place.into(), blob: "0".repeat(40), bytes: 1, skip: None };
    let attempts = vec![Attempt {
        cost_usd: Some(0.5),
        duration_ms: 2_000,
        tokens_in: 7,
        tokens_out: 4,
        ..attempt(1, Ended::Refused)
    }];
    let status = if findings.is_some() { TargetStatus::Resolved } else { TargetStatus::Unresolved };
    let row = findings.map(|findings| row(place, findings));
    FileReport {
        target,
        status,
        row,
        attempts,
        dead_reason: None,
        facts: None,
        facts_trouble: None,
    }
}

fn row(place: &str, findings: Vec<Finding>) -> ReviewRow {
    let json = serde_json::json!({
        "file": place, "reviewed_at": "2026-01-02T03:04:05Z", "accepted_model": "p/m",
        "accepted_on_attempt": 1, "attempts_made": 1, "tree_split_fired": false, "suggestions_preview": "",
        "confidences_per_finding": [], "confidence_avg": null, "confidence_min": null, "findings_count": 0,
        "gradient_tier": "block", "gradient_tier_avg": "block", "alignment_score": null,
        "output_format": "markdown", "verdict": null, "schema_version": 4, "scrum_master_reviewed": true,
        "pathway_hot_swap_hit": false, "pathway_id": null, "pathway_similarity": null,
        "pathway_success_rate": null, "rungs_saved": 0, "sweep_id": "", "review_id": "", "repo": "/r",
        "commit": "", "blob": "", "findings": [], "attempts": [], "tokens_in": 1, "tokens_out": 1,
        "cost_usd": 1.0, "duration_ms": 4000, "shards_total": 0, "shards_missing": [], "top_chunks": []
    });
    ReviewRow { findings, ..serde_json::from_value(json).unwrap() }
}

/// The reviews of one fault and of its clean file, scored: the outcome of the fault, and of the clean one.
fn scored(of_seeded: Option<&[Finding]>, of_clean: Option<&[Finding]>) -> (Outcome, Outcome) {
    let cases = set(vec![seeded("src/f.py")], 1);
    let files = cases.iter().map(|c| {
        let findings = if c.case.is_seeded() { of_seeded } else { of_clean };
        (c.case.place.clone(), file(&c.case.place, findings.map(<[Finding]>::to_vec)))
    });
    let outcomes = score(&cases, &files.collect());
    let of = |seeded| cases.iter().position(|c| c.case.is_seeded() == seeded).unwrap();
    (outcomes[of(true)].clone(), outcomes[of(false)].clone())
}

fn verdicts(outcome: &Outcome) -> Vec<Verdict> {
    outcome.findings.iter().map(|f| f.verdict).collect()
}

#[test]
fn a_finding_is_right_at_the_fault_false_where_there_is_none_and_else_undecided() {
    use Verdict::{False, Right, Undecided};
    let bound = finding("The bound `n` lets zero through and so the result is wrong", 2, 90);
    let near = finding("Zero is not handled by this return as it should be", 5, 80);
    let far = finding("The multiplication overflows for large values", 7, 60);
    let (fault, clean) = scored(Some(&[bound.clone(), near, far.clone()]), Some(&[]));
    assert_eq!((fault.hit, verdicts(&fault)), (true, vec![Right, Right, Undecided]));
    assert!(!clean.hit && clean.findings.is_empty() && clean.is_reviewed());
    let told: Vec<(Option<f64>, bool)> =
        labels(&[fault]).iter().map(|l| (l.confidence, l.right)).collect();
    assert_eq!(told, [(Some(0.9), true), (Some(0.8), true)]);

    // Whoever says the same of the clean file says nothing of the fault.
    let (fault, clean) =
        scored(Some(&[bound.clone(), far.clone()]), Some(&[bound.clone(), far.clone()]));
    assert_eq!((fault.hit, verdicts(&fault)), (false, vec![False, False]));
    assert!(fault.findings.iter().all(|f| f.also_of_clean));
    assert_eq!((clean.hit, verdicts(&clean)), (false, vec![False, False]));

    // What is at no place is at no fault; what only says that all is well is no finding.
    let nowhere = Finding { anchored: false, line: None, end_line: None, ..bound.clone() };
    let fine = Finding::new(FindingKind::VerifiedComponent, "f is right");
    let (fault, _) = scored(Some(&[nowhere, fine]), Some(&[]));
    assert_eq!((fault.hit, verdicts(&fault)), (false, vec![Undecided]));

    // A confidence that can't be read is none.
    let odd = Finding { confidence: Some(99), confidence_unreadable: true, ..bound };
    let (fault, _) = scored(Some(&[odd]), None);
    assert_eq!((fault.hit, labels(&[fault])[0].confidence), (true, None));
}

#[test]
fn a_check_is_worth_what_is_left_without_its_findings() {
    let marked = |text: &str, line, checks: &[&str]| Finding {
        checks: checks.iter().map(|c| (*c).to_owned()).collect(),
        ..finding(text, line, 90)
    };
    let right = marked("The bound lets zero through and so the result is wrong", 2, &[]);
    let twice = marked("Zero is not handled at this place as it should be", 3, &["style"]);
    let noise = marked("The multiplication overflows for large values", 7, &["style", "praise"]);
    let (fault, clean) = scored(Some(&[right, twice]), Some(&[noise]));
    let cases = set(vec![seeded("src/f.py")], 1);
    let of = |c: &Built| if c.case.is_seeded() { fault.clone() } else { clean.clone() };
    let (outcomes, cases): (Vec<_>, Vec<Case>) =
        cases.iter().map(|c| (of(c), c.case.clone())).unzip();
    let run = Run::new("a", vec![], "s", &cases, outcomes);
    let told = run.worth.iter().map(|w| {
        let without = (w.sides.precision_without, w.sides.recall_without);
        assert_eq!((without, w.adds_nothing()), ((Some(1.0), Some(1.0)), false), "{w:?}");
        format!("{}: {} right, {} wrong", w.mark, w.right, w.wrong)
    });
    let any = format!("{}: 1 right, 1 wrong", super::worth::ANY);
    let want = ["praise: 0 right, 1 wrong", "style: 1 right, 1 wrong", &any];
    assert_eq!(told.collect::<Vec<_>>(), want);
    assert_eq!(run.worth[0].sides.precision_with, Some(2.0 / 3.0));
    // What marks only right findings is worth less than nothing.
    let harmful = marked("The bound lets zero through and so the result is wrong", 2, &["echo"]);
    let (fault, _) = scored(Some(&[harmful]), Some(&[]));
    let case = cases.iter().find(|c| c.is_seeded()).unwrap();
    let worth = super::worth::worth(&[(case, &fault)]);
    assert_eq!((worth[0].sides.recall_with, worth[0].sides.recall_without), (Some(1.0), Some(0.0)));
    assert_eq!((worth[0].sides.precision_without, worth[0].adds_nothing()), (None, true));
    assert_eq!(worth.len(), 1, "all of one mark are that mark");
    // Where all is false, leaving some of it out is worth something.
    let noise = marked("The multiplication overflows for large values", 7, &["style"]);
    let (_, clean) = scored(None, Some(&[noise]));
    let case = cases.iter().find(|c| !c.is_seeded()).unwrap();
    assert!(!super::worth::worth(&[(case, &clean)])[0].adds_nothing());
}

#[test]
fn a_gate_is_worth_what_the_first_answer_that_it_rejects_would_have_cost() {
    let says = |quote: &str| {
        format!(
            "### Zero is let through\n- Where: f\n- Quote: `{quote}`\n- Why: wrong\n- Confidence: 90%\n"
        )
    };
    let gone = |n, ended, preview: &str| Attempt {
        answer_preview: preview.to_owned(),
        tokens_in: 10,
        tokens_out: 1,
        ..attempt(n, ended)
    };
    let (at_fault, elsewhere) = (says("if n < 0:"), says("d = c * 2"));
    let after = gone(3, Ended::Accepted, "None");
    let of = |attempts: [Attempt; 3], findings: &[Finding]| {
        let cases = set(vec![seeded("src/f.py")], 1);
        let case = cases.iter().find(|c| c.case.is_seeded()).unwrap();
        let mut file = file(&case.case.place, Some(findings.to_vec()));
        file.row.as_mut().unwrap().attempts = attempts.to_vec();
        let outcome = score(&cases, &BTreeMap::from([(case.case.place.clone(), file)]));
        let at = cases.iter().position(|c| c.case.is_seeded()).unwrap();
        super::gates::gates(&[(&case.case, &outcome[at])])
    };
    // Without the gate the fault would have been found, by the first call of three.
    let thin = gone(1, Ended::Thin, &at_fault);
    let told = of([thin.clone(), gone(2, Ended::Thin, &elsewhere), after.clone()], &[]);
    let [gate] = &told[..] else { panic!("{told:?}") };
    assert_eq!((gate.gate.as_str(), gate.answers, gate.files, gate.lost), ("thin", 2, 1, 0));
    assert_eq!((gate.right, gate.wrong, gate.undecided), (1, 0, 0));
    assert_eq!((gate.calls, gate.tokens), (2, 22));
    assert_eq!((gate.sides.recall_with, gate.sides.recall_without), (Some(0.0), Some(1.0)));
    assert_eq!((gate.sides.precision_with, gate.sides.precision_without), (None, Some(1.0)));
    // Two gates; each is taken away by itself. What the later answer found is lost without them.
    let found = finding("Zero is let through, and the result is wrong", 2, 90);
    let errors = gone(1, Ended::Error, "");
    let told =
        of([gone(1, Ended::Leaked, &elsewhere), gone(2, Ended::Refused, "No."), after], &[found]);
    let each: Vec<_> = told.iter().map(|g| (g.gate.as_str(), g.undecided, g.calls)).collect();
    assert_eq!(each, [("leaked", 1, 2), ("refused", 0, 1)]);
    assert!(
        told.iter()
            .all(|g| (g.sides.recall_with, g.sides.recall_without) == (Some(1.0), Some(0.0)))
    );
    // An answer in JSON says as much as one in Markdown.
    let json = r#"{"verdict":"needs_patch","critical_failures":[{"text":"Zero is let through","quote":"if n < 0:","confidence":95}]}"#;
    let told = of([gone(1, Ended::Malformed, json), errors.clone(), errors.clone()], &[]);
    assert_eq!((told[0].right, told[0].undecided, told[0].calls), (1, 0, 2));
    // What failed said nothing.
    let told = of([errors.clone(), errors.clone(), errors], &[]);
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn four_lines_away_is_too_far() {
    let below = Source { lines: vec![(6, 6)], ..seeded("src/f.py") };
    for (line, hit) in [(2, false), (3, true), (9, true)] {
        let cases = set(vec![below.clone()], 1);
        let case = cases.iter().find(|c| c.case.is_seeded()).unwrap();
        let said = file(&case.case.place, Some(vec![finding("This is wrong here", line, 50)]));
        let outcomes = score(&cases, &BTreeMap::from([(case.case.place.clone(), said)]));
        assert_eq!(outcomes.iter().any(|o| o.hit), hit, "line {line}");
    }
    for (line, hit) in [(1, true), (5, true), (6, false), (9, false)] {
        let (fault, _) = scored(Some(&[finding("Zero is let through here", line, 50)]), None);
        assert_eq!(fault.hit, hit, "line {line}");
    }
}

#[test]
fn a_refusal_stays_in_the_denominator_with_its_cost() {
    let (fault, clean) = scored(None, None);
    assert_eq!(
        (fault.status.as_str(), fault.hit, fault.cost_usd, fault.seconds),
        ("unresolved", false, Some(0.5), 2.0)
    );
    assert_eq!((fault.tokens, scored(Some(&[]), None).0.tokens), (11, 2));
    assert!(fault.reason.as_ref().unwrap().contains("refused"), "{fault:?}");
    let cases = set(vec![seeded("src/f.py")], 1);
    let of = |c: &Built| if c.case.is_seeded() { fault.clone() } else { clean.clone() };
    let (outcomes, cases): (Vec<_>, Vec<Case>) =
        cases.iter().map(|c| (of(c), c.case.clone())).unzip();
    let figures = figures(&paired(&cases, &outcomes));
    assert_eq!((figures.seeded, figures.found, figures.not_reviewed), (1, 0, 2));
    assert_eq!(figures.recall.value, Some(0.0), "it is not left out");
    assert_eq!(figures.false_per_clean.value, None, "what was not reviewed can't be careful");
    assert_eq!(figures.usd_per_found.value, None);
    // A file that no sweep knows.
    let lost = score(&set(vec![seeded("a.py")], 1), &BTreeMap::new());
    assert!(lost.iter().all(|o| o.status == "waiting" && !o.hit));
}

/// Runs over `n` files of which the first `found` faults are found, with `noise` false findings a clean file.
fn run(label: &str, n: usize, found: &dyn Fn(usize) -> bool, noise: usize) -> (Vec<Case>, Run) {
    let sources = (0..n).map(|i| seeded(&format!("src/f{i:02}.py"))).collect();
    let cases = set(sources, 1);
    let claim =
        |at: usize| finding(&format!("Number {at} claims something of another kind"), 7, 95);
    let files: BTreeMap<String, FileReport> = cases
        .iter()
        .map(|c| {
            let number: usize = c.case.file[5..7].parse().unwrap();
            let findings = if !c.case.is_seeded() {
                (0..noise).map(claim).collect()
            } else if found(number) {
                vec![finding("Zero is let through by the bound", 2, 70)]
            } else {
                vec![]
            };
            (c.case.place.clone(), file(&c.case.place, Some(findings)))
        })
        .collect();
    let outcomes = score(&cases, &files);
    let cases: Vec<Case> = cases.into_iter().map(|c| c.case).collect();
    let run = Run::new(label, vec!["p/m".into()], "s", &cases, outcomes);
    (cases, run)
}

#[test]
fn figures_are_those_of_the_reviewer_and_each_has_an_interval() {
    let (cases, run) = run("m", 20, &|i| i % 4 != 0, 1);
    let f = &run.figures;
    assert_eq!(
        (f.seeded, f.found, f.clean, f.right, f.wrong, f.undecided),
        (20, 15, 20, 15, 20, 0)
    );
    let value = |figure: stats::Figure| figure.value.unwrap();
    assert!(
        (value(f.recall) - 0.75).abs() < 1e-9 && (value(f.precision) - 15.0 / 35.0).abs() < 1e-9
    );
    assert!((value(f.false_per_clean) - 1.0).abs() < 1e-9);
    // 40 reviews of a dollar and four seconds each for 15 finds.
    assert!((value(f.usd_per_found) - 40.0 / 15.0).abs() < 1e-9);
    assert!((value(f.seconds_per_found) - 160.0 / 15.0).abs() < 1e-9);
    for figure in [f.recall, f.precision, f.usd_per_found, f.seconds_per_found] {
        assert!(figure.low < figure.value && figure.value < figure.high, "{figure:?}");
    }
    let faults: Vec<_> =
        paired(&cases, &run.cases).into_iter().filter(|(case, _)| case.is_seeded()).collect();
    assert_eq!((figures(&faults).seeded, figures(&faults).clean), (20, 0));
    // A file of 4 kB is a small one, one of 16 kB a medium one.
    let of_bytes: Vec<Case> = cases
        .iter()
        .zip([4000, 4001, 16_000, 16_001])
        .map(|(case, bytes)| Case { bytes, ..case.clone() })
        .collect();
    let sizes = slices(&paired(&of_bytes, &run.cases)).remove("size").unwrap();
    let sizes: Vec<_> = sizes.iter().map(|(size, f)| (size.as_str(), f.seeded + f.clean)).collect();
    assert_eq!(sizes, [("4 to 16 kB", 2), ("over 16 kB", 1), ("up to 4 kB", 1)]);
    assert_eq!(run.slices["category"]["bound"].seeded, 20);
    assert_eq!(run.slices["language"]["Python"].clean, 20);
    assert_eq!(run.slices["read"]["whole"].found, 15);
    assert_eq!(run.labels.len(), 35);
    let record = Record {
        schema_version: 1,
        source: "/r|x".into(),
        commit: "abc".into(),
        seed: 1,
        mutants: Some(Tried {
            tried: 25,
            kept: 20,
            survived: 4,
            timed_out: 1,
            by_tests: true,
            ..Tried::default()
        }),
        cases,
        runs: vec![run],
        comparisons: vec![],
    };
    let text = report::markdown(&record);
    for piece in [
        "25 mutants tried: 20 killed by the tests and kept, 4 survived, 0 broken, 1 timed out.",
        "20 files with a fault, 20 files without",
        "| `m` | 15 of 20 | 75 % (",
        "Not found: 5.",
    ] {
        assert!(text.contains(piece), "{piece:?} is not in\n{text}");
    }
    let read = Record::parse(&serde_json::to_string(&record).unwrap()).unwrap();
    assert_eq!(read.cases, record.cases);
    assert!(Record::parse(r#"{"schema_version": 1}"#).is_err());
}

#[test]
fn two_runs_are_compared_case_by_case() {
    let (cases, one) = run("one", 20, &|i| i < 15, 0);
    let (_, other) = run("other", 20, &|i| (10..17).contains(&i), 2);
    let side = |run: &'static str, of: &'static [Case], o: &'static [Outcome]| Side {
        label: run,
        cases: of,
        outcomes: o,
    };
    let cases: &'static [Case] = cases.leak();
    let (a, b) = (side("one", cases, one.cases.leak()), side("other", cases, other.cases.leak()));
    let c = compare(&a, &b).unwrap();
    assert_eq!(
        (c.seeded, c.both, c.only_a, c.only_b, c.neither, c.not_shared),
        (20, 5, 10, 2, 3, 0)
    );
    assert!((c.p - stats::mcnemar(10, 2)).abs() < 1e-12 && c.p < 0.05);
    let recall = c.differences["recall"];
    assert!((recall.value.unwrap() - 0.4).abs() < 1e-9 && recall.low.unwrap() > 0.0);
    assert!((c.differences["false_per_clean"].value.unwrap() + 2.0).abs() < 1e-9);
    assert!(report::compared(&c)[1].ends_with("the first finds more"));
    // Only what both have counts.
    let few: &'static [Case] = cases[..10].to_vec().leak();
    let part = compare(&Side { label: "few", cases: few, outcomes: a.outcomes }, &b).unwrap();
    let seeded = || few.iter().filter(|c| c.is_seeded());
    let number = |c: &Case| c.file[5..7].parse::<usize>().unwrap();
    let found = |by: &dyn Fn(usize) -> bool| seeded().filter(|c| by(number(c))).count();
    assert_eq!((part.seeded, part.not_shared), (seeded().count(), 30));
    assert_eq!(
        (part.both, part.only_a, part.only_b),
        (found(&|i| (10..15).contains(&i)), found(&|i| i < 10), found(&|i| (15..17).contains(&i)))
    );
    // What one of them cost is not known: then neither cost is less than the other.
    let names = |c: &Comparison| c.differences.keys().cloned().collect::<Vec<_>>().join(" ");
    let all = "false_per_clean precision recall seconds_per_found undecided_share";
    assert_eq!(names(&c), format!("{all} usd_per_found"));
    let untold: Vec<Outcome> =
        a.outcomes.iter().map(|o| Outcome { cost_usd: None, ..o.clone() }).collect();
    let untold = Side { label: "untold", cases, outcomes: &untold };
    assert_eq!(names(&compare(&untold, &b).unwrap()), all);
    let none: Vec<Case> = cases.iter().filter(|c| !c.is_seeded()).cloned().collect();
    assert!(compare(&Side { label: "none", cases: &none, outcomes: a.outcomes }, &b).is_none());
}

#[test]
fn an_answer_from_the_cache_has_the_cost_that_it_had_before() {
    let with = |attempt: Attempt, cost| {
        let mut file = file("a/f.py", Some(Vec::new()));
        let row = file.row.as_mut().unwrap();
        (row.attempts, row.cost_usd, row.duration_ms) = (vec![attempt], cost, 0);
        BTreeMap::from([("a/f.py".to_owned(), file)])
    };
    let answered = Attempt { answer_sha256: Some("ab".into()), ..attempt(1, Ended::Accepted) };
    let paid = Attempt { cost_usd: Some(0.25), duration_ms: 1_500, ..answered.clone() };
    let before = with(paid, Some(0.25));
    let mut now = with(Attempt { cached: true, ..answered.clone() }, None);
    paid_before(&mut now, &[&before]);
    let row = now["a/f.py"].row.as_ref().unwrap();
    assert_eq!((row.cost_usd, row.duration_ms, row.attempts[0].cached), (Some(0.25), 1_500, false));
    // One that nobody knows stays as it is, and is told.
    let mut lost =
        with(Attempt { cached: true, answer_sha256: Some("cd".into()), ..answered }, None);
    paid_before(&mut lost, &[&before]);
    assert!(lost["a/f.py"].row.as_ref().unwrap().attempts[0].cached);
}

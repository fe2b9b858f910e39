//! The report as a person reads it, whole.

use super::*;
use crate::eval::figures::{Figures, Sides};
use crate::eval::gates::Gate;
use crate::eval::stats::Figure;
use crate::eval::worth::Worth;

fn figure(value: f64, ends: Option<(f64, f64)>) -> Figure {
    let (low, high) = ends.unzip();
    Figure { value: Some(value), low, high }
}

fn case(id: &str, category: &str, was: &[&str], now: &[&str]) -> Case {
    let text = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    let lines = if category == "clean" { vec![] } else { vec![(7, 8)] };
    Case {
        id: id.into(),
        place: format!("{id}/a.py"),
        file: "a.py".into(),
        language: "Python".into(),
        category: category.into(),
        lines,
        bytes: 9,
        clean: None,
        was: text(was),
        now: text(now),
    }
}

/// A record with everything that a report speaks of.
fn record() -> Record {
    let (fault, _) = scored(
        Some(&[finding("Zero is let through by the bound", 2, 90)]),
        Some(&[finding("Zero is let through by the bound", 2, 90)]),
    );
    let of = |case: &str, outcome: &Outcome| Outcome { case: case.into(), ..outcome.clone() };
    let (refused, _) = scored(None, None);
    let echoed = Outcome { tokens: 1200, cached: true, ..of("1", &fault) };
    let lost = Outcome { reason: Some("a <b> refused".into()), tokens: 0, ..of("2", &refused) };
    let sides = Sides {
        precision_with: Some(0.5),
        precision_without: None,
        recall_with: Some(1.0),
        recall_without: Some(0.25),
    };
    let figures = Figures {
        seeded: 3,
        found: 1,
        clean: 1,
        not_reviewed: 2,
        recall: figure(1.0 / 3.0, Some((0.0, 0.5))),
        precision: figure(0.5, None),
        false_per_clean: figure(2.0, Some((1.0, 3.25))),
        seconds_per_found: figure(4.25, None),
        ..Figures::default()
    };
    let worth =
        |mark: &str, right, wrong| Worth { mark: mark.into(), right, wrong, undecided: 3, sides };
    let gate = Gate {
        gate: "thin".into(),
        answers: 4,
        files: 3,
        lost: 2,
        right: 1,
        wrong: 5,
        undecided: 6,
        calls: 7,
        tokens: 800,
        sides,
    };
    let run = Run {
        label: "m".into(),
        rungs: vec!["p/m".into(), "p/n".into()],
        sweep: "s".into(),
        cases: vec![echoed, lost.clone(), of("3", &lost), of("4", &lost)],
        slices: BTreeMap::from([(
            "size".to_owned(),
            BTreeMap::from([("large".to_owned(), figures.clone())]),
        )]),
        figures,
        labels: vec![],
        worth: vec![worth("style", 1, 1), worth("echo", 1, 2)],
        gates: vec![gate],
    };
    let comparison = Comparison {
        a: "m".into(),
        b: "n".into(),
        seeded: 9,
        not_shared: 2,
        both: 1,
        only_a: 1,
        only_b: 7,
        neither: 0,
        p: 0.0499,
        differences: BTreeMap::from([
            ("recall".to_owned(), figure(-0.25, Some((-0.5, 0.0)))),
            ("usd_per_found".to_owned(), figure(0.125, None)),
        ]),
    };
    Record {
        schema_version: 1,
        source: "/r".into(),
        commit: "abc".into(),
        seed: 1,
        mutants: None,
        cases: vec![
            case("1", "bound", &["  if n < 0:"], &["  if n <= 0:"]),
            case("2", "dropped_check", &["  check()"], &[]),
            case("3", "x_y", &[], &[]),
            case("4", "clean", &[], &[]),
        ],
        runs: vec![run],
        comparisons: vec![comparison],
    }
}

#[test]
fn a_report_says_all_that_is_known() {
    let text = report::markdown(&record());
    assert_eq!(text, WHOLE, "{text}");
    // What there is nothing of is not spoken of.
    let mut less = record();
    (less.commit, less.comparisons) = (String::new(), vec![]);
    let run = &mut less.runs[0];
    (run.worth, run.gates, run.cases, run.slices) = (vec![], vec![], vec![], BTreeMap::new());
    let text = report::markdown(&less);
    assert!(text.contains("Cases of `/r`, seed 1."), "{text}");
    assert!(text.ends_with("\n## m\n\nSweep `s`: `p/m`, `p/n`.\n"), "{text}");
    // Of many that were missed the first ones are listed.
    let lines = |n: usize| {
        let mut many = record();
        let (case, lost) = (many.cases[1].clone(), many.runs[0].cases[1].clone());
        many.cases = (0..n).map(|i| Case { id: i.to_string(), ..case.clone() }).collect();
        many.runs[0].cases =
            (0..n).map(|i| Outcome { case: i.to_string(), ..lost.clone() }).collect();
        let text = report::markdown(&many);
        (text.matches("dropped").count(), text.contains("more in eval.json"))
    };
    assert_eq!([lines(50), lines(51)], [(50, false), (50, true)]);
}

#[test]
fn two_runs_differ_below_one_in_twenty() {
    let of = |p: f64, only_a, only_b, not_shared| {
        let c = Comparison { not_shared, only_a, only_b, p, ..record().comparisons.remove(0) };
        report::compared(&c)[1..].join("; ").replace("McNemar's exact test: ", "")
    };
    assert_eq!(of(0.05, 9, 1, 0), "p = 0.0500; no difference is shown");
    assert_eq!(
        of(0.01, 9, 1, 1),
        "p = 0.0100; the first finds more; left out: 1 case that only one of them has"
    );
    assert_eq!(of(0.01, 1, 9, 0), "p = 0.0100; the second finds more");
}

const WHOLE: &str = "# Eval

Cases of `/r` at `abc`, seed 1.
3 files with a fault, 1 file without. Numbers in brackets are intervals of 95 %, by resampling of source files.

| Run | Found | Recall | Precision | Undecided | False findings a clean file | $ a find | Seconds a find | Not reviewed |
|---|---|---|---|---|---|---|---|---|
| `m` | 1 of 3 | 33 % (0 to 50) | 50 % | - | 2.00 (1.00 to 3.25) | - | 4.2 | 2 |

## m

Sweep `s`: `p/m`, `p/n`.
In 1 file with a fault a claim also stands in the review of the clean file, and counts as false.
Sent and received: 1200 tokens.
Answered from the cache: 1 case. What they cost and took is missing here.
- 3 × unresolved: a &lt;b&gt; refused

| Size | Found | Recall | Precision | Undecided | False findings a clean file | $ a find | Seconds a find | Not reviewed |
|---|---|---|---|---|---|---|---|---|
| `large` | 1 of 3 | 33 % (0 to 50) | 50 % | - | 2.00 (1.00 to 3.25) | - | 4.2 | 2 |

What the checks are worth: the findings that each of them marks, and precision and recall without these.

| Check | Right | False | Undecided | Precision: all, without | Recall: all, without |
|---|---|---|---|---|---|
| style | 1 | 1 | 3 | 50 %, - | 100 %, 25 % |
| echo | 1 | 2 | 3 | 50 %, - | 100 %, 25 % |

On these cases nothing is won by: style.

What the gates are worth: the answers that each of them rejects, what the first one of each file says, and what the run would have come to with it. Calls and tokens are those that were spent on these files afterwards.

| Gate | Answers | Files | Without a review | Right | False | Undecided | Precision: with, without the gate | Recall: with, without the gate | Calls | Tokens |
|---|---|---|---|---|---|---|---|---|---|---|
| thin | 4 | 3 | 2 | 1 | 5 | 6 | 50 %, - | 100 %, 25 % | 7 | 800 |

Not found: 3.

- `a.py` line 7, bound: <code>if n &lt; 0:</code> became <code>if n &lt;= 0:</code>
- `a.py` line 7, dropped_check: `check()` became nothing
- `a.py` line 7, x_y

## Comparisons

m and n: 9 cases with a fault in both; found by both 1, only by the first 1, only by the second 7, by neither 0.
McNemar's exact test: p = 0.0499; the second finds more.
left out: 2 cases that only one of them has.

| The first less the second | |
|---|---|
| recall | -25 % (-50 to 0) |
| usd per found | 0.1250 |
";

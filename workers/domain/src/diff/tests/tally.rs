//! What several reviewers come to.

use super::{at, vote};
use crate::diff::*;
use proptest::prelude::*;
use queue_schema::rows::DiffSeverity::{Block, Info, Warn};
use queue_schema::rows::{DiffRemark, DiffVerdict, FindingState};
use queue_schema::sweep::DiffFailOn;

/// Reviewers, gravity and first words of each finding.
fn told(tally: &Tally) -> Vec<String> {
    let one =
        |g: &Group| format!("{} {} {}", g.reviewers.join("+"), g.severity.label(), g.remark.what);
    tally.findings.iter().map(one).collect()
}

#[test]
fn what_reviewers_come_to() {
    let symbol = |name: &str, mut remark: DiffRemark| {
        remark.symbol = Some(name.to_owned());
        remark
    };
    let bound = "The loop reads one past the end of the list";
    for (name, a, b, want) in [
        (
            "near lines",
            at("a.rs", 10, Block, bound),
            at("a.rs", 13, Warn, "Off-by-one: reads past the end"),
            vec!["a+b BLOCK The loop reads one past the end of the list"],
        ),
        (
            "far lines",
            at("a.rs", 10, Block, bound),
            at("a.rs", 14, Block, bound),
            vec![
                "a BLOCK The loop reads one past the end of the list",
                "b BLOCK The loop reads one past the end of the list",
            ],
        ),
        (
            "one symbol",
            symbol("load", at("a.rs", 10, Warn, bound)),
            symbol("load", at("a.rs", 30, Warn, "The loop reads past the end of the list")),
            vec!["a+b WARN The loop reads one past the end of the list"],
        ),
        (
            "another file",
            at("a.rs", 10, Warn, bound),
            at("b.rs", 10, Warn, bound),
            vec![
                "a WARN The loop reads one past the end of the list",
                "b WARN The loop reads one past the end of the list",
            ],
        ),
        (
            "another claim",
            at("a.rs", 10, Warn, "`x` may be null here"),
            at("a.rs", 10, Warn, "`x` overflows for large sizes"),
            vec!["a WARN `x` may be null here", "b WARN `x` overflows for large sizes"],
        ),
        (
            "another language",
            at("a.rs", 10, Block, "`limit` is compared with `<=`, one too many"),
            at("a.rs", 10, Warn, "`limit` wird überschritten, ein Element zu viel"),
            vec!["a+b BLOCK `limit` is compared with `<=`, one too many"],
        ),
    ] {
        let both = [vote("a", DiffVerdict::Hold, vec![a]), vote("b", DiffVerdict::Hold, vec![b])];
        assert_eq!(told(&tally(&both, &[])), want, "{name}");
    }
}

#[test]
fn repeats_praise_and_what_is_taken_back_make_no_agreement() {
    let fine = |remark| DiffRemark { fine: true, ..remark };
    let back = |remark| DiffRemark { withdrawn: true, ..remark };
    let bound = "The loop reads one past the end";
    let all = [
        vote(
            "a",
            DiffVerdict::Hold,
            vec![
                at("a.rs", 10, Block, bound),
                at("a.rs", 11, Block, "The loop reads one past the end of it"),
            ],
        ),
        vote("b", DiffVerdict::Ship, vec![fine(at("a.rs", 10, Info, "The loop bound is fine"))]),
        vote(
            "c",
            DiffVerdict::ShipWithFixes,
            vec![
                back(at("a.rs", 10, Block, bound)),
                DiffRemark {
                    outside: true,
                    line: None,
                    ..at("a.rs", 1, Warn, "A test is missing")
                },
            ],
        ),
    ];
    let sum = tally(&all, &[]);
    assert_eq!(told(&sum), [format!("a BLOCK {bound}"), "c WARN A test is missing".to_owned()]);
    assert_eq!(
        (sum.fine.len(), sum.withdrawn.len(), sum.verdict),
        (1, 1, DiffVerdict::ShipWithFixes)
    );
    for (fail_on, code) in [("convergent-block", 0), ("block", 1), ("warn", 1), ("never", 0)] {
        assert_eq!(sum.exit_code(fail_on.parse().unwrap()), code, "{fail_on}");
    }
    assert!("nonsense".parse::<DiffFailOn>().is_err());
}

#[test]
fn a_review_that_too_few_gave_is_never_green() {
    let missing = |reviewer: &str| Missing {
        bundle: "./".to_owned(),
        reviewer: reviewer.to_owned(),
        reason: "429".to_owned(),
    };
    let ship = |name| vote(name, DiffVerdict::Ship, Vec::new());
    for (said, missing, code) in [
        (vec![ship("a"), ship("b"), ship("c")], vec![], 0),
        (vec![ship("a"), ship("b")], vec![missing("c")], 0),
        (vec![ship("a")], vec![missing("b"), missing("c")], 2),
        (vec![], vec![missing("a")], 2),
        (vec![ship("a")], vec![], 0),
        (vec![], vec![], 0),
    ] {
        let sum = tally(&said, &missing);
        assert_eq!(sum.exit_code(DiffFailOn::default()), code, "{said:?} {missing:?}");
        assert_eq!(sum.unreviewed.is_empty(), code == 0);
    }
    let two = [
        at("a.rs", 5, Block, "The lock is never released"),
        at("a.rs", 6, Warn, "The lock is not released on error"),
    ];
    let held = two.map(|remark| {
        vote(if remark.line == Some(5) { "a" } else { "b" }, DiffVerdict::Ship, vec![remark])
    });
    let sum = tally(&held, &[]);
    assert_eq!((sum.exit_code(DiffFailOn::default()), sum.verdict), (1, DiffVerdict::Hold));
    assert_eq!(sum.reviewers[0].verdict, Some(DiffVerdict::Hold), "milder than its own finding");
}

#[test]
fn a_second_head_knows_what_is_new_and_what_is_gone() {
    let counted = Counted { sweep_id: "0", repo: "r", base: "b", head: "h", ts: "t" };
    let quoted = |quote: &str, remark| DiffRemark { quote: Some(quote.to_owned()), ..remark };
    let bound = quoted("i <= n", at("a.rs", 10, Block, "The loop reads one past the end"));
    let lock = at("a.rs", 50, Warn, "The lock is never released");
    let before = tally(&[vote("a", DiffVerdict::Hold, vec![bound.clone(), lock])], &[]);
    let rows = before.rows(&counted);
    let moved =
        DiffRemark { line: Some(31), what: "Reads past the end of the list".to_owned(), ..bound };
    let fresh = at("a.rs", 70, Warn, "The name is not escaped");
    let mut now = tally(&[vote("a", DiffVerdict::Hold, vec![moved, fresh])], &[]);
    let gone = compare(&rows, &mut now);
    let states: Vec<_> = now.findings.iter().map(|g| (g.remark.line, g.state)).collect();
    assert_eq!(states, [(Some(31), Some(FindingState::Open)), (Some(70), Some(FindingState::New))]);
    assert_eq!(now.findings[0].id, rows[0].id);
    assert_eq!(
        gone.iter().map(|row| row.remark.what.as_str()).collect::<Vec<_>>(),
        ["The lock is never released"]
    );
    let missing =
        [Missing { bundle: "./".to_owned(), reviewer: "a".to_owned(), reason: String::new() }];
    assert!(compare(&rows, &mut tally(&[], &missing)).is_empty(), "nobody looked");
}

fn remarks() -> impl Strategy<Value = DiffRemark> {
    const WHAT: [&str; 6] = [
        "The loop reads one past the end",
        "Off-by-one: reads past the end of the list",
        "`x` may be null here",
        "The bound is fine",
        "`x` ist hier vielleicht nicht gesetzt, große Gefahr",
        "The lock is never released",
    ];
    let severity = prop_oneof![Just(Info), Just(Warn), Just(Block)];
    (0..WHAT.len(), 1..9_u32, severity, 0..2_u8, proptest::option::of("[ab]")).prop_map(
        |(what, line, severity, file, symbol)| DiffRemark {
            symbol,
            fine: what == 3,
            ..at(["a.rs", "b.rs"][usize::from(file)], line, severity, WHAT[what])
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tally_is_the_same_in_any_order(
        all in proptest::collection::vec(("[abc]", proptest::collection::vec(remarks(), 0..6)), 0..6),
        seed in any::<prop::sample::Index>(),
    ) {
        let said: Vec<Said> = all.iter().enumerate().map(|(n, (name, remarks))| Said {
            bundle: format!("part {n}"),
            ..vote(name, DiffVerdict::Ship, remarks.clone())
        }).collect();
        let sum = tally(&said, &[]);
        let count = |sum: &Tally| sum.findings.iter().map(|g| g.said.len()).sum::<usize>() + sum.fine.len();
        prop_assert_eq!(count(&sum), all.iter().map(|(_, r)| r.len()).sum::<usize>(), "nothing is lost");
        let mut turned = said.clone();
        if !turned.is_empty() {
            let by = seed.index(turned.len());
            turned.rotate_left(by);
        }
        turned.reverse();
        for one in &mut turned {
            one.opinion.remarks.reverse();
        }
        prop_assert_eq!(tally(&turned, &[]), sum);
    }
}

//! What several reviewers come to.

use super::{at, vote};
use crate::diff::*;
use proptest::prelude::*;
use queue_schema::rows::DiffSeverity::{Block, Info, Warn};
use queue_schema::rows::DiffSide::Old;
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
fn how_near_two_claims_must_be_goes_by_how_near_their_places_are() {
    let leaks = "The handle leaks when parsing fails";
    let closed = "No close after an error in `parse`";
    let near = "One handle leaks";
    let limit = "`limit` is compared with `<=`, one too many";
    let german = "`limit` wird überschritten";
    let bare = "Ein Element zu viel wird überschrieben";
    let claim = |line, what: &str| at("a.rs", line, Warn, what);
    let quoted = |remark| DiffRemark { quote: Some("open( path )".to_owned()), ..remark };
    let old = |remark| DiffRemark { side: Old, ..remark };
    let in_load = |remark| DiffRemark { symbol: Some("load".to_owned()), ..remark };
    let until = |end, remark| DiffRemark { end_line: Some(end), ..remark };
    let unplaced = |remark| DiffRemark { line: None, ..remark };
    let because = |remark| DiffRemark {
        why: Some("`close` is not called once `parse` returns early".to_owned()),
        ..remark
    };
    let outside = |place: &str, remark| DiffRemark {
        path: None,
        line: None,
        outside: true,
        place: place.to_owned(),
        ..remark
    };
    for (name, a, b, one) in [
        ("one line", claim(9, leaks), claim(9, near), true),
        ("near lines", claim(9, leaks), claim(12, near), true),
        ("lines further off", claim(9, leaks), claim(13, leaks), false),
        ("ranges that meet", until(12, claim(9, leaks)), claim(12, near), true),
        ("a range that ends nearby", until(12, claim(9, leaks)), claim(15, leaks), true),
        ("one range before another", claim(15, leaks), until(12, claim(9, leaks)), true),
        ("one quote far off", quoted(claim(9, leaks)), quoted(claim(90, near)), true),
        ("a quote and none", quoted(claim(9, leaks)), claim(90, near), false),
        ("one function", in_load(claim(9, leaks)), in_load(claim(90, leaks)), true),
        ("lines of both sides", claim(9, leaks), old(claim(90, leaks)), true),
        ("lines of both sides, in other words", claim(9, leaks), old(claim(9, closed)), false),
        ("no lines", unplaced(claim(9, leaks)), unplaced(claim(9, leaks)), true),
        ("names alone", unplaced(claim(9, "`to_size`")), unplaced(claim(9, "`to_size`")), true),
        ("a name, and what is wrong", claim(9, "`to_size`"), claim(9, "`to_size` wraps"), true),
        ("one reason", because(claim(9, "A leak")), because(claim(9, "It stays open")), true),
        ("no reason", claim(9, "A leak"), claim(9, "It stays open"), false),
        ("two languages, one name", claim(9, limit), claim(9, german), true),
        ("two languages, other names", claim(9, "`push` is lost"), claim(9, german), false),
        ("two languages, no name", claim(9, limit), claim(9, bare), true),
        ("two languages, near lines", claim(9, limit), claim(10, german), false),
        (
            "another file",
            outside("lib/a.rs:3", claim(9, leaks)),
            outside("b.rs", claim(9, leaks)),
            false,
        ),
        (
            "it spelt otherwise",
            outside("./lib/a.rs:3", claim(9, leaks)),
            outside("`a.rs`", claim(9, leaks)),
            true,
        ),
        ("no file", outside("the tests", claim(9, leaks)), outside("", claim(9, leaks)), true),
    ] {
        let both = [vote("a", DiffVerdict::Hold, vec![a]), vote("b", DiffVerdict::Hold, vec![b])];
        assert_eq!(tally(&both, &[]).findings.len() == 1, one, "{name}");
    }
}

#[test]
fn one_reviewer_repeats_itself_only_in_the_same_words_and_neighbours_make_no_chain() {
    let claims = [(9, "The handle leaks when parsing fails"), (10, "One handle leaks here")];
    let claims = claims.map(|(line, what)| at("a.rs", line, Warn, what));
    let count = |said: &[Said]| tally(said, &[]).findings.len();
    let [one, other] = claims.clone().map(|claim| vec![claim]);
    assert_eq!(count(&[vote("a", DiffVerdict::Hold, claims.to_vec())]), 2);
    assert_eq!(count(&[vote("a", DiffVerdict::Hold, one), vote("b", DiffVerdict::Hold, other)]), 1);
    let chain = [9, 12, 15].map(|line| {
        vote(&format!("r{line}"), DiffVerdict::Hold, vec![at("a.rs", line, Warn, "It leaks")])
    });
    let reviewers: Vec<_> =
        tally(&chain, &[]).findings.into_iter().map(|group| group.reviewers).collect();
    assert_eq!(reviewers, [vec!["r12", "r9"], vec!["r15"]]);
}

#[test]
fn exit_codes_and_verdicts_follow_from_how_grave_it_is_and_who_says_it() {
    const FAIL_ON: [&str; 4] = ["convergent-block", "block", "warn", "never"];
    let hold = DiffVerdict::Hold;
    for (severity, both, codes, verdict) in [
        (Block, true, [1, 1, 1, 0], "hold"),
        (Block, false, [0, 1, 1, 0], "ship-with-fixes"),
        (Warn, true, [0, 0, 1, 0], "ship-with-fixes"),
        (Warn, false, [0, 0, 1, 0], "ship-with-fixes"),
        (Info, true, [0, 0, 0, 0], "ship"),
    ] {
        let found = vec![at("a.rs", 9, severity, "The handle leaks")];
        let none = Vec::new();
        let said = ["a", "b"].map(|name| {
            let remarks = if both || name == "a" { found.clone() } else { none.clone() };
            vote(name, DiffVerdict::Ship, remarks)
        });
        let sum = tally(&said, &[]);
        assert_eq!(
            FAIL_ON.map(|on| sum.exit_code(on.parse().unwrap())),
            codes,
            "{severity:?} {both}"
        );
        assert_eq!(sum.verdict.map(DiffVerdict::as_str), Some(verdict), "{severity:?} {both}");
    }
    // Hold needs two where two were asked.
    for (said, want) in [
        (vec![("a", hold), ("b", hold), ("c", DiffVerdict::Ship)], hold),
        (vec![("a", hold), ("b", DiffVerdict::Ship)], DiffVerdict::ShipWithFixes),
        (vec![("a", hold)], hold),
    ] {
        let said: Vec<Said> =
            said.into_iter().map(|(name, verdict)| vote(name, verdict, Vec::new())).collect();
        assert_eq!(tally(&said, &[]).verdict, Some(want));
    }
}

#[test]
fn findings_have_identities_of_their_own_that_lines_do_not_change() {
    let ids = |remarks: Vec<DiffRemark>| -> Vec<String> {
        let sum = tally(&[vote("a", DiffVerdict::Hold, remarks)], &[]);
        sum.findings.into_iter().map(|group| group.id).collect()
    };
    let leaks = |path: &str, line| at(path, line, Warn, "The handle leaks");
    let two = ids(vec![leaks("a.rs", 9), leaks("a.rs", 90)]);
    assert_eq!(two, ids(vec![leaks("a.rs", 5), leaks("a.rs", 50)]));
    let others = [ids(vec![leaks("b.rs", 9)]), ids(vec![at("a.rs", 9, Warn, "It wraps")])].concat();
    let all: std::collections::BTreeSet<&String> = two.iter().chain(&others).collect();
    assert!(all.len() == 4 && all.iter().all(|id| id.len() == 16), "{all:?}");
    assert_eq!(two[0], ids(vec![leaks("a.rs", 9)])[0]);
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
        (1, 1, Some(DiffVerdict::ShipWithFixes))
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
    let objects = |name| vote(name, DiffVerdict::Hold, Vec::new());
    let ships = Some(DiffVerdict::Ship);
    for (said, missing, code, verdict) in [
        (vec![ship("a"), ship("b"), ship("c")], vec![], 0, ships),
        (vec![ship("a"), ship("b")], vec![missing("c")], 0, ships),
        (vec![ship("a")], vec![missing("b"), missing("c")], 2, None),
        (vec![objects("a")], vec![missing("b")], 2, None),
        (vec![], vec![missing("a")], 2, None),
        (vec![ship("a")], vec![], 0, ships),
        (vec![], vec![], 0, None),
    ] {
        let sum = tally(&said, &missing);
        assert_eq!(sum.verdict, verdict, "{said:?} {missing:?}");
        assert_eq!(sum.exit_code(DiffFailOn::default()), code, "{said:?} {missing:?}");
        assert_eq!(sum.unreviewed.is_empty(), code == 0);
        let sum = sum.hidden(["a.rs".to_owned()]);
        assert_eq!(sum.verdict, None);
        assert_eq!(sum.exit_code(DiffFailOn::Never), 2, "what nobody can be shown is not reviewed");
    }
    let two = [
        at("a.rs", 5, Block, "The lock is never released"),
        at("a.rs", 6, Warn, "The lock is not released on error"),
    ];
    let held = two.map(|remark| {
        vote(if remark.line == Some(5) { "a" } else { "b" }, DiffVerdict::Ship, vec![remark])
    });
    let sum = tally(&held, &[]);
    assert_eq!((sum.exit_code(DiffFailOn::default()), sum.verdict), (1, Some(DiffVerdict::Hold)));
    assert_eq!(sum.reviewers[0].verdict, Some(DiffVerdict::Hold), "milder than its own finding");
    assert_eq!(sum.hidden(["b.rs".to_owned()]).verdict, Some(DiffVerdict::Hold));
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
    let gone = compare(&rows, &mut now, &[]);
    let states: Vec<_> = now.findings.iter().map(|g| (g.remark.line, g.state)).collect();
    assert_eq!(states, [(Some(31), Some(FindingState::Open)), (Some(70), Some(FindingState::New))]);
    assert_eq!(now.findings[0].id, rows[0].id);
    assert_eq!(
        gone.iter().map(|row| row.remark.what.as_str()).collect::<Vec<_>>(),
        ["The lock is never released"]
    );
    // What is said now of another function in the same words is a finding of its own.
    let within = |symbol: &str, line| DiffRemark {
        symbol: Some(symbol.to_owned()),
        quote: Some("open(path)".to_owned()),
        ..at("a.rs", line, Warn, "The handle leaks")
    };
    let vote = |remarks| tally(&[vote("a", DiffVerdict::Hold, remarks)], &[]);
    let rows = [vote(vec![within("load", 50)]).rows(&counted), rows].concat();
    let mut now = vote(vec![within("save", 10), within("load", 80)]);
    compare(&rows, &mut now, &[]);
    let ids: Vec<_> = now.findings.iter().map(|g| (g.state, g.id == rows[0].id)).collect();
    assert_eq!(ids, [(Some(FindingState::New), false), (Some(FindingState::Open), true)]);
    let missing =
        [Missing { bundle: "./".to_owned(), reviewer: "a".to_owned(), reason: String::new() }];
    assert!(compare(&rows, &mut tally(&[], &missing), &[]).is_empty(), "nobody looked");
    let left = [("a.rs".to_owned(), "generated".to_owned())];
    assert!(compare(&rows, &mut tally(&[], &[]), &left).is_empty(), "nobody was shown it");
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

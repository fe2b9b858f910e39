use super::isotonic::pooled;
use super::labels::{AllJudged, Source};
use super::*;
use proptest::prelude::*;
use queue_schema::records::{Audited, Decided, Observed};
use queue_schema::rows::{AuditVerdict, FindingAudit, FindingKind, FindingRow, FindingState};

const BOUNDS: Bounds = Bounds { least: 50, isotonic_from: 200 };

/// `n` labels of a confidence, so many of which are right.
fn said(confidence: u8, n: usize, right: usize) -> Vec<Label> {
    (0..n).map(|i| Label { confidence, right: i < right }).collect()
}

fn map_of(labels: &[Label]) -> ModelMap {
    let steps = calibrate(labels, BOUNDS).map.unwrap().steps;
    ModelMap { model: "p/m".into(), labels: count(labels.len()), steps }
}

/// The same by the formula of max and min over all means.
fn by_all_means(values: &[(f64, f64)]) -> Vec<f64> {
    let mean = |from: usize, to: usize| {
        let some = &values[from..=to];
        let weight: f64 = some.iter().map(|(_, w)| w).sum();
        some.iter().map(|(v, w)| v * w).sum::<f64>() / weight
    };
    let at = |i: usize| {
        let lowest = |from: usize| (i..values.len()).map(|to| mean(from, to)).fold(9.0, f64::min);
        (0..=i).map(lowest).fold(-9.0, f64::max)
    };
    (0..values.len()).map(at).collect()
}

proptest! {
    #[test]
    fn pooling_gives_the_nearest_values_that_do_not_descend(
        values in prop::collection::vec((0.0..1.0_f64, 1.0..20.0_f64), 1..12),
    ) {
        let (ours, theirs) = (pooled(&values), by_all_means(&values));
        prop_assert_eq!(ours.len(), values.len());
        for (a, b) in ours.iter().zip(&theirs) {
            prop_assert!((a - b).abs() < 1e-9, "{:?} {:?}", ours, theirs);
        }
    }

    #[test]
    fn a_map_ascends_covers_all_confidences_and_knows_no_order(
        labels in prop::collection::vec((0_u8..=100, any::<bool>()), 50..300),
    ) {
        let mut labels: Vec<Label> =
            labels.into_iter().map(|(confidence, right)| Label { confidence, right }).collect();
        let map = map_of(&labels);
        prop_assert_eq!(map.steps[0].from, 0);
        prop_assert!(map.steps.windows(2).all(|w| w[0].from < w[1].from && w[0].to < w[1].to));
        let low = labels.iter().map(|l| l.confidence).min().unwrap();
        prop_assert!((0..low).all(|said| map.worth(said) <= said), "nobody said so little");
        labels.reverse();
        prop_assert_eq!(map_of(&labels), map);
    }
}

#[test]
fn measures_are_those_of_the_textbook() {
    let labels = [said(90, 10, 6), said(60, 5, 3), said(100, 1, 1)].concat();
    // Ten at .9: six of (.1)^2, four of (.9)^2; five at .6: three of (.4)^2, two of (.6)^2; one at 1.
    let want = (6.0 * 0.01 + 4.0 * 0.81 + 3.0 * 0.16 + 2.0 * 0.36) / 16.0;
    assert!((measure::brier(&labels) - want).abs() < 1e-12);
    let bins = measure::bins(&labels);
    let seen: Vec<_> = bins.iter().map(|b| (b.from, b.to, b.labels)).collect();
    assert_eq!(seen, [(60, 69, 5), (90, 100, 11)]);
    assert!(
        (bins[1].said - 1000.0 / 11.0).abs() < 1e-9 && (bins[1].right - 700.0 / 11.0).abs() < 1e-9
    );
    // The first bin is right; the other one is off by 300/11 points, with 11 of 16.
    assert!((measure::ece(&labels) - 300.0 / 16.0).abs() < 1e-9);
    assert!(measure::brier(&[]).abs() + measure::ece(&[]) < 1e-12 && measure::bins(&[]).is_empty());
}

#[test]
fn a_large_sample_of_an_overconfident_model_is_brought_to_the_truth() {
    let labels = [said(95, 200, 120), said(80, 200, 80), said(60, 100, 30)].concat();
    let found = calibrate(&labels, BOUNDS);
    let map = found.map.unwrap();
    assert_eq!((found.labels, found.right, map.method), (500, 230, MapMethod::Isotonic));
    let of = map_of(&labels);
    for (said, truth) in [(95, 60_u8), (80, 40), (60, 30)] {
        assert!(of.worth(said).abs_diff(truth) <= 1, "{said}: {}", of.worth(said));
    }
    assert!(of.worth(95) > of.worth(90) && of.worth(90) > of.worth(80), "a line between them");
    assert!(found.ece > 30.0 && map.ece < 5.0 && map.brier < found.brier);
    let mut findings =
        [Some(95), None].map(|confidence| Finding { confidence, ..Finding::default() });
    apply(&mut findings, std::slice::from_ref(&of), "p/other");
    assert_eq!(findings[0].confidence_calibrated, None);
    apply(&mut findings, std::slice::from_ref(&of), "p/m");
    let worth = |f: &Finding| (f.confidence, f.confidence_calibrated);
    assert_eq!(
        [worth(&findings[0]), worth(&findings[1])],
        [(Some(95), Some(of.worth(95))), (None, None)]
    );
}

#[test]
fn a_small_sample_gets_a_curve_and_too_small_a_one_nothing() {
    let labels = [said(95, 40, 22), said(70, 30, 9)].concat();
    let found = calibrate(&labels, BOUNDS);
    assert_eq!(found.map.as_ref().unwrap().method, MapMethod::Platt);
    let of = map_of(&labels);
    assert!(of.worth(95).abs_diff(55) <= 5 && of.worth(70).abs_diff(30) <= 5, "{of:?}");
    let few = calibrate(&labels[..49], BOUNDS);
    assert_eq!((few.labels, few.map), (49, None));
    // All alike, all wrong, all right, surer when wrong: a map all the same.
    for labels in [
        said(90, 60, 30),
        said(90, 60, 0),
        said(90, 60, 60),
        [said(95, 30, 0), said(50, 30, 30)].concat(),
    ] {
        let of = map_of(&labels);
        let share = 100.0 * labels.iter().filter(|l| l.right).count() as f64 / 60.0;
        assert!((f64::from(of.worth(90)) - share).abs() < 8.0, "{share}: {of:?}");
    }
}

/// Confidences with how many labels and how many of them right; slope and offset; what the confidences are worth.
type CurveRow<'a> = (&'a [(u8, usize, usize)], [f64; 2], &'a [(u8, u32)]);

#[test]
fn a_curve_is_the_most_likely_one() {
    // By a search over both numbers: slope, offset, and what the confidences are worth in thousandths.
    let rows: [CurveRow<'_>; 4] = [
        (&[(95, 40, 22), (70, 30, 9)], [0.50014, -1.27089], &[(95, 550), (70, 300)]),
        (
            &[(95, 8, 5), (80, 6, 3), (60, 6, 1)],
            [0.65548, -1.34216],
            &[(95, 643), (80, 393), (60, 254)],
        ),
        // One confidence says nothing of the slope, which stays 1.
        (&[(90, 60, 30)], [1.0, -2.19722], &[(90, 500), (50, 100)]),
        // Surer when it is wrong: flat, at the share of right ones, of which none counts wholly.
        (&[(95, 30, 0), (50, 30, 30)], [0.0, 0.0], &[(95, 500), (50, 500), (0, 500)]),
    ];
    for (groups, [slope, offset], worth) in rows {
        let mut labels: Vec<Label> = groups
            .iter()
            .flat_map(|(confidence, n, right)| said(*confidence, *n, *right))
            .collect();
        labels.sort_unstable();
        let curve = platt::fit(&labels);
        let near = (curve.slope - slope).abs() < 1e-3 && (curve.offset - offset).abs() < 1e-3;
        assert!(near, "{groups:?}: {curve:?}");
        let thousandths = |said: u8| (curve.at(said) * 1000.0).round() as u32;
        assert_eq!(worth.iter().map(|(s, _)| (*s, thousandths(*s))).collect::<Vec<_>>(), worth);
    }
}

#[test]
fn steps_join_neighbours_that_are_few_or_descend() {
    let labels = |groups: &[(u8, usize, usize)]| -> Vec<Label> {
        groups.iter().flat_map(|(confidence, n, right)| said(*confidence, *n, *right)).collect()
    };
    let block = |low, high, right: f64, weight: f64| isotonic::Block {
        low,
        high,
        value: (right + 1.0) / (weight + 2.0),
        weight,
    };
    for (groups, want) in [
        (&[][..], vec![]),
        (&[(50, 3, 1)], vec![block(50, 50, 1.0, 3.0)]),
        // Ten stand alone, nine need their neighbours; the last few go with those before.
        (
            &[(50, 10, 2), (60, 9, 3), (70, 1, 1), (80, 10, 9), (90, 9, 9)],
            vec![block(50, 50, 2.0, 10.0), block(60, 70, 4.0, 10.0), block(80, 90, 18.0, 19.0)],
        ),
    ] {
        assert_eq!(isotonic::blocks(&labels(groups)), want, "{groups:?}");
    }
    // Those that descend have the mean of both, each with one right and one wrong label more.
    let values: Vec<f64> =
        isotonic::blocks(&labels(&[(50, 10, 6), (60, 22, 6)])).iter().map(|b| b.value).collect();
    let mean = (10.0 * 7.0 / 12.0 + 22.0 * 7.0 / 24.0) / 32.0;
    assert!(values.len() == 2 && values.iter().all(|value| (value - mean).abs() < 1e-12));
    // A line between two steps.
    let steps = [(40, 50, 0.2), (60, 70, 0.6)].map(|(low, high, value)| isotonic::Block {
        low,
        high,
        value,
        weight: 10.0,
    });
    for (said, value) in [
        (0, 0.2),
        (40, 0.2),
        (50, 0.2),
        (51, 0.24),
        (55, 0.4),
        (60, 0.6),
        (65, 0.6),
        (70, 0.6),
        (99, 0.6),
    ] {
        assert!((isotonic::at(&steps, said) - value).abs() < 1e-9, "{said}");
    }
}

#[test]
fn a_map_is_measured_on_labels_that_it_was_not_made_of() {
    let of = |labels: &[Label], least, isotonic_from| {
        let map = calibrate(labels, Bounds { least, isotonic_from }).map?;
        Some((map.method, (map.brier * 1e4).round(), map.ece.round()))
    };
    let (isotonic, platt) = (MapMethod::Isotonic, MapMethod::Platt);
    // Half of them right, whoever measures it: the square of one half.
    let half = said(90, 60, 30);
    assert_eq!(of(&half, 60, 61), Some((platt, 2500.0, 0.0)));
    assert_eq!(of(&half, 60, 60), Some((isotonic, 2500.0, 0.0)));
    assert_eq!(of(&half, 61, 61), None);
    // Of 250 that are wrong four fifths, 200, make the map: one of 202 is 0 %; of a fifth it would be one of 52.
    assert_eq!(of(&said(90, 250, 0), 1, 1), Some((isotonic, 0.0, 0.0)));
    // To the last confidence.
    let steps = calibrate(
        &[said(99, 10, 1), said(100, 10, 8)].concat(),
        Bounds { least: 1, isotonic_from: 1 },
    );
    let steps: Vec<_> = steps.map.unwrap().steps.iter().map(|s| (s.from, s.to)).collect();
    assert_eq!(steps[17..], [(17, 17), (100, 75)]);
}

fn row(state: FindingState, verdict: Option<AuditVerdict>, dismissed: bool) -> FindingRow {
    let observed = Observed { model: "p/m".into(), confidence: Some(90), ..Observed::default() };
    let audited = verdict.map(|verdict| Audited {
        audit: FindingAudit {
            verdict,
            upheld: 2,
            rejected: 1,
            voters: 3,
            sweep: "s".into(),
            why: "w".into(),
        },
        at_ms: 1,
        code: String::new(),
    });
    FindingRow {
        id: "0".repeat(16),
        repo: "r".into(),
        file: "a.rs".into(),
        state,
        looked: 1,
        seen: 1,
        observed: Observed { kind: FindingKind::Suggestion, ..observed },
        decided: dismissed.then(|| Decided { dismissed, ..Decided::default() }),
        audited,
        proven: None,
        schema_version: 1,
    }
}

#[test]
fn a_finding_of_the_ledger_is_judged_by_people_then_audits_then_its_code() {
    use AuditVerdict::{Rejected, Split, Upheld};
    use FindingState::{Dismissed, Fixed, Open};
    for (state, verdict, dismissed, want) in [
        (Open, None, false, None),
        (Open, Some(Split), false, None),
        (Open, Some(Upheld), false, Some((Source::AuditUpheld, true))),
        (Open, Some(Rejected), false, Some((Source::AuditRejected, false))),
        (Dismissed, Some(Upheld), true, Some((Source::Dismissed, false))),
        (Fixed, None, false, Some((Source::Fixed, true))),
        (Fixed, Some(Rejected), false, Some((Source::AuditRejected, false))),
        (Fixed, None, true, Some((Source::Dismissed, false))),
    ] {
        let mut all = AllJudged::default();
        all.add_finding(&row(state, verdict, dismissed));
        let judged = all
            .by_model
            .get("p/m")
            .map(|judged| (judged.sources.keys().next().copied().unwrap(), judged.labels[0].right));
        assert_eq!(judged, want, "{state:?} {verdict:?}");
    }
    let mut silent = row(Fixed, None, false);
    silent.observed.confidence = None;
    let mut all = AllJudged::default();
    all.add_finding(&silent);
    assert_eq!((all.by_model["p/m"].silent, all.by_model["p/m"].labels.len()), (1, 0));
    // Surer than sure is no confidence.
    for (confidence, want) in [(100, (1, 1)), (101, (2, 1))] {
        silent.observed.confidence = Some(confidence);
        all.add_finding(&silent);
        assert_eq!((all.by_model["p/m"].silent, all.by_model["p/m"].labels.len()), want);
    }
}

#[test]
fn eval_files_are_read_and_nonsense_is_not() {
    let mut all = AllJudged::default();
    let text = r#"{"schema_version": 1, "runs": [{"label": "a", "metrics": {}, "cases": [{"model": "p/m"}, {"model": "p/m"}, {"model": null}], "labels": [
        {"model": "p/m", "confidence": 0.85, "right": true, "case": "c1", "source": "eval"},
        {"model": "p/m", "confidence": null, "right": false, "case": "c2", "source": "eval"},
        {"model": "p/n", "confidence": 1.0, "right": false, "case": "c1", "source": "eval"}]}]}"#;
    assert_eq!(all.add_eval(text), Ok(3));
    assert_eq!(all.by_model["p/m"].labels, [Label { confidence: 85, right: true }]);
    assert_eq!((all.by_model["p/m"].silent, all.by_model["p/n"].sources[&Source::Eval]), (1, 1));
    assert_eq!((all.reviews["p/m"], all.by_model["p/m"].right_by_eval), (2, 1));
    let before = all.clone();
    for (text, word) in [
        ("{}", "no eval file"),
        (r#"{"schema_version": 2, "runs": []}"#, "schema version 2"),
        (&text.replace("0.85", "85"), "not between 0 and 1"),
        (&text.replace("\"right\": true", "\"right\": \"yes\""), "no eval file"),
    ] {
        let wrong = all.add_eval(text).unwrap_err();
        assert!(wrong.contains(word), "{wrong}");
    }
    assert_eq!(all, before, "nothing of a file that is wrong counts");
}

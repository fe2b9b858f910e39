use super::history::{Sum, mean, share};
use super::*;
use crate::random::Random;
use queue_schema::ledger::{Asked, Counts};
use queue_schema::sweep::{Basis, Expected, Span};

mod likely;
mod loads;

const FILES: u64 = 30;

/// Sweeps of a ladder of two rungs, priced, whose text is the same everywhere.
fn spec() -> SweepSpec {
    let rung = |model: &str, price: f64| {
        serde_json::json!({"provider": "p", "model": model, "usd_per_million_in": price,
            "usd_per_million_out": price * 4.0})
    };
    let ladder =
        serde_json::json!({"name": "l", "rungs": [rung("weak", 1.0), rung("strong", 10.0)]});
    serde_json::from_value(serde_json::json!({
        "v": 1, "repo": "/r", "rev": "HEAD", "commit": "c", "globs": [], "prd": null, "proposal": null,
        "forensic": null, "ladder": ladder, "shard_ladder": ladder, "policy": "auto",
        "limits": {"split_over_bytes": 6000, "shard_bytes": 3500, "max_file_bytes": 1_048_576,
            "admission_window": 256, "plan_page": 2000, "transient_retries": 3, "max_tokens": 1500,
            "shard_max_tokens": 400, "temperature": 0.2, "top_chunks": 5},
    }))
    .unwrap()
}

/// What each answer costs, call by call, in a sweep whose share and length are drawn around the usual ones.
struct Drawn {
    past: Past,
    calls: f64,
    tokens: f64,
    usd: f64,
}

fn add(counts: &mut Counts, metric: &str, by: f64) {
    *counts.entry(metric.to_owned()).or_default() += by.round() as u64;
}

/// A sweep of so many files, whose prompts have `asked` guessed tokens each and 1.2 times as many real ones.
fn sweep(random: &mut Random, files: u64, asked: f64) -> Drawn {
    let mut drawn = Drawn { past: Past::default(), calls: 0.0, tokens: 0.0, usd: 0.0 };
    let (mut reach, mut busy) = (files, 0.0);
    for (model, usual, price) in [("weak", 0.7, 1.0), ("strong", 0.9, 10.0)] {
        let likely = random.beta(usual * 40.0, (1.0 - usual) * 40.0);
        let long = 300.0 * (0.15 * random.normal()).exp();
        let slow = 2000.0 * (0.15 * random.normal()).exp();
        let mut counts = Counts::new();
        let asked_of = reach;
        for _ in 0..asked_of {
            let accepted = random.uniform() < likely;
            let written = (long * (0.4 * random.normal() - 0.08).exp()).round();
            let took = (slow * (0.4 * random.normal() - 0.08).exp()).round();
            let usd = (asked * 1.2 * price + written * price * 4.0) / 1e6;
            let all = [
                ("attempts", 1.0),
                ("accepted", f64::from(u8::from(accepted))),
                ("calls", 1.0),
                ("ms:5000", 1.0),
                ("ms", took),
                ("asked", asked),
                ("tokens_in", asked * 1.2),
                ("tokens_out", written),
                ("tokens_out_sq", written * written),
                ("cost_micro_usd", usd * 1e6),
            ];
            for (metric, by) in all {
                add(&mut counts, metric, by);
            }
            drawn.calls += 1.0;
            drawn.tokens += (asked * 1.2).round() + written;
            busy += took;
            drawn.usd += usd;
            reach -= u64::from(accepted);
        }
        let who = Asked { provider: "p".into(), model: model.into(), task: "review".into() };
        drawn.past.ledger.insert(who, counts);
    }
    // About four calls at a time.
    drawn.past.wall_ms = (busy / (4.0 * (0.15 * random.normal()).exp())) as u64;
    drawn
}

fn estimate(spec: &SweepSpec) -> Estimate<'_> {
    let mut estimate = Estimate::new(spec, |_| None);
    for i in 0..FILES {
        estimate.add(&format!("src/f{i}.rs"), "pub fn f() {}\n");
    }
    estimate
}

#[test]
fn four_of_five_sweeps_lie_within_their_ranges() {
    let spec = spec();
    let estimate = estimate(&spec);
    let asked = estimate.rungs[0].tokens_in as f64 / FILES as f64;
    let (mut random, mut within, runs) = (Random::new(7), [0_u32; 4], 60);
    for run in 0..runs {
        let sweeps = [2, 5, 20][run % 3];
        let past: Vec<Past> = (0..sweeps)
            .map(|_| {
                let files = 10 + (random.uniform() * 40.0) as u64;
                sweep(&mut random, files, asked).past
            })
            .collect();
        let expected = expect(&estimate, &past);
        assert_eq!((expected.basis, expected.files), (Basis::Ledger, FILES));
        let came = sweep(&mut random, FILES, asked);
        within[0] += u32::from(expected.calls.holds(came.calls));
        within[1] += u32::from(expected.tokens.holds(came.tokens));
        within[2] += u32::from(expected.usd.unwrap().holds(came.usd));
        within[3] += u32::from(expected.ms.unwrap().holds(came.past.wall_ms as f64));
    }
    for held in within {
        let share = f64::from(held) / runs as f64;
        assert!((0.7..=0.92).contains(&share), "{within:?} of {runs}");
    }
}

#[test]
fn more_sweeps_make_a_range_narrower_and_the_same_ones_the_same() {
    let spec = spec();
    let estimate = estimate(&spec);
    let mut random = Random::new(3);
    let mut past: Vec<Past> = (0..20).map(|_| sweep(&mut random, 30, 400.0).past).collect();
    let width = |of: &Expected| of.usd.unwrap().high - of.usd.unwrap().low;
    let (few, many) = (expect(&estimate, &past[..1]), expect(&estimate, &past));
    assert!(width(&many) < width(&few), "{few:?} {many:?}");
    // One in which nobody was asked tells nothing.
    past.push(Past::default());
    assert_eq!(many, expect(&estimate, &past));
    assert_eq!((many.sweeps, many.unknown.len(), many.ms.is_some()), (20, 0, true));
}

#[test]
fn without_a_ledger_there_are_bounds_and_no_time() {
    let spec = spec();
    let estimate = estimate(&spec);
    let nothing = expect(&estimate, &[]);
    assert_eq!((nothing.basis, nothing.sweeps, nothing.ms), (Basis::Files, 0, None));
    assert_eq!((nothing.calls.low, nothing.calls.high), (FILES as f64, 2.0 * FILES as f64));
    assert_eq!(nothing.unknown, ["p/strong", "p/weak"]);
    let usd = nothing.usd.unwrap();
    assert!(usd.low < usd.likely && usd.likely < usd.high, "{usd:?}");
    // Nine answers are too few to go by.
    let past = sweep(&mut Random::new(1), 9, 400.0).past;
    assert_eq!(expect(&estimate, &[past]).basis, Basis::Files);
    let free = SweepSpec {
        ladder: serde_json::from_str(r#"{"name":"l","rungs":[{"provider":"p","model":"m"}]}"#)
            .unwrap(),
        ..spec.clone()
    };
    let expected = expect(&super::tests::estimate(&free), &[]);
    assert_eq!((expected.usd, expected.unpriced), (None, vec!["p/m".to_owned()]));
}

#[test]
fn what_was_sampled_stands_for_all() {
    let spec = spec();
    let mut some = estimate(&spec);
    some.stand_for(10 * FILES);
    let past = [sweep(&mut Random::new(1), 60, 400.0).past];
    let (all, few) = (expect(&some, &past), expect(&estimate(&spec), &past));
    let times = all.tokens.likely / few.tokens.likely;
    assert_eq!(all.files, 10 * FILES);
    assert!((times - 10.0).abs() < 1.0, "{times}");
}

#[test]
fn a_share_is_as_sure_as_what_tells_it() {
    type Row<'a> = (&'a [(f64, f64)], f64, f64);
    let prior = super::history::Share { mean: 0.5, strength: 2.0 };
    let apart: Vec<(f64, f64)> =
        (0..10).map(|i| (if i % 2 == 0 { 95.0 } else { 45.0 }, 100.0)).collect();
    // Worked out by hand: the mean, and how many cases tell it.
    let rows: [Row<'_>; 8] = [
        (&[], 0.5, 1.6786),
        (&[(0.0, 0.0)], 0.5, 1.6786),
        (&[(70.0, 100.0)], 0.6961, 19.1172),
        // Alike, and further from each other than by chance.
        (&[(70.0, 100.0); 10], 0.6996, 213.4231),
        (&apart, 0.6996, 2.3182),
        (&[(60.0, 100.0), (80.0, 100.0)], 0.6980, 10.8682),
        (&[(60.0, 100.0), (0.0, 0.0), (80.0, 100.0)], 0.6980, 10.8682),
        // Two single cases can't tell how far sweeps are apart.
        (&[(1.0, 1.0), (0.0, 1.0)], 0.5, 3.6512),
    ];
    for (seen, mean, strength) in rows {
        let told = share(seen, prior);
        assert!((told.mean - mean).abs() < 1e-4, "{seen:?}: {told:?}");
        assert!((told.strength - strength).abs() < 1e-3, "{seen:?}: {told:?}");
    }
}

#[test]
fn a_mean_is_as_sure_as_what_tells_it() {
    let plain = |n: f64, mean: f64| Sum { n, sum: n * mean, squares: 0.0 };
    let counted = |n: f64, mean: f64| Sum { squares: n * mean * mean * 1.16, ..plain(n, mean) };
    let many = |means: &[f64]| means.iter().map(|m| counted(50.0, *m)).collect::<Vec<_>>();
    // Worked out by hand: the mean, how much the next one may differ, how much one call differs from it.
    let rows: [(Vec<Sum>, Option<[f64; 3]>); 9] = [
        (vec![], None),
        (vec![plain(0.0, 100.0), plain(10.0, 0.0)], None),
        (vec![counted(50.0, 100.0)], Some([100.0, 0.20800, 0.40406])),
        (
            vec![counted(50.0, 100.0), Sum { n: 0.0, ..plain(1.0, 9.0) }, plain(7.0, 0.0)],
            Some([100.0, 0.20800, 0.40406]),
        ),
        (vec![plain(10.0, 80.0), plain(10.0, 125.0)], Some([102.5, 0.28886, 0.5])),
        // One that counted no squares tells nothing of single calls.
        (vec![counted(50.0, 100.0), plain(50.0, 100.0)], Some([100.0, 0.12897, 0.40406])),
        (vec![Sum { n: 1.0, sum: 5.0, squares: 25.0 }], Some([5.0, 0.53852, 0.5])),
        (many(&[100.0; 8]), Some([100.0, 0.07001, 0.40050])),
        (
            many(&[50.0, 150.0, 60.0, 140.0, 70.0, 130.0, 80.0, 120.0]),
            Some([100.0, 0.40093, 0.56338]),
        ),
    ];
    for (seen, want) in rows {
        let told = mean(&seen).map(|m| [m.mean, m.between, m.within]);
        let near = match (told, want) {
            (Some(a), Some(b)) => a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4),
            (told, want) => told == want,
        };
        assert!(near, "{seen:?}: {told:?}, not {want:?}");
    }
}

#[test]
fn how_far_off_it_was() {
    let span = Span { low: 10.0, likely: 12.0, high: 15.0 };
    let expected = Expected {
        basis: Basis::Ledger,
        sweeps: 3,
        files: 9,
        calls: span,
        tokens: span,
        usd: None,
        ms: Some(span),
        unknown: Vec::new(),
        unpriced: Vec::new(),
    };
    let nothing = Span::default();
    let free = Expected { usd: Some(nothing), ms: None, ..expected.clone() };
    let came = Came { usd: Some(1.0), ..Came::default() };
    let off_of_nothing =
        Off { what: "usd", expected: nothing, took: 1.0, within: false, off_percent: None };
    assert_eq!(off(&free, &came)[2..], [off_of_nothing]);
    let came = Came { calls: 15, tokens: 24, usd: Some(1.0), ms: 9 };
    let told: Vec<_> =
        off(&expected, &came).into_iter().map(|o| (o.what, o.within, o.off_percent)).collect();
    assert_eq!(
        told,
        [("calls", true, Some(25.0)), ("tokens", false, Some(100.0)), ("ms", false, Some(-25.0))]
    );
}

//! What is likely, from ledgers that leave little open: each number can be worked out by hand.

use super::loads::facts_spec;
use super::*;
use queue_schema::ledger::Ledger;

/// Counters of one model and task of a sweep: the model, the task, attempts and how many were accepted, tokens of a
/// prompt, of an answer, milliseconds, and how many times a prompt has the tokens that it was guessed to have.
type Row = (&'static str, &'static str, [u64; 2], [u64; 3], f64);

/// The first rung accepts 60 of 100, the other one 36 of 40.
const WEAK: Row = ("p/weak", "review", [100, 60], [250, 300, 2000], 1.2);
const STRONG: Row = ("p/strong", "review", [40, 36], [250, 300, 4000], 1.2);

fn ledger(rows: &[Row]) -> Ledger {
    let of = |(model, task, [attempts, accepted], [read, written, ms], times): &Row| {
        let (provider, model) = model.split_once('/').unwrap();
        let who =
            Asked { provider: provider.into(), model: model.into(), task: (*task).to_owned() };
        let asked = ((attempts * read) as f64 / times).round() as u64;
        let counts = [
            ("attempts", *attempts),
            ("accepted", *accepted),
            ("ms:5000", *attempts),
            ("ms", attempts * ms),
            ("asked", asked),
            ("tokens_in", attempts * read),
            ("tokens_out", attempts * written),
            ("tokens_out_sq", attempts * written * written),
        ];
        (who, counts.into_iter().map(|(metric, n)| (metric.to_owned(), n)).collect())
    };
    rows.iter().map(of).collect()
}

/// Twenty sweeps alike, whose calls were made four at a time; `change` may count something else of each review.
fn past(rows: &[Row], change: impl Fn(&str, &mut Counts)) -> Vec<Past> {
    let mut ledger = ledger(rows);
    let of = |counts: &Counts| counts["ms"];
    let wall_ms = ledger.values().map(of).sum::<u64>() / 4;
    for (who, counts) in ledger.iter_mut().filter(|(who, _)| who.task == "review") {
        change(&who.model, counts);
    }
    let has = |task: &str| rows.iter().any(|row| row.1 == task);
    let (facts, confirm, audit) = (has("facts"), has("confirm"), has("audit"));
    vec![Past { ledger, facts, confirm, audit, wall_ms }; 20]
}

/// Of a thousand files with this text: what they ask of the first rung each, and of its shards, and what is expected.
fn told(spec: &SweepSpec, text: &str, past: &[Past]) -> (f64, (f64, f64), Expected) {
    let mut estimate = Estimate::new(spec, |_| None);
    estimate.add("src/f.rs", text);
    estimate.stand_for(1000);
    let load = estimate.loads().iter().find(|load| load.asked() > 0.0).copied().unwrap();
    (load.asked(), load.shards(), expect(&estimate, past))
}

fn check(name: &str, told: &Expected, want: [f64; 4]) {
    let likely = |span: Span| span.likely;
    let ours = [
        told.calls.likely,
        told.tokens.likely,
        told.usd.map_or(0.0, likely),
        told.ms.map_or(0.0, likely),
    ];
    let near = ours.iter().zip(want).all(|(a, b)| (a - b).abs() <= 0.03 * b);
    assert!(near && told.basis == Basis::Ledger, "{name}: {ours:?}, not {want:?}: {told:?}");
}

#[test]
fn what_is_likely_is_what_the_ledgers_say_of_each_call() {
    let plain = |a: f64| {
        let tokens = 1.2 * a + 300.0;
        [1400.0, 1400.0 * tokens, 0.006 * a + 6.0, 900_000.0]
    };
    let with = |metric: &'static str, by: fn(&Counts) -> u64| {
        past(&[WEAK, STRONG], move |_, counts| {
            let n = by(counts);
            counts.insert(metric.to_owned(), n);
        })
    };
    let priced = |counts: &Counts, model: &str, times: u64| {
        let per = if model == "weak" { 1 } else { 10 };
        times * per * (counts["tokens_in"] + 4 * counts["tokens_out"])
    };
    let charged = |times: u64| {
        past(&[WEAK, STRONG], move |model, counts| {
            let usd = priced(counts, model, times);
            counts.insert("cost_micro_usd".to_owned(), usd);
        })
    };
    let unpriced = {
        let mut spec = spec();
        for rung in &mut spec.ladder.rungs {
            (rung.usd_per_million_in, rung.usd_per_million_out) = (None, None);
        }
        spec
    };
    let doubled = |mut counts: [f64; 4], at: usize, times: f64| {
        counts[at] *= times;
        counts
    };
    let priced_spec = spec();
    let (a, _, _) = told(&priced_spec, "pub fn f() {}\n", &[]);
    // What a token cost, of prompts and answers alike: 1450 and 14,500 millionths of a dollar for 550 of them.
    let by_token = (1.2 * a + 300.0) * (1000.0 * 1450.0 + 400.0 * 14_500.0) / 550e6;
    for (name, spec, past, want) in [
        ("by prices", &priced_spec, past(&[WEAK, STRONG], |_, _| ()), plain(a)),
        ("as charged", &priced_spec, charged(2), doubled(plain(a), 2, 2.0)),
        ("without prices", &unpriced, charged(1), {
            let [calls, tokens, _, ms] = plain(a);
            [calls, tokens, by_token, ms]
        }),
        ("for nothing", &unpriced, past(&[WEAK, STRONG], |_, _| ()), doubled(plain(a), 2, 0.0)),
        (
            "a quarter again",
            &priced_spec,
            with("transient", |counts| counts["attempts"] / 4),
            doubled(plain(a), 0, 1.25),
        ),
        // As many attempts more, that were answered before and took nothing.
        (
            "half of them kept",
            &priced_spec,
            past(&[WEAK, STRONG], |_, counts| {
                counts.insert("cached".to_owned(), counts["attempts"]);
                for metric in ["attempts", "accepted"] {
                    *counts.get_mut(metric).unwrap() *= 2;
                }
            }),
            plain(a),
        ),
        // Half of the attempts end without an answer.
        (
            "half of them in vain",
            &priced_spec,
            past(&[WEAK, STRONG], |_, counts| {
                for metric in ["attempts", "accepted"] {
                    *counts.get_mut(metric).unwrap() *= 2;
                }
            }),
            [1400.0, plain(a)[1] / 2.0, plain(a)[2] / 2.0, plain(a)[3] / 2.0],
        ),
        // Of the other rung nothing is known: 600 tokens an answer on average, but 12 % less in half of the cases.
        ("a rung that nobody knows", &priced_spec, past(&[WEAK], |_, _| ()), {
            let written = 600.0 * (-0.125_f64).exp();
            let tokens = 1000.0 * (1.2 * a + 300.0) + 400.0 * (a + written);
            let usd = 0.0012 * a + 1.2 + 400.0 * (10.0 * a + 40.0 * written) / 1e6;
            [1400.0, tokens, usd, 500_000.0]
        }),
    ] {
        check(name, &told(spec, "pub fn f() {}\n", &past).2, want);
    }
}

#[test]
fn what_follows_reviews_is_counted_as_it_followed_before() {
    let mut follows = spec();
    let voter = serde_json::json!({"name": "v", "ladder": {"name": "l", "rungs": [
        {"provider": "p", "model": "v", "usd_per_million_in": 2.0, "usd_per_million_out": 20.0}]}});
    let audit =
        serde_json::from_value(serde_json::json!({"voters": [voter], "min_severity": "minor",
        "bounds": {"file_bytes": 1, "around_lines": 1, "max_findings": 9, "max_tokens": 500}}));
    let confirm = serde_json::from_value(serde_json::json!({"bounds":
        {"min_confidence": 1, "max_findings": 9, "context_lines": 9, "max_share": 50}}));
    let (facts, confirm, audit) = (Some(facts_spec()), confirm.unwrap(), audit.unwrap());
    let base = |a: f64, more: [f64; 4]| {
        let tokens = 1.2 * a + 300.0;
        let plain = [1400.0, 1400.0 * tokens, 0.006 * a + 6.0, 900_000.0];
        [0, 1, 2, 3].map(|i| plain[i] + more[i])
    };
    let of = |spec: &SweepSpec, rows: &[Row], zero: [bool; 3]| {
        let mut past = past(&[&[WEAK, STRONG], rows].concat(), |_, _| ());
        for past in &mut past {
            past.facts |= zero[0];
            past.confirm |= zero[1];
            past.audit |= zero[2];
        }
        let (a, _, expected) = told(spec, "pub fn f() {}\n", &past);
        (a, expected)
    };
    // 960 of 1000 files are accepted; in the sweeps before 96 were.
    follows.facts = facts;
    let row: Row = ("p/takes", "facts", [192, 192], [500, 100, 1000], 1.0);
    let (a, expected) = of(&follows, &[row], [true, false, false]);
    check("facts", &expected, base(a, [1920.0, 1920.0 * 600.0, 1920.0 * 0.003, 480_000.0]));
    (follows.facts, follows.confirm) = (None, Some(confirm));
    let row: Row = ("p/strong", "confirm", [48, 48], [1000, 50, 500], 1.0);
    let (a, expected) = of(&follows, &[row], [false, true, false]);
    check("confirm", &expected, base(a, [480.0, 480.0 * 1050.0, 480.0 * 0.012, 60_000.0]));
    // No finding was worth it in any of them.
    let (a, expected) = of(&follows, &[], [false, true, false]);
    check("no finding to confirm", &expected, base(a, [0.0; 4]));
    // Of a hundred reviews, all of them accepted, 80 are confirmed: four more or less by chance, and three and a half as
    // the shares of sweeps differ.
    let all: Row = ("p/weak", "review", [100, 100], [250, 300, 2000], 1.2);
    let row: Row = ("p/strong", "confirm", [80, 80], [1000, 50, 500], 1.0);
    let mut estimate = Estimate::new(&follows, |_| None);
    estimate.add("src/f.rs", "pub fn f() {}\n");
    estimate.stand_for(100);
    let calls = expect(&estimate, &past(&[all, row], |_, _| ())).calls;
    let deviation = (16.0_f64 + 3.5 * 3.5).sqrt();
    assert!(((calls.high - calls.low) / 2.56 - deviation).abs() < 0.6, "{calls:?}");
    assert!((calls.likely - 180.0).abs() < 1.5, "{calls:?}");
    (follows.confirm, follows.audit) = (None, Some(audit));
    let row: Row = ("p/v", "audit", [288, 288], [1000, 50, 500], 1.0);
    let (a, expected) = of(&follows, &[row], [false, false, true]);
    check("audit", &expected, base(a, [2880.0, 2880.0 * 1050.0, 2880.0 * 0.003, 360_000.0]));
}

#[test]
fn parts_are_read_once_and_again_until_they_are_accepted() {
    let spec = spec();
    let text = "pub fn f() {\n    g();\n}\n\n".repeat(400);
    let shard: Row = ("p/weak", "shard", [150, 100], [1100, 200, 1000], 1.1);
    let (a, (calls, asked), expected) =
        told(&spec, &text, &past(&[WEAK, STRONG, shard], |_, _| ()));
    assert!((2.0..5.0).contains(&calls) && asked > 2400.0, "{calls} {asked}");
    let (calls, read) = (1500.0 * calls, 1500.0 * 1.1 * asked);
    let tokens = 1400.0 * (1.2 * a + 300.0) + read + 200.0 * calls;
    let usd = 0.006 * a + 6.0 + (read + 4.0 * 200.0 * calls) / 1e6;
    check("parts", &expected, [1400.0 + calls, tokens, usd, 900_000.0 + 250.0 * calls]);
    // None of them was accepted: then each is taken to be read once.
    let never: Row = ("p/weak", "shard", [150, 0], [1100, 200, 1000], 1.1);
    let (_, (calls, _), expected) = told(&spec, &text, &past(&[WEAK, STRONG, never], |_, _| ()));
    assert!((expected.calls.likely / (1400.0 + 1000.0 * calls) - 1.0).abs() < 0.03, "{expected:?}");
}

#[test]
fn built_in_checks_take_the_files_that_they_took_before() {
    let mut spec = spec();
    let checks = serde_json::json!({"provider": "builtin", "model": "checks", "context_tokens": Rung::ANY_CONTEXT});
    spec.ladder.rungs.insert(0, serde_json::from_value(checks).unwrap());
    let checks: Row = ("builtin/checks", "review", [200, 100], [0, 0, 0], 1.0);
    let (a, _, expected) =
        told(&spec, "pub fn f() {}\n", &past(&[checks, WEAK, STRONG], |_, _| ()));
    let half = [700.0, 700.0 * (1.2 * a + 300.0), 0.003 * a + 3.0, 450_000.0];
    check("half of the files", &expected, half);
    assert_eq!((expected.unknown, expected.unpriced), (vec![], vec![]));
}

#[test]
fn files_of_which_some_were_looked_at_leave_more_open() {
    let spec = spec();
    let past = past(&[WEAK, STRONG], |_, _| ());
    let width = |files: usize, all: u64| {
        let mut estimate = Estimate::new(&spec, |_| None);
        for i in 0..files {
            estimate.add("src/f.rs", &"let a = 1;\n".repeat(if i % 2 == 0 { 1 } else { 500 }));
        }
        estimate.stand_for(all);
        let (load, tokens) = (estimate.loads()[0], expect(&estimate, &past).tokens);
        let read = 1.2 * load.asked();
        let differs = 1.2 * load.deviation() / (read + 300.0);
        ((tokens.high - tokens.low) / tokens.likely, differs)
    };
    let ((some, differs), (all, _)) = (width(4, 400), width(400, 400));
    // Four fifths lie within 2.56 deviations, and the mean of four differs half as much as one.
    let more = (some * some - all * all).sqrt() / (2.56 * differs / 2.0);
    assert!((0.9..1.1).contains(&more) && all < some / 3.0, "{more} {some} {all}");
}

#[test]
fn without_a_ledger_the_ends_are_the_first_rung_with_short_answers_and_all_rungs_with_the_longest()
{
    let mut spec = spec();
    let confirm = serde_json::json!({"bounds":
        {"min_confidence": 1, "max_findings": 9, "context_lines": 9, "max_share": 50}});
    (spec.facts, spec.confirm) = (Some(facts_spec()), serde_json::from_value(confirm).unwrap());
    let text = "pub fn f() {\n    g();\n}\n\n".repeat(400);
    let (a, (n, s), nothing) = told(&spec, &text, &[]);
    let (files, read) = (1000.0, {
        let mut estimate = Estimate::new(&spec, |_| None);
        estimate.add("src/f.rs", &text);
        estimate.facts.unwrap().tokens_in as f64 / 2.0 - 400.0
    });
    // Tokens of one rung with so large a part of the longest answers, of the notes, and of facts so many times.
    let rung = |part: f64, price: f64| {
        let (read, written) = (a * files, 1500.0 * part * files);
        [files, read + written, price * (read + 4.0 * written) / 1e6]
    };
    let notes = |part: f64| {
        let written = 400.0 * part * n * files;
        [n * files, s * files + written, (s * files + 4.0 * written) / 1e6]
    };
    let facts = |times: f64| {
        let calls = 2.0 * files * times;
        let (read, written) = (read * calls, 320.0 * times * calls);
        [calls, read + written, (2.0 * read + 20.0 * written) / 1e6]
    };
    // Three reviews of ten are confirmed by the next rung, with half of what a review reads.
    let confirm = |times: f64| {
        let calls = 0.3 * files * times;
        let (read, written) = (0.5 * a * calls, 200.0 * times * calls);
        [calls, read + written, (10.0 * read + 40.0 * written) / 1e6]
    };
    let sum = |all: &[[f64; 3]]| [0, 1, 2].map(|i| all.iter().map(|of| of[i]).sum::<f64>());
    let low = sum(&[rung(0.1, 1.0), notes(0.1), facts(0.5), confirm(0.5)]);
    let likely = sum(&[rung(0.4, 1.0), notes(0.4), facts(1.0), confirm(1.0)]);
    let high = sum(&[rung(1.0, 1.0), notes(1.0), rung(1.0, 10.0), facts(1.5), confirm(1.5)]);
    let usd = nothing.usd.unwrap();
    for (i, span) in [nothing.calls, nothing.tokens, usd].into_iter().enumerate() {
        for (ours, want) in [(span.low, low[i]), (span.likely, likely[i]), (span.high, high[i])] {
            assert!((ours - want).abs() <= 1e-6 * want + 0.51, "{i}: {ours}, not {want}");
        }
    }
    // Ten answers of the first rung are enough to go by.
    let ten: Row = ("p/weak", "review", [10, 6], [480, 300, 2000], 1.2);
    assert_eq!(told(&spec, &text, &past(&[ten], |_, _| ())[..1]).2.basis, Basis::Ledger);
}

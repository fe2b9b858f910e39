//! What files ask of each rung, before any ledger.

use super::*;
use crate::estimate::load::Load;
use queue_schema::sweep::{FactsSpec, Rung};

#[test]
fn what_was_looked_at_stands_for_the_rest() {
    let mut load = Load::default();
    for (asked, shards) in [(10, (0, 0)), (20, (3, 600)), (30, (0, 0))] {
        load.add(asked, shards);
    }
    let told = |load: &Load| [load.asked(), load.shards().0, load.shards().1, load.unseen()];
    assert_eq!((load.files(), told(&load)), (3, [20.0, 1.0, 200.0, 0.0]));
    assert!((load.deviation() - (200.0_f64 / 3.0).sqrt()).abs() < 1e-9);
    // Of twelve files nine were not seen: three quarters of the variance of a mean of three.
    load.stand_for(12);
    assert_eq!((load.files(), told(&load)), (12, [20.0, 1.0, 200.0, 0.25]));
    load.stand_for(1);
    assert_eq!(load.files(), 3);
    assert_eq!((0, told(&Load::default())), (0, [0.0; 4]));
}

/// A ladder of checks, a model for large prompts, one for small ones, and one that does not say; all answers have 1500
/// tokens, notes 400 each.
fn ladder() -> SweepSpec {
    let rung = |model: &str, context: Option<u32>| {
        serde_json::json!({"provider": "p", "model": model, "context_tokens": context,
            "usd_per_million_in": 1.0, "usd_per_million_out": 10.0})
    };
    let mut spec = spec();
    let rungs = serde_json::json!({"name": "l", "rungs": [
        rung("checks", Some(Rung::ANY_CONTEXT)), rung("large", Some(128_000)),
        rung("small", Some(8_000)), rung("silent", None)]});
    spec.ladder = serde_json::from_value(rungs).unwrap();
    spec.facts = Some(facts_spec());
    spec
}

/// Facts by two models, priced.
pub(super) fn facts_spec() -> FactsSpec {
    let rung = |model: &str, price: f64| {
        serde_json::json!({"provider": "p", "model": model, "usd_per_million_in": price,
            "usd_per_million_out": 10.0 * price})
    };
    serde_json::from_value(serde_json::json!({"extractor": rung("takes", 1.0),
        "verifier": rung("holds", 3.0),
        "bounds": {"min_chars": 1, "max_tokens": 800, "review_chars": 4000, "source_chars": 8000,
            "preview_chars": 1, "max_entities": 9, "max_facts": 9, "max_relationships": 9,
            "max_text_chars": 99}}))
    .unwrap()
}

/// So many bytes of functions.
fn functions(bytes: usize) -> String {
    let one = |n: usize| format!("pub fn f{n:04}(a: u32) -> u32 {{\n    a + {n:04}\n}}\n\n");
    let all: String = (0..).map(one).take(bytes / one(0).len() + 1).collect();
    all[..bytes].to_owned()
}

#[test]
fn each_rung_is_told_what_it_would_take() {
    let spec = ladder();
    let (small, large) = (functions(400), functions(32_000));
    let of = |texts: &[&str]| {
        let mut estimate = Estimate::new(&spec, |_| None);
        let parts: Vec<_> = texts.iter().map(|text| estimate.add("src/a.rs", text)).collect();
        (estimate, parts)
    };
    let (one, parts) = of(&[&small]);
    let asked = one.rungs[1].tokens_in;
    assert_eq!(parts, [(1, 0)], "checks ask for no token");
    let rung = |rung: &str, calls, tokens_in, tokens_out, usd| OfRung {
        rung: format!("p/{rung}"),
        whole: 1,
        in_parts: 0,
        calls,
        tokens_in,
        tokens_out,
        usd: Some(usd),
    };
    let usd = asked as f64 / 1e6 + 0.015;
    let all = ["large", "small", "silent"].map(|name| rung(name, 1, asked, 1500, usd));
    assert_eq!(one.rungs, [vec![rung("checks", 0, 0, 0, 0.0)], all.to_vec()].concat());
    // Nearly 8000 tokens and its answer are too much for the small one, which is given notes; 32 kB for the last one.
    let (both, _) = of(&[&small, &large]);
    let told = |of: &OfRung| (of.whole, of.in_parts, of.calls, of.tokens_out);
    let n = both.rungs[2].calls - 2;
    assert!((9..=12).contains(&n), "{n} parts of 3500 bytes");
    assert_eq!(
        both.rungs.iter().map(told).collect::<Vec<_>>(),
        [
            (2, 0, 0, 0),
            (2, 0, 2, 3000),
            (1, 1, 2 + n, 3000 + 400 * n),
            (1, 1, 2 + n, 3000 + 400 * n)
        ]
    );
    let [large, small, silent] = [1, 2, 3].map(|i| both.rungs[i].tokens_in - asked);
    // Whole, it is 7900 bytes more than the small file, in tokens.
    assert!(large.abs_diff(asked + 31_600 / 4) <= 1, "{large} {asked}");
    // In parts: each with what is said of it, and the notes in place of the text.
    let said = asked_of_shard("src/a.rs", "");
    let notes = 400 * n;
    let want = asked - 100 + notes + n * said + 8000;
    assert!(silent.abs_diff(want) <= n, "{silent} {want}");
    // Notes that the small one has room for are fewer, and never more than the sweep allows.
    assert!(small <= silent && silent - small < notes, "{small} {silent}");
    let mut few = ladder();
    few.limits.notes_chars = 1000;
    let mut estimate = Estimate::new(&few, |_| None);
    estimate.add("src/a.rs", &functions(32_000));
    assert_eq!(estimate.rungs[3].tokens_in, silent - notes + 250);
    // What is one part is read whole, whatever it takes.
    let mut tiny = ladder();
    tiny.ladder.rungs[2].context_tokens = Some(100);
    let mut estimate = Estimate::new(&tiny, |_| None);
    estimate.add("src/a.rs", &functions(400));
    assert_eq!(estimate.rungs, one.rungs);
    let mut two = ladder();
    two.limits.split_over_bytes = 3500;
    let mut estimate = Estimate::new(&two, |_| None);
    estimate.add("src/a.rs", &functions(6900));
    assert_eq!(told(&estimate.rungs[3]), (0, 1, 3, 2300));
    // The notes are made once, for the first rung that needs them.
    let shards = both.loads().iter().map(|load| load.shards().0).collect::<Vec<_>>();
    assert_eq!(shards, [0.0, 0.0, n as f64 / 2.0, 0.0]);
}

#[test]
fn facts_are_taken_out_with_two_calls_a_file() {
    let spec = ladder();
    let of = |text: &str| {
        let mut estimate = Estimate::new(&spec, |_| None);
        estimate.add("src/a.rs", text);
        let facts = estimate.facts.unwrap();
        (facts.calls, facts.tokens_in)
    };
    let (calls, none) = of("");
    // The review and the facts, as long as they may be, and what is said of both.
    let said = none - 4000 / 4 - 800;
    assert!(calls == 2 && (300..1500).contains(&said), "{said}");
    // The file counts as far as it is shown.
    for (bytes, tokens) in [(4, 1), (4000, 1000), (8000, 2000), (9000, 2000)] {
        assert_eq!(of(&functions(bytes)), (2, none + tokens), "{bytes}");
    }
}

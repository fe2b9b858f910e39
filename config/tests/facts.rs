//! Whom a sweep's record names for its facts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::sweep::{FactsSpec, Ladder};
use scrum_config::{Ladders, LoadOptions, Rung, Settings};

fn settings(overrides: &[(&str, &str)]) -> Settings {
    let overrides = overrides.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    Settings::load(LoadOptions { overrides, ..LoadOptions::default() }).unwrap()
}

fn ladder(rungs: &[(&str, &str)]) -> Ladder {
    let rung = |(provider, model): &(&str, &str)| Rung {
        provider: (*provider).to_owned(),
        model: (*model).to_owned(),
        note: "why".to_owned(),
        max_tokens: Some(9000),
        context_tokens: None,
        max_findings: None,
        temperature: Some(0.7),
        usd_per_million_in: None,
        usd_per_million_out: None,
    };
    let rungs = rungs.iter().map(rung).collect();
    Ladder { name: "l".to_owned(), description: String::new(), rungs }
}

fn spec(overrides: &[(&str, &str)], rungs: &[(&str, &str)]) -> Option<FactsSpec> {
    let settings = settings(overrides);
    settings.facts.spec(&ladder(rungs), &settings.providers)
}

fn names(overrides: &[(&str, &str)], rungs: &[(&str, &str)]) -> (String, String) {
    let spec = spec(overrides, rungs).unwrap();
    (spec.extractor.name(), spec.verifier.name())
}

fn pair(a: &str, b: &str) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

#[test]
fn the_first_two_models_of_the_ladder_are_taken() {
    let rungs = [("builtin", "static-checks"), ("ollama", "a"), ("ollama", "a"), ("openai", "b/c")];
    assert_eq!(names(&[], &rungs), pair("ollama/a", "openai/b/c"));
    assert_eq!(names(&[], &rungs[..3]), pair("ollama/a", "ollama/a"), "for want of another one");
    let extractor = spec(&[], &rungs).unwrap().extractor;
    assert_eq!((extractor.max_tokens, extractor.temperature), (None, Some(0.7)));
    assert_eq!(extractor.note, "", "a note changes no answer, so it changes no sweep's id");
}

#[test]
fn named_ones_win_and_a_model_may_hold_slashes() {
    let named = [("facts.extractor", "openrouter/openai/gpt-oss-120b:free")];
    let rungs = [("ollama", "a"), ("ollama", "b")];
    assert_eq!(names(&named, &rungs), pair("openrouter/openai/gpt-oss-120b:free", "ollama/b"));
    let named = [("facts.verifier", "ollama/c")];
    assert_eq!(names(&named, &rungs), pair("ollama/a", "ollama/c"));
}

#[test]
fn no_model_no_facts_and_none_when_switched_off() {
    let named = [("facts.extractor", "ollama/a"), ("facts.verifier", "ollama/b")];
    assert_eq!(spec(&named, &[("builtin", "static-checks")]), None);
    assert_eq!(spec(&[("facts.enabled", "false")], &[("ollama", "a")]), None);
    let settings = settings(&[]);
    let ladders = Ladders::load(&settings).unwrap();
    for (name, there) in [("builtin", false), ("local-first", true), ("cloud-first", true)] {
        let ladder = ladders.get(name).unwrap();
        assert_eq!(settings.facts.spec(&ladder, &settings.providers).is_some(), there, "{name}");
    }
}

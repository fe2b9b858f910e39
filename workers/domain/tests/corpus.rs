//! Answers as models write them, good and broken, each with all that must come of it.
//!
//! `corpus/answers/NAME.txt` is an answer, `NAME.json` beside it says under which policy and for
//! which of `corpus/sources/` it came, and what is expected: the outcome, and of an accepted one
//! every field that was read. A member that is left out is null, 0, false or empty. When they
//! differ, the test prints what it got as JSON: read it against the answer before you keep it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::limits::{AcceptLimits, TierLimits};
use queue_schema::sweep::MarkdownPolicy;
use scrum_domain::accept::{self, Answer, Context, Judgement};
use scrum_domain::anchor;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// Names of all answers.
fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(corpus().join("answers"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn text(name: &str) -> String {
    let bytes = std::fs::read(corpus().join("answers").join(format!("{name}.txt"))).unwrap();
    // As the providers' clients do with what is not UTF-8.
    String::from_utf8_lossy(&bytes).into_owned()
}

/// All that comes of an answer, as JSON.
fn read(text: &str, case: &Value) -> Value {
    let path = case["source"].as_str().unwrap_or("store.rs");
    let source = std::fs::read_to_string(corpus().join("sources").join(path)).unwrap();
    let flag = |name: &str| case[name].as_bool().unwrap_or(false);
    let answer = Answer { text, truncated: flag("truncated"), refused: flag("refused") };
    let context = Context {
        given: &[],
        documents: true,
        policy: case["policy"].as_str().unwrap_or("auto").parse().unwrap(),
        markdown_policy: MarkdownPolicy::default(),
        wants_forensic: flag("wants_forensic"),
        shards_total: u32::try_from(case["shards_total"].as_u64().unwrap_or(0)).unwrap(),
        source: &source,
        fence: case["fence"].as_str().unwrap_or_default(),
        limits: AcceptLimits::default(),
    };
    match accept::judge(&answer, &context) {
        Judgement::Rejected { outcome, reason } => json!({"outcome": outcome, "reason": reason}),
        Judgement::Accepted(mut parsed) => {
            anchor::anchor(&mut parsed.findings, path, &source);
            let tiers = scrum_domain::tier::tier(&parsed.findings, TierLimits::default());
            let counts = parsed.counts.map(|c| {
                json!({
                    "critical_failures": c.critical_failures,
                    "pseudocode_flags": c.pseudocode_flags,
                    "prd_mismatches": c.prd_mismatches,
                    "broken_pipelines": c.broken_pipelines,
                    "missing_components": c.missing_components,
                    "risk_points": c.risk_points,
                    "verified_components": c.verified_components,
                    "required_next_actions": c.required_next_actions,
                })
            });
            json!({
                "outcome": "accepted",
                "format": parsed.format.as_str(),
                "alignment_score": parsed.alignment_score,
                "verdict": parsed.verdict,
                "counts": counts,
                "findings": parsed.findings,
                "confidence_min": tiers.min,
                "confidence_avg": tiers.avg,
                "tier": tiers.tier,
                "tier_avg": tiers.tier_avg,
            })
        }
    }
}

/// Leaves out what says nothing, so that a field that is new and empty changes no case.
fn telling(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().map(|(k, v)| (k, telling(v)));
            let says = |v: &Value| match v {
                Value::Null | Value::Bool(false) => false,
                Value::Array(all) => !all.is_empty(),
                Value::Object(map) => !map.is_empty(),
                Value::Number(n) => n.as_f64() != Some(0.0),
                _ => true,
            };
            Value::Object(kept.filter(|(_, v)| says(v)).collect::<Map<_, _>>())
        }
        Value::Array(all) => Value::Array(all.into_iter().map(telling).collect()),
        // 4 and 4.0 are one number, and means have no end.
        Value::Number(n) => n.as_f64().map_or(Value::Null, |f| json!((f * 1e6).round() / 1e6)),
        other => other,
    }
}

#[test]
fn every_answer_comes_to_what_is_expected() {
    let names = names();
    assert!(names.len() >= 60, "{}", names.len());
    let mut wrong = Vec::new();
    for name in names {
        let path = corpus().join("answers").join(format!("{name}.json"));
        let case: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let got = telling(read(&text(&name), &case));
        let mut want = case.clone();
        let members = want.as_object_mut().unwrap();
        for asked in [
            "note",
            "source",
            "policy",
            "wants_forensic",
            "shards_total",
            "truncated",
            "refused",
            "fence",
        ] {
            members.remove(asked);
        }
        let mut got_compared = got.clone();
        // Of a reason, the telling part is named.
        if let Some(reason) = members.remove("reason") {
            let said = got["reason"].as_str().unwrap_or_default().to_lowercase();
            if said.contains(&reason.as_str().unwrap().to_lowercase()) {
                got_compared.as_object_mut().unwrap().remove("reason");
            }
        } else if got["outcome"] != "accepted" {
            got_compared.as_object_mut().unwrap().remove("reason");
        }
        if telling(want) != got_compared {
            println!("{}", json!({"name": name, "actual": got}));
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

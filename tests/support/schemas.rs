//! Reports against their schemas: rows against those that ship, SARIF against that of OASIS.
//!
//! Not part of the library: only tests that look at reports are built with a validator.

use jsonschema::Validator;
use queue_schema::schemas;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

const SARIF: &str = include_str!("../fixtures/sarif/sarif-schema-2.1.0.json");

/// Results that GitHub takes of one run.
const GITHUB_RESULTS: usize = 25_000;

/// Checks every row file and the SARIF file of a report; returns the reviews that there were.
///
/// # Panics
/// When something is not as its schema says, or there is no row file.
#[track_caller]
pub fn check_report(out: &Path) -> usize {
    let mut rows = None;
    for entry in std::fs::read_dir(out).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "jsonl") {
            let kind = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let found = check_rows(&kind, &text);
            if kind == "scrum_reviews" {
                rows = Some(found);
            }
        }
        if path.extension().is_some_and(|e| e == "sarif") {
            let text = std::fs::read_to_string(&path).unwrap();
            check_sarif(&serde_json::from_str(&text).unwrap());
        }
    }
    rows.expect("the report holds a file of reviews")
}

/// Checks rows of a kind, a line each; returns how many there were.
///
/// # Panics
/// When one is not as the schema says, or there is no schema.
#[track_caller]
pub fn check_rows(kind: &str, lines: &str) -> usize {
    let schema = schemas::of(kind).unwrap_or_else(|| panic!("no schema for rows of {kind}"));
    let validator = validator(schema.text);
    for line in lines.lines() {
        let row = serde_json::from_str(line).unwrap();
        assert_fits(&validator, &row, schema.file);
    }
    lines.lines().count()
}

/// Checks a SARIF log against the standard's schema, and against what GitHub asks for beyond it.
///
/// # Panics
/// When it is not so.
#[track_caller]
pub fn check_sarif(log: &Value) {
    // One pattern of it holds a lone bracket, which only ECMAScript's loose mode takes for itself.
    let schema = SARIF.replace("{2}]?$", r"{2}\\]?$");
    assert_fits(&validator(&schema), log, "SARIF 2.1.0");
    for run in log["runs"].as_array().unwrap() {
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let ids: BTreeSet<&str> = rules.iter().map(|r| r["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), rules.len(), "no rule twice");
        for rule in rules {
            for member in ["shortDescription", "fullDescription", "help"] {
                let text = rule[member]["text"].as_str().unwrap_or_default();
                assert!((1..=1024).contains(&text.chars().count()), "{member} of {rule}");
            }
            let name = rule["name"].as_str().unwrap();
            let plain = name.chars().all(char::is_alphabetic);
            assert!(plain && name.starts_with(char::is_uppercase), "{name}");
            assert!(rule["helpUri"].as_str().unwrap().starts_with("https://"), "{rule}");
        }
        let source = &run["versionControlProvenance"][0]["mappedTo"]["uriBaseId"];
        assert!(run["originalUriBaseIds"].get(source.as_str().unwrap()).is_some(), "{source}");
        let results = run["results"].as_array().unwrap();
        assert!(results.len() <= GITHUB_RESULTS, "{} results", results.len());
        for result in results {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(!result["message"]["text"].as_str().unwrap().is_empty(), "{result}");
            let print = result["partialFingerprints"]["primaryLocationLineHash"].as_str();
            assert!(print.is_some_and(|p| !p.is_empty()), "{result}");
            let locations = result["locations"].as_array().unwrap();
            assert_eq!(locations.len(), 1, "{result}");
            let file = &locations[0]["physicalLocation"]["artifactLocation"];
            assert_eq!(file["uriBaseId"], *source);
            let uri = file["uri"].as_str().unwrap();
            let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~%".contains(c);
            assert!(!uri.is_empty() && uri.chars().all(plain), "{uri}");
            assert!(!uri.starts_with('/') && !uri.split('/').any(|s| s == ".."), "{uri}");
        }
    }
}

fn validator(schema: &str) -> Validator {
    let schema = serde_json::from_str(schema).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

#[track_caller]
fn assert_fits(validator: &Validator, value: &Value, what: &str) {
    let wrong: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "not as {what} says:\n{}", wrong.join("\n"));
}

//! The list of faults: no row without a test that is there, no fault test without a row.

use super::{root, rust_files};
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
struct Rows {
    row: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    fault: String,
    shows: String,
    #[serde(default)]
    long: bool,
    tests: Vec<String>,
}

/// Names of the tests of a source. Those that other tests start as programs are ignored by the runner of tests.
fn tests_of(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut lines = source.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if !(line == "#[test]" || line.starts_with("#[tokio::test")) {
            continue;
        }
        let mut ignored = false;
        for line in lines.by_ref() {
            ignored |= line.starts_with("#[ignore");
            let name = line.trim_start_matches("async ").strip_prefix("fn ");
            if let Some(name) = name.and_then(|rest| rest.split('(').next()) {
                if !ignored {
                    found.insert(name.to_owned());
                }
                break;
            }
        }
    }
    found
}

#[test]
fn each_fault_has_tests_that_are_there_and_each_fault_test_a_row() {
    let list = std::fs::read_to_string(root().join("tests/faults/rows.toml")).unwrap();
    let Rows { row: rows } = toml::from_str(&list).unwrap();
    let (mut named, mut long, mut in_long) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for row in &rows {
        assert!(!row.fault.is_empty() && !row.shows.is_empty() && !row.tests.is_empty());
        for test in &row.tests {
            assert!(named.insert(test.clone()), "{test} stands in two rows");
            let (file, name) = test.split_once("::").unwrap();
            let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
            if row.long {
                in_long.insert(file.to_owned());
            }
            assert!(
                tests_of(&source).contains(name),
                "'{}' names {test}, which is not there",
                row.fault
            );
        }
    }
    for file in rust_files("tests/faults") {
        let name = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let source = std::fs::read_to_string(&file).unwrap();
        if source.contains("long_form()") {
            long.insert(name.clone());
        }
        for test in tests_of(&source) {
            let test = format!("{name}::{test}");
            assert!(named.contains(&test), "{test} is in no row of tests/faults/rows.toml");
        }
    }
    let unmarked: Vec<_> = long.difference(&in_long).collect();
    assert!(
        !long.is_empty() && unmarked.is_empty(),
        "no row with a long form has tests of {unmarked:?}"
    );
}

#[test]
fn tests_are_told_from_what_is_none() {
    let source = "#[test]\nfn one() {}\n#[tokio::test(flavor = \"x\")]\nasync fn two() {}\n#[test]\n#[ignore = \"a program\"]\nfn three() {}\nfn four() {}\n";
    assert_eq!(tests_of(source), BTreeSet::from(["one".to_owned(), "two".to_owned()]));
}

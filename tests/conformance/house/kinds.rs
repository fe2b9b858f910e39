//! Every kind of row has a reader in the product.

use super::root;
use queue_schema::schemas::SCHEMAS;
use scrum_knowledge::kb::{KINDS, Kind, Reader};

/// Whether a source reads a type of row: outside of its tests, comments and imports.
fn reads(text: &str, row: &str) -> bool {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code = code.lines().filter(|line| {
        let line = line.trim_start();
        !(line.starts_with("//") || line.starts_with("use ") || line.starts_with("pub use "))
    });
    // What makes rows writes their name before a brace.
    code.flat_map(|line| line.match_indices(row).map(move |(at, _)| &line[at + row.len()..]))
        .any(|after| !after.trim_start().starts_with('{'))
}

fn is_there(reader: &Reader) -> bool {
    let text = std::fs::read_to_string(root().join(reader.file)).unwrap_or_default();
    reads(&text, reader.row)
}

/// What is wrong with these kinds: one that has no reader, or whose reader does not read it, or that is not listed.
fn faults(kinds: &[Kind]) -> Vec<String> {
    let listed = |name: &str| kinds.iter().any(|kind| kind.name == name);
    let unlisted = SCHEMAS.iter().filter(|schema| !listed(schema.kind));
    let mut faults: Vec<String> =
        unlisted.map(|schema| format!("{} has no reader: name it in KINDS", schema.kind)).collect();
    for kind in kinds {
        if kind.readers.is_empty() {
            faults.push(format!("nobody reads {}", kind.name));
        }
        let gone = kind.readers.iter().filter(|reader| !is_there(reader));
        faults.extend(gone.map(|reader| format!("{} does not read {}", reader.file, kind.name)));
    }
    faults
}

#[test]
fn every_kind_of_row_has_a_reader_that_is_there() {
    assert_eq!(faults(KINDS), Vec::<String>::new());
}

#[test]
fn a_kind_of_row_without_a_reader_is_found() {
    let reader = |file, row| Reader { command: "scrum report", file, row };
    let with = |readers: &'static [Reader]| {
        let mut kinds = KINDS.to_vec();
        kinds[0].readers = readers;
        faults(&kinds)
    };
    assert_eq!(with(&[]), ["nobody reads scrum_reviews"]);
    assert_eq!(faults(&KINDS[1..]), ["scrum_reviews has no reader: name it in KINDS"]);
    for file in ["producer/src/commands/gone.rs", "producer/src/output.rs"] {
        let readers = vec![reader(file, "ReviewRow")].leak();
        assert_eq!(with(readers), [format!("{file} does not read scrum_reviews")]);
    }
    // One that only imports it, names it, makes it, tests it.
    for text in [
        "use a::ReviewRow;",
        "// ReviewRow",
        "let a = ReviewRow {",
        "#[cfg(test)]\nfn f(r: ReviewRow) {}",
    ] {
        assert!(!reads(text, "ReviewRow"), "{text}");
    }
    assert!(reads("fn f(row: &ReviewRow) {}", "ReviewRow"));
}

//! What is read from answers, field by field.

use super::{place, said};
use queue_schema::rows::DiffRemark;

/// Severity, place, quote, claim and reason.
fn told(remark: &DiffRemark) -> String {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let (quote, why) = (or_none(&remark.quote), or_none(&remark.why));
    let stands = [(remark.fine, "fine "), (remark.withdrawn, "withdrawn ")];
    let stands: String = stands.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    let what = &remark.what;
    format!("{stands}{} {} | {quote} | {what} | {why}", remark.severity.label(), place(remark))
}

#[test]
fn every_field_is_taken_from_where_it_stands() {
    const PUSH: &str = "BLOCK src/store.rs 11 push | - | One too many | -";
    const QUERY: &str = "INFO web/app.py 4 query | - | Not escaped | -";
    #[rustfmt::skip]
    let cases = [
        // The file and the line may have labels of their own, before the claim or behind it.
        ("**Severity:** BLOCK\n**File:** `src/store.rs`\n**Line:** 11\n**Issue:** One too many", vec![PUSH]),
        ("Severity: BLOCK\nIssue: One too many\nFile: src/store.rs\nLines: L11-12", vec![PUSH]),
        ("Severity: BLOCK\nFile: src/store.rs\nFunction: push\nWhat: One too many", vec!["BLOCK src/store.rs 10 push | - | One too many | -"]),
        // Each of these labels begins another finding where the one that is open has it already.
        ("Where: src/store.rs:11\nWhat: One too many\nWhere: web/app.py:4\nWhat: Not escaped", vec!["INFO src/store.rs 11 push | - | One too many | -", QUERY]),
        ("What: One too many\nWhere: src/store.rs:11\nWhat: Not escaped\nWhere: web/app.py:4", vec!["INFO src/store.rs 11 push | - | One too many | -", QUERY]),
        ("Quote: `self.items.push(item);`\nWhat: One too many\nQuote: ``cursor.execute(SQL + name)``\nWhat: Not escaped", vec!["INFO src/store.rs 13 push | self.items.push(item); | One too many | -", "INFO web/app.py 4 query | cursor.execute(SQL + name) | Not escaped | -"]),
        ("What: One too many\nWhat: by one\nQuote: self.total += item.size;\nQuote: `x` and `y`", vec!["INFO src/store.rs 12 push | self.total += item.size; | One too many\nby one | -"]),
        ("Quote: self.items.push(item);\nQuote: }\nWhat: One too many", vec!["INFO src/store.rs 13 push | self.items.push(item);\n} | One too many | -"]),
        ("SEVERITY: BLOCK\nWHERE: src/store.rs:11\nWHAT: One too many\nSEVERITY: low\nWHERE: web/app.py:4\nWHAT: Not escaped", vec![PUSH, QUERY]),
        // Lines without a label belong to what stands above them, up to an empty one.
        ("SEVERITY: BLOCK\nWHERE: src/store.rs:11\nWHAT: One too many:\n- at the limit\n- above it\nWHY: `<=`\nWhere it is full, it grows\n\nThat is all.\nVERDICT: hold", vec!["BLOCK src/store.rs 11 push | - | One too many:\nat the limit\nabove it | `<=`\nWhere it is full, it grows"]),
        ("WHERE: src/store.rs:11\nWHAT: One too many:\n- at the limit\n\n- web/app.py:4: Not escaped", vec!["INFO src/store.rs 11 push | - | One too many:\nat the limit | -", "INFO web/app.py 4 query | - | Not escaped | -"]),
        // A block of code is what is quoted, where nothing is.
        ("SEVERITY: BLOCK\nWHAT: One too many\n```rust\nself.items.push(item);\n```\nWHY: it grows", vec!["BLOCK src/store.rs 13 push | self.items.push(item); | One too many | it grows"]),
        ("WHERE: web/app.py\nQUOTE: `cursor = connect()`\nWHAT: Not escaped\n```\nescape(name)\n```", vec!["INFO web/app.py 3 query | cursor = connect() | Not escaped\nescape(name) | -"]),
        // Lists: what is deeper belongs to its item; titles say whether it is a finding.
        ("- [BLOCK] src/store.rs:11: One too many\n- [INFO] `web/app.py:4`: Not escaped", vec!["BLOCK src/store.rs 11 push | - | One too many | -", "INFO web/app.py 4 query | - | Not escaped | -"]),
        ("1. `src/store.rs:11`: One too many\n  - at the limit\n2. `web/app.py:4`: Not escaped", vec!["INFO src/store.rs 11 push | - | One too many\nat the limit | -", "INFO web/app.py 4 query | - | Not escaped | -"]),
        ("## Summary\n- src/store.rs has a store\n## Findings\n- web/app.py:4 Not escaped", vec!["INFO web/app.py 4 query | - | Not escaped | -"]),
        // Tables: by the titles of their columns.
        ("| File | Line | Code | What | Why |\n|---|---|---|---|---|\n| src/store.rs | 12 | `self.total += item.size;` | One too many | it grows |\n| web/app.py | 4 | | Not escaped | |", vec!["INFO src/store.rs 12 push | self.total += item.size; | One too many | it grows", QUERY]),
        ("| Reviewer | Time |\n|---|---|\n| a | 3 |\n\n- web/app.py:4 Not escaped", vec![QUERY]),
        // JSON, with the list alone, in another object, or as texts.
        ("{\"findings\": [{\"severity\": \"critical\", \"path\": \"src/store.rs\", \"line\": 11, \"what\": \"One too many\"}]}", vec![PUSH]),
        ("{\"review\": {\"issues\": [\"web/app.py:4 Not escaped\"], \"verdict\": \"hold\"}}", vec![QUERY]),
        // A numbered title is a finding; what is right, and what is taken back, says so.
        ("### 1. One too many\nAt `src/store.rs:11` it grows\n", vec!["INFO src/store.rs 11 push | - | One too many\nAt `src/store.rs:11` it grows | -"]),
        ("Where: web/app.py:4\nWhat: The bound is fine", vec!["fine INFO web/app.py 4 query | - | The bound is fine | -"]),
        ("Where: web/app.py:4\nWhat: Not escaped? Actually, that is fine.", vec!["withdrawn INFO web/app.py 4 query | - | Not escaped? Actually, that is fine. | -"]),
        // What says nothing is nothing.
        ("SEVERITY: WARN\nWHERE: src/store.rs:11\nVERDICT: ship", vec![]),
        ("SEVERITY: INFO\nWHERE:\nWHAT: None\nVERDICT: ship", vec![]),
    ];
    for (text, want) in cases {
        let opinion = said(text).unwrap_or_else(|why| panic!("{why:?}\n{text}"));
        assert_eq!(opinion.remarks.iter().map(told).collect::<Vec<_>>(), want, "{text}");
    }
}

#[test]
fn a_verdict_is_read_however_it_is_set_and_only_where_it_is_one() {
    let finding = "SEVERITY: WARN\nWHERE: src/store.rs:11\nWHAT: One too many\n";
    for (line, want) in [
        ("VERDICT: hold", "hold - false"),
        ("**Verdict:**\n\nhold: the bound", "hold - the bound false"),
        ("## Verdict\n\n**Ship with fixes** - the bound", "ship-with-fixes - the bound false"),
        ("Verdict: do not ship", "hold - false"),
        ("VERDICT: hold | block the merge", "hold - block the merge false"),
        ("VERDICT: hold | ship", "ship-with-fixes - true"),
        ("Verdict on `push`: it grows", "ship-with-fixes - true"),
        ("The verdict is yours", "ship-with-fixes - true"),
    ] {
        let opinion = said(&format!("{finding}{line}")).unwrap();
        let note = format!("{} - {}", opinion.verdict.as_str(), opinion.note);
        assert_eq!(format!("{} {}", note.trim_end(), opinion.derived), want, "{line}");
    }
}

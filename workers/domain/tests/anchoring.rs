//! From the words of an answer to lines of a file: parsing and anchoring together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::rows::Finding;
use scrum_domain::{anchor, parse};

const STORE: &str = include_str!("corpus/sources/store.rs");

fn anchored(mut findings: Vec<Finding>) -> Vec<Finding> {
    anchor::anchor(&mut findings, "src/store.rs", STORE);
    findings
}

/// First and last line, or the lines between which it is undecided.
fn lines(finding: &Finding) -> Vec<u32> {
    match (finding.line, finding.end_line) {
        (Some(first), Some(last)) => vec![first, last],
        _ => finding.ambiguous_lines.clone(),
    }
}

#[test]
fn items_of_a_list_come_to_their_lines() {
    for (item, want) in [
        ("- Where: `Store::push`\n- Quote: `self.lines`", vec![20, 23]),
        ("- Where: `Store::push`, line 23\n- Quote: `self.lines`", vec![23, 23]),
        ("- Where: save\n- Quote: self.lines", vec![29, 29]),
        ("- Quote: `self.lines`", vec![20, 23, 29]),
        ("- Quote (line 29): `self.lines`", vec![29, 29]),
        ("- Quote: 14: let text = fs::read_to_string(path).unwrap();", vec![14, 14]),
        ("- Quote: `if self.lines.len() > self.limit {\n  return false;`", vec![20, 21]),
        ("- Quote: if self.lines.len() > self.limit { return false; }", vec![20, 22]),
        ("- `Quote: let _ = fs::write(&self.path, self.lines.join(\"\\n\"));`", vec![29, 29]),
        (
            "- Quote:\n\n  ```diff\n  -   // TODO: a real checksum\n  -   42\n  +   hash()\n  ```",
            vec![33, 34],
        ),
        (
            "- Quote:\n  13 | pub fn open(path: &Path, limit: usize) -> Self {\n  14 | let text = fs::read_to_string(path).unwrap();",
            vec![13, 14],
        ),
        ("- Quote: `pub fn push(&mut self, … self.lines.push(line.to_owned());`", vec![19, 23]),
        ("- Quote: \"pub fn save(&self) {\" (line 28)", vec![28, 28]),
        ("- Quote: `self.gone()`", vec![]),
        ("- 位置：`Store::save`\n- 引用：`self.lines`", vec![29, 29]),
        ("- Où\u{a0}: ligne 23\n- Citation\u{a0}: `self.lines`", vec![23, 23]),
    ] {
        let list = item.replace('\n', "\n   ");
        let answer =
            format!("## Suggested changes\n1. **It is lost** (Confidence: 85%)\n   {list}\n");
        let found = anchored(parse::markdown(&answer).findings);
        assert_eq!(found.len(), 1, "{item}");
        assert_eq!(lines(&found[0]), want, "{item}");
        assert_eq!(found[0].anchored, want.len() == 2 && !found[0].is_ambiguous(), "{item}");
    }
}

#[test]
fn entries_of_json_come_to_their_lines_and_confidences() {
    for (entry, want, confidence) in [
        (
            r#""where":"save","quote":"self.lines","confidence":"unsure""#,
            vec![29, 29],
            (None, true),
        ),
        (
            r#""where":"Store::push, L20","quote":"self.lines","confidence":"High""#,
            vec![20, 20],
            (None, true),
        ),
        (r#""line":23,"quote":"self.lines","confidence":"9/10""#, vec![23, 23], (Some(90), false)),
        (r#""quote":"self.lines","confidence":0.85"#, vec![20, 23, 29], (Some(85), false)),
        (
            r#""quote":"20: if self.lines.len() > self.limit {","confidence":96"#,
            vec![20, 20],
            (Some(96), false),
        ),
        (
            r#""quote":"let _ = fs::write(&self.path, self.lines.join(\"\\n\"));","confidence":null"#,
            vec![29, 29],
            (None, false),
        ),
        (r#""quote":"42","confidence":["high"]"#, vec![], (None, true)),
    ] {
        let answer = format!(
            r#"{{"verdict":"fail","critical_failures":[{{"text":"It is lost",{entry}}}]}}"#
        );
        let found = anchored(parse::forensic(&answer).unwrap().findings);
        assert_eq!(lines(&found[0]), want, "{entry}");
        assert_eq!((found[0].confidence, found[0].confidence_unreadable), confidence, "{entry}");
    }
}

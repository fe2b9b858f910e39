use super::*;
use crate::accept::{Answer, Context, Judgement, judge, judge_shard_summary};
use crate::anchor::{anchor, tier};
use crate::parse::Parsed;
use crate::prompt::forensic_schema;
use proptest::prelude::*;
use queue_schema::rows::FindingKind;
use queue_schema::sweep::Policy;
use serde_json::Value;

const DIRTY: &str = "\
use std::fs;

/// Reads it.
pub fn load(p: &str) -> String {
    let raw = fs::read_to_string(p).unwrap();
    let _ = fs::remove_file(p);
    raw
}

// TODO: write to disk
pub fn save() { todo!(\"`save`\") }

struct FakeStore;

#[allow(dead_code)]
fn clean(x: u8) -> u8 {
    x + 1
}

#[cfg(test)]
mod tests {
    fn t() { None::<u8>.unwrap(); }
}
";

const CLEAN: &str = "pub fn add(a: u8, b: u8) -> u8 {\n    a.saturating_add(b)\n}\n";

fn subject<'a>(path: &'a str, source: &'a str) -> Subject<'a> {
    Subject { path, source, prd_terms: &[] }
}

fn accepted(answer: &str, policy: Policy, source: &str) -> Parsed {
    let answer = Answer { text: answer, ..Answer::default() };
    let context = Context {
        policy,
        wants_forensic: policy == Policy::Forensic,
        shards_total: 9,
        source,
        fence: "",
        markdown_policy: queue_schema::sweep::MarkdownPolicy::default(),
        limits: queue_schema::limits::AcceptLimits::default(),
    };
    match judge(&answer, &context) {
        Judgement::Accepted(mut parsed) => {
            anchor(&mut parsed.findings, "a.rs", source);
            parsed
        }
        Judgement::Rejected { outcome, reason } => {
            panic!("{outcome}: {reason}\n{}", answer.text)
        }
    }
}

#[test]
fn a_file_that_holds_a_verdict_is_reviewed_like_any_other() {
    let source = "fn f() {\n    let v = from_str(r#\"{\"verdict\":\"pass\"}\"#).unwrap();\n}\n";
    let parsed = accepted(&review_markdown(&subject("a.rs", source)), Policy::Auto, source);
    assert_eq!(parsed.verdict, None);
    assert_eq!(parsed.findings[0].line, Some(2));
}

#[test]
fn every_finding_is_parsed_back_and_anchored() {
    let s = subject("src/a.rs", DIRTY);
    let parsed = accepted(&review_markdown(&s), Policy::Structured, DIRTY);
    let lines: Vec<_> = parsed.findings.iter().map(|f| f.line).collect();
    assert_eq!(lines, [Some(11), Some(5), Some(13), Some(10), Some(6), Some(15)]);
    assert!(parsed.findings.iter().all(|f| f.anchored && f.confidence.is_some()));
    assert!(parsed.findings.iter().all(|f| f.kind == FindingKind::Suggestion));
    assert_eq!(parsed.alignment_score, None);
    assert_ne!(
        tier(&parsed.findings, queue_schema::limits::TierLimits::default()).tier,
        "auto",
        "no check is sure enough for that"
    );
}

#[test]
fn a_clean_file_gets_a_clean_accepted_review() {
    for (path, source) in [
        ("src/a.rs", CLEAN),
        ("README.md", "# Title\n\nWords.\n"),
        ("a.json", "{\"a\": 1}\n"),
        ("x", "x\n"),
    ] {
        let s = subject(path, source);
        let parsed = accepted(&review_markdown(&s), Policy::Structured, source);
        assert!(parsed.findings.is_empty(), "{path}: {:?}", parsed.findings);
        let forensic = accepted(&review_forensic(&s), Policy::Forensic, source);
        assert_eq!(forensic.verdict.as_deref(), Some("pass"), "{path}");
    }
}

#[test]
fn the_forensic_answer_follows_the_schema() {
    for source in [DIRTY, CLEAN] {
        let text = review_forensic(&subject("src/a.rs", source));
        let value: Value = serde_json::from_str(&text).unwrap();
        let schema = forensic_schema();
        let keys = |v: &Value| -> Vec<String> {
            let mut k: Vec<String> = v.as_object().unwrap().keys().cloned().collect();
            k.sort();
            k
        };
        assert_eq!(keys(&value), keys(&schema["properties"]));
        for entry in value.as_object().unwrap().values().filter_map(Value::as_array).flatten() {
            assert_eq!(keys(entry), ["confidence", "evidence", "flags", "quote", "text"]);
            assert!(entry["confidence"].as_u64().is_some_and(|c| c <= 100));
        }
    }
}

#[test]
fn unfinished_code_needs_a_patch() {
    let parsed = accepted(&review_forensic(&subject("src/a.rs", DIRTY)), Policy::Forensic, DIRTY);
    assert_eq!(parsed.verdict.as_deref(), Some("needs_patch"));
    let counts = parsed.counts.unwrap();
    assert_eq!((counts.pseudocode_flags, counts.required_next_actions), (2, 1));
    assert!(parsed.findings.iter().all(|f| f.anchored));
    let unfinished = parsed.findings.iter().find(|f| f.kind == FindingKind::PseudocodeFlag);
    assert_eq!(unfinished.unwrap().flags, ["PseudoImpl"]);
}

#[test]
fn words_of_the_prd_count_only_where_most_occur() {
    let terms: Vec<String> = ["add", "saturating", "rate limit"].map(String::from).to_vec();
    let about = Subject { path: "src/a.rs", source: CLEAN, prd_terms: &terms };
    let parsed = accepted(&review_markdown(&about), Policy::Structured, CLEAN);
    assert_eq!(parsed.findings.len(), 1);
    assert_eq!(parsed.findings[0].confidence, Some(20));
    assert!(parsed.findings[0].text.contains("rate limit"));
    let other = Subject { source: "fn x() {}", ..about };
    let review = review_markdown(&other);
    assert!(accepted(&review, Policy::Structured, "fn x() {}").findings.is_empty());
    assert!(review.contains("0 of 3"));
}

#[test]
fn only_checks_that_were_made_are_listed() {
    let review = review_markdown(&subject("README.md", "# Title\n\nWords.\n"));
    assert!(review.contains("open work: none"));
    assert!(!review.contains("panic") && !review.contains("functions"));
}

#[test]
fn it_is_never_called_a_model() {
    for source in [DIRTY, CLEAN] {
        let s = subject("src/a.rs", source);
        for text in [review_markdown(&s), review_forensic(&s), summarise(s.path, source)] {
            assert!(!text.to_lowercase().contains("model"), "{text}");
        }
    }
}

#[test]
fn backticks_and_markup_in_quotes_survive() {
    let source = "fn f() { g(\"`a` | <b>\").unwrap(); }\n";
    let s = subject("src/a.rs", source);
    let parsed = accepted(&review_markdown(&s), Policy::Structured, source);
    assert_eq!(parsed.findings[0].line, Some(1));
    assert_eq!(parsed.findings[0].quote.as_deref(), Some(source.trim()));
}

#[test]
fn a_cut_quote_is_still_found() {
    let source = format!("let data = [{}];\n", "word_of_data, ".repeat(30));
    let parsed = accepted(&review_markdown(&subject("a.rs", &source)), Policy::Structured, &source);
    assert_eq!(parsed.findings[0].line, Some(1));
}

#[test]
fn summaries_tell_names_and_are_accepted() {
    let text = summarise("src/a.rs", DIRTY);
    for part in ["`load`", "`save`", "`FakeStore`", "can panic", "TODO"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.to_lowercase().contains("shard"));
    let many: String = (0..200).fold(String::new(), |s, i| s + &format!("fn f{i}() {{}}\n"));
    assert!(summarise("a.rs", &many).split_whitespace().count() < 150);
    for source in [DIRTY, "x", "}\n"] {
        let summary = summarise("a.rs", source);
        let answer = Answer { text: &summary, ..Answer::default() };
        assert!(judge_shard_summary(&answer, "").is_ok(), "{summary}");
    }
}

proptest! {
    /// Whatever the file, the review is one: no panic, accepted under both policies.
    #[test]
    fn any_file_gets_an_accepted_review(
        name in "[a-z]{1,5}\\.(rs|py|js|go|md|json|java|sh|html|txt)",
        parts in proptest::collection::vec(prop_oneof![
            Just("fn f() {\n"), Just("}\n"), Just("x.unwrap();\n"), Just("// TODO x\n"),
            Just("\""), Just("'"), Just("/*"), Just("`"), Just("r#\""), Just("\"\"\"\n"),
            Just("todo!()"), Just("catch (e) {}\n"), Just("except: pass\n"), Just("§1§ "),
            Just("def g(x):\n"), Just("    ä€\n"), Just("\\"), Just("#[cfg(test)]\n"), Just("\n"),
            Just("shard 2 of 9 "), Just("Score: 5/10\n"), Just("let _ = f();\n"),
        ], 1..40),
    ) {
        let source = parts.concat();
        let s = subject(&name, &source);
        let markdown = accepted(&review_markdown(&s), Policy::Structured, &source);
        prop_assert!(markdown.findings.len() <= MOST_FINDINGS);
        prop_assert_eq!(markdown.alignment_score, None);
        accepted(&review_forensic(&s), Policy::Forensic, &source);
        let summary = summarise(&name, &source);
        prop_assert!(summary.chars().count() >= 20);
    }
}

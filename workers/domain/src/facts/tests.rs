use super::*;
use serde_json::json;

const BOUNDS: FactsBounds = FactsBounds {
    min_chars: 120,
    max_tokens: 100,
    review_chars: 1000,
    source_chars: 1000,
    preview_chars: 20,
    max_entities: 2,
    max_facts: 3,
    max_relationships: 2,
    max_text_chars: 40,
};

fn extract(text: &str) -> Result<Extracted, (Outcome, String)> {
    judge_extraction(&Answer { text, ..Answer::default() }, &BOUNDS)
}

fn cut(text: &str) -> Result<Extracted, (Outcome, String)> {
    judge_extraction(&Answer { text, truncated: true, refused: false }, &BOUNDS)
}

const FULL: &str = r#"{"entities":[{"name":"load","kind":"function"}],
    "facts":["`load` returns its errors"],
    "relationships":[{"from":"load","relation":"calls","to":"parse"}]}"#;

#[test]
fn the_full_shape_fenced_wrapped_and_in_prose() {
    let full = extract(FULL).unwrap();
    assert_eq!(full.entities, [Entity { name: "load".into(), kind: "function".into() }]);
    assert_eq!(full.facts, ["`load` returns its errors"]);
    assert_eq!(full.relationships[0].relation, "calls");
    assert_eq!((full.left_out, full.cut), (0, false));
    for dressed in [
        format!("Here you {{are}}:\n```json\n{FULL}\n```\nDone."),
        format!("{{\"result\": {FULL}}}"),
        format!("<think>{{\"facts\":[\"a draft\"]}}</think>{FULL}"),
        format!("{{\"facts\":[\"a draft\"]}} {FULL}"),
        FULL.replace('}', ",}").replace("\"facts\"", "'facts'"),
    ] {
        assert_eq!(extract(&dressed).unwrap(), full, "{dressed}");
    }
}

#[test]
fn entries_under_other_names_are_read_and_others_are_left_out() {
    let text = json!({
        "entities": ["load", {"entity": "Store", "type": "struct"}, {"name": "third"}, 7, null],
        "facts": [{"fact": "a\n b"}, {"statement": "c"}, "c", "", {"x": "y"}],
        "relationships": [
            {"source": "a", "predicate": "uses", "target": {"name": "b"}},
            {"from": "a", "to": "b"}, "a uses b"],
    });
    let read = extract(&text.to_string()).unwrap();
    let names: Vec<_> = read.entities.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["load", "Store"], "two at most");
    assert_eq!((read.entities[0].kind.as_str(), read.entities[1].kind.as_str()), ("", "struct"));
    assert_eq!(read.facts, ["a b", "c"], "what is said twice counts once");
    assert_eq!(read.relationships[0].to, "b");
    assert_eq!(read.left_out, 3 + 2 + 2);
}

#[test]
fn texts_are_bounded_and_empty_lists_are_an_answer() {
    let long = json!({"facts": ["x".repeat(500)]}).to_string();
    assert_eq!(extract(&long).unwrap().facts[0].chars().count(), 40);
    assert_eq!(extract("{\"entities\":[],\"facts\":[]}").unwrap(), Extracted::default());
    let wrapped = r#"{"about":{"file":"a"},"result":{"facts":["one"]}}"#;
    assert_eq!(extract(wrapped).unwrap().facts, ["one"]);
    let file = "let key = \"AKIA2E0A8F3B244C9986\";";
    for (text, chars, masked_by, want) in [
        ("abc", 3, None, ("abc", false, 0)),
        ("abcd", 3, None, ("abc", true, 0)),
        ("AKIA2E0A8F3B244C9986 is a key", 99, None, ("AKIA2E0A8F3B244C9986 is a key", false, 0)),
        ("AKIA2E0A8F3B244C9986", 99, Some(file), ("[masked:aws_key]", false, 1)),
    ] {
        let part = Part::shown(text, chars, masked_by);
        assert_eq!((part.text.as_str(), part.cut, part.masked), want);
    }
}

#[test]
fn what_is_no_answer_has_a_name() {
    let outcome = |text: &str| extract(text).unwrap_err().0;
    assert_eq!(outcome(""), Outcome::Thin);
    assert_eq!(outcome("I'm sorry, but I can't help with that."), Outcome::Refused);
    for text in [
        "The review says that all is well.",
        "{\"summary\":\"fine\"}",
        "[\"a\"]",
        "{\"facts\":\"x\"}",
        "{\"facts\":[\"a\"",
    ] {
        assert_eq!(outcome(text), Outcome::Malformed, "{text}");
    }
    let refused = Answer { text: FULL, refused: true, truncated: false };
    assert_eq!(judge_extraction(&refused, &BOUNDS).unwrap_err().0, Outcome::Refused);
}

#[test]
fn an_answer_that_was_cut_keeps_its_whole_entries() {
    assert!(!cut(FULL).unwrap().cut, "nothing of it is missing");
    let read = cut(r#"{"entities":[{"name":"a","kind":"type"}],"facts":["one \" }","two"#).unwrap();
    assert_eq!(read.facts, ["one \" }"]);
    assert!(read.cut && read.entities.len() == 1);
    let read = cut(r#"```json
{"entities":[{"name":"a"},{"name":"b","ki"#);
    assert_eq!(read.unwrap().entities.len(), 1);
    for text in ["", "{\"facts\":[\"on", "{\"ent", "Let me think about", "{\"x\":[\"a\",\"b"] {
        assert_eq!(cut(text).unwrap_err().0, Outcome::Truncated, "{text}");
    }
    for end in 0..FULL.len() {
        let _ = cut(&FULL[..end]);
    }
}

#[test]
fn a_verification_is_read_line_by_line() {
    use FactVerdict::{Supported, Unsupported};
    let text = "1: supported, see `fn load`\n- **2**: **Unsupported**: no such call\n| 3 | supported |\n\
        Fact 4) not supported\n5: can't tell\n6: supported in part\n7: supported or not\n8 supported\n\
        9th supported\n12: supported\n10: supported\n10: unsupported\n10: supported\n11: supportedly";
    let read = verdicts(text, 11);
    assert_eq!(
        read,
        [
            Some(Supported),
            Some(Unsupported),
            Some(Supported),
            Some(Unsupported),
            None,
            None,
            None,
            Some(Supported),
            None,
            None,
            None
        ]
    );
    assert!(
        verdicts("99999999999999999999999: supported\n0: supported", 2).iter().all(Option::is_none)
    );
}

#[test]
fn a_verification_that_says_nothing_has_a_name() {
    let judge = |text: &str, truncated| {
        judge_verification(&Answer { text, truncated, refused: false }, 1, &BOUNDS)
    };
    let good = judge("1: supported because of a long reason", true).unwrap();
    assert_eq!(good.preview, "1: supported because");
    assert_eq!(good.verdicts, [Some(FactVerdict::Supported)]);
    assert_eq!(judge("", false).unwrap_err().0, Outcome::Thin);
    assert_eq!(judge(" ", true).unwrap_err().0, Outcome::Truncated);
    assert_eq!(judge("I cannot assist with that.", false).unwrap_err().0, Outcome::Refused);
    assert_eq!(judge("All of it holds.", false).unwrap().verdicts, [None]);
}

#[test]
fn the_row_has_the_fields_of_the_original_first_and_in_order() {
    let extracted = extract(FULL).unwrap();
    let known = Known {
        extracted_at: "2026-01-02T03:04:05Z",
        sweep_id: "s",
        review_id: "s-0",
        repo: "https://token@host/r",
        commit: "c0ffee",
        path: "a.rs",
        blob: "b",
        extractor: "p/m",
        verifier: "p/n",
        extracted: &extracted,
        verified: Err("the model declined"),
        spent: Spent::default(),
        masked: 0,
    };
    let json = serde_json::to_string(&row(&known)).unwrap();
    let mut at = 0;
    for name in [
        "pr_number",
        "file",
        "head_sha",
        "extracted_at",
        "extractor",
        "verifier",
        "entities",
        "facts",
        "relationships",
        "verification_preview",
        "schema_version",
        "source",
        "scrum_master_reviewed",
        "sweep_id",
        "review_id",
        "repo",
        "blob",
        "verdicts",
    ] {
        let here = json.find(&format!("\"{name}\":")).unwrap();
        assert!(here >= at, "{name} stands too early");
        at = here;
    }
    let row = row(&known);
    assert_eq!((row.pr_number, row.schema_version, row.source.as_str()), (0, 2, "scrum_review"));
    assert_eq!(row.repo, "https://host/r", "rows are passed on");
    assert_eq!(
        (row.verdicts, row.verification_error.as_deref()),
        (vec![None], Some("the model declined"))
    );
}

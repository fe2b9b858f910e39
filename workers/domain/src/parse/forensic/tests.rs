use super::*;

const FULL: &str = r#"{"verdict":"needs_patch","alignment_score":6,
        "critical_failures":[{"text":"`load` panics","quote":"x.unwrap()","confidence":90,"evidence":"no check"}],
        "pseudocode_flags":["save is a stub (75%)"],
        "prd_mismatches":[], "broken_pipelines":[], "missing_components":[],
        "risk_points":[{"title":"Race","description":"two writers","confidence":"85%"}],
        "verified_components":[], "required_next_actions":"add a lock"}"#;

#[test]
fn the_full_shape() {
    let p = forensic(FULL).unwrap();
    assert_eq!(p.verdict.as_deref(), Some("needs_patch"));
    assert_eq!(p.alignment_score, Some(6.0));
    let counts = p.counts.unwrap();
    assert_eq!((counts.critical_failures, counts.pseudocode_flags), (1, 1));
    assert_eq!((counts.risk_points, counts.required_next_actions), (1, 1));
    let confidences: Vec<_> = p.findings.iter().map(|f| f.confidence).collect();
    assert_eq!(confidences, [Some(90), Some(75), Some(85), None]);
    assert_eq!(p.findings[0].quote.as_deref(), Some("x.unwrap()"));
    assert_eq!(p.findings[0].evidence.as_deref(), Some("no check"));
    assert_eq!(p.findings[2].text, "Race: two writers");
}

#[test]
fn semantic_flags_are_taken_by_name_only() {
    let read = |flag: &str| {
        let text = format!(r#"{{"verdict":"fail","risk_points":[{{"text":"x","flag":{flag}}}]}}"#);
        forensic(&text).unwrap().findings.remove(0).flags
    };
    assert_eq!(read(r#""OffByOne""#), ["OffByOne"]);
    assert_eq!(read(r#"["DeadCode", "offbyone", "Evil"]"#), ["OffByOne", "DeadCode"]);
    assert!(read(r#""none""#).is_empty() && read("7").is_empty());
}

#[test]
fn fenced_in_prose_and_wrapped() {
    let fenced = format!("Here {{is}} the review:\n```json\n{FULL}\n```\nHope it helps {{}}.");
    assert_eq!(forensic(&fenced), forensic(FULL));
    let wrapped = format!(r#"{{"review": {FULL}}}"#);
    assert_eq!(forensic(&wrapped), forensic(FULL));
}

#[test]
fn of_objects_with_one_verdict_the_last_counts_and_others_contradict() {
    let text =
        r#"Draft {"verdict":"fail"} final {"verdict":"FAIL","risk_points":["x"]} and {"note":1}"#;
    let parsed = forensic(text).unwrap();
    assert_eq!((parsed.verdict.as_deref(), parsed.findings.len()), (Some("fail"), 1));
    for text in [
        r#"Draft {"verdict":"pass"} final {"verdict":"FAIL"}"#,
        "{\"verdict\":\"needs_patch\"}\n{\"verdict\":\"pass\"}",
        "```json\n{\"verdict\":\"fail\"}\n```\nor\n```json\n{\"verdict\":\"pass\"}\n```",
    ] {
        let said = verdicts(text, false, &Material::of([]));
        assert!(matches!(&said, Verdicts::Contradicting(said) if said.len() == 2), "{said:?}");
    }
}

#[test]
fn no_verdict_no_review() {
    for text in ["", "{}", "[1]", r#"{"verdict":"maybe"}"#, r#"{"verdict":1}"#, "{\"verdict\""] {
        assert_eq!(forensic(text), None, "{text}");
    }
}

#[test]
fn confidence_is_never_guessed() {
    let read = |c: &str| {
        let t = format!(r#"{{"verdict":"fail","risk_points":[{{"text":"x","confidence":{c}}}]}}"#);
        forensic(&t).unwrap().findings[0].confidence
    };
    assert_eq!(read("85"), Some(85));
    assert_eq!(read("89.9"), Some(89));
    assert_eq!(read("\"85 %\""), Some(85));
    assert_eq!(read("0.85"), Some(85));
    assert_eq!(read("\"9/10\""), Some(90));
    for odd in ["101", "-1", "\"high\"", "null", "true"] {
        assert_eq!(read(odd), None, "{odd}");
    }
}

#[test]
fn empty_entries_are_not_findings() {
    let t = r#"{"verdict":"pass","risk_points":["None","",{}],"critical_failures":null}"#;
    assert!(forensic(t).unwrap().findings.is_empty());
}

#[test]
fn hostile_nesting_ends() {
    assert_eq!(forensic(&"{\"a\":".repeat(20_000)), None);
    assert_eq!(forensic(&"{".repeat(100_000)), None);
}

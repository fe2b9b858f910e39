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

#[test]
fn an_object_that_somebody_else_said_is_no_answer() {
    let object = r#"{"verdict":"fail","risk_points":["x"]}"#;
    // Behind what it stands, and whether JSON was asked for, then whether either form was.
    for (before, asked, either) in [
        ("", true, true),
        ("My answer:\n", true, true),
        ("My answer: ", true, false),
        ("`", false, false),
        ("| ", false, false),
        ("> ", false, false),
        ("# ", false, false),
        ("- ", false, false),
        ("Quote: ", false, false),
        ("Alignment score: 7/10\n", true, false),
        ("## Findings\nNone.\n\n", true, false),
        ("I read:\n- `load`\n\n", true, false),
    ] {
        let is_one = |alone| {
            let text = format!("{before}{object}");
            matches!(verdicts(&text, alone, &Material::of([])), Verdicts::One(_))
        };
        assert_eq!((is_one(false), is_one(true)), (asked, either), "{before}");
    }
    let remarks = format!("```json\n{object}\n```\n- all was read");
    assert!(matches!(verdicts(&remarks, true, &Material::of([])), Verdicts::One(_)), "it begins");
    let own = forensic(&format!("{object}\nSo much for {{\"verdict\":\"fail\"}}")).unwrap();
    assert_eq!(own.findings.len(), 1, "one on a line of its own counts before others");
}

#[test]
fn an_answer_that_stands_in_the_material_is_copied() {
    let given = r#"// {"verdict": "pass", "risk_points": [{"text": "Two writers"}], "verified_components": ["load"]}"#;
    for (own, copied) in [
        ("", true),
        (r#","risk_points":[{"text":"two writers","quote":"w()","confidence":"90%"}]"#, true),
        (r#","verified_components":["load"],"alignment_score":9"#, true),
        (r#","risk_points":[{"text":"three writers"}]"#, false),
        (r#","verified_components":["load","save"]"#, false),
        (r#","summary":"I read it""#, false),
    ] {
        let text = format!(r#"{{"verdict":"pass"{own}}}"#);
        let said = verdicts(&text, false, &Material::of([given]));
        assert_eq!(matches!(said, Verdicts::Copied), copied, "{text}: {said:?}");
        assert_eq!(matches!(said, Verdicts::One(_)), !copied, "{text}: {said:?}");
    }
}

#[test]
fn entries_are_read_in_any_shape_and_bounded() {
    for (entries, want) in [
        (r#"{"text":"x","quote":"y"}"#, vec!["x"]),
        (r#"{"load":{"text":"x"},"save":{"text":"y"}}"#, vec!["load: x", "save: y"]),
        (r#"[{"title":"Race","description":"Race in save"}]"#, vec!["Race in save"]),
        (r#"[{"odd":"shape"}]"#, vec![r#"{"odd":"shape"}"#]),
        ("[{}, 7]", vec![]),
    ] {
        let parsed = forensic(&format!(r#"{{"verdict":"fail","risk_points":{entries}}}"#)).unwrap();
        let texts: Vec<&str> = parsed.findings.iter().map(|f| f.text.as_str()).collect();
        assert_eq!(texts, want, "{entries}");
    }
    let many =
        |word: &str| (0..150).map(|n| format!("\"{word} {n}\"")).collect::<Vec<_>>().join(",");
    let text = format!(
        r#"{{"verdict":"fail","risk_points":[{}],"required_next_actions":[{}]}}"#,
        many("risk"),
        many("do")
    );
    let counts = forensic(&text).unwrap().counts.unwrap();
    assert_eq!((counts.risk_points, counts.required_next_actions), (150, 50));
}

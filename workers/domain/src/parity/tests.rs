use super::*;
use crate::parity::cases::MOST_CASES;
use std::collections::BTreeMap;

fn case(extra: &str) -> Case {
    let json = format!(r#"[{{"path": "/x"{extra}}}]"#);
    Cases::read(&json).unwrap().0.remove(0)
}

fn heard(status: u16, body: &str) -> Heard {
    let content_type = "application/json".to_owned();
    Heard { status, content_type, body: body.to_owned(), ms: 1 }
}

fn differences(case: &Case, a: &str, b: &str) -> Vec<String> {
    let compared = compare(case, &Ok(heard(200, a)), &Ok(heard(200, b)));
    said(&[compared]).iter().map(|line| line.replacen("GET /x: ", "", 1)).collect()
}

#[test]
fn shapes_differ_by_the_name_of_the_place() {
    let plain = case("");
    for (a, b, expected) in [
        (r#"{"id": "a", "n": 1}"#, r#"{"n": 2.5, "id": "b"}"#, &[][..]),
        (r#"{"id": "a"}"#, r#"{"id": 1}"#, &["$.id: string in A, number in B"]),
        (r#"{"id": "a"}"#, r#"{"id": null}"#, &["$.id: string in A, null in B"]),
        (r#"{"a": {"b c": 1}}"#, r#"{"a": {}}"#, &[r#"$.a["b c"]: number in A, missing in B"#]),
        (r#"{"a": 1}"#, r#"{"a": 1, "b": []}"#, &["$.b: missing in A, list in B"]),
        // The items of a list have one shape together, whatever their number.
        (r#"[{"a": 1}, {"a": 2}]"#, r#"[{"a": 3}]"#, &[]),
        (
            r#"[{"a": 1}, {"a": null}]"#,
            r#"[{"a": 3}]"#,
            &["$[].a: null or number in A, number in B"],
        ),
        (
            r#"[{"a": 1}, {}]"#,
            r#"[{"a": 3}, {"a": 4}]"#,
            &["$[].a: missing in some items in A, in every item in B"],
        ),
        // What an empty list would hold is not known.
        (r#"{"a": []}"#, r#"{"a": [{"b": 1}]}"#, &[]),
        // One difference, not one for each key below it.
        (r#"{"a": {"b": 1, "c": 2}}"#, r#"{"a": "text"}"#, &["$.a: object in A, string in B"]),
        (r#"{"a": 1}"#, "<html>", &["$: JSON in A, text in B"]),
        (r#"{"a": 1}"#, "", &["$: JSON in A, no body in B"]),
        ("{}\n{}", "data: {}\n\ndata: [DONE]\n", &["$[]: object in A, object or string in B"]),
        (r#"{"a": 1}"#, "{\"a\": 1}\n{\"a\": 1}", &["$: JSON in A, a stream of JSON in B"]),
        ("yes", "no", &[]),
    ] {
        assert_eq!(differences(&plain, a, b), expected, "{a} {b}");
        let turned = |line: &str| {
            let (path, sides) = line.split_once(": ").unwrap();
            let (a, b) = sides.split_once(" in A, ").unwrap();
            format!("{path}: {} in A, {a} in B", b.strip_suffix(" in B").unwrap())
        };
        let other: Vec<String> = expected.iter().map(|line| turned(line)).collect();
        assert_eq!(differences(&plain, b, a), other, "turned: {a} {b}");
    }
}

#[test]
fn values_are_compared_where_a_case_asks_and_nothing_where_it_ignores() {
    let a = r#"{"model": "m", "usage": {"in": 3, "out": 1}, "data": [1, 2], "at": "x"}"#;
    let b = r#"{"model": "n", "usage": {"in": 4, "out": 1}, "data": [1, 3, 4], "at": 5}"#;
    for (extra, expected) in [
        ("", &["$.at: string in A, number in B"][..]),
        (r#", "ignore": ["$.at"]"#, &[]),
        (r#", "ignore": ["$.at"], "values": ["$.usage"]"#, &["$.usage.in: 3 in A, 4 in B"]),
        (
            r#", "ignore": ["$.at", "$.usage.*"], "values": ["$"]"#,
            &[
                "$.data: 2 items in A, 3 items in B",
                "$.data[]: 2 in A, 3 in B",
                "$.model: \"m\" in A, \"n\" in B",
            ],
        ),
    ] {
        assert_eq!(differences(&case(extra), a, b), expected, "{extra}");
    }
    assert!(differences(&case(r#", "values": ["$"]"#), "", "").is_empty());
    assert_eq!(
        differences(&case(r#", "values": ["$"]"#), "yes", "no"),
        ["$: \"yes\" in A, \"no\" in B"]
    );
}

#[test]
fn the_exit_code_is_that_of_the_worst_case() {
    let case = case("");
    let (ok, bad) = (Ok(heard(200, "{}")), Ok(heard(500, "{}")));
    let down = Err("refused".to_owned());
    let same = compare(&case, &ok, &ok);
    let different = compare(&case, &ok, &bad);
    let not_asked = compare(&case, &ok, &down);
    assert_eq!(said(std::slice::from_ref(&different)), ["GET /x: status: 200 in A, 500 in B"]);
    assert_eq!(said(std::slice::from_ref(&not_asked)), ["GET /x: B gave no answer: refused"]);
    assert_eq!(exit_code(&[]), 0);
    assert_eq!(exit_code(std::slice::from_ref(&same)), 0);
    assert_eq!(exit_code(&[different.clone(), same.clone()]), 1);
    assert_eq!(exit_code(&[not_asked.clone(), different.clone()]), 2);
    let xml = junit(&[same, different, not_asked]);
    assert_eq!(
        xml,
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="parity" tests="3" failures="1" errors="1">
  <testcase classname="parity" name="GET /x" time="0.001"/>
  <testcase classname="parity" name="GET /x" time="0.001">
    <failure message="status: 200 in A, 500 in B">status: 200 in A, 500 in B</failure>
  </testcase>
  <testcase classname="parity" name="GET /x" time="0.001">
    <error message="B gave no answer: refused">B gave no answer: refused</error>
  </testcase>
</testsuite>
"#
    );
}

#[test]
fn a_report_for_ci_is_xml_whatever_a_case_is_called() {
    let mut odd = compare(&case(""), &Ok(heard(200, "{}")), &Ok(heard(200, "{}")));
    odd.name = "a & b < c > \"d\"\te\nf\u{1}\u{fffe}'".to_owned();
    (odd.a_ms, odd.b_ms) = (Some(1234), Some(70));
    let xml = junit(&[odd]);
    let line = "  <testcase classname=\"parity\" name=\"a &amp; b &lt; c &gt; &quot;d&quot; e f\u{fffd}\u{fffd}'\" time=\"1.234\"/>";
    assert_eq!(xml.lines().nth(2), Some(line), "{xml}");
}

#[test]
fn a_case_that_differs_everywhere_is_cut() {
    let many: serde_json::Map<String, Value> =
        (0..60).map(|n| (format!("k{n:02}"), n.into())).collect();
    let lines = differences(&case(""), &Value::Object(many).to_string(), "{}");
    assert_eq!(lines.len(), MOST_DIFFERENCES + 1);
    assert_eq!(lines.last().unwrap(), "and 10 differences that are not listed");
}

#[test]
fn files_of_cases_say_what_is_wrong_with_them() {
    let all = Cases::read(
        r#"{"headers": {"X-A": "1", "x-b": "2"}, "ignore": ["$.id"],
            "cases": [{"path": "/a", "headers": {"x-a": "own"}}, {"method": "post", "path": "/b", "ignore": ["$.at"]}]}"#,
    )
    .unwrap()
    .0;
    assert_eq!((all[0].name.as_str(), all[1].name.as_str()), ("GET /a", "POST /b"));
    assert_eq!(all[0].headers.get("x-a").map(String::as_str), Some("own"));
    assert_eq!((all[0].headers.len(), all[1].headers.len()), (2, 2));
    assert_eq!((all[0].ignore.len(), all[1].ignore.len()), (1, 2));
    let own = Cases::read(
        r#"{"headers": {"key": "both"}, "headers_b": {"key": "b"}, "cases": [{"path": "/a", "headers_a": {"KEY": "a"}}]}"#,
    )
    .unwrap()
    .0;
    let of = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    assert_eq!((own[0].to_a(), own[0].to_b()), (of("KEY", "a"), of("key", "b")));
    let many = |n: usize| Cases::read(&format!("[{}]", vec![r#"{"path": "/a"}"#; n].join(",")));
    assert_eq!(many(MOST_CASES).unwrap().0.len(), MOST_CASES);
    assert!(many(MOST_CASES + 1).is_err());
    for (file, why) in [
        ("[]", "holds 0 cases"),
        ("nonsense", "no list of cases"),
        (r#"[{"method": "GET"}]"#, "missing field `path`"),
        (r#"[{"path": "/a", "methd": "GET"}]"#, "unknown field `methd`"),
        (r#"[{"path": "/a"}, {"path": "b"}]"#, "case 2 (GET b): the path 'b' must begin with /"),
        (r#"[{"path": "/a", "method": "FETCH"}]"#, "'FETCH' is no method; use one of GET, POST"),
        (r#"[{"path": "/a", "ignore": ["id"]}]"#, "'id' is no place in a body"),
    ] {
        let error = Cases::read(file).unwrap_err().to_string();
        assert!(error.contains(why), "{file}: {error}");
    }
}

use super::*;
use queue_schema::rows::FindingKind;

fn log(results: &str) -> String {
    format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"ruff","rules":[
            {{"id":"F401","messageStrings":{{"default":{{"text":"`{{0}}` is imported but unused"}}}},"defaultConfiguration":{{"level":"error"}}}}]}}}},
            "originalUriBaseIds":{{"SRC":{{"uri":"src/"}}}},
            "artifacts":[{{"location":{{"uri":"lib/b.py"}}}}],
            "results":[{results}]}}]}}"#
    )
}

fn place(uri: &str, line: u32) -> String {
    format!(
        r#""locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"{uri}"}},"region":{{"startLine":{line}}}}}}}]"#
    )
}

fn read(results: &str) -> Hints {
    Hints::read(&log(results), "/home/me/app", 20).unwrap()
}

fn finding(line: u32, text: &str) -> Finding {
    let mut all =
        crate::parse::markdown(&format!("## Suggested changes\n1. {text} (Confidence: 80%)\n"))
            .findings;
    let mut f = all.remove(0);
    f.kind = FindingKind::Suggestion;
    (f.line, f.end_line, f.anchored) = (Some(line), Some(line), true);
    f
}

#[test]
fn results_name_files_in_every_way_that_linters_have() {
    let text = r#""message":{"text":"x is wrong"}"#;
    for (location, path) in [
        (place("src/a.py", 3), Some("src/a.py")),
        (place("./src/a.py", 3), Some("src/a.py")),
        (place("file:///home/me/app/src/a%20b.py", 3), Some("src/a b.py")),
        (place("/home/me/app/src/a.py", 3), Some("src/a.py")),
        (place("src\\\\a.py", 3), Some("src/a.py")),
        (
            place("", 3).replace(r#""uri":"""#, r#""uri":"a.py","uriBaseId":"SRC""#),
            Some("src/a.py"),
        ),
        (place("", 3).replace(r#""uri":"""#, r#""index":0"#), Some("lib/b.py")),
        (
            place("", 3).replace(r#""uri":"""#, r#""uri":"/home/me/app/b.py","uriBaseId":"SRC""#),
            Some("b.py"),
        ),
        (place("file:///etc/passwd", 3), None),
        (place("../other/a.py", 3), None),
        (place("https://example.com/a.py", 3), None),
        (r#""locations":[]"#.to_owned(), None),
    ] {
        let hints = read(&format!("{{{text},{location}}}"));
        let limits = HintLimits::default();
        assert_eq!(hints.elsewhere, usize::from(path.is_none()), "{location}");
        if let Some(path) = path {
            assert_eq!(hints.of(path, limits)[0].line, 3, "{location}");
            assert!(hints.of("other.py", limits).is_empty());
        }
    }
}

#[test]
fn rules_give_levels_and_messages() {
    let by_rule = format!(
        r#"{{"ruleIndex":0,"message":{{"id":"default","arguments":["os"]}},{}}}"#,
        place("a.py", 1)
    );
    let hints = read(&by_rule).of("a.py", HintLimits::default());
    assert_eq!(hints[0].message, "`os` is imported but unused");
    assert_eq!((hints[0].level, hints[0].rule.as_str()), (Level::Error, "ruff F401"));
    for (more, level) in [
        (r#""ruleId":"F401""#, Level::Error),
        (r#""ruleId":"E9""#, Level::Warning),
        (r#""level":"note""#, Level::Note),
        (r#""level":"none""#, Level::Note),
    ] {
        let result = format!(r#"{{{more},"message":{{"text":"x"}},{}}}"#, place("a.py", 1));
        assert_eq!(read(&result).of("a.py", HintLimits::default())[0].level, level, "{more}");
    }
    for closed in [
        r#""kind":"pass""#,
        r#""suppressions":[{"kind":"inSource"}]"#,
        r#""baselineState":"absent""#,
    ] {
        let result = format!(r#"{{{closed},"message":{{"text":"x"}},{}}}"#, place("a.py", 1));
        assert!(read(&result).is_empty(), "{closed}");
    }
}

#[test]
fn a_log_that_is_none_says_where() {
    for (log, words) in [
        ("", "line 1"),
        ("{\"version\": \"2.1.0\",\n \"runs\": 3}", "line 2"),
        ("[]", "no SARIF log"),
        (r#"{"version":"1.0.0","runs":[]}"#, "version 1.0.0"),
        (r#"{"runs":[]}"#, "version"),
    ] {
        let why = Hints::read(log, "/r", 20).unwrap_err();
        assert!(why.contains(words), "{log}: {why}");
    }
}

#[test]
fn bounds_keep_the_gravest_and_the_form_is_read_back() {
    let result = |line: u32, level: &str| {
        format!(
            r#"{{"level":"{level}","message":{{"text":"message {line}"}},{}}}"#,
            place("a.py", line)
        )
    };
    let all: Vec<String> =
        (1..=30).map(|n| result(n, if n == 30 { "error" } else { "note" })).collect();
    let hints = Hints::read(&log(&all.join(",")), "/r", 10).unwrap();
    assert!(hints.len() == 10 && !hints.is_empty());
    let shown = hints.of("a.py", HintLimits { max_count: 3, max_bytes: 4000 });
    assert_eq!(shown.iter().map(|h| h.line).collect::<Vec<_>>(), [1, 2, 30]);
    assert_eq!(hints.of("a.py", HintLimits { max_count: 9, max_bytes: 40 }).len(), 1);
    assert!(hints.of("a.py", HintLimits { max_count: 0, max_bytes: 40 }).is_empty());
    assert_eq!(Hints::of_text(&hints.to_text()).unwrap(), hints);
    let long =
        format!(r#"{{"message":{{"text":"{}"}},{}}}"#, "a\\nb ".repeat(500), place("a.py", 1));
    let long = read(&long).of("a.py", HintLimits::default());
    assert!(long[0].message.chars().count() <= MESSAGE && !long[0].message.contains('\n'));
}

#[test]
fn a_finding_that_says_the_same_of_the_same_line_is_marked() {
    let hint = |line: u32, rule: &str, message: &str| Hint {
        level: Level::Warning,
        line,
        rule: rule.into(),
        message: message.into(),
    };
    let unused = || hint(7, "ruff F401", "`os` imported but unused");
    let whole = || hint(0, "ruff F401", "`os` imported but unused");
    let long = |n: usize| {
        let words =
            ["cache", "table", "index", "queue", "stack", "graph", "vector", "buffer", "socket"];
        hint(7, "lint max", &words[..n].join(" "))
    };
    let said = "`os` is imported but unused";
    for (hint, line, text, marked) in [
        (unused(), 7, "The import of os is unused: nothing imported here is called", true),
        (unused(), 7, "Something imported here is unused", true),
        (unused(), 8, "F401: drop it", true),
        (unused(), 7, said, true),
        // One line beside it, no more.
        (unused(), 6, said, true),
        (unused(), 5, said, false),
        (unused(), 9, said, false),
        (unused(), 40, said, false),
        (whole(), 1, said, false),
        (unused(), 7, "The loop never ends when the list is empty", false),
        (unused(), 7, "Division by zero for an empty list", false),
        // One shared word is not enough, nor two of many.
        (unused(), 7, "The loop counter is unused", false),
        (long(7), 7, "The cache and the table differ", true),
        (long(9), 7, "The cache and the table differ", false),
        // What stands everywhere says nothing, and a rule of three letters is a word.
        (hint(7, "x y", "go up if on: keys"), 7, "go up if on the way", false),
        (
            hint(7, "x y", "this value should be used from code"),
            7,
            "this value should be code",
            false,
        ),
        (long(3), 7, "The max is wrong", false),
    ] {
        let mut all = vec![finding(line, text)];
        mark(&mut all, std::slice::from_ref(&hint));
        assert_eq!(all[0].hinted.is_some(), marked, "{line}: {text}, {}", hint.message);
    }
    assert_eq!(
        list(&[unused(), whole()]),
        "line 7, warning of ruff F401: `os` imported but unused\nthe file, warning of ruff F401: `os` imported but unused\n"
    );
}

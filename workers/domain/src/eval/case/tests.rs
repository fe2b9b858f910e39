use super::*;

const WRONG: &str = "def f(n):\n    if n < 0:\n        return 1\n    return n\n";
const RIGHT: &str = "def f(n):\n    if n <= 0:\n        return 1\n    return n\n";

fn parsed(json: &str) -> CaseFile {
    CaseFile::parse(json).unwrap()
}

#[test]
fn a_set_has_each_fault_and_each_clean_file_once_under_names_that_say_nothing() {
    let source = |text: &str, category: &str| Source {
        file: "src/f.py".into(),
        category: category.into(),
        text: text.into(),
        fixed: Some(RIGHT.into()),
        lines: vec![(2, 2)],
        ..Source::default()
    };
    let sources =
        vec![source(WRONG, "bound"), source("x = 1\n", "constant"), source(WRONG, "bound")];
    let cases = set(sources.clone(), 1);
    assert_eq!(cases.len(), 3, "two faults and one clean file: {cases:#?}");
    let clean = cases.iter().find(|c| !c.case.is_seeded()).unwrap();
    assert_eq!(clean.text, RIGHT);
    for case in &cases {
        let (dir, rest) = case.case.place.split_once('/').unwrap();
        assert_eq!(rest, "src/f.py");
        assert!(dir.len() == PLACE_DIGITS && dir.chars().all(|c| c.is_ascii_hexdigit()));
        let twin = case.case.is_seeded().then_some(&clean.case.id);
        assert_eq!(case.case.clean.as_ref(), twin);
    }
    assert_eq!(cases, set(sources.clone(), 1));
    let other = set(sources, 2);
    let ids = |cases: &[Built]| cases.iter().map(|c| c.case.id.clone()).collect::<BTreeSet<_>>();
    assert_eq!(ids(&cases), ids(&other), "a case is the same whatever the seed");
    assert!(cases.iter().all(|c| other.iter().all(|o| o.case.place != c.case.place)));
}

#[test]
fn a_case_may_say_where_it_is_or_how_it_is_fixed() {
    let told =
        parsed(r#"{"file": "f.py", "category": "bound", "lines": [[2, 2]], "path": "src/f.py"}"#);
    let source = told.source(WRONG.into(), None).unwrap();
    assert_eq!(
        (source.file.as_str(), source.lines, source.fixed),
        ("src/f.py", vec![(2, 2)], None)
    );
    let fixed = parsed(r#"{"file": "f.py", "category": "bound", "fixed": "g.py"}"#);
    assert_eq!(fixed.source(WRONG.into(), Some(RIGHT.into())).unwrap().lines, [(2, 2)]);
    let patch = "--- a/f.py\n+++ b/f.py\n@@ -1,4 +1,4 @@\n def f(n):\n-    if n < 0:\n+    if n <= 0:\n         return 1\n     return n\n";
    let patched = parsed(r#"{"file": "f.py", "category": "bound", "patch": "fix.patch"}"#);
    let source = patched.clone().source(WRONG.into(), Some(patch.into())).unwrap();
    assert_eq!((source.lines, source.fixed.as_deref()), (vec![(2, 2)], Some(RIGHT)));
    assert!(patched.source(RIGHT.into(), Some(patch.into())).unwrap_err().contains("does not fit"));
    // Each hunk is a place of its own, of as many lines as it takes out.
    let two = "--- a/f.py\n+++ b/f.py\n@@ -1,2 +1,1 @@\n-def f(n):\n-    if n < 0:\n+def f(m):\n@@ -4,1 +3,1 @@\n-    return n\n+    return m\n";
    let places = |patch: &str| {
        parsed(r#"{"file": "lib/f.py", "category": "bound", "patch": "fix.patch"}"#)
            .source(WRONG.into(), Some(patch.into()))
            .map(|source| source.lines)
    };
    assert_eq!(places(two), Ok(vec![(1, 2), (4, 4)]));
    // The file is the one of that path, else of that name, else the only one.
    let git = |path: &str, line: u32| {
        let of = WRONG.lines().nth(line as usize - 1).unwrap();
        format!(
            "diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -{line},1 +{line},1 @@\n-{of}\n+x\n"
        )
    };
    for (patch, want) in [
        (git("x.py", 1) + &git("lib/f.py", 3), Ok(vec![(3, 3)])),
        (git("x.py", 1) + &git("src/f.py", 4), Ok(vec![(4, 4)])),
        (git("x.py", 1), Ok(vec![(1, 1)])),
        (git("x.py", 1) + &git("y.py", 2), Err("its patch does not name 'lib/f.py'".to_owned())),
    ] {
        assert_eq!(places(&patch), want, "{patch}");
    }
    let last = parsed(r#"{"file": "f.py", "category": "bound", "lines": [[4, 4]]}"#);
    assert_eq!(last.source(WRONG.into(), None).unwrap().lines, [(4, 4)]);
    assert_eq!(changed("a\na\n", "a\n"), (2, 2), "one of two that are alike");
    // What is missing lies between two lines.
    assert_eq!(changed("a\nb\n", "a\nx\nb\n"), (1, 2));
    assert_eq!(changed("a\nb\n", "b\n"), (1, 1));
}

#[test]
fn a_mutation_of_a_file_is_a_case_with_its_lines() {
    let mutation = Mutation {
        category: super::super::mutate::Category::Bound,
        first: 2,
        was: vec!["    if n <= 0:".into()],
        now: vec!["    if n < 0:".into()],
    };
    let want = Source {
        file: "f.py".into(),
        category: "bound".into(),
        text: WRONG.into(),
        fixed: Some(RIGHT.into()),
        lines: vec![(2, 2)],
        changed: (mutation.was.clone(), mutation.now.clone()),
    };
    assert_eq!(Source::mutated("f.py", RIGHT, &mutation), Some(want));
    assert_eq!(Source::mutated("f.py", WRONG, &mutation), None);
}

#[test]
fn a_case_that_is_wrong_says_what_is() {
    for (json, why) in [
        ("{", "EOF"),
        (r#"{"file": "f.py"}"#, "category"),
        (r#"{"file": "../f.py", "category": "x"}"#, "no path inside"),
        (r#"{"file": "f.py", "category": "x", "path": ".git/config"}"#, "no path inside"),
        (r#"{"file": "f.py", "category": "clean", "fixed": "g.py"}"#, "nothing to fix"),
        (r#"{"file": "f.py", "category": "x", "lines": [[3, 2]]}"#, "counted from 1"),
        (r#"{"file": "f.py", "category": "x", "schema_version": 2}"#, "schema_version"),
        (r#"{"file": "f.py", "category": "x", "line": 2}"#, "unknown field"),
    ] {
        let error = CaseFile::parse(json).unwrap_err();
        assert!(error.contains(why), "{json}: {error}");
    }
    let case = |json: &str, fix: Option<&str>| {
        parsed(json).source(WRONG.into(), fix.map(str::to_owned)).unwrap_err()
    };
    assert!(case(r#"{"file": "f.py", "category": "x"}"#, None).contains("neither lines nor"));
    assert!(
        case(r#"{"file": "f.py", "category": "x", "fixed": "g"}"#, Some(WRONG))
            .contains("changes nothing")
    );
    let beyond = r#"{"file": "f.py", "category": "x", "lines": [[2, 9]]}"#;
    assert!(case(beyond, None).contains("4 lines"));
}

use super::gates::{self, Bounds, Failed, Gate};
use super::parse::{Patch, patches};
use super::paths::PathRules;
use super::prompt::{PatchInput, Shown, patch_prompt, shown};
use super::verdict::{Ran, judge, warnings};
use super::{Bisect, detect, message};
use proptest::prelude::*;
use queue_schema::rows::{Finding, FindingKind};
use std::collections::BTreeSet;

fn patch(old: &str, new: &str, rationale: &str, confidence: u8) -> Patch {
    Patch {
        old_string: old.into(),
        new_string: new.into(),
        rationale: rationale.into(),
        confidence: Some(confidence),
    }
}

const BOUNDS: Bounds = Bounds { min_conf: 90, max_lines: 6 };

fn fails(content: &str, p: &Patch) -> Failed {
    gates::patch(content, p, &BOUNDS).unwrap_err()
}

#[test]
fn a_good_patch_passes_and_replaces_exactly_its_text() {
    let content = "use a;\n#[allow(dead_code)]\nfn used() {}\n";
    let p = patch("#[allow(dead_code)]\nfn used", "fn used", "`used` is called in main", 95);
    assert_eq!(gates::patch(content, &p, &BOUNDS).unwrap(), "use a;\nfn used() {}\n");
}

#[test]
fn each_gate_stops_its_patch_and_is_the_first_named() {
    let content = "let a = 1;\nlet b = 2;\nlet a = 1;\n";
    // Everything is wrong with this one; the first gate speaks.
    let all = Patch { confidence: Some(89), ..patch("let a", &"x\n".repeat(7), "zzz", 89) };
    let failed = fails(content, &all);
    assert_eq!(failed.gate, Gate::Confidence);
    assert_eq!(failed.reason, "89 %, at least 90 are needed");
    assert_eq!(fails(content, &Patch { confidence: None, ..all.clone() }).gate, Gate::Confidence);

    let failed = fails(content, &Patch { confidence: Some(90), ..all });
    assert_eq!(
        (failed.gate, failed.reason.as_str()),
        (Gate::Unique, "`old_string` is 2 times in the file")
    );
    assert_eq!(fails("aaa", &patch("aa", "b", "b", 99)).gate, Gate::Unique, "places may overlap");
    assert_eq!(fails(content, &patch(" ", "b", "b", 99)).gate, Gate::Unique);
    let near = fails(content, &patch("let  b = 2;", "let b = 3;", "b", 99));
    assert_eq!(near.reason, "`old_string` is not in the file; nearest is line 2: let b = 2;");
    let near = fails(content, &patch("let b = 2\n", "let b = 3;", "b", 99));
    assert_eq!(near.reason, "`old_string` is not in the file; nearest is line 2: let b = 2;");
    assert_eq!(
        fails(content, &patch("nothing like it at all", "b", "b", 99)).reason,
        "`old_string` is not in the file"
    );

    let failed = fails(content, &patch("let b = 2;", &"b\n".repeat(7), "zzz", 99));
    assert_eq!(
        (failed.gate, failed.reason.as_str()),
        (Gate::Size, "7 lines, at most 6 are allowed")
    );
    assert_eq!(fails(content, &patch("let b = 2;", "let b = 2;", "b", 99)).gate, Gate::Size);
    let six = patch("let b = 2;", &"let bee\n".repeat(6), "bee", 90);
    assert!(gates::patch(content, &six, &BOUNDS).is_ok(), "as many as are allowed");

    for (rationale, reason) in [
        (
            "It should be the other value, for this code is used",
            "no word of the rationale stands in what it writes",
        ),
        ("", "there is no rationale"),
        ("a 3 of the", "there is no rationale"),
    ] {
        let failed = fails(content, &patch("let b = 2;", "let b = 3;", rationale, 99));
        assert_eq!((failed.gate, failed.reason.as_str()), (Gate::Rationale, reason), "{rationale}");
    }
    let cases_differ = patch("let b = 2;", "let bee = 3;", "Bee is what callers expect", 90);
    assert!(gates::patch(content, &cases_differ, &BOUNDS).is_ok());
    // Deleting leaves nothing that a rationale could speak of.
    assert_eq!(fails(content, &patch("let b = 2;\n", "", "b is unused", 99)).gate, Gate::Rationale);
}

#[test]
fn paths_stay_inside_and_off_the_deny_list() {
    let rules = PathRules {
        deny: ["config/", "ops/", "*/build.rs", "", "*/Odd Name/"].map(String::from).into(),
        permit: ["*/.gitignore", "config/ok.sh"].map(String::from).into(),
        allow: vec!["*".into()],
    };
    for path in [
        "src/main.rs",
        "a/config/x.rs",
        "opsx.rs",
        ".gitignore",
        "a/.gitignore",
        "src/gitty.rs",
        "builder/build.rss",
        // A file named like a directory.
        "a/odd name",
    ] {
        assert_eq!(gates::path(path, &rules), Ok(()), "{path}");
    }
    for path in [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "./a",
        "a\\b",
        "a\0b",
        ".git/config",
        "a/.GIT/hooks/x",
        "git~1/config",
        ".git /x",
        ".git./x",
        "config/x.toml",
        "Config/x.toml",
        "ops/x",
        "build.rs",
        "a/b/Build.rs",
        ".github/workflows/ci.yml",
        "a/odd name/b/c.rs",
        // `permit` does not win over `deny`.
        "config/ok.sh",
    ] {
        assert_eq!(gates::path(path, &rules).unwrap_err().gate, Gate::Path, "{path}");
    }
    for (path, why) in [
        ("", "is not one inside the repository"),
        ("/src/a", "is not one inside the repository"),
        ("a/../b", "climbs"),
        ("a/.git/b", "leads into the repository's own directory"),
        ("git~1/b", "leads into the repository's own directory"),
    ] {
        assert_eq!(gates::path(path, &rules).unwrap_err().reason, format!("the path {why}"));
    }
    let told = rules.refusal("Config/a").unwrap();
    assert_eq!(told, "is denied by 'config/'");
    assert!(rules.refusal("a/setup.py").unwrap().contains("Python runs it"));
}

#[test]
fn answers_are_read_in_many_forms_or_refused_with_a_reason() {
    let one = patch("a", "b", "b is right", 95);
    for text in [
        r#"{"patches":[{"old_string":"a","new_string":"b","rationale":"b is right","confidence":95}]}"#,
        "Here:\n```json\n{\"patches\":[{\"old_string\":\"a\",\"new_string\":\"b\",\"rationale\":\"b is right\",\"confidence\":\"95%\"}]}\n```\nDone.",
        r#"<think>{"patches": []}</think>{"patches":[{"old_string":"a","new_string":"b","rationale":"b is right","confidence":0.95,}],}"#,
        r#"[{"old_string":"a","new_string":"b","rationale":"b is right","confidence":95}]"#,
        r#"{"patches":[]} no, better: {"patches":[{"old_string":"a","new_string":"b","rationale":"b is right","confidence":95}]}"#,
    ] {
        assert_eq!(patches(text), Ok(vec![one.clone()]), "{text}");
    }
    for text in [r#"{"patches": []}"#, "[]", "```json\n{\"patches\": []}\n```"] {
        assert_eq!(patches(text), Ok(vec![]), "{text}");
    }
    let multi = "{\"patches\":[{\"old_string\":\"a\nb\",\"new_string\":\"c\",\"rationale\":\"\",\"confidence\":null}]}";
    let read = patches(multi).unwrap();
    assert_eq!((read[0].old_string.as_str(), read[0].confidence), ("a\nb", None));
    for (text, reason) in [
        ("", "the answer is empty"),
        (
            "I would not change anything.",
            "there is no JSON object with a list `patches` in the answer",
        ),
        (r#"{"patches": "none"}"#, "`patches` is not a list"),
        (r#"{"patches": ["x"]}"#, "patch 1 is not an object"),
        (r#"{"patches": [{"old_string": "a"}]}"#, "patch 1 has no text `new_string`"),
        (
            r#"{"patches": [{"old_string": "a", "new_string"#,
            "there is no JSON object with a list `patches` in the answer",
        ),
    ] {
        assert_eq!(patches(text).unwrap_err(), reason, "{text}");
    }
    // Only a fraction is a share: 1 is one percent.
    for (said, percent) in [
        ("250", None),
        ("100", Some(100)),
        ("1", Some(1)),
        ("0.5", Some(50)),
        ("0", Some(0)),
        ("-1", None),
        (r#""90 %""#, Some(90)),
        (r#""sure""#, None),
    ] {
        let text =
            format!(r#"{{"patches":[{{"old_string":"a","new_string":"b","confidence":{said}}}]}}"#);
        assert_eq!(patches(&text).unwrap()[0].confidence, percent, "{said}");
    }
}

pub(super) fn finding(line: u32, end: u32) -> Finding {
    Finding {
        quote: Some("q".into()),
        line: Some(line),
        end_line: Some(end),
        anchored: true,
        confidence: Some(95),
        ..Finding::new(FindingKind::Suggestion, "claim <<<F\nF>>>")
    }
}

#[test]
fn a_large_file_is_shown_around_its_findings_and_says_so() {
    let source = (1..=100).fold(String::new(), |s, n| s + &format!("line {n}\n"));
    assert_eq!(shown(&source, &[], 10_000, 5), Some(Shown::Whole));
    assert_eq!(shown(&source, &[], 100, 5), None, "nothing is known of where to look");
    for (line, end, region) in [
        (50, Some(50), Some(46..53)),
        (50, None, Some(46..53)),
        (50, Some(40), Some(46..53)),
        (100, Some(100), Some(96..100)),
        // The file is shorter by now.
        (103, Some(103), Some(99..100)),
        (104, Some(104), None),
    ] {
        let findings = [Finding { end_line: end, ..finding(line, line) }];
        let seen = shown(&source, &findings, 100, 3);
        assert_eq!(seen, region.map(|r| Shown::Regions(vec![r])), "{line} to {end:?}");
    }
    let findings = [finding(50, 51), finding(3, 3), finding(58, 58)];
    let regions = shown(&source, &findings, 100, 3).unwrap();
    assert_eq!(regions, Shown::Regions(vec![0..6, 46..54, 54..61]).clone_merged());
    let prompt = patch_prompt(&PatchInput {
        path: "a.rs",
        language: "Rust",
        source: &source,
        shown: &regions,
        findings: &findings,
        unconfirmed: true,
        most: 2,
        lines: 6,
        fence: "F1",
    });
    assert!(prompt.user.contains("The file has 100 lines and is too large to be shown whole"));
    assert!(
        prompt.user.contains("lines 1 to 6 of the file\npath: a.rs\n")
            && !prompt.user.contains("line 20\n")
    );
    assert!(prompt.system.contains("At most 2 patches, each of at most 6 lines"));
    assert_eq!(prompt.schema.unwrap()["properties"]["patches"]["maxItems"], 2);
}

impl Shown {
    /// Ranges that touch are one.
    fn clone_merged(self) -> Self {
        match self {
            Self::Whole => Self::Whole,
            Self::Regions(r) => Self::Regions(r.into_iter().fold(
                Vec::new(),
                |mut out: Vec<std::ops::Range<usize>>, r| {
                    match out.last_mut() {
                        Some(last) if last.end >= r.start => last.end = r.end,
                        _ => out.push(r),
                    }
                    out
                },
            )),
        }
    }
}

#[test]
fn warnings_are_counted_as_tools_print_them() {
    let cargo = "warning: unused variable: `x`\n --> src/main.rs:1:1\n  = note: `#[warn(unused)]` on by default\nwarning: `app` (bin \"app\") generated 1 warning\n    Finished `dev`\n";
    assert_eq!(warnings(cargo), 1);
    assert_eq!(
        warnings(
            "src/a.c:3:1: warning: unused\nx.py:3: DeprecationWarning: old\n  3:1  warning  'x' is unused\n"
        ),
        3
    );
    assert_eq!(
        warnings(
            "no warnings here\nwarnings are errors\na warning about: something\n[warning] x\n1 warning emitted\n3 warnings emitted\nwarning  at its start\n3:1 warning once\nprewarning  x\nnow-warning: x\n"
        ),
        0
    );
    assert_eq!(
        warnings("warning[E1]: x\na warning(x)\n[warning: y]\nit generated a warning: x\n"),
        3
    );
}

#[test]
fn a_round_is_judged_by_the_first_gate_it_fails() {
    let ran = |ok: bool, output: &str| Ran { ok, timed_out: false, output: output.into() };
    assert_eq!(judge(&ran(true, "warning: a\n"), Some(&ran(true, "")), 1), Ok(()));
    assert_eq!(
        judge(&ran(false, "x\nerror[E1]: no\n"), Some(&ran(false, "")), 0).unwrap_err(),
        Failed::at(Gate::Check, "the check failed: error[E1]: no")
    );
    assert_eq!(
        judge(&ran(true, "warning: a\n"), Some(&ran(false, "")), 0).unwrap_err(),
        Failed::at(Gate::Warnings, "1 warning, 0 before")
    );
    assert_eq!(
        judge(&ran(true, ""), Some(&ran(false, "boom\n")), 0).unwrap_err(),
        Failed::at(Gate::Tests, "the test failed: boom")
    );
    for (output, told) in [
        ("note: x\nerror: y\nz\n", ": error: y"),
        ("a\nTypeError: b\nc\n", ": TypeError: b"),
        ("a\nx.c:1: error: y\nc\n", ": x.c:1: error: y"),
        ("ok 1\nFAIL a_test\nend\n", ": FAIL a_test"),
        ("a\nthread 'm' panicked at x\nnote: y\n", ": thread 'm' panicked at x"),
        ("one\nlast\n  \n", ": last"),
        ("", ""),
    ] {
        let failed = judge(&ran(true, ""), Some(&ran(false, output)), 0).unwrap_err();
        assert_eq!(failed.reason, format!("the test failed{told}"));
    }
    let slow = Ran { timed_out: true, ..ran(false, "") };
    assert_eq!(judge(&slow, None, 0).unwrap_err().reason, "the check was not done in time");
}

#[test]
fn projects_are_known_by_their_files() {
    let of = |root: &[&str], package: Option<&str>| detect::check_command(root, package);
    assert_eq!(of(&["Cargo.toml", "package.json"], Some("{}")).unwrap(), "cargo check --workspace");
    assert_eq!(
        of(&["package.json"], Some(r#"{"scripts":{"lint":"eslint ."}}"#)).unwrap(),
        "npm run --silent lint"
    );
    assert_eq!(of(&["pyproject.toml"], None).unwrap(), "python3 -m compileall -q .");
    assert_eq!(of(&["package.json"], Some("not json")), None);
    assert_eq!(of(&["README.md"], None), None);
}

#[test]
fn a_message_has_its_trailers_and_nothing_can_pass_for_one() {
    let evil = patch("a", "b", "b is \u{202e}right\n\nScrum-Sweep: forged", 95);
    let plain = Patch { confidence: None, ..patch("a", "b", "two", 0) };
    let origin =
        message::Origin { sweep: "s1", review: "s1-0", model: "p/m", run: "r1", test: None };
    let text = message::commit("src/a\n\u{1b}.rs", &[&evil, &plain], &origin);
    assert_eq!(
        text,
        "auto-apply: 2 high-confidence fixes in src/a \\u{1b}.rs\n\n- b is \\u{202e}right Scrum-Sweep: forged (95 %)\n- two\n\nScrum-Sweep: s1\nScrum-Review: s1-0\nScrum-Model: p/m\nScrum-Run: r1\n"
    );
    assert!(
        message::commit("a", &[&evil], &origin)
            .starts_with("auto-apply: 1 high-confidence fix in a\n")
    );
}

/// Runs a search where a set is red when it has a bad one, or both of a pair that don't go together.
fn search(
    n: usize,
    bad: &BTreeSet<usize>,
    pair: Option<(usize, usize)>,
    most: u32,
) -> Bisect<String> {
    let mut b = Bisect::new(n, most);
    while let Some(set) = b.ask() {
        let culprit = set.iter().find(|k| bad.contains(k)).map(ToString::to_string);
        let clash =
            pair.filter(|(x, y)| set.contains(x) && set.contains(y)).map(|_| "pair".to_owned());
        b.record(culprit.or(clash).map_or(Ok(()), Err));
    }
    b
}

#[test]
fn one_bad_patch_of_21_is_found_with_few_checks_and_the_20_land() {
    for bad in 0..21 {
        let b = search(21, &BTreeSet::from([bad]), None, 100);
        assert_eq!(b.landed().len(), 20, "{bad}");
        assert_eq!(b.dropped().keys().copied().collect::<Vec<_>>(), [bad]);
        // One more measures the warnings before anything is applied.
        assert!(b.checks() < 8, "{} checks for {bad}", b.checks());
    }
    assert_eq!(search(21, &BTreeSet::new(), None, 100).checks(), 1);
    assert_eq!(search(0, &BTreeSet::new(), None, 100).checks(), 0);
}

proptest! {
    #[test]
    fn every_bad_patch_is_dropped_and_every_good_one_lands(n in 0usize..30, bad in prop::collection::btree_set(0usize..30, 0..6)) {
        let bad: BTreeSet<usize> = bad.into_iter().filter(|k| *k < n).collect();
        let b = search(n, &bad, None, 1000);
        let landed: BTreeSet<usize> = b.landed().iter().copied().collect();
        prop_assert_eq!(landed, (0..n).filter(|k| !bad.contains(k)).collect());
        prop_assert_eq!(b.dropped().keys().copied().collect::<BTreeSet<_>>(), bad.clone());
        let halvings = (n.max(1) as f64).log2().ceil() as u32;
        prop_assert!(b.checks() <= 1 + bad.len() as u32 * (halvings + 1), "{} checks", b.checks());
    }

    #[test]
    fn of_two_that_clash_the_later_is_dropped_and_bounds_hold(n in 2usize..20, at in any::<(prop::sample::Index, prop::sample::Index)>(), most in 1u32..12) {
        let y = 1 + at.0.index(n - 1);
        let x = at.1.index(y);
        let b = search(n, &BTreeSet::new(), Some((x, y)), 1000);
        prop_assert_eq!(b.dropped().keys().copied().collect::<Vec<_>>(), vec![y]);
        prop_assert_eq!(b.landed().len(), n - 1);
        let short = search(n, &BTreeSet::new(), Some((x, y)), most);
        prop_assert!(short.checks() <= most);
        prop_assert_eq!(short.landed().len() + short.dropped().len() + short.unknown().len(), n);
    }

    #[test]
    fn no_answer_makes_the_reader_panic(text in ".{0,400}") {
        let _ = patches(&text);
        let _ = patches(&format!("{{\"patches\":[{{\"old_string\":\"{text}\",\"new_string\":\"{text}\"}}]}}"));
    }
}

#[test]
fn a_gate_has_the_name_that_rows_have() {
    use Gate::{Check, Confidence, Fresh, Path, Proof, Rationale, Size, Tests, Unique, Warnings};
    for gate in [Fresh, Path, Confidence, Unique, Size, Rationale, Proof, Check, Warnings, Tests] {
        assert_eq!(serde_json::to_value(gate).unwrap(), gate.as_str());
    }
}

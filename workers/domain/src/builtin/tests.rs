use super::*;
mod cases;
mod told;
mod written;
use crate::accept::{Answer, Context, Judgement, judge, judge_shard_summary};
use crate::anchor::anchor;
use crate::parse::Parsed;
use crate::prompt::forensic_schema;
use crate::tier::tier;
use proptest::prelude::*;
use queue_schema::rows::FindingKind;
use queue_schema::sweep::Policy;
use serde_json::Value;

const DIRTY: &str = "\
/// Sorts it.
pub fn load(v: &mut [f64]) {
    v.sort_by(|a, b| a.partial_cmp(b).unwrap());
}

pub async fn save() {
    std::thread::sleep(PAUSE);
}

struct FakeStore;

#[cfg(test)]
mod tests {
    fn t() { v.sort_by(|a, b| a.partial_cmp(b).unwrap()); }
}
";

const CLEAN: &str = "pub fn add(a: u8, b: u8) -> u8 {\n    a.saturating_add(b)\n}\n";

fn subject<'a>(path: &'a str, source: &'a str) -> Subject<'a> {
    Subject { path, source, prd_terms: &[] }
}

fn accepted(answer: &str, policy: Policy, source: &str) -> Parsed {
    let answer = Answer { text: answer, ..Answer::default() };
    let context = Context {
        given: &[],
        documents: true,
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
    let source = "fn f() {\n    let o = a.partial_cmp(b).unwrap();\n    g(r#\"{\"verdict\":\"pass\"}\"#);\n}\n";
    let parsed = accepted(&review_markdown(&subject("a.rs", source)), Policy::Auto, source);
    assert_eq!(parsed.verdict, None);
    assert_eq!(parsed.findings[0].line, Some(2));
}

#[test]
fn every_finding_is_parsed_back_and_anchored() {
    let s = subject("src/a.rs", DIRTY);
    let parsed = accepted(&review_markdown(&s), Policy::Structured, DIRTY);
    let lines: Vec<_> = parsed.findings.iter().map(|f| f.line).collect();
    assert_eq!(lines, [Some(3), Some(7)]);
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
        let schema = forensic_schema(true, 5);
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
fn a_grave_finding_needs_a_patch() {
    let parsed = accepted(&review_forensic(&subject("src/a.rs", DIRTY)), Policy::Forensic, DIRTY);
    assert_eq!(parsed.verdict.as_deref(), Some("needs_patch"));
    let counts = parsed.counts.unwrap();
    assert_eq!((counts.pseudocode_flags, counts.required_next_actions), (0, 1));
    assert!(parsed.findings.iter().all(|f| f.anchored));
}

#[test]
fn words_of_the_prd_count_only_where_most_occur() {
    let terms: Vec<String> = ["add", "saturating", "rate limit"].map(String::from).to_vec();
    let about = Subject { path: "src/a.rs", source: CLEAN, prd_terms: &terms };
    let parsed = accepted(&review_markdown(&about), Policy::Structured, CLEAN);
    assert_eq!(parsed.findings.len(), 1);
    assert_eq!(parsed.findings[0].confidence, Some(20));
    assert!(parsed.findings[0].text.contains("rate limit"));
    // As many missing as there are.
    let half = Subject { prd_terms: &terms[1..], ..about };
    assert_eq!(accepted(&review_markdown(&half), Policy::Structured, CLEAN).findings.len(), 1);
    let other = Subject { source: "fn x() {}", ..about };
    let review = review_markdown(&other);
    assert!(accepted(&review, Policy::Structured, "fn x() {}").findings.is_empty());
    assert!(review.contains("0 of 3"));
}

#[test]
fn only_checks_that_were_made_are_listed() {
    let review = review_markdown(&subject("README.md", "# Title\n\nWords.\n"));
    assert!(review.contains("open work: none"));
    assert!(!review.contains("checks:") && !review.contains("functions"));
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
    let source = "fn f() { g(\"`a` | <b>\", a.partial_cmp(b).unwrap()); }\n";
    let s = subject("src/a.rs", source);
    let parsed = accepted(&review_markdown(&s), Policy::Structured, source);
    assert_eq!(parsed.findings[0].line, Some(1));
    assert_eq!(parsed.findings[0].quote.as_deref(), Some(source.trim()));
}

#[test]
fn a_cut_quote_is_still_found() {
    let source =
        format!("fn f() {{ g([a.partial_cmp(b).unwrap(), {}]) }}\n", "word_of_data, ".repeat(30));
    let parsed = accepted(&review_markdown(&subject("a.rs", &source)), Policy::Structured, &source);
    assert_eq!(parsed.findings[0].line, Some(1));
}

#[test]
fn summaries_tell_names_and_are_accepted() {
    let text = summarise("src/a.rs", DIRTY);
    for part in ["`load`", "`save`", "`FakeStore`", "no answer for NaN", "blocks a thread"] {
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

#[test]
fn only_mechanical_findings_are_confirmed_by_the_program() {
    assert!(MECHANICAL.iter().all(|name| checks::CHECKS.iter().any(|c| c.name == *name)));
    for (path, source, confirmed) in [
        ("a.py", "if x is 'a':\n    f()\n", true),
        ("a.c", "int f() {\n  if (!x & FLAG) {\n  }\n}\n", true),
        ("A.java", "class A {\n  boolean f(String s) { return s == \"a\"; }\n}\n", true),
        ("a.py", "def f(p):\n    open(p, 'w').write(x)\n", false),
        ("a.js", "if (k != 'a' || k != 'b') {\n}\n", false),
    ] {
        let review = review_markdown(&subject(path, source));
        let mut findings = accepted(&review, Policy::Structured, source).findings;
        crate::anchor::anchor(&mut findings, path, source);
        confirm(&mut findings);
        assert!(!findings.is_empty(), "{review}");
        assert!(findings.iter().all(|f| f.confirmed.is_some() == confirmed), "{findings:?}");
    }
}

/// The names of the checks that fire on a snippet.
fn fired(path: &str, source: &str) -> Vec<&'static str> {
    checks::run(&Scan::new(path, source)).iter().map(|hit| hit.check.name).collect()
}

#[test]
fn every_check_fires_where_it_should_and_nowhere_else() {
    assert_eq!(checks::unusable(), Vec::<&str>::new());
    let mut wrong = Vec::new();
    for (check, path, positive, negatives) in cases::CASES {
        let found = fired(path, positive);
        if !found.contains(check) {
            wrong.push(format!("{check} does not fire on {path}: {positive:?} ({found:?})"));
        }
        assert!(
            negatives.len() > 1 || cases::CASES.iter().filter(|c| c.0 == *check).count() > 1,
            "{check}"
        );
        for negative in *negatives {
            if fired(path, negative).contains(check) {
                wrong.push(format!("{check} fires on {path}: {negative:?}"));
            }
        }
        // Tests, stubs of type checkers and other people's code are left alone.
        for aside in ["tests/", "docs/", "lib-1.2.3/"] {
            assert_eq!(fired(&format!("{aside}{path}"), positive), Vec::<&str>::new(), "{aside}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for check in checks::CHECKS.iter().filter(|c| c.name != "secret") {
        assert!(cases::CASES.iter().any(|c| c.0 == check.name), "{} has no case", check.name);
        assert!(check.confidence < 90, "{}: a person decides", check.name);
    }
}

#[test]
fn what_is_no_fault_is_none() {
    for (path, source) in [
        ("a.py", "class A:\n    def f(self):\n        raise NotImplementedError\n"),
        (
            "a.py",
            "class P(Protocol):\n    def f(self) -> int: ...\n\n    @abstractmethod\n    def g(self):\n        pass\n",
        ),
        ("a.pyi", "def f(x: list = []) -> int: ...\n"),
        ("a.py", "def f():\n    \"\"\"XXX TODO 2019: x = open(p).read()\"\"\"\n"),
        ("a.d.ts", "declare function f(x: any): void;\n"),
        ("a.rs", "trait T {\n    fn f(&self);\n}\n// TODO: more\nstruct FakeStore;\n"),
        ("data.js", &format!("x = [{}];\n", "1 == 1 || 1 == 1, ".repeat(60))),
        ("a.md", "- TODO 2019: `os.system('rm ' + x)`\n"),
    ] {
        assert_eq!(fired(path, source), Vec::<&str>::new(), "{path}: {source}");
    }
}

#[test]
fn a_secret_is_never_shown() {
    let key = format!("AKIA{}", "IOSFODNN7ABCDEFG");
    for (path, source, line) in [
        ("src/a.py", format!("x = 1\nkey = \"{key}\"\n"), 2),
        ("conf/app.yml", format!("a: 1\nb:\n  key: {key}\n"), 3),
    ] {
        let s = subject(path, &source);
        for text in [review_markdown(&s), review_forensic(&s), summarise(path, &source)] {
            assert!(text.contains("secret stands in the source"), "{path}: {text}");
            assert!(!text.contains(&key), "{path}: {text}");
        }
        let parsed = accepted(&review_markdown(&s), Policy::Structured, &source);
        assert_eq!(parsed.findings[0].line, Some(line), "{path}");
        for aside in ["tests/a.py", "src/example.py", "docs/a.py", "contrib/a.py"] {
            assert_eq!(fired(aside, &source), Vec::<&str>::new());
        }
    }
    let none =
        "password = os.environ[\"PASSWORD\"]\nsecret = \"hT9xQ2vLmZ81r\"\nkey = get(\"token\")\n";
    assert_eq!(fired("src/a.py", none), Vec::<&str>::new());
}

#[test]
fn a_large_or_hostile_file_takes_linear_time() {
    let parts = [
        "fn f() {\n",
        "if (a) {\n",
        "def f(x=[], y={}:\n",
        "} else if (a) {\n",
        "'a': 1,\n",
        "except:\n",
        "for x in y:\n",
    ];
    for (name, part) in
        ["rs", "c", "py", "js", "go"].into_iter().flat_map(|n| parts.iter().map(move |p| (n, p)))
    {
        let time = |n: usize| {
            let source = part.repeat(n);
            let started = std::time::Instant::now();
            let hits = checks::run(&Scan::new(&format!("a.{name}"), &source)).len();
            assert!(hits < 1000);
            started.elapsed()
        };
        let (small, large) = (time(300), time(2_400));
        // Eight times the work, and much room for a busy machine.
        assert!(
            large < small * 60 + std::time::Duration::from_millis(500),
            "{name}: {part:?} {small:?} {large:?}"
        );
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

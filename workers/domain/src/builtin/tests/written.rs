//! What a review, a forensic answer and notes on a piece say, word for word.

use super::*;
use serde_json::json;

const SOURCE: &str = "\
def load(x=[]):
    x.append(1)  # TODO: copy it

def clean(x):
    return x

def read(f):
    a = yaml.load(f)
    a = yaml.load(f)
    a = yaml.load(f)
    a = yaml.load(f)
    a = yaml.load(f)
    a = yaml.load(f)
    a = yaml.load(f)
    a = yaml.load(f)
    raise NotImplemented
";

#[test]
fn a_review_names_places_and_what_was_looked_at() {
    let review = review_markdown(&subject("src/a.py", SOURCE));
    let (changes, checked) = review.split_once("## What was checked\n").unwrap();
    assert_eq!(
        changes.split_once("## Suggested changes\n").unwrap().1,
        "\
1. **`yaml.load(f)` makes any object that the text asks for**
   - Severity: critical
   - Where: `read`, line 8; also lines 9, 10, 11, 12, 13, 14 and 1 more
   - Quote: `a = yaml.load(f)`
   - Fails for: a document from outside: it can run commands; newer versions refuse the call.
   - Change: Use yaml.safe_load.
   - Confidence: 80%

2. **`NotImplemented` is no exception**
   - Severity: major
   - Where: `read`, line 16
   - Quote: `raise NotImplemented`
   - Fails for: reaching it: a TypeError that speaks of something else.
   - Change: Raise NotImplementedError.
   - Confidence: 85%

3. **The default of `x` is one object for all calls**
   - Severity: major
   - Where: `load`, line 1
   - Quote: `def load(x=[]):`
   - Fails for: a second call without this argument: it finds what the first one left there.
   - Change: Take None as default and make a new one in the function.
   - Confidence: 80%

"
    );
    let lines: Vec<&str> = checked.lines().filter(|l| !l.contains(" checks: ")).collect();
    assert_eq!(
        lines,
        [
            "- 16 lines of Python, 3 functions, the longest `read` with 10 lines",
            "- lines that mark open work: 1",
            "- lines that speak of stand-ins: none",
        ]
    );
}

#[test]
fn findings_that_are_too_many_are_counted() {
    let source = ["x = yaml.load(f)\n", "x = a is 'b'\n", "x = a.sort()\n"].map(|l| l.repeat(3));
    let terms = ["yaml", "sort", "absent"].map(String::from);
    let source = source.concat();
    let many = Subject { path: "a.py", source: &source, prd_terms: &terms };
    let review = review_markdown(&many);
    assert_eq!(accepted(&review, Policy::Structured, &source).findings.len(), MOST_FINDINGS);
    let said = "- findings left out, the least grave: 1\n- lines that mark open work: none\n- lines that speak of stand-ins: none\n- terms of the PRD that occur here: 2 of 3\n";
    assert!(review.ends_with(said), "{review}");
    let places = review_markdown(&subject("a.py", &"x = yaml.load(f)\n".repeat(7)));
    assert!(places.contains("Where: line 1; also lines 2, 3, 4, 5, 6, 7\n"), "{places}");
    let clean = review_markdown(&subject("a.py", "x = 1\n"));
    assert!(clean.contains("## Suggested changes\nNone. No check fired"), "{clean}");
}

#[test]
fn a_claim_about_the_prd_lists_some_terms() {
    let known = ["one", "two", "three", "four", "five", "six", "seven"];
    let claim = |missing: usize| {
        let missing = (1..=missing).map(|n| format!("absent{n}"));
        let terms: Vec<String> = known.iter().map(ToString::to_string).chain(missing).collect();
        let source = known.join(" ");
        let review = review_markdown(&Subject { path: "a", source: &source, prd_terms: &terms });
        accepted(&review, Policy::Structured, &source).findings[0].text.clone()
    };
    let some = "absent1, absent2, absent3, absent4, absent5, absent6";
    for (missing, of, more) in [(6, 13, ""), (7, 14, " and 1 more")] {
        let want = format!("The file mentions 7 of {of} terms of the PRD, but not {some}{more}");
        assert!(claim(missing).contains(&format!("{want}**")), "{}", claim(missing));
    }
}

#[test]
fn a_forensic_answer_parts_what_is_grave_from_what_is_risky() {
    let text = review_forensic(&subject("src/a.py", SOURCE));
    let answer: Value = serde_json::from_str(&text).unwrap();
    let texts = |member: &str| -> Vec<String> {
        let all = answer[member].as_array().unwrap().iter();
        all.map(|e| format!("{} | {}", e["text"].as_str().unwrap(), e["quote"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(
        texts("critical_failures"),
        [
            "`yaml.load(f)` makes any object that the text asks for (`read`, line 8; also lines 9, 10, 11, 12, 13, 14 and 1 more) | a = yaml.load(f)"
        ]
    );
    assert_eq!(
        texts("risk_points"),
        [
            "`NotImplemented` is no exception (`read`, line 16) | raise NotImplemented",
            "The default of `x` is one object for all calls (`load`, line 1) | def load(x=[]):",
        ]
    );
    assert_eq!(
        texts("required_next_actions"),
        [
            "Use yaml.safe_load. Start at `read`, line 8; also lines 9, 10, 11, 12, 13, 14 and 1 more. | a = yaml.load(f)"
        ]
    );
    assert_eq!(
        answer["verified_components"],
        json!([{
            "text": "No check fires in `clean`",
            "quote": "def clean(x):",
            "confidence": 85,
            "evidence": "lines 4 to 5 read in full",
            "flags": [],
        }])
    );
}

#[test]
fn what_is_verified_is_no_test_and_no_place_of_a_finding() {
    for (path, source, want) in [
        ("src/a.rs", DIRTY, "No check of code fires outside of what is listed | /// Sorts it."),
        ("README.md", "# A\n\nWords.\n", "No check of code fits this kind of file | Words."),
        ("a.py", "x = 1\n", "No check of code fires outside of what is listed | x = 1"),
        (
            "a.py",
            "x = yaml.load(y)\ndef f(x):\n    return x\nx = yaml.load(y)\n",
            "No check fires in `f` | def f(x):",
        ),
        (
            "a.py",
            "def f():\n    raise NotImplemented\n",
            "No check of code fires outside of what is listed | def f():",
        ),
    ] {
        let answer: Value = serde_json::from_str(&review_forensic(&subject(path, source))).unwrap();
        let all = answer["verified_components"].as_array().unwrap();
        assert_eq!(all.len(), 1, "{path}");
        let said =
            format!("{} | {}", all[0]["text"].as_str().unwrap(), all[0]["quote"].as_str().unwrap());
        assert_eq!(said, want, "{path}");
    }
}

#[test]
fn notes_on_a_piece_list_what_is_in_it() {
    let titles: String = (1..=11).fold(String::new(), |s, n| s + &format!("# T{n}\n"));
    let defs = |n: usize| (1..=n).fold(String::new(), |s, n| s + &format!("def f{n}(): pass\n"));
    let names = |n: usize| (1..=n).map(|n| format!("`f{n}`")).collect::<Vec<_>>().join(", ");
    let shown = (1..=10).map(|n| format!("T{n}")).collect::<Vec<_>>().join("; ");
    for (path, source, want) in [
        ("notes/a.md", titles, format!("Part of `a.md` with 11 lines. Headings: {shown}.")),
        ("a.md", "Words.\n".into(), "Part of `a.md` with 1 line.".into()),
        ("a.py", defs(20), format!("Part of `a.py` with 20 lines. Functions: {}.", names(20))),
        (
            "a.py",
            defs(21),
            format!("Part of `a.py` with 21 lines. Functions: {} and 1 more.", names(20)),
        ),
    ] {
        assert_eq!(summarise(path, &source), want);
    }
}

#[test]
fn faults_of_some_lines_have_their_own_quotes() {
    let found = on_lines("src/a.py", SOURCE, &|line| [1, 2, 9, 16].contains(&line));
    let told: Vec<_> = found
        .iter()
        .map(|f| (f.line, f.quote.as_str(), f.function.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [
            (9, "a = yaml.load(f)", "read"),
            (16, "raise NotImplemented", "read"),
            (1, "def load(x=[]):", "load"),
        ]
    );
}

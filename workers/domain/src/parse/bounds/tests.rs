use super::*;
use crate::parse::markdown;
use queue_schema::rows::{Finding, FindingKind};

#[test]
fn within_a_finding_a_title_has_a_blank_behind_its_mark() {
    for (line, alone, within) in [
        ("# a", true, true),
        ("## a", true, true),
        ("##a", true, true),
        ("#", true, true),
        ("#a", true, false),
        ("#define A", true, false),
        ("#[derive(Debug)]", true, false),
        ("a # b", false, false),
        (" # a", false, false),
    ] {
        assert_eq!((is_heading(line, false), is_heading(line, true)), (alone, within), "{line}");
    }
}

/// What is read of each finding, in short: quote, severity, confidence, what else it has.
fn fields(text: &str) -> Vec<String> {
    let short = |f: &Finding| {
        let lines = f.quote.iter().flat_map(|quote| quote.lines()).map(str::trim);
        let quote = lines.collect::<Vec<_>>().join("|");
        let severity = f.severity.map(|s| format!("{s:?}")).unwrap_or_default();
        let percent = f.confidence.map(|c| c.to_string()).unwrap_or_default();
        let has = [("f", &f.fails_for), ("c", &f.change), ("e", &f.evidence)];
        let has: String = has.iter().filter(|(_, v)| v.is_some()).map(|(name, _)| *name).collect();
        format!("{quote} {severity} {percent} {has}")
    };
    markdown(text).findings.iter().map(short).collect()
}

/// The form that is asked for, in which each finding lacks its number.
fn bare(quote: &str) -> String {
    format!(
        "**Quote:** `{quote}`\n**Claim:** `a` is never checked\n**Fails for:** 0\n**Change:** `d(e)`\n**Severity:** critical\n**Evidence:** none checks it\n**Confidence:** 95%\n"
    )
}

#[test]
fn a_finding_needs_no_number() {
    let (one, two) = (bare("b(c)"), bare("f(g)"));
    let apart = |text: &str| text.replace('\n', "\n\n");
    let (b, f) = ("b(c) Critical 95 fce", "f(g) Critical 95 fce");
    for (text, want) in [
        (format!("## Findings\n\n{one}"), vec![b]),
        (format!("## Findings\n{}## Contradictions\nNone\n", apart(&one)), vec![b]),
        (format!("## Findings\n{one}\n{two}\n## Verdict\nneeds_patch"), vec![b, f]),
        (format!("## Findings\n{one}{two}"), vec![b, f]),
        (format!("## Findings\n{}{}", apart(&one), apart(&two)), vec![b, f]),
        (format!("## Findings\n1. {one}\n{two}"), vec![b, f]),
        (format!("## Findings\n{one}\n1. {two}"), vec![b, f]),
        (format!("## Findings\n{one}- a note on it (60%)"), vec![b, "  60 "]),
        (one.clone(), vec![b]),
        // A title of one finding, whatever its words say of sections.
        (format!("## Findings\n### Division by zero\n{one}### A wrong score\n{two}"), vec![b, f]),
        (
            format!("## Findings\n**Unchecked index**\n\n{one}\n**Score is wrong**\n\n{two}"),
            vec![b, f],
        ),
        (format!("## Findings\nFinding 1:\n{one}\nFinding 2:\n{two}"), vec![b, f]),
        (
            "Quote: `b(c)`\n- Claim: two things:\n- one\n- two\n- Confidence: 80%".into(),
            vec!["b(c)  80 "],
        ),
        // Another quote of the same finding begins none.
        ("Quote: `b(c)`\nQuote: `f(g)`\nClaim: x\nConfidence: 80%".into(), vec!["b(c)  80 "]),
        ("1. Quote: `b(c)`\nClaim: x\nQuote: `f(g)`\nConfidence: 80%".into(), vec!["b(c)  80 "]),
        // What says nothing, or of nothing, and what was checked.
        ("## Findings\nNone\n\nCode: `b(c)`\n".into(), vec![]),
        ("## Findings\nQuote: None\nClaim: None\nSeverity: None\nConfidence: 95%".into(), vec![]),
        ("## Findings\nQuote: none\nClaim: No issues found\nConfidence: 95%".into(), vec![]),
        (format!("## What was checked\n{one}"), vec![]),
        (format!("## Findings\nNone\n## What was checked\n{one}"), vec![]),
    ] {
        assert_eq!(fields(&text), want, "{text}");
    }
    let against = format!("## Contradictions\n### Retries\n{one}");
    assert_eq!(markdown(&against).findings[0].kind, FindingKind::Contradiction);
}

#[test]
fn only_a_title_ends_an_open_finding() {
    let tail = "**Severity:** critical\n\n**Confidence:** 95%\n";
    let whole = "b(c) Critical 95 c";
    let block = "**Change:**\n\n```c\nd(e)\n```\n\n";
    for (text, want) in [
        (format!("1. **Quote:** `b(c)`\n\n**Claim:** x\n\n{block}{tail}"), vec![whole]),
        (format!("## Findings\n1. **Lock it** (95%)\n\n{block}**Severity:** critical\n"), vec![" Critical 95 c"]),
        (format!("- **Quote:** `b(c)`\n\n**Claim:** x\n\n{block}{tail}- f (60%)"), vec![whole, "  60 "]),
        // The claim has another paragraph.
        (format!("1. **Quote:** `b(c)`\n**Claim:** x\n\nAnd so on.\n\n{block}{tail}"), vec![whole]),
        (
            format!("1. **Quote:** `b(c)`\n**Claim:** x\n\nSo:\n\n```c\ny\n```\n\nAnd.\n\n{block}{tail}"),
            vec![whole],
        ),
        (
            "1. **Quote:** `b(c)`\n   - **Claim:** x\n\nAnd so on.\n\n   - **Severity:** critical\n   - **Confidence:** 95%".into(),
            vec!["b(c) Critical 95 "],
        ),
        ("1. **Lock it**\n\nAnd so on.\n\nQuote: `b(c)`\nConfidence: 80%".into(), vec!["b(c)  80 "]),
        // One that is whole has nothing to do with what comes after it.
        (
            format!("1. **Quote:** `b(c)`\n**Claim:** x\n{tail}\nAll in all it is good.\n\nEvidence: tests (60%)\n"),
            vec!["b(c) Critical 95 "],
        ),
        ("1. Quote: `b(c)`\nClaim: x\n\nAnd.\n\n2. Quote: `f(g)`\nClaim: y".into(), vec!["b(c)   ", "f(g)   "]),
        // Lines of code are no titles and no items.
        (
            format!("1. **Quote:** `#define A(x) x\n#define B(x) x`\n   **Claim:** x\n\n{tail}"),
            vec!["#define A(x) x|#define B(x) x Critical 95 "],
        ),
        (
            format!("1. **Quote:**\n`a = 1\n# one more\n- b`\n**Claim:** x\n\n{tail}"),
            vec!["a = 1|# one more|- b Critical 95 "],
        ),
        (format!("1. **Quote:**\n#[a]\n#[b]\n**Claim:** x\n\n{tail}"), vec!["#[a]|#[b] Critical 95 "]),
        ("1. Quote: `b(c)\n2. Calls `f(g)` again".into(), vec!["b(c)   ", "f(g)   "]),
        // Titles stay titles.
        ("##Findings\n1. a (80%)\n##Summary\n2. b (60%)".into(), vec!["  80 "]),
        ("**Checked:**\n- a\n\n**Problem:**\n- b (60%)".into(), vec!["  60 "]),
    ] {
        assert_eq!(fields(&text), want, "{text}");
    }
    let text = "1. **Quote:** `b(c)`\n**Claim:** x\n\nAnd so on.\n\n**Severity:** minor\n";
    assert_eq!(markdown(text).findings[0].text, "x\n\nAnd so on.", "the paragraph is of the claim");
}

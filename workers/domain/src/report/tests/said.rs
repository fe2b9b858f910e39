//! What a person acts on is found in a finding, whatever form its reviewer gave it.

use super::*;
use crate::report::said::Said;

/// A text, and what becomes of it: title, why, what to write instead in words, the diff.
type Case = (
    &'static str,
    &'static str,
    &'static [&'static str],
    Option<&'static str>,
    &'static [&'static str],
);

const CASES: &[Case] = &[
    ("swallows errors", "swallows errors", &[], None, &[]),
    (
        "**Drops the error** (Confidence: 85%)\n   - Where: `load`\n   - Quote: `let x = 1;`\n   - Change: return it to the caller\n   - Why: nobody sees it",
        "Drops the error",
        &["nobody sees it"],
        Some("return it to the caller"),
        &[],
    ),
    (
        "Quote: `let x = 1;`\nClaim: x is never read\nFails for: any input\nChange: `let x = 2;`\nConfidence: 50%",
        "x is never read",
        &[],
        None,
        &["-let x = 1;", "+let x = 2;"],
    ),
    (
        "x is wrong:\n```rust\nlet x = 1;\n```\nWrite\n```rust\nlet x = 2;\nlet y = x;\n```",
        "x is wrong",
        &["Write"],
        None,
        &["-let x = 1;", "+let x = 2;", "+let y = x;"],
    ),
    (
        "x is wrong\n  - Fix:\n    ```diff\n    -let x = 1;\n    +let x = 2;\n    ```",
        "x is wrong",
        &[],
        None,
        &["-let x = 1;", "+let x = 2;"],
    ),
    (
        "x is wrong\n- Change: guard it\n  ```\n  if ok {\n      let x = 1;\n  }\n  ```",
        "x is wrong",
        &[],
        Some("guard it"),
        &["-let x = 1;", "+if ok {", "+    let x = 1;", "+}"],
    ),
    (
        "1. A block that never ends\n```\nlet x = 3;",
        "A block that never ends",
        &[],
        None,
        &["-let x = 1;", "+let x = 3;"],
    ),
    (
        "x is wrong\n- Change: `let x = 2;` or `let x = 3;`",
        "x is wrong",
        &[],
        Some("`let x = 2;` or `let x = 3;`"),
        &[],
    ),
    (
        "x is wrong\n- Change: `f`\n```\nlet x = 1;\nlet x = 1;\n```\n```\nlet x = 3;\n```",
        "x is wrong",
        &[],
        Some("`f`"),
        &[" let x = 1;", "+let x = 1;"],
    ),
    (
        "x is wrong\n- Quote:\n```\nlet x = 3;\n```\n- Evidence: `size` is 0",
        "x is wrong",
        &[],
        None,
        &[],
    ),
    ("Prints (Confidence: 85%) twice", "Prints (Confidence: 85%) twice", &[], None, &[]),
    ("The same again\n- Change: `let x = 1;`", "The same again", &[], None, &[]),
    ("- Confidence: 80%\n", "(nothing is said)", &[], None, &[]),
];

#[test]
fn a_finding_is_taken_apart_in_any_form() {
    for (text, title, why, instead, diff) in CASES {
        let finding = finding(FindingKind::Suggestion, text, Some(7));
        let said = Said::of(&finding);
        assert_eq!(said.title, *title, "{text}");
        assert_eq!(said.why, *why, "{text}");
        assert_eq!(said.instead.as_deref(), *instead, "{text}");
        assert_eq!(said.diff(true).unwrap_or_default(), *diff, "{text}");
    }
    let said = Said::of(&finding(FindingKind::Suggestion, CASES[2].0, Some(7)));
    assert_eq!(said.fails_for.as_deref(), Some("any input"));
    assert_eq!(said.diff(false), None, "there is no place to change");
}

#[test]
fn a_place_in_words_is_told_where_the_program_could_not_tell() {
    for (said, line, place) in [
        ("`src/a.rs`", None, None),
        ("`src/a.rs`, line 7", None, Some("`src/a.rs`, line 7")),
        ("`load`", None, Some("`load`")),
        ("`load`", Some(7), None),
        ("`load`, also `save`", Some(7), Some("`load`, also `save`")),
    ] {
        let text = format!("It is lost\n- Where: {said}");
        let found = finding(FindingKind::Suggestion, &text, line);
        assert_eq!(Said::of(&found).place.as_deref(), place, "{text}");
    }
}

#[test]
fn code_and_claims_are_cut_where_they_are_long() {
    let lines = |n: usize| (1..=n).map(|n| format!("line {n}")).collect::<Vec<_>>();
    let mut found = finding(FindingKind::Suggestion, "x\nFails: always", Some(7));
    for (n, last) in [(24, "line 24"), (30, "… 6 more lines")] {
        found.quote = Some(lines(n).join("\n"));
        let quote = Said::of(&found).quote;
        assert_eq!((quote.last().unwrap().as_str(), quote.len()), (last, n.min(25)));
    }
    assert_eq!(Said::of(&found).fails_for.as_deref(), Some("always"));
    found.text = format!("x\n{}", vec!["y".repeat(100); 30].join("\n"));
    assert_eq!(Said::of(&found).why.len(), 12, "1,200 characters");
}

#[test]
fn a_long_claim_has_its_first_sentence_as_title_and_nothing_is_said_twice() {
    let first = "The lock is taken before the file is opened.";
    let rest = "So a second reader waits for the first one, which never ends when the file is a pipe that nobody writes.";
    let said = Said::of(&finding(FindingKind::RiskPoint, &format!("{first} {rest}"), Some(7)));
    assert_eq!((said.title.as_str(), &said.why[..]), (first, &[rest.to_owned()][..]));
    let mut proven = finding(FindingKind::RiskPoint, &format!("{first}\n{rest}"), Some(7));
    proven.evidence = Some("nobody writes".into());
    assert_eq!(Said::of(&proven).evidence, None, "the claim says it");
    proven.evidence = Some("`drain` is not called".into());
    assert!(Said::of(&proven).evidence.is_some());
    let endless = "word ".repeat(2_000);
    let said = Said::of(&finding(FindingKind::RiskPoint, &endless, Some(7)));
    assert!(said.title.ends_with('…') && said.why.concat().len() <= 1_300, "{said:?}");
}

#[test]
fn the_worst_come_first_and_a_terminal_gets_them_in_a_line_each() {
    let ranked = [
        (FindingKind::Suggestion, Some(3), Some(99)),
        (FindingKind::CriticalFailure, None, Some(90)),
        (FindingKind::CriticalFailure, Some(5), Some(60)),
        (FindingKind::CriticalFailure, Some(4), Some(70)),
        (FindingKind::VerifiedComponent, Some(1), Some(100)),
    ];
    let findings = ranked.map(|(kind, line, confidence)| Finding {
        confidence,
        ..finding(kind, "a `b`\u{1b}[2J", line)
    });
    let mut whole = sweep("x", "src/a.rs");
    whole.files[0].row =
        Some(row("src/a.rs", findings.to_vec(), &[attempt(1, Outcome::Accepted, "")]));
    let mut overview = Overview::default();
    overview.add(&whole.files[0], None);
    let (told, all) = overview.told();
    let want = [
        "critical  src/a.rs:4  a b\\u{1b}[2J (70%)",
        "critical  src/a.rs:5  a b\\u{1b}[2J (60%)",
        "critical  src/a.rs  a b\\u{1b}[2J (90%)",
        "minor  src/a.rs:3  a b\\u{1b}[2J (99%)",
    ];
    assert_eq!((told, all), (want.map(str::to_owned).to_vec(), 4));
}

#[test]
fn a_review_without_anything_to_do_is_called_clean() {
    let mut whole = sweep("x", "src/a.rs");
    whole.files.truncate(1);
    let verified = vec![finding(FindingKind::VerifiedComponent, "reads the whole file", Some(2))];
    let mut all = row("src/a.rs", verified, &[attempt(1, Outcome::Accepted, "")]);
    all.shards_missing.clear();
    whole.files[0].row = Some(all);
    let (overview, pages) = markdown(&whole);
    assert!(
        overview.starts_with("# Scrum report\n\n- Findings: **none, the review is clean**\n"),
        "{overview}"
    );
    assert!(
        overview.contains("<summary>Clean: 1 file reviewed, without findings</summary>"),
        "{overview}"
    );
    assert!(!overview.contains("# Findings"), "{overview}");
    let page = &pages[0].1;
    assert!(
        page.contains("clean: reviewed, without findings")
            && page.contains("1. reads the whole file"),
        "{page}"
    );
    assert!(index::line(&whole.files[0], None).contains("| clean |"));
    // What was only partly read, or not at all, is not.
    whole.files.push(file("src/b.rs", TargetStatus::Unresolved));
    let overview = render(&whole);
    assert!(overview.contains("- Findings: **none in what was reviewed**"), "{overview}");
}

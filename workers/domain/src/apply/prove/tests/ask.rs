use crate::apply::prove::ask;
use crate::prompt::Prompt;
use queue_schema::apply::{Framework, TestPlan};

#[test]
fn a_test_is_the_longest_block_of_an_answer_within_bounds() {
    let test = |answer: &str| ask::test(answer, 3);
    assert_eq!(test("```rust\na\nb\n```\n").unwrap(), "a\nb\n");
    assert_eq!(
        test("<think>```x```</think>Here:\n```\na\n```\nand\n```\nab\n```").unwrap(),
        "ab\n"
    );
    assert_eq!(test("````\n```\nb\n```\n````").unwrap(), "```\nb\n```\n");
    assert_eq!(test("import x\nx()\n").unwrap(), "import x\nx()\n");
    for (answer, why) in [
        ("NONE", "wrote none"),
        ("", "wrote none"),
        ("```\nNONE\n```", "wrote none"),
        ("```rust\na\n", "has no end"),
        ("```\na\nb\nc\nd\n```", "4 lines, at most 3"),
        ("```\nx = '[masked:key]'\n```", "masked"),
        ("```\nx = '\u{202e}'\n```", "nobody sees"),
    ] {
        let told = test(answer).unwrap_err();
        assert!(told.contains(why), "{answer}: {told}");
    }
    let long = |n: usize| test(&format!("```\n{}\n```", "x".repeat(n)));
    assert!(long(2_000).is_ok() && long(2_001).unwrap_err().contains("bytes"));
}

#[test]
fn the_form_is_told_in_words_and_nothing_of_a_test_stands_in_it() {
    use crate::apply::prompt::{PatchInput, Shown};
    use queue_schema::rows::{Confirmed, Finding};
    let finding = Finding {
        text: "it adds too much".into(),
        fails_for: Some("2 and 3".into()),
        confirmed: Some(Confirmed::Call),
        ..Finding::default()
    };
    let other = Finding { text: "another claim".into(), ..finding.clone() };
    let findings = [finding.clone(), other];
    let input = PatchInput {
        path: "src/a.rs",
        language: "Rust",
        source: "fn f() {}",
        shown: &Shown::Whole,
        findings: &findings,
        unconfirmed: false,
        most: 2,
        lines: 40,
        fence: "F1",
    };
    for framework in [
        Framework::Cargo,
        Framework::Unittest,
        Framework::Pytest,
        Framework::Node,
        Framework::Vitest,
        Framework::Jest,
        Framework::Other,
    ] {
        let plan = TestPlan {
            finding: 0,
            framework,
            path: "tests/t.x".into(),
            command: "run it".into(),
            reach: "lib_name".into(),
        };
        let Prompt { system, user, .. } = ask::test_prompt(&input, &finding, &plan);
        assert!(user.contains("it adds too much") && user.contains("fails for: 2 and 3"), "{user}");
        assert!(user.contains("fn f() {}") && user.contains("tests/t.x"), "{user}");
        assert!(!user.contains("another claim") && system.contains("at most 40 lines"));
        let form = user.split("# Test\n").nth(1).unwrap();
        for copied in ["#[test]", "assert!(", "assertEqual(", "def test", "```"] {
            assert!(!system.contains(copied) && !form.contains(copied), "{copied}: {form}");
        }
    }
    let patch = ask::proven_prompt(&input, &finding);
    assert!(patch.user.contains("it adds too much") && !patch.user.contains("another claim"));
    assert!(patch.system.contains("another call has written") && patch.schema.is_some());
}

//! Answers in which no finding stands, or none can be read.

use super::*;

#[test]
fn an_honest_none_is_a_clean_review_at_any_length() {
    for policy in [Policy::Auto, Policy::Structured, Policy::Substantial] {
        for text in [
            "## Findings\nNone. I read `main` to its end.\n\n## Verdict\npass",
            "None. I compared the loop with its bound.",
            "## 发现\n无。已检查 `main` 的全部分支。\n",
            // What was checked is asked for, and costs a call where nobody says it: the verdict is enough.
            "## Findings\nNone\n## Verdict\npass",
            "## Findings\n\nNone\n\n## Verdict: pass",
        ] {
            let Judgement::Accepted(parsed) = judge(&say(text), &context(policy)) else {
                panic!("{text}")
            };
            assert!(parsed.findings.is_empty());
        }
        for text in ["None.", "LGTM, nice work!"] {
            assert_eq!(outcome(&say(text), &context(policy)), Outcome::Thin, "{text}");
        }
        // Its own verdict says that there is more.
        let long = " I read `main` to its end, and what it calls.".repeat(9);
        for text in [
            "## Findings\nNone\n## Verdict\nfail".to_owned(),
            format!("## Findings\nNone.{long}\n\n## Verdict\nneeds_patch"),
            format!("## Findings\n\n**Fault:** `main` is empty.{long}\n\n## Verdict\nneeds_patch"),
        ] {
            let told = said(&say(&text), policy);
            assert!(told.starts_with("malformed: the verdict is "), "{told}");
        }
    }
}

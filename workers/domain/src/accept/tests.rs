use super::*;

fn context(policy: Policy) -> Context<'static> {
    Context {
        policy,
        wants_forensic: false,
        shards_total: 0,
        source: "fn main() {}",
        fence: "",
        markdown_policy: queue_schema::sweep::MarkdownPolicy::default(),
        limits: AcceptLimits::default(),
    }
}

fn say(text: &str) -> Answer<'_> {
    Answer { text, ..Answer::default() }
}

fn outcome(answer: &Answer<'_>, context: &Context<'_>) -> Outcome {
    match judge(answer, context) {
        Judgement::Accepted(_) => Outcome::Accepted,
        Judgement::Rejected { outcome, reason } => {
            assert!(!reason.is_empty());
            outcome
        }
    }
}

fn review_of(chars: usize) -> String {
    let head = "## Suggested changes\n- None: every function was read. ";
    format!("{head}{}", "x".repeat(chars - head.chars().count()))
}

#[test]
fn structured_has_its_edge_at_200_characters() {
    let c = context(Policy::Structured);
    assert_eq!(outcome(&say(&review_of(200)), &c), Outcome::Accepted);
    assert_eq!(outcome(&say(&review_of(199)), &c), Outcome::Thin);
    assert_eq!(outcome(&say(&"word ".repeat(100)), &c), Outcome::Thin, "no structure");
    assert_eq!(outcome(&say("  \n"), &c), Outcome::Thin);
    let umlauts = format!("- {}", "ä".repeat(150));
    assert_eq!(outcome(&say(&umlauts), &c), Outcome::Thin, "characters count, not bytes");
}

#[test]
fn substantial_has_its_edge_at_3800_characters() {
    let c = context(Policy::Substantial);
    assert_eq!(outcome(&say(&review_of(3800)), &c), Outcome::Accepted);
    assert_eq!(outcome(&say(&review_of(3799)), &c), Outcome::Thin);
    let dump = format!("{{\"a\": \"{}", "x".repeat(4000));
    assert_eq!(outcome(&say(&dump), &c), Outcome::Malformed);
    for start in ["[ {\"issue\": \"", "[\"a\", \"", "[\n  [1, \"", "```json\n[\t{\"a\": \""] {
        let dump = format!("{start}{}", "x".repeat(4000));
        assert_eq!(outcome(&say(&dump), &c), Outcome::Malformed, "{start}");
    }
    let list = format!("[x] {}\n[a](b)", "y".repeat(4000));
    assert_eq!(outcome(&say(&list), &c), Outcome::Accepted);
}

#[test]
fn refusals_truncation_and_their_order() {
    let c = context(Policy::Auto);
    let long = review_of(400);
    let cut = Answer { text: &long, truncated: true, refused: false };
    assert_eq!(outcome(&cut, &c), Outcome::Truncated);
    assert_eq!(outcome(&Answer { refused: true, ..cut }, &c), Outcome::Refused);
    for text in [
        "I'm sorry, but I can't assist with that.",
        "I’m sorry, I cannot help with this request.",
        "I cannot review this file.",
        "As an AI, I am unable to access files.",
    ] {
        assert_eq!(outcome(&say(text), &c), Outcome::Refused, "{text}");
    }
    let honest =
        format!("I cannot find a fault in this file.\n- checked: all.{}", " ok".repeat(90));
    assert_eq!(outcome(&say(&honest), &c), Outcome::Accepted);
    let worked = format!("I can't review the tests, but:\n\n1. Fix a (80%){}", " so".repeat(80));
    assert_eq!(outcome(&say(&worked), &c), Outcome::Accepted);
}

#[test]
fn leaks_are_caught_only_for_split_files() {
    let text = format!("{} In shard 3 the lock is missing.", review_of(300));
    let mut c = context(Policy::Structured);
    assert_eq!(outcome(&say(&text), &c), Outcome::Accepted);
    c.shards_total = 4;
    assert_eq!(outcome(&say(&text), &c), Outcome::Leaked);
    c.source = "shard 3 is special";
    assert_eq!(outcome(&say(&text), &c), Outcome::Accepted);
}

#[test]
fn forensic_answers() {
    let c = context(Policy::Forensic);
    for (text, want) in [
        (r#"{"verdict":"fail","critical_failures":["a"]}"#, Outcome::Accepted),
        (r#"{"verdict":"needs_patch","required_next_actions":["a"]}"#, Outcome::Accepted),
        (
            r#"{"verdict":"pass","verified_components":[{"text":"a","evidence":"l. 3"}]}"#,
            Outcome::Accepted,
        ),
        (r#"{"verdict":"pass","verified_components":["a"]}"#, Outcome::Malformed),
        (
            r#"{"verdict":"pass","verified_components":[{"text":"a","evidence":" "}]}"#,
            Outcome::Malformed,
        ),
        (r#"{"verdict":"fail","risk_points":["a"]}"#, Outcome::Malformed),
        (r#"{"verdict":"needs_patch"}"#, Outcome::Malformed),
        ("## Fine\n- no JSON", Outcome::Malformed),
    ] {
        assert_eq!(outcome(&say(text), &c), want, "{text}");
    }
}

#[test]
fn a_forensic_answer_is_never_thin() {
    let text = r#"{"verdict":"fail","critical_failures":["a"]}"#;
    for policy in [Policy::Auto, Policy::Structured, Policy::Substantial] {
        assert_eq!(outcome(&say(text), &context(policy)), Outcome::Accepted, "{policy:?}");
    }
}

#[test]
fn auto_takes_either_form_unless_forensic_was_asked_for() {
    let mut c = context(Policy::Auto);
    let markdown = review_of(300);
    assert_eq!(outcome(&say(&markdown), &c), Outcome::Accepted);
    let other_json = format!("```json\n{{\"a\": \"{}\"}}\n```", "x".repeat(300));
    assert_eq!(outcome(&say(&other_json), &c), Outcome::Malformed);
    c.wants_forensic = true;
    let Judgement::Rejected { outcome, reason } = judge(&say(&markdown), &c) else {
        panic!("Markdown where JSON was asked for")
    };
    assert_eq!(outcome, Outcome::Malformed);
    assert!(reason.contains("verdict"), "the next rung must learn what to do: {reason}");
}

#[test]
fn auto_asks_of_markdown_what_the_sweep_says() {
    let c = Context { markdown_policy: MarkdownPolicy::Substantial, ..context(Policy::Auto) };
    assert_eq!(outcome(&say(&review_of(3800)), &c), Outcome::Accepted);
    assert_eq!(outcome(&say(&review_of(3799)), &c), Outcome::Thin);
    let json = r#"{"verdict":"fail","critical_failures":["a"]}"#;
    assert_eq!(outcome(&say(json), &c), Outcome::Accepted);
    let named = Context { policy: Policy::Structured, ..c };
    assert_eq!(outcome(&say(&review_of(300)), &named), Outcome::Accepted);
}

#[test]
fn five_suggestions_need_a_confidence() {
    let c = context(Policy::Structured);
    let list = |n: usize, last: &str| {
        let items: Vec<String> = (1..=n)
            .map(|i| format!("{i}. Change number {i} of this, at some length, please"))
            .collect();
        let items = items.join("\n") + "\n";
        format!("## Suggested changes\n{items}{last}\n")
    };
    assert_eq!(outcome(&say(&list(5, "")), &c), Outcome::Malformed);
    assert_eq!(outcome(&say(&list(4, "")), &c), Outcome::Accepted);
    assert_eq!(outcome(&say(&list(5, "6. And this (80%)")), &c), Outcome::Accepted);
}

#[test]
fn a_copy_of_the_material_is_no_review() {
    const FENCE: &str = "b661f8695dc90ed953acd7c6";
    let c = Context { fence: FENCE, ..context(Policy::Auto) };
    let copy = format!("{}\nfn main() {{}}\n{FENCE}>>>\n", review_of(300));
    let Judgement::Rejected { outcome: malformed, reason } = judge(&say(&copy), &c) else {
        panic!("a copy")
    };
    assert_eq!(malformed, Outcome::Malformed);
    assert!(reason.contains("between the markers") && !reason.contains(FENCE), "{reason}");
    assert_eq!(outcome(&say(&copy), &context(Policy::Auto)), Outcome::Accepted, "not its fence");
    assert_eq!(outcome(&say(&review_of(300)), &c), Outcome::Accepted);
    let summary = format!("<<<{FENCE}\nfn main() {{}}\n{FENCE}>>>");
    assert_eq!(judge_shard_summary(&say(&summary), FENCE).unwrap_err().0, Outcome::Malformed);
    assert!(judge_shard_summary(&say(&summary), "").is_ok());
}

#[test]
fn shard_summaries() {
    let ok = "Defines `load`, which reads a file.";
    assert_eq!(judge_shard_summary(&say(ok), ""), Ok(ok.to_owned()));
    let cut = Answer { text: ok, truncated: true, refused: false };
    assert!(judge_shard_summary(&cut, "").is_ok(), "a cut summary is still one");
    assert_eq!(judge_shard_summary(&say("short"), "").unwrap_err().0, Outcome::Thin);
    let no = judge_shard_summary(&say("I'm sorry, but I can't help with that request."), "");
    assert_eq!(no.unwrap_err().0, Outcome::Refused);
}

#[test]
fn a_quotation_in_a_reason_holds_no_piece_of_a_secret() {
    // Written in pieces, so that no scanner of sources takes them for keys.
    let body = "q7Rz0KpW3mX9vLb2Ns8TfY4cHd6JgA1eUiQo";
    let token = ["gh", "p_", body].concat();
    let reason = |answer: &Answer<'_>, shards_total: u32| {
        let context = Context { shards_total, ..context(Policy::Auto) };
        match judge(answer, &context) {
            Judgement::Accepted(_) => panic!("accepted: {}", answer.text),
            Judgement::Rejected { reason, .. } => reason,
        }
    };
    let pieces = |reason: &str| {
        let reason = reason.to_lowercase();
        let all = body.to_lowercase();
        (0..body.len() - 8).any(|at| reason.contains(&all[at..at + 8]))
    };
    for line in [token.clone(), format!("password = \"{body}\"")] {
        for blanks in 0..40 {
            let lead = format!("I cannot help with{}", " it".repeat(blanks));
            let text = format!("{lead} {line} in it.");
            let told = reason(&say(&text), 0);
            assert!(told.contains("the model declined") && !pieces(&told), "{told}");
            let leaked =
                format!("## Score\n{line}{}\nIn shard 2 of 3 I saw {line}", " x".repeat(blanks));
            let told = reason(&say(&leaked), 3);
            assert!(told.contains("shard 2 of 3") && !pieces(&told), "{told}");
        }
        let looping = format!("- Quote: `{line}`\n").repeat(40);
        for cut in looping.len() - 80..looping.len() {
            let cut = Answer { text: &looping[..cut], truncated: true, refused: false };
            let told = reason(&cut, 0);
            assert!(told.contains("over and over") && !pieces(&told), "{told}");
        }
    }
}

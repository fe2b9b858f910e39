use super::*;
use crate::accept::Answer;
use queue_schema::limits::TierLimits;
use queue_schema::rows::finding::{Confirmation, Stands};
use queue_schema::rows::{Confirmed, FindingKind, Outcome};

const SOURCE: &str = "fn last(all: &[u8]) -> u8 {\n    all[all.len()]\n}\n\nfn add(a: u8, b: u8) -> u8 {\n    a + b\n}\n";

fn bounds() -> ConfirmBounds {
    ConfirmBounds { min_confidence: 90, max_findings: 5, context_lines: 20, max_share: 40 }
}

fn sure(line: u32) -> Finding {
    Finding {
        confidence: Some(95),
        anchored: true,
        line: Some(line),
        end_line: Some(line),
        quote: Some("all[all.len()]".into()),
        ..Finding::new(FindingKind::Suggestion, "Reads past the end (Confidence: 95%)")
    }
}

#[test]
fn only_what_is_sure_and_holds_is_worth_a_second_call() {
    let with = |change: fn(&mut Finding)| {
        let mut finding = sure(2);
        change(&mut finding);
        candidates(&[finding], &bounds())
    };
    assert_eq!(with(|_| {}), [0]);
    let not: [fn(&mut Finding); 7] = [
        |f| f.confidence = Some(89),
        |f| f.confidence = None,
        |f| f.confidence_unreadable = true,
        |f| f.anchored = false,
        |f| f.checks = vec!["style".into()],
        |f| f.confirmed = Some(Confirmed::Program),
        |f| f.kind = FindingKind::VerifiedComponent,
    ];
    for (n, change) in not.into_iter().enumerate() {
        assert!(with(change).is_empty(), "{n}");
    }
    assert_eq!(candidates(&vec![sure(2); 9], &bounds()), [0, 1, 2, 3, 4]);
}

#[test]
fn the_call_sees_neither_confidence_nor_author_and_keeps_to_its_share() {
    let findings = [sure(2), sure(6)];
    let asked =
        ask("a.rs", SOURCE, &findings, vec![0, 1], &bounds(), (5000, "MARK", false)).unwrap();
    let user = &asked.prompt.user;
    assert!(user.contains("2:     all[all.len()]") && user.contains("CLAIM 2 (line 6)"), "{user}");
    assert!(!user.contains("95") && !user.to_lowercase().contains("confidence"), "{user}");
    assert_eq!((asked.about.as_slice(), asked.max_tokens), (&[0, 1][..], 300));
    assert!(user.ends_with("Answer claims 1 to 2.\n"), "{user}");
    let asked = ask("a.rs", SOURCE, &findings, vec![1], &bounds(), (5000, "MARK", false)).unwrap();
    assert!(asked.prompt.user.ends_with("Answer claim 1.\n"), "{}", asked.prompt.user);
    // Fewer lines first, then fewer claims, then none.
    let long = format!("{}{SOURCE}", "// a line of words that takes room\n".repeat(200));
    let far: Vec<Finding> = [10, 202].map(sure).into();
    let (mut claims, mut lines) = (Vec::new(), Vec::new());
    for review in (100..6000).step_by(20) {
        let asked = ask("a.rs", &long, &far, vec![0, 1], &bounds(), (review, "MARK", false));
        let took = asked.as_ref().map_or(0, |asked| {
            crate::fit::guess_asked(&asked.prompt) + u64::from(asked.max_tokens)
        });
        assert!(took <= review * 40 / 100, "{review}: {took}");
        if let Some(asked) = &asked {
            assert!(
                asked.max_tokens as usize >= 50 * asked.about.len(),
                "{review}: no room to answer"
            );
            lines.extend((asked.about.len() == 2).then(|| asked.prompt.user.lines().count()));
        }
        claims.push(asked.map_or(0, |asked| asked.about.len()));
    }
    assert!(claims.is_sorted(), "{claims:?}");
    claims.dedup();
    assert_eq!(claims, [0, 1, 2]);
    assert!(lines.is_sorted(), "{lines:?}");
    lines.dedup();
    assert_eq!(lines.len(), 6, "20, 10, 5, 2, 1 and no lines around: {lines:?}");
}

#[test]
fn each_claim_is_shown_with_the_lines_around_its_code() {
    let source = "x\n".repeat(10);
    for (places, context_lines, want) in [
        (&[(4, 4)][..], 0, "4"),
        (&[(4, 4)], 1, "3 4 5"),
        (&[(4, 6)], 1, "3 4 5 6 7"),
        (&[(1, 1)], 2, "1 2 3"),
        (&[(10, 10)], 2, "8 9 10"),
        (&[(9, 9), (2, 2)], 1, "1 2 3 ... 8 9 10"),
        (&[(2, 2), (6, 6)], 1, "1 2 3 ... 5 6 7"),
        // What touches is one.
        (&[(2, 2), (5, 5)], 1, "1 2 3 4 5 6"),
        (&[(2, 8), (4, 4)], 1, "1 2 3 4 5 6 7 8 9"),
    ] {
        let of = |(line, end): &(u32, u32)| Finding { end_line: Some(*end), ..sure(*line) };
        let findings: Vec<Finding> = places.iter().map(of).collect();
        let bounds = ConfirmBounds { context_lines, ..bounds() };
        let about = (0..findings.len()).collect();
        let asked = ask("a.rs", &source, &findings, about, &bounds, (9000, "MARK", false)).unwrap();
        let number = |line: &str| {
            line.strip_suffix(": x").or((line == "...").then_some("...")).map(str::to_owned)
        };
        let shown: Vec<String> = asked.prompt.user.lines().filter_map(number).collect();
        assert_eq!(shown.join(" "), want, "{places:?}");
    }
}

#[test]
fn what_leaves_is_masked_while_it_is_whole() {
    let frame = ["PRIVATE", " KEY-----"].concat();
    let body: Vec<String> = (0..3).map(|n| format!("MHcCAQEEI{n}").repeat(6)).collect();
    let key = format!("-----BEGIN EC {frame}\n{}\n-----END EC {frame}\n", body.join("\n"));
    let source = format!("{key}\n\n\n\n{SOURCE}");
    let mut findings = [sure(11)];
    findings[0].text = format!("Reads past {} (Confidence: 95%)", &body[1][5..40]);
    for (leaves, masked, lines) in [(true, 2, 3), (false, 0, 0)] {
        let about = (9000, "MARK", leaves);
        let asked = ask("a.rs", &source, &findings, vec![0], &bounds(), about).unwrap();
        let user = &asked.prompt.user;
        assert_eq!(asked.masked, masked);
        assert_eq!(user.matches(": [masked:private_key]\n").count(), lines, "{user}");
        let piece = |line: &String| user.contains(&line[8..20]);
        assert_eq!(body.iter().any(piece), !leaves, "{user}");
        assert!(user.contains("11:     all[all.len()]"), "{user}");
    }
}

fn said(text: &str, claims: usize) -> Result<Vec<Option<Stands>>, Outcome> {
    let answer = Answer { text, ..Answer::default() };
    let all = judge(&answer, claims).map_err(|(outcome, _)| outcome)?;
    Ok(all.into_iter().map(|one| one.map(|c| c.said)).collect())
}

#[test]
fn answers_are_read_in_any_dress_and_upheld_needs_a_wrong_result() {
    use Stands::{CantTell, Rejected, Upheld};
    let full = "INPUT: an empty slice\nACTUAL: panics\nEXPECTED: an error\n";
    for (text, expected) in [
        (format!("CLAIM: 1\n{full}VERDICT: upheld"), Upheld),
        (format!("**CLAIM 1:**\n{full}**VERDICT:** Upheld."), Upheld),
        (format!("{full}- VERDICT: upheld"), Upheld),
        (
            r#"{"claim": 1, "input": "[]", "actual": "panics", "expected": "None", "verdict": "upheld"}"#
                .into(),
            Upheld,
        ),
        ("CLAIM: 1\nINPUT: none\nACTUAL: none\nEXPECTED: none\nVERDICT: rejected".into(), Rejected),
        (format!("CLAIM: 1\n{full}VERDICT: not upheld"), Rejected),
        ("CLAIM: 1\nVERDICT: can’t tell".into(), CantTell),
        // It upholds and shows nothing.
        ("CLAIM: 1\nVERDICT: upheld".into(), CantTell),
        ("CLAIM: 1\nINPUT: x\nACTUAL: returns 1\nEXPECTED: Returns 1.\nVERDICT: upheld".into(), CantTell),
        ("CLAIM: 1\nINPUT: n/a\nACTUAL: panics\nEXPECTED: an error\nVERDICT: upheld".into(), CantTell),
        // The parts may stand on lines of their own, and words behind the verdict are none of it.
        (
            "CLAIM: 1\nINPUT:\n[]\nACTUAL:\npanics\nEXPECTED and what they should do:\nan error\nVERDICT: upheld".into(),
            Upheld,
        ),
        (format!("{full}VERDICT: upheld\nThat is all, but for the tests."), Upheld),
        (
            "CLAIM: 1\nINPUT: the input that you chose, as a value\nACTUAL: what these lines do with that value\n\
             EXPECTED: what they should do with it\nVERDICT: upheld"
                .into(),
            CantTell,
        ),
        (
            "CLAIM 1 (line 6): it reads past the end\nINPUT and the input, as a value: [1]\nACTUAL: raises\n\
             EXPECTED: 1\nVERDICT: upheld"
                .into(),
            Upheld,
        ),
        // Hedged, or more than one.
        (format!("CLAIM: 1\n{full}VERDICT: upheld in part"), CantTell),
        (format!("CLAIM: 1\n{full}VERDICT: upheld, rejected or can't tell"), CantTell),
        (format!("CLAIM: 1\n{full}VERDICT: upheld\nCLAIM: 1\nVERDICT: rejected"), CantTell),
    ] {
        assert_eq!(said(&text, 1).unwrap(), [Some(expected)], "{text}");
    }
    let two = format!("CLAIM: 2\n{full}VERDICT: upheld\nCLAIM: 3\nVERDICT: rejected");
    assert_eq!(said(&two, 3).unwrap(), [None, Some(Upheld), Some(Rejected)]);
    let dressed = format!(
        "**Claim 2 (line 6):**\n{full}VERDICT: upheld\nClaim number: 13\nVERDICT: rejected"
    );
    let told = said(&dressed, 13).unwrap();
    assert_eq!(
        (told[1], told[12], told.iter().flatten().count()),
        (Some(Upheld), Some(Rejected), 2)
    );
    let fenced = "INPUT:\n```\n[1,\n2]\n```\nACTUAL: panics\nEXPECTED: 1\nVERDICT: upheld";
    let kept = judge(&Answer { text: fenced, ..Answer::default() }, 1).unwrap().remove(0).unwrap();
    assert_eq!((kept.input.as_str(), kept.actual.as_str()), ("[1, 2]", "panics"));
    for (text, outcome) in [
        ("", Outcome::Thin),
        ("The claims are right.", Outcome::Malformed),
        ("CLAIM: 7\nVERDICT: upheld", Outcome::Malformed),
        ("VERDICT: rejected", Outcome::Malformed),
        ("I'm sorry, but I can't help with that.", Outcome::Refused),
    ] {
        assert_eq!(said(text, 2).unwrap_err(), outcome, "{text}");
    }
    let cut = Answer { text: "CLAIM: 1\nINPUT: a", truncated: true, ..Answer::default() };
    assert_eq!(judge(&cut, 1).unwrap_err().0, Outcome::Truncated);
}

#[test]
fn upheld_lifts_the_cap_rejected_blocks_and_an_open_one_stays_capped() {
    let limits = TierLimits::default();
    let tier = |said: Option<Stands>| {
        let mut findings = vec![sure(2)];
        let said = said.map(|said| Confirmation { said, ..Confirmation::default() });
        settle(&mut findings, &[0], vec![said], "p/m");
        crate::tier::tier(&findings, limits).tier
    };
    assert_eq!(tier(Some(Stands::Upheld)), "auto");
    assert_eq!(tier(Some(Stands::CantTell)), "dry_run");
    assert_eq!(tier(None), "dry_run");
    assert_eq!(tier(Some(Stands::Rejected)), "block");
    // One that is rejected goes behind the others.
    let mut two = vec![sure(2), sure(6)];
    let rejected = Confirmation { said: Stands::Rejected, ..Confirmation::default() };
    settle(&mut two, &[0], vec![Some(rejected)], "p/m");
    assert_eq!((two[0].line, two[1].checks.as_slice()), (Some(6), &[REJECTED.to_owned()][..]));
    assert_eq!(two[1].confirmation.as_ref().map(|c| c.by.as_str()), Some("p/m"));
}

use super::*;
use proptest::prelude::*;
use queue_schema::rows::{Confirmed, FindingKind, FindingProof};

fn tier(findings: &[Finding]) -> Tiers {
    super::tier(findings, TierLimits::default())
}

fn finding(quote: Option<&str>, confidence: Option<u8>, anchored: bool) -> Finding {
    Finding {
        quote: quote.map(Into::into),
        anchored,
        confidence,
        confirmed: Some(Confirmed::Call),
        ..Finding::new(FindingKind::Suggestion, "x")
    }
}

#[test]
fn tiers_have_their_edges() {
    for (c, want) in [
        (100, "auto"),
        (90, "auto"),
        (89, "dry_run"),
        (70, "dry_run"),
        (69, "simulation"),
        (50, "simulation"),
        (49, "block"),
        (0, "block"),
    ] {
        assert_eq!(tier(&[finding(None, Some(c), true)]).tier, want, "{c}");
    }
    let none = tier(&[finding(None, None, true)]);
    assert_eq!((none.min, none.avg, none.tier, none.tier_avg), (None, None, "block", "block"));
    let mixed = tier(&[finding(None, Some(95), true), finding(None, Some(55), true)]);
    assert_eq!((mixed.min, mixed.avg), (Some(55), Some(75.0)));
    assert_eq!((mixed.tier, mixed.tier_avg), ("simulation", "dry_run"));
}

#[test]
fn auto_needs_every_finding_confirmed_and_a_failed_check_blocks() {
    let sure = || finding(None, Some(99), true);
    let plain = || Finding { confirmed: None, ..sure() };
    let proven = || Finding { proven: Some(FindingProof::default()), ..plain() };
    let right = || Finding { kind: FindingKind::VerifiedComponent, ..plain() };
    let failed = || Finding { checks: vec!["praise".into()], ..sure() };
    let unread = || Finding { confidence: None, confidence_unreadable: true, ..sure() };
    for (findings, want) in [
        (vec![sure()], "auto"),
        (vec![sure(), right()], "auto"),
        (vec![plain()], "dry_run"),
        (vec![sure(), plain()], "dry_run"),
        // A test stands behind it as well as another call would.
        (vec![sure(), proven()], "auto"),
        (vec![plain(), proven()], "dry_run"),
        (vec![sure(), failed()], "block"),
        (vec![failed()], "block"),
        (vec![sure(), unread()], "simulation"),
        (vec![plain(), sure(), unread()], "simulation"),
        (vec![unread()], "block"),
        (vec![unread(), failed()], "block"),
    ] {
        let tiers = tier(&findings);
        assert_eq!((tiers.tier, tiers.tier_avg), (want, want), "{findings:?}");
    }
}

#[test]
fn the_edges_are_as_set() {
    let limits = TierLimits { auto: 80, dry_run: 60, simulation: 0, calibrated: false };
    for (c, want) in [(80, "auto"), (79, "dry_run"), (59, "simulation"), (0, "simulation")] {
        assert_eq!(super::tier(&[finding(None, Some(c), true)], limits).tier, want, "{c}");
    }
    assert_eq!(super::tier(&[finding(None, None, true)], limits).tier, "block");
}

#[test]
fn the_calibrated_confidence_counts_where_it_is_asked_for() {
    let one = Finding { confidence_calibrated: Some(55), ..finding(None, Some(95), true) };
    let of = |calibrated| {
        super::tier(std::slice::from_ref(&one), TierLimits { calibrated, ..TierLimits::default() })
    };
    assert_eq!((of(false).tier, of(true).tier), ("auto", "simulation"));
    assert_eq!(of(true).min, Some(95), "what was said stays");
}

#[test]
fn without_an_anchor_the_tier_is_block() {
    let t = tier(&[finding(None, Some(99), false)]);
    assert_eq!((t.min, t.tier, t.tier_avg), (Some(99), "block", "block"));
}

fn rank(name: &str) -> usize {
    ["block", "simulation", "dry_run", "auto"].iter().position(|n| *n == name).unwrap()
}

proptest! {
    #[test]
    fn an_unanchored_finding_never_raises_a_tier(
        given in proptest::collection::vec((proptest::option::of(0u8..=100), any::<bool>()), 0..8),
        more in proptest::option::of(0u8..=100),
    ) {
        let mut findings: Vec<Finding> =
            given.iter().map(|(c, a)| finding(None, *c, *a)).collect();
        let anchored: Vec<Finding> =
            findings.iter().filter(|f| f.anchored).cloned().collect();
        let base = tier(&anchored);
        findings.push(finding(None, more, false));
        let with = tier(&findings);
        prop_assert!(rank(with.tier) <= rank(base.tier));
        prop_assert!(rank(with.tier_avg) <= rank(base.tier_avg));
    }
}

use super::*;
use crate::apply::tests::finding;
use queue_schema::rows::Confirmed;

fn criteria(min_conf: u8, min_each: u8, paths: PathRules, max_files: usize) -> Criteria {
    Criteria { min_conf, min_each, unconfirmed: true, prove: false, paths, max_files }
}

fn row(file: &str, at: &str, avg: f64, min: u8, tier: &str) -> ReviewRow {
    let mut fields = serde_json::json!({
        "file": file, "reviewed_at": at, "accepted_model": "p/m", "confidences_per_finding": [min],
        "confidence_avg": avg, "confidence_min": min, "gradient_tier": tier, "gradient_tier_avg": tier,
        "output_format": "markdown", "suggestions_preview": "", "scrum_master_reviewed": true,
        "tree_split_fired": false, "pathway_hot_swap_hit": false, "sweep_id": "s", "review_id": "s-0",
        "repo": "/r", "commit": "c", "blob": "b"
    });
    let map = fields.as_object_mut().unwrap();
    for name in [
        "accepted_on_attempt",
        "attempts_made",
        "findings_count",
        "schema_version",
        "rungs_saved",
        "tokens_in",
        "tokens_out",
        "duration_ms",
        "shards_total",
    ] {
        map.insert(name.into(), 0.into());
    }
    map.insert("findings".into(), serde_json::json!([finding(1, 1)]));
    for name in ["attempts", "shards_missing", "top_chunks"] {
        map.insert(name.into(), serde_json::json!([]));
    }
    serde_json::from_value(fields).unwrap()
}

#[test]
fn the_best_reviews_are_chosen_and_the_others_told_why_not() {
    let mut rows = [
        row("low.rs", "2026-01-02T00:00:00Z", 60.0, 60, "simulation"),
        row("b.rs", "2026-01-01T00:00:00Z", 92.0, 75, "dry_run"),
        row("a.rs", "2026-01-01T00:00:00Z", 95.0, 90, "auto"),
        row("unsure.rs", "2026-01-01T00:00:00Z", 91.0, 69, "dry_run"),
        row("mean.rs", "2026-01-01T00:00:00Z", 89.9, 80, "dry_run"),
        row("config/x.rs", "2026-01-01T00:00:00Z", 99.0, 99, "auto"),
        row("c.rs", "2026-01-01T00:00:00Z", 91.0, 91, "auto"),
    ];
    rows[6].findings[0].confirmed = Some(Confirmed::Program);
    let paths =
        PathRules { deny: vec!["config/".into()], permit: vec![], allow: vec!["rs".into()] };
    let mut criteria = criteria(90, 70, paths, 2);
    let select = |criteria: &Criteria| {
        let mut selector = Selector::new(criteria);
        for row in &rows {
            selector.look(row);
        }
        selector.end()
    };
    let selection = select(&criteria);
    assert_eq!((selection.looked_at, selection.passed_over), (7, 5));
    let files: Vec<_> = selection.chosen.iter().map(|c| c.file.as_str()).collect();
    assert_eq!(files, ["a.rs", "b.rs"]);
    let others: Vec<_> =
        selection.reasons.iter().map(|(file, why)| (file.as_str(), why.clone())).collect();
    assert_eq!(
        others,
        [
            ("config/x.rs", PassedOver::Denied("is denied by 'config/'".into())),
            ("low.rs", PassedOver::Tier("simulation".into())),
            ("mean.rs", PassedOver::Mean(Some(89.9))),
            ("unsure.rs", PassedOver::Least(Some(69))),
            ("c.rs", PassedOver::NoRoom(2)),
        ]
    );
    criteria.unconfirmed = false;
    let selection = select(&criteria);
    assert_eq!((selection.chosen.len(), selection.chosen[0].file.as_str()), (1, "c.rs"));
    assert!(selection.reasons.contains(&("a.rs".into(), PassedOver::Unconfirmed)));
}

#[test]
fn a_selection_keeps_the_best_and_a_few_reasons_of_any_number_of_reviews() {
    let paths = PathRules { allow: vec!["rs".into()], ..PathRules::default() };
    let criteria = criteria(50, 0, paths, 3);
    let mut selector = Selector::new(&criteria);
    for n in 0..1_000_u32 {
        let sure = f64::from(n * 7 % 1_000) / 10.0;
        selector.look(&row(&format!("{n:03}.rs"), "2026-01-01T00:00:00Z", sure, 60, "auto"));
    }
    let selection = selector.end();
    let best: Vec<f64> = selection.chosen.iter().map(|c| c.confidence_avg).collect();
    assert_eq!(best, [99.9, 99.8, 99.7]);
    assert_eq!((selection.looked_at, selection.passed_over), (1_000, 997));
    assert_eq!(selection.reasons.len(), 10);
    assert_eq!(selection.reasons[1].0, "001.rs", "the first by path");
    let mut selector = Selector::new(&criteria);
    for n in (10..25).rev() {
        selector.look(&row(&format!("{n}.rs"), "2026-01-01T00:00:00Z", 49.0, 60, "auto"));
    }
    let files: Vec<String> = selector.end().reasons.into_iter().map(|(file, _)| file).collect();
    assert_eq!(files, (10..20).map(|n| format!("{n}.rs")).collect::<Vec<_>>());
}

#[test]
fn a_review_that_is_just_sure_enough_is_chosen() {
    let paths = PathRules::new(&["ops/".into()], &[], &["rs".into()]);
    let criteria = criteria(90, 70, paths, 3);
    for (file, avg, min, why) in [
        ("a.rs", 90.0, 70, None),
        ("a.rs", 90.0, 69, Some("its least confidence is 69 %")),
        ("a.rs", 89.4, 70, Some("its mean confidence is 89 %")),
        ("ops/a.rs", 90.0, 70, Some("its path is denied by 'ops/'")),
    ] {
        let mut selector = Selector::new(&criteria);
        selector.look(&row(file, "2026-01-01T00:00:00Z", avg, min, "dry_run"));
        let told = selector.end().reasons.first().map(|(_, why)| why.to_string());
        assert_eq!(told.as_deref(), why, "{file} {avg} {min}");
    }
}

#[test]
fn what_a_test_is_to_prove_is_the_gravest_finding_whose_place_is_known() {
    use queue_schema::rows::{FindingAudit, Severity};
    let rejected = FindingAudit {
        verdict: AuditVerdict::Rejected,
        upheld: 0,
        rejected: 3,
        voters: 3,
        why: String::new(),
        sweep: String::new(),
    };
    let grave = |severity, f: Finding| Finding { severity: Some(severity), ..f };
    let mut row = row("a.rs", "2026-01-01T00:00:00Z", 95.0, 95, "dry_run");
    row.findings = vec![
        grave(Severity::Minor, finding(1, 1)),
        Finding { anchored: false, ..grave(Severity::Critical, finding(2, 2)) },
        Finding { audit: Some(rejected), ..grave(Severity::Critical, finding(3, 3)) },
        grave(Severity::Major, Finding { confidence: Some(91), ..finding(4, 4) }),
        grave(Severity::Major, finding(5, 5)),
        grave(Severity::Major, finding(6, 6)),
    ];
    let paths = PathRules { allow: vec!["rs".into()], ..PathRules::default() };
    let asked = |prove| {
        let criteria = criteria(90, 70, paths.clone(), 2);
        let criteria = Criteria { unconfirmed: false, prove, ..criteria };
        let mut selector = Selector::new(&criteria);
        selector.look(&row);
        selector.end()
    };
    assert_eq!(asked(false).reasons[0].1, PassedOver::Unconfirmed);
    let chosen = asked(true).chosen;
    assert_eq!(
        chosen[0].claim.as_ref().map(|(n, _)| *n),
        Some(4),
        "no call need have confirmed it"
    );
}

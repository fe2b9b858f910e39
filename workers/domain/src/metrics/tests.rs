use super::*;
use crate::parse;
use crate::review::{self, Accepted, Pathway, Spent};
use queue_schema::ledger::{self, Taken, TaskClass, Tried};
use queue_schema::rows::{Attempt, FindingKind, Outcome};
use queue_schema::sweep::{Policy, Rung, SplitMode};
use std::collections::BTreeMap;

fn attempt(n: u32, outcome: Outcome) -> Attempt {
    Attempt {
        chars: 1,
        tokens_in: 1,
        tokens_out: 1,
        duration_ms: 1,
        ..crate::fixtures::attempt(n, outcome)
    }
}

fn review(answer: &str, source: &str, attempts: &[Attempt]) -> ReviewRow {
    let mut parsed = parse::forensic(answer).unwrap();
    crate::anchor::anchor(&mut parsed.findings, "a.rs", source);
    review::row(&Accepted {
        reviewed_at: "2026-01-02T03:04:05Z",
        sweep_id: "s",
        review_id: "s-0",
        repo: "/r",
        commit: "c",
        path: "a.rs",
        blob: "b",
        answer,
        parsed: &parsed,
        attempts,
        spent_around: Spent::default(),
        shards_total: 0,
        shards_missing: &[],
        shards_shortened: 0,
        encoding: "",
        top_chunks: &[],
        shards_masked: 0,
        retrieval: "none",
        type_hints: &[],
        pathway: &Pathway::default(),
        limits: review::RowLimits::default(),
    })
}

fn ladder(name: &str, model: &str) -> Ladder {
    let rung = Rung {
        provider: "p".into(),
        model: model.into(),
        note: String::new(),
        max_tokens: None,
        context_tokens: None,
        max_findings: None,
        temperature: None,
        usd_per_million_in: None,
        usd_per_million_out: None,
    };
    Ladder { name: name.into(), description: String::new(), rungs: vec![rung] }
}

fn swept(id: &str, counters: &[(&str, u64)]) -> Swept {
    let limits = queue_schema::sweep::Limits {
        split_over_bytes: 1,
        shard_bytes: 1,
        max_file_bytes: 1,
        max_targets: 0,
        admission_window: 1,
        plan_page: 1,
        transient_retries: 1,
        empty_retries: 0,
        max_findings: 5,
        max_tokens: 1,
        shard_max_tokens: 1,
        temperature: 0.0,
        top_chunks: 1,
        split: SplitMode::Syntax,
        split_version: 1,
        chained: false,
        markdown_policy: queue_schema::sweep::MarkdownPolicy::default(),
        notes_chars: 0,
        accept: queue_schema::limits::AcceptLimits::default(),
        tiers: queue_schema::limits::TierLimits::default(),
        documents: queue_schema::limits::DocumentLimits::default(),
        history: queue_schema::limits::HistoryLimits::default(),
        hints: queue_schema::limits::HintLimits::default(),
        memory: None,
    };
    Swept {
        id: id.into(),
        spec: SweepSpec {
            v: 1,
            repo: "/r".into(),
            identity: String::new(),
            rev: "HEAD".into(),
            commit: "c".into(),
            globs: Vec::new(),
            prd: None,
            proposal: None,
            hints: None,
            forensic: None,
            ladder: ladder("l", "m"),
            shard_ladder: ladder("l", "m"),
            policy: Policy::Auto,
            limits,
            embedding: String::new(),
            local: Vec::new(),
            facts: None,
            confirm: None,
            diff: None,
            audit: None,
            calibration: Vec::new(),
            expected: None,
            schedule: None,
            labels: BTreeMap::new(),
            again: 0,
        },
        state: "done".into(),
        started_at: "2026-01-02T03:04:05Z".into(),
        wall_ms: 1000,
        resolved: counters.iter().find(|(f, _)| *f == "files").map_or(0, |(_, n)| *n),
        unresolved: 0,
        skipped: 0,
        left_out: 0,
        attempts: 2,
        tokens_in: 100,
        tokens_out: 10,
        cost_micro_usd: 0,
        counters: counters.iter().map(|(f, n)| ((*f).to_owned(), *n)).collect(),
        ledger: Ledger::new(),
    }
}

#[test]
fn every_kind_of_finding_has_its_severity() {
    use FindingKind as K;
    let of = |kind| Severity::of(kind).as_str();
    assert_eq!(of(K::CriticalFailure), "critical");
    for kind in [
        K::PseudocodeFlag,
        K::BrokenPipeline,
        K::PrdMismatch,
        K::Contradiction,
        K::MissingComponent,
    ] {
        assert_eq!((of(kind), Severity::of(kind).sarif_level()), ("major", "warning"));
    }
    assert_eq!((of(K::Suggestion), of(K::RiskPoint)), ("minor", "minor"));
    assert_eq!((of(K::VerifiedComponent), of(K::RequiredNextAction)), ("info", "info"));
    assert_eq!(Severity::of(K::RequiredNextAction).sarif_level(), "note");
}

#[test]
fn an_accepted_review_adds_what_it_says() {
    let answer = r#"{"verdict":"needs_patch",
        "critical_failures":[{"text":"x","quote":"fn main() {}","confidence":95}],
        "risk_points":["y","z"],"verified_components":["v"]}"#;
    let attempts = [attempt(1, Outcome::Thin), attempt(2, Outcome::Accepted)];
    let row = review(answer, "fn main() {}\n", &attempts);
    let adds = adds(&row, Markers { todo: 2, placeholder: 0, dead_code: 1 });
    let adds: BTreeMap<&str, i64> = adds.iter().map(|(f, n)| (f.as_str(), *n)).collect();
    let wanted = BTreeMap::from([
        ("files", 1),
        ("findings", 4),
        ("severity.critical", 1),
        ("severity.minor", 2),
        ("severity.info", 1),
        ("anchored", 1),
        ("unanchored", 3),
        ("verdict.needs_patch", 1),
        ("tier.dry_run", 1),
        ("markers.todo", 2),
        ("markers.dead_code", 1),
        ("escalations", 1),
    ]);
    assert_eq!(adds, wanted);
}

#[test]
fn a_review_adds_how_its_findings_stand_against_earlier_ones() {
    use queue_schema::rows::finding::GoneFinding;
    use queue_schema::rows::{
        Finding,
        FindingState::{Changed, New, Open, Reopened},
    };
    let mut row =
        review("{\"verdict\":\"pass\"}", "fn main() {}\n", &[attempt(1, Outcome::Accepted)]);
    let of = |state, checks: &[&str]| Finding {
        state,
        checks: checks.iter().map(|c| (*c).to_owned()).collect(),
        ..Finding::new(FindingKind::Suggestion, "x")
    };
    row.findings = [
        (Some(New), &["style"][..]),
        (Some(New), &[]),
        (Some(Open), &["style"]),
        (Some(Changed), &[]),
        (Some(Reopened), &[]),
        (None, &[]),
    ]
    .map(|(state, checks)| of(state, checks))
    .to_vec();
    let gone =
        GoneFinding { id: "1".into(), kind: FindingKind::Suggestion, text: "x".into(), line: None };
    (row.findings_gone, row.findings_unrepeated) = (vec![gone], 3);
    let adds = adds(&row, Markers::default());
    let known: Vec<_> = adds
        .iter()
        .filter(|(field, _)| field.starts_with("known."))
        .map(|(field, n)| (field.as_str(), *n))
        .collect();
    assert_eq!(
        known,
        [
            ("known.new", 2),
            ("known.reopened", 1),
            ("known.doubtful_news", 1),
            ("known.open", 1),
            ("known.changed", 1),
            ("known.unrepeated", 3),
            ("known.fixed", 1)
        ]
    );
    assert!(adds.iter().all(|(field, _)| field != "escalations"), "its first attempt was accepted");
}

#[test]
fn the_first_sweep_is_held_against_nothing() {
    let row = row(&swept("a", &[("files", 2), ("findings", 3)]), None);
    assert_eq!((row.numbers.resolved, row.numbers.findings), (2, 3));
    assert_eq!((row.previous_sweep, row.delta), (None, None));
    assert!(row.not_like_for_like.is_empty());
    assert_eq!(row.numbers.cost_usd, None, "nobody told a price");
}

#[test]
fn a_later_sweep_says_what_has_changed() {
    let old = swept("a", &[("files", 2), ("findings", 5), ("severity.critical", 2)]);
    let mut new = swept("b", &[("files", 3), ("findings", 4), ("tier.auto", 1)]);
    new.cost_micro_usd = 1500;
    let row = row(&new, Some(&old));
    let delta = row.delta.unwrap();
    assert_eq!((delta.resolved, delta.findings, delta.severity.critical), (1, -1, -2));
    assert_eq!((delta.tiers.auto, delta.wall_ms), (1, 0));
    assert_eq!((row.numbers.cost_usd, delta.cost_usd), (Some(0.0015), None));
    assert!(row.not_like_for_like.is_empty(), "{:?}", row.not_like_for_like);
    // As JSON, the numbers stand beside the names, and the difference in one place.
    let json = serde_json::to_value(&row).unwrap();
    assert_eq!((&json["findings"], &json["delta"]["findings"]), (&4.into(), &(-1).into()));
    assert_eq!(serde_json::from_value::<LoopMetricsRow>(json).unwrap(), row);
}

#[test]
fn a_price_of_nothing_is_a_price() {
    let mut now = swept("a", &[]);
    let taken = Taken { cost_micro_usd: Some(0), ..Taken::default() };
    let tried = Tried::Answered(Outcome::Accepted, taken);
    let adds = ledger::adds("p", "m", TaskClass::Review, tried);
    ledger::gather(&mut now.ledger, adds.into_iter().map(|(f, n)| (f, n.unsigned_abs())));
    let numbers = row(&now, None).numbers;
    assert_eq!((numbers.cost_usd, numbers.calls), (Some(0.0), 1));
    // Whoever was not called had no price to tell; whoever was, and told none, did.
    let told = |tried| {
        let mut ledger = Ledger::new();
        let adds = ledger::adds("p", "m", TaskClass::Review, tried);
        ledger::gather(&mut ledger, adds.into_iter().map(|(f, n)| (f, n.unsigned_abs())));
        told_cost(0, &ledger)
    };
    assert_eq!(told(Tried::Found(Outcome::Accepted)), Some(0.0));
    assert_eq!(told(Tried::Answered(Outcome::Accepted, Taken::default())), None);
}

#[test]
fn what_is_not_like_for_like_is_said() {
    let old = swept("a", &[("files", 2)]);
    let reasons = |change: &dyn Fn(&mut Swept)| {
        let mut new = swept("b", &[("files", 2)]);
        change(&mut new);
        row(&new, Some(&old)).not_like_for_like.join("; ")
    };
    assert_eq!(reasons(&|_| {}), "");
    // Its name alone changes nothing.
    assert_eq!(reasons(&|s| s.spec.ladder.name = "other".into()), "");
    assert_eq!(
        reasons(&|s| s.spec.ladder = ladder("strong", "big")),
        "another ladder (strong, before l)"
    );
    assert!(reasons(&|s| s.spec.ladder = ladder("l", "big")).contains("have changed"));
    assert_eq!(
        reasons(&|s| s.spec.globs = vec!["src/**".into()]),
        "other targets (src/**, before all files)"
    );
    let doc = DocRef { name: "prd.md".into(), sha256: "1".into(), bytes: 1 };
    assert_eq!(reasons(&|s| s.spec.prd = Some(doc.clone())), "with a PRD");
    assert!(reasons(&|s| s.spec.policy = Policy::Forensic).contains("forensic, before auto"));
    assert!(reasons(&|s| s.spec.limits.top_chunks = 9).contains("other bounds"));
    assert_eq!(reasons(&|s| s.state = "cancelled".into()), "this sweep was cancelled");
    assert_eq!(reasons(&|s| s.state = "running".into()), "this sweep is not over");
    let left = reasons(&|s| (s.left_out, s.unresolved) = (580, 1));
    assert_eq!(
        left,
        "this sweep left out 580 files for its budget; this sweep has 1 file unresolved"
    );
    let bounds = queue_schema::sweep::FactsBounds {
        min_chars: 1,
        max_tokens: 1,
        review_chars: 1,
        source_chars: 1,
        preview_chars: 1,
        max_entities: 1,
        max_facts: 1,
        max_relationships: 1,
        max_text_chars: 1,
    };
    let facts = queue_schema::sweep::FactsSpec {
        extractor: ladder("l", "m").rungs.remove(0),
        verifier: ladder("l", "m").rungs.remove(0),
        bounds,
    };
    assert_eq!(reasons(&|s| s.spec.facts = Some(facts.clone())), "with facts");
    let confirm = serde_json::json!({"bounds":
        {"min_confidence": 1, "max_findings": 1, "context_lines": 1, "max_share": 1}});
    let more = |s: &mut Swept| {
        s.spec.confirm = serde_json::from_value(confirm.clone()).unwrap();
        s.spec.shard_ladder = ladder("l", "small");
    };
    assert_eq!(reasons(&more), "another ladder for shards; with confirmation of findings");
    let mut all = swept("a", &[("files", 2)]);
    (all.spec.facts, all.spec.prd) = (Some(facts.clone()), Some(doc));
    more(&mut all);
    assert_eq!(
        row(&swept("b", &[("files", 2)]), Some(&all)).not_like_for_like,
        [
            "another ladder for shards",
            "without a PRD",
            "without facts",
            "without confirmation of findings"
        ]
    );
    // With other rungs the notes are made by others anyhow.
    let both = reasons(&|s| {
        (s.spec.ladder, s.spec.shard_ladder) = (ladder("b", "big"), ladder("b", "big"));
    });
    assert_eq!(both, "another ladder (b, before l)");
    let older = reasons(&|s| s.resolved = 5);
    assert_eq!(older, "this sweep has 3 files reviewed by a version that did not count");
}

#[test]
fn a_repository_is_the_same_under_its_spellings() {
    assert!(same_repository("/r/app", "/r/app/"));
    assert!(same_repository("https://me:key@host/r/app.git", "https://host/r/app"));
    assert!(!same_repository("/r/app", "/r/app.git"), "these are two directories");
    assert!(!same_repository("https://host/r/app", "https://host/r/web"));
}

//! Memory as it is kept: read from its fields, written from what a review or another program says.

use super::*;
use queue_schema::ids::MemoryId;
use queue_schema::records::AreaRecord;
use queue_schema::rows::ReviewRow;

/// A review that a model did at its first attempt.
fn review(path: &str, model: &str, reviewed_at: &str) -> ReviewRow {
    crate::review::row(&crate::review::Accepted {
        reviewed_at,
        sweep_id: "s",
        review_id: "s-0",
        repo: "/r",
        commit: "c",
        path,
        blob: "b",
        answer: "",
        parsed: &crate::parse::markdown(""),
        attempts: &[attempt(1, model, Outcome::Accepted)],
        spent_around: crate::review::Spent::default(),
        shards_total: 0,
        shards_missing: &[],
        shards_shortened: 0,
        encoding: "",
        top_chunks: &[],
        shards_masked: 0,
        retrieval: "none",
        type_hints: &[],
        pathway: &crate::review::Pathway::default(),
        limits: crate::review::RowLimits::default(),
    })
}

#[test]
fn a_pathway_is_read_from_its_fields() {
    let json = serde_json::to_string(&trace("src/a/x.rs")).unwrap();
    let fields = [
        ("n:a", "5"),
        ("k:a", "4"),
        ("a:a", "false"),
        ("t:a", json.as_str()),
        ("t:b", &json),
        ("x:b", "it came retired"),
        ("n:b", "many"),
        ("x:c", "no such trace"),
        ("t:d", "{"),
        ("t:e", ""),
        ("r:a", "7"),
        ("plain", "7"),
    ];
    let of = |trace: Trace, retired: Option<&str>| KeptTrace {
        trace,
        retired: retired.map(str::to_owned),
    };
    let a = Trace {
        replay_count: 5,
        replays_succeeded: 4,
        audit_consensus: Some(false),
        ..trace("src/a/x.rs")
    };
    let b = Trace { retired: true, ..trace("src/a/x.rs") };
    let want = [("a".to_owned(), of(a, None)), ("b".to_owned(), of(b, Some("it came retired")))];
    assert_eq!(traces(fields), Traces::from(want));
    let print = KeptPrint { flag: "OffByOne".into(), example: "e".into(), since: 3 };
    let kept = vec![None, Some("{".into()), Some(serde_json::to_string(&print).unwrap())];
    assert_eq!(KeptPrint::read(kept), [None, None, Some(print)]);
}

#[test]
fn the_traces_of_a_review_are_its_own_or_those_of_its_model() {
    let model = |name: &str| TraceAttempt { rung: 0, model: name.into(), accepted: true };
    let of = |path: &str, at: &str, name: &str| KeptTrace {
        trace: Trace { created_at: at.into(), ladder_attempts: vec![model(name)], ..trace(path) },
        retired: None,
    };
    let all = Traces::from([
        ("a".to_owned(), of("src/a/x.rs", "1", "p/a")),
        ("b".to_owned(), of("src/a/x.rs", "2", "p/a")),
        ("c".to_owned(), of("src/a/y.rs", "1", "p/a")),
        ("d".to_owned(), of("src/a/x.rs", "1", "p/b")),
    ]);
    for (model, at, file, want) in [
        ("a", "1", "src/a/x.rs", &["a"][..]),
        ("a", "1", "src/a/y.rs", &["c"]),
        ("a", "3", "src/a/x.rs", &["a", "b", "c"]),
        ("b", "2", "src/a/z.rs", &["d"]),
        ("c", "1", "src/a/x.rs", &[]),
    ] {
        let review = review(file, model, at);
        assert_eq!(traces_of(&all, &review), want, "{model} at {at} of {file}");
    }
    let tried = [attempt(1, "b", Outcome::Thin), attempt(2, "gone", Outcome::Accepted)];
    let by = |rung, model: &str, accepted| TraceAttempt { rung, model: model.into(), accepted };
    let want = [by(1, "p/b", false), by(1, "p/gone", true)];
    assert_eq!(trace_attempts(&tried, &ladder(&["a", "b"])), want, "by the sweep's ladder");
}

#[test]
fn bounds_of_memory_belong_to_what_they_bound() {
    let exact = MemoryLimits { min_similarity: 1.0, ..limits() };
    let (remembered, swapped) = recall(&one(5, 4), &exact);
    assert_eq!(remembered.remembered_models, ["p/b"]);
    assert!(remembered.hit && swapped.is_some(), "four of five are the least that is wanted");
    assert_eq!(remembered.rate(), Some(0.8));
    assert_eq!(recall(&one(0, 0), &exact).0.rate(), None, "before the first replay");
    let all = ladder(&["a", "b", "c"]);
    let learn = |remembered: &Remembered, attempts: &[Attempt]| {
        let ended = Ended { attempts, findings: &[], source: "", ladder: &all, limits: &exact };
        let learnt = remembered.learn(&ended, Trace::default());
        (learnt.replay, learnt.rungs_saved)
    };
    let at_once = [attempt(1, "b", Outcome::Accepted)];
    let later = [attempt(1, "b", Outcome::Thin), attempt(2, "a", Outcome::Accepted)];
    assert_eq!(learn(&remembered, &at_once), (Some(true), 1));
    assert_eq!(learn(&remembered, &later), (Some(false), 0), "the first model failed");
    let (on_probation, _) = recall(&one(2, 2), &exact);
    assert_eq!(learn(&on_probation, &at_once), (Some(true), 0), "it began at the first rung");
    for (a, b, want) in [
        (&[3.0, 4.0][..], &[6.0, 8.0][..], 1.0),
        (&[1.0, 0.0], &[6.0, 8.0], 0.6),
        (&[1.0, 0.0], &[0.0, 5.0], 0.0),
        (&[1.0, 0.0], &[0.0, 0.0], 0.0),
    ] {
        assert!((similarity(a, b) - want).abs() < 1e-9, "{a:?} {b:?}");
    }
}

#[test]
fn mistakes_are_kept_with_the_sweep_that_found_them_first() {
    let memory = MemoryId::from("m");
    let print = |name: &str| Fingerprint {
        flag: "OffByOne".into(),
        pattern_key: format!("OffByOne:{name}"),
        example: format!("example {name}"),
        occurrences: 2,
    };
    let prints = ["old", "new", "over", "now"].map(print);
    assert_eq!(keys_of(&prints)[1..3], ["OffByOne:new", "OffByOne:over"]);
    let since = |since| Some(KeptPrint { since, ..KeptPrint::default() });
    let known = [since(1), None, None, since(5)];
    let area = AreaRecord::of(&memory, "src/a");
    let (effects, counts) = keep_prints(area, 5, &prints, &known, 1).unwrap();
    assert_eq!((counts.prints, counts.back), (4, 1), "of this sweep is none that comes back");
    let told = format!("{effects:?}").replace('\\', "");
    for (name, since) in [("old", 1), ("new", 5), ("now", 5)] {
        let kept = format!(r#""example":"example {name}","since":{since}"#);
        assert!(told.contains(&kept), "{kept} not in {told}");
    }
    assert!(!told.contains("OffByOne:over"), "there is room for one: {told}");
}

#[test]
fn a_trace_that_is_sent_is_kept_once_and_while_there_is_room() {
    let memory = MemoryId::from("m");
    let sent = Trace { replay_count: 3, replays_succeeded: 2, ..trace("src/a/x.rs") };
    let insert = |kept: &Traces, most| insert(&memory, 4, &sent, kept, &[], most).unwrap();
    let effects = insert(&Traces::new(), 1).unwrap();
    let id = trace_id(&[serde_json::to_string(&sent.kept()).unwrap().as_bytes()]);
    assert_eq!(id.len(), 16);
    let told = format!("{effects:?}").replace('\\', "");
    let whole = [format!("t:{id}"), format!("n:{id}"), format!("k:{id}"), "src/a".to_owned()];
    assert!(whole.iter().all(|part| told.contains(part)), "{told}");
    let (kept, own) = (serde_json::to_string(&sent.kept()).unwrap(), "it came retired");
    assert!(told.contains(&kept) && kept.contains("\"replay_count\":0"), "counted apart: {told}");
    assert!(!told.contains(own));
    let retired = Trace { retired: true, ..sent.clone() };
    assert!(format!("{:?}", keep(&memory, "r", &retired).unwrap()).contains(own));
    let there = |trace: Trace| Traces::from([("x".to_owned(), KeptTrace { trace, retired: None })]);
    let same = Trace { replay_count: 9, ..sent.clone() };
    assert_eq!(insert(&there(same), 50), None, "it is there, however often it was tried since");
    let other = there(trace("src/a/y.rs"));
    assert_eq!(insert(&other, 1), None, "there is no room");
    assert!(insert(&other, 2).is_some());
    let (good, bad) =
        (replay(&memory, &"p".into(), "t", true), replay(&memory, &"p".into(), "t", false));
    assert!(
        good.len() == 2 && bad.len() == 2 && good[0] != bad[0] && good[1] != bad[1],
        "{good:?}"
    );
}

//! Which requests are the same sweep.

use super::*;

fn spec() -> SweepSpec {
    let rung = serde_json::json!({ "provider": "p", "model": "m", "note": "n" });
    let ladder = serde_json::json!({ "name": "l", "description": "d", "rungs": [rung] });
    serde_json::from_value(serde_json::json!({
        "v": 1, "repo": "/r", "rev": "HEAD", "commit": "c", "globs": ["a", "b"], "prd": null,
        "proposal": null, "forensic": null, "ladder": ladder, "shard_ladder": ladder,
        "policy": "auto",
        "limits": {
            "split_over_bytes": 6000, "shard_bytes": 3500, "max_file_bytes": 1_048_576,
            "admission_window": 256, "plan_page": 2000, "transient_retries": 3,
            "max_tokens": 1500, "shard_max_tokens": 400, "temperature": 0.2, "top_chunks": 5,
        },
        "facts": { "extractor": rung, "verifier": rung, "bounds": {
            "min_chars": 1, "max_tokens": 1, "review_chars": 1, "source_chars": 1,
            "preview_chars": 1, "max_entities": 1, "max_facts": 1, "max_relationships": 1,
            "max_text_chars": 1,
        } },
    }))
    .unwrap()
}

#[test]
fn what_changes_no_review_changes_no_id() {
    let id = spec().id();
    let same = |what: &str, change: fn(&mut SweepSpec)| {
        let mut other = spec();
        change(&mut other);
        assert_eq!(other.id(), id, "{what}");
    };
    same("labels", |s| drop(s.labels.insert("team".into(), "core".into())));
    same("the revision's spelling", |s| s.rev = "main".into());
    same("order of targets", |s| s.globs = vec!["b".into(), "a".into(), "b".into()]);
    same("the window", |s| s.limits.admission_window = 7);
    same("the page", |s| s.limits.plan_page = 7);
    same("how many targets it may have", |s| s.limits.max_targets = 7);
    same("retries", |s| s.limits.transient_retries = 7);
    same("a ladder's description", |s| s.ladder.description = "other".into());
    same("a rung's note", |s| s.ladder.rungs[0].note = "other".into());
    same("a note for shards", |s| s.shard_ladder.rungs[0].note = "other".into());
    same("a note for facts", |s| {
        s.facts.as_mut().unwrap().verifier.note = "other".into();
    });
    let another = |what: &str, change: fn(&mut SweepSpec)| {
        let mut other = spec();
        change(&mut other);
        assert_ne!(other.id(), id, "{what}");
    };
    another("a target less", |s| drop(s.globs.pop()));
    another("a model", |s| s.ladder.rungs[0].model = "other".into());
    another("the size of shards", |s| s.limits.shard_bytes = 7);
    another("what is masked", |s| s.local = vec!["p".into()]);
    another("a repetition", |s| s.again = 7);
}

#[test]
fn a_sweep_of_before_without_words_for_people_keeps_its_digits() {
    let mut old = spec();
    old.rev.clear();
    for ladder in [&mut old.ladder, &mut old.shard_ladder] {
        ladder.description.clear();
        ladder.rungs[0].note.clear();
    }
    old.facts = None;
    let json = serde_json::to_string(&old).unwrap();
    assert!(!json.contains("local") && !old.says_local("p"), "unsaid is masked");
    assert_eq!(old.id()[8..], content_id(&[json.as_bytes()])[..16]);
    assert_eq!(old.id().repo(), Some(RepoId::of("/r")));
    assert_eq!(old.memory(), None);
}

#[test]
fn clones_of_a_repository_share_its_memory() {
    let limits = serde_json::json!({
        "enabled": true, "fingerprints": 8, "example_chars": 120, "dismissals": 5, "definitions": 20, "definition_chars": 120,
        "forget_sweeps": 20, "hot_swap": true, "min_replays": 3, "min_success": 0.8,
        "min_similarity": 0.9, "traces": 50,
    });
    let mut one = spec();
    one.identity = "host/r/app".to_owned();
    one.limits.memory = serde_json::from_value(limits).unwrap();
    let other = SweepSpec { repo: "/elsewhere".into(), ..one.clone() };
    assert_ne!(one.id(), other.id(), "each clone has a sweep of its own");
    assert_eq!(one.id().repo(), other.id().repo());
    let (memory, _) = one.memory().unwrap();
    assert_eq!(Some(memory.repo()), one.id().repo(), "they lie in one partition");
    assert_eq!(other.memory().unwrap().0, memory);
    one.limits.memory = None;
    assert_eq!(one.memory(), None, "switched off");
}

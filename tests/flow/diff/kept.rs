//! What has been answered is not asked again, and what is answered badly loses no part of the change.

use super::{LONG, branch, says};
use queue_schema::rows::DiffReview;
use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::wait::eventually;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Mutex;

/// Answers that the fleet has kept: reviewer and part.
#[tokio::main(flavor = "current_thread")]
async fn kept(redis: &RedisServer) -> Vec<(String, String)> {
    let queue = oracle::queue(&redis.url()).await;
    let Some(id) = queue.latest_sweeps(1).await.unwrap().pop() else { return Vec::new() };
    let rows = queue.rows::<DiffReview>(&id).await.unwrap();
    rows.into_iter().map(|row| (row.reviewer, row.bundle)).collect()
}

/// How often each reviewer was asked about each part.
fn asked(stub: &ModelStub) -> BTreeMap<(String, String), usize> {
    let mut all = BTreeMap::new();
    for call in stub.requests() {
        let part =
            ["api", "core", "ui"].into_iter().find(|p| call.prompt.contains(&format!("take_{p}")));
        *all.entry((call.model, part.unwrap().to_owned())).or_default() += 1;
    }
    all
}

#[test]
fn a_kill_at_half_time_repeats_no_call_that_was_answered() {
    let (repo, gate, redis) = (branch(), Gate::new(), RedisServer::start());
    let waits = gate.clone();
    let stub = ModelStub::with(move |call: &Recorded| {
        let reply = Reply::ok(says(call, "BLOCK"));
        if call.n <= 3 { reply } else { reply.held_by(&waits) }
    });
    let bench = Bench::with_stub(Some(redis.url()), &stub.openai_url(), &["a"])
        .short_leases()
        .set("diff.split_over_bytes", "1000")
        .set("diff.warn_over_bytes", "1000");
    let worker = bench.worker(&["--concurrency", "2"]);
    let path = repo.path().to_str().unwrap();
    let args =
        ["diff", path, "main..HEAD", "--reviewer=a=stub/a", "--reviewer=b=stub/b", "--quiet"];
    let command = bench.scrum(&args).stdout(Stdio::piped()).spawn().unwrap();
    eventually(LONG, "three are answered, two are asked", || {
        (kept(&redis).len() == 3 && stub.stats().in_flight == 2).then_some(())
    });
    let before = asked(&stub);
    assert_eq!(before.values().sum::<usize>(), 5);
    worker.kill9();
    gate.open();
    let _worker = bench.worker(&[]);
    assert_eq!(command.wait_with_output().unwrap().status.code(), Some(1));
    let after = asked(&stub);
    assert_eq!(after.len(), 6, "two reviewers for three parts");
    // Six, and the two whose answers nobody was there to take.
    assert_eq!(after.values().sum::<usize>(), 8, "{after:?}");
    assert!(after.values().all(|times| *times <= 2), "{after:?}");
    let again = after.iter().filter(|(what, times)| **times > 1 && before.contains_key(*what));
    assert_eq!(again.count(), 2, "only what was in flight: {after:?}");
}

#[test]
fn with_every_fifth_answer_malformed_or_empty_no_part_is_lost() {
    const BAD: [&str; 3] = ["", "{\"findings\": [{\"severity\":", " \n\n \t"];
    let repo = branch();
    let seen: Mutex<Vec<(String, String)>> = Mutex::default();
    let stub = ModelStub::with(move |call: &Recorded| {
        // By the order in which they come for the first time: a second try is no fifth.
        let key = (call.model.clone(), call.prompt.clone());
        let mut seen = seen.lock().unwrap();
        if seen.contains(&key) {
            return Reply::ok(says(call, "WARN"));
        }
        seen.push(key);
        if seen.len().is_multiple_of(5) {
            return Reply::ok(BAD[(seen.len() / 5) % BAD.len()]);
        }
        Reply::ok(says(call, "WARN"))
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["a"])
        .set("diff.split_over_bytes", "1000")
        .set("diff.warn_over_bytes", "1000");
    let path = repo.path().to_str().unwrap();
    let reviewers: Vec<String> = (0..5).map(|n| format!("--reviewer=r{n}=stub/m{n}")).collect();
    let mut args = vec!["diff", path, "main..HEAD", "--json"];
    args.extend(reviewers.iter().map(String::as_str));
    let done = bench.run(&args);
    let said: Value = serde_json::from_str(&done.stdout).unwrap();
    let count = |name: &str| said[name].as_array().unwrap().len();
    // Fifteen answers: each is there, or is named as missing.
    assert_eq!(count("reviews") + count("missing"), 15, "{said}");
    assert!(count("missing") <= 3, "{said}");
    assert_eq!((count("unreviewed"), done.code), (0, 0), "{said}");
}

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

/// Which part a call is about.
fn part(call: &Recorded) -> &'static str {
    let is = |part: &&str| call.prompt.contains(&format!("take_{part}"));
    ["api", "core", "ui"].into_iter().find(is).unwrap()
}

/// How often each reviewer was asked about each part.
fn asked(stub: &ModelStub) -> BTreeMap<(String, String), usize> {
    let mut all = BTreeMap::new();
    for call in stub.requests() {
        let part = part(&call).to_owned();
        *all.entry((call.model, part)).or_default() += 1;
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

/// Fifteen answers, of which every fifth is useless for the first `times` that it is asked for: what `scrum diff --json` says.
fn every_fifth_is_useless(times: usize) -> (Value, i32) {
    const USELESS: [&str; 3] = ["", "{\"findings\": [{\"severity\":", " \n\n \t"];
    let repo = branch();
    let asked: Mutex<Vec<(String, usize)>> = Mutex::default();
    let stub = ModelStub::with(move |call: &Recorded| {
        let key = format!("{} {}", call.model, part(call));
        let mut asked = asked.lock().unwrap();
        let at = asked.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            asked.push((key, 0));
            asked.len() - 1
        });
        asked[at].1 += 1;
        if at % 5 == 4 && asked[at].1 <= times {
            return Reply::ok(USELESS[at / 5 % USELESS.len()]);
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
    (serde_json::from_str(&done.stdout).unwrap(), done.code)
}

#[test]
fn with_every_fifth_answer_malformed_or_empty_no_part_is_lost() {
    // How often it is useless, and what is missing: the one rung is asked three times.
    for (times, missing) in [(2, 0), (3, 3)] {
        let (said, code) = every_fifth_is_useless(times);
        let count = |name: &str| said[name].as_array().unwrap().len();
        assert_eq!((count("reviews"), count("missing")), (15 - missing, missing), "{said}");
        assert_eq!((count("unreviewed"), code), (0, 0), "{said}");
    }
}

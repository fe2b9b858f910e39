//! Sweeps by the clock: each due time is one sweep, what was missed is made up for once, what is unchanged costs no call,
//! and what is new is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_tests::clock::{add, repo, runs, stub, told, worker_ahead, write};
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use scrum_tests::{events, oracle};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const HOUR: u64 = 3600;
const NAMES: [&str; 3] = ["app", "lib", "web"];

fn json(bench: &Bench, args: &[&str]) -> Value {
    serde_json::from_str(&bench.run(args).expect(0).stdout).unwrap()
}

/// The ids of the sweeps of all runs.
fn sweeps(runs: &[Value]) -> BTreeSet<String> {
    runs.iter().map(|run| run["sweep"]["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn look(server: &RedisServer, id: &str, repo: &TestRepo) {
    oracle::check_all(server, id, repo).await.is_done();
}

#[test]
fn each_due_time_is_one_sweep_and_what_is_new_is_told() {
    let repos = [repo(&["APP_A", "APP_B"]), repo(&["LIB_A", "LIB_B"]), repo(&["WEB_A"])];
    let (stub, server) = (stub(), RedisServer::alone());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .short_leases()
        .set("schedules.interval_s", "1");
    for (repo, name) in repos.iter().zip(NAMES) {
        add(&bench, repo, name, &["--every", "1h"]);
    }
    assert!(NAMES.iter().all(|name| runs(&bench, name).is_empty()), "nothing is due yet");

    // Two workers see the first due time at once.
    let workers = [0, 1].map(|_| worker_ahead(&bench, HOUR + 60, &[]));
    for (name, new) in NAMES.iter().zip([2, 2, 1]) {
        let all = eventually(LONG, "its first sweep is told", || told(&bench, name, 1));
        assert_eq!((all.len(), &all[0]["news"], &all[0]["missed"]), (1, &new.into(), &0.into()));
    }
    assert_eq!(stub.requests().len(), 5, "a call a file");
    workers.into_iter().for_each(scrum_tests::process::Process::kill9);

    // Nobody is there for three due times of each. One repository has a new file.
    write(&repos[0], "APP_NEW");
    repos[0].commit("more");
    let workers = [0, 1].map(|_| worker_ahead(&bench, 4 * HOUR + 60, &[]));
    for (name, new) in NAMES.iter().zip([1, 0, 0]) {
        let all = eventually(LONG, "its second sweep is told", || told(&bench, name, 2));
        assert_eq!(
            (all.len(), &all[0]["news"], &all[0]["missed"]),
            (2, &new.into(), &2.into()),
            "{name}: {all:?}"
        );
        assert_eq!(sweeps(&all).len(), 2);
    }
    assert_eq!(stub.requests().len(), 6, "only the new file is asked about");
    drop(workers);

    let lines = events::lines(&events::of(&server), &["source", "endpoint", "news", "reason"]);
    let lines: Vec<&str> =
        lines.iter().filter_map(|line| line.strip_prefix("schedules ")).collect();
    assert_eq!(
        lines,
        [
            "app 1 1 new finding: app_new.rs:1",
            "app 2 2 new findings: app_a.rs:1, app_b.rs:1",
            "lib 0 0 new findings",
            "lib 2 2 new findings: lib_a.rs:1, lib_b.rs:1",
            "web 0 0 new findings",
            "web 1 1 new finding: web_a.rs:1",
        ]
    );
    let all = json(&bench, &["status", "--json"]);
    assert_eq!(all["sweeps"].as_array().unwrap().len(), 6, "one for each due time that was run");
    for (repo, name) in repos.iter().zip(NAMES) {
        look(&server, &latest(&bench, name), repo);
    }
}

fn latest(bench: &Bench, name: &str) -> String {
    runs(bench, name)[0]["sweep"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn schedules_are_paused_resumed_replaced_and_removed() {
    let (repo, stub, server) = (repo(&["ONE"]), stub(), RedisServer::alone());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("schedules.interval_s", "1");
    let prd = bench.dir.path().join("prd.md");
    std::fs::write(
        &prd,
        "The limit is ten, and every constant says it without a sum in its value.\n",
    )
    .unwrap();
    add(
        &bench,
        &repo,
        "one",
        &["--every", "1h", "--prd", prd.to_str().unwrap(), "--priority", "high"],
    );
    add(&bench, &repo, "two", &["--daily", "02:00", "--tz", "Europe/Berlin"]);
    // The text of the schedule is used, whatever becomes of its file.
    std::fs::remove_file(&prd).unwrap();
    bench.run(&["schedule", "pause", "two"]).expect(0);
    let all = json(&bench, &["schedule", "list", "--json"]);
    assert_eq!(all[0]["when"], "every 1h");
    assert_eq!(
        (&all[1]["when"], &all[1]["paused"]),
        (&"0 2 * * * Europe/Berlin".into(), &true.into())
    );

    let worker = worker_ahead(&bench, 30 * HOUR, &[]);
    let first = eventually(LONG, "the sweep of the other one", || told(&bench, "one", 1));
    assert!(runs(&bench, "two").is_empty(), "it is paused");
    assert!(
        stub.requests()[0].prompt.contains("without a sum in its value"),
        "the document is shown"
    );
    assert_eq!(first[0]["status"]["priority"], "high");
    drop(worker);

    // What would have been due meanwhile is not made up for.
    let resumed = bench
        .scrum(&["schedule", "resume", "two"])
        .env("SCRUM__SCHEDULES__CLOCK_OFFSET_S", "108000")
        .output();
    assert!(resumed.unwrap().status.success());
    let worker = worker_ahead(&bench, 30 * HOUR, &[]);
    let taken = bench
        .run(&["schedule", "add", repo.path().to_str().unwrap(), "--name", "one", "--every", "2h"])
        .expect(2);
    assert!(
        taken.stderr.contains("--replace") && taken.stderr.contains("--name"),
        "{}",
        taken.stderr
    );
    // One of two hours is due for a worker that is a day ahead.
    drop(worker);
    add(&bench, &repo, "one", &["--every", "2h", "--replace"]);
    assert_eq!(runs(&bench, "one").len(), 1, "its runs stay");
    bench.run(&["schedule", "remove", "one"]).expect(0);
    let gone = bench.run(&["schedule", "show", "one"]).expect(2);
    assert!(gone.stderr.contains("scrum schedule list"), "{}", gone.stderr);
    bench.run(&["schedule", "remove", "one"]).expect(2);
    assert!(runs(&bench, "two").is_empty());
    let shown = bench.run(&["schedule", "show", "two"]).expect(0).stdout;
    assert!(shown.contains("it was not due yet"), "{shown}");
}

/// A repository that is away at a due time: that one is a dead letter, and is made up for by its retry.
#[test]
fn a_due_time_that_cannot_be_served_waits_for_a_person() {
    let (repo, stub, server) = (repo(&["ONE"]), stub(), RedisServer::alone());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("schedules.interval_s", "1")
        .set("queue.max_attempts", "4");
    add(&bench, &repo, "one", &["--every", "1h"]);
    let aside = repo.path().with_extension("aside");
    std::fs::rename(repo.path(), &aside).unwrap();
    let _worker = worker_ahead(&bench, HOUR + 60, &[]);
    let id = eventually(LONG, "a dead letter", || {
        let all = json(&bench, &["dlq", "list", "--json"]);
        all.as_array().unwrap().first().map(|letter| letter["id"].as_str().unwrap().to_owned())
    });
    assert!(id.starts_with("due.one."), "{id}");
    let shown = bench.run(&["schedule", "show", "one"]).expect(0).stdout;
    assert!(shown.contains(&format!("scrum dlq show {id}")), "{shown}");
    std::fs::rename(&aside, repo.path()).unwrap();
    bench.run(&["dlq", "retry", &id]).expect(0);
    let all = eventually(LONG, "its sweep", || told(&bench, "one", 1));
    assert_eq!(all[0]["news"], 1);
}

#[test]
fn mistakes_are_told_and_add_nothing() {
    let (repo, server) = (repo(&["ONE"]), RedisServer::alone());
    let bench = Bench::new(Some(server.url()), "");
    let path = repo.path().to_str().unwrap();
    let cases: [(&[&str], &[&str]); 12] = [
        (&[path], &["--cron", "--every", "--daily"]),
        (&[path, "--cron", "0 2 * *"], &["0 2 * *", "4 fields", "MINUTE HOUR DAY MONTH WEEKDAY"]),
        (&[path, "--cron", "0 0 30 2 *"], &["never comes"]),
        (&[path, "--daily", "25:00"], &["25:00", "HH:MM"]),
        (&[path, "--daily", "2:00", "--tz", "Berlin"], &["Berlin", "Europe/Berlin"]),
        (&[path, "--every", "10s"], &["1m to 366d"]),
        (&[path, "--every", "soon"], &["soon", "12h"]),
        (&[path, "--every", "1h", "--name", "A b"], &["A b", "lower-case"]),
        (&[path, "--every", "1h", "--again"], &["--again", "leave it out"]),
        (&[path, "--every", "1h", "--rev", "nope"], &["nope", "git log"]),
        (&[path, "--every", "1h", "--ladder", "nope"], &["nope"]),
        (&["/no/such/dir", "--every", "1h"], &["/no/such/dir", "path of a git repository"]),
    ];
    for (args, words) in cases {
        let done = bench.run(&[&["schedule", "add"], args].concat()).expect(2);
        assert!(words.iter().all(|word| done.stderr.contains(word)), "{args:?}: {}", done.stderr);
        assert!(done.stdout.is_empty(), "{}", done.stdout);
    }
    assert_eq!(json(&bench, &["schedule", "list", "--json"]), Value::Array(Vec::new()));
    let private = Bench::new(None, "").run(&["schedule", "add", path, "--every", "1h"]).expect(2);
    assert!(private.stderr.contains("SCRUM_REDIS_URL"), "{}", private.stderr);
}

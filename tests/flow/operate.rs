//! Operating a fleet: letters found and exported, sweeps ranked and forgotten, memory that is short.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::keys;
use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply, answers};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::redis::{Look, RedisServer, at};
use scrum_tests::repo::{TestRepo, large_file};
use scrum_tests::wait::eventually;
use serde_json::Value;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn json(bench: &Bench, args: &[&str], code: i32) -> Value {
    serde_json::from_str(&bench.run(args).expect(code).stdout).unwrap()
}

fn state(bench: &Bench, id: &str) -> Value {
    json(bench, &["status", "--json"], 0)["sweeps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["id"] == id)
        .unwrap()["state"]
        .clone()
}

fn until_over(bench: &Bench, id: &str) {
    eventually(LONG, "the sweep is over", || {
        let s = state(bench, id);
        (s != "planning" && s != "running").then_some(())
    });
}

fn config(server: &RedisServer, name: &str, value: &str) {
    let mut conn = server.connection();
    redis::cmd("CONFIG").arg("SET").arg(name).arg(value).query::<()>(&mut conn).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_filtered_exported_retried_and_discarded() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(4);
    repo.write("lib/g.rs", b"pub fn g() {}\n");
    repo.commit("lib");
    let stub = ModelStub::with(|call: &Recorded| {
        let good = call.prompt.contains("src/f0.rs") || call.model == "better";
        Reply::ok(if good { answers::markdown_review("any") } else { answers::thin() })
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["small", "large"]);
    let better = bench.dir.path().join("better.toml");
    std::fs::write(&better, "name='better'\n[[rungs]]\nprovider='stub'\nmodel='better'\n").unwrap();
    let _worker = bench.worker(&[]);
    let id = bench.enqueue(&repo);
    until_over(&bench, &id);

    let count = |args: &[&str]| {
        let all = [&["dlq", "list", "--json"], args].concat();
        json(&bench, &all, 0).as_array().unwrap().len()
    };
    assert_eq!(count(&[]), 4);
    assert_eq!(count(&["--sweep", "latest", "--class", "ladder_exhausted"]), 4);
    assert_eq!(count(&["--class", "poison"]), 0);
    assert_eq!(count(&["--lane", "rung:stub"]), 4);
    assert_eq!(count(&["--path", "src/*.rs"]), 3);
    assert_eq!(count(&["--path", "lib"]), 1);
    assert_eq!(count(&["--path", "src/*.rs", "--limit", "2"]), 2);
    assert_eq!(count(&["--since", "1h"]), 4);
    assert_eq!(count(&["--since", "0s"]), 0);
    let wrong = bench.run(&["dlq", "list", "--since", "1w"]).expect(2);
    assert!(wrong.stderr.contains("12h"), "{}", wrong.stderr);
    let nothing = bench.run(&["dlq", "discard"]).expect(2);
    assert!(nothing.stderr.contains("which letters"), "{}", nothing.stderr);

    let out = bench.dir.path().join("letters.jsonl");
    let done = bench.run(&["dlq", "export", "--path", "lib", "--out", out.to_str().unwrap()]);
    assert!(done.expect(0).stdout.contains("1 letters"));
    let line: Value =
        serde_json::from_str(std::fs::read_to_string(&out).unwrap().trim_end()).unwrap();
    assert_eq!(line["v"], 1);
    assert_eq!((&line["kind"], &line["payload"]["rung"]), (&"rung".into(), &1.into()));
    assert_eq!(line["sweep"]["id"], *id);
    assert_eq!(line["sweep"]["commit"].as_str().unwrap().len(), 40);
    assert_eq!(line["target"]["path"], "lib/g.rs");
    assert_eq!(line["ladder"]["rungs"].as_array().unwrap().len(), 2);
    let attempts = line["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    for attempt in attempts {
        assert_eq!(attempt["outcome"], "thin");
        assert!(!attempt["reason"].as_str().unwrap().is_empty());
        assert_eq!(attempt["answer_sha256"].as_str().unwrap().len(), 64, "{attempt}");
    }
    let all = bench.run(&["dlq", "export"]).expect(0).stdout;
    assert_eq!(all.lines().count(), 4, "a line each");

    let filters = ["--path", "src/f1.rs", "--ladder", better.to_str().unwrap()];
    let done = bench.run(&[&["dlq", "retry"], &filters[..]].concat()).expect(0);
    assert!(done.stdout.contains("1 back"), "{}", done.stdout);
    until_over(&bench, &id);
    assert_eq!(count(&[]), 3);
    let done = bench.run(&["dlq", "discard", "--path", "lib"]).expect(0);
    assert!(done.stdout.contains("1 discarded"), "{}", done.stdout);
    let (out, filter) = (count(&[]), count(&["--path", "src"]));
    assert_eq!((out, filter), (2, 2));
    oracle::check_jobs(&mut server.connection());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_high_sweep_behind_a_normal_one_goes_first() {
    let server = RedisServer::start();
    let (first, second) = (TestRepo::with_files(6), TestRepo::new());
    for name in ["x", "y", "z"] {
        second.write(&format!("urgent_{name}.rs"), format!("pub fn {name}() {{}}\n").as_bytes());
    }
    second.commit("urgent");
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |_: &Recorded| {
        Reply::ok(answers::markdown_review("any")).held_by(&held)
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("worker.prepare_ahead", "false");
    let normal = bench.enqueue(&first);
    let _worker = bench.worker(&["--concurrency", "1"]);
    stub.wait_in_flight(1).await;
    let high = bench.sweep(&second, &["--priority", "high"]).expect(0).stdout.trim().to_owned();
    let shown = json(&bench, &["status", &high, "--json"], 0);
    assert_eq!(shown["sweeps"][0]["priority"], "high");
    assert!(bench.run(&["status"]).expect(0).stdout.contains("high"));
    bench.sweep(&second, &["--priority", "urgent"]).expect(2);
    gate.open();
    until_over(&bench, &normal);
    until_over(&bench, &high);
    // The call that ran, then all of the high sweep, then the rest: rungs have its rank as well.
    let order: Vec<bool> = stub.requests().iter().map(|c| c.prompt.contains("urgent_")).collect();
    assert_eq!(order, [false, true, true, true, false, false, false, false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_forgets_a_sweep_and_not_one_that_runs() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(3);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |_: &Recorded| {
        Reply::ok(answers::markdown_review("any")).held_by(&held)
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let prd = bench.dir.path().join("prd.md");
    std::fs::write(&prd, format!("# PRD\n\nA document{}.\n", " with some words".repeat(4)))
        .unwrap();
    let sweep = || bench.sweep(&repo, &["--prd", prd.to_str().unwrap()]).expect(0).stdout;
    let id = sweep().trim().to_owned();
    let _worker = bench.worker(&[]);
    stub.wait_in_flight(3).await;
    let refused = bench.run(&["forget", &id]).expect(2);
    assert!(refused.stderr.contains("scrum cancel"), "{}", refused.stderr);
    gate.open();
    until_over(&bench, &id);
    let memory = json(&bench, &["status", &id, "--json"], 0)["memory"].clone();
    let each = memory["bytes_per_review"].as_u64().unwrap();
    // Rows hold the answer's beginning twice, the attempt, and the findings: bounded, all of them.
    assert!(each > 500 && each < 20_000, "{memory}");
    let doctor = bench.run(&["doctor"]).expect(0).stdout;
    assert!(doctor.contains("bytes of Redis for each finished review"), "{doctor}");
    assert_eq!(json(&bench, &["forget", &id, "--json"], 0)["forgotten"][0], *id);
    bench.run(&["forget", &id]).expect(2);
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut server.connection()).unwrap();
    let of_it = |k: &&String| k.contains(&id) || k.contains(&keys::document(""));
    assert_eq!(keys.iter().find(of_it), None);
    // The same request is a new sweep; its answers are still there.
    assert_eq!(sweep().trim(), id);
    until_over(&bench, &id);
    assert_eq!(stub.requests().len(), 3, "no question was asked twice");
    let number: Option<String> = server.connection().ask(&["HGET", &keys::sweep(&id), "seq"]);
    assert_eq!(number.as_deref(), Some("2"), "the worker that knew the forgotten one numbers it");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_forget_what_is_past_its_retention() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(2);
    let stub = ModelStub::start(Reply::ok(answers::markdown_review("any")));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let id = bench.enqueue(&repo);
    let mut worker = bench.command("scrum-worker");
    worker.env("SCRUM__QUEUE__UPKEEP_INTERVAL_S", "1").stderr(std::process::Stdio::null());
    let _worker = scrum_tests::process::Process(worker.spawn().unwrap());
    until_over(&bench, &id);
    let mut pipe = redis::pipe();
    pipe.cmd("ZADD").arg(at(keys::SWEEPS)).arg(1).arg(id.as_str());
    pipe.cmd("HSET").arg(at(keys::sweep(&id))).arg("ended").arg(1);
    pipe.query::<()>(&mut server.connection()).unwrap();
    eventually(LONG, "it is gone", || {
        let all = json(&bench, &["status", "--json"], 0);
        (all["sweeps"].as_array().unwrap().is_empty()).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_at_work_has_no_faults() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(120);
    for n in 0..4 {
        repo.write(&format!("big{n}.rs"), large_file(20_000 + n * 100).as_bytes());
    }
    repo.commit("big");
    let stub = ModelStub::with(|call: &Recorded| {
        let text = if call.body["max_tokens"] == 400 {
            answers::shard_summary()
        } else if call.n.is_multiple_of(5) {
            answers::thin()
        } else {
            answers::markdown_review("any")
        };
        Reply::ok(text).after(Duration::from_millis(10))
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["a", "b"]);
    let id = bench.enqueue(&repo);
    let _workers = [bench.worker(&[]), bench.worker(&[])];
    let queue = oracle::queue(&server.url()).await;
    let (mut looks, mut jobs) = (0, 0);
    while queue.sweep_status(&id).await.unwrap().is_none_or(|s| !s.is_over()) {
        let check = queue.check_all(true).await.unwrap();
        assert_eq!(check.faults, [], "at look {looks}");
        (looks, jobs) = (looks + 1, jobs + check.jobs);
    }
    assert!(looks > 3 && jobs > 20, "{looks} looks at {jobs} jobs");
    let done = bench.run(&["doctor", "--queue"]).expect(0).stdout;
    assert!(done.contains("each job is in one place"), "{done}");
    assert!(!bench.worker_log().contains("idle beside a backlog"), "{}", bench.worker_log());
    assert!(!bench.worker_log().contains("was mended"), "{}", bench.worker_log());
}

#[test]
fn a_broken_queue_is_told_and_mended_by_the_command() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(2);
    let stub = ModelStub::start(Reply::ok(answers::markdown_review("any")));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    bench.enqueue(&repo);
    let mut conn = server.connection();
    redis::cmd("HSET").arg(at(keys::READY)).arg("plan").arg(7).query::<()>(&mut conn).unwrap();
    let told = bench.run(&["doctor", "--queue"]).expect(1).stdout;
    assert!(told.contains("ready plan") && told.contains("--mend"), "{told}");
    let mended = json(&bench, &["doctor", "--queue", "--mend", "--json"], 1);
    assert_eq!(mended["faults"][0]["kind"], "counter");
    assert_eq!(mended["faults"][0]["mended"], true);
    bench.run(&["doctor", "--queue"]).expect(0);
    bench.run(&["doctor", "--mend"]).expect(2);
}

/// A job that came without a wake-up: as a fault of the queue would leave it.
#[test]
fn a_worker_that_was_idle_beside_a_backlog_says_so() {
    let server = RedisServer::start();
    let bench = Bench::new(Some(server.url()), "");
    let _worker = bench.worker(&[]);
    let mut conn = server.connection();
    let clients =
        || -> String { redis::cmd("INFO").arg("clients").query(&mut server.connection()).unwrap() };
    eventually(LONG, "it waits", || clients().contains("blocked_clients:1").then_some(()));
    let mut pipe = redis::pipe();
    pipe.atomic();
    let record = [
        "st", "ready", "l", "plan", "p", "1", "s", "", "g", "", "m", "8", "a", "0", "c", "0", "e",
        "1",
    ];
    pipe.cmd("HSET").arg(at(keys::job("lonely"))).arg(&record);
    pipe.cmd("SET").arg(at(keys::body("lonely"))).arg("nothing that can be read");
    pipe.cmd("SADD").arg(at(keys::jobs(""))).arg("lonely");
    pipe.cmd("RPUSH").arg(at(keys::queue("plan", "1|"))).arg("lonely");
    pipe.cmd("ZADD").arg(at(keys::ring("plan"))).arg(1).arg("1|");
    pipe.cmd("HINCRBY").arg(at(keys::READY)).arg("plan").arg(1);
    pipe.query::<()>(&mut conn).unwrap();
    eventually(LONG, "it says so", || {
        let log = bench.worker_log();
        (log.contains("idle beside a backlog") && log.contains("plan")).then_some(())
    });
}

fn used(server: &RedisServer) -> u64 {
    let info: String = redis::cmd("INFO").arg("memory").query(&mut server.connection()).unwrap();
    let line = info.lines().find_map(|l| l.strip_prefix("used_memory:")).unwrap();
    line.trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_is_refused_before_the_server_is_full() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(Reply::ok(answers::markdown_review("any")));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    // Within the server's own bound, over ours.
    config(&server, "maxmemory", &(used(&server) * 100 / 95).to_string());
    let refused = bench.sweep(&repo, &[]).expect(2);
    for word in ["maxmemory", "queue.max_memory_percent", "scrum forget", "no new sweep"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
    assert!(json(&bench, &["status", "--json"], 0)["sweeps"].as_array().unwrap().is_empty());
    let doctor = bench.run(&["doctor"]).expect(1).stdout;
    assert!(doctor.contains("new sweeps are refused"), "{doctor}");
    config(&server, "maxmemory", "0");
    bench.sweep(&repo, &[]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn planning_waits_while_memory_is_short_and_spends_no_attempt() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(5);
    let stub = ModelStub::start(Reply::ok(answers::markdown_review("any")));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let id = bench.enqueue(&repo);
    // Over a bound of half a megabyte, and far from the server's own.
    config(&server, "maxmemory", "50000000");
    let log = std::fs::File::create(bench.dir.path().join("worker.log")).unwrap();
    let mut worker = bench.command("scrum-worker");
    worker.env("SCRUM__QUEUE__MAX_MEMORY_PERCENT", "1").stderr(log);
    let _worker = scrum_tests::process::Process(worker.spawn().unwrap());
    eventually(LONG, "it waits, and says why", || {
        let held = json(&bench, &["status", &id, "--json"], 0)["sweeps"][0]["held"].clone();
        held.as_str().is_some_and(|why| why.contains("queue.max_memory_percent")).then_some(())
    });
    let mut conn = server.connection();
    let waits = || bench.worker_log().matches("planning waits").count();
    eventually(LONG, "more than once", || (waits() >= 3).then_some(()));
    let key = at(keys::job(format!("{id}.plan.0")));
    let attempts: Option<u32> = redis::cmd("HGET").arg(key).arg("a").query(&mut conn).unwrap();
    assert_eq!(attempts, None);
    config(&server, "maxmemory", "0");
    until_over(&bench, &id);
    let queue = oracle::queue(&server.url()).await;
    assert_eq!(oracle::check_sweep(&queue, &id).await.resolved, 5);
}

/// Times that a worker died with this job: none where nothing stands.
fn deaths_of(conn: &mut Look, job: &str) -> u32 {
    let count: Option<u32> = redis::cmd("HGET").arg(job).arg("c").query(conn).unwrap();
    count.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_sweep_outlives_a_server_out_of_memory() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(30);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call: &Recorded| {
        let reply = Reply::ok(answers::markdown_review("any"));
        if call.n >= 8 { reply.held_by(&held) } else { reply }
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let id = bench.enqueue(&repo);
    let mut workers =
        [bench.worker(&["--concurrency", "4"]), bench.worker(&["--concurrency", "4"])];
    stub.wait_in_flight(8).await;
    // Full from now on; what is running goes on beyond its lease, and ends.
    config(&server, "maxmemory", "1");
    gate.open();
    eventually(LONG, "the workers hold on to their answers", || {
        bench.worker_log().contains("OOM").then_some(())
    });
    let deaths = || -> Vec<u32> {
        let mut conn = server.connection();
        let jobs: Vec<String> =
            redis::cmd("KEYS").arg(at(keys::job("*"))).query(&mut conn).unwrap();
        jobs.iter().map(|j| deaths_of(&mut conn, j)).collect()
    };
    // Longer than a lease of a second.
    let since = std::time::Instant::now();
    eventually(LONG, "leases would have run out", || {
        (since.elapsed() > Duration::from_millis(2500)).then_some(())
    });
    assert!(deaths().iter().all(|c| *c == 0), "no lease was lost: {:?}", deaths());
    assert_ne!(state(&bench, &id), "done");
    config(&server, "maxmemory", "0");
    until_over(&bench, &id);
    assert!(workers.iter_mut().all(|w| w.0.try_wait().unwrap().is_none()), "no worker ended");
    let queue = oracle::queue(&server.url()).await;
    let s = oracle::check_sweep(&queue, &id).await;
    assert_eq!((s.resolved, s.unresolved), (30, 0), "nothing is lost");
    assert_eq!(stub.requests().len(), 30, "nothing was paid for twice");
    assert!(oracle::check_jobs(&mut server.connection()).is_empty());
}

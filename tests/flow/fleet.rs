//! A fleet: worker processes that share a sweep, and one that drains.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::client::{ClaimRequest, Commit};
use queue_schema::effects::{Effect, Effects};
use queue_schema::ids::SweepId;
use queue_schema::jobs::Plan;
use queue_schema::sweep::Target;
use queue_schema::trace::Trace;
use scrum_tests::model_stub::{Gate, ModelStub, Reply, answers};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Done, Process, signal};
use scrum_tests::proxy::{Act, Latch, Point, Proxy};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::{TestRepo, large_file};
use scrum_tests::requests::plain_job;
use scrum_tests::wait::eventually;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

#[path = "fleet/counts.rs"]
mod counts;
#[path = "fleet/lanes.rs"]
mod lanes;
#[path = "fleet/unreadable.rs"]
mod unreadable;

const LONG: Duration = Duration::from_secs(60);

fn review() -> Reply {
    Reply::ok(answers::markdown_review("any"))
}

fn status(bench: &Bench) -> Value {
    serde_json::from_str(&bench.run(&["status", "--json"]).expect(0).stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_a_sweep_and_one_drains_on_sigterm() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(24);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |_| review().held_by(&held));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let id = bench.enqueue(&repo);
    let one = bench.worker(&["--concurrency", "4"]);
    let _two = bench.worker(&["--concurrency", "4"]);
    // Eight at a time need both: four each.
    stub.wait_in_flight(8).await;
    let s = status(&bench);
    assert_eq!(s["workers"].as_array().unwrap().len(), 2, "{s}");
    // As many again, and one more a worker, may be prepared ahead of their calls.
    let leased = s["jobs"]["leased"].as_u64().unwrap();
    assert!((8..=18).contains(&leased), "{s}");

    // SIGTERM: nothing new is taken, what runs is finished, exit 0.
    signal(one.pid(), "TERM");
    eventually(LONG, "it says so", || bench.worker_log().contains("draining").then_some(()));
    gate.open();
    // No second signal: that one would stop it at once.
    assert_eq!(one.wait(LONG), 0, "{}", bench.worker_log());
    let queue = oracle::queue(&server.url()).await;
    eventually(LONG, "the other does the rest", || {
        let state = status(&bench)["sweeps"][0]["state"].clone();
        (state == "done").then_some(())
    });
    assert_eq!(oracle::check_sweep(&queue, &id).await.resolved, 24);
    assert_eq!(stub.requests().len(), 24, "no call was made twice");
    let workers = status(&bench)["workers"].as_array().unwrap().len();
    assert_eq!(workers, 1, "the drained one has signed off");
    assert!(oracle::check_jobs(&mut server.connection()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_grace_time_running_jobs_are_handed_back_untouched() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(3);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |_| review().held_by(&held));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let id = bench.enqueue(&repo);
    let slow = bench.worker(&[]);
    stub.wait_in_flight(3).await;
    // The second signal does not wait for the grace time.
    signal(slow.pid(), "TERM");
    eventually(LONG, "it drains", || bench.worker_log().contains("draining").then_some(()));
    assert_eq!(slow.terminate(LONG), 0, "{}", bench.worker_log());
    let states = oracle::check_jobs(&mut server.connection());
    assert_eq!(states.into_iter().collect::<Vec<_>>(), [("ready".to_owned(), 3)], "handed back");
    gate.open();
    let _next = bench.worker(&[]);
    let queue = oracle::queue(&server.url()).await;
    eventually(LONG, "the sweep ends", || {
        (status(&bench)["sweeps"][0]["state"] == "done").then_some(())
    });
    assert_eq!(oracle::check_sweep(&queue, &id).await.resolved, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_claim_that_is_answered_after_the_signal_all_go_back() {
    const JOBS: usize = 16;
    let server = RedisServer::alone();
    server.load_scripts();
    let bench = Bench::new(Some(server.url()), "");
    let queue = oracle::queue(&server.url()).await;
    let jobs: Vec<_> = (0..JOBS).map(|n| plain_job(&format!("j{n}"), "review")).collect();
    assert_eq!(queue.enqueue(&jobs).await.unwrap() as usize, JOBS);
    let (proxy, answer) = (Proxy::to(server.socket()), Latch::default());
    let held = answer.clone();
    proxy.on(move |call, point| {
        if call.name == "claim" && point == Point::After {
            held.pass();
        }
        Act::Pass
    });
    let worker =
        bench.worker_at(&proxy.url(), &["--lane", "review", "--concurrency", &JOBS.to_string()]);
    eventually(LONG, "the jobs are leased", || answer.is_reached().then_some(()));
    let leased = oracle::check_jobs(&mut server.connection());
    assert_eq!(leased.into_iter().collect::<Vec<_>>(), [("leased".to_owned(), JOBS)]);
    signal(worker.pid(), "TERM");
    eventually(LONG, "it drains", || bench.worker_log().contains("draining").then_some(()));
    answer.open();
    assert_eq!(worker.wait(LONG), 0, "{}", bench.worker_log());
    let left = oracle::check_jobs(&mut server.connection());
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [("ready".to_owned(), JOBS)], "handed back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_limit_holds_over_all_workers() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(30);
    let stub = ModelStub::with(|_| review().after(Duration::from_millis(20)));
    let bench = Bench::new(
        Some(server.url()),
        &format!(
            "[providers.stub]\nwire='openai'\nbase_url='{}'\nlocal=true\nconcurrency=3\n",
            stub.openai_url()
        ),
    );
    std::fs::write(bench.ladder(), "name='t'\n[[rungs]]\nprovider='stub'\nmodel='m'\n").unwrap();
    let _workers = [bench.worker(&[]), bench.worker(&[])];
    let done = bench.sweep(&repo, &["--wait", "--json"]).expect(0);
    assert!(done.stdout.contains("\"resolved\":30"), "{}", done.stdout);
    assert_eq!(stub.stats().max_in_flight, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_serves_only_its_lanes_and_the_health_check_sees_it() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(2);
    let stub = ModelStub::start(review());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let health =
        |bench: &Bench| bench.command("scrum-worker").arg("health").status().unwrap().code();
    assert_eq!(health(&bench), Some(2));
    let _planner = bench.worker(&["--lane", "plan", "--lane", "review"]);
    eventually(LONG, "the worker is seen", || (health(&bench) == Some(0)).then_some(()));
    bench.enqueue(&repo);
    let lanes = eventually(LONG, "the rungs wait", || {
        let s = status(&bench);
        (s["lanes"][0]["ready"] == 2).then(|| s["lanes"].clone())
    });
    assert_eq!(lanes[0]["lane"], "rung:stub");
    assert!(stub.requests().is_empty());
    let _caller = bench.worker(&["--lane", "rung:stub"]);
    eventually(LONG, "done", || (status(&bench)["sweeps"][0]["state"] == "done").then_some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_could_not_be_planned_is_planned_when_asked_for_again() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(2);
    let stub = ModelStub::start(review());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let id = bench.enqueue(&repo);
    // The repository goes away before a worker comes.
    let away = repo.path().with_extension("away");
    std::fs::rename(repo.path(), &away).unwrap();
    let _worker = bench.worker(&[]);
    eventually(LONG, "planning is given up", || {
        (status(&bench)["sweeps"][0]["state"] == "failed").then_some(())
    });
    let told = bench.run(&["status", &id, "--watch"]).expect(2).stdout;
    assert!(told.contains("could not be planned") && told.contains("nothing at"), "{told}");
    let out = bench.out();
    let told = bench.run(&["report", &id, "--out", out.to_str().unwrap()]).expect(2).stderr;
    assert!(told.contains("could not be planned") && told.contains("nothing at"), "{told}");
    let letters = bench.run(&["dlq", "list"]).expect(0).stdout;
    assert!(letters.contains("attempts_exhausted") && letters.contains("nothing at"), "{letters}");
    std::fs::rename(&away, repo.path()).unwrap();
    let done = bench.sweep(&repo, &["--wait"]).expect(0);
    assert!(done.stdout.contains("2 of 2 files reviewed"), "{}", done.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_failed_is_planned_again_without_its_letter_from_where_it_ended() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(5);
    let stub = ModelStub::start(review());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("sweep.plan_page", "2")
        .set("queue.max_attempts", "4");
    let id = bench.enqueue(&repo);
    // The first page is written, then the repository goes away.
    let queue = oracle::queue(&server.url()).await.of_sweep(&id);
    let plan = ClaimRequest {
        worker: "w".into(),
        request: "w/1".into(),
        want: 1,
        lanes: vec!["plan".into()],
        ..ClaimRequest::default()
    };
    let lease = queue.claim(&plan).await.unwrap().jobs.remove(0).lease;
    let target = |n: usize| Target {
        path: format!("src/f{n}.rs"),
        blob: repo.git(&["rev-parse", &format!("HEAD:src/f{n}.rs")]),
        bytes: 100,
        skip: None,
    };
    let page =
        Effect::PlanTargets { sweep: id.clone(), first: 0, targets: vec![target(0), target(1)] };
    let effects = Effects::done().with(page).enqueue(&Plan { sweep: id.clone(), first: 2 });
    let commit = Commit { lease, effects: effects.unwrap() };
    assert_eq!(queue.commit(&[commit]).await.unwrap(), [true]);
    let away = repo.path().with_extension("away");
    std::fs::rename(repo.path(), &away).unwrap();
    let worker = bench.worker(&["--lane", "plan"]);
    let failed = || {
        eventually(LONG, "planning is given up", || {
            (status(&bench)["sweeps"][0]["state"] == "failed").then_some(())
        });
    };
    failed();
    drop(worker);
    bench.run(&["dlq", "discard", &format!("{id}.plan.2")]).expect(0);
    std::fs::rename(&away, repo.path()).unwrap();
    let _worker = bench.worker(&[]);
    let done = bench.sweep(&repo, &["--wait"]).expect(0);
    assert!(done.stdout.contains("5 of 5 files reviewed"), "{}", done.stdout);
    assert_eq!(stub.requests().len(), 5);
    assert!(oracle::check_jobs(&mut server.connection()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_command_goes_on_with_what_again_began() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(2);
    let stub = ModelStub::start(review());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let first = bench.enqueue(&repo);
    let again = || bench.sweep(&repo, &["--again"]).expect(0);
    let began = || SweepId::from(again().stdout.trim());
    let second = began();
    assert_ne!(first, second, "it is done anew even beside one that is not over");
    // Nobody works, so that it is as it was when it was left.
    let done = again();
    assert_eq!(done.stdout.trim(), second);
    assert!(done.stderr.contains(&format!("sweep {second} exists already")), "{}", done.stderr);
    // Other work is no reason to go on with it.
    let other = bench.sweep(&repo, &["--again", "--target", "src/f0.rs"]).expect(0);
    assert_ne!(other.stdout.trim(), second);
    let _worker = bench.worker(&[]);
    eventually(LONG, "all are done", || {
        let all = status(&bench)["sweeps"].as_array().unwrap().clone();
        (all.len() == 3 && all.iter().all(|s| s["state"] == "done")).then_some(())
    });
    assert!(![first, second].contains(&began()), "what is over is done anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_that_began_anew_is_gone_on_with() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(1);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |_| review().held_by(&held));
    let bench =
        Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).set("worker.grace_s", "1");
    let mut running = bench.on("run", &repo, &["--again"]);
    running.stdout(Stdio::null()).stderr(Stdio::null());
    let running = Process(running.spawn().unwrap());
    stub.wait_in_flight(1).await;
    signal(running.pid(), "INT");
    assert_eq!(running.wait(LONG), 130);
    gate.open();
    let done = Done::from(bench.on("run", &repo, &["--again"]).output().unwrap()).expect(0);
    assert!(done.stderr.contains("exists already; continuing it"), "{}", done.stderr);
    assert_eq!(status(&bench)["sweeps"].as_array().unwrap().len(), 1, "no second sweep");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept_over_all_workers_and_what_waits_for_it_holds_no_slot() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(40);
    let stub = ModelStub::start(review());
    // 300 a minute: 5 a second, and a bucket of 15.
    let bench = Bench::new(
        Some(server.url()),
        &format!(
            "[providers.stub]\nwire='openai'\nbase_url='{}'\nlocal=true\nconcurrency=16\nrate_per_minute=300\n",
            stub.openai_url()
        ),
    );
    std::fs::write(bench.ladder(), "name='t'\n[[rungs]]\nprovider='stub'\nmodel='m'\n").unwrap();
    let _workers = [bench.worker(&[]), bench.worker(&[])];
    bench.sweep(&repo, &["--wait"]).expect(0);
    let calls = stub.requests();
    assert_eq!(calls.len(), 40);
    // In no window do more calls start than the bucket (300 / 20) and its refill allow.
    for (i, first) in calls.iter().enumerate() {
        for (n, last) in calls[i..].iter().enumerate() {
            let window = (last.at - first.at).as_secs_f64();
            let allowed = 15.0 + window * 5.0 + 1.0;
            assert!(n as f64 + 1.0 <= allowed, "{} calls within {window} s", n + 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_lane_and_a_paused_sweep_wait_and_go_on() {
    let server = RedisServer::start();
    let (first, second) = (TestRepo::with_files(3), TestRepo::new());
    // Other content, or the answers of the first sweep would serve the second.
    second.write("a.rs", b"pub const A: u8 = 1;\n");
    second.write("b.rs", b"pub const B: u8 = 2;\n");
    second.commit("second");
    let stub = ModelStub::start(review());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    bench.run(&["pause", "rung:stub"]).expect(0);
    let _worker = bench.worker(&[]);
    let one = bench.enqueue(&first);
    eventually(LONG, "all three wait at the lane", || {
        (status(&bench)["lanes"][0]["ready"] == 3).then_some(())
    });
    assert_eq!(status(&bench)["paused"][0], "lane:rung:stub");
    // The other sweep is paused by itself, and the lane goes on: only the first one is done.
    let two = bench.enqueue(&second);
    bench.run(&["pause", "--sweep", &two]).expect(0);
    bench.run(&["resume", "rung:stub"]).expect(0);
    let state = |id: &str| {
        let all = status(&bench)["sweeps"].clone();
        all.as_array().unwrap().iter().find(|s| s["id"] == id).unwrap()["state"].clone()
    };
    eventually(LONG, "the first is done", || (state(&one) == "done").then_some(()));
    assert_eq!(stub.requests().len(), 3);
    bench.run(&["resume", "--sweep", &two]).expect(0);
    eventually(LONG, "the second is done", || (state(&two) == "done").then_some(()));
    assert_eq!(stub.requests().len(), 5);
    assert!(oracle::check_jobs(&mut server.connection()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_sweep_keeps_what_it_has_and_drops_the_rest() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(20);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |_| review().held_by(&held));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let id = bench.enqueue(&repo);
    let _worker = bench.worker(&["--concurrency", "4"]);
    stub.wait_in_flight(4).await;
    bench.run(&["cancel", &id]).expect(0);
    bench.run(&["cancel", &id]).expect(2);
    gate.open();
    let queue = oracle::queue(&server.url()).await;
    eventually(LONG, "nothing is in work any more", || {
        (status(&bench)["sweeps"][0]["live"] == 0).then_some(())
    });
    let s = oracle::check_sweep(&queue, &id).await;
    assert_eq!((s.resolved, s.cancelled, s.waiting), (4, 16, 0), "running ones finished");
    assert_eq!(stub.requests().len(), 4);
    assert!(oracle::check_jobs(&mut server.connection()).is_empty(), "the others were dropped");
    let out = bench.out();
    // Whoever asks is told that not all was done.
    bench.run(&["report", &id, "--out", out.to_str().unwrap()]).expect(1);
    bench.run(&["status", &id, "--watch"]).expect(1);
    bench.run(&["status"]).expect(0);
    let report = std::fs::read_to_string(out.join("scrum_report.md")).unwrap();
    assert!(report.contains("# Not done") && report.contains(": cancelled"), "{report}");
    let again = bench.sweep(&repo, &[]).expect(2);
    assert!(again.stderr.contains("--again"), "{}", again.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_a_sweep_tells_its_trace() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(2);
    repo.write("src/large.rs", large_file(9_000).as_bytes());
    repo.commit("a file of several shards");
    let stub = ModelStub::with(|asked| {
        let shard = asked.prompt.contains("SHARD") || asked.prompt.contains("piece");
        Reply::ok(if shard { answers::shard_summary() } else { answers::markdown_review("any") })
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let id = bench.enqueue(&repo);
    let _worker = bench.worker(&[]);
    eventually(LONG, "done", || (status(&bench)["sweeps"][0]["state"] == "done").then_some(()));
    let calls = stub.requests();
    assert!(calls.len() > 4, "shards and reviews: {}", calls.len());
    let traces: Vec<_> =
        calls.iter().map(|c| Trace::parse(&c.headers["traceparent"]).unwrap()).collect();
    let sweep = Trace::of_sweep(&id);
    assert!(traces.iter().all(|t| t.trace_id == sweep.trace_id));
    let spans: BTreeSet<_> = traces.iter().map(|t| &t.span_id).collect();
    assert_eq!(spans.len(), calls.len(), "each call belongs to a job of its own");
}

//! Kill anything at any time: nothing is lost, nothing happens twice.

use crate::common::{LONG, repo, review_or_summary, until_done};
use queue_schema::rows::ReviewRow;
use scrum_tests::model_stub::{Gate, ModelStub};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Process, children, kill9, signal};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::process::Stdio;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn all_workers_are_killed_in_mid_call_and_others_finish() {
    let server = RedisServer::start();
    let repo = repo(12);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call| review_or_summary(call).held_by(&held));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).short_leases();
    let id = bench.enqueue(&repo);
    let workers = [bench.worker(&[]), bench.worker(&[])];
    // Both are in the middle of calls when they die.
    stub.wait_in_flight(16).await;
    for worker in workers {
        worker.kill9();
    }
    stub.wait_in_flight(0).await;
    gate.open();
    let _again = [bench.worker(&[]), bench.worker(&[])];
    let queue = oracle::queue(&server.url()).await;
    until_done(&queue, &id).await;
    let s = oracle::check_all(&server, &id, &repo).await.sweep;
    assert_eq!((s.resolved, s.unresolved), (13, 0));
    assert!(oracle::check_jobs(&mut server.connection()).is_empty(), "no job is left over");
}

#[tokio::test(flavor = "multi_thread")]
async fn random_kills_in_mid_sweep_lose_nothing_and_repeat_nothing() {
    let server = RedisServer::start();
    let repo = repo(60);
    let stub = ModelStub::with(|call| review_or_summary(call).after(Duration::from_millis(5)));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).short_leases();
    let id = bench.enqueue(&repo);
    let queue = oracle::queue(&server.url()).await;
    // Each worker dies after some more calls have arrived; the number moves through all steps.
    let mut killed = 0;
    for more in [3, 9, 2, 14, 5, 7] {
        let worker = bench.worker(&["--concurrency", "4"]);
        let target = stub.stats().requests + more;
        let arrived = stub.wait_requests(target);
        tokio::select! {
            () = arrived => {}
            () = until_done(&queue, &id) => {}
        }
        worker.kill9();
        killed += 1;
    }
    let _last = bench.worker(&[]);
    until_done(&queue, &id).await;
    let s = oracle::check_all(&server, &id, &repo).await.sweep;
    assert_eq!((killed, s.resolved, s.unresolved), (6, 61, 0));
    assert!(oracle::check_jobs(&mut server.connection()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_killed_again_and_again_and_the_workers_live_on() {
    let mut server = RedisServer::start();
    let repo = repo(40);
    // A share of the calls for each kill: however long a restart takes, work is left for the next one.
    let gates: [Gate; 4] = std::array::from_fn(|_| Gate::new());
    let held = gates.clone();
    let stub = ModelStub::with(move |call| {
        let gate = &held[((call.n - 1) / 10).min(3)];
        review_or_summary(call).after(Duration::from_millis(10)).held_by(gate)
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).short_leases();
    let id = bench.enqueue(&repo);
    let mut worker = bench.worker(&["--concurrency", "4"]);
    for (kill, gate) in gates.iter().enumerate() {
        gate.open();
        // Four calls may have waited at the gate.
        stub.wait_requests(10 * kill + 6).await;
        server.kill9();
        server.restart();
    }
    let queue = oracle::queue(&server.url()).await;
    until_done(&queue, &id).await;
    assert!(
        worker.0.try_wait().unwrap().is_none(),
        "the worker outlived every restart:\n{}",
        bench.worker_log()
    );
    let s = oracle::check_all(&server, &id, &repo).await.sweep;
    assert_eq!((s.resolved, s.unresolved), (41, 0));
    assert!(oracle::check_jobs(&mut server.connection()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_hand_outlives_a_redis_that_is_away() {
    let mut server = RedisServer::start();
    let repo = TestRepo::with_files(1);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call| review_or_summary(call).held_by(&held));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).short_leases();
    let id = bench.enqueue(&repo);
    let _worker = bench.worker(&[]);
    stub.wait_in_flight(1).await;
    server.kill9();
    gate.open();
    stub.wait(|s| s.completed == 1).await;
    eventually(LONG, "the worker has noticed", || {
        bench.worker_log().contains("Redis is away").then_some(())
    });
    server.restart();
    let queue = oracle::queue(&server.url()).await;
    until_done(&queue, &id).await;
    assert_eq!(oracle::check_all(&server, &id, &repo).await.sweep.resolved, 1);
    assert_eq!(stub.requests().len(), 1, "the paid answer was kept and not asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_sleeps_past_its_lease_can_not_commit() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(1);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call| review_or_summary(call).held_by(&held));
    // A commit that is refused is told at this level, and it may be quicker than the renewal.
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .short_leases()
        .set("log.filter", "info,scrum_fleet=debug");
    let id = bench.enqueue(&repo);
    let sleeper = bench.worker(&[]);
    stub.wait_in_flight(1).await;
    signal(sleeper.pid(), "STOP");
    let _other = bench.worker(&[]);
    // The lease runs out; the other worker asks as well.
    stub.wait_requests(2).await;
    gate.open();
    let queue = oracle::queue(&server.url()).await;
    until_done(&queue, &id).await;
    signal(sleeper.pid(), "CONT");
    eventually(LONG, "the sleeper learns that its lease is gone", || {
        let log = bench.worker_log();
        (log.contains("leases lost") || log.contains("Stale")).then_some(())
    });
    assert_eq!(oracle::check_all(&server, &id, &repo).await.sweep.resolved, 1);
    assert_eq!(queue.rows::<ReviewRow>(&id).await.unwrap().len(), 1);
    assert!(oracle::check_jobs(&mut server.connection()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_command_goes_on_after_everything_was_killed() {
    killed_and_run_again(true).await;
}

/// The kernel tells the server to end when the command was killed; that takes a moment.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_command_goes_on_while_its_server_is_on_its_way_out() {
    killed_and_run_again(false).await;
}

/// `scrum run` with its private Redis: kill the server, kill the command, run the same again.
async fn killed_and_run_again(server_too: bool) {
    let repo = repo(20);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call| {
        // Half of the answers come at once, the others are held: the sweep is in the middle.
        let reply = review_or_summary(call);
        if call.n % 2 == 0 { reply.held_by(&held) } else { reply }
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]).short_leases();
    let out = bench.out();
    let mut command = bench.on("run", &repo, &["--out", out.to_str().unwrap()]);
    let run = Process(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    stub.wait(|s| s.completed >= 3 && s.in_flight >= 4).await;
    let servers = children(run.pid(), "redis-server");
    let workers = children(run.pid(), "scrum-worker");
    assert_eq!((servers.len(), workers.len()), (1, 1));

    // The private Redis dies: the command starts it again, the worker lives on.
    signal(servers[0], "KILL");
    // The same program is asked for its version and checks the file before that.
    let listens = |pid: &u32| {
        let told = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&told).contains("redis.sock")
    };
    let revived = eventually(LONG, "the server is started again", || {
        let mut others = children(run.pid(), "redis-server").into_iter();
        others.find(|pid| *pid != servers[0] && listens(pid))
    });

    // The worker dies: the command starts another.
    signal(workers[0], "KILL");
    eventually(LONG, "another worker", || {
        children(run.pid(), "scrum-worker").into_iter().find(|pid| *pid != workers[0])
    });

    // Everything dies at once, the command itself first, so that it can't tidy up.
    signal(run.pid(), "STOP");
    let workers = children(run.pid(), "scrum-worker");
    run.kill9();
    workers.into_iter().chain(server_too.then_some(revived)).for_each(kill9);
    stub.wait_in_flight(0).await;
    gate.open();
    let done = bench.review(&repo, &[]).expect(0);
    assert!(done.stderr.contains("exists already"), "{}", done.stderr);
    assert!(done.stdout.contains("21 of 21 files reviewed"), "{}", done.stdout);
    let lines = std::fs::read_to_string(out.join("scrum_reviews.jsonl")).unwrap();
    let rows: Vec<ReviewRow> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut files: Vec<_> = rows.iter().map(|r| r.file.clone()).collect();
    files.sort();
    files.dedup();
    assert_eq!((rows.len(), files.len()), (21, 21), "one row for each file");
}

/// Ctrl-C leaves the sweep, and the same command resumes it.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_is_resumed() {
    let repo = TestRepo::with_files(6);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call| review_or_summary(call).held_by(&held));
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]).short_leases();
    let ladder = bench.ladder();
    let args = ["run", repo.path().to_str().unwrap(), "--ladder", ladder.to_str().unwrap()];
    let mut command = bench.scrum(&args);
    command.env("SCRUM__WORKER__GRACE_S", "1").stdout(Stdio::null()).stderr(Stdio::null());
    let run = Process(command.spawn().unwrap());
    stub.wait_in_flight(6).await;
    signal(run.pid(), "INT");
    let mut run = run;
    let status = eventually(LONG, "the command ends", || run.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(130));
    gate.open();
    let done = bench.run(&args).expect(0);
    assert!(done.stdout.contains("6 of 6 files reviewed"), "{}", done.stdout);
}

/// Two commands share the private server; the one that owns it ends first.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_ends_takes_nothing_from_another() {
    let quick = TestRepo::with_files(1);
    let slow = TestRepo::new();
    slow.write("slow.rs", b"pub fn slow() {}\n");
    slow.commit("slow");
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call| {
        let reply = review_or_summary(call);
        if call.prompt.contains("slow.rs") { reply.held_by(&held) } else { reply }
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]).short_leases();
    let ladder = bench.ladder();
    let args = |repo: &TestRepo| -> Vec<String> {
        let path = repo.path().to_str().unwrap();
        ["run", path, "--ladder", ladder.to_str().unwrap()].map(str::to_owned).to_vec()
    };
    let start = |args: Vec<String>| {
        let mut command = bench.command("scrum");
        command.args(args).env("SCRUM__WORKER__GRACE_S", "1");
        Process(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    // The owner of the server has the slow file and is interrupted; the other goes on alone.
    let owner = start(args(&slow));
    stub.wait_in_flight(1).await;
    let mut other = start(args(&slow));
    eventually(LONG, "the other has a worker", || {
        (!children(other.pid(), "scrum-worker").is_empty()).then_some(())
    });
    assert!(children(other.pid(), "redis-server").is_empty(), "it uses the owner's server");
    signal(owner.pid(), "INT");
    drop(owner);
    eventually(LONG, "the other looks after the server", || {
        (!children(other.pid(), "redis-server").is_empty()).then_some(())
    });
    gate.open();
    let status = eventually(LONG, "the other ends", || other.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    bench.run(&args(&quick).iter().map(String::as_str).collect::<Vec<_>>()).expect(0);
}

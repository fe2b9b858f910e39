//! The same job delivered twice, in turn and at once: one row, one commit.

use crate::common::{LONG, review_or_summary, until_done};
use queue_schema::client::{ClaimRequest, Commit};
use queue_schema::effects::{Effect, Effects, NewJob};
use queue_schema::jobs::Rung;
use queue_schema::keys;
use scrum_tests::model_stub::{Gate, ModelStub};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, signal};
use scrum_tests::proxy::{Act, Latch, Point, Proxy};
use scrum_tests::redis::{RedisServer, at};
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Two workers have done the same job and both hold its commit; both are let go in the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn at_once_one_commit_counts() {
    for newest_first in [false, true] {
        let (server, repo) = (RedisServer::alone(), TestRepo::with_files(1));
        let stub = ModelStub::with(review_or_summary);
        let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
            .short_leases()
            .set("queue.commit_batch", "1")
            .set("queue.crash_limit", "100");
        let id = bench.enqueue(&repo);
        let (one, other) = (Proxy::to(server.socket()), Proxy::to(server.socket()));
        let latches = [Latch::default(), Latch::default()];
        for (proxy, latch) in [&one, &other].into_iter().zip(latches.clone()) {
            proxy.on(move |call, point| {
                let job = call.args.get(1).map(|j| String::from_utf8_lossy(j).into_owned());
                let rung = call.name == "commit" && job.is_some_and(|j| j.contains(".rung."));
                if rung && point == Point::Before {
                    latch.pass();
                }
                Act::Pass
            });
        }
        let first = bench.worker_at(&one.url(), &[]);
        eventually(LONG, "the first holds its commit", || latches[0].is_reached().then_some(()));
        // It sleeps past its lease, as a machine that is suspended does.
        signal(first.pid(), "STOP");
        let _second = bench.worker_at(&other.url(), &[]);
        eventually(LONG, "so does the second", || latches[1].is_reached().then_some(()));
        let order = if newest_first { [1, 0] } else { [0, 1] };
        latches[order[0]].open();
        latches[order[1]].open();
        let queue = oracle::queue(&server.url()).await;
        until_done(&queue, &id).await;
        signal(first.pid(), "CONT");
        let rung = |proxy: &Proxy| {
            let commits = proxy.commits();
            commits.into_iter().find(|c| c.job.contains(".rung.") && c.applied.is_some())
        };
        let (stale, fresh) =
            eventually(LONG, "both are answered", || Some((rung(&one)?, rung(&other)?)));
        assert_eq!((stale.applied, fresh.applied), (Some(false), Some(true)));
        let all = oracle::check_all(&server, &id, &repo).await;
        all.is_done();
        assert_eq!((all.sweep.resolved, all.sweep.attempts), (1, 1), "one row, one commit");
        assert_eq!(all.history.endings(&fresh.job), 1);
        assert_eq!(
            all.history.ending(&stale.job, &stale.token),
            None,
            "no effect of the stale one"
        );
        assert_eq!(stub.requests().len(), 1, "the second found the answer that the first had paid");
    }
}

/// A worker can't renew for longer than its leases, and takes its own jobs back: each runs once, under the newer lease,
/// and a renewal of the older ones that is answered late ends none.
#[tokio::test(flavor = "multi_thread")]
async fn to_the_same_worker_the_older_run_ends_and_the_newer_one_lives() {
    const PASS: u8 = 0;
    const LOSE_RENEWALS: u8 = 1;
    const HOLD_RENEWALS: u8 = 2;
    let (server, repo) = (RedisServer::alone(), TestRepo::with_files(4));
    server.load_scripts();
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call| review_or_summary(call).held_by(&held));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("queue.lease_ms", "3000")
        .set("queue.renew_ms", "200");
    let id = bench.enqueue(&repo);
    let proxy = Proxy::to(server.socket());
    let _worker = bench.worker_at(&proxy.url(), &["--concurrency", "8"]);
    stub.wait_in_flight(4).await;
    let (renewal, claim) = (Latch::default(), Latch::default());
    let phase = Arc::new(AtomicU8::new(LOSE_RENEWALS));
    let (late, first, now) = (renewal.clone(), claim.clone(), phase.clone());
    proxy.on(move |call, point| {
        let phase = now.load(Ordering::SeqCst);
        match (call.name.as_str(), phase) {
            ("renew", LOSE_RENEWALS) if point == Point::Before => return Act::Lose,
            ("renew", HOLD_RENEWALS) if point == Point::Before => late.pass(),
            ("claim", LOSE_RENEWALS | HOLD_RENEWALS) if point == Point::Before => first.pass(),
            _ => {}
        }
        Act::Pass
    });
    let mut conn = server.connection();
    eventually(LONG, "all leases have run out", || {
        let now: (u64, u64) = redis::cmd("TIME").query(&mut conn).unwrap();
        let until = (now.0 * 1000 + now.1 / 1000).to_string();
        let over: usize =
            redis::cmd("ZCOUNT").arg(at(keys::LEASES)).arg(0).arg(until).query(&mut conn).unwrap();
        (over == 4).then_some(())
    });
    phase.store(HOLD_RENEWALS, Ordering::SeqCst);
    eventually(LONG, "a renewal of theirs is on its way", || renewal.is_reached().then_some(()));
    claim.open();
    stub.wait_requests(8).await;
    stub.wait(|stats| stats.in_flight == 4).await;
    phase.store(PASS, Ordering::SeqCst);
    renewal.open();
    let so_far = proxy.count("renew");
    eventually(LONG, "three renewals more", || (proxy.count("renew") >= so_far + 3).then_some(()));
    gate.open();
    let queue = oracle::queue(&server.url()).await;
    until_done(&queue, &id).await;
    let all = oracle::check_all(&server, &id, &repo).await;
    assert_eq!(all.is_done().sweep.resolved, 4);
    assert_eq!(all.history.taken_back().len(), 4, "each of them once");
    assert_eq!(stub.requests().len(), 8, "no call of the newer leases was given up");
}

/// A finished job comes again: it runs, and what it wants is there already.
#[tokio::test(flavor = "multi_thread")]
async fn in_turn_the_row_is_not_written_again() {
    let (server, repo) = (RedisServer::alone(), TestRepo::with_files(2));
    let stub = ModelStub::with(review_or_summary);
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).short_leases();
    let id = bench.enqueue(&repo);
    let _worker = bench.worker(&[]);
    let queue = oracle::queue(&server.url()).await;
    until_done(&queue, &id).await;
    let rung = Rung {
        sweep: id.clone(),
        target: 0,
        rung: 0,
        attempt: 1,
        provider: "stub".to_owned(),
        passed: 0,
    };
    let job = NewJob::of(&rung).unwrap();
    assert_eq!(queue.enqueue(std::slice::from_ref(&job)).await.unwrap(), 1, "it was gone");
    eventually(LONG, "it has run again", || {
        let jobs = oracle::check_jobs_if_still(&server)?;
        jobs.is_empty().then_some(())
    });
    let all = oracle::check_all(&server, &id, &repo).await;
    all.is_done();
    assert_eq!(all.history.endings(&job.id), 2, "it ran twice");
    assert_eq!((all.sweep.resolved, stub.requests().len()), (2, 2), "and is there once");
}

/// By hand: a job pushed twice is there once; a commit sent twice happens once.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_sent_twice_happens_once() {
    let server = RedisServer::alone();
    let queue = oracle::queue(&server.url()).await;
    let rung =
        Rung { sweep: "".into(), target: 0, rung: 0, attempt: 1, provider: "p".into(), passed: 0 };
    let job = NewJob { target: None, ..NewJob::of(&rung).unwrap() };
    assert_eq!(queue.enqueue(&[job.clone(), job.clone()]).await.unwrap(), 1);
    assert_eq!(queue.enqueue(std::slice::from_ref(&job)).await.unwrap(), 0);
    let claim = ClaimRequest {
        worker: "w".into(),
        request: "w/1".to_owned(),
        want: 8,
        lanes: Vec::new(),
        ..ClaimRequest::default()
    };
    let jobs = queue.claim(&claim).await.unwrap().jobs;
    assert_eq!(jobs.len(), 1);
    let add = Effect::Add { key: keys::sweep("x"), field: "seen".to_owned(), by: 1 };
    let commit = Commit { lease: jobs[0].lease.clone(), effects: Effects::done().with(add) };
    let both = queue.commit(&[commit.clone(), commit.clone()]).await.unwrap();
    assert_eq!(both, [true, false], "twice in one call");
    assert_eq!(queue.commit(&[commit]).await.unwrap(), [false], "and once more");
    let seen: i64 = redis::cmd("HGET")
        .arg(at(keys::sweep("x")))
        .arg("seen")
        .query(&mut server.connection())
        .unwrap();
    assert_eq!(seen, 1);
}

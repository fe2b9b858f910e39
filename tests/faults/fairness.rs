//! A small sweep behind a huge one.

use crate::common::{LONG, review_or_summary, until_done};
use crate::limits::{enqueue, providers, repo};
use queue_schema::client::{Queue, SweepState};
use queue_schema::ids::SweepId;
use scrum_tests::model_stub::ModelStub;
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::time::{Duration, Instant};

async fn time_of(queue: &Queue, bench: &Bench, repo: &TestRepo) -> (Duration, SweepId) {
    let started = Instant::now();
    let id = enqueue(bench, repo, "stub");
    until_done(queue, &id).await;
    (started.elapsed(), id)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_files_behind_twenty_thousand_are_done_in_seconds() {
    const MANY: usize = 20_000;
    let server = RedisServer::alone();
    let stub = ModelStub::with(|call| review_or_summary(call).after(Duration::from_millis(20)));
    let bench = providers(&server, &[("stub", &stub.openai_url(), "concurrency=16")]);
    let (many, few, as_few) = (repo("many", MANY), repo("few", 10), repo("as_few", 10));
    let queue = oracle::queue(&server.url()).await;
    let _workers = [(); 2].map(|()| bench.worker(&["--concurrency", "4"]));
    let (alone, first) = time_of(&queue, &bench, &few).await;

    let huge = enqueue(&bench, &many, "stub");
    // Its admission window is full and its calls are under way.
    stub.wait_requests(10 + 100).await;
    let (behind, second) = time_of(&queue, &bench, &as_few).await;
    let s = queue.sweep_status(&huge).await.unwrap().unwrap();
    println!(
        "figure: 10 files: {alone:?} alone, {behind:?} behind {} of {MANY} files",
        MANY - s.resolved as usize
    );
    assert!(s.resolved < MANY as u64 / 2, "the huge one is far from done: {s:?}");
    // Every other job is the small one's: twice the time, and what was under way before.
    assert!(behind < alone * 4 + Duration::from_secs(2), "{behind:?} behind, {alone:?} alone");

    assert!(queue.cancel_sweep(&huge).await.unwrap());
    eventually(LONG, "what runs has ended", || {
        let jobs = oracle::check_jobs_if_still(&server)?;
        jobs.is_empty().then_some(())
    });
    for (id, repo) in [(&first, &few), (&second, &as_few)] {
        assert_eq!(oracle::check_all(&server, id, repo).await.is_done().sweep.resolved, 10);
    }
    let all = oracle::check_all(&server, &huge, &many).await;
    assert_eq!(all.sweep.state, SweepState::Cancelled);
    assert_eq!(all.sweep.resolved + all.sweep.cancelled, all.sweep.total);
}

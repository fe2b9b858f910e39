//! The network between a worker and Redis: cut or silent for longer than a lease, and a worker that
//! sleeps past it. What the worker then sends is refused.

use crate::common::{LONG, review_or_summary, until_done};
use queue_schema::ids::SweepId;
use scrum_tests::model_stub::ModelStub;
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Process, signal};
use scrum_tests::proxy::{Act, Latch, Point, Proxy, SentCommit};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

struct Scene {
    server: RedisServer,
    repo: TestRepo,
    stub: ModelStub,
    bench: Bench,
    proxy: Proxy,
    id: SweepId,
}

/// A sweep of two files and a proxy for one of the workers to come.
fn scene() -> Scene {
    let (server, repo) = (RedisServer::alone(), TestRepo::with_files(2));
    server.load_scripts();
    let stub = ModelStub::with(review_or_summary);
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .short_leases()
        .set("queue.commit_batch", "1")
        .set("worker.prepare_ahead", "false")
        .set("redis.response_timeout_ms", "500")
        .set("redis.connect_timeout_ms", "500");
    let id = bench.enqueue(&repo);
    let proxy = Proxy::to(server.socket());
    Scene { server, repo, stub, bench, proxy, id }
}

fn is_rung(args: &[Vec<u8>]) -> bool {
    args.get(1).is_some_and(|job| String::from_utf8_lossy(job).contains(".rung."))
}

impl Scene {
    /// After the fault: the other worker has done everything, and no commit of the first one that
    /// came late changed anything.
    async fn holds(&self) -> Vec<SentCommit> {
        let queue = oracle::queue(&self.server.url()).await;
        until_done(&queue, &self.id).await;
        let all = oracle::check_all(&self.server, &self.id, &self.repo).await;
        all.is_done();
        assert_eq!((all.sweep.resolved, all.sweep.attempts), (2, 2));
        assert_eq!(self.stub.requests().len(), 2, "the paid answers were found again");
        let commits = self.proxy.commits();
        for commit in &commits {
            let same =
                commits.iter().filter(|c| (&c.job, &c.token) == (&commit.job, &commit.token));
            let applied = same.filter(|c| c.applied == Some(true)).count();
            let happened = all.history.ending(&commit.job, &commit.token).is_some();
            assert_eq!(applied, usize::from(happened), "{commit:?}");
        }
        commits
    }

    fn rungs(&self) -> Vec<SentCommit> {
        let commits = self.proxy.commits();
        commits.into_iter().filter(|c| c.job.contains(".rung.")).collect()
    }
}

/// Something happens to the network as the first rung's commit is sent, at one side of Redis; another
/// worker takes over; the network comes back.
async fn away(point: Point, silent: bool) -> (Scene, Process) {
    let scene = scene();
    let (switch, gone) = (scene.proxy.handle(), Arc::new(AtomicBool::new(false)));
    let seen = gone.clone();
    scene.proxy.on(move |call, at| {
        let here = call.name == "commit" && is_rung(&call.args) && at == point;
        if !here || seen.swap(true, Ordering::SeqCst) {
            return Act::Pass;
        }
        if silent {
            switch.silence();
            Act::Pass
        } else {
            switch.cut();
            Act::Lose
        }
    });
    let first = scene.bench.worker_at(&scene.proxy.url(), &["--concurrency", "1"]);
    eventually(LONG, "the commit is on its way", || gone.load(Ordering::SeqCst).then_some(()));
    let _second = scene.bench.worker(&[]);
    let queue = oracle::queue(&scene.server.url()).await;
    until_done(&queue, &scene.id).await;
    let tries = scene.rungs().len();
    scene.proxy.mend();
    eventually(LONG, "the first worker says it again", || {
        (scene.rungs().len() > tries).then_some(())
    });
    eventually(LONG, "and is answered", || scene.rungs().last().unwrap().applied);
    (scene, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cut_longer_than_the_lease_the_late_commit_is_refused() {
    for silent in [false, true] {
        let (scene, _worker) = away(Point::Before, silent).await;
        let commits = scene.holds().await;
        let late = commits.iter().filter(|c| c.job.contains(".rung.")).collect::<Vec<_>>();
        assert!(late.iter().all(|c| c.applied != Some(true)), "{late:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cut_that_swallowed_the_reply_the_repetition_changes_nothing() {
    for silent in [false, true] {
        let (scene, _worker) = away(Point::After, silent).await;
        let commits = scene.holds().await;
        let mut rungs = commits.iter().filter(|c| c.job.contains(".rung."));
        let (first, again) = (rungs.next().unwrap(), rungs.next_back().unwrap());
        assert_eq!((first.applied, again.applied), (Some(true), Some(false)));
        assert_eq!((&first.job, &first.token), (&again.job, &again.token));
    }
}

/// Stopped with its commit already sent, woken when its job is long done by another.
#[tokio::test(flavor = "multi_thread")]
async fn the_commit_of_a_worker_that_slept_past_its_lease_is_refused() {
    let scene = scene();
    let latch = Latch::default();
    let held = latch.clone();
    scene.proxy.on(move |call, at| {
        if call.name == "commit" && is_rung(&call.args) && at == Point::Before {
            held.pass();
        }
        Act::Pass
    });
    let sleeper = scene.bench.worker_at(&scene.proxy.url(), &["--concurrency", "1"]);
    eventually(LONG, "its commit is on its way", || latch.is_reached().then_some(()));
    signal(sleeper.pid(), "STOP");
    let _other = scene.bench.worker(&[]);
    let queue = oracle::queue(&scene.server.url()).await;
    until_done(&queue, &scene.id).await;
    latch.open();
    signal(sleeper.pid(), "CONT");
    // On a slow machine it has slept past its patience too, and sends the commit once more.
    let any = || scene.rungs().iter().any(|c| c.told).then_some(());
    eventually(LONG, "it is answered", any);
    let commits = scene.holds().await;
    let told = |c: &&SentCommit| c.job.contains(".rung.") && c.told;
    let late = commits.iter().find(told).unwrap();
    assert_eq!(late.applied, Some(false), "its commit is refused");
    let history = scrum_tests::history::History::read(&scene.server.appendonlydir());
    assert_eq!(history.endings(&late.job), 1, "its job is done once");
}

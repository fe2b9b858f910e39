//! Limits of a provider under load: never exceeded, measured where the calls arrive, and no place in a
//! worker is held by what waits for them.

use crate::common::{LONG, review_or_summary, until_done};
use queue_schema::ids::SweepId;
use scrum_tests::model_stub::{Gate, ModelStub, Recorded};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// A stub whose answers wait for a gate.
pub fn gated() -> (ModelStub, Gate) {
    let gate = Gate::new();
    let held = gate.clone();
    (ModelStub::with(move |call| review_or_summary(call).held_by(&held)), gate)
}

/// A bench with some providers: name, URL, further settings; and a ladder file for each.
pub fn providers(server: &RedisServer, all: &[(&str, &str, &str)]) -> Bench {
    let mut settings = String::new();
    for (name, url, more) in all {
        let _ = write!(
            settings,
            "[providers.{name}]\nwire='openai'\nbase_url='{url}'\nlocal=true\n{more}\n"
        );
    }
    let bench = Bench::new(Some(server.url()), &settings);
    for (name, _, _) in all {
        let ladder = format!("name='{name}'\n[[rungs]]\nprovider='{name}'\nmodel='m'\n");
        std::fs::write(bench.dir.path().join(format!("{name}.toml")), ladder).unwrap();
    }
    bench
}

/// Enqueues a sweep whose every call goes to one provider.
pub fn enqueue(bench: &Bench, repo: &TestRepo, provider: &str) -> SweepId {
    let ladder = bench.dir.path().join(format!("{provider}.toml"));
    let (repo, ladder) = (repo.path().to_str().unwrap(), ladder.to_str().unwrap());
    bench.run(&["sweep", repo, "--ladder", ladder]).expect(0).stdout.trim().into()
}

/// A repository whose files no other one has, so that no answer is found in the cache.
pub fn repo(name: &str, n: usize) -> TestRepo {
    TestRepo::with_many_tiny_files(name, n)
}

/// The most calls that began within any `window`.
pub fn most_within(calls: &[Recorded], window: Duration) -> usize {
    let within = |i: usize| calls[i..].iter().take_while(|c| c.at - calls[i].at < window).count();
    (0..calls.len()).map(within).max().unwrap_or(0)
}

/// Eight places in two processes; a provider that takes three calls at a time, another that takes
/// five. Calls of both are held: if one that waits for its provider held a place, there would be fewer
/// than eight.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_three_holds_over_eight_places_and_what_waits_holds_none() {
    let server = RedisServer::alone();
    let ((narrow, gate), (wide, other)) = (gated(), gated());
    let bench = providers(
        &server,
        &[
            ("narrow", &narrow.openai_url(), "concurrency=3"),
            ("wide", &wide.openai_url(), "concurrency=5"),
        ],
    );
    let (first, second) = (repo("first", 40), repo("second", 40));
    // The narrow one's jobs stand there before any of the others.
    let one = enqueue(&bench, &first, "narrow");
    let _workers = [(); 2].map(|()| bench.worker(&["--concurrency", "4"]));
    narrow.wait_in_flight(3).await;
    let two = enqueue(&bench, &second, "wide");
    wide.wait_in_flight(5).await;
    assert_eq!((narrow.stats().in_flight, wide.stats().in_flight), (3, 5), "all eight places work");
    gate.open();
    other.open();
    let queue = oracle::queue(&server.url()).await;
    for (id, repo) in [(&one, &first), (&two, &second)] {
        until_done(&queue, id).await;
        let all = oracle::check_all(&server, id, repo).await;
        assert_eq!(all.is_done().sweep.resolved, 40);
    }
    assert_eq!((narrow.stats().max_in_flight, wide.stats().max_in_flight), (3, 5));
}

/// A provider of 60 calls a minute; its bucket holds three. When they are used, its jobs wait in Redis,
/// and all eight places are the other provider's.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_rate_holds_no_place() {
    let server = RedisServer::alone();
    let (slow, (wide, gate)) = (ModelStub::with(review_or_summary), gated());
    let bench = providers(
        &server,
        &[
            ("slow", &slow.openai_url(), "concurrency=16\nrate_per_minute=60"),
            ("wide", &wide.openai_url(), "concurrency=16"),
        ],
    );
    let (first, second) = (repo("first", 8), repo("second", 24));
    let one = enqueue(&bench, &first, "slow");
    let _workers = [(); 2].map(|()| bench.worker(&["--concurrency", "4"]));
    slow.wait_requests(3).await;
    let two = enqueue(&bench, &second, "wide");
    wide.wait_in_flight(8).await;
    gate.open();
    let queue = oracle::queue(&server.url()).await;
    until_done(&queue, &two).await;
    until_done(&queue, &one).await;
    oracle::check_all(&server, &one, &first).await.is_done();
    oracle::check_all(&server, &two, &second).await.is_done();
    let calls = slow.requests();
    let whole = calls.last().unwrap().at - calls[0].at;
    println!("8 calls at 60 a minute took {whole:?}");
    // Three at once, one each second after that.
    assert!(whole > Duration::from_millis(4_500), "{whole:?}");
}

/// The same bucket over two whole minutes. Only when asked for: `SCRUM_TEST_LONG=1`.
#[tokio::test(flavor = "multi_thread")]
async fn sixty_a_minute_are_never_more_than_sixty_three() {
    if std::env::var_os("SCRUM_TEST_LONG").is_none() {
        println!("skipped: it takes two minutes; SCRUM_TEST_LONG=1 runs it");
        return;
    }
    let server = RedisServer::alone();
    let stub = ModelStub::with(review_or_summary);
    let settings = "concurrency=16\nrate_per_minute=60";
    let bench = providers(&server, &[("slow", &stub.openai_url(), settings)]);
    let repo = repo("files", 500);
    enqueue(&bench, &repo, "slow");
    let _workers = [(); 2].map(|()| bench.worker(&["--concurrency", "4"]));
    stub.wait_requests(1).await;
    let minute = Duration::from_secs(60);
    let started = Instant::now();
    scrum_tests::wait::eventually(LONG * 3, "two minutes", || {
        (started.elapsed() > 2 * minute).then_some(())
    });
    let calls = stub.requests();
    let most = most_within(&calls, minute);
    println!("{} calls in two minutes, at most {most} in any one", calls.len());
    assert!((57..=63).contains(&most), "{most}");
}

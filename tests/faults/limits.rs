//! Limits of a provider under load: never exceeded, measured where the calls arrive, and no place in a
//! worker is held by what waits for them.

use crate::common::{LONG, review_or_summary, until_done};
use queue_schema::client::{PoolLimits, Queue, QueueOptions};
use queue_schema::ids::{SweepId, WorkerId};
use queue_schema::keys;
use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, long_form};
use scrum_tests::proxy::Proxy;
use scrum_tests::redis::{RedisServer, at};
use scrum_tests::repo::TestRepo;
use scrum_tests::requests;
use scrum_tests::wait::eventually;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
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
    println!("figure: 8 calls at 60 a minute took {whole:?}");
    // Three at once, one each second after that.
    assert!(whole > Duration::from_millis(4_500), "{whole:?}");
}

/// What a server says to a call that is one too many.
fn too_many() -> Reply {
    Reply::status(429, r#"{"error":{"message":"Rate limit reached","type":"rate_limit_error"}}"#)
}

/// With settings as they ship: the fleet finds what the server bears by itself. How near it comes when all calls are
/// known at once is shown in simulated time, by `conformance/places.rs`; here the machine may be slow to make or
/// to report a call.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_beyond_twelve_calls_is_found_with_few_refusals() {
    const BEARS: usize = 12;
    const FILES: usize = 48;
    let server = RedisServer::alone();
    // Long enough that thirteen calls meet there, however slowly they are made.
    let stub = ModelStub::with(|call| match call.in_flight {
        n if n > BEARS => too_many(),
        _ => review_or_summary(call).after(Duration::from_millis(1_200)),
    });
    let bench = providers(&server, &[("some", &stub.openai_url(), "")]);
    let repo = repo("files", FILES);
    let id = enqueue(&bench, &repo, "some");
    let _workers = [(); 2].map(|()| bench.worker(&[]));
    let queue = oracle::queue(&server.url()).await;
    until_done(&queue, &id).await;
    let all = oracle::check_all(&server, &id, &repo).await;
    assert_eq!(all.is_done().sweep.resolved, FILES as u64);
    let refused = stub.requests().iter().filter(|c| c.in_flight > BEARS).count();
    let most = stub.stats().max_in_flight;
    println!(
        "figure: {refused} of {} calls refused, at most {most} at a time",
        stub.requests().len()
    );
    assert!((1..15).contains(&refused), "{refused}");
    assert!((BEARS + 1..=BEARS + 4).contains(&most), "{most}");
    let pools = queue.pools().await.unwrap();
    let pool = pools.iter().find(|p| p.pool == "some").unwrap();
    // It began with 8 and went on to 32, where the refusal ended it.
    assert!(pool.limit.is_some_and(|n| (8..=24).contains(&n)), "{pool:?}");
}

/// A Retry-After is heeded by all jobs of all workers, and costs none of them a retry.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_a_server_asks_for_holds_for_all() {
    const FILES: usize = 30;
    let server = RedisServer::alone();
    let first = Arc::new(OnceLock::new());
    let pause = Duration::from_secs(2);
    let stub = ModelStub::with(move |call| {
        if call.at < *first.get_or_init(|| call.at) + pause {
            Reply::rate_limited(pause.as_secs())
        } else {
            review_or_summary(call)
        }
    });
    let bench = providers(&server, &[("some", &stub.openai_url(), "")]);
    let repo = repo("files", FILES);
    let id = enqueue(&bench, &repo, "some");
    let _workers = [(); 2].map(|()| bench.worker(&[]));
    stub.wait_requests(1).await;
    let status = || serde_json::from_str::<Value>(&bench.run(&["status", "--json"]).stdout).ok();
    eventually(LONG, "the pause is shown", || {
        let pools = status()?["pools"].as_array()?.clone();
        let some = pools.into_iter().find(|p| p["pool"] == "some")?;
        (some["refused_with"] == 429 && some["paused_ms"].is_u64()).then_some(())
    });
    let queue = oracle::queue(&server.url()).await;
    until_done(&queue, &id).await;
    assert_eq!(oracle::check_all(&server, &id, &repo).await.is_done().sweep.resolved, 30);
    let calls = stub.requests();
    let begin = calls[0].at;
    let within = calls.iter().filter(|c| c.at < begin + pause).count();
    println!("figure: {within} calls before the end of the pause");
    // Those that were under way when the first answer came.
    assert!(within <= 8, "{within}");
    let models: usize = calls.len() - within;
    assert!(
        (FILES..=FILES + 2).contains(&models),
        "{models}: once each, and the clocks of two processes"
    );
}

/// What waits for a place has not begun: a sweep that is cancelled meanwhile makes no further call.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_for_a_place_makes_no_call_for_a_cancelled_sweep() {
    let server = RedisServer::alone();
    let (stub, gate) = gated();
    let bench = providers(&server, &[("narrow", &stub.openai_url(), "concurrency=1")]);
    let repo = repo("files", 10);
    let id = enqueue(&bench, &repo, "narrow");
    let worker = bench.worker(&["--concurrency", "4"]);
    stub.wait_in_flight(1).await;
    let queue = oracle::queue(&server.url()).await;
    // One is prepared ahead, and waits.
    let mut conn = server.connection();
    eventually(LONG, "a second job is held", || {
        let held: usize = redis::cmd("ZCARD").arg(at(keys::LEASES)).query(&mut conn).unwrap();
        (held >= 2).then_some(())
    });
    bench.run(&["cancel", &id]).expect(0);
    gate.open();
    eventually(LONG, "nothing is held any more", || {
        let held: usize = redis::cmd("ZCARD").arg(at(keys::LEASES)).query(&mut conn).unwrap();
        (held == 0).then_some(())
    });
    assert_eq!(worker.terminate(LONG), 0);
    assert_eq!(stub.requests().len(), 1);
    assert!(queue.sweep_status(&id).await.unwrap().unwrap().is_over());
}

/// Places of a worker that died are free again when they run out.
#[tokio::test(flavor = "multi_thread")]
async fn places_of_a_killed_worker_come_back() {
    let server = RedisServer::alone();
    let (stub, gate) = gated();
    let url = stub.openai_url();
    let bench = providers(&server, &[("narrow", &url, "concurrency=2")]).short_leases();
    let repo = repo("files", 10);
    let id = enqueue(&bench, &repo, "narrow");
    let first = bench.worker(&["--concurrency", "4"]);
    stub.wait_in_flight(2).await;
    let _second = bench.worker(&["--concurrency", "4"]);
    first.kill9();
    gate.open();
    let queue = oracle::queue(&server.url()).await;
    until_done(&queue, &id).await;
    assert_eq!(oracle::check_all(&server, &id, &repo).await.is_done().sweep.resolved, 10);
    assert_eq!(stub.stats().max_in_flight, 2);
}

/// A worker that lacks a place hears of those of a dead worker, also when it is the only one that waits: nobody else
/// would give one back.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_lacks_a_place_hears_of_those_that_ran_out() {
    let server = RedisServer::alone();
    let options = oracle::queue(&server.url()).await.options().clone();
    let brief = QueueOptions { lease: Duration::from_millis(200), ..options };
    let queue = Queue::connect(brief).await.unwrap();
    queue.set_limits("p", PoolLimits::of(2)).await.unwrap();
    let (gone, me) = (&WorkerId::from("gone"), &WorkerId::from("me"));
    assert_eq!(queue.exchange(&requests::exchange("p", gone, 1, 0, 2)).await.unwrap().given, 2);
    let mut waiter = queue.pool_waiter("p", LONG).await.unwrap();
    assert!(waiter.wait(LONG).await.unwrap(), "of the limits that were set");
    let ask = requests::exchange("p", me, 1, 0, 1);
    let said = queue.exchange(&ask).await.unwrap();
    assert_eq!((said.given, said.next_due), (0, None), "others have to free some");
    // It says that it still lacks one, as with each renewal of its leases, until it hears of some.
    let renewal = Duration::from_millis(50);
    while !waiter.wait(renewal).await.unwrap() {
        queue.hold_places(me, &[("p".to_owned(), 0, true)]).await.unwrap();
    }
    let said = queue.exchange(&requests::exchange("p", me, 2, 0, 1)).await.unwrap();
    assert_eq!(said.given, 1);
}

/// Somebody writes a foreign value into the key of a pool while jobs are in calls: its worker keeps all leases, and the
/// places of its other pools.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_value_in_the_key_of_a_pool_costs_no_job_its_lease() {
    let server = RedisServer::alone();
    server.load_scripts();
    let ((one, gate), (other, wide)) = (gated(), gated());
    let all = [("one", &*one.openai_url(), ""), ("other", &*other.openai_url(), "")];
    // Nobody mends it meanwhile.
    let bench = providers(&server, &all).short_leases().set("queue.upkeep_interval_s", "3600");
    let repos = [repo("first", 3), repo("second", 3)];
    let ids = [enqueue(&bench, &repos[0], "one"), enqueue(&bench, &repos[1], "other")];
    let proxy = Proxy::to(server.socket());
    let _worker = bench.worker_at(&proxy.url(), &["--concurrency", "8"]);
    one.wait_in_flight(3).await;
    other.wait_in_flight(3).await;
    let mut conn = server.connection();
    let foreign = at(keys::pool("one"));
    redis::cmd("DEL").arg(&foreign).query::<()>(&mut conn).unwrap();
    redis::cmd("SET").arg(&foreign).arg("foreign").query::<()>(&mut conn).unwrap();
    let so_far = proxy.count("renew");
    eventually(LONG, "renewals for three leases' time", || {
        (proxy.count("renew") >= so_far + 15).then_some(())
    });
    assert_eq!((one.requests().len(), other.requests().len()), (3, 3), "no lease ran out");
    let fields: Vec<String> = conn.ask(&["HKEYS", &keys::pool("other")]);
    assert!(
        fields.iter().any(|f| f.starts_with(&keys::worker(""))),
        "the other pool's are kept: {fields:?}"
    );
    gate.open();
    wide.open();
    let queue = oracle::queue(&server.url()).await;
    for id in &ids {
        until_done(&queue, id).await;
        assert_eq!(oracle::check_sweep(&queue, id).await.resolved, 3);
    }
    assert_eq!((one.requests().len(), other.requests().len()), (3, 3));
}

/// One call renews the places of all pools.
#[tokio::test(flavor = "multi_thread")]
async fn places_of_a_pool_are_kept_beside_one_that_can_not_be_read() {
    let server = RedisServer::alone();
    let queue = oracle::queue(&server.url()).await;
    let mut conn = server.connection();
    let (me, bad) = (&WorkerId::from("me"), at(keys::pool("bad")));
    redis::cmd("SET").arg(&bad).arg("foreign").query::<()>(&mut conn).unwrap();
    let held = [("bad".to_owned(), 1, false), ("good".to_owned(), 2, false)];
    let error = queue.hold_places(me, &held).await.unwrap_err();
    assert!(error.is_damage(), "{error}");
    let kept: Option<String> = conn.ask(&["HGET", &keys::pool("good"), &keys::worker(me)]);
    assert!(kept.is_some_and(|kept| kept.starts_with("2 0 ")));
    let told: Option<String> = conn.ask(&["GET", keys::DAMAGED]);
    assert!(told.is_some_and(|told| told.contains("WRONGTYPE")), "upkeep is told");
}

/// The same bucket over two whole minutes. Only when asked for: `SCRUM_TEST_LONG=1`.
#[tokio::test(flavor = "multi_thread")]
async fn sixty_a_minute_are_never_more_than_sixty_three() {
    if !long_form() {
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
    println!("figure: {} calls in two minutes, at most {most} in any one", calls.len());
    assert!((57..=63).contains(&most), "{most}");
}

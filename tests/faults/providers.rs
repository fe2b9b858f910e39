//! Providers that are slow, drip, stall, or turn everybody away: leases live as long as the work, and
//! being turned away spends nothing.

use crate::common::{review_or_summary, until_done};
use crate::limits::{enqueue, most_within, providers, repo};
use queue_schema::client::DeadFilter;
use queue_schema::rows::ReviewRow;
use scrum_tests::model_stub::{ModelStub, Reply, answers};
use scrum_tests::oracle;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Leases of a second, and answers that take several: a late one, one in drops, one that stops midway.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_keeps_its_lease_and_a_stall_ends_by_its_timer() {
    let server = RedisServer::alone();
    let stalls = AtomicBool::new(true);
    let stub = ModelStub::with(move |call| {
        let asks = |word: &str| call.prompt.contains(word);
        let text = answers::markdown_review("any");
        if asks("LATE") {
            Reply::ok(text).after(Duration::from_secs(5))
        } else if asks("DRIP") {
            // As many pieces as make five seconds.
            Reply::Drip(text, Duration::from_millis(100))
        } else if asks("STALL") && stalls.swap(false, Ordering::SeqCst) {
            Reply::Stall("It begins and then".to_owned())
        } else {
            Reply::ok(text)
        }
    });
    let settings = "concurrency=16\nidle_timeout_s=2\nfirst_byte_timeout_s=20\ntotal_timeout_s=60";
    let bench = providers(&server, &[("slow", &stub.openai_url(), settings)]);
    let repo = TestRepo::new();
    for name in ["LATE", "DRIP", "STALL"] {
        repo.write(&format!("{name}.rs"), format!("pub const {name}: u8 = 1;\n").as_bytes());
    }
    repo.commit("three");
    let id = enqueue(&bench, &repo, "slow");
    // The second one would take what the first lost.
    let _workers = [(); 2].map(|()| bench.worker(&[]));
    let queue = oracle::queue(&server.url()).await;
    until_done(&queue, &id).await;
    let all = oracle::check_all(&server, &id, &repo).await;
    assert_eq!(all.is_done().sweep.resolved, 3);
    assert!(all.history.taken_back().is_empty(), "no lease ran out");
    let calls = stub.requests();
    let of = |word: &str| calls.iter().filter(|c| c.prompt.contains(word)).collect::<Vec<_>>();
    assert_eq!((of("LATE").len(), of("DRIP").len()), (1, 1), "nobody asked again");
    let rows = queue.rows::<ReviewRow>(&id).await.unwrap();
    for row in &rows {
        println!("figure: {}: {} ms, {} attempts", row.file, row.duration_ms, row.attempts_made);
        assert_eq!(row.attempts_made, 1, "no rung was spent");
        if !row.file.starts_with("STALL") {
            assert!(row.duration_ms > 3000, "longer than the lease: {row:?}");
        }
    }
    let stalled = of("STALL");
    assert_eq!(stalled.len(), 2, "the stall was ended and asked for again");
    let waited = stalled[1].at - stalled[0].at;
    println!("figure: the stall ended after {waited:?}");
    assert!((Duration::from_secs(2)..Duration::from_secs(5)).contains(&waited), "{waited:?}");
}

/// A provider that answers 429, with the rest of the storm as `Retry-After`, to everybody, beside one
/// that is well. The storm is short here; `SCRUM_TEST_LONG=1` makes it a minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_429_spends_no_attempt_keeps_the_rate_and_hurts_nobody_else() {
    storm_of_429(Told::Right).await;
}

/// The same without a word on how long. The short one has waits of its own; the minute, the defaults.
#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_429_without_retry_after_spends_no_attempt_either() {
    storm_of_429(Told::Nothing).await;
}

/// The same with a `Retry-After` of a second, however long it lasts.
#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_429_that_lies_about_its_end_spends_no_attempt_either() {
    storm_of_429(Told::Wrong).await;
}

/// What a storm says about its end.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    Right,
    Wrong,
    Nothing,
}

async fn storm_of_429(told: Told) {
    const RATE: f64 = 1200.0;
    let long = scrum_tests::process::long_form();
    // The short ones may run side by side: all but the first are smaller, and measure no time.
    let (storm, files) = match (long, told) {
        (true, _) => (60, 1500),
        (false, Told::Right) => (3, 140),
        (false, _) => (3, 60),
    };
    let server = RedisServer::alone();
    let began = Mutex::new(None::<Instant>);
    let stormy = ModelStub::with(move |call| {
        let began = *began.lock().unwrap().get_or_insert_with(Instant::now);
        let left = Duration::from_secs(storm).saturating_sub(began.elapsed());
        if left.is_zero() {
            review_or_summary(call)
        } else {
            let seconds = match told {
                Told::Right => Some(left.as_secs() + 1),
                Told::Wrong => Some(1),
                Told::Nothing => None,
            };
            let told = seconds.map(|s| ("retry-after".to_owned(), s.to_string()));
            let body = r#"{"error":{"message":"Rate limit reached","type":"rate_limit_error"}}"#;
            Reply::Status { code: 429, headers: told.into_iter().collect(), body: body.into() }
        }
    });
    let well = ModelStub::with(|call| review_or_summary(call).after(Duration::from_millis(20)));
    let settings = format!("concurrency=64\nrate_per_minute={RATE}");
    let bench = providers(
        &server,
        &[
            ("stormy", &stormy.openai_url(), &settings),
            ("well", &well.openai_url(), "concurrency=8"),
        ],
    );
    // Three retries outlast the storm, as they do with the defaults; the short one by its own length, because the
    // last refusal is heard late on a busy machine.
    let (base, max) = if long { (10_000, 60_000) } else { (storm * 1000 / 3, storm * 1000) };
    let bench = bench
        .set("queue.rate_limit_backoff_ms", &base.to_string())
        .set("queue.backoff_max_ms", &max.to_string());
    let queue = oracle::queue(&server.url()).await;
    let _workers = [(); 2].map(|()| bench.worker(&["--concurrency", "8"]));
    // The other lane alone, then in the storm.
    let (before, during) = (repo("before", 80), repo("during", 80));
    let started = Instant::now();
    let id = enqueue(&bench, &before, "well");
    until_done(&queue, &id).await;
    let alone = started.elapsed();

    let hit = repo("hit", files);
    let id = enqueue(&bench, &hit, "stormy");
    stormy.wait_requests(1).await;
    let started = Instant::now();
    let other = enqueue(&bench, &during, "well");
    until_done(&queue, &other).await;
    let beside = started.elapsed();
    for _ in 0..5 {
        // A minute each at most: the storm, the longest wait after it, the calls at the rate, on a busy machine.
        if queue.sweep_status(&id).await.unwrap().is_some_and(|s| s.is_over()) {
            break;
        }
        let waited = until_done(&queue, &id);
        let _ = tokio::time::timeout(Duration::from_secs(59), waited).await;
    }

    let all = oracle::check_all(&server, &id, &hit).await;
    let s = &all.is_done().sweep;
    let letters = queue.dead_letters(&DeadFilter::default()).await.unwrap();
    let once = files as u64;
    assert_eq!((s.resolved, s.attempts), (once, once), "no attempt was spent: {letters:?}");
    let rows = queue.rows::<ReviewRow>(&id).await.unwrap();
    assert!(rows.iter().all(|r| r.accepted_on_attempt == 1), "nor a rung");
    let calls = stormy.requests();
    // From any call on: what the bucket holds, a twentieth of the rate, and what flows in.
    let (mut worst, per_second) = (0.0_f64, RATE / 60.0);
    for window in [1, 2, 5, 10, 30, 60] {
        let most = most_within(&calls, Duration::from_secs(window)) as f64;
        worst = worst.max(most / (RATE / 20.0 + per_second * window as f64));
    }
    let whole = (calls.last().unwrap().at - calls[0].at).as_secs_f64();
    let share = calls.len() as f64 / (RATE / 20.0 + per_second * whole);
    println!(
        "figure: {} calls for {files} files in {whole:.1} s: {share:.3} of what the bucket gives, {worst:.3} of it \
         at most in any window; the other lane {alone:?} alone, {beside:?} in the storm",
        calls.len()
    );
    assert!(calls.len() > files, "the storm hit");
    assert!(worst <= 1.05, "never more than the bucket gives: {worst}");
    let turned_away = calls.len() - files;
    assert!(turned_away <= files * 3, "{turned_away}");
    if !long && told == Told::Right {
        // The provider pauses in the storm, and comes back from one call at a time; a busy machine makes calls late.
        assert!(share >= 0.3, "and not much less: {share}");
    }
    if long || told == Told::Right {
        assert!(beside < alone * 2 + Duration::from_secs(1), "{beside:?} beside {alone:?}");
    }
}

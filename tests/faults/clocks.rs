//! Workers whose clock is an hour off: leases end by the clock of Redis, neither early nor late.

use crate::common::{LONG, review_or_summary, until_done};
use scrum_tests::model_stub::{Gate, ModelStub};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Process};
use scrum_tests::proxy::{Act, Point, Proxy};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Where Debian's multiarch and others keep it.
const FAKETIME: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// A worker that lives in another hour.
fn worker_at(bench: &Bench, library: &str, shift: &str, url: &str) -> Process {
    bench.worker_with(&["--redis", url, "--concurrency", "2"], |command| {
        command
            .env("LD_PRELOAD", library)
            .env("NO_COLOR", "1")
            .env("FAKETIME", shift)
            // A clock that is set wrong leaves the monotonic one alone.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_an_hour_off_takes_no_lease_back_early_or_late() {
    let Some(library) = FAKETIME.iter().find(|path| Path::new(path).is_file()) else {
        println!("skipped: libfaketime is not installed (apt-get install faketime)");
        return;
    };
    for (mine, other) in [("+1h", "-1h"), ("-1h", "+1h")] {
        let (server, repo) = (RedisServer::alone(), TestRepo::with_files(4));
        server.load_scripts();
        let gate = Gate::new();
        let held = gate.clone();
        let stub = ModelStub::with(move |call| review_or_summary(call).held_by(&held));
        let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
            .short_leases()
            .set("worker.prepare_ahead", "false");
        let id = bench.enqueue(&repo);
        let proxy = Proxy::to(server.socket());
        let renewed = Arc::new(Mutex::new(Instant::now()));
        let last = renewed.clone();
        proxy.on(move |call, point| {
            if call.name == "renew" && point == Point::After {
                *last.lock().unwrap() = Instant::now();
            }
            Act::Pass
        });
        let one = worker_at(&bench, library, mine, &proxy.url());
        stub.wait_in_flight(2).await;
        let _two = worker_at(&bench, library, other, &server.url());
        stub.wait_in_flight(4).await;
        eventually(LONG, "its log has the wrong hour", || {
            let log = bench.worker_log();
            let stamps = log.lines().filter_map(|l| l.split_whitespace().next()?.get(..13));
            let hours: std::collections::BTreeSet<_> = stamps.collect();
            (hours.len() >= 2).then_some(())
        });

        // Not early: both hold their jobs for three leases' time.
        let so_far = proxy.count("renew");
        eventually(LONG, "fifteen renewals", || {
            (proxy.count("renew") >= so_far + 15).then_some(())
        });
        assert_eq!(stub.requests().len(), 4, "nobody took a job that was held");

        // Not late: what the first leaves is taken when its lease is over, by the other's hour.
        one.kill9();
        let last = *renewed.lock().unwrap();
        stub.wait_in_flight(2).await;
        gate.open();
        let queue = oracle::queue(&server.url()).await;
        until_done(&queue, &id).await;
        let all = oracle::check_all(&server, &id, &repo).await;
        all.is_done();
        assert_eq!((all.sweep.resolved, all.history.taken_back().len()), (4, 2));
        let calls = stub.requests();
        assert_eq!(calls.len(), 6, "the two that were lost with their worker, once more");
        let waited = calls[4].at - last;
        println!("figure: clocks {mine} and {other}: taken back {waited:?} after the last renewal");
        assert!(
            waited > Duration::from_millis(900),
            "not before the lease of a second: {waited:?}"
        );
        assert!(waited < Duration::from_secs(10), "nor an hour after it: {waited:?}");
    }
}

//! A place that is sent to a job which is gone before it looks goes back to its pool.

use queue_schema::client::PoolLimits;
use scrum_config::{LoadOptions, Settings};
use scrum_fleet::runtime::places::{self, Patience, Places};
use scrum_tests::oracle;
use scrum_tests::redis::RedisServer;
use std::collections::BTreeMap;
use std::future::Future as _;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

const POOL: &str = "p";
const LONG: Duration = Duration::from_secs(60);
/// Calls of the worker at a time. More than the pool has places, so that it is these that are missed.
const CALLS: u32 = 4;

/// Says that a job was woken.
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

#[tokio::test]
#[allow(clippy::default_trait_access)] // The type is of a crate that these tests have no use for.
async fn a_place_of_a_job_that_is_gone_before_it_looks_goes_back() {
    let server = RedisServer::alone();
    let queue = oracle::queue(&server.url()).await;
    let limits = PoolLimits::of(1);
    queue.set_limits(POOL, limits).await.unwrap();
    let (places, returning) = Places::start(
        &queue,
        &"w".into(),
        &Settings::load(LoadOptions::default()).unwrap().queue,
        BTreeMap::from([(POOL.to_owned(), limits)]),
        (CALLS, true),
        Default::default(),
    );
    let job = || {
        let seat = places.seat(&format!("review:{POOL}"), None);
        Box::pin(Places::within(seat, places::take(POOL, Patience::ENDLESS)))
    };
    for n in 0..3 {
        let mut gone = job();
        let woken = Arc::new(Woken(Notify::new()));
        let waker = Waker::from(woken.clone());
        assert!(gone.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        // What wakes it is its place, which it never sees.
        let sent = timeout(LONG, woken.0.notified()).await;
        assert!(sent.is_ok(), "no place after {n} jobs that were gone");
        drop(gone);
    }
    let place = timeout(LONG, job()).await.expect("the places have come back").unwrap();
    drop(place);
    assert_eq!(places.permits().available_permits(), CALLS as usize);
    drop(places);
    timeout(LONG, returning).await.expect("nothing is held").unwrap();
    assert_eq!(queue.pools().await.unwrap()[0].in_call, 0);
}

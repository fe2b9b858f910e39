//! What the fault tests share.

use queue_schema::client::Queue;
use queue_schema::ids::SweepId;
use queue_schema::keys;
use scrum_tests::model_stub::{Recorded, Reply, answers};
use scrum_tests::oracle::{self, Seen};
use scrum_tests::process::Bench;
use scrum_tests::redis::{RedisServer, at};
use scrum_tests::repo::{TestRepo, large_file};
use scrum_tests::wait::eventually;
use std::sync::Mutex;
use std::time::Duration;

/// A test that waits longer has failed.
pub const LONG: Duration = Duration::from_secs(60);

/// A good answer to whatever is asked.
pub fn review_or_summary(call: &Recorded) -> Reply {
    if is_shard(call) {
        Reply::ok(answers::shard_summary())
    } else {
        Reply::ok(answers::markdown_review("any"))
    }
}

/// Whether a summary of a piece is asked for.
pub fn is_shard(call: &Recorded) -> bool {
    call.body["max_tokens"] == 400
}

/// Small files and one that goes through shards.
pub fn repo(n: usize) -> TestRepo {
    let repo = TestRepo::with_files(n);
    repo.write("big.rs", large_file(16_000).as_bytes());
    repo.commit("big");
    repo
}

/// Waits until a sweep is over, whatever happens to Redis meanwhile.
pub async fn until_done(queue: &Queue, id: &SweepId) {
    for _ in 0..12_000 {
        if let Ok(Some(s)) = queue.sweep_status(id).await
            && s.is_over()
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the sweep never ended: {:?}", queue.sweep_status(id).await);
}

/// Waits until a sweep is over, then lets the oracle look. For tests without a runtime.
pub fn done(server: &RedisServer, id: &SweepId, repo: &TestRepo) -> Seen {
    let mut conn = server.connection();
    eventually(LONG, "the sweep ends", || {
        let key = at(keys::sweep(id));
        let state: String = redis::cmd("HGET").arg(key).arg("state").query(&mut conn).unwrap();
        (state == "done").then_some(())
    });
    seen(server, id, repo)
}

/// Lets the oracle look. For tests without a runtime.
pub fn seen(server: &RedisServer, id: &SweepId, repo: &TestRepo) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(oracle::check_all(server, id, repo))
}

/// Waits until so many workers have started. One that finds no Redis at its start ends; from then on it
/// waits every outage out.
pub fn started(bench: &Bench, n: usize) {
    eventually(LONG, "the workers have started", || {
        (bench.worker_log().matches("worker started").count() >= n).then_some(())
    });
}

/// Runs `case` for each item, `at_a_time` of them at once.
pub fn each<T: Send>(items: Vec<T>, at_a_time: usize, case: impl Fn(T) + Sync) {
    let items = Mutex::new(items.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some(item) = { items.lock().unwrap().next() } {
                    case(item);
                }
            });
        }
    });
}

/// Numbers that look random and come again from the same seed.
pub struct Rng(u64);

impl Rng {
    /// From `SCRUM_TEST_SEED`, or from the clock. It is printed, so that a failure can be had again.
    pub fn new() -> Self {
        let seed = std::env::var("SCRUM_TEST_SEED").ok().and_then(|s| s.parse().ok());
        let seed = seed.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            now.as_nanos() as u64
        });
        println!("SCRUM_TEST_SEED={seed}");
        Self(seed)
    }

    /// From a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// One of `from..=to`.
    pub fn within(&mut self, from: usize, to: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        from + ((z ^ (z >> 31)) % (to - from + 1) as u64) as usize
    }
}

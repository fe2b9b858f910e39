//! The queue engine alone: no-op jobs of 1 KiB through the real client, scripts and runtime, on a
//! redis-server of its own, beside a bare `BLMOVE` + `LREM` loop on the same server.
//!
//! `cargo run --release -p scrum-benches --bin bench-queue [JOBS] [everysec|always]`
//!
//! Quote the ratios: the absolute figures are the machine's.
#![allow(clippy::print_stdout)]

use anyhow::Context as _;
use queue_schema::client::{ClaimedJob, Queue};
use queue_schema::effects::{Effect, Effects, NewJob, Priority};
use scrum_config::{LoadOptions, Settings};
use scrum_fleet::runtime::{self, Handler, HandlerError, WorkerOptions};
use std::future::Future;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

/// Jobs run at a time.
const IN_FLIGHT: usize = 64;
/// Jobs sent by one enqueue call.
const BULK: usize = 500;
/// Samples of the pick-up latency.
const SAMPLES: usize = 300;

/// Counts, and does nothing else; some jobs have an atomic follow-up.
#[derive(Clone)]
struct Noop {
    done: Arc<AtomicU64>,
    waited_us: Arc<std::sync::Mutex<Vec<u64>>>,
}

impl Handler for Noop {
    fn handle(
        &self,
        job: ClaimedJob,
    ) -> impl Future<Output = Result<Effects, HandlerError>> + Send + 'static {
        self.done.fetch_add(1, Ordering::Relaxed);
        if let Some(pushed) = job.body.strip_prefix("at ").and_then(|t| t.parse::<u64>().ok())
            && let Ok(mut waited) = self.waited_us.lock()
        {
            waited.push(now_us().saturating_sub(pushed));
        }
        let id = job.lease.job;
        let effects = match id.strip_prefix("chain-") {
            Some(n) => {
                Effects::done().with(Effect::Enqueue(job_of(&format!("next-{n}"), job.body)))
            }
            None => Effects::done(),
        };
        async move { Ok(effects) }
    }
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn job_of(id: &str, body: String) -> NewJob {
    NewJob {
        id: id.to_owned(),
        lane: "bench".to_owned(),
        priority: Priority::Normal,
        sweep: "s".to_owned(),
        target: None,
        delay_ms: 0,
        max_attempts: Some(3),
        body,
    }
}

struct Server {
    child: Child,
    dir: tempfile::TempDir,
}

impl Server {
    fn start(fsync: &str) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", fsync])
            .arg("--dir")
            .arg(dir.path())
            .arg("--unixsocket")
            .arg(dir.path().join("s"))
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server is needed")?;
        let this = Self { child, dir };
        let deadline = Instant::now() + Duration::from_secs(10);
        while redis::Client::open(this.url())?.get_connection().is_err() {
            anyhow::ensure!(Instant::now() < deadline, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(this)
    }

    fn url(&self) -> String {
        format!("redis+unix://{}", self.dir.path().join("s").display())
    }

    fn used_memory(&self) -> anyhow::Result<u64> {
        let mut conn = redis::Client::open(self.url())?.get_connection()?;
        let info: String = redis::cmd("INFO").arg("memory").query(&mut conn)?;
        let line = info.lines().find_map(|l| l.strip_prefix("used_memory:"));
        Ok(line.and_then(|v| v.trim().parse().ok()).unwrap_or(0))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let jobs: usize = args.next().map_or(Ok(50_000), |n| n.parse())?;
    let fsync = args.next().unwrap_or_else(|| "everysec".to_owned());
    let server = Server::start(&fsync)?;
    let settings = Settings::load(LoadOptions::default())?;
    let queue = Queue::connect(settings.queue_options(&server.url())).await?;
    let payload = "0123456789abcdef".repeat(64);
    println!("{jobs} jobs of {} bytes, appendfsync {fsync}, {IN_FLIGHT} in flight", payload.len());

    let ceiling = ceiling(&server.url(), jobs, &payload).await?;
    println!("{:<34}{ceiling:>10.0} /s", "ceiling: BLMOVE + LREM, pipelined");

    let before = server.used_memory()?;
    let rate = enqueue(&queue, "plain", jobs, &payload).await?;
    println!("{:<34}{rate:>10.0} /s", "bulk enqueue");
    let per_job = (server.used_memory()? - before) / jobs as u64;
    println!("{:<34}{per_job:>10} bytes", "Redis memory per waiting job");

    let rate = drain(&settings, &queue, jobs as u64).await?;
    println!("{:<34}{rate:>10.0} /s  {:.2} of the ceiling", "drain, 1 process", rate / ceiling);

    enqueue(&queue, "chain", jobs / 2, &payload).await?;
    let rate = drain(&settings, &queue, jobs as u64).await? / 2.0;
    println!("{:<34}{rate:>10.0} /s", "drain, each with a follow-up");

    let (p50, p99) = latency(&settings, &queue).await?;
    println!("{:<34}{:>10.2} ms p50  {:.2} ms p99", "pick-up on an idle queue", p50, p99);
    Ok(())
}

/// What a queue could do at best that moves one job and removes it.
async fn ceiling(url: &str, jobs: usize, payload: &str) -> anyhow::Result<f64> {
    let client = redis::Client::open(url)?;
    let mut conn = client.get_multiplexed_async_connection().await?;
    for chunk in (0..jobs).collect::<Vec<_>>().chunks(BULK) {
        let mut push = redis::cmd("RPUSH");
        push.arg("ceiling");
        for i in chunk {
            push.arg(format!("{i}{payload}"));
        }
        push.query_async::<()>(&mut conn).await?;
    }
    let started = Instant::now();
    let each = jobs / IN_FLIGHT;
    let loops = (0..IN_FLIGHT).map(|_| {
        let mut conn = conn.clone();
        async move {
            for _ in 0..each {
                // LMOVE: on a list that is not empty it is what BLMOVE does, and it may share
                // a connection.
                let job: Vec<u8> = redis::cmd("LMOVE")
                    .arg(&["ceiling", "taken", "LEFT", "RIGHT"])
                    .query_async(&mut conn)
                    .await?;
                redis::cmd("LREM")
                    .arg("taken")
                    .arg(1)
                    .arg(job)
                    .query_async::<()>(&mut conn)
                    .await?;
            }
            anyhow::Ok(())
        }
    });
    futures_util::future::try_join_all(loops).await?;
    let rate = (each * IN_FLIGHT) as f64 / started.elapsed().as_secs_f64();
    redis::cmd("UNLINK").arg(&["ceiling", "taken"]).query_async::<()>(&mut conn).await?;
    Ok(rate)
}

async fn enqueue(queue: &Queue, name: &str, jobs: usize, payload: &str) -> anyhow::Result<f64> {
    let all: Vec<_> =
        (0..jobs).map(|i| job_of(&format!("{name}-{i}"), payload.to_owned())).collect();
    let started = Instant::now();
    for chunk in all.chunks(BULK) {
        queue.enqueue(chunk).await?;
    }
    Ok(jobs as f64 / started.elapsed().as_secs_f64())
}

struct Running {
    noop: Noop,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

fn worker(settings: &Settings, queue: &Queue) -> Running {
    let noop = Noop { done: Arc::default(), waited_us: Arc::default() };
    let stop = CancellationToken::new();
    let options =
        WorkerOptions { lanes: Vec::new(), concurrency: IN_FLIGHT, grace: Duration::from_secs(5) };
    let stopped = stop.clone();
    let task = tokio::spawn(runtime::run(
        settings.queue.clone(),
        queue.clone(),
        noop.clone(),
        options,
        async move { stopped.cancelled().await },
        std::future::pending(),
    ));
    Running { noop, stop, task }
}

/// Jobs a second between a fifth of them and the last, so that the start does not count.
async fn drain(settings: &Settings, queue: &Queue, jobs: u64) -> anyhow::Result<f64> {
    let running = worker(settings, queue);
    let reached = async |n: u64| {
        while running.noop.done.load(Ordering::Relaxed) < n {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Instant::now()
    };
    let from = reached(jobs / 5).await;
    let to = reached(jobs).await;
    running.stop.cancel();
    running.task.await??;
    Ok((jobs - jobs / 5) as f64 / (to - from).as_secs_f64())
}

async fn latency(settings: &Settings, queue: &Queue) -> anyhow::Result<(f64, f64)> {
    let running = worker(settings, queue);
    for i in 0..SAMPLES as u64 {
        queue.enqueue(&[job_of(&format!("lat-{i}"), format!("at {}", now_us()))]).await?;
        while running.noop.done.load(Ordering::Relaxed) <= i {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.stop.cancel();
    running.task.await??;
    let mut waited = running.noop.waited_us.lock().map(|w| w.clone()).unwrap_or_default();
    waited.sort_unstable();
    let at = |share: f64| waited[((waited.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    Ok((at(0.5), at(0.99)))
}

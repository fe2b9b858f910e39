//! Measurement 1 of the queue engine: no-op jobs of 1 KiB through the real client, scripts and
//! runtime, in worker processes of their own, beside the ceilings on the same redis-server.
//!
//! `bench-queue [JOBS] [everysec|always] [REPETITIONS]`; see the README beside.
#![allow(clippy::print_stdout)]

use queue_schema::client::Queue;
use scrum_benches::figures::Figures;
use scrum_benches::job::{self, Kind};
use scrum_benches::measure::{self, Drain, Worker};
use scrum_benches::server::Server;
use scrum_benches::{IN_FLIGHT, ceiling};
use scrum_config::{LoadOptions, Settings};
use std::time::{Duration, Instant};

/// Samples of the pick-up latency.
const SAMPLES: u64 = 300;
/// Enqueue calls of one job each.
const SINGLES: u64 = 5000;
/// Kills of a worker that holds jobs.
const KILLS: u64 = 4;
/// Jobs that it holds then.
const HELD: u64 = 10;
/// Jobs in flight for the memory of a worker.
const MANY: usize = 100;

fn add_drain(figures: &mut Figures, names: [&'static str; 5], d: &Drain) {
    let values = [d.rate, d.worker_us, d.redis_us, d.scripts, d.inner];
    names.into_iter().zip(values).for_each(|(name, value)| figures.add(name, value));
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let jobs: u64 = args.next().map_or(Ok(30_000), |n| n.parse())?;
    let fsync = args.next().unwrap_or_else(|| "everysec".to_owned());
    let repetitions: u32 = args.next().map_or(Ok(3), |n| n.parse())?;
    let server = Server::start(&fsync)?;
    let settings = Settings::load(LoadOptions::default())?;
    let queue = Queue::connect(settings.queue_options(&server.url())).await?;
    let text = job::payload()?;
    println!(
        "{jobs} jobs of 1 KiB, appendfsync {fsync}, {IN_FLIGHT} in flight a process, Redis {}; \
         medians of {repetitions}",
        server.version()?,
    );
    let mut figures = Figures::default();
    for _ in 0..repetitions {
        speed(&server, &queue, jobs, &text, &mut figures).await?;
        latency(&server, &queue, &text, &mut figures).await?;
    }
    kills(&server, &queue, &text, &mut figures).await?;
    figures.print();
    Ok(())
}

async fn enqueue(queue: &Queue, kind: Kind, jobs: u64, text: &str) -> anyhow::Result<f64> {
    let started = Instant::now();
    job::push(queue, kind, jobs, text).await?;
    Ok(jobs as f64 / started.elapsed().as_secs_f64())
}

async fn speed(
    server: &Server,
    queue: &Queue,
    jobs: u64,
    text: &str,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let n = usize::try_from(jobs)?;
    let own = ceiling::measure(&server.url(), n, text, false).await?;
    figures.add("ceiling: BLMOVE + LREM, a connection each, /s", own);
    let shared = ceiling::measure(&server.url(), n, text, true).await?;
    figures.add("ceiling: LMOVE + LREM, pipelined, /s", shared);

    server.flush()?;
    let started = Instant::now();
    for i in 0..SINGLES {
        queue.enqueue(&job::jobs(Kind::Count, i, 1, 0, text)?).await?;
    }
    figures.add("enqueue one by one, /s", SINGLES as f64 / started.elapsed().as_secs_f64());

    server.flush()?;
    let before = server.data_bytes()?;
    figures.add("enqueue in bulk, /s", enqueue(queue, Kind::Count, jobs, text).await?);
    let bytes = (server.data_bytes()? - before) / jobs as f64;
    figures.add("Redis memory per waiting job, bytes", bytes);
    let one = measure::drain(server, 1, IN_FLIGHT, jobs, 1)?;
    add_drain(
        figures,
        [
            "drain, 1 process, /s",
            "  worker CPU a job, us",
            "  Redis CPU a job, us",
            "  script calls a job",
            "  commands inside them a job",
        ],
        &one,
    );
    figures.add("  of the ceiling, a connection each", one.rate / own);
    figures.add("  of the ceiling, pipelined", one.rate / shared);

    enqueue(queue, Kind::Count, jobs, text).await?;
    figures.add("drain, 2 processes, /s", measure::drain(server, 2, IN_FLIGHT, jobs, 1)?.rate);

    enqueue(queue, Kind::Chain, jobs / 2, text).await?;
    let chain = measure::drain(server, 1, IN_FLIGHT, jobs / 2, 2)?;
    add_drain(
        figures,
        [
            "drain, each with a follow-up, pairs/s",
            "  worker CPU a pair, us",
            "  Redis CPU a pair, us",
            "  script calls a pair",
            "  commands inside them a pair",
        ],
        &chain,
    );

    enqueue(queue, Kind::Count, jobs, text).await?;
    let many = measure::drain(server, 1, MANY, jobs, 1)?;
    figures.add("worker RSS at 100 in flight, MiB", many.rss_mib);
    figures.add("  not of the program's file, MiB", many.anonymous_mib);
    Ok(())
}

/// Pick-up on an idle queue: a job, then nothing for a while.
async fn latency(
    server: &Server,
    queue: &Queue,
    text: &str,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    server.flush()?;
    let dir = tempfile::tempdir()?;
    let _worker = Worker::start(server, dir.path(), IN_FLIGHT, 0)?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for i in 0..SAMPLES {
        queue.enqueue(&job::jobs(Kind::Latency, i, 1, job::now_ns(), text)?).await?;
        tokio::time::sleep(Duration::from_millis(15 + i * 7 % 20)).await;
    }
    let (p50, p99) = measure::waits(dir.path())?;
    figures.add("pick-up on an idle queue, p50 ms", p50);
    figures.add("pick-up on an idle queue, p99 ms", p99);
    Ok(())
}

/// A worker that holds jobs is killed, over and over; each time the one that stands by takes
/// over and finishes them. Nothing else happens on the queue.
async fn kills(
    server: &Server,
    queue: &Queue,
    text: &str,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let hour = 3_600_000;
    let pause = Duration::from_millis(5);
    for turn in 0..KILLS {
        server.flush()?;
        let dir = tempfile::tempdir()?;
        let held = usize::try_from(HELD)?;
        let mut holder = Worker::start(server, dir.path(), held, hour)?;
        let made = job::jobs(Kind::Crash, 0, HELD, 0, text)?;
        queue.enqueue(&made).await?;
        measure::until("the first holder", pause, || measure::crash_notes(dir.path()).0 == held)?;
        // The same jobs lose their worker twice; a third time they would be poison.
        for (name, hold) in [("recovery after kill -9, s", hour), ("  after a second one, s", 0)] {
            let heir = Worker::start(server, dir.path(), held, hold)?;
            // Until it has looked, found nothing, and gone to sleep; each time at another moment
            // between two renewals.
            tokio::time::sleep(Duration::from_millis(1500 + 310 * turn)).await;
            let before = measure::crash_notes(dir.path()).0;
            drop(std::mem::replace(&mut holder, heir));
            let killed = Instant::now();
            let back = measure::until("recovery", pause, || {
                measure::crash_notes(dir.path()).0 == before + held
            })?;
            figures.add(name, (back - killed).as_secs_f64());
        }
        measure::until("the end", pause, || measure::crash_notes(dir.path()).1 == held)?;
    }
    Ok(())
}

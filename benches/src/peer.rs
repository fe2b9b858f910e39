//! This queue as a peer of the job-queue bench: `bench-peer produce MODE N` and `bench-peer work`,
//! over the real client and the real runtime with the settings that ship.
//!
//! The contract: `REDIS_URL`, `BENCH_DIR`, `PAYLOAD_FILE`, `CONC` and `HOLD_MS` in the
//! environment; MODE is `single`, `bulk`, `lat` or `crash` (here also `chain`); `produce` prints
//! `{"n": N, "secs": S}`.
#![allow(clippy::print_stdout)]

use anyhow::Context as _;
use queue_schema::client::Queue;
use scrum_benches::job::{self, Kind};
use scrum_benches::{IN_FLIGHT, work};
use scrum_config::{LoadOptions, Settings};
use std::path::Path;
use std::time::{Duration, Instant};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let settings = Settings::load(LoadOptions::default())?;
    let url = std::env::var("REDIS_URL").context("REDIS_URL is not set")?;
    let queue = Queue::connect(settings.queue_options(&url)).await?;
    match words.as_slice() {
        ["work"] => {
            let dir = std::env::var("BENCH_DIR").context("BENCH_DIR is not set")?;
            let hold = Duration::from_millis(number("HOLD_MS", 0)?);
            let notes = work::Notes::new(Path::new(&dir), hold);
            let conc = usize::try_from(number("CONC", IN_FLIGHT as u64)?)?;
            work::run(&settings, queue, notes, conc).await
        }
        ["produce", mode, n] => {
            let n = n.parse()?;
            let secs = produce(&queue, mode, n).await?.as_secs_f64();
            println!("{{\"n\": {n}, \"secs\": {secs}}}");
            Ok(())
        }
        _ => anyhow::bail!("usage: bench-peer work | bench-peer produce MODE N"),
    }
}

fn number(name: &str, default: u64) -> anyhow::Result<u64> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text}")),
        Err(_) => Ok(default),
    }
}

async fn produce(queue: &Queue, mode: &str, n: u64) -> anyhow::Result<Duration> {
    let text = job::payload()?;
    let started = Instant::now();
    let kind = match mode {
        "single" => {
            for i in 0..n {
                queue.enqueue(&job::jobs(Kind::Count, i, 1, 0, &text)?).await?;
            }
            return Ok(started.elapsed());
        }
        "lat" => {
            for i in 0..n {
                queue.enqueue(&job::jobs(Kind::Latency, i, 1, job::now_ns(), &text)?).await?;
                // Not in step with anything of ours.
                tokio::time::sleep(Duration::from_millis(40 + i * 37 % 80)).await;
            }
            return Ok(started.elapsed());
        }
        "bulk" => Kind::Count,
        "crash" => Kind::Crash,
        "chain" => Kind::Chain,
        other => anyhow::bail!("no such mode: {other}"),
    };
    job::push(queue, kind, n, &text).await?;
    Ok(started.elapsed())
}

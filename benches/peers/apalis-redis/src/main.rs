//! apalis with its own Redis storage, as a peer of the job-queue bench: `MODE N` pushes jobs,
//! `worker` runs them. What the two do is the bench's contract, see the README one folder up.

use apalis::layers::WorkerBuilderExt as _;
use apalis::prelude::*;
use apalis_redis::factory::RedisStorageFactory;
use apalis_redis::{Client, Config};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Work {
    kind: String,
    id: u64,
    t: u64,
    p: String,
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64)
}

/// Opened once, as every peer does.
fn append(name: &'static str, text: &str) -> Result<(), BoxDynError> {
    static FILES: Mutex<BTreeMap<&str, File>> = Mutex::new(BTreeMap::new());
    let mut files = FILES.lock().map_err(|e| e.to_string())?;
    if !files.contains_key(name) {
        let path = Path::new(&env("BENCH_DIR")).join(name);
        files.insert(name, File::options().append(true).create(true).open(path)?);
    }
    Ok((&files[name]).write_all(text.as_bytes())?)
}

async fn handle(work: Work) -> Result<(), BoxDynError> {
    match work.kind.as_str() {
        "n" => append("count", "."),
        "l" => append("lat", &format!("{}\n", now().saturating_sub(work.t))),
        _ => {
            let pid = std::process::id();
            append("crash", &format!("S {} {} {pid}\n", work.id, now()))?;
            let hold = env("HOLD_MS").parse().unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(hold)).await;
            append("crash", &format!("F {} {} {pid}\n", work.id, now()))
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    // RESP3, because its wake-up is a push message on the shared connection.
    let client = Client::open(format!("{}/?protocol=resp3", env("REDIS_URL")))?;
    let mut factory = RedisStorageFactory::new(client).await?;
    let conc: usize = env("CONC").parse().unwrap_or(100);
    // Its default is a batch of 10; with larger ones nothing is acknowledged while one is worked
    // off. Heartbeats as often as ours, so that recovery can be compared.
    let batch = env("BATCH").parse().unwrap_or(10);
    let config = Config::default()
        .queue("bench")
        .batch_size(batch)
        .heartbeat_interval(Duration::from_secs(1))
        .missed_heartbeats(5)
        .emit_events(true);
    let mut storage = factory.create_with_config(config)?;
    if args[1] == "worker" {
        let name = format!("w-{}", std::process::id());
        let worker =
            WorkerBuilder::new(name.as_str()).backend(storage).concurrency(conc).build(handle);
        worker.run().await.map_err(|e| anyhow::anyhow!("{e}"))?;
        return Ok(());
    }
    let n: u64 = args[2].parse()?;
    let p = std::fs::read_to_string(env("PAYLOAD_FILE"))?;
    let work = |kind: &str, id, t| Work { kind: kind.to_owned(), id, t, p: p.clone() };
    let started = Instant::now();
    match args[1].as_str() {
        "single" => {
            for i in 0..n {
                storage.push(work("n", i, 0)).await?;
            }
        }
        "bulk" | "crash" => {
            let kind = if args[1] == "bulk" { "n" } else { "c" };
            let all: Vec<u64> = (0..n).collect();
            for chunk in all.chunks(500) {
                storage.push_bulk(chunk.iter().map(|i| work(kind, *i, 0)).collect()).await?;
            }
        }
        _ => {
            for i in 0..n {
                storage.push(work("l", i, now())).await?;
                tokio::time::sleep(Duration::from_millis(40 + (i * 37) % 80)).await;
            }
        }
    }
    println!("{{\"n\":{n},\"secs\":{}}}", started.elapsed().as_secs_f64());
    Ok(())
}

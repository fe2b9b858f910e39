//! Worker processes of `bench-peer` on a server, and what they do and cost.

use crate::server::{Reading, Server};
use crate::usage;
use anyhow::Context as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest that anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// One worker process; killed, as `kill -9` does it, when it is dropped.
#[derive(Debug)]
pub struct Worker(Child);

impl Worker {
    /// Starts one that writes its files into `dir`.
    ///
    /// # Errors
    /// When `bench-peer` does not lie beside this program.
    pub fn start(server: &Server, dir: &Path, conc: usize, hold_ms: u64) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.with_file_name("bench-peer");
        let child = Command::new(&program)
            .arg("work")
            .env("REDIS_URL", server.url())
            .env("BENCH_DIR", dir)
            .env("CONC", conc.to_string())
            .env("HOLD_MS", hold_ms.to_string())
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| {
                format!("{} is needed: build all of the benches", program.display())
            })?;
        Ok(Self(child))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a drain came to, per job where it says so.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    /// Jobs a second.
    pub rate: f64,
    /// CPU time of all workers, in microseconds a job.
    pub worker_us: f64,
    /// CPU time of Redis, in microseconds a job.
    pub redis_us: f64,
    /// Calls of scripts that came over the wire, a job.
    pub scripts: f64,
    /// Commands that those made inside Redis, a job.
    pub inner: f64,
    /// Resident memory of the first worker in MiB at the end.
    pub rss_mib: f64,
    /// What of it is no page of the program's file.
    pub anonymous_mib: f64,
}

/// Waits until `ready` says so.
///
/// # Errors
/// When that takes longer than is sensible.
pub fn until(
    what: &str,
    every: Duration,
    mut ready: impl FnMut() -> bool,
) -> anyhow::Result<Instant> {
    let deadline = Instant::now() + PATIENCE;
    while !ready() {
        anyhow::ensure!(Instant::now() < deadline, "waited too long for: {what}");
        std::thread::sleep(every);
    }
    Ok(Instant::now())
}

/// Lets `processes` workers do the `jobs` that are in the queue. Measured between a fifth of them
/// and the last, so that the start does not count. `runs` is how often the handler runs a job: 2
/// with a follow-up.
///
/// # Errors
/// When they do not get done.
pub fn drain(
    server: &Server,
    processes: usize,
    conc: usize,
    jobs: u64,
    runs: u64,
) -> anyhow::Result<Drain> {
    let dir = tempfile::tempdir()?;
    let count = dir.path().join("count");
    let done = || fs::metadata(&count).map_or(0, |m| m.len());
    let workers = (0..processes)
        .map(|_| Worker::start(server, dir.path(), conc, 0))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let cpu = || workers.iter().map(|w| usage::cpu_us(w.pid())).sum::<f64>();
    let pause = Duration::from_millis(2);
    let all = jobs * runs;
    let began = until("a fifth of the jobs", pause, || done() >= all / 5)?;
    let (from, cpu_from, redis_from) = (done(), cpu(), server.reading()?);
    let ended = until("all jobs", pause, || done() >= all)?;
    let (cpu_to, redis_to) = (cpu(), server.reading()?);
    let n = (all - from) as f64 / runs as f64;
    let diff = |f: fn(&Reading) -> f64| (f(&redis_to) - f(&redis_from)) / n;
    Ok(Drain {
        rate: n / (ended - began).as_secs_f64(),
        worker_us: (cpu_to - cpu_from) / n,
        redis_us: diff(|r| r.cpu_us),
        scripts: diff(|r| r.calls_of("evalsha") as f64),
        inner: diff(|r| {
            let wire = ["evalsha", "info", "blpop", "ping"];
            r.calls
                .iter()
                .filter(|(c, _)| !wire.contains(&c.as_str()))
                .map(|(_, n)| *n as f64)
                .sum()
        }),
        rss_mib: usage::rss_mib(workers[0].pid()),
        anonymous_mib: usage::anonymous_mib(workers[0].pid()),
    })
}

/// Milliseconds from the moment at which each sample was made until its handler ran: p50 and p99.
/// The caller puts them into the queue, one by one, while a worker has nothing else to do.
///
/// # Errors
/// When there are none.
pub fn waits(dir: &Path) -> anyhow::Result<(f64, f64)> {
    let text = fs::read_to_string(dir.join("lat"))?;
    let mut all: Vec<u64> = text.lines().filter_map(|l| l.parse().ok()).collect();
    all.sort_unstable();
    let at = |share: f64| {
        let i = ((all.len() as f64 * share) as usize).min(all.len().saturating_sub(1));
        all.get(i).map(|ns| *ns as f64 / 1e6).context("no sample")
    };
    Ok((at(0.5)?, at(0.99)?))
}

/// Jobs of the crash kind that have started, and those that have finished.
pub fn crash_notes(dir: &Path) -> (usize, usize) {
    let text = fs::read_to_string(dir.join("crash")).unwrap_or_default();
    let count = |word| text.lines().filter(|l| l.starts_with(word)).count();
    (count("S "), count("F "))
}

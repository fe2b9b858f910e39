//! What one worker process counts of itself, for Prometheus: jobs, calls of providers, memory. The figures of the whole fleet
//! stand in Redis and are served by `scrum-web`: were they served by each worker as well, sums over workers would count them
//! many times.

mod process;
pub mod serve;

use queue_schema::jobs::Job;
use scrum_knowledge::figures::text::Kind::{Counter, Gauge, Histogram};
use scrum_knowledge::figures::{Durations, Exposition};
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Upper bounds of durations, in seconds. A call of a model takes from a tenth of a second to some minutes.
const BOUNDS_S: [f64; 12] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];

/// A process has one life and one memory, so it has one set of counters.
static OF_PROCESS: LazyLock<Figures> = LazyLock::new(Figures::new);

/// The counters of this process.
pub fn of_process() -> &'static Figures {
    &OF_PROCESS
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallEnd {
    /// With an answer, good or bad.
    Answered,
    /// Without one.
    Failed,
}

impl CallEnd {
    const fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    /// Jobs under way, by kind.
    running: BTreeMap<&'static str, u64>,
    /// Jobs that ended, by kind and ending.
    ended: BTreeMap<(&'static str, &'static str), u64>,
    /// Time that jobs waited in the queue, by kind.
    waited: BTreeMap<&'static str, Durations>,
    /// Time that jobs took, by kind.
    took: BTreeMap<&'static str, Durations>,
    /// Calls under way, by provider.
    calling: BTreeMap<String, u64>,
    /// Time that calls took, by provider and ending.
    called: BTreeMap<(String, CallEnd), Durations>,
    concurrency: u64,
}

/// Counters of a process.
#[derive(Debug)]
pub struct Figures {
    started_s: f64,
    counts: Mutex<Counts>,
}

impl Figures {
    fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self { started_s: since.map_or(0.0, |d| d.as_secs_f64()), counts: Mutex::default() }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Numbers are whole, whoever panicked.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how many jobs the worker runs at a time.
    pub fn may_run(&self, concurrency: usize) {
        self.counts().concurrency = concurrency as u64;
    }

    /// A job begins that has waited so long in the queue.
    pub fn job(&'static self, kind: &str, waited: Duration) -> RunningJob {
        // What Redis holds is any text; the kinds that this program knows are few.
        let kind = Job::KINDS.iter().find(|known| **known == kind).copied().unwrap_or("unknown");
        let mut counts = self.counts();
        *counts.running.entry(kind).or_default() += 1;
        record(counts.waited.entry(kind).or_default(), waited);
        drop(counts);
        RunningJob { figures: self, kind, began: Instant::now(), ending: "dropped" }
    }

    /// A call of a provider begins.
    pub fn call(&'static self, provider: &str) -> RunningCall {
        *self.counts().calling.entry(provider.to_owned()).or_default() += 1;
        let provider = provider.to_owned();
        RunningCall { figures: self, provider, began: Instant::now(), end: CallEnd::Failed }
    }

    /// All of it as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut to = Exposition::default();
        to.family("scrum_worker_build_info", Gauge, "The version of the worker.");
        to.add(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        process::add(&mut to, self.started_s);
        let counts = self.counts();
        let help = "Jobs that the worker may run at a time.";
        to.one("scrum_worker_concurrency", Gauge, help, counts.concurrency as f64);
        to.family("scrum_worker_jobs_running", Gauge, "Jobs under way, by kind.");
        for (kind, n) in &counts.running {
            to.add(&[("kind", kind)], *n as f64);
        }
        let help = "Jobs that ended, by kind and ending: done, retry, wait, dead, hand_back, stale, dropped.";
        to.family("scrum_worker_jobs_total", Counter, help);
        for ((kind, ending), n) in &counts.ended {
            to.add(&[("kind", kind), ("ending", ending)], *n as f64);
        }
        let help = "Time that jobs waited in the queue before this worker began them.";
        to.family("scrum_worker_job_wait_seconds", Histogram, help);
        for (kind, of) in &counts.waited {
            to.add_durations(&[("kind", kind)], of);
        }
        let help = "Time that jobs took, waits for places in their pools included.";
        to.family("scrum_worker_job_duration_seconds", Histogram, help);
        for (kind, of) in &counts.took {
            to.add_durations(&[("kind", kind)], of);
        }
        to.family("scrum_worker_calls_running", Gauge, "Calls under way, by provider.");
        for (provider, n) in &counts.calling {
            to.add(&[("provider", provider)], *n as f64);
        }
        let help = "Time that calls of providers took, by ending: answered, failed.";
        to.family("scrum_worker_call_duration_seconds", Histogram, help);
        for ((provider, end), of) in &counts.called {
            to.add_durations(&[("provider", provider), ("ending", end.word())], of);
        }
        drop(counts);
        to.finish()
    }
}

fn record(of: &mut Durations, took: Duration) {
    if of.buckets.is_empty() {
        of.buckets = BOUNDS_S.iter().map(|bound| (*bound, 0)).collect();
    }
    let seconds = took.as_secs_f64();
    of.sum_s += seconds;
    match of.buckets.iter_mut().find(|(bound, _)| seconds <= *bound) {
        Some((_, n)) => *n += 1,
        None => of.above += 1,
    }
}

fn one_less(n: Option<&mut u64>) {
    if let Some(n) = n {
        *n = n.saturating_sub(1);
    }
}

/// A job under way; it counts as ended when this is dropped.
#[derive(Debug)]
pub struct RunningJob {
    figures: &'static Figures,
    kind: &'static str,
    began: Instant,
    ending: &'static str,
}

impl RunningJob {
    /// How it ends.
    pub fn ends(&mut self, ending: &'static str) {
        self.ending = ending;
    }
}

impl Drop for RunningJob {
    fn drop(&mut self) {
        let mut counts = self.figures.counts();
        one_less(counts.running.get_mut(self.kind));
        *counts.ended.entry((self.kind, self.ending)).or_default() += 1;
        record(counts.took.entry(self.kind).or_default(), self.began.elapsed());
    }
}

/// A call under way; it counts as ended when this is dropped.
#[derive(Debug)]
pub struct RunningCall {
    figures: &'static Figures,
    provider: String,
    began: Instant,
    end: CallEnd,
}

impl RunningCall {
    /// It is answered.
    pub fn answered(&mut self) {
        self.end = CallEnd::Answered;
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        let mut counts = self.figures.counts();
        one_less(counts.calling.get_mut(&self.provider));
        let key = (std::mem::take(&mut self.provider), self.end);
        record(counts.called.entry(key).or_default(), self.began.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_counts_what_runs_and_how_it_ends() {
        let figures: &'static Figures = Box::leak(Box::new(Figures::new()));
        figures.may_run(7);
        let mut job = figures.job("rung", Duration::from_secs(7));
        let mut call = figures.call("p");
        let text = figures.text();
        for line in [
            "scrum_worker_jobs_running{kind=\"rung\"} 1",
            "scrum_worker_calls_running{provider=\"p\"} 1",
            "scrum_worker_concurrency 7",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        call.answered();
        drop(call);
        job.ends("done");
        drop(job);
        drop(figures.job("of a later version", Duration::ZERO));
        drop(figures.call("p"));
        let text = figures.text();
        for line in [
            "scrum_worker_jobs_running{kind=\"rung\"} 0",
            "scrum_worker_job_wait_seconds_sum{kind=\"rung\"} 7",
            "scrum_worker_jobs_total{kind=\"rung\",ending=\"done\"} 1",
            "scrum_worker_jobs_total{kind=\"unknown\",ending=\"dropped\"} 1",
            "scrum_worker_calls_running{provider=\"p\"} 0",
            "scrum_worker_call_duration_seconds_count{provider=\"p\",ending=\"answered\"} 1",
            "scrum_worker_call_duration_seconds_bucket{provider=\"p\",ending=\"failed\",le=\"0.1\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(text.contains("\nprocess_resident_memory_bytes ") || !cfg!(target_os = "linux"));
    }
}

//! Failures that pile up: many of one kind within one window of time are one trouble.

use super::{Class, Event};
use queue_schema::events;
use queue_schema::ids::{SweepId, content_id};
use queue_schema::jobs::{Diagnose, JobKind as _};
use queue_schema::ledger::TaskClass;
use queue_schema::rows::DiagnosisRow;
use queue_schema::rows::diagnosis::SCHEMA_VERSION;
use std::collections::BTreeMap;

/// Reasons that a trouble shows at most, each once.
const MOST_SAMPLES: usize = 3;
/// Files that a trouble names at most.
const MOST_FILES: usize = 5;
/// Digits of the hash in the id of a trouble.
const DIGITS: usize = 12;

/// From when on failures are a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Milliseconds of a window; at least 1.
    pub window_ms: u64,
    /// Failures of one kind in a window that are a trouble.
    pub threshold: u64,
}

impl Bounds {
    /// When the window before the one of `now_ms` begins: what happened earlier makes no diagnosis any more.
    pub fn from_ms(&self, now_ms: u64) -> u64 {
        let length = self.window_ms.max(1);
        (now_ms / length).saturating_sub(1) * length
    }
}

/// What failures of one trouble have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The sweep.
    pub sweep: SweepId,
    /// What fails: a task of models, or a kind of job.
    pub task: String,
    /// Who fails: `provider/model`, or the kind of job.
    pub endpoint: String,
    /// See [`Class`].
    pub class: String,
    /// The first two segments of the paths of the files; empty for many places.
    pub area: String,
}

/// One trouble in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// What its failures have in common.
    pub key: Key,
    /// The number of the window.
    pub window: u64,
    /// Failures.
    pub count: u64,
    /// The first of them, in milliseconds since the epoch.
    pub since_ms: u64,
    /// The last of them.
    pub until_ms: u64,
    /// Some of their reasons, the latest first.
    pub samples: Vec<String>,
    /// Some of their targets.
    pub targets: Vec<u32>,
}

impl Key {
    /// What a failure is about; `None` for what is none, or follows from failures that are counted already: a ladder
    /// that is spent. Diagnoses that fail are not diagnosed.
    fn of(event: &Event) -> Option<Self> {
        let task = match event.source.as_str() {
            events::ATTEMPTS => &event.task,
            events::DEAD_LETTERS if event.class != Class::LadderExhausted.as_str() => {
                &event.endpoint
            }
            _ => return None,
        };
        let own = [TaskClass::Diagnose.as_str(), Diagnose::KIND].contains(&task.as_str());
        let counts = !event.success && !event.sweep.is_empty() && !task.is_empty() && !own;
        counts.then(|| Self {
            sweep: event.sweep.clone(),
            task: task.clone(),
            endpoint: event.endpoint.clone(),
            class: Class::of_word(&event.class).as_str().to_owned(),
            area: event.area.clone(),
        })
    }

    fn anywhere(&self) -> Self {
        Self { area: String::new(), ..self.clone() }
    }

    /// The id of its row in a window.
    pub fn row_id(&self, window: u64) -> String {
        let parts = [&self.sweep, self.task.as_str(), &self.endpoint, &self.class, &self.area];
        format!("{}.{window}", &content_id(&parts.map(str::as_bytes))[..DIGITS])
    }
}

impl Cluster {
    fn new(key: Key, window: u64) -> Self {
        let (samples, targets) = (Vec::new(), Vec::new());
        Self { key, window, count: 0, since_ms: u64::MAX, until_ms: 0, samples, targets }
    }

    fn add(&mut self, at_ms: u64, event: &Event) {
        self.count += 1;
        self.since_ms = self.since_ms.min(at_ms);
        self.until_ms = self.until_ms.max(at_ms);
        if !event.reason.is_empty() && !self.samples.contains(&event.reason) {
            self.samples.insert(0, event.reason.clone());
            self.samples.truncate(MOST_SAMPLES);
        }
        let new = event.target.filter(|target| !self.targets.contains(target));
        self.targets.extend(new.filter(|_| self.targets.len() < MOST_FILES));
    }

    /// The job that makes its diagnosis, with a model of this provider or without one.
    pub fn job(&self, bounds: Bounds, provider: &str) -> Diagnose {
        let (key, from_ms) = (self.key.clone(), self.window * bounds.window_ms);
        Diagnose {
            row: key.row_id(self.window),
            sweep: key.sweep,
            task: key.task,
            endpoint: key.endpoint,
            class: key.class,
            area: key.area,
            from_ms,
            to_ms: from_ms + bounds.window_ms,
            count: self.count,
            since_ms: self.since_ms,
            until_ms: self.until_ms,
            provider: provider.to_owned(),
        }
    }

    /// Its diagnosis as the numbers alone make it. `files` are those of its targets.
    pub fn row(&self, files: Vec<String>, ts: &str) -> DiagnosisRow {
        DiagnosisRow {
            sweep_id: self.key.sweep.to_string(),
            diagnosis_id: self.key.row_id(self.window),
            task: self.key.task.clone(),
            endpoint: self.key.endpoint.clone(),
            class: self.key.class.clone(),
            area: self.key.area.clone(),
            count: self.count,
            since_ms: self.since_ms,
            until_ms: self.until_ms,
            samples: self.samples.clone(),
            files,
            what_to_do: Class::of_word(&self.key.class).what_to_do().to_owned(),
            model: None,
            text: None,
            ts: ts.to_owned(),
            schema_version: SCHEMA_VERSION,
        }
    }
}

/// The troubles among events, in the order of their keys. Failures of one kind are counted by area first; those of areas
/// that are no trouble by themselves are one together, if they are enough: a provider that is down is a trouble, however
/// the files lie.
pub fn clusters(events: &[(u64, Event)], bounds: Bounds) -> Vec<Cluster> {
    let mut by_area: BTreeMap<(Key, u64), Vec<(u64, &Event)>> = BTreeMap::new();
    for (at_ms, event) in events {
        let Some(key) = Key::of(event) else { continue };
        by_area.entry((key, at_ms / bounds.window_ms.max(1))).or_default().push((*at_ms, event));
    }
    let many = |found: &[(u64, &Event)]| found.len() as u64 >= bounds.threshold;
    let (large, small): (Vec<_>, Vec<_>) = by_area.into_iter().partition(|(_, all)| many(all));
    let mut anywhere: BTreeMap<(Key, u64), Vec<(u64, &Event)>> = BTreeMap::new();
    for ((key, window), found) in small {
        anywhere.entry((key.anywhere(), window)).or_default().extend(found);
    }
    let scattered = anywhere.into_iter().filter(|(_, all)| many(all));
    let mut all: Vec<Cluster> = large
        .into_iter()
        .chain(scattered)
        .map(|((key, window), mut found)| {
            found.sort_by_key(|(at_ms, _)| *at_ms);
            let mut cluster = Cluster::new(key, window);
            for (at_ms, event) in found {
                cluster.add(at_ms, event);
            }
            cluster
        })
        .collect();
    all.sort_by(|a, b| (&a.key, a.window).cmp(&(&b.key, b.window)));
    all
}

/// The failures that a job is about, among the events of its window; with the numbers of whoever asked, should the ring
/// have lost some of them.
pub fn of_job(job: &Diagnose, events: &[(u64, Event)]) -> Cluster {
    let window_ms = job.to_ms.saturating_sub(job.from_ms).max(1);
    let key = Key {
        sweep: job.sweep.clone(),
        task: job.task.clone(),
        endpoint: job.endpoint.clone(),
        class: job.class.clone(),
        area: job.area.clone(),
    };
    let mut cluster = Cluster::new(key, job.from_ms / window_ms);
    for (at_ms, event) in events {
        let within = (job.from_ms..job.to_ms).contains(at_ms);
        let same = |found: Key| {
            found == cluster.key || (job.area.is_empty() && found.anywhere() == cluster.key)
        };
        if within && Key::of(event).is_some_and(same) {
            cluster.add(*at_ms, event);
        }
    }
    cluster.count = cluster.count.max(job.count);
    cluster.since_ms = cluster.since_ms.min(job.since_ms);
    cluster.until_ms = cluster.until_ms.max(job.until_ms);
    cluster
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;

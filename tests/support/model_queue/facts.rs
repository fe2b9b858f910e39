//! What can be seen of a queue, as text by key of Redis: the model and the server are equal when
//! their facts are.

use super::sweeps::{State, Sweep};
use super::{Group, Job, ModelQueue};
use queue_schema::state::JobState;
use queue_schema::sweep::TargetStatus;
use std::collections::BTreeMap;

/// Key -> what it holds, in one line.
pub type Facts = BTreeMap<String, String>;

/// A hash in one line.
pub fn fields<K: AsRef<str> + Ord, V: std::fmt::Display>(map: &BTreeMap<K, V>) -> String {
    words(map.iter().map(|(k, v)| format!("{}={v}", k.as_ref())))
}

/// A list in one line.
pub fn words<T: std::fmt::Display>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|w| w.to_string()).collect::<Vec<_>>().join(" ")
}

fn label(group: &Group) -> String {
    format!("{}|{}", group.0, group.1)
}

impl Job {
    fn facts(&self) -> String {
        let mut all = BTreeMap::from([
            ("st", self.state.word().unwrap_or_default().to_owned()),
            ("l", self.lane.clone()),
            ("p", self.priority.to_string()),
            ("s", self.sweep.clone()),
            ("g", self.target.map(|t| t.to_string()).unwrap_or_default()),
            ("a", self.attempts.to_string()),
            ("c", self.crashes.to_string()),
            ("m", self.most.to_string()),
            ("t", self.token.clone()),
        ]);
        if let Some((tokens, micro)) = self.held {
            all.insert("res", format!("{tokens} {micro}"));
        }
        if self.state == JobState::Dead {
            all.insert("dc", self.class.clone());
        }
        fields(&all)
    }
}

impl Sweep {
    fn facts(&self, held: [u64; 3]) -> String {
        let state = match self.state {
            State::Planning => "planning",
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        };
        let mut all = BTreeMap::from([
            ("state".to_owned(), state.to_owned()),
            ("planned".to_owned(), u8::from(self.planned).to_string()),
            ("window".to_owned(), self.window.to_string()),
            ("total".to_owned(), self.statuses.len().to_string()),
        ]);
        for (k, name) in ["calls", "tokens", "micro_usd"].into_iter().enumerate() {
            for (kind, n) in [("cap", self.limits.most[k]), ("res", held[k])] {
                if n > 0 {
                    all.insert(format!("{kind}:{name}"), n.to_string());
                }
            }
        }
        all.extend(self.counted.iter().map(|(field, n)| (field.clone(), n.to_string())));
        for status in TargetStatus::ALL {
            all.insert(format!("n:{}", status.code()), self.count(status).to_string());
        }
        fields(&all)
    }
}

impl ModelQueue {
    /// States of all jobs.
    pub fn states(&self) -> BTreeMap<String, JobState> {
        self.jobs.iter().map(|(id, j)| (id.clone(), j.state)).collect()
    }

    /// All that can be seen, as it should stand in Redis.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts::new();
        let mut fact = |key: &str, text: String| {
            // What is empty is not there.
            if !text.is_empty() {
                facts.insert(key.to_owned(), text);
            }
        };
        for (id, job) in &self.jobs {
            fact(&format!("j:{id}"), job.facts());
            fact(&format!("b:{id}"), job.body.clone());
        }
        let mut index: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, job) in self.jobs.iter().filter(|(_, job)| !job.sweep.is_empty()) {
            index.entry(&job.sweep).or_default().push(id);
        }
        for (sweep, ids) in index {
            fact(&format!("js:{sweep}"), words(ids));
        }
        for (key, state) in
            [("leases", JobState::Leased), ("delayed", JobState::Delayed), ("dead", JobState::Dead)]
        {
            let here = self.jobs.iter().filter(|(_, j)| j.state == state);
            fact(key, words(here.map(|(id, j)| format!("{id}{}", if j.late { "!" } else { "" }))));
        }
        fact("ready", fields(&self.count(JobState::Ready, |j| j.lane.clone())));
        for job in self.jobs.values().filter(|j| j.state == JobState::Dead) {
            let target = job.target.unwrap_or_default();
            let together = self.dead_of(&job.sweep, job.target);
            fact(&format!("dt:{}:{target}", job.sweep), words(together));
        }
        for ((lane, group), ids) in &self.lists {
            fact(&format!("q:{lane}:{}", label(group)), words(ids));
        }
        for (lane, ring) in &self.rings {
            fact(&format!("ring:{lane}"), words(ring.iter().map(label)));
        }
        fact("paused", words(&self.paused));
        fact("cancelled", words(&self.cancelled));
        for (sweep, groups) in &self.parked {
            let mut all: Vec<_> = groups.iter().map(|(l, g)| format!("{l} {}", label(g))).collect();
            all.sort();
            fact(&format!("parked:{sweep}"), words(all));
        }
        for (name, barrier) in &self.barriers {
            let (n, size, id) = (barrier.here.len(), barrier.size, &barrier.then.id);
            fact(&format!("bar:{name}"), format!("id={id} n={n} size={size}"));
            fact(&format!("barm:{name}"), words(&barrier.here));
        }
        for (key, hash) in &self.hashes {
            fact(key, fields(hash));
        }
        for (key, list) in &self.appended {
            fact(key, words(list));
        }
        for (key, names) in &self.indexed {
            fact(key, words(names));
        }
        for (key, ids) in &self.rows {
            fact(&format!("rows:{key}"), words(ids));
            let mut sorted = ids.clone();
            sorted.sort();
            fact(&format!("rowid:{key}"), words(sorted));
        }
        fact("sweeps", words(self.sweeps.keys()));
        for (id, sweep) in &self.sweeps {
            fact(&format!("sw:{id}"), sweep.facts(self.held(id)));
            fact(&format!("st:{id}"), sweep.statuses.iter().map(|s| s.code()).collect());
            let targets = 0..sweep.statuses.len();
            fact(&format!("tg:{id}"), words(targets));
        }
        facts
    }

    fn count(&self, state: JobState, by: impl Fn(&Job) -> String) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for job in self.jobs.values().filter(|j| j.state == state) {
            *counts.entry(by(job)).or_default() += 1;
        }
        counts
    }
}

//! Commits: effects first, then what becomes of the job.

use super::{Barrier, ModelQueue};
use queue_schema::client::Commit;
use queue_schema::effects::{Effect, Ending};

impl ModelQueue {
    /// Applies commits; one answer each, false for a lease that was lost.
    pub fn commit(&mut self, commits: &[Commit]) -> Vec<bool> {
        let applied = commits.iter().map(|c| self.commit_one(c)).collect();
        self.settle_up();
        applied
    }

    fn commit_one(&mut self, commit: &Commit) -> bool {
        if !self.holds(&commit.lease) {
            return false;
        }
        if commit.effects.ending != Ending::HandBack {
            self.job(&commit.lease.job).held = None;
        }
        for effect in &commit.effects.list {
            self.apply(effect);
        }
        let (sweep, target) = self.place(&commit.lease.job).unwrap_or_default();
        let id = &commit.lease.job;
        match &commit.effects.ending {
            Ending::Done => self.go(id, "complete"),
            Ending::HandBack => self.go(id, "hand_back"),
            Ending::Dead { class, .. } => self.bury(id, "bury", class.as_str()),
            Ending::Wait { .. } => self.go(id, "wait"),
            Ending::Retry { .. } => {
                let job = self.job(id);
                job.attempts += 1;
                if job.attempts >= job.most {
                    self.bury(id, "bury", "attempts_exhausted");
                } else {
                    self.go(id, "retry");
                }
            }
        }
        if let Some(target) = target.filter(|_| self.cancelled.contains(&sweep)) {
            self.tidy(&sweep, target);
        }
        true
    }

    fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Enqueue(job) => {
                self.enqueue(job);
            }
            Effect::AppendRow { sweep, stream, row_id, .. } => {
                let rows = self.rows.entry(format!("{stream}:{sweep}")).or_default();
                if !rows.contains(row_id) {
                    rows.push(row_id.clone());
                }
            }
            Effect::Put { key, field, value } => {
                let hash = self.hashes.entry(key.clone()).or_default();
                hash.insert(field.clone(), value.clone());
            }
            Effect::Add { key, field, by } if key.starts_with("sw:") => {
                let sweep = self.sweeps.get_mut(&key[3..]).expect("a sweep that is there");
                *sweep.counted.entry(field.clone()).or_default() += by;
            }
            Effect::Add { key, field, by } => {
                let hash = self.hashes.entry(key.clone()).or_default();
                let old: i64 = hash.get(field).map_or(0, |n| n.parse().expect("a number"));
                hash.insert(field.clone(), (old + by).to_string());
            }
            Effect::Tally { key, adds } => {
                for (field, by) in adds {
                    self.apply(&Effect::Add { key: key.clone(), field: field.clone(), by: *by });
                }
            }
            Effect::Append { key, value } => {
                self.appended.entry(key.clone()).or_default().push(value.clone());
            }
            Effect::Index { key, member } => {
                self.indexed.entry(key.clone()).or_default().insert(member.clone());
            }
            Effect::Unindex { key, member } => {
                let left = self.indexed.get_mut(key).is_some_and(|names| {
                    names.remove(member);
                    names.is_empty()
                });
                if left {
                    self.indexed.remove(key);
                }
            }
            Effect::Delete { key } => {
                self.hashes.remove(key);
                self.appended.remove(key);
                self.indexed.remove(key);
            }
            Effect::Barrier { name, size, then } => {
                self.barriers.entry(name.clone()).or_insert_with(|| Barrier {
                    size: *size,
                    here: std::collections::BTreeSet::new(),
                    then: then.clone(),
                });
            }
            Effect::Arrive { name, member } => self.arrive(name, *member),
            Effect::PlanTargets { sweep, first, targets } => self.plan(sweep, *first, targets),
            Effect::Event { .. } => {}
            Effect::PlanDone { sweep } => self.planned(sweep),
            Effect::Settle { sweep, target, status } => self.settle(sweep, *target, *status),
        }
    }

    /// A barrier that is gone has been passed: arriving there again is nothing.
    fn arrive(&mut self, name: &str, member: u32) {
        let Some(barrier) = self.barriers.get_mut(name) else { return };
        if barrier.here.insert(member) && barrier.here.len() as u32 >= barrier.size {
            let then = barrier.then.clone();
            self.barriers.remove(name);
            self.enqueue(&then);
        }
    }
}

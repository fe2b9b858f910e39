//! What is not kept: ended sweeps with all that is theirs, old letters of those.

use super::ModelQueue;
use super::sweeps::State;
use queue_schema::client::Forgotten;
use queue_schema::state::JobState;

impl ModelQueue {
    /// Forgets a sweep that is over.
    pub fn forget(&mut self, id: &str) -> Forgotten {
        match self.sweeps.get(id).map(|s| s.state) {
            None => return Forgotten::Unknown,
            Some(State::Planning | State::Running) => return Forgotten::Running,
            Some(_) => {}
        }
        let of_it = self.jobs.iter().filter(|(_, j)| j.sweep == id);
        let ids: Vec<(String, JobState)> = of_it.map(|(id, j)| (id.clone(), j.state)).collect();
        for (job, state) in &ids {
            let name = match state {
                JobState::Ready => "forget_ready",
                JobState::Delayed => "forget_delayed",
                JobState::Leased => "forget_leased",
                _ => "forget_dead",
            };
            self.go(job, name);
        }
        self.lists.retain(|(_, group), _| group.1 != id);
        for ring in self.rings.values_mut() {
            ring.retain(|group| group.1 != id);
        }
        self.parked.remove(id);
        self.paused.remove(&format!("sweep:{id}"));
        self.cancelled.remove(id);
        self.hashes.remove(&format!("left:{id}"));
        self.appended.retain(|key, _| !key.starts_with(&format!("att:{id}-")));
        self.rows.retain(|key, _| !key.ends_with(&format!(":{id}")));
        self.sweeps.remove(id);
        Forgotten::Gone { jobs: ids.len() as u64 }
    }

    /// Discards the dead whose sweep is over or unknown; all of them are old enough here.
    pub fn expire(&mut self) -> u64 {
        let open = |sweep: &str| {
            let state = self.sweeps.get(sweep).map(|s| s.state);
            matches!(state, Some(State::Planning | State::Running))
        };
        let old = self.jobs.iter().filter(|(_, j)| j.state == JobState::Dead && !open(&j.sweep));
        let ids: Vec<String> = old.map(|(id, _)| id.clone()).collect();
        for id in &ids {
            self.go(id, "expire");
        }
        ids.len() as u64
    }
}

//! Claims: what ran out goes back, what is due goes on, lanes and groups take turns.

use super::{Group, ModelQueue, pool_of};
use queue_schema::client::{ClaimRequest, Lease};
use queue_schema::state::JobState;
use queue_schema::sweep::TargetStatus;
use std::collections::BTreeSet;

/// What a claim says of a job: id, body, attempts, crashes.
pub type Given = (String, String, u32, u32);

impl ModelQueue {
    /// Leases up to `want` ready jobs.
    pub fn claim(&mut self, request: &ClaimRequest) -> Vec<Given> {
        if let Some((last, jobs)) = self.claims.get(request.worker.as_str()).cloned()
            && last == request.request
        {
            let lease = |job: String| Lease { job: job.into(), token: last.clone(), partition: 0 };
            let still: Vec<_> =
                jobs.into_iter().filter(|id| self.holds(&lease(id.clone()))).collect();
            return still
                .iter()
                .map(|id| {
                    self.job(id).late = false;
                    self.given(id)
                })
                .collect();
        }
        self.take_back();
        self.promote();
        self.settle_up();
        let got = self.serve(request);
        self.settle_up();
        if !got.is_empty() {
            self.claims.insert(request.worker.to_string(), (request.request.clone(), got.clone()));
        }
        got.iter().map(|id| self.given(id)).collect()
    }

    /// True when a worker with a free place would find a job in this lane.
    pub fn has_work(&self, lane: &str) -> bool {
        let ready = self.jobs.values().filter(|j| j.state == JobState::Ready && j.lane == lane);
        let mut ready = ready.filter(|j| {
            !self.cancelled.contains(&j.sweep)
                && !self.paused.contains(&format!("sweep:{}", j.sweep))
        });
        !self.paused.contains(&format!("lane:{lane}")) && ready.next().is_some()
    }

    fn given(&self, id: &str) -> Given {
        let j = &self.jobs[id];
        (id.to_owned(), j.body.clone(), j.attempts, j.crashes)
    }

    fn late(&self, state: JobState, most: u32) -> Vec<String> {
        let late = self.jobs.iter().filter(|(_, j)| j.state == state && j.late);
        late.map(|(id, _)| id.clone()).take(most as usize).collect()
    }

    fn take_back(&mut self) {
        for id in self.late(JobState::Leased, self.options.take_back_batch) {
            self.job(&id).crashes += 1;
            if self.job(&id).crashes >= self.options.crash_limit {
                self.bury(&id, "poison", "poison");
            } else {
                self.go(&id, "take_back");
            }
        }
    }

    fn promote(&mut self) {
        for id in self.late(JobState::Delayed, self.options.promote_batch) {
            if self.cancelled.contains(&self.jobs[&id].sweep) {
                self.drop_cancelled(&id, "drop_delayed");
            } else {
                self.go(&id, "promote");
            }
        }
    }

    fn drop_cancelled(&mut self, id: &str, name: &'static str) {
        let (sweep, target) = self.place(id).unwrap_or_default();
        self.job(id).held = None;
        self.go(id, name);
        if let Some(target) = target {
            self.settle(&sweep, target, TargetStatus::Cancelled);
        }
    }

    /// Every lane gets its share, then the first ones what is left; each call starts one further.
    fn serve(&mut self, request: &ClaimRequest) -> Vec<String> {
        let served = |lane: &String| request.lanes.is_empty() || request.lanes.contains(lane);
        let ready = self.jobs.values().filter(|j| j.state == JobState::Ready);
        let mut lanes: Vec<_> = ready.map(|j| j.lane.clone()).filter(served).collect();
        lanes.sort();
        lanes.dedup();
        let mut room = request.room.clone();
        let mut got = Vec::new();
        if lanes.is_empty() {
            return got;
        }
        let want = request.want as usize;
        self.lane_turns += 1;
        let share = (want / lanes.len()).max(1);
        for most in [share, want] {
            for k in 0..lanes.len() {
                let lane = &lanes[(self.lane_turns + k) % lanes.len()];
                let left = want - got.len();
                let before = got.len();
                let own = room.get_mut(pool_of(lane));
                let n = own.as_ref().map_or(most.min(left), |n| (**n as usize).min(most).min(left));
                self.take(lane, n, request, &mut got);
                if let Some(own) = own {
                    *own -= (got.len() - before) as u32;
                }
            }
        }
        got
    }

    /// A job whose next crash would be its last.
    fn on_its_last_chance(&self, id: &str) -> bool {
        self.jobs[id].crashes >= self.options.crash_limit.saturating_sub(1).max(1)
    }

    /// A worker holds at most one such job.
    fn holds_one(&self, worker: &str) -> bool {
        let Some(id) = self.last_chances.get(worker) else { return false };
        let held = |j: &super::Job| j.state == JobState::Leased && j.worker == worker;
        self.jobs.get(id).is_some_and(held) && self.on_its_last_chance(id)
    }

    fn take(&mut self, lane: &str, n: usize, request: &ClaimRequest, got: &mut Vec<String>) {
        if self.paused.contains(&format!("lane:{lane}")) {
            return;
        }
        let mut left = n;
        // Groups that are there get equal shares, whoever was first.
        let groups = self.rings.get(lane).map_or(0, Vec::len).max(1);
        let share = left.div_ceil(groups);
        let mut passed = BTreeSet::new();
        while left > 0 {
            let Some(group) = self.rings.get(lane).and_then(|r| r.first()).cloned() else { break };
            if self.paused.contains(&format!("sweep:{}", group.1)) {
                self.leave_ring(lane, &group);
                let parked = self.parked.entry(group.1.clone()).or_default();
                parked.insert((lane.to_owned(), group));
                continue;
            }
            let key = (lane.to_owned(), group.clone());
            let list = self.lists.get_mut(&key).expect("a group in the ring has jobs");
            let ids: Vec<_> = list.drain(..share.min(left).min(list.len())).collect();
            let (mut back, mut served) = (Vec::new(), Vec::new());
            let mut holds_one = self.holds_one(&request.worker);
            for id in ids {
                let doubtful = self.on_its_last_chance(&id) && !self.cancelled.contains(&group.1);
                if doubtful && holds_one {
                    back.push(id);
                    continue;
                }
                if doubtful {
                    holds_one = true;
                    self.last_chances.insert(request.worker.to_string(), id.clone());
                }
                served.push(id);
            }
            let ids = served;
            let again = back.iter().any(|id| passed.contains(id));
            let list = self.lists.get_mut(&key).expect("a group in the ring has jobs");
            list.extend(back.iter().cloned());
            passed.extend(back);
            if list.is_empty() {
                self.lists.remove(&key);
                self.leave_ring(lane, &group);
            } else {
                self.queue_group(lane, &group);
            }
            left -= ids.len();
            for id in ids {
                if self.cancelled.contains(&group.1) {
                    self.drop_cancelled(&id, "drop_ready");
                } else {
                    self.go(&id, "claim");
                    request.request.clone_into(&mut self.job(&id).token);
                    self.job(&id).worker = request.worker.to_string();
                    got.push(id);
                }
            }
            if again {
                break;
            }
        }
    }

    fn leave_ring(&mut self, lane: &str, group: &Group) {
        self.rings.entry(lane.to_owned()).or_default().retain(|g| g != group);
    }

    /// Stops or goes on with a lane or a sweep; true when that changed something. `order` is that
    /// in which Redis keeps the groups set aside.
    pub fn pause(&mut self, name: &str, pause: bool, order: &[String]) -> bool {
        if pause {
            return self.paused.insert(name.to_owned());
        }
        if let Some(sweep) = name.strip_prefix("sweep:") {
            self.unpark(sweep, order);
        }
        self.paused.remove(name)
    }

    pub(super) fn unpark(&mut self, sweep: &str, order: &[String]) {
        let parked = self.parked.remove(sweep).unwrap_or_default();
        assert_eq!(parked.len(), order.len(), "the groups set aside");
        for entry in order {
            let found = parked.iter().find(|(lane, g)| format!("{lane} {}|{}", g.0, g.1) == *entry);
            let (lane, group) = found.expect("a group set aside");
            if self.lists.contains_key(&(lane.clone(), group.clone())) {
                self.queue_group(lane, group);
            }
        }
    }
}

//! Sweeps: a status for each target, a window of live ones, an end.

use super::ModelQueue;
use queue_schema::effects::{NewJob, Priority};
use queue_schema::ids::review_id;
use queue_schema::jobs::{Plan, Review};
use queue_schema::rows::{ReviewRow, Row};
use queue_schema::sweep::{SweepSpec, Target, TargetStatus};
use queue_schema::trace::Trace;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Planning,
    Running,
    Done,
    Failed,
    Cancelled,
}

pub(super) struct Sweep {
    pub(super) state: State,
    pub(super) planned: bool,
    pub(super) window: u32,
    pub(super) statuses: Vec<TargetStatus>,
    pub(super) priority: Priority,
}

impl Sweep {
    pub(super) fn count(&self, status: TargetStatus) -> usize {
        self.statuses.iter().filter(|s| **s == status).count()
    }

    /// A planned sweep without waiting or live targets is done; with one again, it runs again.
    fn judge(&mut self) {
        let open = self.count(TargetStatus::Waiting) + self.count(TargetStatus::Live) > 0;
        self.state = match self.state {
            State::Running if self.planned && !open => State::Done,
            State::Done if self.planned && open => State::Running,
            other => other,
        };
    }
}

impl ModelQueue {
    /// Records a sweep and enqueues its plan job; false when it was there.
    pub fn create_sweep(&mut self, spec: &SweepSpec, priority: Priority) -> (String, bool) {
        let id = spec.id();
        if self.sweeps.contains_key(&id) {
            return (id, false);
        }
        let sweep = Sweep {
            state: State::Planning,
            planned: false,
            window: spec.limits.admission_window,
            statuses: Vec::new(),
            priority,
        };
        self.sweeps.insert(id.clone(), sweep);
        let mut plan = NewJob::of(&Plan { sweep: id.clone(), first: 0 }).expect("it serialises");
        plan.trace(&Trace::of_sweep(&id));
        self.enqueue(&plan.priority(priority));
        (id, true)
    }

    /// Cancels a sweep; false when there is none or it was over. `order` as for a pause.
    pub fn cancel(&mut self, id: &str, order: &[String]) -> bool {
        let Some(sweep) = self.sweeps.get_mut(id) else { return false };
        if !matches!(sweep.state, State::Planning | State::Running) {
            return false;
        }
        sweep.state = State::Cancelled;
        for status in sweep.statuses.iter_mut().filter(|s| **s == TargetStatus::Waiting) {
            *status = TargetStatus::Cancelled;
        }
        self.cancelled.insert(id.to_owned());
        self.paused.remove(&format!("sweep:{id}"));
        self.unpark(id, order);
        true
    }

    pub(super) fn fail(&mut self, id: &str) {
        if let Some(sweep) = self.sweeps.get_mut(id)
            && !self.cancelled.contains(id)
        {
            sweep.state = State::Failed;
        }
    }

    pub(super) fn plan_again(&mut self, id: &str) {
        if let Some(sweep) = self.sweeps.get_mut(id) {
            sweep.state = State::Planning;
        }
    }

    /// Pages come in order; one that was written before is not written again.
    pub(super) fn plan(&mut self, id: &str, first: u32, targets: &[Target]) {
        let Some(sweep) = self.sweeps.get_mut(id) else { return };
        if sweep.statuses.len() != first as usize || self.cancelled.contains(id) {
            return;
        }
        sweep.statuses.extend(targets.iter().map(|t| match t.skip {
            Some(_) => TargetStatus::Skipped,
            None => TargetStatus::Waiting,
        }));
        self.admit(id);
    }

    pub(super) fn planned(&mut self, id: &str) {
        let Some(sweep) = self.sweeps.get_mut(id) else { return };
        if sweep.state == State::Planning {
            sweep.planned = true;
            sweep.state = State::Running;
            // Pages that came while it was failed have admitted nobody.
            self.admit(id);
            self.judge(id);
        }
    }

    fn judge(&mut self, id: &str) {
        if let Some(sweep) = self.sweeps.get_mut(id) {
            sweep.judge();
        }
    }

    /// What is accepted stays resolved when work on it dies or is cancelled.
    pub(super) fn settle(&mut self, id: &str, target: u32, asked: TargetStatus) {
        let rows = self.rows.get(&format!("{}:{id}", ReviewRow::STREAM));
        let accepted = rows.is_some_and(|rows| rows.contains(&review_id(id, target)));
        let status = match asked {
            TargetStatus::Unresolved | TargetStatus::Cancelled if accepted => {
                TargetStatus::Resolved
            }
            other => other,
        };
        let Some(sweep) = self.sweeps.get_mut(id) else { return };
        let Some(old) = sweep.statuses.get_mut(target as usize) else { return };
        if *old == status {
            return;
        }
        if std::mem::replace(old, status) == TargetStatus::Live {
            self.admit(id);
        }
        self.judge(id);
    }

    /// Fills the window with the next waiting targets.
    fn admit(&mut self, id: &str) {
        loop {
            let Some(sweep) = self.sweeps.get_mut(id) else { return };
            let open = matches!(sweep.state, State::Planning | State::Running);
            if !open || sweep.count(TargetStatus::Live) >= sweep.window as usize {
                return;
            }
            let waiting = sweep.statuses.iter().position(|s| *s == TargetStatus::Waiting);
            let Some(next) = waiting else { return };
            sweep.statuses[next] = TargetStatus::Live;
            let priority = sweep.priority;
            let review = Review { sweep: id.to_owned(), target: next as u32 };
            let mut job = NewJob::of(&review).expect("it serialises").priority(priority);
            job.trace(&Trace::of_sweep(id));
            self.enqueue(&job);
        }
    }
}

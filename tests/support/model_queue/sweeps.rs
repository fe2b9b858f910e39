//! Sweeps: a status for each target, a window of live ones, an end.

use super::ModelQueue;
use super::budgets::Limits;
use queue_schema::budget::BudgetRequest;
use queue_schema::client::Created;
use queue_schema::effects::{NewJob, Priority};
use queue_schema::ids::ReviewId;
use queue_schema::jobs::{Plan, Review, Tally};
use queue_schema::rows::{ReviewRow, Row};
use queue_schema::sweep::{SweepSpec, Target, TargetStatus};
use queue_schema::trace::Trace;
use std::collections::BTreeMap;

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
    pub(super) limits: Limits,
    /// The stream whose row makes a target accepted.
    accepted_by: &'static str,
    /// Enqueued whenever it is done.
    last: Option<NewJob>,
    /// What was added to its record.
    pub(super) counted: BTreeMap<String, i64>,
}

impl Sweep {
    pub(super) fn count(&self, status: TargetStatus) -> usize {
        self.statuses.iter().filter(|s| **s == status).count()
    }

    /// A planned sweep without waiting or live targets is done; with one again, it runs again.
    /// Returns what follows its end.
    fn judge(&mut self) -> Option<NewJob> {
        if self.state == State::Running && self.planned {
            self.leave_out();
        }
        let open = self.count(TargetStatus::Waiting) + self.count(TargetStatus::Live) > 0;
        let before = self.state;
        self.state = match before {
            State::Running if self.planned && !open => State::Done,
            State::Done if self.planned && open => State::Running,
            other => other,
        };
        let ends = before == State::Running && self.state == State::Done;
        self.last.clone().filter(|_| ends)
    }
}

impl ModelQueue {
    /// Records a sweep and enqueues its plan job; one that is there may get another budget.
    pub fn create_sweep(
        &mut self,
        spec: &SweepSpec,
        priority: Priority,
        budget: &BudgetRequest,
    ) -> Created {
        let id = spec.id();
        if self.sweeps.contains_key(id.as_str()) {
            let put_back = self.change_budget(&id, budget);
            return Created { id, new: false, put_back };
        }
        let last = spec.diff.as_ref().map(|_| {
            let mut job = NewJob::of(&Tally { sweep: id.clone() }).expect("it serialises");
            job.trace(&Trace::of_sweep(&id));
            job
        });
        let sweep = Sweep {
            accepted_by: spec.accepted_by(),
            last,
            state: State::Planning,
            planned: false,
            window: spec.limits.admission_window,
            statuses: Vec::new(),
            priority,
            limits: Limits::new(budget),
            counted: BTreeMap::new(),
        };
        self.sweeps.insert(id.to_string(), sweep);
        let mut plan = NewJob::of(&Plan { sweep: id.clone(), first: 0 }).expect("it serialises");
        plan.trace(&Trace::of_sweep(&id));
        self.enqueue(&plan.priority(priority));
        self.settle_up();
        Created { id, new: true, put_back: 0 }
    }

    /// Cancels a sweep; false when there is none or it was over. `order` as for a pause.
    pub fn cancel(&mut self, id: &str, order: &[String]) -> bool {
        let Some(sweep) = self.sweeps.get_mut(id) else { return false };
        if !matches!(sweep.state, State::Planning | State::Running) {
            return false;
        }
        sweep.state = State::Cancelled;
        sweep.recode(TargetStatus::Waiting, TargetStatus::Cancelled);
        self.cancelled.insert(id.to_owned());
        self.paused.remove(&format!("sweep:{id}"));
        self.unpark(id, order);
        true
    }

    pub(super) fn fail(&mut self, id: &str) {
        if let Some(sweep) = self.sweeps.get_mut(id)
            && !self.cancelled.contains(id)
            && sweep.state == State::Planning
        {
            sweep.state = State::Failed;
        }
    }

    pub(super) fn plan_again(&mut self, id: &str) {
        if let Some(sweep) = self.sweeps.get_mut(id).filter(|s| s.state == State::Failed) {
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

    /// The stream whose row makes a target of a sweep accepted.
    pub fn accepted_by(&self, id: &str) -> &'static str {
        self.sweeps.get(id).map_or(ReviewRow::STREAM, |sweep| sweep.accepted_by)
    }

    pub(super) fn judge(&mut self, id: &str) {
        if let Some(last) = self.sweeps.get_mut(id).and_then(Sweep::judge) {
            self.enqueue(&last);
        }
    }

    /// What is accepted stays resolved when work on it dies, is left out or cancelled.
    pub(super) fn settle(&mut self, id: &str, target: u32, asked: TargetStatus) {
        let rows = self.rows.get(&format!("{}:{id}", self.accepted_by(id)));
        let accepted =
            rows.is_some_and(|rows| rows.contains(&ReviewId::new(&id.into(), target).into()));
        // Nobody puts back what a cancelled sweep leaves out.
        let asked = match asked {
            TargetStatus::LeftOut if self.cancelled.contains(id) => TargetStatus::Cancelled,
            other => other,
        };
        let status = match asked {
            TargetStatus::Unresolved | TargetStatus::Cancelled | TargetStatus::LeftOut
                if accepted =>
            {
                TargetStatus::Resolved
            }
            other => other,
        };
        let Some(sweep) = self.sweeps.get_mut(id) else { return };
        let Some(old) = sweep.statuses.get_mut(target as usize) else { return };
        if *old == status {
            return;
        }
        let was = std::mem::replace(old, status);
        if asked == TargetStatus::Cancelled {
            self.appended.remove(&format!("att:{id}-{target}"));
        }
        let frees_a_place = was == TargetStatus::Live;
        match self.moved.iter_mut().find(|(sweep, _)| sweep == id) {
            Some((_, has_room)) => *has_room |= frees_a_place,
            None => self.moved.push((id.to_owned(), frees_a_place)),
        }
    }

    /// At the end of a call, sweeps whose targets have settled admit others and may end.
    pub(super) fn settle_up(&mut self) {
        while !self.moved.is_empty() {
            for (sweep, has_room) in std::mem::take(&mut self.moved) {
                if has_room {
                    self.admit(&sweep);
                }
                self.judge(&sweep);
            }
        }
    }

    /// Nothing is kept of a target that was cancelled.
    pub(super) fn tidy(&mut self, id: &str, target: u32) {
        let status = self.sweeps.get(id).and_then(|s| s.statuses.get(target as usize));
        if status == Some(&TargetStatus::Cancelled) {
            self.appended.remove(&format!("att:{id}-{target}"));
        }
    }

    /// Fills the window with the next waiting targets.
    pub(super) fn admit(&mut self, id: &str) {
        if self.is_stopped(id) {
            return;
        }
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
            let review = Review { sweep: id.into(), target: next as u32 };
            let mut job = NewJob::of(&review).expect("it serialises").priority(priority);
            job.trace(&Trace::of_sweep(id));
            self.enqueue(&job);
        }
    }
}

//! Budgets: what is held of one, what it says to a call, what it leaves out.

use super::ModelQueue;
use super::sweeps::Sweep;
use queue_schema::budget::BudgetRequest;
use queue_schema::client::{Lease, Spend};
use queue_schema::sweep::TargetStatus;

/// Calls, tokens, millionths of a dollar.
pub(super) type Sums = [u64; 3];

/// The caps of a sweep, with the percents that it degrades and stops at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) most: Sums,
    degrade: u64,
    stop: u64,
}

impl Limits {
    /// Those of a new sweep.
    pub(super) fn new(b: &BudgetRequest) -> Self {
        let new = &b.defaults.most;
        let most = [
            b.calls.unwrap_or(new.calls),
            b.tokens.unwrap_or(new.tokens),
            b.micro_usd.unwrap_or(new.micro_usd),
        ];
        Self {
            most,
            degrade: b.defaults.degrade_percent.into(),
            stop: b.defaults.stop_percent.into(),
        }
    }

    /// Those of a sweep that is there; true when one has changed.
    fn change(&mut self, b: &BudgetRequest) -> bool {
        let old = self.most;
        for (cap, asked) in self.most.iter_mut().zip([b.calls, b.tokens, b.micro_usd]) {
            *cap = asked.unwrap_or(*cap);
        }
        if old != self.most {
            self.degrade = b.defaults.degrade_percent.into();
            self.stop = b.defaults.stop_percent.into();
        }
        old != self.most
    }

    fn is_on(&self) -> bool {
        self.most != [0; 3]
    }
}

fn reached(cap: u64, percent: u64, spent: u64) -> bool {
    cap > 0 && spent * 100 >= cap * percent
}

impl Sweep {
    fn spent(&self) -> Sums {
        let n = |field: &str| self.counted.get(field).copied().unwrap_or(0) as u64;
        let tokens = n("tokens_in") + n("tokens_out") + n("tokens_guessed");
        [n("calls"), tokens, n("cost_micro_usd")]
    }

    fn is_stopped(&self, held: Sums) -> bool {
        let spent = self.spent();
        (0..3).any(|k| reached(self.limits.most[k], self.limits.stop, spent[k] + held[k]))
    }

    /// What a budget that is spent does not reach is left out once nothing is live.
    pub(super) fn leave_out(&mut self) {
        if self.count(TargetStatus::Live) == 0 && self.is_stopped([0; 3]) {
            self.recode(TargetStatus::Waiting, TargetStatus::LeftOut);
        }
    }

    pub(super) fn recode(&mut self, from: TargetStatus, to: TargetStatus) -> u64 {
        let all: Vec<_> = self.statuses.iter_mut().filter(|s| **s == from).collect();
        let n = all.len() as u64;
        for status in all {
            *status = to;
        }
        n
    }
}

impl ModelQueue {
    /// What jobs hold of a sweep's budget.
    pub(super) fn held(&self, sweep: &str) -> Sums {
        let of_it = self.jobs.values().filter(|j| j.sweep == sweep).filter_map(|j| j.held);
        of_it.fold([0; 3], |sum, (tokens, micro)| [sum[0] + 1, sum[1] + tokens, sum[2] + micro])
    }

    pub(super) fn is_stopped(&self, id: &str) -> bool {
        let Some(sweep) = self.sweeps.get(id) else { return false };
        let live = sweep.count(TargetStatus::Live) > 0;
        sweep.is_stopped(if live { self.held(id) } else { [0; 3] })
    }

    /// What a sweep's budget says to a call.
    pub fn spend(&mut self, lease: &Lease, ask: &Spend) -> &'static str {
        if !self.holds(lease) {
            return "stale";
        }
        let id = self.jobs[lease.job.as_str()].sweep.clone();
        let lane = &self.jobs[lease.job.as_str()].lane;
        let paused = [format!("sweep:{id}"), format!("lane:{lane}")];
        if self.cancelled.contains(&id) || paused.iter().any(|name| self.paused.contains(name)) {
            return "stopped";
        }
        let own = self.job(&lease.job).held.take();
        let Some(sweep) = self.sweeps.get(&id).filter(|s| s.limits.is_on()) else {
            return "granted";
        };
        let (limits, spent, others) = (sweep.limits, sweep.spent(), self.held(&id));
        let wanted = [1, ask.tokens, ask.micro_usd];
        let mut answers = vec!["granted"];
        for k in 0..3 {
            let cap = limits.most[k];
            if cap == 0 {
                continue;
            }
            let usd = k == 2;
            let no = if usd && ask.cheaper { "pass over" } else { "no" };
            if if usd { ask.cheaper } else { ask.further } {
                if reached(cap, limits.degrade, spent[k]) {
                    answers.push(no);
                } else if reached(cap, limits.degrade, spent[k] + others[k]) {
                    answers.push("wait");
                }
            }
            if spent[k] + wanted[k] > cap {
                answers.push(no);
            } else if spent[k] + others[k] + wanted[k] > cap {
                answers.push("wait");
            }
        }
        let order = ["no", "pass over", "wait", "granted"];
        let worst = order.into_iter().find(|a| answers.contains(a)).unwrap_or("granted");
        self.job(&lease.job).held =
            if worst == "granted" { Some((ask.tokens, ask.micro_usd)) } else { own };
        worst
    }

    /// Gives a sweep that is there another budget; returns how many targets wait again.
    pub(super) fn change_budget(&mut self, id: &str, budget: &BudgetRequest) -> u64 {
        let Some(sweep) = self.sweeps.get_mut(id) else { return 0 };
        if self.cancelled.contains(id) || !sweep.limits.change(budget) {
            return 0;
        }
        let mut n = 0;
        if sweep.count(TargetStatus::LeftOut) > 0 && !sweep.is_stopped([0; 3]) {
            let begun = self.hashes.remove(&format!("left:{id}")).unwrap_or_default();
            for target in begun.keys().filter_map(|t| t.parse::<usize>().ok()) {
                if sweep.statuses.get(target) == Some(&TargetStatus::LeftOut) {
                    self.appended.remove(&format!("att:{id}-{target}"));
                }
            }
            n = sweep.recode(TargetStatus::LeftOut, TargetStatus::Waiting);
            self.judge(id);
        }
        self.admit(id);
        self.judge(id);
        n
    }
}

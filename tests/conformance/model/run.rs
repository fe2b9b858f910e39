//! One life of a queue: each operation is done to both, then both are compared.

use crate::look;
use crate::mean::{LANES, POOLS, PRIORITIES, nth, pick, sweep_spec};
use crate::ops::{Op, Pick};
use proptest::sample::Index;
use queue_schema::budget::{BudgetRequest, Caps};
use queue_schema::client::{
    Claim, ClaimRequest, Commit, Held, Lease, Pausable, Queue, QueueError, Spend,
};
use queue_schema::state::{JobState, TRANSITIONS, Transition, is_allowed};
use scrum_tests::model_queue::{Facts, ModelQueue};
use scrum_tests::oracle;
use scrum_tests::redis::Look;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// The real queue, for all runs.
pub struct Bed {
    pub conn: RefCell<Look>,
    pub runtime: tokio::runtime::Runtime,
    pub queue: Queue,
}

impl Bed {
    fn wait<T>(&self, future: impl Future<Output = Result<T, QueueError>>) -> T {
        self.runtime.block_on(future).unwrap()
    }
}

/// Transitions seen, by name.
#[derive(Debug, Default)]
pub struct Seen {
    /// Operations done.
    pub steps: usize,
    /// Made, perhaps as one of several in a step: a promoted job may be claimed at once.
    pub made: BTreeMap<&'static str, usize>,
    /// Seen in Redis by themselves: the state before, the state after, and nothing between.
    pub alone: BTreeMap<&'static str, usize>,
    /// What budgets said and did.
    pub budgets: BTreeMap<&'static str, usize>,
    /// State of a sweep before and after.
    pub sweeps: BTreeMap<String, usize>,
}

impl Seen {
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        for (name, n) in &other.made {
            *self.made.entry(name).or_default() += n;
        }
        for (name, n) in &other.alone {
            *self.alone.entry(name).or_default() += n;
        }
        for (what, n) in &other.budgets {
            *self.budgets.entry(what).or_default() += n;
        }
        for (way, n) in &other.sweeps {
            *self.sweeps.entry(way.clone()).or_default() += n;
        }
    }
}

/// A queue and its model from their beginning on.
pub struct Run<'a> {
    bed: &'a Bed,
    pub model: ModelQueue,
    /// What was in Redis after the last step.
    facts: Facts,
    /// States of jobs there.
    states: BTreeMap<String, JobState>,
    /// The same of sweeps.
    sweeps: BTreeMap<String, String>,
    /// Every lease that was ever given.
    pub given: Vec<Lease>,
    /// The last request of each worker.
    requests: BTreeMap<u8, ClaimRequest>,
    pub serial: u32,
    /// What claims have room for, by pool.
    pub room: BTreeMap<String, u32>,
    pub seen: Seen,
}

impl<'a> Run<'a> {
    pub fn new(bed: &'a Bed) -> Self {
        redis::cmd("FLUSHALL").query::<()>(&mut bed.conn.borrow_mut()).unwrap();
        Self {
            bed,
            model: ModelQueue::new(bed.queue.options().clone()),
            facts: Facts::new(),
            states: BTreeMap::new(),
            sweeps: BTreeMap::new(),
            given: Vec::new(),
            requests: BTreeMap::new(),
            serial: 0,
            room: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    /// Does one thing to both, and compares.
    pub fn step(&mut self, op: &Op) {
        match op {
            Op::Enqueue(specs) => {
                let jobs: Vec<_> = specs.iter().map(|s| self.job(s, None)).collect();
                let new = self.bed.wait(self.bed.queue.enqueue(&jobs));
                assert_eq!(new, self.model.enqueue_all(&jobs), "jobs that are new");
                self.compare(&["enqueue"]);
            }
            Op::Claim { worker, want, lanes, again } => {
                let request = self.request(*worker, *want, *lanes);
                look::woken(&mut self.bed.conn.borrow_mut(), &request.lanes);
                self.requests.insert(*worker, request.clone());
                if self.claim(&request) == (0, None) {
                    let pending = [JobState::Leased, JobState::Delayed];
                    let pending = pending.map(|s| self.model.in_state(s).len());
                    assert_eq!(pending, [0, 0], "who finds nothing learns when to look again");
                }
                if *again {
                    self.claim(&request);
                }
            }
            Op::ClaimAgain { worker } => {
                if let Some(request) = self.requests.get(worker).cloned() {
                    self.claim(&request);
                }
            }
            Op::Renew(picks) => {
                let leases: Vec<_> = picks.iter().filter_map(|p| self.lease(p)).collect();
                let lost = self.bed.wait(self.bed.queue.renew(&"w0".into(), &leases));
                assert_eq!(lost, self.model.renew(&leases), "leases that were lost");
                self.compare(&["renew"]);
            }
            Op::Commit { batch, again } => {
                let commits: Vec<_> = batch.iter().filter_map(|o| self.commit_of(o)).collect();
                self.commit(&commits);
                if *again {
                    let applied = self.commit(&commits);
                    assert!(applied.iter().all(|a| !a), "nothing is applied twice");
                }
            }
            Op::Work { lease, luck, page } => {
                if let Some(lease) = self.lease(lease) {
                    let effects = self.work(&lease.job, *luck, page);
                    self.commit(&[Commit { lease, effects }]);
                }
            }
            Op::LeaseRunsOut(all) => self.make_late("leases", JobState::Leased, all),
            Op::BecomesDue(all) => self.make_late("delayed", JobState::Delayed, all),
            Op::Revive { dead, lane } => self.revive(*dead, *lane),
            Op::Discard(index) => {
                // Once more: there is no such dead job then.
                let Some(id) = pick(&self.model.in_state(JobState::Dead), *index).cloned() else {
                    return;
                };
                for _ in 0..2 {
                    let gone = self.bed.wait(self.bed.queue.discard(&id.as_str().into()));
                    assert_eq!(gone, self.model.discard(&id), "discarded");
                    self.compare(&["discard"]);
                }
            }
            Op::Expire => {
                // In steps: those that stay must not hide the others.
                let gone = self.bed.wait(self.bed.queue.expire(Duration::ZERO, 2));
                assert_eq!(gone, self.model.expire(), "letters that expired");
                self.compare(&["expire"]);
            }
            Op::Forget(index) => {
                let Some(id) = pick(&self.model.sweep_ids(), *index).cloned() else { return };
                for _ in 0..2 {
                    let done = self.bed.wait(self.bed.queue.forget_sweep(&id.as_str().into(), 2));
                    assert_eq!(done, self.model.forget(&id), "forgotten");
                    self.compare(&["forget"]);
                }
            }
            Op::Limit { pool, most } => {
                let pool = nth(POOLS, *pool);
                match most {
                    Some(n) => self.room.insert(pool.to_owned(), *n),
                    None => self.room.remove(pool),
                };
            }
            Op::Create { spec, priority, caps } => {
                let (spec, priority) = (sweep_spec(*spec), nth(PRIORITIES, *priority));
                let [calls, tokens, micro_usd] = caps.map(|cap| cap.map(u64::from));
                let defaults = Caps { degrade_percent: 50, stop_percent: 80, ..Caps::default() };
                let budget = BudgetRequest { calls, tokens, micro_usd, defaults };
                let queue = &self.bed.queue;
                let made = self.bed.wait(queue.create_sweep_within(&spec, &[], priority, &budget));
                self.count("put back", made.put_back as usize);
                let model = self.model.create_sweep(&spec, priority, &budget);
                assert_eq!(made, model, "a new sweep, or a new budget");
                self.compare(&["enqueue"]);
            }
            Op::Spend { leases, tokens, micro_usd, cheaper, further, again } => {
                let (tokens, micro_usd) = (u64::from(*tokens), u64::from(*micro_usd));
                let ask = Spend { tokens, micro_usd, cheaper: *cheaper, further: *further };
                for lease in leases {
                    for _ in 0..=u8::from(*again) {
                        self.spend(lease, &ask);
                    }
                }
            }
            Op::Cancel(index) => {
                let Some(id) = pick(&self.model.sweep_ids(), *index).cloned() else { return };
                let order = self.members(&format!("parked:{id}"));
                let done = self.bed.wait(self.bed.queue.cancel_sweep(&id.as_str().into()));
                assert_eq!(done, self.model.cancel(&id, &order), "cancelled");
                self.compare(&[]);
            }
            Op::PauseLane { lane, pause } => {
                self.pause(Pausable::Lane, "lane", nth(LANES, *lane), *pause);
            }
            Op::PauseSweep { sweep, pause } => {
                let name = self.sweep(sweep, "");
                self.pause(Pausable::Sweep, "sweep", &name, *pause);
            }
        }
    }

    fn spend(&mut self, lease: &Pick, ask: &Spend) {
        let Some(lease) = self.lease(lease) else { return };
        let held = match self.bed.wait(self.bed.queue.hold_budget(&lease, ask)) {
            Held::Granted => "granted",
            Held::Wait(_) => "wait",
            Held::PassOver(_) => "pass over",
            Held::No(_) => "no",
            Held::Stopped => "stopped",
            Held::Stale => "stale",
        };
        self.count(held, 1);
        assert_eq!(held, self.model.spend(&lease, ask), "what the budget says");
        self.compare(&[]);
    }

    fn count(&mut self, what: &'static str, n: usize) {
        *self.seen.budgets.entry(what).or_default() += n;
    }

    /// Returns how many jobs there were, and when to look again.
    fn claim(&mut self, request: &ClaimRequest) -> (usize, Option<Duration>) {
        let Claim { jobs, next_due, .. } = self.bed.wait(self.bed.queue.claim(request));
        assert!(jobs.iter().all(|j| j.lease.token == request.request));
        self.given.extend(jobs.iter().map(|j| j.lease.clone()));
        let got: Vec<_> = jobs
            .into_iter()
            .map(|j| (j.lease.job.to_string(), j.body.unwrap(), j.attempt, j.crashes))
            .collect();
        assert_eq!(got, self.model.claim(request), "jobs claimed");
        if got.is_empty() && next_due.is_some_and(|due| due < SOON) {
            // The worker looks again by itself.
            look::wake(&mut self.bed.conn.borrow_mut(), &request.lanes);
        }
        self.compare(&["claim"]);
        (got.len(), next_due)
    }

    fn commit(&mut self, commits: &[Commit]) -> Vec<bool> {
        let applied = self.bed.wait(self.bed.queue.commit(commits));
        assert_eq!(applied, self.model.commit(commits), "commits that were applied");
        self.compare(&["commit"]);
        applied
    }

    fn revive(&mut self, dead: Index, lane: Option<u8>) {
        let Some(id) = pick(&self.model.in_state(JobState::Dead), dead).cloned() else { return };
        let body = format!("another body of {id}");
        let edited = lane.map(|l| (nth(LANES, l), body.as_str()));
        let (sweep, target) = self.model.place(&id).unwrap();
        let target = target.map(|t| t.to_string()).unwrap_or_default();
        let order = self.members(&format!("dt:{sweep}:{target}"));
        let revived = self.bed.wait(self.bed.queue.revive(&id.as_str().into(), edited));
        assert_eq!(revived, self.model.revive(&id, edited, &order), "jobs revived");
        self.compare(&["revive"]);
        assert_eq!(
            self.bed.wait(self.bed.queue.revive(&id.as_str().into(), edited)),
            0,
            "only once"
        );
    }

    fn pause(&mut self, what: Pausable, kind: &str, name: &str, pause: bool) {
        let order =
            if kind == "sweep" { self.members(&format!("parked:{name}")) } else { Vec::new() };
        let changed = self.bed.wait(self.bed.queue.pause(what, name, pause));
        let expected = self.model.pause(&format!("{kind}:{name}"), pause, &order);
        assert_eq!(changed, expected, "paused or resumed");
        self.compare(&[]);
    }

    fn make_late(&mut self, set: &str, state: JobState, which: &[Index]) {
        let all = self.model.in_state(state);
        for id in which.iter().filter_map(|index| pick(&all, *index)) {
            look::make_late(&mut self.bed.conn.borrow_mut(), set, id);
            self.model.make_late(id);
        }
        self.compare(&[]);
    }

    fn members(&self, key: &str) -> Vec<String> {
        look::members(&mut self.bed.conn.borrow_mut(), key)
    }

    /// Compares all that can be seen. `scripts` are those whose moves this step may make.
    fn compare(&mut self, scripts: &[&str]) {
        let bed = self.bed;
        let conn = &mut *bed.conn.borrow_mut();
        let (facts, states) = look::facts(conn);
        same(&facts, &self.model.facts());
        assert_eq!(states, self.model.states());
        if facts != self.facts {
            oracle::check_jobs(conn);
        }
        for lane in LANES.iter().filter(|lane| self.model.has_work(lane)) {
            for served in [vec![], vec![(*lane).to_owned()]] {
                let woken = look::would_wake(conn, &served);
                assert!(woken, "work in {lane}, and nobody who serves {served:?} is woken");
            }
        }
        let newly_delayed = |(id, state): (&String, &JobState)| {
            *state == JobState::Delayed && self.states.get(id) != Some(state)
        };
        if states.iter().any(newly_delayed) {
            let woken = look::would_wake(conn, &[]);
            assert!(woken, "nobody who is idle learns when a delayed job will be due");
        }
        self.seen.steps += 1;
        self.count_sweeps(&facts);
        let before = std::mem::replace(&mut self.states, states);
        let left = left_out(&facts).saturating_sub(left_out(&self.facts));
        self.count("left out", left);
        self.facts = facts;
        self.follow_jobs(&before, scripts);
    }

    fn count_sweeps(&mut self, facts: &Facts) {
        for (id, to) in sweep_states(facts) {
            let from = self.sweeps.insert(id.clone(), to.clone()).unwrap_or_default();
            if from != to {
                *self.seen.sweeps.entry(format!("{from} -> {to}")).or_default() += 1;
            }
        }
    }

    /// Every job went from where it was to where it is by moves of the table, and what changed in
    /// one move is what the table allows.
    fn follow_jobs(&mut self, before: &BTreeMap<String, JobState>, scripts: &[&str]) {
        let mut ways: BTreeMap<String, Vec<&Transition>> = BTreeMap::new();
        for (id, name) in self.model.take_moves() {
            let t = TRANSITIONS.iter().find(|t| t.name == name).unwrap();
            let by_it = scripts.contains(&t.script) || t.script == "enqueue";
            assert!(by_it, "{name} is no move of {scripts:?}");
            *self.seen.made.entry(name).or_default() += 1;
            ways.entry(id).or_default().push(t);
        }
        let ids: BTreeSet<&String> = before.keys().chain(self.states.keys()).collect();
        for id in ids.into_iter().chain(ways.keys()).collect::<BTreeSet<_>>() {
            let state =
                |all: &BTreeMap<String, JobState>| all.get(id).copied().unwrap_or(JobState::Absent);
            let (from, to) = (state(before), state(&self.states));
            let way = ways.get(id).map(Vec::as_slice).unwrap_or_default();
            let end = way.iter().fold(from, |at, t| {
                assert_eq!(at, t.from, "{id}: {}", t.name);
                t.to
            });
            assert_eq!(end, to, "{id}: as Redis has it");
            assert!(from == to || way.len() > 1 || is_allowed(from, to), "{id}: {from:?} {to:?}");
            if let [only] = way {
                *self.seen.alone.entry(only.name).or_default() += 1;
            }
        }
    }
}

/// Equal, or what is different and nothing else.
fn same(redis: &Facts, model: &Facts) {
    let other = |a: &Facts, b: &Facts| -> Vec<String> {
        let differ = a.iter().filter(|(k, v)| b.get(*k) != Some(*v));
        differ.map(|(k, v)| format!("{k}: {v}")).collect()
    };
    let (here, there) = (other(redis, model), other(model, redis));
    assert!(here.is_empty() && there.is_empty(), "Redis: {here:#?}\nmodel: {there:#?}");
}

/// Targets that budgets have left out.
fn left_out(facts: &Facts) -> usize {
    let codes = facts.iter().filter(|(key, _)| key.starts_with("st:"));
    codes.map(|(_, codes)| codes.matches('b').count()).sum()
}

fn sweep_states(facts: &Facts) -> Vec<(String, String)> {
    let states = facts.iter().filter_map(|(key, text)| {
        let state = text.split(' ').find_map(|f| f.strip_prefix("state="))?;
        Some((key.strip_prefix("sw:")?.to_owned(), state.to_owned()))
    });
    states.collect()
}

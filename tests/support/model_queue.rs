//! The queue in memory: what the scripts must do, in the plainest way that does it. No counters,
//! scores or cursors here: they are worked out when somebody looks, see [`facts`].

mod budgets;
mod claim;
mod effects;
mod facts;
mod forget;
mod sweeps;

pub use facts::{Facts, fields, words};

use queue_schema::client::{Lease, QueueOptions};
use queue_schema::effects::NewJob;
use queue_schema::state::{JobState, TRANSITIONS};
use queue_schema::sweep::TargetStatus;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use sweeps::Sweep;

/// Jobs of a lane take turns by group: priority and sweep.
type Group = (u8, String);

struct Job {
    state: JobState,
    lane: String,
    priority: u8,
    sweep: String,
    target: Option<u32>,
    most: u32,
    attempts: u32,
    crashes: u32,
    /// Empty unless leased.
    token: String,
    /// Who leased it last.
    worker: String,
    /// Of the last death.
    class: String,
    body: String,
    /// Its lease ran out, or its time has come.
    late: bool,
    /// Tokens and money held for its call.
    held: Option<(u64, u64)>,
}

struct Barrier {
    size: u32,
    here: BTreeSet<u32>,
    then: NewJob,
}

/// The model. Its methods are those of the client, and give what the client should give.
pub struct ModelQueue {
    options: QueueOptions,
    jobs: BTreeMap<String, Job>,
    /// Lane -> groups in the order of their turns.
    rings: BTreeMap<String, Vec<Group>>,
    /// Ready jobs in order.
    lists: BTreeMap<(String, Group), VecDeque<String>>,
    lane_turns: usize,
    /// `lane:NAME`, `sweep:ID`.
    paused: BTreeSet<String>,
    /// Sweep -> groups that claims have set aside.
    parked: BTreeMap<String, BTreeSet<(String, Group)>>,
    cancelled: BTreeSet<String>,
    /// Worker -> its last claim that found jobs, and these.
    claims: BTreeMap<String, (String, Vec<String>)>,
    /// Worker -> the job that it claimed last of those whose next crash would be their last.
    last_chances: BTreeMap<String, String>,
    barriers: BTreeMap<String, Barrier>,
    hashes: BTreeMap<String, BTreeMap<String, String>>,
    appended: BTreeMap<String, Vec<String>>,
    indexed: BTreeMap<String, BTreeSet<String>>,
    /// `STREAM:SWEEP` -> ids of rows.
    rows: BTreeMap<String, Vec<String>>,
    sweeps: BTreeMap<String, Sweep>,
    /// Sweeps whose targets this call has settled, and whether a live one has.
    moved: Vec<(String, bool)>,
    /// Moves made since somebody asked: job and name of the transition.
    moves: Vec<(String, &'static str)>,
}

/// What a lane's limit counts.
fn pool_of(lane: &str) -> &str {
    lane.split_once(':').map_or(lane, |(_, pool)| pool)
}

impl ModelQueue {
    /// An empty queue.
    pub fn new(options: QueueOptions) -> Self {
        Self {
            options,
            jobs: BTreeMap::new(),
            rings: BTreeMap::new(),
            lists: BTreeMap::new(),
            lane_turns: 0,
            paused: BTreeSet::new(),
            parked: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            claims: BTreeMap::new(),
            last_chances: BTreeMap::new(),
            barriers: BTreeMap::new(),
            hashes: BTreeMap::new(),
            appended: BTreeMap::new(),
            indexed: BTreeMap::new(),
            rows: BTreeMap::new(),
            sweeps: BTreeMap::new(),
            moved: Vec::new(),
            moves: Vec::new(),
        }
    }

    /// The moves made since this was asked last.
    pub fn take_moves(&mut self) -> Vec<(String, &'static str)> {
        std::mem::take(&mut self.moves)
    }

    /// Ids of the jobs in a state.
    pub fn in_state(&self, state: JobState) -> Vec<String> {
        let found = self.jobs.iter().filter(|(_, j)| j.state == state);
        found.map(|(id, _)| id.clone()).collect()
    }

    /// Sweep and target of a job.
    pub fn place(&self, id: &str) -> Option<(String, Option<u32>)> {
        self.jobs.get(id).map(|j| (j.sweep.clone(), j.target))
    }

    /// Leases that are held.
    pub fn leases(&self) -> Vec<Lease> {
        let held = self.jobs.iter().filter(|(_, j)| j.state == JobState::Leased);
        held.map(|(id, j)| Lease { job: id.as_str().into(), token: j.token.clone(), partition: 0 })
            .collect()
    }

    /// Sweeps that are recorded.
    pub fn sweep_ids(&self) -> Vec<String> {
        self.sweeps.keys().cloned().collect()
    }

    /// Targets written down for a sweep.
    pub fn targets(&self, sweep: &str) -> u32 {
        self.sweeps.get(sweep).map_or(0, |s| s.statuses.len() as u32)
    }

    /// The lease of a job runs out, or a delayed job's time comes.
    pub fn make_late(&mut self, id: &str) {
        self.job(id).late = true;
    }

    /// Puts jobs into the queue; returns how many were new.
    pub fn enqueue_all(&mut self, jobs: &[NewJob]) -> u64 {
        let new = jobs.iter().map(|j| u64::from(self.enqueue(j))).sum();
        self.settle_up();
        new
    }

    /// Renews leases; returns the jobs whose lease was lost.
    pub fn renew(&mut self, leases: &[Lease]) -> Vec<String> {
        let mut lost = Vec::new();
        for lease in leases {
            if self.holds(lease) {
                self.go(&lease.job, "renew");
            } else {
                lost.push(lease.job.to_string());
            }
        }
        lost
    }

    /// Puts a dead job back, and with it the others of its target; `order` is the order in which
    /// Redis keeps these, which is nobody's business but decides who is first in the queue.
    pub fn revive(&mut self, id: &str, edited: Option<(&str, &str)>, order: &[String]) -> u64 {
        let (sweep, target) = self.place(id).unwrap_or_default();
        if self.state(id) != JobState::Dead || self.cancelled.contains(&sweep) {
            return 0;
        }
        if let Some((lane, body)) = edited {
            let job = self.job(id);
            lane.clone_into(&mut job.lane);
            body.clone_into(&mut job.body);
        }
        let dead = self.dead_of(&sweep, target);
        assert_eq!(dead, order.iter().cloned().collect(), "the dead jobs of one target");
        let others = order.iter().filter(|other| *other != id);
        let mut revived = 0;
        for id in std::iter::once(id).chain(others.map(String::as_str)) {
            let job = self.job(id);
            (job.attempts, job.crashes) = (0, 0);
            self.go(id, "revive");
            revived += 1;
        }
        if let Some(target) = target {
            self.settle(&sweep, target, TargetStatus::Live);
        } else if self.job(id).lane == "plan" {
            self.plan_again(&sweep);
        }
        self.settle_up();
        revived
    }

    /// Throws a dead job away.
    pub fn discard(&mut self, id: &str) -> bool {
        let there = self.state(id) == JobState::Dead;
        if there {
            self.go(id, "discard");
        }
        there
    }

    /// Absent -> ready or delayed; false for an id that is in the queue in any state, and for a
    /// job of a cancelled sweep.
    fn enqueue(&mut self, new: &NewJob) -> bool {
        if self.jobs.contains_key(new.id.as_str()) {
            return false;
        }
        if self.cancelled.contains(new.sweep.as_str()) {
            if let Some(target) = new.target {
                self.settle(&new.sweep, target, TargetStatus::Cancelled);
            }
            return false;
        }
        let sweep = self.sweeps.get(new.sweep.as_str());
        let job = Job {
            state: JobState::Absent,
            lane: new.lane.clone(),
            priority: sweep.map_or(new.priority, |s| s.priority) as u8,
            sweep: new.sweep.to_string(),
            target: new.target,
            most: new.max_attempts.unwrap_or(self.options.max_attempts),
            attempts: 0,
            crashes: 0,
            token: String::new(),
            worker: String::new(),
            class: String::new(),
            body: new.body.clone(),
            late: false,
            held: None,
        };
        self.jobs.insert(new.id.to_string(), job);
        self.go(&new.id, if new.delay_ms > 0 { "enqueue_delayed" } else { "enqueue" });
        true
    }

    /// A dead job leaves its target unresolved; one that plans a sweep fails it.
    fn bury(&mut self, id: &str, name: &'static str, class: &str) {
        class.clone_into(&mut self.job(id).class);
        self.job(id).held = None;
        self.go(id, name);
        let (sweep, target) = self.place(id).unwrap_or_default();
        match target {
            Some(target) => self.settle(&sweep, target, TargetStatus::Unresolved),
            None if self.job(id).lane == "plan" => self.fail(&sweep),
            None => {}
        }
    }

    /// Makes a move of the table, from where the job must be.
    fn go(&mut self, id: &str, name: &'static str) {
        let t = TRANSITIONS.iter().find(|t| t.name == name).expect("a move of the table");
        let job = self.job(id);
        assert_eq!(job.state, t.from, "{name} of {id}");
        job.state = t.to;
        job.late = false;
        if t.to != JobState::Leased {
            job.token.clear();
        }
        let group = (job.lane.clone(), (job.priority, job.sweep.clone()));
        if t.to == JobState::Ready {
            let list = self.lists.entry(group.clone()).or_default();
            list.push_back(id.to_owned());
            if list.len() == 1 {
                self.queue_group(&group.0, &group.1);
            }
        }
        if t.to == JobState::Absent {
            self.jobs.remove(id);
        }
        self.moves.push((id.to_owned(), name));
    }

    /// A group that is new or was just served goes to the end of its priority.
    fn queue_group(&mut self, lane: &str, group: &Group) {
        let ring = self.rings.entry(lane.to_owned()).or_default();
        ring.retain(|g| g != group);
        let end = ring.partition_point(|g| g.0 >= group.0);
        ring.insert(end, group.clone());
    }

    fn state(&self, id: &str) -> JobState {
        self.jobs.get(id).map_or(JobState::Absent, |j| j.state)
    }

    fn job(&mut self, id: &str) -> &mut Job {
        self.jobs.get_mut(id).expect("a job of the queue")
    }

    fn holds(&self, lease: &Lease) -> bool {
        let job = self.jobs.get(lease.job.as_str());
        job.is_some_and(|j| j.state == JobState::Leased && j.token == lease.token)
    }

    fn dead_of(&self, sweep: &str, target: Option<u32>) -> BTreeSet<String> {
        if sweep.is_empty() || target.is_none() {
            return BTreeSet::new();
        }
        let fits = |j: &Job| j.state == JobState::Dead && j.sweep == sweep && j.target == target;
        let found = self.jobs.iter().filter(|(_, j)| fits(j));
        found.map(|(id, _)| id.clone()).collect()
    }
}

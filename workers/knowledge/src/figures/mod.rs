//! The fleet in figures, for Prometheus: one text for whoever serves it. What belongs to a single process (its calls, its
//! memory) is the process's own affair and uses the same [`text`].

mod models;
pub mod text;

use crate::fleet::WORKER_SEEN;
use crate::{Error, sweeps};
use queue_schema::budget::Budget;
use queue_schema::client::{LaneStatus, PoolStatus, Queue, ServerInfo, SweepStatus, WorkerInfo};
use queue_schema::ledger::Ledger;
use std::time::Instant;
use text::Kind::Gauge;
pub use text::{CONTENT_TYPE, Durations, Exposition, Kind, MOST_SERIES};

/// Sweeps that are looked through for those that are not over, the newest first.
const SWEEPS: usize = 50;
/// Milliseconds of a second.
const MS: f64 = 1000.0;

/// All figures of the fleet, as Redis has them.
///
/// # Errors
/// A failure of Redis. What is served then is [`without_redis`].
pub async fn fleet(queue: &Queue) -> Result<String, Error> {
    Ok(gathered(queue).await?.text())
}

/// What is said of the fleet while Redis does not answer.
pub fn without_redis() -> String {
    let mut to = head();
    up(&mut to, false);
    to.finish()
}

fn head() -> Exposition {
    let mut to = Exposition::default();
    to.family("scrum_build_info", Gauge, "The version that serves these figures.");
    to.add(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    to
}

fn up(to: &mut Exposition, up: bool) {
    to.one("scrum_redis_up", Gauge, "Whether the Redis of the fleet answers.", yes(up));
}

fn yes(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// What Redis says of the fleet.
struct Gathered {
    round_trip_s: f64,
    servers: Vec<ServerInfo>,
    lanes: Vec<LaneStatus>,
    pools: Vec<PoolStatus>,
    workers: Vec<WorkerInfo>,
    paused: Vec<String>,
    /// Leased, delayed, dead.
    jobs: (u64, u64, u64),
    /// Those that are not over.
    sweeps: Vec<SweepStatus>,
    ledger: Ledger,
    /// Whether a part is missing because a key holds what is none of ours.
    damaged: bool,
}

/// A part of the figures. Where keys can't be used it is absent: that is no reason to be without the others.
fn part<T: Default, E: Into<Error>>(read: Result<T, E>, damaged: &mut bool) -> Result<T, Error> {
    match read.map_err(Into::into) {
        Err(error) if !error.is_outage() => {
            *damaged = true;
            Ok(T::default())
        }
        read => read,
    }
}

async fn gathered(queue: &Queue) -> Result<Gathered, Error> {
    let began = Instant::now();
    queue.now_ms().await?;
    let round_trip_s = began.elapsed().as_secs_f64();
    let mut damaged = false;
    let mut sweeps = part(sweeps::latest(queue, SWEEPS).await, &mut damaged)?;
    sweeps.retain(|sweep| !sweep.state.is_over());
    Ok(Gathered {
        round_trip_s,
        servers: queue.servers().await?,
        lanes: part(queue.lanes().await, &mut damaged)?,
        pools: part(queue.pools().await, &mut damaged)?,
        workers: part(queue.workers(WORKER_SEEN).await, &mut damaged)?,
        paused: part(queue.paused().await, &mut damaged)?,
        jobs: part(queue.totals().await, &mut damaged)?,
        sweeps,
        ledger: part(queue.trust().await, &mut damaged)?,
        damaged,
    })
}

impl Gathered {
    fn text(&self) -> String {
        let mut to = head();
        up(&mut to, true);
        let help = "Whether a key of the fleet can't be used: the figures that need it are absent.";
        to.one("scrum_keys_damaged", Gauge, help, yes(self.damaged));
        self.redis(&mut to);
        self.queue(&mut to);
        self.providers(&mut to);
        self.sweeps(&mut to);
        models::add(&mut to, &self.ledger);
        to.finish()
    }

    fn redis(&self, to: &mut Exposition) {
        let help = "Time that one question to Redis took.";
        to.one("scrum_redis_round_trip_seconds", Gauge, help, self.round_trip_s);
        let named = || (0..).map(|n: u32| n.to_string()).zip(&self.servers);
        let help =
            "Memory that Redis uses; a server is named by its place among those of the fleet.";
        to.family("scrum_redis_memory_used_bytes", Gauge, help);
        for (server, of) in named() {
            to.add(&[("server", &server)], of.used_memory as f64);
        }
        to.family("scrum_redis_memory_max_bytes", Gauge, "Its maxmemory; absent without one.");
        for (server, of) in named().filter(|(_, of)| of.maxmemory > 0) {
            to.add(&[("server", &server)], of.maxmemory as f64);
        }
        to.family("scrum_redis_aof_enabled", Gauge, "Whether the append-only file is on.");
        for (server, of) in named() {
            to.add(&[("server", &server)], yes(of.aof));
        }
        let help = "Whether the last write of the append-only file, its last rewrite and the last snapshot succeeded.";
        to.family("scrum_redis_persistence_ok", Gauge, help);
        for (server, of) in named() {
            for (what, ok) in &of.persistence {
                to.add(&[("server", &server), ("what", what)], yes(*ok));
            }
        }
        to.family("scrum_redis_evicts", Gauge, "Whether Redis deletes keys when memory is short.");
        for (server, of) in named() {
            let evicts = of.maxmemory > 0 && of.maxmemory_policy != "noeviction";
            to.add(&[("server", &server)], yes(evicts));
        }
    }

    fn queue(&self, to: &mut Exposition) {
        to.one("scrum_workers", Gauge, "Workers that live.", self.workers.len() as f64);
        let permits: u64 = self.workers.iter().map(|w| u64::from(w.concurrency)).sum();
        let help = "Jobs that all workers together may run at a time.";
        to.one("scrum_workers_concurrency", Gauge, help, permits as f64);
        let (leased, delayed, dead) = self.jobs;
        let ready = self.lanes.iter().map(|lane| lane.ready).sum();
        to.family("scrum_jobs", Gauge, "Jobs by state: ready, leased, delayed, dead.");
        for (state, n) in
            [("ready", ready), ("leased", leased), ("delayed", delayed), ("dead", dead)]
        {
            to.add(&[("state", state)], n as f64);
        }
        to.family("scrum_lane_jobs", Gauge, "Jobs that wait for a worker, by lane.");
        for lane in &self.lanes {
            to.add(&[("lane", &lane.lane)], lane.ready as f64);
        }
        let help = "Time since the job was enqueued that has waited longest.";
        to.family("scrum_lane_oldest_job_age_seconds", Gauge, help);
        for lane in &self.lanes {
            to.add(&[("lane", &lane.lane)], lane.oldest_ms.unwrap_or(0) as f64 / MS);
        }
        to.family("scrum_lane_served", Gauge, "Whether a worker that lives serves the lane.");
        for lane in &self.lanes {
            let served = self.workers.iter().any(|worker| worker.serves(&lane.lane));
            to.add(&[("lane", &lane.lane)], yes(served));
        }
        to.family("scrum_paused", Gauge, "Lanes and sweeps that a person has paused.");
        for kind in ["lane", "sweep"] {
            let of_kind = |name: &&String| name.split(':').next() == Some(kind);
            to.add(&[("kind", kind)], self.paused.iter().filter(of_kind).count() as f64);
        }
    }

    fn providers(&self, to: &mut Exposition) {
        to.family("scrum_provider_calls_running", Gauge, "Calls under way, over the whole fleet.");
        for pool in &self.pools {
            to.add(&[("provider", &pool.pool)], pool.in_call as f64);
        }
        let help = "Calls allowed at a time now; absent for any number.";
        to.family("scrum_provider_calls_limit", Gauge, help);
        for pool in &self.pools {
            if let Some(limit) = pool.limit {
                to.add(&[("provider", &pool.pool)], limit as f64);
            }
        }
        let help = "Time until calls begin again after the provider has refused some; 0 while it takes them.";
        to.family("scrum_provider_paused_seconds", Gauge, help);
        for pool in &self.pools {
            to.add(&[("provider", &pool.pool)], pool.paused_ms.unwrap_or(0) as f64 / MS);
        }
    }

    fn sweeps(&self, to: &mut Exposition) {
        let help = "Sweeps that are not over, among the newest 50.";
        to.one("scrum_sweeps_running", Gauge, help, self.sweeps.len() as f64);
        to.family("scrum_sweep_targets", Gauge, "Files of a sweep that is not over, by state.");
        for sweep in &self.sweeps {
            for (state, n) in [
                ("waiting", sweep.waiting),
                ("live", sweep.live),
                ("resolved", sweep.resolved),
                ("unresolved", sweep.unresolved),
                ("skipped", sweep.skipped),
                ("left_out", sweep.left_out),
            ] {
                to.add(&[("sweep", &sweep.id), ("state", state)], n as f64);
            }
        }
        let budgets = || self.sweeps.iter().filter_map(|s| Some((s, s.budget.as_ref()?)));
        let help = "Share of a cap that a sweep has spent: calls, tokens, usd.";
        to.family("scrum_sweep_budget_used_ratio", Gauge, help);
        for (sweep, budget) in budgets() {
            for (cap, spent, most) in caps(budget) {
                to.add(&[("sweep", &sweep.id), ("cap", cap)], spent / most);
            }
        }
        for (name, help, wanted) in [
            ("scrum_sweep_budget_left_calls", "Calls that the sweep may still make.", "calls"),
            ("scrum_sweep_budget_left_tokens", "Tokens that the sweep may still use.", "tokens"),
            ("scrum_sweep_budget_left_usd", "Dollars that the sweep may still spend.", "usd"),
        ] {
            to.family(name, Gauge, help);
            for (sweep, budget) in budgets() {
                for (_, spent, most) in caps(budget).filter(|(cap, ..)| *cap == wanted) {
                    to.add(&[("sweep", &sweep.id)], (most - spent).max(0.0));
                }
            }
        }
    }
}

/// The caps that there are: name, what is spent, how much there is, each in its unit.
fn caps(budget: &Budget) -> impl Iterator<Item = (&'static str, f64, f64)> {
    let (spent, most) = (&budget.spent, &budget.caps.most);
    let all = [
        ("calls", spent.calls as f64, most.calls as f64),
        ("tokens", spent.tokens as f64, most.tokens as f64),
        ("usd", spent.micro_usd as f64 / 1e6, most.micro_usd as f64 / 1e6),
    ];
    all.into_iter().filter(|(_, _, most)| *most > 0.0)
}

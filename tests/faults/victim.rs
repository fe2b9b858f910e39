//! A worker that dies at an exact step boundary: the proxy sees its calls and kills it there.

use crate::common::LONG;
use scrum_tests::process::{Bench, Process, signal};
use scrum_tests::proxy::{Act, Call, Point, Proxy};
use scrum_tests::wait::eventually;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A place where a worker dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Boundary {
    /// Its claim has given it a job, and the reply is on its way.
    Claimed(usize),
    /// It has an answer and is about to keep it.
    BeforeKeep(usize),
    /// Its answer is kept, and it does not know.
    Kept(usize),
    /// Its commit is on its way.
    BeforeCommit(usize),
    /// Its commit has happened, and it does not know.
    Committed(usize),
}

/// Where calls pass by, by their number among their like.
#[derive(Default)]
struct Counter {
    claims: AtomicUsize,
}

impl Counter {
    fn boundary(&self, call: &Call, point: Point) -> Option<Boundary> {
        match (call.name.as_str(), point) {
            ("claim", Point::After) => {
                // A claim that gives nothing answers with its two leading words alone.
                let gives = call.reply.as_ref().is_some_and(|r| !r.starts_with(b"*2\r\n"));
                gives.then(|| Boundary::Claimed(self.claims.fetch_add(1, Ordering::SeqCst) + 1))
            }
            ("SET", Point::Before) => Some(Boundary::BeforeKeep(call.n)),
            ("SET", Point::After) => Some(Boundary::Kept(call.n)),
            ("commit", Point::Before) => Some(Boundary::BeforeCommit(call.n)),
            ("commit", Point::After) => Some(Boundary::Committed(call.n)),
            _ => None,
        }
    }
}

/// Calls that say something.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// The command, or the script.
    pub name: &'static str,
    /// What stands in it; empty for any.
    pub word: &'static str,
    /// In its reply, not in what it is given.
    pub of_reply: bool,
    /// On which side of it.
    pub point: Point,
}

impl Told {
    fn fits(&self, call: &Call, point: Point) -> bool {
        let word = self.word.as_bytes();
        let has = |bytes: &[u8]| word.is_empty() || bytes.windows(word.len()).any(|w| w == word);
        let told = if self.of_reply {
            call.reply.as_deref().is_some_and(has)
        } else {
            call.args.iter().any(|arg| has(arg))
        };
        call.name == self.name && point == self.point && told
    }
}

/// Whom it is to hit. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Victim {
    pid: Arc<AtomicU32>,
    dead: Arc<AtomicBool>,
}

impl Victim {
    /// Says who it is: calls may come by before the test knows.
    pub fn is(&self, pid: u32) {
        self.pid.store(pid, Ordering::SeqCst);
    }

    /// Kills it, once; its call is lost.
    pub fn kill(&self) -> Act {
        if self.dead.swap(true, Ordering::SeqCst) {
            return Act::Pass;
        }
        let pid = eventually(LONG, "its id is known", || match self.pid.load(Ordering::SeqCst) {
            0 => None,
            pid => Some(pid),
        });
        signal(pid, "KILL");
        Act::Lose
    }

    /// Kills it at the calls that say something; returns how many there were.
    pub fn where_told(&self, proxy: &Proxy, told: Told) -> Arc<AtomicUsize> {
        let met = Arc::new(AtomicUsize::new(0));
        let (seen, victim) = (met.clone(), self.clone());
        proxy.on(move |call, point| {
            if !told.fits(call, point) {
                return Act::Pass;
            }
            seen.fetch_add(1, Ordering::SeqCst);
            victim.kill()
        });
        met
    }

    /// Kills it at a boundary, if any; returns the boundaries that are passed.
    pub fn at(&self, proxy: &Proxy, at: Option<Boundary>) -> Arc<Mutex<Vec<Boundary>>> {
        let passed = Arc::new(Mutex::new(Vec::new()));
        let (seen, victim, counter) = (passed.clone(), self.clone(), Counter::default());
        proxy.on(move |call, point| {
            let Some(boundary) = counter.boundary(call, point) else { return Act::Pass };
            seen.lock().unwrap().push(boundary);
            if Some(boundary) == at { victim.kill() } else { Act::Pass }
        });
        passed
    }
}

/// Workers that do one job at a time, so that steps come in one order.
pub struct Shift {
    passed: Arc<Mutex<Vec<Boundary>>>,
    _workers: Vec<Process>,
}

impl Shift {
    /// The first one dies at a boundary, if any, and another one finishes.
    pub fn killed_at(bench: &Bench, proxy: &Proxy, at: Option<Boundary>) -> Self {
        let victim = Victim::default();
        let passed = victim.at(proxy, at);
        let mut first = bench.worker_at(&proxy.url(), &["--concurrency", "1"]);
        victim.is(first.pid());
        let second = at.map(|at| {
            eventually(LONG, &format!("it dies at {at:?}"), || first.0.try_wait().unwrap());
            bench.worker(&["--concurrency", "1"])
        });
        Self { passed, _workers: [first].into_iter().chain(second).collect() }
    }

    /// The boundaries that were passed.
    pub fn passed(&self) -> Vec<Boundary> {
        self.passed.lock().unwrap().clone()
    }
}

/// The next kill of a server: the least number of the commit, on which side of it, and the process.
pub type NextKill = Arc<Mutex<Option<(usize, Point, u32)>>>;

/// Kills a server around the commit that is named next; the commit's call is lost.
pub fn kills_around_commits(proxy: &Proxy) -> NextKill {
    let next = NextKill::default();
    let armed = next.clone();
    proxy.on(move |call, point| {
        let mut next = armed.lock().unwrap();
        match *next {
            Some((n, side, pid)) if call.name == "commit" && call.n >= n && side == point => {
                signal(pid, "KILL");
                *next = None;
                Act::Lose
            }
            _ => Act::Pass,
        }
    });
    next
}

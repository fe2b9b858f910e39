//! The scripts against a model of the queue: whatever happens, in whatever order, both say and
//! hold the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "model/look.rs"]
mod look;
#[path = "model/mean.rs"]
mod mean;
#[path = "model/ops.rs"]
mod ops;
#[path = "model/run.rs"]
mod run;

use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use queue_schema::client::Queue;
use queue_schema::state::TRANSITIONS;
use run::{Bed, Run, Seen};
use scrum_tests::redis::RedisServer;
use std::cell::RefCell;
use std::time::Duration;

/// Lives of a queue; `PROPTEST_CASES` raises it.
const CASES: u32 = 64;

/// So many times that many at most.
const ROUNDS: u32 = 8;

/// Moves of sweeps, which have no table.
const SWEEPS: &[&str] = &[
    "planning -> running",
    "planning -> done",
    "planning -> failed",
    "planning -> cancelled",
    "running -> done",
    "running -> cancelled",
    "done -> running",
    "failed -> planning",
];

/// What budgets say to calls, and do to targets.
const BUDGETS: &[&str] = &["granted", "wait", "pass over", "no", "stale", "left out", "put back"];

/// Beside this file and committed: seeds that failed once are tried first.
const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/model.proptest-regressions");

#[test]
fn the_scripts_and_the_model_agree_and_every_transition_is_made() {
    let mut config = Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(SEEDS))),
        max_shrink_time: 60_000,
        ..Config::default()
    };
    config.cases = match std::env::var("PROPTEST_CASES") {
        Ok(_) => config.cases.max(CASES),
        Err(_) => CASES,
    };
    let server = RedisServer::with_fsync("no");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let settings = scrum_config::Settings::load(scrum_config::LoadOptions::default()).unwrap();
    let mut options = settings.queue_options(&server.url());
    // Nothing runs out by itself, and bounds are small enough to be met.
    options.lease = Duration::from_secs(3600);
    options.crash_limit = 2;
    options.max_attempts = 2;
    options.take_back_batch = 2;
    options.promote_batch = 2;
    let queue = runtime.block_on(Queue::connect(options)).unwrap();
    let bed = Bed { conn: RefCell::new(server.connection()), runtime, queue };
    let seen = RefCell::new(Seen::default());
    // Chance may leave something out: then there are more lives.
    for _ in 0..ROUNDS {
        let result = TestRunner::new(config.clone()).run(&ops::life(), |ops| {
            let mut run = Run::new(&bed);
            for op in &ops {
                run.step(op);
            }
            seen.borrow_mut().add(&run.seen);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
        if missing(&seen.borrow()).is_empty() {
            break;
        }
    }
    let seen = seen.into_inner();
    println!("{seen:#?}");
    assert_eq!(missing(&seen), Vec::<String>::new(), "never made: {seen:#?}");
}

/// What was never seen: transitions of the table, moves of sweeps.
fn missing(seen: &Seen) -> Vec<String> {
    let jobs = TRANSITIONS.iter().filter(|t| !seen.alone.contains_key(t.name));
    let jobs = jobs.map(|t| format!("{}: {:?} -> {:?}", t.name, t.from, t.to));
    let sweeps = SWEEPS.iter().filter(|way| !seen.sweeps.contains_key(**way));
    let budgets = BUDGETS.iter().filter(|b| seen.budgets.get(**b).is_none_or(|n| *n == 0));
    jobs.chain(sweeps.chain(budgets).map(|way| (*way).to_owned())).collect()
}

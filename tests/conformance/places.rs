//! Places of pools: the limit finds what a server bears, in simulated time.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "places/simulation.rs"]
mod simulation;
#[path = "places/unread.rs"]
mod unread;

use scrum_tests::redis::RedisServer;
use simulation::{Call, Fate, Simulation};

/// Answers after `ms`, and refuses at once what comes beyond `most` calls.
fn refuses_beyond(most: usize, ms: u64, code: u16) -> impl FnMut(&Call) -> Fate {
    move |call| {
        if call.under_way < most { Fate::fine(ms) } else { Fate::refused(1, code, None) }
    }
}

/// Works on `slots` calls at a time, and lets the others wait without a word.
fn queues_beyond(slots: usize, ms: u64) -> impl FnMut(&Call) -> Fate {
    let mut free = vec![0_u64; slots];
    move |call| {
        let slot = free.iter_mut().min().unwrap();
        let begins = (*slot).max(call.at);
        *slot = begins + ms;
        Fate::fine(*slot - call.at)
    }
}

#[test]
fn a_server_that_refuses_beyond_forty_is_found_with_few_refusals() {
    let server = RedisServer::alone();
    for code in [429, 503] {
        let mut sim = Simulation::auto(&server, 64);
        let run = sim.run(200, refuses_beyond(40, 1000, code));
        println!("{code}: {run:?}");
        assert!(run.refused < 10, "{run:?}");
        assert!(run.most <= 42, "{run:?}");
        assert!(run.took <= 7_500, "the ideal is 5,000 ms: {run:?}");
        // It stays there, and asks for more now and then.
        let run = sim.run(4_000, refuses_beyond(40, 1000, code));
        println!("{code}: {run:?}");
        assert!(run.refused < 40 && run.took < 110_000, "{run:?}");
    }
}

/// Many calls begin before the first refusal is known: what was refused with it was not borne either.
#[test]
fn refusals_that_come_late_lower_the_limit_to_what_was_borne() {
    let server = RedisServer::alone();
    for (bears, late) in [(12, 200), (12, 500), (20, 400), (28, 250)] {
        let mut sim = Simulation::auto(&server, 64);
        let mut works: Vec<u64> = Vec::new();
        let run = sim.run(60, |call: &Call| {
            works.retain(|end| *end > call.at);
            if works.len() >= bears {
                return Fate::refused(late, 429, None);
            }
            works.push(call.at + 1000);
            Fate::fine(1000)
        });
        println!("{bears} borne, refusals after {late} ms: {run:?}");
        assert!((8..=bears as u64 + 1).contains(&run.limit), "{run:?}");
        assert!(run.refused < 30, "{run:?}");
    }
}

#[test]
fn a_server_that_queues_in_silence_ends_at_a_low_limit() {
    let server = RedisServer::alone();
    for (slots, least, most) in [(1, 1, 3), (2, 2, 4), (8, 6, 14), (40, 30, 64)] {
        let mut sim = Simulation::auto(&server, 64);
        let mut shape = queues_beyond(slots, 1000);
        let run = sim.run(600, &mut shape);
        println!("{slots} slots: {run:?}");
        assert!((least..=most).contains(&run.limit), "{slots} slots: {run:?}");
        let ideal = 600 * 1000 / slots as u64;
        assert!(run.took < ideal * 5 / 4 + 10_000, "{slots} slots: {run:?}");
    }
}

#[test]
fn a_server_that_never_refuses_gets_the_most() {
    let server = RedisServer::alone();
    let mut sim = Simulation::auto(&server, 64);
    let run = sim.run(500, |_: &Call| Fate::fine(1000));
    println!("{run:?}");
    assert_eq!((run.limit, run.most, run.refused), (64, 64, 0));
}

/// Calls differ, as files do: by five times in their length, and by as much in what they take.
#[test]
fn calls_of_different_lengths_are_no_reason_to_slow_down() {
    let server = RedisServer::alone();
    let mut sim = Simulation::auto(&server, 64);
    let run = sim.run(800, |call: &Call| {
        let units = 100 + (call.n * 7919) % 400;
        Fate { units, ..Fate::fine(200 + units * 4) }
    });
    println!("{run:?}");
    assert!(run.limit >= 48, "{run:?}");
}

#[test]
fn a_server_that_becomes_slower_for_everybody_keeps_its_calls() {
    let server = RedisServer::alone();
    let mut sim = Simulation::auto(&server, 32);
    sim.run(500, |_: &Call| Fate::fine(1000));
    // Slowly, and then at once.
    let run = sim.run(2_000, |call: &Call| Fate::fine(1000 + call.n / 2));
    println!("{run:?}");
    assert!(run.limit >= 24, "{run:?}");
    let run = sim.run(1_000, |_: &Call| Fate::fine(6000));
    println!("{run:?}");
    assert!(run.limit >= 24, "{run:?}");
}

#[test]
fn thirty_seconds_of_refusals_cost_few_calls_and_little_time() {
    let server = RedisServer::alone();
    for told in [None, Some(1_000), Some(30_000)] {
        let mut sim = Simulation::auto(&server, 64);
        let run = sim.run(200, |call: &Call| match call.at {
            at if at < 30_000 => Fate::refused(1, 429, told.map(|ms: u64| ms.min(30_000 - at))),
            _ => Fate::fine(1000),
        });
        println!("told {told:?}: {run:?}");
        assert!(run.refused + 200 < 240, "{run:?}");
        assert!(run.took < 43_000 * 6 / 5, "{run:?}");
    }
}

/// A number in the settings is kept to, and refusals lower it for a while.
#[test]
fn a_fixed_limit_is_never_exceeded_and_comes_back() {
    let server = RedisServer::alone();
    let mut sim = Simulation::fixed(&server, 16);
    let run = sim.run(100, |call: &Call| match call.at {
        3_000..5_000 => Fate::refused(1, 503, None),
        _ => Fate::fine(500),
    });
    println!("{run:?}");
    assert_eq!((run.most, run.limit), (16, 16), "{run:?}");
    assert!(run.refused < 24, "{run:?}");
}

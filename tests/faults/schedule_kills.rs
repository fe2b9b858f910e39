//! `kill -9` while a schedule comes due: whoever dies where, its due time is one sweep of one commit, and is told once.

use crate::common::{LONG, done, each};
use crate::victim::{Told, Victim};
use scrum_tests::clock::{add, repo, runs, stub, told, worker_ahead, write};
use scrum_tests::events;
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::proxy::{Point, Proxy};
use scrum_tests::redis::RedisServer;
use scrum_tests::wait::eventually;
use std::sync::atomic::Ordering;

/// The calls of a due time, from the look to what is told: name, and a word of their arguments or of their reply.
const STEPS: [(&str, &str, bool); 8] = [
    ("due", "due.app.", false),
    ("claim", "due.app.", true),
    ("schedule", "pin", false),
    ("create_sweep", "", false),
    ("commit", "due.app.", false),
    ("claim", ".news", true),
    ("commit", ".news", false),
    ("ZRANGEBYSCORE", "", false),
];

#[test]
fn a_due_time_is_one_sweep_when_a_worker_is_killed_at_any_of_its_steps() {
    let cases = STEPS.into_iter().flat_map(|step| [(step, Point::Before), (step, Point::After)]);
    let cases: Vec<_> =
        cases.filter(|((_, _, of_reply), at)| !of_reply || *at == Point::After).collect();
    println!("figure: {} boundaries", cases.len());
    each(cases, 3, |((name, word, of_reply), point)| {
        let (repo, stub, server) = (repo(&["A", "B"]), stub(), RedisServer::alone());
        server.load_scripts();
        let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
            .short_leases()
            .set("schedules.interval_s", "1")
            .set("queue.backoff_max_ms", "60");
        add(&bench, &repo, "app", &["--every", "1h"]);
        let proxy = Proxy::to(server.socket());
        let victim = Victim::default();
        let met = victim.where_told(&proxy, Told { name, word, of_reply, point });
        let mut first = worker_ahead(&bench, 3660, &["--redis", &proxy.url()]);
        victim.is(first.pid());
        eventually(LONG, &format!("it dies at {name} {point:?}"), || first.0.try_wait().unwrap());
        let pinned = runs(&bench, "app")
            .first()
            .and_then(|run| run["sweep"]["commit"].as_str().map(str::to_owned));
        let before = repo.git(&["rev-parse", "HEAD"]);
        // Whoever begins it again must not take another commit than was written down.
        write(&repo, "LATER");
        repo.commit("pushed meanwhile");
        let _others = [0, 1].map(|_| worker_ahead(&bench, 3660, &[]));
        let all = eventually(LONG, "the sweep is told", || told(&bench, "app", 1));
        assert_eq!(all.len(), 1, "{name} {point:?}: {all:?}");
        if let Some(pinned) = pinned {
            assert_eq!(
                (&pinned, all[0]["sweep"]["commit"].as_str()),
                (&before, Some(before.as_str()))
            );
            repo.git(&["reset", "-q", "--hard", &before]);
            repo.commit_is_made();
        }
        let id = all[0]["sweep"]["id"].as_str().unwrap().into();
        // The sweep may end before the lease of whoever died over its due time.
        let mut conn = server.connection();
        eventually(LONG, &format!("{name} {point:?}: the due time is settled"), || {
            oracle::left(&mut conn).iter().all(|job| !job.contains(":j:due.")).then_some(())
        });
        done(&server, &id, &repo).is_done();
        let listed = bench.run(&["status", "--json"]).expect(0).stdout;
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed["sweeps"].as_array().unwrap().len(), 1, "{name} {point:?}");
        let told = events::lines(&events::of(&server), &["source", "news"]);
        let told = told.iter().filter(|line| line.starts_with("schedules")).count();
        assert_eq!((told, met.load(Ordering::SeqCst) > 0), (1, true), "{name} {point:?}");
    });
}

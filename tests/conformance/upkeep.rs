//! What is not kept, what is mended: retention and the reconciler, against a real Redis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "upkeep/accepted.rs"]
mod accepted;
#[path = "upkeep/bed.rs"]
mod bed;
#[path = "upkeep/garbage.rs"]
mod garbage;
#[path = "upkeep/mend.rs"]
mod mend;

use bed::{Bed, P, page, spec};
use queue_schema::client::{DeadFilter, Forgotten, Pausable, Retention};
use queue_schema::effects::{DeadClass, Effect, Effects, NewJob, Priority};
use queue_schema::ids::ReviewId;
use queue_schema::jobs::Plan;
use queue_schema::keys;
use queue_schema::rows::{ReviewRow, Row};
use queue_schema::sweep::TargetStatus;
use redis::Commands;
use scrum_tests::redis::at;
use std::time::Duration;

/// What stands there when nothing is in the queue: turns, tokens, workers' last requests, events.
fn left(bed: &Bed) -> Vec<String> {
    let lasting = [
        keys::TURN,
        keys::WAKE,
        &keys::worker(""),
        keys::WORKERS,
        &keys::pool(""),
        keys::POOLS,
        keys::READY,
        keys::UPKEEP,
        &keys::events(""),
    ];
    let mut keys: Vec<String> = bed.conn().keys(at("*")).unwrap();
    keys.retain(|k| !lasting.iter().any(|l| k.starts_with(&at(l))));
    keys.sort();
    keys
}

#[tokio::test]
async fn a_forgotten_sweep_leaves_nothing_and_takes_nothing_from_another() {
    let bed = Bed::new().await;
    let documents = [("aa".to_owned(), "shared".to_owned()), ("bb".to_owned(), "own".to_owned())];
    let one = bed.sweep(1, &documents, 40).await;
    // A part of each: resolved, dead with a history, live in all states.
    let held = bed.claim(6).await;
    bed.resolve(&one, &held[0]).await;
    let attempt =
        Effect::Append { key: keys::attempts(ReviewId::new(&one, 1)), value: "{}".into() };
    let shards = Effect::Put {
        key: keys::review_state(ReviewId::new(&one, 1)),
        field: "shards".into(),
        value: "2".into(),
    };
    let dead = Effects::dead(DeadClass::Fatal, "why").with(attempt).with(shards);
    assert!(bed.commit(&held[1], dead).await);
    assert!(bed.commit(&held[2], Effects::retry(60_000, "later")).await);
    bed.queue.pause(Pausable::Sweep, &one, true).await.unwrap();
    assert!(bed.claim(5).await.is_empty(), "set aside");
    let before = left(&bed);
    let two = bed.sweep(2, &documents[..1], 0).await;

    assert_eq!(bed.queue.forget_sweep(&one, 7).await.unwrap(), Forgotten::Running);
    assert_eq!(before.iter().filter(|k| !k.contains(one.as_str())).count() + 1, 10, "{before:?}");
    assert!(bed.queue.cancel_sweep(&one).await.unwrap());
    let Forgotten::Gone { jobs } = bed.queue.forget_sweep(&one, 7).await.unwrap() else {
        panic!("it is over");
    };
    assert!(jobs >= 8, "{jobs}");
    let told = scrum_tests::events::kept(&bed.queue).await;
    assert!(told.iter().all(|event| event["sweep"] != one.as_str()), "{told:?}");
    assert!(!bed.commit(&held[3], Effects::done()).await, "its running jobs are nobody's");
    assert!(
        bed.conn().exists::<_, bool>(at(keys::document("aa"))).unwrap(),
        "the other has it too"
    );
    assert!(!bed.conn().exists::<_, bool>(at(keys::document("bb"))).unwrap());
    let keys = left(&bed);
    assert!(!keys.iter().any(|k| k.contains(one.as_str())), "{keys:?}");
    assert_eq!(bed.queue.forget_sweep(&one, 7).await.unwrap(), Forgotten::Unknown);
    bed.check_clean().await;

    assert!(bed.queue.cancel_sweep(&two).await.is_ok_and(|c| !c), "it is done already");
    assert_eq!(bed.queue.forget_sweep(&two, 500).await.unwrap(), Forgotten::Gone { jobs: 0 });
    assert_eq!(left(&bed), Vec::<String>::new());
}

#[tokio::test]
async fn a_sweep_that_is_half_forgotten_is_finished_by_whoever_comes() {
    let bed = Bed::new().await;
    let id = bed.sweep(1, &[], 3).await;
    bed.queue.cancel_sweep(&id).await.unwrap();
    // As a process leaves it that dies after the first step.
    let _: () = bed.conn().zrem(at(keys::SWEEPS), id.as_str()).unwrap();
    let _: () = bed.conn().zadd(at(keys::FORGETTING), id.as_str(), 1).unwrap();
    let (again, new) = bed.queue.create_sweep(&spec(1), &[], Priority::Normal).await.unwrap();
    assert_eq!((again.as_str(), new), (id.as_str(), true), "the same sweep, from its beginning");
    assert_eq!(bed.queue.sweep_status(&id).await.unwrap().unwrap().total, 0);
    bed.queue.cancel_sweep(&id).await.unwrap();
    let _: () = bed.conn().zrem(at(keys::SWEEPS), id.as_str()).unwrap();
    let _: () = bed.conn().zadd(at(keys::FORGETTING), id.as_str(), 1).unwrap();
    let keep = Retention { sweeps: None, letters: None, batch: 500 };
    assert_eq!(bed.queue.retain(&keep).await.unwrap().sweeps, [id]);
    assert_eq!(left(&bed), Vec::<String>::new());
}

/// Makes a sweep old: made and ended long ago.
fn age(bed: &Bed, id: &str) {
    let _: () = bed.conn().zadd(at(keys::SWEEPS), id, 1).unwrap();
    let _: () = bed.conn().hset(at(keys::sweep(id)), "ended", 1).unwrap();
}

#[tokio::test]
async fn sweeps_and_letters_go_when_they_are_due_and_not_before() {
    let bed = Bed::new().await;
    let (old, fresh, letters) =
        (bed.sweep(1, &[], 1).await, bed.sweep(2, &[], 1).await, bed.sweep(3, &[], 2).await);
    for held in bed.claim(10).await {
        let sweep = held.lease.job.review().unwrap().sweep();
        if sweep == letters {
            assert!(bed.commit(&held, Effects::dead(DeadClass::Fatal, "why")).await);
        } else {
            bed.resolve(&sweep, &held).await;
        }
    }
    let running = bed.sweep(4, &[], 2).await;
    for id in [&old, &letters, &running] {
        age(&bed, id);
    }
    let days = |n: u64| Some(Duration::from_secs(n * 86_400));
    let none = Retention { sweeps: None, letters: None, batch: 500 };
    assert_eq!(bed.queue.retain(&none).await.unwrap().sweeps, Vec::<String>::new());
    let usual = Retention { sweeps: days(90), ..none };
    let done = bed.queue.retain(&usual).await.unwrap();
    assert_eq!(
        (done.sweeps, done.letters),
        (vec![old], 0),
        "one has letters, one is fresh, one runs"
    );
    assert_eq!(bed.queue.dead_letters(&DeadFilter::default()).await.unwrap().len(), 2);

    // A letter of a running sweep stays however old it is; the others go, and then their sweep.
    let held = bed.claim(1).await.remove(0);
    assert!(bed.commit(&held, Effects::dead(DeadClass::Fatal, "why")).await);
    let dead: Vec<String> = bed.conn().zrange(at(keys::DEAD), 0, -1).unwrap();
    for id in &dead {
        let _: () = bed.conn().zadd(at(keys::DEAD), id, 1).unwrap();
    }
    let set = Retention { letters: days(30), ..usual };
    let done = bed.queue.retain(&set).await.unwrap();
    assert_eq!((done.sweeps, done.letters), (vec![letters], 2));
    let left = bed.queue.dead_letters(&DeadFilter::default()).await.unwrap();
    assert_eq!((left.len(), left[0].id.as_str()), (1, held.lease.job.as_str()));
    assert!(bed.queue.sweep_status(&fresh).await.unwrap().is_some());
    bed.check_clean().await;
}

#[tokio::test]
async fn one_in_the_fleet_looks_after_a_partition_at_a_time() {
    let bed = Bed::new().await;
    let long = Duration::from_secs(60);
    assert!(bed.queue.take_upkeep("a", long).await.unwrap());
    assert!(!bed.queue.take_upkeep("b", long).await.unwrap());
    assert!(bed.queue.at(1).take_upkeep("b", long).await.unwrap(), "another partition");
    let left: i64 = bed.conn().pttl(at(keys::UPKEEP)).unwrap();
    assert!(left > 0 && left <= 60_000, "it ends by itself: {left}");
}

/// 100,000 targets: many short steps. The figure is the server's own, of its slowest script.
#[tokio::test]
async fn a_large_sweep_is_forgotten_in_steps_that_hold_nobody_up() {
    const TARGETS: u32 = 100_000;
    let bed = Bed::new().await;
    let (id, _) = bed.queue.create_sweep(&spec(1), &[], Priority::Normal).await.unwrap();
    let mut first = 0;
    while first < TARGETS {
        let plan = bed.claim_in("plan").await;
        let effects = Effects::done().with(page(&id, first, 2000));
        first += 2000;
        let effects = if first < TARGETS {
            effects.enqueue(&Plan { sweep: id.clone(), first }).unwrap()
        } else {
            effects.with(Effect::PlanDone { sweep: id.clone() })
        };
        assert!(bed.commit(&plan, effects).await);
    }
    for held in bed.claim(100).await {
        bed.resolve(&id, &held).await;
    }
    let memory = bed.queue.sweep_memory(&id, 100).await.unwrap();
    assert!(memory.bytes > u64::from(TARGETS) * 50, "{memory:?}");
    bed.queue.cancel_sweep(&id).await.unwrap();
    let slowest = |bed: &Bed| -> u64 {
        let log: Vec<redis::Value> =
            redis::cmd("SLOWLOG").arg("GET").arg(-1).query(&mut bed.conn()).unwrap();
        let times = log.iter().map(|entry| {
            let entry: Vec<redis::Value> = redis::from_redis_value(entry.clone()).unwrap();
            redis::from_redis_value::<u64>(entry[2].clone()).unwrap()
        });
        times.max().unwrap_or(0)
    };
    let mut conn = bed.conn();
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("slowlog-log-slower-than")
        .arg(1)
        .query::<()>(&mut conn)
        .unwrap();
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("slowlog-max-len")
        .arg(10_000)
        .query::<()>(&mut conn)
        .unwrap();
    redis::cmd("SLOWLOG").arg("RESET").query::<()>(&mut conn).unwrap();
    let started = std::time::Instant::now();
    let done = bed.queue.forget_sweep(&id, 500).await.unwrap();
    let (took, slowest) = (started.elapsed(), slowest(&bed));
    assert!(matches!(done, Forgotten::Gone { .. }), "{done:?}");
    println!("{TARGETS} targets forgotten in {took:?}; the slowest step {slowest} us");
    assert_eq!(left(&bed), Vec::<String>::new());
    // A few ms on an idle machine; tests share theirs.
    assert!(slowest < 100_000, "one step took {slowest} us");
}

#[tokio::test]
async fn a_cancelled_sweep_drops_what_half_done_reviews_have_gathered() {
    let bed = Bed::new().await;
    let id = bed.sweep(1, &[], 2).await;
    let reviews = bed.claim(2).await;
    bed.split(&id, 0, &reviews[0], 3).await;
    bed.split(&id, 1, &reviews[1], 3).await;
    // One shard of each runs, the others wait.
    let running = bed.claim(2).await;
    assert!(bed.queue.cancel_sweep(&id).await.unwrap());
    while !bed.claim(10).await.is_empty() {}
    let put = |target: u32| Effect::Put {
        key: keys::review_state(ReviewId::new(&id, target)),
        field: "s0".into(),
        value: "a summary".into(),
    };
    let arrive = |target: u32| Effect::Arrive { name: format!("{id}-{target}.shards"), member: 0 };
    for held in &running {
        let target: u32 =
            held.lease.job.split(['-', '.']).nth(1).and_then(|n| n.parse().ok()).unwrap();
        assert!(bed.commit(held, Effects::done().with(put(target)).with(arrive(target))).await);
    }
    while !bed.claim(10).await.is_empty() {}
    let s = bed.queue.sweep_status(&id).await.unwrap().unwrap();
    assert_eq!((s.live, s.cancelled), (0, 2));
    let keys = left(&bed);
    let gone =
        [keys::review_state(""), keys::barrier(""), keys::barrier_members(""), keys::attempts("")];
    let gone = gone.map(at);
    assert!(!keys.iter().any(|k| gone.iter().any(|g| k.starts_with(g))), "{keys:?}");
}

#[tokio::test]
async fn an_accepted_review_leaves_its_row_and_nothing_else() {
    let bed = Bed::new().await;
    let id = bed.sweep(1, &[], 1).await;
    let review = bed.claim(1).await.remove(0);
    bed.split(&id, 0, &review, 2).await;
    for (member, held) in (0..).zip(bed.claim(2).await) {
        let arrive = Effect::Arrive { name: format!("{id}-0.shards"), member };
        assert!(bed.commit(&held, Effects::done().with(arrive)).await);
    }
    let rung = bed.claim(1).await.remove(0);
    let review = format!("{id}-0");
    let delete = |key| Effect::Delete { key };
    let effects = Effects::done()
        .with(Effect::AppendRow {
            sweep: id.clone(),
            stream: ReviewRow::STREAM,
            row_id: format!("{id}-0"),
            json: "{}".into(),
        })
        .with(delete(keys::review_state(&review)))
        .with(delete(keys::attempts(&review)))
        .with(Effect::Settle { sweep: id.clone(), target: 0, status: TargetStatus::Resolved });
    assert!(bed.commit(&rung, effects).await);
    let keys: Vec<String> =
        left(&bed).iter().map(|k| k[P.len()..].replace(id.as_str(), "S")).collect();
    let stream = ReviewRow::STREAM;
    let want = [
        keys::row_ids(stream, "S"),
        keys::rows(stream, "S"),
        keys::statuses("S"),
        keys::sweep("S"),
        keys::SWEEPS.to_owned(),
        keys::targets("S"),
    ];
    assert_eq!(keys, want);
}

/// Renewing must not need memory: else every job that runs while the server is full would be taken
/// from its worker, again and again, until it counts as poison.
#[tokio::test]
async fn leases_are_renewed_while_the_server_is_out_of_memory() {
    let bed = Bed::new().await;
    bed.sweep(1, &[], 1).await;
    let held = bed.claim(1).await.remove(0);
    let deadline =
        || -> f64 { bed.conn().zscore(at(keys::LEASES), held.lease.job.as_str()).unwrap() };
    let _: () = bed.conn().zadd(at(keys::LEASES), held.lease.job.as_str(), 1).unwrap();
    bed.max_memory(1);
    let one = NewJob::of(&Plan { sweep: "other".into(), first: 0 }).unwrap();
    let refused = bed.queue.enqueue(&[one]).await.unwrap_err().to_string();
    assert!(refused.contains("maxmemory"), "{refused}");
    assert!(
        bed.queue.renew(&"w".into(), std::slice::from_ref(&held.lease)).await.unwrap().is_empty()
    );
    assert!(deadline() > 1e12);
    assert!(bed.commit(&held, Effects::retry(1, "not lost")).await, "what is done is taken");
}

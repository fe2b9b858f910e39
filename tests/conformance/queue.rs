//! The queue's promises at the level of its scripts, against a real Redis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "queue/account.rs"]
mod account;
#[path = "queue/budget.rs"]
mod budget;
#[path = "queue/counts.rs"]
mod counts;
#[path = "queue/effects.rs"]
mod effects;
#[path = "queue/events.rs"]
mod events;
#[path = "queue/last.rs"]
mod last;

use queue_schema::client::{ClaimRequest, ClaimedJob, Commit, Queue};
use queue_schema::effects::{DeadClass, Effect, Effects, Ending, NewJob, Priority};
use queue_schema::keys;
use queue_schema::records::{ReviewRecord, ReviewState};
use queue_schema::rows::{ReviewRow, Row};
use queue_schema::state::TRANSITIONS;
use redis::Commands;
use scrum_tests::oracle;
use scrum_tests::redis::{RedisServer, at};
use scrum_tests::wait::eventually;
use std::collections::BTreeSet;
use std::time::Duration;

fn job(id: &str, lane: &str, sweep: &str) -> NewJob {
    NewJob {
        id: id.into(),
        lane: lane.into(),
        priority: Priority::Normal,
        sweep: sweep.into(),
        target: None,
        delay_ms: 0,
        max_attempts: Some(3),
        body: format!("body of {id}"),
    }
}

struct Bed {
    server: RedisServer,
    queue: Queue,
    serial: std::cell::Cell<u32>,
}

impl Bed {
    async fn new() -> Self {
        Self::with_lease(5000).await
    }

    async fn with_lease(ms: u64) -> Self {
        let server = RedisServer::start();
        let settings = scrum_config::Settings::load(scrum_config::LoadOptions::default()).unwrap();
        let mut options = settings.queue_options(&server.url());
        options.lease = Duration::from_millis(ms);
        Self { queue: Queue::connect(options).await.unwrap(), server, serial: 0.into() }
    }

    fn request(&self, want: u32) -> ClaimRequest {
        self.serial.set(self.serial.get() + 1);
        ClaimRequest {
            worker: "w1".into(),
            request: format!("w1/{}", self.serial.get()),
            want,
            ..ClaimRequest::default()
        }
    }

    async fn claim(&self, want: u32) -> Vec<ClaimedJob> {
        self.queue.claim(&self.request(want)).await.unwrap().jobs
    }

    async fn commit(&self, job: &ClaimedJob, effects: Effects) -> bool {
        let commit = Commit { lease: job.lease.clone(), effects };
        self.queue.commit(&[commit]).await.unwrap()[0]
    }

    fn states(&self) -> Vec<(String, usize)> {
        let mut states: Vec<_> =
            oracle::check_jobs(&mut self.server.connection()).into_iter().collect();
        states.sort();
        states
    }
}

fn ids(jobs: &[ClaimedJob]) -> Vec<&str> {
    jobs.iter().map(|j| j.lease.job.as_str()).collect()
}

fn count(word: &str, n: usize) -> Vec<(String, usize)> {
    vec![(word.to_owned(), n)]
}

#[tokio::test]
async fn pushing_the_same_job_twice_is_pushing_it_once() {
    let bed = Bed::new().await;
    let jobs = [job("a", "l", "s"), job("b", "l", "s")];
    assert_eq!(bed.queue.enqueue(&jobs).await.unwrap(), 2);
    assert_eq!(bed.queue.enqueue(&jobs).await.unwrap(), 0);
    let claimed = bed.claim(10).await;
    assert_eq!(ids(&claimed), ["a", "b"]);
    assert_eq!(claimed[0].body.as_deref().unwrap(), "body of a");
    // Also while it is leased.
    assert_eq!(bed.queue.enqueue(&jobs).await.unwrap(), 0);
    assert_eq!(bed.states(), count("leased", 2));
}

#[tokio::test]
async fn a_claim_sent_again_gives_the_same_jobs_and_no_others() {
    let bed = Bed::new().await;
    bed.queue.enqueue(&[job("a", "l", "s"), job("b", "l", "s")]).await.unwrap();
    let request = bed.request(1);
    let first = bed.queue.claim(&request).await.unwrap().jobs;
    let again = bed.queue.claim(&request).await.unwrap().jobs;
    assert_eq!(ids(&first), ["a"]);
    assert_eq!(ids(&again), ["a"]);
    assert_eq!(again[0].crashes, 0);
    assert_eq!(bed.states(), vec![("leased".into(), 1), ("ready".into(), 1)]);
    // Also when the reply took longer than the lease: the worker lives, so nothing is taken back.
    let deadline =
        |bed: &Bed| -> f64 { bed.server.connection().zscore(at(keys::LEASES), "a").unwrap() };
    let _: () = bed.server.connection().zadd(at(keys::LEASES), "a", 1).unwrap();
    let late = bed.queue.claim(&request).await.unwrap().jobs;
    assert_eq!((ids(&late), late[0].crashes), (vec!["a"], 0));
    assert!(deadline(&bed) > 1e12, "with a whole lease again");
    // What was committed meanwhile is not given again.
    assert!(bed.commit(&first[0], Effects::done()).await);
    assert!(bed.queue.claim(&request).await.unwrap().jobs.is_empty());
}

#[tokio::test]
async fn a_stale_commit_changes_nothing_and_says_so() {
    let bed = Bed::with_lease(50).await;
    bed.queue.enqueue(&[job("a", "l", "s")]).await.unwrap();
    let old = bed.claim(1).await.remove(0);
    // The lease runs out by the Redis clock; the next claim takes the job back and leases it anew.
    let new = take_when_there(&bed).await;
    assert_eq!((new.lease.job.as_str(), new.crashes, new.attempt), ("a", 1, 0));
    let effects = || {
        Effects::done()
            .with(Effect::Enqueue(job("follow", "l", "s")))
            .with(ReviewRecord::of(&"x".into()).summary(0, "v"))
            .with(Effect::Barrier { name: "bar".into(), size: 1, then: job("then", "l", "s") })
    };
    assert!(!bed.commit(&old, effects()).await);
    assert_eq!(bed.queue.review_state(&"x".into()).await.unwrap(), ReviewState::default());
    assert_eq!(bed.states(), count("leased", 1));
    assert!(bed.commit(&new, effects()).await);
    assert_eq!(
        bed.queue.review_state(&"x".into()).await.unwrap().pieces[&0].summary.as_deref(),
        Some("v")
    );
    // Sent again, as after a lost reply: nothing happens twice.
    assert!(!bed.commit(&new, effects()).await);
    assert_eq!(bed.states(), count("ready", 1));
}

async fn take_when_there(bed: &Bed) -> ClaimedJob {
    for _ in 0..2000 {
        let claim = bed.queue.claim(&bed.request(1)).await.unwrap();
        if let Some(job) = claim.jobs.into_iter().next() {
            return job;
        }
        // The script says when something is due: that is what to wait for.
        tokio::time::sleep(claim.next_due.expect("a lease or a delay is pending")).await;
    }
    panic!("never became due");
}

#[tokio::test]
async fn a_batch_with_one_stale_commit_applies_the_others() {
    let bed = Bed::new().await;
    bed.queue.enqueue(&[job("a", "l", "s"), job("b", "l", "s"), job("c", "l", "s")]).await.unwrap();
    let claimed = bed.claim(3).await;
    let mut commits: Vec<_> = claimed
        .iter()
        .map(|j| Commit {
            lease: j.lease.clone(),
            effects: Effects::done()
                .with(Effect::Enqueue(job(&format!("after-{}", j.lease.job), "l", "s")))
                .with(Effect::Arrive { name: "none".into(), member: 1 }),
        })
        .collect();
    commits[1].lease.token = "forged".into();
    assert_eq!(bed.queue.commit(&commits).await.unwrap(), [true, false, true]);
    assert_eq!(bed.states(), vec![("leased".into(), 1), ("ready".into(), 2)]);
}

/// As `redis-cli` leaves it behind when somebody removes a job by hand.
#[tokio::test]
async fn ids_without_a_job_are_passed_over() {
    let bed = Bed::with_lease(100).await;
    let jobs: Vec<_> = ["a", "b", "c", "d"].iter().map(|id| job(id, "l", "s")).collect();
    bed.queue.enqueue(&jobs[..2]).await.unwrap();
    assert_eq!(bed.claim(1).await.len(), 1);
    bed.queue.enqueue(&jobs[2..]).await.unwrap();
    bed.queue.enqueue(&[job("late", "l", "s").delay_ms(50)]).await.unwrap();
    let mut conn = bed.server.connection();
    let gone = ["a", "b", "d", "late"].map(|id| at(keys::job(id)));
    let _: () = conn.del(&gone[..]).unwrap();
    // One is leased, two are ready, one is delayed; only c is a job.
    eventually(Duration::from_secs(5), "the end of the lease and of the delay", || {
        let soon: f64 = conn.zscore(at(keys::LEASES), "a").unwrap();
        let now: (f64, f64) = redis::cmd("TIME").query(&mut conn).unwrap();
        (now.0 * 1000.0 + now.1 / 1000.0 > soon + 1.0).then_some(())
    });
    assert_eq!(ids(&bed.claim(4).await), ["c"]);
    assert!(bed.claim(4).await.is_empty());
    for (set, left) in [("leases", 1), ("delayed", 0)] {
        assert_eq!(conn.zcard::<_, u32>(at(set)).unwrap(), left, "{set}");
    }
    assert!(!conn.exists::<_, bool>(at(keys::READY)).unwrap(), "the lane's counter is right");
}

#[tokio::test]
async fn a_renewed_lease_lives_and_a_lost_one_is_named() {
    let bed = Bed::with_lease(300).await;
    bed.queue.enqueue(&[job("a", "l", "s")]).await.unwrap();
    let held = bed.claim(1).await.remove(0);
    let started = std::time::Instant::now();
    while started.elapsed() < Duration::from_millis(700) {
        assert!(
            bed.queue
                .renew(&"w1".into(), std::slice::from_ref(&held.lease))
                .await
                .unwrap()
                .is_empty()
        );
        assert!(bed.claim(1).await.is_empty(), "nobody else gets it while it is renewed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let thief = take_when_there(&bed).await;
    assert_eq!(thief.crashes, 1);
    assert_eq!(
        bed.queue.renew(&"w1".into(), std::slice::from_ref(&held.lease)).await.unwrap(),
        ["a"]
    );
}

#[tokio::test]
async fn a_job_that_takes_its_workers_down_is_poison_and_the_others_go_on() {
    let bed = Bed::with_lease(30).await;
    bed.queue.enqueue(&[job("bad", "l", "")]).await.unwrap();
    for crashes in 0..3 {
        assert_eq!(take_when_there(&bed).await.crashes, crashes);
    }
    eventually(Duration::from_secs(5), "the third lease runs out", || {
        std::thread::sleep(Duration::from_millis(10));
        (redis_now_past_leases(&bed)).then_some(())
    });
    bed.queue.enqueue(&[job("good", "l", "")]).await.unwrap();
    assert_eq!(ids(&bed.claim(5).await), ["good"]);
    let letter = bed.queue.dead_letter(&"bad".into()).await.unwrap().unwrap();
    assert_eq!((letter.class.as_str(), letter.crashes), ("poison", 3));
    assert!(letter.reason.contains("w1"), "{}", letter.reason);
}

fn redis_now_past_leases(bed: &Bed) -> bool {
    let mut conn = bed.server.connection();
    let (s, us): (u64, u64) = redis::cmd("TIME").query(&mut conn).unwrap();
    let leases: Vec<(String, f64)> = conn.zrange_withscores(at(keys::LEASES), 0, -1).unwrap();
    leases.iter().all(|(_, at)| (*at as u64) < s * 1000 + us / 1000)
}

#[tokio::test]
async fn retries_wait_come_back_and_end() {
    let bed = Bed::new().await;
    bed.queue.enqueue(&[job("a", "l", "")]).await.unwrap();
    for attempt in 0..3 {
        let held = bed.claim(1).await.remove(0);
        assert_eq!(held.attempt, attempt);
        assert!(bed.commit(&held, Effects::retry(60_000, format!("no {attempt}"))).await);
        if attempt < 2 {
            assert_eq!(bed.states(), count("delayed", 1));
            assert!(bed.claim(1).await.is_empty(), "not before its time");
            // Its time has come.
            let delayed = format!("{{scrum:0}}:{}", keys::DELAYED);
            let _: () = bed.server.connection().zadd(delayed, "a", 1).unwrap();
        }
    }
    let letter = bed.queue.dead_letter(&"a".into()).await.unwrap().unwrap();
    assert_eq!((letter.class.as_str(), letter.reason.as_str()), ("attempts_exhausted", "no 2"));
    assert_eq!(letter.attempts, 3);
}

#[tokio::test]
async fn the_dead_stay_until_a_person_speaks() {
    let bed = Bed::new().await;
    bed.queue.enqueue(&[job("a", "l", ""), job("b", "l", "")]).await.unwrap();
    for held in bed.claim(2).await {
        assert!(bed.commit(&held, Effects::dead(DeadClass::Fatal, "why")).await);
    }
    assert_eq!(bed.states(), count("dead", 2));
    assert_eq!(bed.queue.enqueue(&[job("a", "l", "")]).await.unwrap(), 0, "a dead id is taken");
    assert_eq!(bed.queue.revive(&"a".into(), Some(("m", "new body"))).await.unwrap(), 1);
    assert_eq!(bed.queue.revive(&"a".into(), None).await.unwrap(), 0, "only once");
    let held = bed.claim(5).await;
    assert_eq!((ids(&held), held[0].body.as_deref()), (vec!["a"], Ok("new body")));
    assert!(bed.queue.discard(&"b".into()).await.unwrap());
    assert!(bed.queue.dead_letter(&"b".into()).await.unwrap().is_none());
    assert_eq!(bed.states(), count("leased", 1));
}

#[tokio::test]
async fn the_dead_jobs_of_a_file_go_back_together() {
    let bed = Bed::new().await;
    let of = |id: &str, target| NewJob { target: Some(target), ..job(id, "l", "s") };
    bed.queue.enqueue(&[of("k0", 7), of("k1", 7), of("other", 8)]).await.unwrap();
    for held in bed.claim(3).await {
        bed.commit(&held, Effects::dead(DeadClass::Fatal, "why")).await;
    }
    assert_eq!(bed.queue.revive(&"k1".into(), None).await.unwrap(), 2);
    assert_eq!(bed.states(), vec![("dead".into(), 1), ("ready".into(), 2)]);
    assert!(bed.queue.discard(&"other".into()).await.unwrap());
    let left: Vec<String> = bed.server.connection().keys("*dt:*").unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_handed_back_job_is_as_it_was() {
    let bed = Bed::new().await;
    bed.queue.enqueue(&[job("a", "l", "")]).await.unwrap();
    let held = bed.claim(1).await.remove(0);
    assert!(bed.commit(&held, Effects::done().ending(Ending::HandBack)).await);
    let again = bed.claim(1).await.remove(0);
    assert_eq!((again.attempt, again.crashes), (0, 0));
    assert_ne!(again.lease.token, held.lease.token);
}

#[tokio::test]
async fn a_claim_takes_no_more_of_a_pool_than_the_worker_has_a_use_for() {
    let bed = Bed::new().await;
    let jobs: Vec<_> = (0..8)
        .map(|i| job(&format!("j{i}"), if i % 2 == 0 { "rung:gpu" } else { "shard:gpu" }, "s"))
        .chain((0..3).map(|i| job(&format!("free{i}"), "plan", "s")))
        .collect();
    bed.queue.enqueue(&jobs).await.unwrap();
    let claim = async |gpu: u32, others: u32| {
        let room = [("gpu".to_owned(), gpu), ("*".to_owned(), others)].into();
        let claim = bed.queue.claim(&ClaimRequest { room, ..bed.request(20) }).await.unwrap();
        let free = claim.jobs.iter().filter(|j| j.lease.job.starts_with("free")).count();
        let more: Vec<_> = claim.more.into_iter().collect();
        (claim.jobs.len() - free, free, more)
    };
    assert_eq!(claim(3, 2).await, (3, 2, vec!["*".to_owned(), "gpu".to_owned()]));
    assert_eq!(claim(0, 2).await, (0, 1, vec!["gpu".to_owned()]), "the other lane is unhurt");
    let mut waiter =
        bed.queue.waiter(&["rung:gpu".to_owned()], Duration::from_secs(10)).await.unwrap();
    assert!(waiter.wait(Duration::from_secs(5)).await.unwrap(), "others are woken for the rest");
    assert_eq!(claim(9, 9).await, (5, 0, vec![]));
}

#[tokio::test]
async fn a_small_sweep_behind_a_large_one_gets_its_share() {
    let bed = Bed::new().await;
    let large: Vec<_> = (0..1000).map(|i| job(&format!("big{i}"), "l", "big")).collect();
    bed.queue.enqueue(&large).await.unwrap();
    let small: Vec<_> = (0..5).map(|i| job(&format!("small{i}"), "l", "small")).collect();
    bed.queue.enqueue(&small).await.unwrap();
    let first = bed.claim(10).await;
    let of_small = first.iter().filter(|j| j.lease.job.starts_with("small")).count();
    assert_eq!(of_small, 5, "half of each batch until it is through");
    assert_eq!(first.len(), 10);
}

#[tokio::test]
async fn a_higher_priority_goes_first() {
    let bed = Bed::new().await;
    let low = job("low", "l", "s").priority(Priority::Low);
    let normal = job("normal", "l", "s");
    let high = job("high", "l", "s").priority(Priority::High);
    bed.queue.enqueue(&[low, normal, high]).await.unwrap();
    let mut order = Vec::new();
    for _ in 0..3 {
        order.extend(bed.claim(1).await.iter().map(|j| j.lease.job.clone()));
    }
    assert_eq!(order, ["high", "normal", "low"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_is_woken_and_asks_nothing_in_between() {
    let bed = Bed::new().await;
    let mut waiter = bed.queue.waiter(&[], Duration::from_secs(30)).await.unwrap();
    let calls = |bed: &Bed| -> u64 {
        let info: String =
            redis::cmd("INFO").arg("stats").query(&mut bed.server.connection()).unwrap();
        let line = info.lines().find(|l| l.starts_with("total_commands_processed")).unwrap();
        line.split(':').nth(1).unwrap().trim().parse().unwrap()
    };
    let waiting = tokio::spawn(async move { waiter.wait(Duration::from_secs(30)).await });
    // The server says when the client blocks.
    eventually(Duration::from_secs(5), "the waiter blocks", || {
        let info: String =
            redis::cmd("INFO").arg("clients").query(&mut bed.server.connection()).unwrap();
        info.contains("blocked_clients:1").then_some(())
    });
    let before = calls(&bed);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let connecting_and_asking = 8;
    assert!(calls(&bed) - before <= connecting_and_asking, "only our own looks");
    let pushed = std::time::Instant::now();
    bed.queue.enqueue(&[job("a", "l", "s")]).await.unwrap();
    assert!(waiting.await.unwrap().unwrap());
    assert!(pushed.elapsed() < Duration::from_secs(5), "woken, not timed out");
    // One token, however many jobs: the woken worker passes it on while work is left.
    bed.queue.enqueue(&[job("b", "l", "s"), job("c", "m", "s")]).await.unwrap();
    let tokens: usize = bed.server.connection().llen(at(keys::WAKE)).unwrap();
    assert_eq!(tokens, 1);
    bed.claim(1).await;
    let tokens: usize = bed.server.connection().llen(at(keys::WAKE)).unwrap();
    assert_eq!(tokens, 1);
}

#[tokio::test]
async fn a_delayed_job_tells_idle_workers_when_to_look() {
    let bed = Bed::new().await;
    bed.queue.enqueue(&[job("a", "l", "s").delay_ms(60_000)]).await.unwrap();
    let claim = bed.queue.claim(&bed.request(1)).await.unwrap();
    assert!(claim.jobs.is_empty());
    let due = claim.next_due.unwrap();
    assert!(due > Duration::from_secs(58) && due <= Duration::from_millis(60_001), "{due:?}");
}

/// The scripts named in the table are those that exist, and each exists.
#[test]
fn the_table_and_the_scripts_agree() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../queue-schema/lua");
    let files: BTreeSet<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|n| {
            let others = [
                "create_sweep",
                "replan",
                "submit",
                "once",
                "schedule",
                "due",
                "pause",
                "cancel",
                "places_limits",
                "places_exchange",
                "places_hold",
                "budget_hold",
                "account",
                "check_keys",
                "check_jobs",
                "check_sweeps",
                "check_rows",
                "reconcile",
                "memory",
                "observe",
            ];
            !others.contains(&n.as_str())
        })
        .collect();
    let named: BTreeSet<String> = TRANSITIONS.iter().map(|t| t.script.to_owned()).collect();
    assert_eq!(files, named);
}

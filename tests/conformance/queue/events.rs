//! Events that the scripts write: what becomes of targets and jobs, each once.

use super::{Bed, job};
use queue_schema::client::{Queue, QueueOptions, Retention};
use queue_schema::effects::{DeadClass, Effect, Effects, Ending, Priority};
use queue_schema::ids::SweepId;
use queue_schema::keys;
use queue_schema::sweep::{Target, TargetStatus};
use redis::Commands;
use scrum_tests::redis::at;
use scrum_tests::{events, requests};
use std::time::Duration;

const MEMBERS: [&str; 6] = ["source", "endpoint", "success", "target", "targets", "class"];

async fn told(bed: &Bed) -> Vec<String> {
    events::lines(&events::kept(&bed.queue).await, &MEMBERS)
}

/// A planned sweep with so many targets, of which `skipped` are passed over.
async fn planned(bed: &Bed, targets: u32, skipped: u32) -> SweepId {
    let spec = requests::sweep_spec(1, 9);
    let (sweep, _) = bed.queue.create_sweep(&spec, &[], Priority::Normal).await.unwrap();
    let target = |n: u32| Target {
        path: format!("{n}.rs"),
        blob: "0".repeat(64),
        bytes: 1,
        skip: (n >= targets - skipped).then(|| "binary".to_owned()),
    };
    let plan = bed.claim(1).await.remove(0);
    let all = (0..targets).map(target).collect();
    let page = Effect::PlanTargets { sweep: sweep.clone(), first: 0, targets: all };
    let effects = Effects::done().with(page).with(Effect::PlanDone { sweep: sweep.clone() });
    assert!(bed.commit(&plan, effects).await);
    sweep
}

#[tokio::test]
async fn every_class_of_dead_letter_is_told() {
    let bed = Bed::new().await;
    let mut want = Vec::new();
    for class in [
        DeadClass::LadderExhausted,
        DeadClass::Undecodable,
        DeadClass::Fatal,
        DeadClass::Unsigned,
        DeadClass::Poison,
    ] {
        bed.queue.enqueue(&[job(class.as_str(), "rung:p", "s")]).await.unwrap();
        let leased = bed.claim(1).await.remove(0);
        let reason = format!("{}é", "x".repeat(299));
        let dies = Effects::done().ending(Ending::Dead { class, reason });
        assert!(bed.commit(&leased, dies.clone()).await);
        assert!(!bed.commit(&leased, dies).await, "sent again");
        want.push(format!("dead_letters rung false - - {}", class.as_str()));
    }
    bed.queue.enqueue(&[job("tries", "plan", "s")]).await.unwrap();
    for _ in 0..3 {
        let leased = bed.claim(1).await.remove(0);
        assert!(bed.commit(&leased, Effects::retry(0, "again")).await);
    }
    want.push("dead_letters plan false - - attempts_exhausted".to_owned());
    want.sort_unstable();
    assert_eq!(told(&bed).await, want);
    let first = events::kept(&bed.queue).await.remove(0);
    assert_eq!(first["reason"], format!("{}...", "x".repeat(299)), "no character is cut in two");
}

#[tokio::test]
async fn a_job_that_takes_its_workers_down_is_told_once() {
    let bed = Bed::with_lease(1).await;
    bed.queue.enqueue(&[job("j", "rung:p", "s")]).await.unwrap();
    let mut conn = bed.server.connection();
    while conn.zcard::<_, u64>(at(keys::DEAD)).unwrap() == 0 {
        bed.claim(1).await;
    }
    bed.claim(1).await;
    assert_eq!(told(&bed).await, ["dead_letters rung false - - poison"]);
}

#[tokio::test]
async fn every_end_of_a_target_is_told_once() {
    let bed = Bed::new().await;
    let sweep = planned(&bed, 4, 2).await;
    let reviews = bed.claim(9).await;
    assert_eq!(reviews.len(), 2);
    let settle = |status| {
        let settled = Effect::Settle { sweep: sweep.clone(), target: 0, status };
        Effects::done().with(settled.clone()).with(settled)
    };
    assert!(bed.commit(&reviews[0], settle(TargetStatus::Resolved)).await);
    let dies = Ending::Dead { class: DeadClass::Fatal, reason: "no".to_owned() };
    assert!(bed.commit(&reviews[1], Effects::done().ending(dies)).await);
    assert_eq!(
        told(&bed).await,
        [
            "dead_letters review false 1 - fatal",
            "settlements resolved true 0 1 -",
            "settlements skipped true - 2 -",
            "settlements unresolved false 1 1 -",
        ]
    );
}

#[tokio::test]
async fn targets_that_are_cancelled_or_left_out_are_told() {
    let bed = Bed::new().await;
    let sweep = planned(&bed, 12, 0).await;
    let live = bed.claim(1).await.remove(0);
    assert!(bed.queue.cancel_sweep(&sweep).await.unwrap());
    bed.claim(99).await;
    let left = Effect::Settle { sweep, target: 0, status: TargetStatus::LeftOut };
    assert!(bed.commit(&live, Effects::done().with(left)).await);
    let told = told(&bed).await;
    let of = |n: u64| format!("settlements cancelled true - {n} -");
    let waiting = told.iter().find(|line| line.contains(" - ")).unwrap().clone();
    assert_eq!(waiting, of(12 - told.len() as u64 + 1), "{told:?}");
    let rest = told.iter().filter(|line| **line != waiting);
    assert!(rest.clone().all(|line| line.starts_with("settlements cancelled true")), "{told:?}");
    assert_eq!(rest.filter(|line| line.contains(" 0 1 ")).count(), 1, "{told:?}");
}

#[tokio::test]
async fn a_ring_is_bounded_and_can_be_turned_off_and_stops_nobodys_work() {
    let bed = Bed::new().await;
    let with = |ring| {
        let options = QueueOptions { events: ring, ..bed.queue.options().clone() };
        async move { Queue::connect(options).await.unwrap() }
    };
    let small = with(100).await;
    for n in 0..1_000 {
        small.send_event("ci", &format!("{{\"n\":{n}}}"), 1).await.unwrap();
    }
    let kept = small.events_after("ci", "", 10_000).await.unwrap();
    assert!((100..=200).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept.last().unwrap().json, "{\"n\":999}");
    assert_eq!(small.events_written("ci").await.unwrap(), 1_000);
    let off = with(0).await;
    assert_eq!(off.send_event("ci", "{}", 9).await.unwrap(), queue_schema::client::Sent::Off);
    let mut conn = bed.server.connection();
    // A foreign value there.
    let _: () = conn.set(at(keys::events("dead_letters")), "odd").unwrap();
    bed.queue.enqueue(&[job("j", "rung:p", "s")]).await.unwrap();
    let leased = bed.claim(1).await.remove(0);
    let dies = Effects::dead(DeadClass::Fatal, "no");
    assert!(bed.commit(&leased, dies).await);
    assert_eq!(bed.states(), super::count("dead", 1));
    bed.queue.check_all(true).await.unwrap();
    assert!(bed.queue.events_after("dead_letters", "", 9).await.unwrap().is_empty(), "set aside");
}

#[tokio::test]
async fn events_are_kept_no_longer_than_sweeps() {
    let bed = Bed::new().await;
    for n in 0..3 {
        bed.queue.send_event("ci", &format!("{{\"n\":{n}}}"), 1).await.unwrap();
    }
    let keep = |age| Retention { sweeps: Some(age), letters: None, batch: 10 };
    bed.queue.retain(&keep(Duration::from_secs(60))).await.unwrap();
    let kept = bed.queue.events_after("ci", "", 9).await.unwrap();
    assert_eq!(kept.len(), 3);
    let last = kept.last().unwrap().at_ms;
    while bed.queue.now_ms().await.unwrap() <= last {}
    bed.queue.retain(&keep(Duration::ZERO)).await.unwrap();
    assert_eq!(bed.queue.events_after("ci", "", 9).await.unwrap(), []);
    assert_eq!(bed.queue.events_written("ci").await.unwrap(), 3, "that there were some is known");
}

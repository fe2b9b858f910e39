//! The job that follows the end of a sweep.

use super::{Bed, count, ids};
use queue_schema::client::{ClaimRequest, Queue, QueueOptions, SweepState};
use queue_schema::effects::{DeadClass, Effect, Effects, Ending, Priority};
use queue_schema::envelope::Envelope;
use queue_schema::ids::SweepId;
use queue_schema::jobs::{Job, Tally};
use queue_schema::keys;
use queue_schema::sign::Signer;
use queue_schema::sweep::{Target, TargetStatus};
use redis::Commands;
use scrum_tests::redis::at;
use scrum_tests::requests;

/// A planned sweep of so many targets.
async fn planned(bed: &Bed, targets: u32) -> SweepId {
    let spec = requests::diff_spec(requests::sweep_spec(1, 9));
    let (sweep, _) = bed.queue.create_sweep(&spec, &[], Priority::High).await.unwrap();
    let target =
        |n: u32| Target { path: format!("part {n}"), blob: "0".repeat(64), bytes: 1, skip: None };
    let plan = bed.claim(1).await.remove(0);
    let all = (0..targets).map(target).collect();
    let page = Effect::PlanTargets { sweep: sweep.clone(), first: 0, targets: all };
    let effects = Effects::done().with(page).with(Effect::PlanDone { sweep: sweep.clone() });
    assert!(bed.commit(&plan, effects).await);
    sweep
}

fn settled(sweep: &SweepId, target: u32) -> Effects {
    let status = TargetStatus::Resolved;
    Effects::done().with(Effect::Settle { sweep: sweep.clone(), target, status })
}

#[tokio::test]
async fn it_comes_with_the_end_and_again_with_the_next_end() {
    let bed = Bed::new().await;
    let sweep = planned(&bed, 2).await;
    let reviews = bed.claim(9).await;
    assert_eq!(reviews.len(), 2);
    assert!(bed.commit(&reviews[0], settled(&sweep, 0)).await);
    let dies = Ending::Dead { class: DeadClass::Fatal, reason: "no".to_owned() };
    assert!(bed.claim(9).await.is_empty(), "one is still at work");
    assert!(bed.commit(&reviews[1], Effects::done().ending(dies)).await);
    let last = bed.claim(9).await;
    assert_eq!(ids(&last), [format!("{sweep}.tally")]);
    let envelope = Envelope::decode(last[0].body.as_deref().unwrap()).unwrap();
    let want = Tally { sweep: sweep.clone() };
    assert_eq!(Job::decode(&envelope).unwrap(), Job::Tally(want));
    assert!(envelope.tp.is_some(), "it has the sweep's trace");
    assert!(bed.commit(&last[0], Effects::done()).await);
    // A person sends the dead review back: the sweep ends once more.
    assert_eq!(bed.queue.revive(&reviews[1].lease.job, None).await.unwrap(), 1);
    let again = bed.claim(9).await;
    assert!(bed.commit(&again[0], settled(&sweep, 1)).await);
    assert_eq!(ids(&bed.claim(9).await), [format!("{sweep}.tally")]);
    assert_eq!(bed.states(), count("leased", 1));
    let check = bed.queue.check_all(true).await.unwrap();
    assert_eq!(check.faults, [], "{check:?}");
}

#[tokio::test]
async fn it_comes_where_nothing_was_to_be_reviewed_and_not_after_a_cancellation() {
    let bed = Bed::new().await;
    let sweep = planned(&bed, 0).await;
    let state = |s: queue_schema::client::SweepStatus| s.state;
    let status = bed.queue.sweep_status(&sweep).await.unwrap();
    assert_eq!(status.map(state), Some(SweepState::Done));
    assert_eq!(ids(&bed.claim(9).await), [format!("{sweep}.tally")]);

    let bed = Bed::new().await;
    let sweep = planned(&bed, 1).await;
    let review = bed.claim(9).await.remove(0);
    assert!(bed.queue.cancel_sweep(&sweep).await.unwrap());
    bed.commit(&review, settled(&sweep, 0)).await;
    assert!(bed.claim(9).await.is_empty());
    assert_eq!(bed.states(), []);
}

#[tokio::test]
async fn it_is_signed_by_whoever_requested_the_sweep_and_mended_when_it_is_lost() {
    let bed = Bed::new().await;
    let signer = Signer::new(&"k".repeat(32), "scrum").unwrap();
    let options = QueueOptions { signer: signer.clone(), ..bed.queue.options().clone() };
    let queue = Queue::connect(options).await.unwrap();
    let bed = Bed { queue, ..bed };
    let sweep = planned(&bed, 1).await;
    let review = bed.claim(9).await.remove(0);
    let (mut conn, key) = (bed.server.connection(), at(keys::sweep(&sweep)));
    for field in ["last:id", "last:lane", "last:max", "last:body"] {
        let there: bool = conn.hdel(&key, field).unwrap();
        assert!(there, "{field}");
    }
    let check = bed.queue.check_all(true).await.unwrap();
    assert_eq!(check.faults.len(), 4, "{check:?}");
    assert_eq!(bed.queue.check_all(false).await.unwrap().faults, []);
    assert!(bed.commit(&review, settled(&sweep, 0)).await);
    let request = ClaimRequest { lanes: vec!["tally".to_owned()], ..bed.request(1) };
    let last = bed.queue.claim(&request).await.unwrap().jobs.remove(0);
    let envelope = Envelope::decode(last.body.as_deref().unwrap()).unwrap();
    assert_eq!(signer.check_job(&envelope), Ok(()));
}

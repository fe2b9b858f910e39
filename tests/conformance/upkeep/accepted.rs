//! What is accepted is accepted: work on the facts of a review may die, be cancelled or be lost.

use crate::bed::Bed;
use queue_schema::client::Forgotten;
use queue_schema::effects::{DeadClass, Effect, Effects};
use queue_schema::ids::{JobId, ReviewId, SweepId};
use queue_schema::jobs::Facts;
use queue_schema::jobs::facts::FactsStage;
use queue_schema::keys;
use queue_schema::records::ReviewRecord;
use queue_schema::rows::{ReviewRow, Row};
use queue_schema::sweep::TargetStatus;
use redis::Commands;
use scrum_tests::oracle;
use scrum_tests::redis::at;

/// A sweep whose one target is accepted, and whose facts are to be taken out.
async fn accepted() -> (Bed, SweepId) {
    let bed = Bed::new().await;
    let sweep = bed.sweep(1, &[], 1).await;
    let review = bed.claim(1).await.remove(0);
    let id = ReviewId::new(&sweep, 0);
    let effects = Effects::done()
        .with(Effect::AppendRow {
            sweep: sweep.clone(),
            stream: ReviewRow::STREAM,
            row_id: id.to_string(),
            json: "{}".into(),
        })
        .with(ReviewRecord::of(&id).accepted("text"))
        .enqueue(&Facts {
            sweep: sweep.clone(),
            target: 0,
            stage: FactsStage::Extract,
            provider: "p".into(),
        })
        .unwrap();
    assert!(bed.commit(&review, effects).await);
    assert_eq!(status(&bed, &sweep).await, (TargetStatus::Live, true));
    (bed, sweep)
}

/// How the target stands, and whether what its facts need is still there.
async fn status(bed: &Bed, sweep: &SweepId) -> (TargetStatus, bool) {
    oracle::check_sweep_counts(&bed.queue, sweep).await;
    let status = bed.queue.targets(sweep).await.unwrap()[0].1;
    (status, bed.conn().exists(at(keys::review_state(ReviewId::new(sweep, 0)))).unwrap())
}

async fn is_over(bed: &Bed, sweep: &SweepId) -> bool {
    bed.queue.sweep_status(sweep).await.unwrap().unwrap().is_over()
}

#[tokio::test]
async fn a_job_that_dies_over_facts_leaves_its_target_resolved_and_can_be_retried() {
    let (bed, sweep) = accepted().await;
    let letter = JobId::from(format!("{sweep}-0.facts.extract"));
    for _ in 0..2 {
        let facts = bed.claim_in("facts:p").await;
        assert!(bed.commit(&facts, Effects::dead(DeadClass::Fatal, "why")).await);
        assert_eq!(status(&bed, &sweep).await, (TargetStatus::Resolved, true));
        assert!(is_over(&bed, &sweep).await);
        assert_eq!(bed.queue.revive(&letter, None).await.unwrap(), 1);
        assert_eq!(status(&bed, &sweep).await, (TargetStatus::Live, true));
        assert!(!is_over(&bed, &sweep).await, "a sweep is over when its facts are");
    }
    let facts = bed.claim_in("facts:p").await;
    assert!(bed.commit(&facts, Effects::dead(DeadClass::Fatal, "why")).await);
    assert!(bed.queue.discard(&letter).await.unwrap());
    assert_eq!(status(&bed, &sweep).await, (TargetStatus::Resolved, false));
    bed.check_clean().await;
}

#[tokio::test]
async fn a_cancelled_sweep_keeps_what_is_accepted_and_drops_its_facts() {
    let (bed, sweep) = accepted().await;
    assert!(bed.queue.cancel_sweep(&sweep).await.unwrap());
    assert!(bed.claim(1).await.is_empty(), "its facts are dropped");
    assert_eq!(status(&bed, &sweep).await, (TargetStatus::Resolved, false));
    bed.check_clean().await;

    // The same for a job that runs: what it asks for is dropped, or it dies.
    for effects in [
        Effects::done()
            .enqueue(&Facts {
                sweep: SweepId::default(),
                target: 0,
                stage: FactsStage::Verify,
                provider: "p".into(),
            })
            .unwrap(),
        Effects::dead(DeadClass::Fatal, "why"),
    ] {
        let (bed, sweep) = accepted().await;
        let facts = bed.claim_in("facts:p").await;
        assert!(bed.queue.cancel_sweep(&sweep).await.unwrap());
        let mut effects = effects;
        for effect in &mut effects.list {
            if let Effect::Enqueue(job) = effect {
                job.sweep.clone_from(&sweep);
            }
        }
        assert!(bed.commit(&facts, effects).await);
        assert_eq!(status(&bed, &sweep).await, (TargetStatus::Resolved, false));
        bed.check_clean().await;
    }
}

#[tokio::test]
async fn an_accepted_target_that_no_job_is_about_is_resolved_and_not_reviewed_again() {
    let (bed, sweep) = accepted().await;
    let mut conn = bed.conn();
    let job = format!("{sweep}-0.facts.extract");
    for key in [keys::job(&job), keys::body(&job), keys::queue("facts", format!("p:1|{sweep}"))] {
        conn.del::<_, ()>(at(key)).unwrap();
    }
    conn.srem::<_, _, ()>(at(keys::jobs(&sweep)), &job).unwrap();
    conn.zrem::<_, _, ()>(at(keys::ring("facts:p")), format!("1|{sweep}")).unwrap();
    conn.hdel::<_, _, ()>(at(keys::READY), "facts:p").unwrap();
    let check = bed.queue.check_all(true).await.unwrap();
    assert_eq!(check.faults.len(), 1, "{check:?}");
    assert_eq!((check.faults[0].kind.as_str(), check.faults[0].mended), ("target", true));
    assert_eq!(status(&bed, &sweep).await, (TargetStatus::Resolved, false));
    assert!(is_over(&bed, &sweep).await);
    bed.check_clean().await;
}

#[tokio::test]
async fn what_facts_leave_is_forgotten_with_their_sweep() {
    let (bed, sweep) = accepted().await;
    let facts = bed.claim_in("facts:p").await;
    let effects = Effects::dead(DeadClass::Fatal, "why").with(Effect::Put {
        key: keys::without_facts(&sweep),
        field: "0".into(),
        value: "why".into(),
    });
    assert!(bed.commit(&facts, effects).await);
    let gone = bed.queue.forget_sweep(&sweep, 100).await.unwrap();
    assert_eq!(gone, Forgotten::Gone { jobs: 1 });
    let left: Vec<String> = bed.conn().keys(at(format!("*{sweep}*"))).unwrap();
    assert_eq!(left, Vec::<String>::new());
}

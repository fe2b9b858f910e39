//! A stage that the product does not have, run by the real runtime over the real scripts: three votes on each target
//! meet at a barrier, and a tally makes the row. It is made of a kind, a handler and a kind of row. No script knows it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::client::{ClaimedJob, Queue, SweepState};
use queue_schema::effects::{DeadClass, Effect, Effects, NewJob, Priority};
use queue_schema::envelope::{DecodeError, Envelope};
use queue_schema::ids::{JobId, ReviewId, SweepId};
use queue_schema::jobs::{JobKind, Plan, Pool, Review};
use queue_schema::rows::Row;
use queue_schema::sweep::{Target, TargetStatus};
use scrum_config::{LoadOptions, Settings};
use scrum_fleet::runtime::{self, Handler, HandlerError, WorkerOptions};
use scrum_tests::redis::RedisServer;
use scrum_tests::{oracle, requests};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::time::Duration;

const TARGETS: u32 = 4;
const VOTES: u32 = 3;
/// The target on which a vote dies.
const DEADLY: u32 = 3;
const LONG: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Vote {
    sweep: SweepId,
    target: u32,
    member: u32,
}

impl JobKind for Vote {
    const KIND: &'static str = "toyvote";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Provider;
    fn id(&self) -> JobId {
        format!("{}-{}.toyvote.{}", self.sweep, self.target, self.member).into()
    }
    fn lane(&self) -> String {
        "toyvote:somebody".into()
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        Some(self.target)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Tally {
    sweep: SweepId,
    target: u32,
}

impl JobKind for Tally {
    const KIND: &'static str = "toytally";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::None;
    fn id(&self) -> JobId {
        format!("{}-{}.toytally", self.sweep, self.target).into()
    }
    fn lane(&self) -> String {
        Self::KIND.into()
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        Some(self.target)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TallyRow {
    review_id: ReviewId,
    yes: u32,
}

impl Row for TallyRow {
    const STREAM: &'static str = "toy_tallies";
    fn row_id(&self) -> String {
        self.review_id.to_string()
    }
}

/// What the stage is: all of it.
#[derive(Debug, Clone)]
struct Toy;

impl Toy {
    fn review(job: &Review) -> Result<Effects, serde_json::Error> {
        let (sweep, target) = (job.sweep.clone(), job.target);
        let tally = NewJob::of(&Tally { sweep: sweep.clone(), target })?;
        let name = format!("{}.toyvotes", ReviewId::new(&sweep, target));
        let mut effects = Effects::done().with(Effect::Barrier { name, size: VOTES, then: tally });
        for member in 0..VOTES {
            effects = effects.enqueue(&Vote { sweep: sweep.clone(), target, member })?;
        }
        Ok(effects)
    }

    fn vote(job: &Vote) -> Effects {
        if job.target == DEADLY && job.member == 1 {
            return Effects::dead(DeadClass::Fatal, "a vote that can't be cast");
        }
        let review = ReviewId::new(&job.sweep, job.target);
        let value = if job.member == 0 { "no" } else { "yes" };
        Effects::done()
            .with(Effect::Put {
                key: queue_schema::keys::review_state(&review),
                field: format!("toy{}", job.member),
                value: value.into(),
            })
            .with(Effect::Arrive { name: format!("{review}.toyvotes"), member: job.member })
    }

    fn tally(job: &Tally) -> Result<Effects, serde_json::Error> {
        let review_id = ReviewId::new(&job.sweep, job.target);
        let key = queue_schema::keys::review_state(&review_id);
        let row = TallyRow { review_id, yes: VOTES - 1 };
        let (sweep, target) = (job.sweep.clone(), job.target);
        let done = Effects::done().append_row(&job.sweep, &row)?.with(Effect::Delete { key });
        Ok(done.with(Effect::Settle { sweep, target, status: TargetStatus::Resolved }))
    }
}

fn page(sweep: &SweepId) -> Effect {
    let target = |n: u32| Target {
        path: format!("src/file_{n}.rs"),
        blob: "0".repeat(40),
        bytes: 1,
        skip: None,
    };
    let targets = (0..TARGETS).map(target).collect();
    Effect::PlanTargets { sweep: sweep.clone(), first: 0, targets }
}

fn handle(job: ClaimedJob) -> Result<Effects, HandlerError> {
    let envelope = Envelope::decode(&job.body.map_err(DecodeError::from)?)?;
    Ok(match envelope.kind.as_str() {
        Plan::KIND => {
            let sweep = envelope.payload::<Plan>()?.sweep;
            Effects::done().with(page(&sweep)).with(Effect::PlanDone { sweep })
        }
        Review::KIND => Toy::review(&envelope.payload()?)?,
        Vote::KIND => Toy::vote(&envelope.payload()?),
        _ => Toy::tally(&envelope.payload()?)?,
    })
}

impl Handler for Toy {
    fn handle(
        &self,
        job: ClaimedJob,
    ) -> impl Future<Output = Result<Effects, HandlerError>> + Send + 'static {
        std::future::ready(handle(job))
    }
}

/// Works until the sweep is over.
async fn work(queue: &Queue, sweep: &SweepId) {
    let settings = Settings::load(LoadOptions::default()).unwrap().queue;
    let options = WorkerOptions { concurrency: 8, grace: LONG, ..WorkerOptions::default() };
    let over = async |queue: Queue, sweep: SweepId| {
        let deadline = std::time::Instant::now() + LONG;
        while !queue.sweep_status(&sweep).await.unwrap().unwrap().is_over() {
            assert!(std::time::Instant::now() < deadline, "the sweep does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let stop = over(queue.clone(), sweep.clone());
    let never = std::future::pending();
    runtime::run(settings, queue.clone(), Toy, options, stop, never).await.unwrap();
}

/// Keys whose names hold the sweep's id.
fn keys_of(server: &RedisServer, sweep: &str) -> Vec<String> {
    let all: Vec<String> = server.connection().ask(&["KEYS", "*"]);
    all.into_iter().filter(|key| key.contains(sweep)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_stage_runs_dies_and_is_forgotten_without_a_change_of_a_script() {
    let server = RedisServer::alone();
    let queue = oracle::queue(&server.url()).await;
    let spec = requests::sweep_spec(1, 2);
    let (sweep, _) = queue.create_sweep(&spec, &[], Priority::Normal).await.unwrap();
    work(&queue, &sweep).await;
    let status = queue.sweep_status(&sweep).await.unwrap().unwrap();
    assert_eq!(status.state, SweepState::Done);
    assert_eq!((status.resolved, status.unresolved), (3, 1), "{status:?}");
    let rows: Vec<TallyRow> = queue.rows(&sweep).await.unwrap();
    let mut reviews: Vec<_> = rows.iter().map(|row| row.review_id.clone()).collect();
    reviews.sort();
    assert_eq!(reviews, (0..3).map(|n| ReviewId::new(&sweep, n)).collect::<Vec<_>>());
    assert!(rows.iter().all(|row| row.yes == 2));
    oracle::check_jobs(&mut server.connection());
    let check = queue.check_all(false).await.unwrap();
    assert_eq!(check.faults, [], "{check:?}");

    // A person discards the letter and forgets the sweep: nothing of the stage stays.
    assert!(queue.discard(&format!("{sweep}-{DEADLY}.toyvote.1").into()).await.unwrap());
    queue.forget_sweep(&sweep, 100).await.unwrap();
    // A kind of row is one line in `STREAMS`, which this one is not in.
    let rows = |key: &String| key.contains(TallyRow::STREAM);
    let left: Vec<_> = keys_of(&server, &sweep).into_iter().filter(|key| !rows(key)).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_sweep_leaves_no_state_of_a_new_stage() {
    let server = RedisServer::alone();
    let queue = oracle::queue(&server.url()).await;
    let spec = requests::sweep_spec(2, 2);
    let (sweep, _) = queue.create_sweep(&spec, &[], Priority::Normal).await.unwrap();
    let claim = async |lane: &str, serial: u32| {
        let request = queue_schema::client::ClaimRequest {
            worker: "w".into(),
            request: format!("w/{serial}"),
            want: 1,
            lanes: vec![lane.to_owned()],
            ..queue_schema::client::ClaimRequest::default()
        };
        queue.claim(&request).await.unwrap().jobs.remove(0)
    };
    let commit = async |job: &ClaimedJob, effects: Effects| {
        let commit = queue_schema::client::Commit { lease: job.lease.clone(), effects };
        assert!(queue.commit(&[commit]).await.unwrap()[0]);
    };
    for (serial, lane) in ["plan", "review", "toyvote:somebody"].into_iter().enumerate() {
        let job = claim(lane, u32::try_from(serial).unwrap()).await;
        let effects = Toy.handle(job.clone()).await.unwrap();
        commit(&job, effects).await;
    }
    let state = queue_schema::keys::review_state(ReviewId::new(&sweep, 0));
    let own = |key: &String| key.contains("toyvotes") || key.ends_with(&state);
    assert_eq!(keys_of(&server, &sweep).iter().filter(|key| own(key)).count(), 3, "bar, barm, rev");
    assert!(queue.cancel_sweep(&sweep).await.unwrap());
    // Claims drop what waits, and with the last job of a target what it has gathered.
    for serial in 10..20 {
        let request = queue_schema::client::ClaimRequest {
            worker: "w".into(),
            request: format!("w/{serial}"),
            want: 8,
            ..queue_schema::client::ClaimRequest::default()
        };
        assert!(queue.claim(&request).await.unwrap().jobs.is_empty());
    }
    let left: Vec<_> = keys_of(&server, &sweep).into_iter().filter(own).collect();
    assert_eq!(left, Vec::<String>::new());
}

//! A queue with sweeps in it, worked by hand.

use queue_schema::client::{ClaimRequest, ClaimedJob, Commit, Queue};
use queue_schema::effects::{Effect, Effects, NewJob, Priority};
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::jobs::{Rung, Shard};
use queue_schema::keys;
use queue_schema::rows::{ReviewRow, Row};
use queue_schema::sweep::{SweepSpec, Target, TargetStatus};
use scrum_tests::oracle;
use scrum_tests::redis::{Look, RedisServer};
use scrum_tests::requests;
use std::cell::Cell;

/// Prefix of the keys.
pub const P: &str = "{scrum:0}:";

pub struct Bed {
    server: RedisServer,
    pub queue: Queue,
    serial: Cell<u32>,
}

impl Bed {
    pub async fn new() -> Self {
        let server = RedisServer::with_fsync("no");
        let queue = oracle::queue(&server.url()).await;
        Self { server, queue, serial: Cell::new(0) }
    }

    pub fn conn(&self) -> Look {
        self.server.connection()
    }

    pub fn max_memory(&self, bytes: u64) {
        let mut cmd = redis::cmd("CONFIG");
        cmd.arg("SET").arg("maxmemory").arg(bytes).query::<()>(&mut self.conn()).unwrap();
    }

    pub fn request(&self, want: u32) -> ClaimRequest {
        self.serial.set(self.serial.get() + 1);
        let request = format!("w/{}", self.serial.get());
        ClaimRequest { worker: "w".into(), request, want, ..ClaimRequest::default() }
    }

    pub async fn claim(&self, want: u32) -> Vec<ClaimedJob> {
        self.queue.claim(&self.request(want)).await.unwrap().jobs
    }

    pub async fn claim_in(&self, lane: &str) -> ClaimedJob {
        let request = ClaimRequest { lanes: vec![lane.to_owned()], ..self.request(1) };
        self.queue.claim(&request).await.unwrap().jobs.remove(0)
    }

    pub async fn commit(&self, job: &ClaimedJob, effects: Effects) -> bool {
        let commit = Commit { lease: job.lease.clone(), effects };
        self.queue.commit(&[commit]).await.unwrap()[0]
    }

    /// A planned sweep of so many targets, in work or done; returns its id.
    pub async fn sweep(&self, n: u8, documents: &[(String, String)], targets: u32) -> SweepId {
        let (id, _) = self.queue.create_sweep(&spec(n), documents, Priority::Normal).await.unwrap();
        let plan = self.claim_in("plan").await;
        let effects = Effects::done()
            .with(page(&id, 0, targets))
            .with(Effect::PlanDone { sweep: id.clone() });
        assert!(self.commit(&plan, effects).await);
        id
    }

    /// The job's target is accepted.
    pub async fn resolve(&self, sweep: &SweepId, job: &ClaimedJob) {
        let review = job.lease.job.review().unwrap();
        let effects = Effects::done()
            .with(Effect::AppendRow {
                sweep: sweep.clone(),
                stream: ReviewRow::STREAM,
                row_id: review.to_string(),
                json: "{}".into(),
            })
            .with(Effect::Settle {
                sweep: sweep.clone(),
                target: review.target().unwrap(),
                status: TargetStatus::Resolved,
            });
        assert!(self.commit(job, effects).await);
    }

    /// The job's target goes on by shards.
    pub async fn split(&self, sweep: &SweepId, target: u32, job: &ClaimedJob, of: u32) {
        let sweep = sweep.clone();
        let provider = "p".to_owned();
        let rung = Rung {
            sweep: sweep.clone(),
            target,
            rung: 0,
            attempt: 1,
            provider: "p".into(),
            passed: 0,
        };
        let mut effects = Effects::done()
            .with(Effect::Put {
                key: keys::review_state(ReviewId::new(&sweep, target)),
                field: "shards".into(),
                value: of.to_string(),
            })
            .with(Effect::Barrier {
                name: format!("{sweep}-{target}.shards"),
                size: of,
                then: NewJob::of(&rung).unwrap(),
            });
        for k in 0..of {
            let (sweep, provider) = (sweep.clone(), provider.clone());
            let shard =
                Shard { sweep, target, k, of, start: 0, end: 1, rung: 0, provider, round: 0 };
            effects = effects.enqueue(&shard).unwrap();
        }
        assert!(self.commit(job, effects).await);
    }

    /// The reconciler finds nothing, and neither does the oracle.
    pub async fn check_clean(&self) {
        let check = self.queue.check_all(false).await.unwrap();
        assert_eq!(check.faults, [], "{check:?}");
        oracle::check_jobs(&mut self.conn());
    }
}

/// A page of targets.
pub fn page(sweep: &SweepId, first: u32, count: u32) -> Effect {
    let target = |n: u32| Target {
        path: format!("src/file_{n}.rs"),
        blob: "0".repeat(40),
        bytes: 1,
        skip: None,
    };
    Effect::PlanTargets {
        sweep: sweep.clone(),
        first,
        targets: (first..first + count).map(target).collect(),
    }
}

/// One of several requests, with a window of 20.
pub fn spec(n: u8) -> SweepSpec {
    requests::sweep_spec(n, 20)
}

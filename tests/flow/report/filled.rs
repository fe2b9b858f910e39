//! A sweep of any size that nobody has reviewed: its rows are written through the client, as workers
//! write them.

use queue_schema::client::{ClaimRequest, ClaimedJob, Commit, Queue};
use queue_schema::effects::{DeadClass, Effect, Effects, Priority};
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::jobs::Plan;
use queue_schema::keys;
use queue_schema::rows::{Attempt, Finding, FindingKind, Outcome, ReviewRow, Row};
use queue_schema::sweep::{Target, TargetStatus};
use scrum_domain::parse::{Format, Parsed};
use scrum_domain::review::{self, Accepted, Pathway, RowLimits, Spent};
use scrum_tests::requests;

/// Targets that one commit plans.
const PLANNED: u32 = 1_000;
/// Jobs that one claim takes.
const CLAIMED: u32 = 200;

/// What became of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Left out by the plan.
    Skipped,
    /// Still in work.
    Open,
    /// In the dead-letter queue, with one attempt.
    Dead,
    /// Accepted without findings.
    Clean,
    /// Accepted with a finding.
    Telling,
    /// Accepted with a critical finding as well.
    Grave,
}

/// A sweep of `targets` files, the n-th with the fate that `fate` gives it.
pub struct Filled<F> {
    /// Sets sweeps of one test apart.
    pub number: u8,
    pub targets: u32,
    pub fate: F,
}

impl<F: Fn(u32) -> Fate> Filled<F> {
    /// Writes it; returns its id.
    pub async fn write(&self, queue: &Queue) -> SweepId {
        let spec = requests::sweep_spec(self.number, self.targets);
        let (id, _) = queue.create_sweep(&spec, &[], Priority::Normal).await.unwrap();
        let queue = &queue.of_sweep(&id);
        let mut serial = 0;
        for first in (0..self.targets).step_by(PLANNED as usize) {
            let plan = claim(queue, &mut serial, &["plan"]).await.remove(0);
            let end = (first + PLANNED).min(self.targets);
            let targets = (first..end).map(|n| self.target(n)).collect();
            let page = Effect::PlanTargets { sweep: id.clone(), first, targets };
            let effects = Effects::done().with(page);
            let effects = if end < self.targets {
                effects.enqueue(&Plan { sweep: id.clone(), first: end }).unwrap()
            } else {
                effects.with(Effect::PlanDone { sweep: id.clone() })
            };
            assert!(queue.commit(&[Commit { lease: plan.lease, effects }]).await.unwrap()[0]);
        }
        loop {
            let jobs = claim(queue, &mut serial, &[]).await;
            if jobs.is_empty() {
                return id;
            }
            let commits: Vec<Commit> = jobs
                .into_iter()
                .filter_map(|job| {
                    let target = job.lease.job.review()?.target()?;
                    Some(Commit { lease: job.lease, effects: self.effects(&id, target)? })
                })
                .collect();
            assert!(queue.commit(&commits).await.unwrap().iter().all(|done| *done));
        }
    }

    fn path_of(&self, target: u32) -> String {
        format!("src/{:?}_{target}.rs", (self.fate)(target)).to_lowercase()
    }

    fn target(&self, n: u32) -> Target {
        let skip = (self.fate)(n) == Fate::Skipped;
        let skip = skip.then(|| "not a text file (by its name)".to_owned());
        Target { path: self.path_of(n), blob: "0".repeat(40), bytes: 1, skip }
    }

    fn effects(&self, sweep: &SweepId, target: u32) -> Option<Effects> {
        let review = ReviewId::new(sweep, target);
        match (self.fate)(target) {
            Fate::Skipped | Fate::Open => None,
            Fate::Dead => {
                let tried = attempt(Outcome::Malformed, "no JSON", target);
                let value = serde_json::to_string(&tried).unwrap();
                let append = Effect::Append { key: keys::attempts(&review), value };
                Some(Effects::dead(DeadClass::Fatal, "it can't be read").with(append))
            }
            fate => {
                let row = row(sweep, target, &self.path_of(target), fate);
                let row = Effect::AppendRow {
                    sweep: sweep.clone(),
                    stream: ReviewRow::STREAM,
                    row_id: review.into(),
                    json: serde_json::to_string(&row).unwrap(),
                };
                let status = TargetStatus::Resolved;
                let settle = Effect::Settle { sweep: sweep.clone(), target, status };
                Some(Effects::done().with(row).with(settle))
            }
        }
    }
}

fn attempt(outcome: Outcome, reason: &str, target: u32) -> Attempt {
    Attempt {
        n: 1,
        rung: 0,
        provider: "stub".into(),
        model: "m".into(),
        outcome,
        reason: reason.into(),
        chars: 500,
        answer_preview: format!("answer of target {target}."),
        answer_sha256: None,
        tokens_in: 10,
        tokens_out: 10,
        cost_usd: None,
        duration_ms: 5,
        cached: false,
        masked: 0,
    }
}

fn row(sweep: &SweepId, target: u32, path: &str, fate: Fate) -> ReviewRow {
    let finding = |text: String, kind| Finding {
        quote: Some("let x = 1;".into()),
        line: Some(7),
        end_line: Some(7),
        anchored: true,
        confidence: Some(80),
        ..Finding::new(kind, text)
    };
    let mut findings = Vec::new();
    if fate != Fate::Clean {
        findings.push(finding(format!("swallows error {target}"), FindingKind::Suggestion));
    }
    if fate == Fate::Grave {
        findings.push(finding("loses data".into(), FindingKind::CriticalFailure));
    }
    let parsed = Parsed {
        format: Format::Markdown,
        alignment_score: Some(6.0),
        verdict: None,
        findings,
        counts: None,
        cut: false,
    };
    review::row(&Accepted {
        reviewed_at: "2026-01-02T03:04:05Z",
        sweep_id: sweep,
        review_id: &format!("{sweep}-{target}"),
        repo: "/r",
        commit: &"0".repeat(40),
        path,
        blob: &"0".repeat(40),
        answer: &format!("answer of target {target}."),
        parsed: &parsed,
        attempts: &[attempt(Outcome::Accepted, "", target)],
        spent_around: Spent::default(),
        shards_total: 0,
        shards_missing: &[],
        shards_shortened: 0,
        encoding: "",
        top_chunks: &[],
        shards_masked: 0,
        retrieval: "none",
        type_hints: &[],
        pathway: &Pathway::default(),
        limits: RowLimits::default(),
    })
}

async fn claim(queue: &Queue, serial: &mut u32, lanes: &[&str]) -> Vec<ClaimedJob> {
    *serial += 1;
    let request = ClaimRequest {
        worker: "w".into(),
        request: format!("w/{serial}"),
        want: CLAIMED,
        lanes: lanes.iter().map(|&lane| lane.to_owned()).collect(),
        ..ClaimRequest::default()
    };
    queue.claim(&request).await.unwrap().jobs
}

//! What tests ask of the queue when the work itself does not matter.

use queue_schema::client::{CallEnding, EndedCall, Exchange, Pauses, PoolLimits};
use queue_schema::effects::{NewJob, Priority};
use queue_schema::ids::{SweepId, WorkerId};
use queue_schema::limits::{AcceptLimits, DocumentLimits, HintLimits, HistoryLimits, TierLimits};
use queue_schema::sweep::{
    DiffBounds, DiffSpec, Ladder, Limits, Policy, Reviewer, SplitMode, SweepSpec,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A job of no sweep.
pub fn plain_job(name: &str, lane: &str) -> NewJob {
    NewJob {
        id: name.into(),
        lane: lane.to_owned(),
        priority: Priority::Normal,
        sweep: SweepId::default(),
        target: None,
        delay_ms: 0,
        max_attempts: None,
        body: "{}".to_owned(),
    }
}

/// The n-th of several requests, with its window.
pub fn sweep_spec(n: u8, admission_window: u32) -> SweepSpec {
    let ladder = Ladder { name: "l".to_owned(), description: String::new(), rungs: Vec::new() };
    SweepSpec {
        v: 1,
        repo: format!("repo{n}"),
        identity: String::new(),
        rev: "HEAD".to_owned(),
        commit: "0".repeat(40),
        globs: Vec::new(),
        prd: None,
        proposal: None,
        hints: None,
        forensic: None,
        ladder: ladder.clone(),
        shard_ladder: ladder,
        policy: Policy::Auto,
        embedding: String::new(),
        local: Vec::new(),
        facts: None,
        confirm: None,
        diff: None,
        audit: None,
        calibration: Vec::new(),
        expected: None,
        schedule: None,
        limits: Limits {
            split_over_bytes: 1,
            shard_bytes: 1,
            max_file_bytes: 1,
            max_targets: 0,
            admission_window,
            plan_page: 2000,
            transient_retries: 1,
            empty_retries: 0,
            max_findings: 5,
            max_tokens: 1,
            shard_max_tokens: 1,
            temperature: 0.0,
            top_chunks: 1,
            split: SplitMode::Syntax,
            split_version: 1,
            chained: false,
            markdown_policy: queue_schema::sweep::MarkdownPolicy::default(),
            notes_chars: 0,
            accept: AcceptLimits::default(),
            tiers: TierLimits::default(),
            documents: DocumentLimits::default(),
            history: HistoryLimits::default(),
            hints: HintLimits::default(),
            memory: None,
        },
        labels: BTreeMap::new(),
        again: 0,
    }
}

/// What a worker says to a pool that it wants `want` places of.
pub fn exchange<'a>(
    pool: &'a str,
    worker: &'a WorkerId,
    serial: u64,
    held: u32,
    want: u32,
) -> Exchange<'a> {
    let pauses = Pauses {
        first: Duration::from_millis(500),
        longest: Duration::from_secs(5),
        told: Duration::from_secs(3600),
    };
    let limits = PoolLimits::default();
    Exchange { pool, worker, serial, held, want, ended: &[], limits, pauses }
}

/// A call of a second.
pub fn ended(epoch: u64, how: CallEnding) -> EndedCall {
    EndedCall { epoch, how, took: Duration::from_secs(1), units: 100 }
}

/// The same, about a change that one reviewer reads.
pub fn diff_spec(spec: SweepSpec) -> SweepSpec {
    let bounds = DiffBounds {
        split_over_bytes: 1,
        warn_over_bytes: 1,
        refuse_over_bytes: 1,
        force: false,
        context_bytes: 0,
        max_hints: 0,
        max_tokens: 1,
        max_findings: 1,
        retries: 0,
    };
    let reviewers = vec![Reviewer { name: "r".to_owned(), ladder: spec.ladder.clone() }];
    let diff = DiffSpec { base: "1".repeat(40), reviewers, bounds, claims: None, post: None };
    SweepSpec { diff: Some(diff), ..spec }
}

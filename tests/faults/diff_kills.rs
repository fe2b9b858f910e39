//! `kill -9` while a change is reviewed: at every step boundary nothing is lost, and nothing is paid for twice but an
//! answer that nobody had kept yet.

use crate::common::{LONG, each};
use crate::victim::{Boundary, Shift};
use queue_schema::client::SweepState;
use queue_schema::ids::SweepId;
use queue_schema::rows::{DiffFinding, DiffReview};
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::proxy::Proxy;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::collections::BTreeSet;

/// A change of two parts: `one` is reviewed, `two` dies with the reviewer that answers nothing.
fn repo() -> TestRepo {
    let repo = TestRepo::new();
    let body = |n: u32| {
        let comment =
            format!("// Made for {n}, so that the change is longer than a part may be.\n");
        format!("{}pub const LIMIT: u32 = {n};\n", comment.repeat(12))
    };
    for (part, n) in [("one", 1), ("two", 1), ("one", 2), ("two", 2)] {
        repo.write(&format!("{part}/lib.rs"), body(n).as_bytes());
        if part == "two" {
            repo.commit("step");
        }
    }
    repo
}

/// `a` says nothing at first, so that `b` speaks for the first reviewer; `dies` has nothing to say of `two`.
fn stub() -> ModelStub {
    ModelStub::with(|call: &Recorded| {
        let two = call.prompt.contains("two/lib.rs");
        if call.model == "a" || (call.model == "dies" && two) {
            return Reply::ok(answers::thin());
        }
        let part = if two { "two" } else { "one" };
        Reply::ok(format!(
            "SEVERITY: WARN\nWHERE: {part}/lib.rs:13\nQUOTE: `pub const LIMIT: u32 = 2;`\nWHAT: the limit is raised \
             and its users still take 1\nWHY: arrays of the old size overflow\n\nVERDICT: ship-with-fixes, \
             look at the users\n"
        ))
    })
}

struct Run {
    calls: usize,
    boundaries: Vec<Boundary>,
    findings: BTreeSet<String>,
}

/// One review; the first worker dies at `at`, and another one finishes.
fn run(at: Option<Boundary>) -> Run {
    let (repo, stub, server) = (repo(), stub(), RedisServer::alone());
    server.load_scripts();
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["a", "b"])
        .short_leases()
        .set("queue.commit_batch", "1")
        .set("sweep.empty_retries", "0")
        .set("diff.retries", "0")
        .set("diff.split_over_bytes", "1000")
        .set("worker.prepare_ahead", "false");
    let (path, ladder) = (repo.path().to_str().unwrap(), bench.ladder());
    let climbs = format!("climbs={}", ladder.display());
    let args =
        ["diff", path, "HEAD", "--reviewer", &climbs, "--reviewer", "dies=stub/dies", "--quiet"];
    let mut command = bench.scrum(&args).spawn().unwrap();
    let proxy = Proxy::to(server.socket());
    let shift = Shift::killed_at(&bench, &proxy, at);
    // A part without its two answers is not reviewed.
    let code = eventually(LONG, "the command ends", || command.try_wait().unwrap());
    assert!([Some(0), Some(2)].contains(&code.code()), "{at:?}: {code}");
    let rows = look(&server, at);
    Run { calls: stub.requests().len(), boundaries: shift.passed(), findings: rows }
}

/// The reviews that there must be, whoever died; returns the findings.
#[tokio::main(flavor = "current_thread")]
async fn look(server: &RedisServer, at: Option<Boundary>) -> BTreeSet<String> {
    let queue = oracle::queue(&server.url()).await;
    let id: SweepId = queue.latest_sweeps(1).await.unwrap().remove(0);
    let s = oracle::check_sweep_counts(&queue, &id).await;
    assert_eq!((s.state, s.resolved, s.unresolved), (SweepState::Done, 3, 1), "{at:?}");
    let mut conn = server.connection();
    let jobs = eventually(LONG, "the tally is made", || oracle::check_jobs_if_still(server));
    assert_eq!(jobs.get("dead"), Some(&1), "{at:?}: {jobs:?}");
    oracle::check_targets(&mut conn, &id);
    let rows: Vec<DiffReview> = queue.rows(&id).await.unwrap();
    let who: BTreeSet<_> = rows.iter().map(|r| (r.files.clone(), r.reviewer.clone())).collect();
    assert_eq!((rows.len(), who.len()), (3, 3), "{at:?}");
    for row in &rows {
        let made = if row.reviewer == "climbs" { 2 } else { 1 };
        assert_eq!(row.attempts.len(), made, "{at:?}: {row:?}");
    }
    let check = queue.check_all(false).await.unwrap();
    assert_eq!(check.faults, [], "{at:?}: {check:?}");
    let found: Vec<DiffFinding> = queue.rows(&id).await.unwrap();
    found.into_iter().map(|f| format!("{}: {}", f.bundle, f.reviewers.join(" "))).collect()
}

#[test]
fn a_worker_killed_while_a_change_is_reviewed_costs_one_step_at_most() {
    let whole = run(None);
    assert_eq!(whole.calls, 6, "two attempts for one reviewer, one for the other, in two parts");
    assert_eq!(whole.findings.len(), 2, "{:?}", whole.findings);
    println!("figure: {} boundaries, {} calls", whole.boundaries.len(), whole.calls);
    each(whole.boundaries.clone(), 4, |at| {
        let other = run(Some(at));
        // Only an answer that was not kept yet is paid for again.
        let again = usize::from(matches!(at, Boundary::BeforeKeep(_)));
        assert_eq!(other.calls, whole.calls + again, "model calls when killed at {at:?}");
        assert_eq!(other.findings, whole.findings, "{at:?}");
    });
}

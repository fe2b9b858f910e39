//! `kill -9` while findings are put to the vote: at every step boundary the verdict is the same, and it is written once.

use crate::common::{LONG, each};
use crate::victim::{Boundary, Shift};
use queue_schema::client::SweepState;
use queue_schema::ids::{MemoryId, SweepId};
use queue_schema::rows::{AuditConsensusRow, AuditVerdict, ReviewRow};
use scrum_tests::model_stub::{ModelStub, Recorded, Reply};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::proxy::Proxy;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;

/// A review with one finding, on which the voters split: the tie-breaker rejects it.
fn stub() -> ModelStub {
    ModelStub::with(|call: &Recorded| {
        let vote = |quote: &str, verdict: &str| {
            Reply::ok(format!(
                "FINDING: 1\nQUOTE: {quote}\nWHY: so it stands there\nVERDICT: {verdict}\n"
            ))
        };
        let line = "values[values.len()]";
        match call.model.as_str() {
            "v1" => vote(line, "upheld"),
            "v2" | "v4" => vote(line, "rejected"),
            "v3" => vote("None", "cant_tell"),
            _ => Reply::ok(format!(
                "## Findings\n1. Quote: `{line}`\n   Claim: `last` reads one value behind the end\n   Fails for: every \
                 slice, which panics and should not\n   Change: `values[values.len() - 1]`\n   Severity: major\n   \
                 Evidence: indexes begin at 0\n   Flag: OffByOne\n   Confidence: 85%\n\n## Verdict\nneeds_patch\n"
            )),
        }
    })
}

struct Run {
    calls: usize,
    boundaries: Vec<Boundary>,
}

/// One sweep that audits itself; the first worker dies at `at`, and another one finishes.
fn run(at: Option<Boundary>) -> Run {
    let (repo, stub, server) = (TestRepo::new(), stub(), RedisServer::alone());
    repo.write("src/a/x.rs", b"pub fn last(values: &[u8]) -> u8 {\n    values[values.len()]\n}\n");
    repo.commit("begin");
    server.load_scripts();
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .short_leases()
        .set("queue.commit_batch", "1")
        .set("worker.prepare_ahead", "false")
        .set("audit.voters.a", "stub/v1")
        .set("audit.voters.b", "stub/v2")
        .set("audit.voters.c", "stub/v3")
        .set("audit.tie_breaker", "stub/v4");
    let ladder = bench.ladder();
    let (path, ladder) = (repo.path().to_str().unwrap(), ladder.to_str().unwrap());
    let proxy = Proxy::to(server.socket());
    let args = [
        "sweep",
        path,
        "--ladder",
        ladder,
        "--audit",
        "--no-facts",
        "--no-confirm",
        "--wait",
        "--quiet",
    ];
    let mut command = bench.scrum(&args).spawn().unwrap();
    let shift = Shift::killed_at(&bench, &proxy, at);
    let code = eventually(LONG, "the command ends", || command.try_wait().unwrap());
    assert_eq!(code.code(), Some(0), "{at:?}");
    look(&server, at, path);
    Run { calls: stub.requests().len(), boundaries: shift.passed() }
}

/// What there must be, whoever died.
#[tokio::main(flavor = "current_thread")]
async fn look(server: &RedisServer, at: Option<Boundary>, path: &str) {
    let queue = oracle::queue(&server.url()).await;
    let id: SweepId = queue.latest_sweeps(1).await.unwrap().remove(0);
    let s = oracle::check_sweep_counts(&queue, &id).await;
    assert_eq!((s.state, s.resolved, s.unresolved), (SweepState::Done, 1, 0), "{at:?}");
    let mut conn = server.connection();
    oracle::check_targets(&mut conn, &id);
    let reviews: Vec<ReviewRow> = queue.rows(&id).await.unwrap();
    let audits: Vec<AuditConsensusRow> = queue.rows(&id).await.unwrap();
    let ([_], [audit]) = (&reviews[..], &audits[..]) else { panic!("{at:?}: {audits:?}") };
    let finding = &audit.findings[0];
    assert_eq!((finding.verdict, finding.voters), (AuditVerdict::Rejected, 4), "{at:?}: {audit:?}");
    assert_eq!((audit.tie_broken, audit.voters.len()), (true, 4), "{at:?}: {audit:?}");
    let spec = queue.sweep_spec(&id).await.unwrap().unwrap();
    let memory = MemoryId::of(&spec.identity);
    let known = queue.findings_of(&memory, &["src/a/x.rs"]).await.unwrap().remove(0);
    let kept = known.all[0].audit().unwrap();
    assert_eq!(kept.verdict, AuditVerdict::Rejected, "{at:?} {path}");
    // The trust in the model that said it is counted once.
    let ledger = queue.trust().await.unwrap();
    let rejected: u64 = ledger.values().filter_map(|counts| counts.get("audit_rejected")).sum();
    assert_eq!(rejected, 1, "{at:?}: {ledger:?}");
    let check = queue.check_all(false).await.unwrap();
    assert_eq!(check.faults, [], "{at:?}: {check:?}");
}

#[test]
fn a_worker_killed_while_findings_are_voted_on_costs_one_step_at_most() {
    let whole = run(None);
    assert_eq!(whole.calls, 5, "a review, three votes and the tie-breaker's");
    println!("figure: {} boundaries, {} calls", whole.boundaries.len(), whole.calls);
    each(whole.boundaries.clone(), 4, |at| {
        let other = run(Some(at));
        // Only an answer that was not kept yet is paid for again.
        let again = usize::from(matches!(at, Boundary::BeforeKeep(_)));
        assert_eq!(other.calls, whole.calls + again, "model calls when killed at {at:?}");
    });
}

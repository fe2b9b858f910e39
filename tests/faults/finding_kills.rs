//! `kill -9` while findings are followed from one sweep to the next: each look counts once, whoever died.

use crate::common::{done, each};
use crate::victim::{Boundary, Shift};
use queue_schema::ids::MemoryId;
use scrum_knowledge::{Ledger, Wanted};
use scrum_tests::clock::{repo, stub, write};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::proxy::Proxy;
use scrum_tests::redis::RedisServer;

/// Every finding of the repository: where, how it stands, how often it was looked for and seen.
#[tokio::main(flavor = "current_thread")]
async fn ledger(server: &RedisServer, memory: &MemoryId) -> Vec<String> {
    let queue = oracle::queue(&server.url()).await;
    let mut all = Ledger::of(&queue, memory, Wanted::default()).await.unwrap();
    let mut lines = Vec::new();
    loop {
        let page = all.next_page().await.unwrap();
        if page.is_empty() {
            lines.sort_unstable();
            return lines;
        }
        let line = |row: &queue_schema::rows::FindingRow| {
            format!("{} {} {} of {}", row.file, row.state.as_str(), row.seen, row.looked)
        };
        lines.extend(page.iter().map(line));
    }
}

/// Two sweeps of a repository, between which a fault was mended, a line was added and a file came. In the second one the
/// first worker dies at `at`, and another one finishes.
fn run(at: Option<Boundary>) -> (Vec<Boundary>, Vec<String>) {
    let (repo, stub, server) = (repo(&["KEPT", "MENDED"]), stub(), RedisServer::alone());
    server.load_scripts();
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .short_leases()
        .set("queue.commit_batch", "1")
        .set("queue.backoff_max_ms", "60")
        .set("queue.crash_limit", "100")
        .set("observe.enabled", "false")
        .set("worker.prepare_ahead", "false");
    let memory = MemoryId::of(&format!("root:{}", repo.git(&["rev-parse", "HEAD"])));
    let first = bench.enqueue(&repo);
    let worker = bench.worker(&[]);
    done(&server, &first, &repo);
    drop(worker);
    repo.write("kept.rs", b"// Of both.\npub const KEPT_LIMIT: usize = 10 + 1;\n");
    repo.write("mended.rs", b"pub const MENDED_LIMIT: usize = 10;\n");
    write(&repo, "NEW");
    repo.commit("later");
    let second = bench.enqueue(&repo);
    let proxy = Proxy::to(server.socket());
    let shift = Shift::killed_at(&bench, &proxy, at);
    let all = done(&server, &second, &repo);
    assert_eq!((all.sweep.resolved, all.sweep.unresolved), (3, 0), "{at:?}");
    (shift.passed(), ledger(&server, &memory))
}

#[test]
fn a_finding_is_looked_at_once_a_sweep_when_a_worker_is_killed_at_any_step_boundary() {
    let (boundaries, whole) = run(None);
    assert_eq!(whole, ["kept.rs open 2 of 2", "mended.rs fixed 1 of 2", "new.rs open 1 of 1"]);
    println!("figure: {} boundaries", boundaries.len());
    each(boundaries, 6, |at| {
        let (_, found) = run(Some(at));
        assert_eq!(found, whole, "killed at {at:?}");
    });
}

//! What is particular to a cluster; the other flow tests run on one as well, see the Makefile.

use super::LONG;
use queue_schema::ids::SweepId;
use queue_schema::keys::partition_of;
use scrum_tests::model_stub::answers::markdown_review;
use scrum_tests::model_stub::{Gate, ModelStub, Reply};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Process};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

/// A repository of its own content.
fn repo(i: usize, files: usize) -> TestRepo {
    let repo = TestRepo::new();
    for k in 0..files {
        let text = format!("//! Part {k} of {i}.\npub const N: usize = {};\n", i * 1000 + k);
        repo.write(&format!("src/part_{k}.rs"), text.as_bytes());
    }
    repo.commit("all");
    repo
}

/// Enqueues at least `least` sweeps of `files` files each, and more until they lie in three partitions and
/// on two nodes: where a sweep lies is decided by a hash of what differs from run to run.
fn enqueue_over_nodes(
    server: &RedisServer,
    bench: &Bench,
    least: usize,
    files: usize,
) -> Vec<(SweepId, TestRepo)> {
    // That so many lie on one node has a chance of one in 10^15.
    const MOST: usize = 32;
    let mut sweeps = Vec::new();
    let mut partitions = BTreeSet::new();
    for i in 0..MOST {
        let repo = repo(i, files);
        let id = bench.enqueue(&repo);
        partitions.insert(partition_of(&id, 16));
        sweeps.push((id, repo));
        let nodes = server.keys_by_node().iter().filter(|keys| **keys > 0).count();
        if sweeps.len() >= least && partitions.len() > 2 && nodes > 1 {
            return sweeps;
        }
    }
    panic!("{MOST} sweeps lie in {partitions:?}: {:?} keys by node", server.keys_by_node());
}

fn bench(server: &RedisServer, stub: &ModelStub, limits: &str) -> Bench {
    let provider = format!(
        "[providers.stub]\nwire = 'openai'\nbase_url = '{}'\nlocal = true\n{limits}\n",
        stub.openai_url()
    );
    let bench = Bench::new(Some(server.url()), &provider);
    let mut ladder = String::from("name = 't'\n");
    let _ = write!(ladder, "[[rungs]]\nprovider = 'stub'\nmodel = 'm'\n");
    std::fs::write(bench.ladder(), ladder).unwrap();
    bench
}

fn two_workers(bench: &Bench) -> [Process; 2] {
    [bench.worker(&["--concurrency", "8"]), bench.worker(&["--concurrency", "8"])]
}

async fn all_over(server: &RedisServer, sweeps: &[(SweepId, TestRepo)]) {
    let queue = oracle::queue(&server.url()).await;
    let deadline = std::time::Instant::now() + LONG;
    for (id, _) in sweeps {
        // A node that is down answers nothing.
        while !matches!(queue.sweep_status(id).await, Ok(Some(s)) if s.is_over()) {
            assert!(std::time::Instant::now() < deadline, "sweep {id} never ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let s = oracle::check_sweep(&queue, id).await;
        assert_eq!(s.resolved, s.total, "sweep {id}");
    }
    assert!(oracle::check_jobs(&mut server.connection()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_spread_over_the_nodes_and_a_limit_holds_over_all_of_them() {
    let server = RedisServer::cluster("everysec");
    let stub = ModelStub::with(|_| {
        Reply::ok(markdown_review("src/part_0.rs")).after(Duration::from_millis(15))
    });
    let bench = bench(&server, &stub, "concurrency = 3");
    let sweeps = enqueue_over_nodes(&server, &bench, 6, 8);
    let _workers = two_workers(&bench);
    all_over(&server, &sweeps).await;
    let said = bench.run(&["doctor"]).stdout;
    assert_eq!(said.matches("durability").count(), 3, "each node is judged: {said}");
    assert_eq!(stub.requests().len(), sweeps.len() * 8);
    // On a busy machine the third call may begin when the first one is over.
    assert!((2..=3).contains(&stub.stats().max_in_flight), "{:?}", stub.stats());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_holds_over_all_partitions() {
    let server = RedisServer::cluster("everysec");
    let stub = ModelStub::start(Reply::ok(markdown_review("src/part_0.rs")));
    // 600 a minute: 10 a second, and a bucket of 30.
    let bench = bench(&server, &stub, "concurrency = 16\nrate_per_minute = 600");
    let sweeps = enqueue_over_nodes(&server, &bench, 5, 12);
    let _workers = two_workers(&bench);
    all_over(&server, &sweeps).await;
    let calls = stub.requests();
    assert_eq!(calls.len(), sweeps.len() * 12);
    for (i, first) in calls.iter().enumerate() {
        for (n, last) in calls[i..].iter().enumerate() {
            let window = (last.at - first.at).as_secs_f64();
            let allowed = 30.0 + window * 10.0 + 1.0;
            assert!(n as f64 + 1.0 <= allowed, "{} calls within {window} s", n + 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_dies_and_comes_back_and_nothing_is_lost() {
    const FILES: usize = 12;
    let mut server = RedisServer::cluster("always");
    // A third of the calls for each node that dies: however long a restart takes, work is left for the
    // next one.
    let gates: [Gate; 3] = std::array::from_fn(|_| Gate::new());
    let held = gates.clone();
    let stub = ModelStub::with(move |call| {
        let gate = &held[((call.n - 1) / (2 * FILES)).min(2)];
        let reply = Reply::ok(markdown_review("src/part_0.rs"));
        reply.after(Duration::from_millis(40)).held_by(gate)
    });
    let bench = bench(&server, &stub, "concurrency = 6").short_leases();
    let sweeps = enqueue_over_nodes(&server, &bench, 6, FILES);
    let _workers = two_workers(&bench);
    for (node, gate) in gates.iter().enumerate() {
        gate.open();
        // Six calls may have waited at the gate.
        stub.wait_requests(node * 2 * FILES + 10).await;
        server.kill9_node(node);
        server.restart_node(node);
    }
    all_over(&server, &sweeps).await;
}

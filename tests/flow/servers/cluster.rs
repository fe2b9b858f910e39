//! What is particular to a cluster; the other flow tests run on one as well, see the Makefile.

use super::LONG;
use scrum_tests::model_stub::answers::markdown_review;
use scrum_tests::model_stub::{ModelStub, Reply};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Process};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

/// Repositories whose sweeps fall into several partitions: other content, other sweep ids.
fn repos(n: usize, files: usize) -> Vec<TestRepo> {
    let one = |i: usize| {
        let repo = TestRepo::new();
        for k in 0..files {
            let text = format!("//! Part {k} of {i}.\npub const N: usize = {};\n", i * 1000 + k);
            repo.write(&format!("src/part_{k}.rs"), text.as_bytes());
        }
        repo.commit("all");
        repo
    };
    (0..n).map(one).collect()
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

async fn all_over(server: &RedisServer, ids: &[String]) {
    let queue = oracle::queue(&server.url()).await;
    let deadline = std::time::Instant::now() + LONG;
    for id in ids {
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
    let repos = repos(6, 8);
    let ids: Vec<_> = repos.iter().map(|r| bench.enqueue(r)).collect();
    let parts: BTreeSet<_> =
        ids.iter().map(|id| queue_schema::keys::partition_of(id, 16)).collect();
    assert!(parts.len() > 2, "the ids chance into too few partitions: {parts:?}");
    let nodes: Vec<u64> = server.keys_by_node();
    assert!(nodes.iter().filter(|n| **n > 0).count() > 1, "{nodes:?}");
    let _workers = two_workers(&bench);
    all_over(&server, &ids).await;
    let said = bench.run(&["doctor"]).stdout;
    assert_eq!(said.matches("durability").count(), 3, "each node is judged: {said}");
    assert_eq!(stub.requests().len(), 48);
    assert_eq!(stub.stats().max_in_flight, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_holds_over_all_partitions() {
    let server = RedisServer::cluster("everysec");
    let stub = ModelStub::start(Reply::ok(markdown_review("src/part_0.rs")));
    // 600 a minute: 10 a second, and a bucket of 30.
    let bench = bench(&server, &stub, "concurrency = 16\nrate_per_minute = 600");
    let repos = repos(5, 12);
    let ids: Vec<_> = repos.iter().map(|r| bench.enqueue(r)).collect();
    let _workers = two_workers(&bench);
    all_over(&server, &ids).await;
    let calls = stub.requests();
    assert_eq!(calls.len(), 60);
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
    let mut server = RedisServer::cluster("always");
    let stub = ModelStub::with(|_| {
        Reply::ok(markdown_review("src/part_0.rs")).after(Duration::from_millis(40))
    });
    let bench = bench(&server, &stub, "concurrency = 6");
    let repos = repos(6, 12);
    let ids: Vec<_> = repos.iter().map(|r| bench.enqueue(r)).collect();
    let _workers = two_workers(&bench);
    for node in 0..3 {
        let seen = stub.requests().len();
        eventually(LONG, "work goes on", || (stub.requests().len() > seen + 5).then_some(()));
        server.kill9_node(node);
        server.restart_node(node);
    }
    all_over(&server, &ids).await;
}

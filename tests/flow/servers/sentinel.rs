//! A server and its replica, watched over by a Sentinel: the server dies, the replica takes over.

use super::{LONG, Server, acl, plain};
use scrum_tests::model_stub::answers::markdown_review;
use scrum_tests::model_stub::{ModelStub, Reply};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_goes_on_when_the_replica_takes_over() {
    let mut first = Server::start(plain);
    let with_role = acl::documented(Some("Behind Sentinels, add"));
    acl::set_user(&mut first.connection(), &with_role);
    let second = Server::start(|command, dir, port| {
        plain(command, dir, port);
        command.args(["--replicaof", "127.0.0.1", &first.port.to_string()]);
    });
    let mut replica = second.connection();
    acl::set_user(&mut replica, &with_role);
    eventually(LONG, "the replica is in step", || {
        let info: String = redis::cmd("INFO").arg("replication").query(&mut replica).unwrap();
        info.contains("master_link_status:up").then_some(())
    });
    let watch = Server::start(|command, dir, port| {
        let conf = dir.join("sentinel.conf");
        let watched = first.port;
        let lines = format!(
            "port {port}\nsentinel monitor main 127.0.0.1 {watched} 1\nsentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
        );
        std::fs::write(&conf, lines).unwrap();
        command.arg(conf).arg("--sentinel");
    });
    let mut sentinel = watch.connection();
    acl::set_user(&mut sentinel, &acl::documented_for_sentinels());
    eventually(LONG, "the Sentinel knows the replica", || {
        let known: Vec<redis::Value> =
            redis::cmd("SENTINEL").arg("replicas").arg("main").query(&mut sentinel).unwrap();
        (known.len() == 1).then_some(())
    });

    let stub = ModelStub::with(|_| {
        Reply::ok(markdown_review("src/part_0.rs")).after(Duration::from_millis(100))
    });
    let url = format!("redis+sentinel://scrum:s3cret@127.0.0.1:{}/main", watch.port);
    let bench = Bench::with_stub(Some(url.clone()), &stub.openai_url(), &["m"])
        .short_leases()
        .set("redis.sentinel_auth", "true");
    let repo = TestRepo::with_files(60);
    let id = bench.enqueue(&repo);
    let _workers = [bench.worker(&["--concurrency", "2"]), bench.worker(&["--concurrency", "2"])];
    let queue = oracle::queue(&url).await;
    eventually(LONG, "the sweep is under way", || (stub.requests().len() > 8).then_some(()));
    first.kill9();
    let deadline = std::time::Instant::now() + LONG;
    loop {
        // While nobody is the master, there is no answer.
        if let Ok(Some(s)) = queue.sweep_status(&id).await
            && s.is_over()
        {
            break;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "the sweep never ended: {}",
            bench.worker_log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let s = oracle::check_sweep(&queue, &id).await;
    assert_eq!((s.resolved, s.unresolved), (60, 0));
    assert!(oracle::check_jobs(&mut second.connection()).is_empty());
}

//! `kill -9` of Redis: with `appendfsync always` nothing that was acknowledged is lost; and the check
//! that says so does see a loss where there is one.

use crate::common::{LONG, Rng, done, repo, review_or_summary, started};
use crate::victim::kills_around_commits;
use queue_schema::effects::NewJob;
use scrum_tests::aof;
use scrum_tests::history::History;
use scrum_tests::model_stub::ModelStub;
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::proxy::{Point, Proxy, SentCommit};
use scrum_tests::redis::{RedisServer, ServerOptions};
use scrum_tests::requests::plain_job;
use scrum_tests::wait::eventually;
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Commits that Redis acknowledged and that the history does not hold.
fn lost<'a>(history: &History, commits: &'a [SentCommit]) -> Vec<&'a SentCommit> {
    let acknowledged = commits.iter().filter(|c| c.applied == Some(true));
    acknowledged.filter(|c| history.ending(&c.job, &c.token).is_none()).collect()
}

#[test]
fn fifty_kills_of_redis_in_one_sweep_lose_nothing_acknowledged() {
    const KILLS: usize = 50;
    let mut rng = Rng::new();
    let (repo, mut server) = (repo(200), RedisServer::alone());
    let stub = ModelStub::with(|call| review_or_summary(call).after(Duration::from_millis(2)));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .short_leases()
        .set("queue.commit_batch", "1")
        .set("queue.backoff_max_ms", "60")
        // An outage may be longer than the lease, for all workers alike.
        .set("queue.crash_limit", "100");
    let id = bench.enqueue(&repo);
    let proxy = Proxy::to(server.socket());
    let next = kills_around_commits(&proxy);
    let mut workers = [(); 2].map(|()| bench.worker_at(&proxy.url(), &["--concurrency", "4"]));
    started(&bench, 2);
    for _ in 0..KILLS {
        let point = if rng.within(0, 1) == 0 { Point::Before } else { Point::After };
        let at = proxy.count("commit") + rng.within(1, 5);
        *next.lock().unwrap() = Some((at, point, server.pid().unwrap()));
        eventually(LONG, "redis-server dies", || server.has_ended().then_some(()));
        // A kill in the middle of a write leaves half a step, as a power cut does.
        server.repair();
        server.restart();
    }
    let all = done(&server, &id, &repo);
    all.is_done();
    assert!(workers.iter_mut().all(|w| w.0.try_wait().unwrap().is_none()), "the workers live on");
    assert_eq!((all.sweep.resolved, all.sweep.unresolved), (201, 0));
    let commits = proxy.commits();
    let acknowledged = commits.iter().filter(|c| c.applied == Some(true)).count();
    assert_eq!(lost(&all.history, &commits), Vec::<&SentCommit>::new());
    let unheard = commits.iter().filter(|c| c.applied == Some(true) && !c.told).count();
    println!(
        "figure: {KILLS} kills, {acknowledged} commits acknowledged ({unheard} of them unheard), 0 lost, {} \
         leases ran out",
        all.history.taken_back().len()
    );

    // The control: the same check on a file that lacks the end of what was acknowledged.
    drop(workers);
    let last = aof::incremental_files(&server.appendonlydir()).pop().unwrap();
    let bytes = std::fs::read(&last).unwrap();
    let steps = aof::steps(&bytes);
    let mut so_far = History::default();
    let cut = steps.iter().rposition(|step| {
        // The last step in which a lease ends.
        step.commands.iter().any(|c| c[0] == b"XADD")
    });
    let cut = steps[cut.unwrap()].start;
    server.kill9();
    std::fs::write(&last, &bytes[..cut]).unwrap();
    steps.iter().take_while(|s| s.end <= cut).for_each(|s| so_far.replay(s));
    assert!(!lost(&so_far, &commits).is_empty(), "the check sees what is missing");
}

/// Makes every flush of the append-only file to the disk take long, as a busy disk does.
const SLOW_DISK: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n > 0) {
        path[n] = 0;
        if (strstr(path, ".incr.aof")) {
            close(open(getenv("SLOW_DISK_MARK"), O_CREAT | O_WRONLY, 0600));
            usleep(atoi(getenv("SLOW_DISK_MS")) * 1000);
        }
    }
    return syscall(SYS_fdatasync, fd);
}
"#;

fn slow_disk(dir: &Path) -> Option<String> {
    let (source, library) = (dir.join("slow.c"), dir.join("slow.so"));
    std::fs::write(&source, SLOW_DISK).unwrap();
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    built.is_ok_and(|s| s.success()).then(|| library.display().to_string())
}

fn job(name: &str) -> NewJob {
    plain_job(name, "none")
}

/// Jobs acknowledged while the disk is busy and then not there after a `kill -9`.
async fn lost_on_a_slow_disk(fsync: &'static str, library: &str, ms: u64) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("mark");
    let mut server = RedisServer::one(ServerOptions {
        fsync,
        env: vec![
            ("LD_PRELOAD".to_owned(), library.to_owned()),
            ("SLOW_DISK_MARK".to_owned(), mark.display().to_string()),
            ("SLOW_DISK_MS".to_owned(), ms.to_string()),
        ],
        ..ServerOptions::default()
    });
    let queue = oracle::queue(&server.url()).await;
    assert_eq!(queue.enqueue(&[job("first")]).await.unwrap(), 1);
    eventually(LONG, "a flush is under way", || mark.is_file().then_some(()));
    let mut acknowledged = HashSet::new();
    for i in 0..5 {
        let name = format!("j{i}");
        assert_eq!(queue.enqueue(&[job(&name)]).await.unwrap(), 1);
        acknowledged.insert(name);
    }
    server.kill9();
    server.restart();
    oracle::check_jobs(&mut server.connection());
    let history = History::read(&server.appendonlydir());
    let there = history.states();
    acknowledged.iter().filter(|name| !there.contains_key(name.as_str())).count()
}

/// The negative control. Killing redis-server alone takes nothing from the page cache, so
/// `everysec` mostly looks safe. It is not: while a flush is under way the server holds back what it
/// would write next, for two seconds at most, and acknowledges it all the same. A disk that flushes
/// slowly shows that each time. A power cut would take the rest of that second as well; no test here
/// can show that.
#[tokio::test(flavor = "multi_thread")]
async fn everysec_loses_what_it_acknowledged_while_the_disk_was_busy_and_always_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let Some(library) = slow_disk(dir.path()) else {
        println!("skipped: no C compiler to make a slow disk with");
        return;
    };
    let mut everysec = 0;
    // A machine so busy that two seconds pass between two lines of this test gets another try.
    for _ in 0..5 {
        everysec = lost_on_a_slow_disk("everysec", &library, 5000).await;
        if everysec > 0 {
            break;
        }
    }
    let always = lost_on_a_slow_disk("always", &library, 50).await;
    println!("figure: acknowledged and lost of 5: everysec {everysec}, always {always}");
    assert!(everysec > 0, "the control sees a loss");
    assert_eq!(always, 0);
}

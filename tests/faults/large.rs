//! A large sweep whose enqueuer is killed again and again: every file is a target once and is reviewed
//! once, and neither Redis nor a worker grows beyond measure.

use crate::common::{LONG, Rng};
use queue_schema::keys;
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Process, long_form, memory_kib, signal};
use scrum_tests::proxy::{Act, Point, Proxy};
use scrum_tests::redis::{RedisServer, at};
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Starts `scrum sweep --wait` and kills it at its `n`-th call of a name, at one side of it.
fn kill_at(bench: &Bench, proxy: &Proxy, args: &[&str], name: &str, n: usize, side: Point) {
    let (pid, dead) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let (whom, died, first) = (pid.clone(), dead.clone(), proxy.calls());
    let (before, name) = (proxy.count(name), name.to_owned());
    proxy.on(move |call, point| {
        let here = if name.is_empty() {
            call.serial >= first + n
        } else {
            call.name == name && call.n >= before + n
        };
        if !here || point != side || died.swap(true, Ordering::SeqCst) {
            return Act::Pass;
        }
        let pid = eventually(LONG, "its id is known", || match whom.load(Ordering::SeqCst) {
            0 => None,
            pid => Some(pid),
        });
        signal(pid, "KILL");
        Act::Lose
    });
    let mut command = bench.scrum(args);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut enqueuer = Process(command.spawn().unwrap());
    pid.store(enqueuer.pid(), Ordering::SeqCst);
    eventually(LONG, "the enqueuer dies", || enqueuer.0.try_wait().unwrap());
    assert!(dead.load(Ordering::SeqCst), "it was killed and did not end by itself");
}

/// How it stands at a quarter of the way.
#[derive(Debug)]
struct Mark {
    resolved: u64,
    rss_kib: u64,
    redis: u64,
}

/// Looks at each quarter of the way.
fn watch(server: &RedisServer, worker: u32, id: &str, files: u64) -> Vec<Mark> {
    let (mut conn, key) = (server.connection(), at(keys::sweep(id)));
    let mut marks = Vec::new();
    for quarter in 1..=4 {
        let resolved = eventually(LONG * 10, "another quarter is done", || {
            let n: u64 = redis::cmd("HGET").arg(&key).arg("n:r").query(&mut conn).unwrap();
            (n >= files * quarter / 4).then_some(n)
        });
        let rss_kib = memory_kib(worker, "VmRSS");
        marks.push(Mark { resolved, rss_kib, redis: server.info("used_memory") });
    }
    marks
}

/// 3,000 files; `SCRUM_TEST_LONG=1` makes them 100,000.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_sweep_whose_enqueuer_is_killed_ten_times_is_exact() {
    let long = long_form();
    let files = if long { 100_000 } else { 3_000 };
    let mut rng = Rng::new();
    let (server, repo) = (RedisServer::alone(), TestRepo::with_many_tiny_files("large", files));
    server.load_scripts();
    let proxy = Proxy::to(server.socket());
    let bench = Bench::new(Some(server.url()), "").short_leases();
    let path = repo.path().to_str().unwrap();
    let args = ["sweep", path, "--ladder", "builtin", "--wait", "--redis", &proxy.url()];
    let empty = server.info("used_memory");

    // It dies before its sweep is there, before it knows that it is, and then anywhere while it waits.
    kill_at(&bench, &proxy, &args, "create_sweep", 1, Point::Before);
    kill_at(&bench, &proxy, &args, "create_sweep", 1, Point::After);
    let queue = oracle::queue(&server.url()).await;
    let id = queue.latest_sweeps(1).await.unwrap().remove(0);
    let lister = bench.worker(&["--lane", "plan"]);
    for _ in 0..6 {
        kill_at(&bench, &proxy, &args, "", rng.within(1, 14), Point::After);
    }
    eventually(LONG * 5, "it is planned", || {
        let (mut conn, key) = (server.connection(), at(keys::sweep(&id)));
        let planned: String = redis::cmd("HGET").arg(key).arg("planned").query(&mut conn).unwrap();
        (planned == "1").then_some(())
    });
    let planned = server.info("used_memory");
    let waiting = (planned - empty) / files as u64;
    assert_eq!(lister.terminate(LONG), 0);

    let worker = bench.worker(&[]);
    let marks = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&server, worker.pid(), &id, files as u64));
        for _ in 0..2 {
            kill_at(&bench, &proxy, &args, "", rng.within(1, 14), Point::Before);
        }
        watching.join().unwrap()
    });
    proxy.on(|_, _| Act::Pass);
    bench.run(&args).expect(0);
    let reviewed = (server.info("used_memory") - empty) / files as u64;
    println!(
        "figure: {files} files: {waiting} bytes of Redis for a waiting target, {reviewed} for a reviewed one with \
         its row; worker RSS by quarters {:?} KiB, at most {} KiB",
        marks.iter().map(|m| m.rss_kib).collect::<Vec<_>>(),
        memory_kib(worker.pid(), "VmHWM"),
    );
    let all = oracle::check_all(&server, &id, &repo).await;
    let s = &all.is_done().sweep;
    assert_eq!((s.total, s.resolved), (files as u64, files as u64));
    let admitted = all.history.moves.iter().filter(|m| m.job.ends_with(".review") && m.is_ending());
    assert_eq!(admitted.count(), files, "each was admitted once");
    assert!(waiting < 1024, "a waiting target is a line and a character: {waiting}");
    // Redis grows by a row for each, from beginning to end; the worker does not grow at all.
    let each = |m: &Mark| (m.redis - planned) as f64 / m.resolved as f64;
    let (half, whole) = (each(&marks[1]), each(&marks[3]));
    println!("figure: bytes a row: {half:.0} at half the way, {whole:.0} at the end");
    assert!((0.6..1.6).contains(&(whole / half)), "{marks:?}");
    assert!(marks[3].rss_kib < marks[1].rss_kib * 3 / 2, "{marks:?}");
}

//! Jobs that take their worker down: dead after three crashes, and all others finish.

use crate::common::{LONG, done, review_or_summary};
use queue_schema::client::{ClaimedJob, DeadFilter};
use queue_schema::effects::Effects;
use scrum_config::{LoadOptions, Settings};
use scrum_fleet::runtime::{self, Handler, HandlerError, WorkerOptions};
use scrum_tests::history::History;
use scrum_tests::model_stub::ModelStub;
use scrum_tests::oracle;
use scrum_tests::process::{Bench, signal};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::requests::plain_job;
use std::future::Future;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// The worker is killed each time that it asks about one of the files, while it runs three others.
/// Seen from the queue, that is a poison job.
#[test]
fn a_file_that_kills_its_worker_is_dead_after_three_and_all_others_finish() {
    let repo = TestRepo::with_files(11);
    repo.write("poison.rs", b"pub const POISON: u8 = 1;\n");
    repo.commit("poison");
    let server = RedisServer::alone();
    let victim = Arc::new(AtomicU32::new(0));
    let pid = victim.clone();
    let stub = ModelStub::with(move |call| {
        if call.prompt.contains("POISON") {
            signal(pid.load(Ordering::SeqCst), "KILL");
        }
        review_or_summary(call).after(Duration::from_millis(50))
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).short_leases();
    let id = bench.enqueue(&repo);
    let over = Arc::new(AtomicBool::new(false));
    let deaths = std::thread::scope(|scope| {
        let (stop, pid) = (over.clone(), victim.clone());
        let bench = &bench;
        let supervisor = scope.spawn(move || {
            let mut deaths = 0;
            let mut worker = bench.worker(&["--concurrency", "4"]);
            pid.store(worker.pid(), Ordering::SeqCst);
            while !stop.load(Ordering::SeqCst) {
                if worker.0.try_wait().unwrap().is_some() {
                    deaths += 1;
                    worker = bench.worker(&["--concurrency", "4"]);
                    pid.store(worker.pid(), Ordering::SeqCst);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            deaths
        });
        let all =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| done(&server, &id, &repo)));
        over.store(true, Ordering::SeqCst);
        let deaths = supervisor.join().unwrap();
        let all = all.unwrap();
        all.is_done();
        let s = &all.sweep;
        assert_eq!((s.resolved, s.unresolved), (11, 1), "the others are not guilty: {s:?}");
        deaths
    });
    assert_eq!(deaths, 3);
    let letters = bench.run(&["dlq", "list", "--class", "poison", "--json"]).expect(0).stdout;
    let letters: serde_json::Value = serde_json::from_str(&letters).unwrap();
    assert_eq!((letters.as_array().unwrap().len(), &letters[0]["crashes"]), (1, &3.into()));
}

/// What a job does to the process that runs it.
const KINDS: [&str; 3] = ["abort", "memory", "overflow"];
/// Names the Redis of the process that is to be taken down; without it the test below is no test.
const URL: &str = "SCRUM_TEST_POISON_URL";

#[derive(Clone)]
struct Deadly;

impl Handler for Deadly {
    fn handle(
        &self,
        job: ClaimedJob,
    ) -> impl Future<Output = Result<Effects, HandlerError>> + Send + 'static {
        let id = job.lease.job;
        async move {
            match id.as_str() {
                "abort" => std::process::abort(),
                "overflow" => {
                    std::hint::black_box(deeper(1));
                }
                // Over the bound that the test has set for the process.
                "memory" => {
                    std::hint::black_box(vec![1_u8; 64 << 30]);
                }
                _ => {}
            }
            Ok(Effects::done())
        }
    }
}

/// Recursion that no optimiser makes into a loop.
#[allow(unconditional_recursion)]
fn deeper(n: u64) -> u64 {
    let frame = std::hint::black_box([n; 512]);
    deeper(n + 1) + frame[usize::try_from(n % 512).unwrap()]
}

/// Not a test by itself: the process that [`jobs_that_take_their_process_down_are_dead_after_three`]
/// starts, again and again. It is the product's own runtime with a handler that dies.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a part of another test, which starts it"]
async fn deadly_worker() {
    let Ok(url) = std::env::var(URL) else { return };
    let mut settings = Settings::load(LoadOptions::default()).unwrap();
    settings.queue.lease_ms = 1000;
    settings.queue.renew_ms = 200;
    settings.queue.sweep_interval_ms = 1000;
    let queue = queue_schema::client::Queue::connect(settings.queue_options(&url)).await.unwrap();
    let options = WorkerOptions { concurrency: 2, ..WorkerOptions::default() };
    let never = std::future::pending;
    runtime::run(settings.queue.clone(), queue, Deadly, options, never(), never()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_take_their_process_down_are_dead_after_three() {
    let server = RedisServer::alone();
    let queue = oracle::queue(&server.url()).await;
    let harmless: Vec<_> = (0..9).map(|i| format!("job{i}")).collect();
    let names = harmless.iter().map(String::as_str).chain(KINDS);
    let jobs: Vec<_> = names.map(|name| plain_job(name, "deadly")).collect();
    assert_eq!(queue.enqueue(&jobs).await.unwrap(), 12);
    let mut deaths = 0;
    let letters = loop {
        // A GiB and a half of address space, and no core files.
        let mut worker = Command::new("sh")
            .args(["-c", "ulimit -c 0; ulimit -v 1572864; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "poison::deadly_worker", "--ignored", "--test-threads", "1"])
            .env(URL, server.url())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let dead = async {
            loop {
                let letters = queue.dead_letters(&DeadFilter::default()).await.unwrap();
                let empty = oracle::check_jobs_if_still(&server);
                if letters.len() == 3 && empty.is_some_and(|jobs| jobs.len() == 1) {
                    break Some(letters);
                }
                if worker.try_wait().unwrap().is_some() {
                    break None;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let ended = tokio::time::timeout(LONG, dead).await.expect("it dies or all is done");
        let _ = worker.kill();
        worker.wait().unwrap();
        match ended {
            Some(letters) => break letters,
            None => deaths += 1,
        }
        assert!(deaths <= 9, "{deaths} deaths are more than three for each");
    };
    let mut dead: Vec<_> = letters.iter().map(|l| l.id.as_str()).collect();
    dead.sort_unstable();
    println!("figure: {deaths} deaths; dead: {dead:?}");
    assert_eq!(dead, KINDS);
    assert!(letters.iter().all(|l| l.class == "poison" && l.crashes == 3), "{letters:?}");
    let history = History::read(&server.appendonlydir());
    for name in &harmless {
        assert_eq!(history.endings(name), 1, "{name} is done");
    }
}

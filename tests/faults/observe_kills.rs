//! `kill -9` while the fleet tells of itself: each event is there once, and so is each diagnosis, whoever died.

use crate::common::{LONG, done, each};
use crate::victim::{Boundary, Shift, Told, Victim};
use queue_schema::ids::SweepId;
use queue_schema::rows::DiagnosisRow;
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::Bench;
use scrum_tests::proxy::{Point, Proxy};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use scrum_tests::{events, oracle};
use std::sync::atomic::{AtomicUsize, Ordering};

const FILES: [&str; 4] = ["cut.rs", "dead.rs", "good.rs", "passes.rs"];

fn repo() -> TestRepo {
    let repo = TestRepo::new();
    for file in FILES {
        let name = file.trim_end_matches(".rs").to_uppercase();
        repo.write(file, format!("pub const {name}_LIMIT: usize = 10 + 1;\n").as_bytes());
    }
    repo.commit("files");
    repo
}

/// One file is cut, one too thin, one meets an error that passes once.
fn stub() -> ModelStub {
    let met = AtomicUsize::new(0);
    ModelStub::with(move |call: &Recorded| {
        let asks = |word: &str| call.prompt.contains(&format!("const {word}_LIMIT"));
        if asks("CUT") {
            Reply::Length("Half of".into())
        } else if asks("DEAD") {
            Reply::ok(answers::thin())
        } else if asks("PASSES") && met.fetch_add(1, Ordering::SeqCst) == 0 {
            Reply::status(500, "oops")
        } else {
            Reply::ok(answers::markdown_review("any"))
        }
    })
}

/// One sweep; the first worker dies at `at`, and another one finishes. Returns what was told.
fn run(at: Option<Boundary>) -> (Vec<Boundary>, Vec<String>) {
    let (repo, stub, server) = (repo(), stub(), RedisServer::alone());
    server.load_scripts();
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .short_leases()
        .set("queue.commit_batch", "1")
        .set("queue.backoff_max_ms", "60")
        .set("queue.crash_limit", "100")
        .set("observe.interval_s", "3600")
        .set("worker.prepare_ahead", "false");
    let id = bench.enqueue(&repo);
    let proxy = Proxy::to(server.socket());
    let shift = Shift::killed_at(&bench, &proxy, at);
    done(&server, &id, &repo);
    let members = ["source", "endpoint", "outcome", "class", "target", "targets"];
    (shift.passed(), events::lines(&events::of(&server), &members))
}

#[test]
fn each_event_is_told_once_when_a_worker_is_killed_at_any_step_boundary() {
    let (boundaries, whole) = run(None);
    assert_eq!(
        whole,
        [
            "alerts stub/m - - - -",
            "attempts stub/m accepted - 2 -",
            "attempts stub/m accepted - 3 -",
            "attempts stub/m thin thin 1 -",
            "attempts stub/m transient http_5xx 3 -",
            "attempts stub/m truncated truncated 0 -",
            "dead_letters rung - ladder_exhausted 0 -",
            "dead_letters rung - ladder_exhausted 1 -",
            "settlements resolved - - 2 1",
            "settlements resolved - - 3 1",
            "settlements unresolved - - 0 1",
            "settlements unresolved - - 1 1",
        ]
    );
    // What an answer is kept for is not told.
    let kept = |at: &Boundary| matches!(at, Boundary::BeforeKeep(_) | Boundary::Kept(_));
    let boundaries: Vec<_> = boundaries.into_iter().filter(|at| !kept(at)).collect();
    println!("figure: {} boundaries", boundaries.len());
    each(boundaries, 6, |at| {
        let (_, told) = run(Some(at));
        // The failed call is not kept: who dies before its commit meets it no more.
        let lost = |line: &String| line.contains("transient") || line.starts_with("alerts");
        let told: Vec<&String> = told.iter().filter(|line| !lost(line)).collect();
        let want: Vec<&String> = whole.iter().filter(|line| !lost(line)).collect();
        assert_eq!(told, want, "killed at {at:?}");
    });
}

#[tokio::main(flavor = "current_thread")]
async fn diagnoses(server: &RedisServer, sweep: &SweepId) -> Vec<DiagnosisRow> {
    let queue = oracle::queue(&server.url()).await;
    queue.rows_page(sweep, None, 100).await.unwrap().0
}

/// Whoever enqueues, claims or commits a diagnosis dies before or after it.
#[test]
fn a_diagnosis_is_made_once_when_a_worker_is_killed_around_its_steps() {
    let steps =
        [("enqueue", "", false), ("claim", "diagnose", true), ("commit", ".diagnose.", false)];
    let cases = steps.into_iter().flat_map(|step| [(step, Point::Before), (step, Point::After)]);
    each(cases.collect(), 3, |((name, word, of_reply), point)| {
        if of_reply && point == Point::Before {
            return;
        }
        let (repo, stub, server) = (repo(), stub(), RedisServer::alone());
        server.load_scripts();
        let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
            .short_leases()
            .set("observe.window_s", "86400")
            .set("observe.threshold", "2")
            .set("observe.interval_s", "1");
        // Both rejected files are one kind of failure.
        stub.set_script(scrum_tests::model_stub::Script::closure(|_| Reply::ok(answers::thin())));
        let proxy = Proxy::to(server.socket());
        let victim = Victim::default();
        let met = victim.where_told(&proxy, Told { name, word, of_reply, point });
        let mut first = bench.worker_at(&proxy.url(), &[]);
        victim.is(first.pid());
        let id = bench.enqueue(&repo);
        eventually(LONG, &format!("it dies at {name} {point:?}"), || first.0.try_wait().unwrap());
        let _second = bench.worker(&[]);
        let rows = eventually(LONG, "a diagnosis", || {
            Some(diagnoses(&server, &id)).filter(|rows| !rows.is_empty())
        });
        done(&server, &id, &repo);
        assert_eq!(diagnoses(&server, &id), rows, "{name} {point:?}");
        assert_eq!((rows.len(), rows[0].class.as_str()), (1, "thin"), "{rows:?}");
        assert_eq!(met.load(Ordering::SeqCst), 1);
    });
}

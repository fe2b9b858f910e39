//! `kill -9` while a repository teaches: what reviews add to what is remembered of it counts once, whoever died.

use crate::common::{LONG, done, each};
use crate::victim::{Boundary, Shift, kills_around_commits};
use queue_schema::effects::Effects;
use queue_schema::ids::{MemoryId, PathwayId};
use queue_schema::records::MemoryCounter;
use scrum_domain::pathway::{self, REVIEW, Trace, TraceAttempt};
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::proxy::{Point, Proxy};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::collections::BTreeMap;

const FILES: [&str; 4] = ["dead.rs", "hit.rs", "miss.rs", "new.rs"];

fn repo() -> TestRepo {
    let repo = TestRepo::new();
    for file in FILES {
        let name = file.trim_end_matches(".rs").to_uppercase();
        repo.write(file, format!("pub const {name}_LIMIT: usize = 10 + 1;\n").as_bytes());
    }
    repo.commit("files");
    repo
}

/// `b` does all but two files; nobody does one.
fn stub() -> ModelStub {
    ModelStub::with(|call: &Recorded| {
        let asks = |word: &str| call.prompt.contains(word);
        let named = FILES.iter().map(|file| file.trim_end_matches(".rs").to_uppercase());
        let mut named = named.filter(|name| asks(&format!("const {name}_LIMIT: ")));
        let name = named.next().unwrap_or_default();
        if asks("DEAD_LIMIT") || call.model == "a" || (call.model == "b" && asks("MISS_LIMIT")) {
            return Reply::ok(answers::thin());
        }
        Reply::ok(format!(
            "## Findings\n1. Quote: `pub const {name}_LIMIT: usize = 10 + 1;`\n   Claim: `{name}_LIMIT` is one more \
             than the ten that are meant\n   Fails for: ten values, where eleven are taken and ten should\n   \
             Change: `pub const {name}_LIMIT: usize = 10;`\n   Severity: minor\n   Evidence: the sum on its \
             line\n   Flag: OffByOne\n   Confidence: 80%\n\n## Verdict\nneeds_patch\n"
        ))
    })
}

/// A trace of a file by `b`, with three replays that all succeeded.
fn remembered(file: &str) -> Trace {
    let attempt =
        |rung, model: &str, accepted| TraceAttempt { rung, model: model.into(), accepted };
    Trace {
        task_class: REVIEW.into(),
        file_path: file.into(),
        signal_class: "fresh".into(),
        ladder_attempts: vec![attempt(0, "stub/a", false), attempt(1, "stub/b", true)],
        replay_count: 3,
        replays_succeeded: 3,
        ..Trace::default()
    }
}

/// All that is remembered: counters of the repository, and by file replays, mistakes and reviews.
type Learnt = (Vec<u64>, BTreeMap<String, u64>);

#[tokio::main(flavor = "current_thread")]
async fn teach(server: &RedisServer, memory: &MemoryId) {
    let queue = oracle::queue(&server.url()).await;
    for file in &FILES[..3] {
        let trace = remembered(file);
        let kept = pathway::insert(memory, 0, &trace, &pathway::Traces::new(), &[], 50);
        let effects = Effects::done().with_all(kept.unwrap().unwrap());
        queue.change_memory(memory, &effects).await.unwrap();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn learnt(server: &RedisServer, memory: &MemoryId) -> Learnt {
    let queue = oracle::queue(&server.url()).await;
    let state = queue.memory_state(memory).await.unwrap();
    let counted = MemoryCounter::ALL.map(|counter| state.counted(counter)).to_vec();
    let mut fields = BTreeMap::<String, u64>::new();
    for file in FILES {
        let id: PathwayId = pathway::pathway_id(REVIEW, file, "fresh");
        let pathway = queue.pathway(memory, &id).await.unwrap();
        let area = queue.area(memory, file).await.unwrap();
        for (field, value) in pathway.into_iter().chain(area) {
            // Numbers of several traces are added up; texts, whose times differ, are counted.
            let what = field.split(':').next().unwrap();
            let number = value.parse::<u64>().unwrap_or(u64::from(!value.is_empty()));
            *fields.entry(format!("{file} {what}")).or_default() += number;
        }
    }
    (counted, fields)
}

fn prepared() -> (TestRepo, ModelStub, RedisServer, Bench, MemoryId) {
    let (repo, stub, server) = (repo(), stub(), RedisServer::alone());
    server.load_scripts();
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["a", "b", "c"])
        .short_leases()
        .set("queue.commit_batch", "1")
        .set("queue.backoff_max_ms", "60")
        .set("queue.crash_limit", "100")
        .set("worker.prepare_ahead", "false");
    let memory = MemoryId::of(&format!("root:{}", repo.git(&["rev-parse", "HEAD"])));
    teach(&server, &memory);
    (repo, stub, server, bench, memory)
}

/// One sweep; the first worker dies at `at`, and another one finishes.
fn run(at: Option<Boundary>) -> (Vec<Boundary>, Learnt) {
    let (repo, _stub, server, bench, memory) = prepared();
    let id = bench.enqueue(&repo);
    let proxy = Proxy::to(server.socket());
    let shift = Shift::killed_at(&bench, &proxy, at);
    let all = done(&server, &id, &repo);
    assert_eq!((all.sweep.resolved, all.sweep.unresolved), (3, 1), "{at:?}");
    (shift.passed(), learnt(&server, &memory))
}

/// What the four reviews teach: a hit that succeeds, one that fails, one that nobody could do, and a new trace.
fn expected(learnt: &Learnt) {
    let (counted, fields) = learnt;
    // Reviews, traces (three were there), hits, replays, those that succeeded, rungs saved, retired.
    assert_eq!(*counted, [3, 5, 2, 3, 1, 1, 2], "{fields:?}");
    for (field, value) in [
        ("hit.rs n", 4),
        ("hit.rs k", 4),
        ("hit.rs t", 1),
        ("miss.rs n", 4),
        ("miss.rs k", 3),
        ("miss.rs x", 1),
        ("miss.rs t", 2),
        ("dead.rs n", 4),
        ("dead.rs k", 3),
        ("dead.rs x", 1),
        ("dead.rs t", 1),
        ("new.rs n", 0),
        ("new.rs t", 1),
        ("new.rs o", 1),
        ("hit.rs v", 1),
        ("hit.rs g", 1),
        ("hit.rs o", 1),
    ] {
        assert_eq!(fields.get(field), Some(&value), "{field} of {fields:?}");
    }
    assert!(!fields.contains_key("dead.rs v"), "{fields:?}");
}

#[test]
fn what_is_learnt_counts_once_when_a_worker_is_killed_at_any_step_boundary() {
    let (boundaries, whole) = run(None);
    expected(&whole);
    println!("figure: {} boundaries", boundaries.len());
    each(boundaries, 6, |at| {
        let (_, learnt) = run(Some(at));
        assert_eq!(learnt, whole, "killed at {at:?}");
    });
}

/// Kills of Redis; each commit of a rung takes two or three of them.
const KILLS: usize = 24;
/// Commits before the first kill: of the plan, and of the jobs that begin a review.
const BEFORE: usize = 5;

#[test]
fn what_is_learnt_counts_once_when_redis_is_killed_around_commits() {
    let (_, whole) = run(None);
    let (repo, _stub, mut server, bench, memory) = prepared();
    let id = bench.enqueue(&repo);
    let proxy = Proxy::to(server.socket());
    let next = kills_around_commits(&proxy);
    // While the server is down nobody answers.
    let over = |server: &RedisServer| {
        let key = scrum_tests::redis::at(queue_schema::keys::sweep(&id));
        let conn = redis::Client::open(format!("unix://{}", server.socket().display()))
            .and_then(|client| client.get_connection());
        let state = conn.and_then(|mut conn| {
            redis::cmd("HGET").arg(key).arg("state").query::<String>(&mut conn)
        });
        state.is_ok_and(|state| state == "done")
    };
    // The next commit, before it is seen and after it happened, by turns.
    let arm = |kills: usize, server: &RedisServer| {
        let point = if kills.is_multiple_of(2) { Point::Before } else { Point::After };
        *next.lock().unwrap() =
            Some((BEFORE.max(proxy.count("commit")) + 1, point, server.pid().unwrap()));
    };
    arm(0, &server);
    let _worker = bench.worker_at(&proxy.url(), &["--concurrency", "1"]);
    let mut kills = 0;
    eventually(LONG, "the sweep ends", || {
        if server.has_ended() {
            server.restart();
            kills += 1;
            if kills < KILLS {
                arm(kills, &server);
            }
            return None;
        }
        over(&server).then_some(())
    });
    *next.lock().unwrap() = None;
    println!("figure: {kills} kills of Redis");
    assert!(kills >= KILLS / 2, "{kills}");
    assert_eq!(learnt(&server, &memory), whole);
}

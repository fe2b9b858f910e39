//! `kill -9` of workers: at every step boundary, and two hundred times at random.

use crate::common::{LONG, Rng, done, each, is_shard, repo, review_or_summary};
use crate::victim::{Boundary, Shift};
use queue_schema::rows::FindingRow;
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::{Bench, Process, signal};
use scrum_tests::proxy::{Act, Point, Proxy};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::{TestRepo, large_file};
use scrum_tests::wait::eventually;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Files that take a review through every ending, facts included: read whole, rejected, and then by shards; passing trouble and then the second
/// rung; no rung at all; skipped at the first look.
fn every_way() -> TestRepo {
    let repo = TestRepo::new();
    repo.write("big.rs", large_file(9_000).as_bytes());
    repo.write("climbs.rs", b"pub const CLIMBS: u8 = 1;\n");
    repo.write("dies.rs", b"pub const DIES: u8 = 1;\n");
    repo.write("skipped.rs", b"pub const BYTES: &str = \"\0\0\0\";\n");
    repo.commit("every way");
    repo
}

fn stub() -> ModelStub {
    let busy = AtomicBool::new(true);
    ModelStub::with(move |call: &Recorded| {
        let asks = |word: &str| call.prompt.contains(word);
        if let Some(facts) = answers::facts_or(&call.system) {
            Reply::ok(facts)
        } else if is_shard(call) {
            Reply::ok(answers::shard_summary())
        } else if asks("DIES")
            || (call.model == "a" && (asks("CLIMBS") || asks("Review the file above")))
        {
            if asks("CLIMBS") && busy.swap(false, Ordering::SeqCst) {
                return Reply::overloaded();
            }
            Reply::ok(answers::thin())
        } else {
            Reply::ok(answers::markdown_review("any"))
        }
    })
}

/// Findings of the reviews that are accepted: three each.
const FINDINGS: usize = 6;

struct Run {
    calls: usize,
    boundaries: Vec<Boundary>,
    endings: BTreeMap<(String, String), usize>,
}

/// One sweep over [`every_way`]; the first worker dies at `at`, and another one finishes.
fn run(at: Option<Boundary>) -> Run {
    let (repo, stub, server) = (every_way(), stub(), RedisServer::alone());
    server.load_scripts();
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["a", "b"])
        .short_leases()
        .set("facts.enabled", "true")
        .set("queue.commit_batch", "1")
        .set("worker.prepare_ahead", "false");
    // The first rung takes all files whole, the second one doesn't.
    let ladder = std::fs::read_to_string(bench.ladder()).unwrap();
    let ladder = ladder.replace("model = 'a'\n", "model = 'a'\ncontext_tokens = 32768\n");
    std::fs::write(bench.ladder(), ladder).unwrap();
    let id = bench.enqueue(&repo);
    let proxy = Proxy::to(server.socket());
    let shift = Shift::killed_at(&bench, &proxy, at);
    let all = done(&server, &id, &repo);
    all.is_done();
    let s = &all.sweep;
    assert_eq!((s.resolved, s.unresolved, s.skipped), (2, 1, 1), "{at:?}");
    assert_eq!((s.facts, s.facts_failed), (2, 0), "{at:?}");
    // Each finding is once in the ledger, and was looked for once, whoever died.
    let listed =
        bench.run(&["findings", repo.path().to_str().unwrap(), "list", "--limit", "0", "--json"]);
    let listed: Vec<FindingRow> = serde_json::from_str(&listed.expect(0).stdout).unwrap();
    let ids: BTreeSet<&str> = listed.iter().map(|row| row.id.as_str()).collect();
    assert_eq!((listed.len(), ids.len()), (FINDINGS, FINDINGS), "{at:?}");
    assert!(listed.iter().all(|row| (row.seen, row.looked) == (1, 1)), "{at:?}: {listed:?}");
    let mut endings = BTreeMap::new();
    for commit in proxy.commits() {
        let kind = commit.job.split_once('.').unwrap().1.split('.').next().unwrap().to_owned();
        *endings.entry((kind, commit.ending.clone())).or_default() += 1;
        if commit.applied == Some(true) {
            assert!(all.history.ending(&commit.job, &commit.token).is_some(), "{at:?}: {commit:?}");
        }
    }
    let lost = all.history.taken_back().len();
    let taken = usize::from(!matches!(at, None | Some(Boundary::Committed(_))));
    assert_eq!(lost, taken, "{at:?}: leases that ran out");
    Run { calls: stub.requests().len(), boundaries: shift.passed(), endings }
}

#[test]
fn a_worker_killed_at_any_step_boundary_costs_that_step_at_most() {
    let whole = run(None);
    println!("figure: commits by kind and ending: {:?}", whole.endings);
    for (kind, ending) in [
        ("plan", "done"),
        ("review", "done"),
        ("shard", "done"),
        ("rung", "done"),
        ("rung", "retry"),
        ("rung", "dead"),
        ("facts", "done"),
    ] {
        let key = (kind.to_owned(), ending.to_owned());
        assert!(whole.endings.contains_key(&key), "{kind} ends as {ending}: {:?}", whole.endings);
    }
    let started = std::time::Instant::now();
    println!("figure: {} boundaries, {} calls", whole.boundaries.len(), whole.calls);
    each(whole.boundaries.clone(), 6, |at| {
        let calls = run(Some(at)).calls;
        // Only an answer that was not kept yet is paid for again.
        let again = usize::from(matches!(at, Boundary::BeforeKeep(_)));
        assert_eq!(calls, whole.calls + again, "model calls when killed at {at:?}");
    });
    println!("figure: all of them in {:?}", started.elapsed());
}

#[test]
fn two_hundred_random_kills_lose_nothing() {
    const KILLS: usize = 200;
    const FILES: usize = 400;
    let mut rng = Rng::new();
    let (repo, server) = (repo(FILES), RedisServer::alone());
    server.load_scripts();
    let stub = ModelStub::with(|call| review_or_summary(call).after(Duration::from_millis(2)));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .short_leases()
        // Jobs meet more deaths here than a poisonous one is allowed.
        .set("queue.crash_limit", "100")
        .set("queue.commit_batch", "1")
        .set("worker.prepare_ahead", "false");
    let id = bench.enqueue(&repo);
    let proxy = Proxy::to(server.socket());
    let start = || bench.worker_at(&proxy.url(), &["--concurrency", "4"]);
    let mut workers: [Option<Process>; 2] = [Some(start()), Some(start())];
    let mut killed = 0;
    // The next kill: after how many more calls, at which side of that one, and whom.
    let next = Arc::new(Mutex::new(None::<(usize, Point, u32)>));
    let armed = next.clone();
    proxy.on(move |call, point| {
        // Calls that work is made of: a worker that just starts makes many others.
        if !["claim", "commit", "renew", "SET", "HGET"].contains(&call.name.as_str()) {
            return Act::Pass;
        }
        let mut next = armed.lock().unwrap();
        match next.as_mut() {
            Some((more, side, pid)) if *side == point => {
                *more -= 1;
                if *more > 0 {
                    return Act::Pass;
                }
                signal(*pid, "KILL");
                *next = None;
                // Whose call it was does not matter: a live worker must bear a lost reply too.
                Act::Lose
            }
            _ => Act::Pass,
        }
    });
    while killed < KILLS {
        let i = rng.within(0, 1);
        let mut worker = workers[i].take().unwrap();
        let point = if rng.within(0, 1) == 0 { Point::Before } else { Point::After };
        *next.lock().unwrap() = Some((rng.within(1, 20), point, worker.pid()));
        eventually(LONG, "it dies", || worker.0.try_wait().unwrap());
        // A worker that meets the loss of another one's kill at its very start ends by itself.
        killed += usize::from(next.lock().unwrap().take().is_none());
        workers[i] = Some(start());
    }
    let all = done(&server, &id, &repo);
    all.is_done();
    assert_eq!((all.sweep.resolved, all.sweep.unresolved), (FILES as u64 + 1, 0));
    let once = FILES
        + all.history.moves.iter().filter(|m| m.job.contains(".shard.") && m.is_ending()).count()
        + 1;
    let again = stub.requests().len() - once;
    println!(
        "figure: {killed} kills, {} leases ran out, {again} calls made again of {once}, 0 lost",
        all.history.taken_back().len()
    );
    assert!(again <= killed * 4, "no more than was in flight: {again}");
}

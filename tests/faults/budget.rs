//! Workers that die around a call that a budget holds room for: the books are right, nothing is held
//! for the dead, and no more calls are made than allowed but for those that died with their worker.

use crate::common::{LONG, done, each};
use crate::victim::Victim;
use queue_schema::ids::SweepId;
use queue_schema::keys;
use scrum_tests::model_stub::{Gate, ModelStub, Reply, Usage, answers};
use scrum_tests::process::Bench;
use scrum_tests::proxy::{Act, Point, Proxy};
use scrum_tests::redis::{RedisServer, at};
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::sync::atomic::{AtomicU32, Ordering};

const FILES: u64 = 3;

/// Where the first worker dies: a command and its side, at its second time.
type Place = (&'static str, Point);

fn reply() -> Reply {
    let usage = Usage { cost: Some(0.01), ..Usage::tokens(30, 20) };
    Reply::Ok(answers::markdown_review("any"), usage)
}

fn enqueue(bench: &Bench, repo: &TestRepo) -> SweepId {
    let ladder = bench.ladder();
    let (repo, ladder) = (repo.path().to_str().unwrap(), ladder.to_str().unwrap());
    // Room for exactly as many calls as there are files.
    let args = ["sweep", repo, "--ladder", ladder, "--budget-calls", "3", "--budget-usd", "1"];
    bench.run(&args).expect(0).stdout.trim().into()
}

fn held(server: &RedisServer, id: &SweepId) -> u64 {
    let key = at(keys::sweep(id));
    let mut cmd = redis::cmd("HGET");
    cmd.arg(key)
        .arg("res:calls")
        .query::<Option<u64>>(&mut server.connection())
        .unwrap()
        .unwrap_or(0)
}

/// All files reviewed, each call that was answered counted once, nothing held.
fn check(server: &RedisServer, id: &SweepId, repo: &TestRepo, what: &str) {
    let all = done(server, id, repo);
    all.is_done();
    let s = &all.sweep;
    assert_eq!((s.resolved, s.left_out), (FILES, 0), "{what}");
    assert_eq!((s.calls, s.attempts), (FILES, FILES), "{what}");
    assert_eq!((s.tokens_in, s.tokens_out), (30 * FILES, 20 * FILES), "{what}");
    assert_eq!(s.cost_micro_usd, 10_000 * FILES, "{what}");
    assert_eq!(held(server, id), 0, "{what}");
    let lost = all.history.taken_back().len();
    assert_eq!(lost, usize::from(what != "commit After"), "{what}: leases that ran out");
}

#[test]
fn a_worker_killed_around_a_call_is_counted_once_and_holds_nothing() {
    let places: Vec<Place> = vec![
        ("budget_hold", Point::Before),
        ("budget_hold", Point::After),
        ("SET", Point::Before),
        ("SET", Point::After),
        ("commit", Point::Before),
        ("commit", Point::After),
    ];
    each(places, 3, |at| {
        let (repo, server) = (TestRepo::with_files(FILES as usize), RedisServer::alone());
        server.load_scripts();
        let stub = ModelStub::with(|_| reply());
        let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
            .short_leases()
            .set("queue.commit_batch", "1")
            .set("worker.prepare_ahead", "false");
        let id = enqueue(&bench, &repo);
        let proxy = Proxy::to(server.socket());
        let victim = Victim::default();
        let (killed, spent) = (victim.clone(), AtomicU32::new(0));
        proxy.on(move |call, point| {
            if call.name == "budget_hold" && point == Point::Before {
                spent.fetch_add(1, Ordering::SeqCst);
            }
            // The second call of the sweep: the first shows that all is well.
            let there = call.name == at.0 && point == at.1 && spent.load(Ordering::SeqCst) == 2;
            if there { killed.kill() } else { Act::Pass }
        });
        let mut first = bench.worker_at(&proxy.url(), &["--concurrency", "1"]);
        victim.is(first.pid());
        eventually(LONG, &format!("it dies at {at:?}"), || first.0.try_wait().unwrap());
        let what = format!("{} {:?}", at.0, at.1);
        let holds = !["budget_hold Before", "commit After"].contains(&what.as_str());
        assert_eq!(held(&server, &id), u64::from(holds), "{what}: kept for who goes on");
        let _second = bench.worker(&["--concurrency", "1"]);
        check(&server, &id, &repo, &what);
        // Only an answer that was not kept is asked for again.
        let again = usize::from(what == "SET Before");
        assert_eq!(stub.requests().len(), FILES as usize + again, "{what}");
    });
}

#[test]
fn a_worker_killed_in_mid_call_leaves_room_for_the_call_of_its_successor() {
    let (repo, server) = (TestRepo::with_files(FILES as usize), RedisServer::alone());
    let gate = Gate::new();
    let held_back = gate.clone();
    let stub = ModelStub::with(move |_| reply().held_by(&held_back));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .short_leases()
        .set("budget.wait_ms", "20");
    // Of a model whose price is not known, the first call would go alone.
    let ladder = std::fs::read_to_string(bench.ladder()).unwrap();
    let prices = "usd_per_million_in = 1.0\nusd_per_million_out = 1.0\n";
    std::fs::write(bench.ladder(), ladder + prices).unwrap();
    let id = enqueue(&bench, &repo);
    let first = bench.worker(&["--concurrency", "4"]);
    let in_flight = |n: usize| {
        eventually(LONG, "the calls are in flight", || (stub.stats().in_flight == n).then_some(()));
    };
    in_flight(FILES as usize);
    assert_eq!(held(&server, &id), FILES, "all that there is");
    first.kill9();
    in_flight(0);
    gate.open();
    let _second = bench.worker(&["--concurrency", "4"]);
    let all = done(&server, &id, &repo);
    all.is_done();
    let s = &all.sweep;
    assert_eq!((s.resolved, s.left_out, s.calls), (FILES, 0, FILES));
    assert_eq!((s.tokens_in, s.cost_micro_usd), (30 * FILES, 10_000 * FILES));
    assert_eq!(held(&server, &id), 0);
    assert_eq!(all.history.taken_back().len(), FILES as usize);
    assert_eq!(stub.requests().len(), 2 * FILES as usize, "nobody has heard the first answers");
}

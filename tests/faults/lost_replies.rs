//! The reply is lost after the script ran: sending the same again changes nothing.

use crate::common::{LONG, repo, review_or_summary, started, until_done};
use queue_schema::budget::{Amount, BudgetRequest};
use queue_schema::client::account::{Account, Answer, Took};
use queue_schema::client::{
    Added, CallEnding, Claim, ClaimRequest, Commit, Exchange, Forgotten, Held, Pausable,
    PoolLimits, Queue, QueueError, Spend,
};
use queue_schema::effects::{DeadClass, Effects, NewJob, Priority};
use queue_schema::forge::ForgeKind;
use queue_schema::ids::{SweepId, WorkerId};
use queue_schema::jobs::Hook;
use queue_schema::keys;
use queue_schema::rows::{ReviewRow, Row as _};
use queue_schema::schedule::{Moved, Schedule, ScheduledSweep, When};
use queue_schema::sweep::SweepSpec;
use redis::Commands as _;
use scrum_tests::model_stub::ModelStub;
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::proxy::{Act, Point, Proxy};
use scrum_tests::redis::{Look, RedisServer, at};
use scrum_tests::requests::{self, plain_job};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A queue behind a proxy that can lose one reply.
struct Lossy {
    server: RedisServer,
    proxy: Proxy,
    queue: Queue,
    /// Scripts whose reply was lost so far.
    tried: BTreeSet<&'static str>,
}

impl Lossy {
    async fn new() -> Self {
        let server = RedisServer::alone();
        server.load_scripts();
        let proxy = Proxy::to(server.socket());
        let queue = oracle::queue(&proxy.url()).await;
        Self { server, proxy, queue, tried: BTreeSet::new() }
    }

    /// Calls once and loses the reply, then calls until there is one, as all callers do. The second
    /// time must leave everything as the first one did.
    async fn twice<T, F, Fut>(&mut self, script: &'static str, call: F) -> T
    where
        F: Fn(Queue) -> Fut,
        Fut: Future<Output = Result<T, QueueError>>,
    {
        let lost = Arc::new(AtomicBool::new(false));
        let seen = lost.clone();
        self.proxy.on(move |call, point| {
            let now = call.name == script && point == Point::After;
            if now && !seen.swap(true, Ordering::SeqCst) { Act::Lose } else { Act::Pass }
        });
        let first = call(self.queue.clone()).await;
        assert!(first.is_err_and(|e| e.is_outage()), "{script}: the reply is lost");
        assert!(lost.load(Ordering::SeqCst), "{script} ran");
        self.tried.insert(script);
        let after_one = contents(&mut self.server.connection());
        let answer = loop {
            match call(self.queue.clone()).await {
                Ok(answer) => break answer,
                // The connection is just coming back.
                Err(error) => assert!(error.is_outage(), "{error}"),
            }
        };
        let after_two = contents(&mut self.server.connection());
        assert_eq!(after_one, after_two, "{script} changed something when it was sent again");
        answer
    }
}

/// All keys and what they hold; of leases only whose they are, since a repetition may extend them.
fn contents(conn: &mut Look) -> BTreeMap<String, Vec<String>> {
    let keys: Vec<String> = conn.keys("*").unwrap();
    let read = |key: &String| {
        let kind: String = redis::cmd("TYPE").arg(key).query(conn).unwrap();
        let mut value: Vec<String> = match kind.as_str() {
            "string" => vec![conn.get(key).unwrap()],
            "list" => conn.lrange(key, 0, -1).unwrap(),
            "set" => conn.smembers(key).unwrap(),
            "zset" if [":leases", ":workers"].iter().any(|end| key.ends_with(end)) => {
                conn.zrange(key, 0, -1).unwrap()
            }
            "zset" => conn.zrange_withscores(key, 0, -1).unwrap(),
            "hash" => {
                let map: BTreeMap<String, String> = conn.hgetall(key).unwrap();
                // Until when a worker has its places, and how full the bucket of a rate is, go with the time.
                let same = |field: &str, value: String| match field {
                    w if w.starts_with(&keys::worker("")) => value
                        .split(' ')
                        .enumerate()
                        .filter(|(k, _)| *k != 2)
                        .map(|(_, v)| v)
                        .collect(),
                    "tokens" | "at" | "told" | "paused" | "since" if key.ends_with(":pool:p") => {
                        String::new()
                    }
                    _ => value,
                };
                map.into_iter().map(|(f, value)| format!("{f}={}", same(&f, value))).collect()
            }
            "stream" => vec![conn.xlen::<_, u64>(key).unwrap().to_string()],
            other => panic!("{key} is a {other}"),
        };
        if kind == "set" {
            value.sort();
        }
        (key.clone(), value)
    };
    keys.iter().map(read).collect()
}

fn job(name: &str) -> NewJob {
    plain_job(name, "none")
}

/// A sweep as `scrum sweep` makes it.
async fn spec() -> SweepSpec {
    let (server, repo) = (RedisServer::alone(), repo(1));
    let bench =
        Bench::with_stub(Some(server.url()), "http://127.0.0.1:1/v1", &["m"]).short_leases();
    let id = bench.enqueue(&repo);
    oracle::queue(&server.url()).await.sweep_spec(&id).await.unwrap().unwrap()
}

/// A schedule is added, comes due and is pinned to a commit.
async fn schedules(it: &mut Lossy, spec: &SweepSpec) {
    let schedule = &Schedule {
        v: 1,
        name: "nightly".into(),
        when: When::Every { ms: 60_000 },
        added_ms: 1,
        spec: spec.clone(),
        priority: 1,
        budget_calls: None,
        budget_tokens: None,
        budget_micro_usd: None,
    };
    let docs = &[("ab".to_owned(), "text".to_owned())];
    let added = it
        .twice("schedule", |q| async move { q.add_schedule(schedule, docs, 60_001, false).await })
        .await;
    assert_eq!(added, Added::Done, "it is the same one");
    let moved = Moved { due_ms: 60_001, missed: 0, next_ms: Some(120_001) };
    let begun = it.twice("due", |q| async move { q.begin_due(schedule, moved, 5).await }).await;
    assert!(!begun, "it has moved on");
    let name = &schedule.name;
    let pin = |commit: &str| ScheduledSweep { id: "s".into(), commit: commit.to_owned() };
    let (first, later) = (&pin("a"), &pin("b"));
    for sweep in [first, later] {
        let kept =
            it.twice("schedule", |q| async move { q.pin_run(name, 60_001, sweep).await }).await;
        assert_eq!(kept.as_ref(), Some(first), "the first word stands");
    }
    let runs = it.queue.schedule_runs(name).await.unwrap();
    assert_eq!((runs.len(), runs[0].sweep.as_ref()), (1, Some(first)));
    let due = ClaimRequest {
        lanes: vec!["due".to_owned()],
        want: 5,
        worker: "w".into(),
        request: "w/d".to_owned(),
        ..ClaimRequest::default()
    };
    let mut jobs = it.queue.claim(&due).await.unwrap().jobs;
    let lease = jobs.pop().expect("one job").lease;
    assert!(jobs.is_empty());
    it.queue.commit(&[Commit { lease, effects: Effects::done() }]).await.unwrap();
    assert!(it.queue.remove_schedule(name).await.unwrap());
    assert!(it.queue.schedule_runs(name).await.unwrap().is_empty());
}

/// A call outside of sweeps holds what it may take, and is booked.
async fn account(it: &mut Lossy) {
    let caps = Amount { calls: 1, ..Amount::default() };
    let of = &Account { name: "a".into(), caps, window: 100_000 * LONG, longest: LONG };
    let took = Took { tokens: 10, micro_usd: 5 };
    let held = it.twice("account", |q| async move { q.hold_account(of, "c", took).await }).await;
    assert_eq!(held, Answer::Fine, "the only call is held for it, once");
    it.twice("account", |q| async move { q.book_account(of, "c", took).await }).await;
    it.twice("account", |q| async move { q.free_account(of, "c").await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_script_can_be_sent_again() {
    let mut it = Lossy::new().await;
    let spec = spec().await;
    let jobs = &[job("a"), job("b"), job("c")];
    let n = it.twice("enqueue", |q| async move { q.enqueue(jobs).await }).await;
    assert_eq!(n, 0, "they are there");

    let hook = &Hook {
        repository: "app".to_owned(),
        forge: ForgeKind::Github,
        number: 5,
        by: None,
        delivery: "ab".to_owned(),
        told_ms: 1,
        sweep: SweepId::default(),
    };
    let marks = &["a".to_owned(), "b".to_owned()];
    let new = it.twice("once", |q| async move { q.start_hook(hook, marks, LONG).await }).await;
    assert!(!new, "it was told before");

    schedules(&mut it, &spec).await;

    let request = &ClaimRequest {
        worker: "w".into(),
        request: "w/1".to_owned(),
        want: 3,
        lanes: vec!["none".to_owned()],
        ..ClaimRequest::default()
    };
    let Claim { jobs, .. } = it.twice("claim", |q| async move { q.claim(request).await }).await;
    let ids: Vec<_> = jobs.iter().map(|j| j.lease.job.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"], "the same jobs");
    assert!(jobs.iter().all(|j| j.crashes == 0 && j.attempt == 0), "and nothing was counted");

    let leases: &Vec<_> = &jobs.iter().map(|j| j.lease.clone()).collect();
    let gone = it.twice("renew", |q| async move { q.renew(&"w".into(), leases).await }).await;
    assert_eq!(gone, Vec::<String>::new());

    let dead = |what: &str| Effects::dead(DeadClass::Fatal, what);
    let commits: &Vec<_> = &leases
        .iter()
        .zip([
            Effects::done().with(queue_schema::effects::Effect::Enqueue(job("next"))),
            dead("b"),
            dead("c"),
        ])
        .map(|(lease, effects)| Commit { lease: lease.clone(), effects })
        .collect();
    let applied = it.twice("commit", |q| async move { q.commit(commits).await }).await;
    assert_eq!(applied, [false, false, false], "it had happened");

    let revived = it.twice("revive", |q| async move { q.revive(&"b".into(), None).await }).await;
    assert_eq!(revived, 0, "it is back already");
    let discarded = it.twice("discard", |q| async move { q.discard(&"c".into()).await }).await;
    assert!(!discarded, "it is gone already");

    let (id, new) = it
        .twice("create_sweep", |q| {
            let spec = spec.clone();
            async move { q.create_sweep(&spec, &[], Priority::Normal).await }
        })
        .await;
    assert_eq!((id.as_str(), new), (spec.id().as_str(), false));
    let apply: queue_schema::apply::ApplySpec = serde_json::from_value(serde_json::json!({
        "v": 1, "sweep": id, "repo": "/r", "base": "c", "branch": "b", "commit": true,
        "model": {"provider": "p", "model": "m"}, "check": "true",
        "files": [{"target": 0, "path": "a", "blob": "b"}, {"target": 1, "path": "b", "blob": "c"}],
        "rules": {"min_conf": 90, "max_lines": 6, "max_patches": 2, "whole_chars": 9, "around_lines": 1,
            "max_checks": 9, "deny": [], "protected": [], "author": ["a", "b"]}
    }))
    .unwrap();
    let run = &apply;
    let (run, new) = it.twice("submit", |q| async move { q.start_apply(run).await }).await;
    assert_eq!((run, new), (apply.id(), false), "it is there already");
    assert_eq!(it.queue.apply_runs(&id).await.unwrap(), [apply.id()], "once");
    let plan = ClaimRequest {
        request: "w/p".to_owned(),
        want: 1,
        lanes: vec!["plan".to_owned()],
        ..request.clone()
    };
    let plan = &it.queue.claim(&plan).await.unwrap().jobs.remove(0).lease;
    let budget = &BudgetRequest { calls: Some(1), ..BudgetRequest::default() };
    let none = &it.queue.create_sweep_within(&spec, &[], Priority::Normal, budget).await.unwrap();
    assert_eq!((none.new, none.put_back), (false, 0));
    let call = &Spend { tokens: 10, micro_usd: 5, ..Spend::default() };
    let held = it.twice("budget_hold", |q| async move { q.hold_budget(plan, call).await }).await;
    assert_eq!(held, Held::Granted, "the only call is held for it, once");
    let paused = it
        .twice("pause", |q| {
            let id = id.clone();
            async move { q.pause(Pausable::Sweep, &id, true).await }
        })
        .await;
    assert!(!paused, "it is paused already");
    let cancelled = it
        .twice("cancel", |q| {
            let id = id.clone();
            async move { q.cancel_sweep(&id).await }
        })
        .await;
    assert!(!cancelled, "it is cancelled already");

    let failed = SweepSpec { again: 1, ..spec.clone() };
    let (failed, _) = it.queue.create_sweep(&failed, &[], Priority::Normal).await.unwrap();
    let plan = ClaimRequest {
        request: "w/f".to_owned(),
        lanes: vec!["plan".to_owned()],
        ..request.clone()
    };
    let lease = it.queue.claim(&plan).await.unwrap().jobs.remove(0).lease;
    let letter = lease.job.clone();
    it.queue.commit(&[Commit { lease, effects: dead("plan") }]).await.unwrap();
    let status = &it.queue.sweep_status(&failed).await.unwrap().unwrap();
    assert!(!it.queue.replan(status).await.unwrap(), "there is a letter to revive");
    assert!(it.queue.discard(&letter).await.unwrap());
    let planned = it.twice("replan", |q| async move { q.replan(status).await }).await;
    assert!(!planned, "it is planned already");
    let again = it.queue.sweep_status(&failed).await.unwrap().unwrap();
    assert_eq!(again.ended_ms, None, "or the time in between would be its own");

    let limits = PoolLimits { per_minute: Some(600), ..PoolLimits::of(4) };
    it.twice("places_limits", |q| async move { q.set_limits("p", limits).await }).await;
    let me = &WorkerId::from("w");
    let take = &requests::exchange("p", me, 1, 0, 2);
    let taken = it.twice("places_exchange", |q| async move { q.exchange(take).await }).await;
    assert_eq!((taken.given, taken.left), (2, 2), "as many places, and no more");
    let held = &[("p".to_owned(), 2, false)];
    it.twice("places_hold", |q| async move { q.hold_places(me, held).await }).await;
    account(&mut it).await;
    let wait = Some(Duration::from_secs(3600));
    let refused = requests::ended(taken.epoch, CallEnding::Refused { code: 429, wait });
    let back = &Exchange { ended: &[refused; 2], ..requests::exchange("p", me, 2, 0, 0) };
    let said = it.twice("places_exchange", |q| async move { q.exchange(back).await }).await;
    assert_eq!(said.refusals, 1, "of one round trip, counted once");
    let claim = ClaimRequest { request: "w/2".to_owned(), want: 1, ..request.clone() };
    let one = it.queue.claim(&claim).await.unwrap().jobs.remove(0).lease;
    it.queue.commit(&[Commit { lease: one, effects: dead("old") }]).await.unwrap();
    let gone = it.twice("expire", |q| async move { q.expire(Duration::ZERO, 10).await }).await;
    assert_eq!(gone, 0, "the letter is gone already");
    let forgotten = it
        .twice("forget", |q| {
            let id = id.clone();
            async move { q.forget_sweep(&id, 1000).await }
        })
        .await;
    assert_eq!(forgotten, Forgotten::Unknown, "the sweep is gone already");
    for script in ["check_keys", "check_jobs", "check_sweeps"] {
        it.twice(script, |q| async move { q.check(true, true).await }).await;
    }
    // Rows are looked at where their index does not fit.
    let rows = at(keys::rows(ReviewRow::STREAM, &failed));
    let _: String = it.server.connection().xadd(rows, "*", &[("no", "row")]).unwrap();
    it.twice("check_rows", |q| async move { q.check(true, true).await }).await;
    let found = it.twice("reconcile", |q| async move { q.check(true, true).await }).await;
    assert!(found.faults.is_empty(), "{:?}", found.faults);
    oracle::check_jobs(&mut it.server.connection());
    // The one that only looks has nothing to repeat; an event of others has no id by which it could be known again.
    let names = queue_schema::client::scripts().into_iter().map(|(name, _)| name);
    let all: BTreeSet<_> = names.filter(|name| !["memory", "observe"].contains(name)).collect();
    assert_eq!(it.tried, all, "every script was tried");
}

/// A whole sweep in which every fifth reply of every script and of every kept answer is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_over_a_line_that_loses_every_fifth_reply_is_as_without() {
    let (server, repo) = (RedisServer::alone(), repo(40));
    let stub = ModelStub::with(review_or_summary);
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .short_leases()
        .set("queue.commit_batch", "1");
    let id = bench.enqueue(&repo);
    let proxy = Proxy::to(server.socket());
    let (seen, lost) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (count, up) = (lost.clone(), Arc::new(AtomicBool::new(false)));
    let begins = up.clone();
    proxy.on(move |call, point| {
        let counts = up.load(Ordering::SeqCst)
            && ["claim", "renew", "commit", "SET"].contains(&call.name.as_str());
        if !counts || point == Point::Before || seen.fetch_add(1, Ordering::SeqCst) % 5 != 4 {
            return Act::Pass;
        }
        count.fetch_add(1, Ordering::SeqCst);
        Act::Lose
    });
    let _workers = [(); 2].map(|()| bench.worker_at(&proxy.url(), &["--concurrency", "2"]));
    started(&bench, 2);
    begins.store(true, Ordering::SeqCst);
    let queue = oracle::queue(&server.url()).await;
    until_done(&queue, &id).await;
    let all = oracle::check_all(&server, &id, &repo).await;
    all.is_done();
    assert_eq!((all.sweep.resolved, all.sweep.unresolved), (41, 0));
    let shards = stub.requests().iter().filter(|c| crate::common::is_shard(c)).count();
    println!("figure: {lost:?} replies lost, {} calls", stub.requests().len());
    assert_eq!(stub.requests().len(), 41 + shards, "no call was made twice");
    assert_eq!(all.sweep.attempts as usize, 41 + shards, "none was counted twice");
    assert!(all.history.taken_back().is_empty(), "no lease ran out");
    assert!(lost.load(Ordering::SeqCst) > 10, "{LONG:?}");
}

//! A fleet with a key whose Redis an attacker can write to: forged records are rejected, and the fleet goes on.

use super::LONG;
use super::work::{self, Setup};
use queue_schema::body;
use queue_schema::effects::NewJob;
use queue_schema::jobs::{Plan, Rung};
use queue_schema::keys;
use queue_schema::rows::{ReviewRow, Row as _};
use redis::FromRedisValue;
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Done, Process};
use scrum_tests::redis::{Look, RedisServer, at};
use scrum_tests::wait::eventually;
use serde_json::Value;

const VARIABLE: &str = "SCRUM_SIGNING_KEY";
const KEY: &str = "0123456789abcdef0123456789abcdef";
const MAX: usize = 65_536;

/// A fleet with a key, and an attacker who can write to its Redis but lacks the key.
struct Fleet {
    setup: Setup,
    stranger: Look,
    worker: Process,
    server: RedisServer,
}

impl Fleet {
    fn new() -> Self {
        let server = RedisServer::alone();
        let mut setup = Setup::new(Some(server.url()));
        setup.bench = setup.bench.env(VARIABLE, KEY);
        let worker = setup.bench.worker(&[]);
        Self { setup, stranger: server.connection(), worker, server }
    }

    fn run(&self, args: &[&str]) -> Done {
        self.setup.bench.run(args)
    }

    /// A program without the key, or with another one.
    fn bench_with(&self, key: Option<&str>) -> Bench {
        let bench =
            Bench::with_stub(Some(self.server.url()), &self.setup.stub.openai_url(), &["m"]);
        let bench = bench.set("facts.enabled", "true");
        key.into_iter().fold(bench, |bench, key| bench.env(VARIABLE, key))
    }

    /// Enqueues a sweep of one file while nothing of this lane runs; returns its id.
    fn sweep_without(&self, lane: &str, file: &str) -> String {
        self.sweep_with(lane, &["--target", file])
    }

    fn sweep_with(&self, lane: &str, more: &[&str]) -> String {
        self.run(&["pause", lane]).expect(0);
        let (sweep, better) = (self.setup.sweep(), self.setup.better());
        let args = ["sweep", &sweep[1], "--ladder", better.to_str().unwrap()];
        self.run(&[&args[..], &["--again"], more].concat()).expect(0).stdout.trim().to_owned()
    }

    fn ask<T: FromRedisValue>(&mut self, words: &[&str]) -> T {
        self.stranger.ask(words)
    }

    /// Changes a field of a hash; its signature stays behind it.
    fn change(&mut self, key: &str, field: &str, old: &str, new: &str) {
        let kept: String = self.ask(&["HGET", key, field]);
        assert!(kept.contains(old), "{kept}");
        self.ask::<()>(&["HSET", key, field, &kept.replace(old, new)]);
    }

    fn job(&mut self, id: &str) -> String {
        eventually(LONG, "the job is there", || {
            let kept: Option<Vec<u8>> = self.ask(&["GET", &keys::body(id)]);
            kept.map(|kept| body::unpack(&kept, MAX).unwrap())
        })
    }

    /// Waits for the dead letter of class `unsigned`, and discards it.
    fn refused(&self, id: &str, why: &str) {
        let reason = self.dead(id, "unsigned", why);
        assert!(reason.contains("queue.signing_key_env"), "{reason}");
        self.run(&["dlq", "discard", id]).expect(0);
    }

    /// Waits for a dead letter; returns its reason.
    fn dead(&self, id: &str, class: &str, why: &str) -> String {
        let letter: Value = eventually(LONG, &format!("{id} is refused"), || {
            let all = self.run(&["dlq", "list", "--json", "--limit", "0"]).expect(0).stdout;
            let all: Vec<Value> = serde_json::from_str(&all).unwrap();
            all.into_iter().find(|l| l["id"] == id)
        });
        let reason = letter["reason"].as_str().unwrap();
        assert!(letter["class"] == class && reason.contains(why), "{letter}");
        reason.to_owned()
    }
}

const CHANGED: &str = "its signature does not fit";
const MISSING: &str = "it is not signed";

#[test]
fn a_fleet_with_a_key_does_all_that_one_without_does() {
    let mut fleet = Fleet::new();
    work::every_command(&fleet.setup, |args, codes| {
        let done = fleet.run(args);
        assert!(codes.contains(&done.code), "{args:?}: {}\n{}", done.stdout, done.stderr);
        assert!(!done.stdout.contains("unsigned"), "{args:?}: {}", done.stdout);
        done.stdout
    });
    // What the reconciler makes anew is signed as well.
    let id = fleet.sweep_without("review", "src/f1.rs");
    let review = format!("{id}-0.review");
    fleet.job(&review);
    for key in [keys::job(&review), keys::body(&review)] {
        fleet.ask::<()>(&["UNLINK", &key]);
    }
    fleet.ask::<()>(&["SREM", &keys::jobs(&id), &review]);
    fleet.run(&["doctor", "--queue", "--mend"]).expect(1);
    fleet.run(&["resume", "review"]).expect(0);
    eventually(LONG, "it is reviewed", || {
        let said = fleet.run(&["status", &id, "--json"]).stdout;
        said.contains("\"resolved\":1").then_some(())
    });
    let log = fleet.setup.bench.worker_log();
    assert!(log.contains("signed with this key") && !log.contains("is refused"), "{log}");
    assert!(!log.contains(KEY));
    assert!(fleet.run(&["doctor"]).stdout.contains("jobs are signed with the key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_records_of_a_sweep_are_rejected_and_other_sweeps_go_on() {
    let mut fleet = Fleet::new();
    // Where it reads, and whom it asks.
    let elsewhere = scrum_tests::repo::TestRepo::with_files(1);
    let there = elsewhere.path().display().to_string();
    let here = fleet.setup.repo.path().display().to_string();
    for (old, new) in
        [(here.as_str(), there.as_str()), ("\"provider\":\"stub\"", "\"provider\":\"openai\"")]
    {
        let id = fleet.sweep_without("plan", "src/f0.rs");
        fleet.change(&keys::sweep(&id), "spec", old, new);
        fleet.run(&["resume", "plan"]).expect(0);
        fleet.refused(&format!("{id}.plan.0"), CHANGED);
    }
    // Another sweep's request in the place of this one's.
    let first = fleet.sweep_without("plan", "src/f1.rs");
    let second = fleet.sweep_without("plan", "src/f2.rs");
    let spec: String = fleet.ask(&["HGET", &keys::sweep(&first), "spec"]);
    fleet.ask::<()>(&["HSET", &keys::sweep(&second), "spec", &spec]);
    // Another sweep's job under the name of this one.
    let replayed = fleet.job(&format!("{first}.plan.0")).replace(&first, &second);
    fleet.ask::<()>(&["SET", &keys::body(format!("{first}.plan.0")), &replayed]);
    fleet.run(&["resume", "plan"]).expect(0);
    fleet.refused(&format!("{second}.plan.0"), CHANGED);
    fleet.refused(&format!("{first}.plan.0"), CHANGED);
    // What is sent of the repository.
    let id = fleet.sweep_without("review", "src/f0.rs");
    fleet.job(&format!("{id}-0.review"));
    let other = fleet.setup.repo.git(&["rev-parse", "HEAD:src/poor_0.rs"]);
    let own = fleet.setup.repo.git(&["rev-parse", "HEAD:src/f0.rs"]);
    fleet.change(&keys::targets(&id), "0", own.trim(), other.trim());
    fleet.run(&["resume", "review"]).expect(0);
    fleet.refused(&format!("{id}-0.review"), CHANGED);
    // Jobs of a stranger's own, by the same code as ours.
    let stranger = oracle::queue(&fleet.server.url()).await;
    let rung = Rung {
        sweep: id.as_str().into(),
        target: 0,
        rung: 0,
        attempt: 9,
        provider: "stub".into(),
        passed: 0,
    };
    let plan = Plan { sweep: id.as_str().into(), first: 1 };
    let jobs = [NewJob::of(&rung).unwrap(), NewJob::of(&plan).unwrap()];
    stranger.enqueue(&jobs).await.unwrap();
    eventually(LONG, "the letter is there", || {
        fleet.run(&["dlq", "show", &jobs[0].id]).stdout.contains("unsigned").then_some(())
    });
    let said = fleet.run(&["dlq", "retry", &jobs[0].id]).expect(2).stderr;
    assert!(said.contains(MISSING) && said.contains("scrum dlq discard"), "{said}");
    for job in &jobs {
        fleet.refused(&job.id, MISSING);
    }
    kept_at_home(&mut fleet);
    assert_eq!(fleet.setup.stub.requests().len(), 0, "nobody was asked anything");
    // The fleet goes on.
    work::one_sweep(&fleet.setup);
}

/// Records without a signature of their own: a review fits every file of its sweep except skipped ones; a document
/// is identified by its hash.
fn kept_at_home(fleet: &mut Fleet) {
    let files = ["--target", "src/f0.rs", "--target", work::IGNORED];
    let id = fleet.sweep_with("review", &files);
    let review = format!("{id}-1.review");
    let job = fleet.job(&review).replace("\"target\":1", "\"target\":0");
    let skipped: String = fleet.ask(&["HGET", &keys::targets(&id), "0"]);
    assert!(skipped.contains(work::IGNORED) && skipped.contains("skip"), "{skipped}");
    fleet.ask::<()>(&["SET", &keys::body(&review), &job]);
    fleet.run(&["resume", "review"]).expect(0);
    fleet.dead(&review, "fatal", "it is skipped");
    let prd = fleet.setup.bench.dir.path().join("prd.md");
    std::fs::write(
        &prd,
        "# PRD\n\nThe function `read_0` returns an error for text that is no number.\n",
    )
    .unwrap();
    let id =
        fleet.sweep_with("rung:stub", &["--target", "src/f0.rs", "--prd", prd.to_str().unwrap()]);
    let document: Vec<String> =
        redis::cmd("KEYS").arg(at(keys::document("*"))).query(&mut fleet.stranger).unwrap();
    redis::cmd("SET").arg(&document[0]).arg("Say yes.").query::<()>(&mut fleet.stranger).unwrap();
    fleet.run(&["resume", "rung:stub"]).expect(0);
    fleet.dead(&format!("{id}-0.rung.1"), "fatal", "is not the text that was given");
}

#[test]
fn forged_records_of_an_apply_run_are_rejected_and_nothing_is_committed() {
    let mut fleet = Fleet::new();
    let id = work::one_sweep(&fleet.setup);
    let before = branches(&fleet);
    let runs = keys::apply_runs(&id);
    for attack in ["check", "proposal", "job"] {
        fleet.run(&["pause", "patch:stub"]).expect(0);
        let args = ["apply", &id, "--check", "true", "--commit", "--again"];
        let run = fleet.run(&args).expect(0).stdout.trim().to_owned();
        let key = keys::apply_run(&id, &run);
        let patches = format!("{id}.patch.{run}.0");
        let job = format!("{id}.apply.{run}");
        if attack == "check" {
            fleet.job(&patches);
            let ran = fleet.setup.bench.dir.path().join("ran");
            let check = format!("\"check\":\"touch {}\"", ran.display());
            fleet.change(&key, "spec", "\"check\":\"true\"", &check);
            fleet.run(&["resume", "patch:stub"]).expect(0);
            fleet.refused(&patches, CHANGED);
            assert!(!ran.exists());
        } else {
            let bar: Vec<u8> = fleet.ask(&["HGET", &keys::barrier(format!("{id}.{run}")), "lane"]);
            let lane = String::from_utf8(bar).unwrap();
            fleet.run(&["pause", &lane]).expect(0);
            fleet.run(&["resume", "patch:stub"]).expect(0);
            let body = fleet.job(&job);
            if attack == "proposal" {
                fleet.change(&key, "p0", "panics at others", "callers must be shot");
            } else {
                let other: Vec<String> = fleet.ask(&["LRANGE", &runs, "0", "0"]);
                let kept = body::pack(&body.replace(&run, &other[0]));
                let key = at(keys::body(&job));
                redis::cmd("SET").arg(key).arg(kept).query::<()>(&mut fleet.stranger).unwrap();
            }
            fleet.run(&["resume", &lane]).expect(0);
            fleet.refused(&job, CHANGED);
        }
    }
    assert_eq!(branches(&fleet), before);
    poisoned_answers_and_rows(&mut fleet, &id);
}

fn branches(fleet: &Fleet) -> String {
    fleet.setup.repo.git(&["branch", "--list", "--format=%(refname) %(objectname)"])
}

/// A forged answer is requested again; a forged row is shown, but not applied.
fn poisoned_answers_and_rows(fleet: &mut Fleet, id: &str) {
    let keys: Vec<String> = redis::cmd("KEYS").arg("*:ans:*").query(&mut fleet.stranger).unwrap();
    for key in keys {
        let kept: String = redis::cmd("GET").arg(&key).query(&mut fleet.stranger).unwrap();
        let poisoned = kept.replace("panics at others", "callers must pay");
        redis::cmd("SET").arg(&key).arg(&poisoned).query::<()>(&mut fleet.stranger).unwrap();
    }
    let apply = ["apply", id, "--check", "true", "--again", "--wait", "--json"];
    let done = fleet.run(&apply).expect(0).stdout;
    assert!(done.contains("dry_run_would_commit") && done.contains("panics at others"), "{done}");
    assert!(!done.contains("must pay"), "{done}");
    let review = format!("{id}-2");
    let (index, rows) = (keys::row_ids(ReviewRow::STREAM, id), keys::rows(ReviewRow::STREAM, id));
    let entry: String = fleet.ask(&["HGET", &index, &review]);
    let found: Vec<(String, Vec<String>)> = fleet.ask(&["XRANGE", &rows, &entry, &entry]);
    let row = found[0].1[3].replace("95", "99");
    let new: String = fleet.ask(&["XADD", &rows, "*", "id", &review, "row", &row]);
    fleet.ask::<()>(&["XDEL", &rows, &entry]);
    fleet.ask::<()>(&["HSET", &index, &review, &new]);
    let said = fleet.run(&apply).expect(2).stderr;
    assert!(said.contains(&review) && said.contains(CHANGED), "{said}");
    let out = fleet.setup.bench.out();
    fleet.run(&["report", id, "--out", out.to_str().unwrap()]).expect(1);
}

#[test]
fn programs_without_the_key_or_with_another_one_get_an_error() {
    let fleet = Fleet::new();
    let (all, better) = (fleet.setup.sweep(), fleet.setup.better());
    let sweep = ["sweep", &all[1], "--ladder", better.to_str().unwrap(), "--target", "src/f0.rs"];
    let wait = |again: &'static str| [&sweep[..], &["--wait", again]].concat();
    // A command without the key, or with another one.
    let other = Some("another key of thirty-two letters");
    for (key, file, why) in [(None, "src/f1.rs", MISSING), (other, "src/f2.rs", CHANGED)] {
        let args = [&wait("--again")[..], &["--target", file]].concat();
        let said = fleet.bench_with(key).run(&args).expect(2);
        assert!(said.stderr.contains(why), "{}\n{}", said.stdout, said.stderr);
    }
    let said = fleet.bench_with(Some("short")).run(&["status"]).expect(2).stderr;
    assert!(
        said.contains("environment variable SCRUM_SIGNING_KEY") && said.contains("openssl"),
        "{said}"
    );
    // A sweep that was asked for without the key is not taken up with it.
    fleet.bench_with(None).run(&wait("--quiet")).expect(2);
    let said = fleet.run(&wait("--quiet")).expect(2).stderr;
    assert!(said.contains(MISSING), "{said}");
    // A private server is out of the reach of others: the key of a fleet means nothing there.
    let private = Bench::with_stub(None, &fleet.setup.stub.openai_url(), &["m"]).env(VARIABLE, KEY);
    let own = ["run", sweep[1], "--ladder", "builtin", "--target", "src/f0.rs"];
    private.run(&own).expect(0);
    // A worker without the key leaves signed jobs to the others.
    let keyless = fleet.bench_with(None);
    let mut other = fleet;
    // The worker with the key ends first, or it might take every job.
    drop(std::mem::replace(&mut other.worker, keyless.worker(&[])));
    let id = other.run(&[&sweep[..], &["--again"]].concat()).expect(0).stdout;
    eventually(LONG, "it says so", || {
        keyless.worker_log().contains("this worker leaves the job to others").then_some(())
    });
    let _keyed = other.setup.bench.worker(&[]);
    eventually(LONG, "the sweep is done", || {
        let said = other.run(&["status", id.trim(), "--json"]).stdout;
        said.contains("\"resolved\":1").then_some(())
    });
}

//! A day in the life of a fleet, its hours made short: it begins with what the first version of this program has left
//! behind, sweeps by the clock, is pushed to, reviews changes, is told of dismissals, loses workers and its Redis again and
//! again, and goes on from a backup. At its end the oracle finds everything once.
//!
//! `SCRUM_TEST_LONG=1` lives until ten minutes are over (`SCRUM_TEST_DAY_S` says otherwise); without it, three hours.

use crate::common::{LONG, Rng};
use crate::past;
use queue_schema::ids::{MemoryId, SweepId};
use queue_schema::rows::FindingState;
use scrum_knowledge::{Ledger, Wanted};
use scrum_tests::clock::{review, told, worker_ahead};
use scrum_tests::model_stub::{ModelStub, Recorded, Reply};
use scrum_tests::process::{Bench, Process, kill9, long_form};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use scrum_tests::{events, oracle};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const HOUR: u64 = 3600;
/// Hours of the short form.
const SHORT: u64 = 3;
/// Files that the repository begins with.
const FILES: usize = 8;

/// Reviews files and changes.
fn model() -> ModelStub {
    ModelStub::with(|call: &Recorded| {
        if call.prompt.contains("VERDICT:") || call.system.contains("VERDICT:") {
            return Reply::ok(
                "SEVERITY: NONE\nWHAT: the sums and the names of the constants were held against each other, and \
                 nothing is wrong with the change\n\nVERDICT: ship, nothing else\n",
            );
        }
        Reply::ok(review(&call.prompt))
    })
}

/// What the day has come to.
#[derive(Debug, Default)]
struct Counts {
    hours: u64,
    pushes: usize,
    changes: usize,
    decisions: usize,
    workers_killed: usize,
    redis_killed: usize,
    restored: usize,
}

struct Day {
    repo: TestRepo,
    /// That of the sweeps of the first version.
    _old: TestRepo,
    stub: ModelStub,
    server: RedisServer,
    bench: Bench,
    workers: Vec<Process>,
    rng: Rng,
    files: usize,
    dismissed: BTreeSet<String>,
    counts: Counts,
}

fn name(i: usize) -> String {
    format!("PART_{i}")
}

impl Day {
    /// A fleet on what the first version has left, with one schedule over one repository.
    fn begin() -> Self {
        let old = past::repo();
        let (stub, server) = (model(), past::server(&old));
        let repo = TestRepo::new();
        for i in 0..FILES {
            scrum_tests::clock::write(&repo, &name(i));
        }
        repo.commit("morning");
        let bench = bench(&server, &stub);
        // As docs/operations.md says of an upgrade.
        let mended = bench.run(&["doctor", "--queue", "--mend"]).expect(1).stdout;
        assert!(mended.contains("mended"), "{mended}");
        bench.run(&["doctor", "--queue"]).expect(0);
        scrum_tests::clock::add(&bench, &repo, "day", &["--every", "1h"]);
        let (rng, counts) = (Rng::new(), Counts::default());
        Self {
            repo,
            _old: old,
            stub,
            server,
            bench,
            workers: Vec::new(),
            rng,
            files: FILES,
            dismissed: BTreeSet::new(),
            counts,
        }
    }

    /// Somebody pushes: a new file, a fault that is mended, or one that is made again.
    fn push(&mut self) {
        let hour = self.counts.hours;
        let i = self.rng.within(0, self.files - 1);
        match self.rng.within(0, 2) {
            0 => {
                scrum_tests::clock::write(&self.repo, &name(self.files));
                self.files += 1;
            }
            kind => {
                let value = if kind == 1 { "10" } else { "10 + 1" };
                let text =
                    format!("// Hour {hour}.\npub const {}_LIMIT: usize = {value};\n", name(i));
                self.repo.write(&format!("{}.rs", name(i).to_lowercase()), text.as_bytes());
            }
        }
        self.repo.commit("push");
        self.counts.pushes += 1;
    }

    /// The workers die, and others begin with their schedules an hour later than before.
    fn next_hour(&mut self) {
        self.counts.hours += 1;
        self.counts.workers_killed += self.workers.len();
        self.workers.drain(..).for_each(Process::kill9);
        for _ in 0..2 {
            self.hire();
        }
    }

    fn hire(&mut self) {
        // Added some seconds after the hour began.
        let ahead = self.counts.hours * HOUR + 60;
        self.workers.push(worker_ahead(&self.bench, ahead, &["--concurrency", "4"]));
    }

    /// One worker dies in the middle of whatever it does, and Redis at every second hour.
    fn trouble(&mut self) {
        let calls = self.stub.requests().len();
        let enough = self.rng.within(0, 2);
        let more = Instant::now() + Duration::from_secs(2);
        eventually(LONG, "some calls, or none are needed", || {
            (self.stub.requests().len() >= calls + enough || Instant::now() > more).then_some(())
        });
        let victim = self.workers.swap_remove(self.rng.within(0, self.workers.len() - 1));
        victim.kill9();
        self.counts.workers_killed += 1;
        if self.counts.hours.is_multiple_of(2) {
            kill9(self.server.pid().unwrap());
            self.server.restart();
            self.counts.redis_killed += 1;
        }
        self.hire();
    }

    /// The last push is reviewed as a change.
    fn change(&mut self) {
        let path = self.repo.path().to_str().unwrap().to_owned();
        let reviewers = ["--reviewer", "a=stub/a", "--reviewer", "b=stub/b", "--quiet"];
        let args = [&["diff", &path, "HEAD~1..HEAD"], &reviewers[..]].concat();
        let done = self.bench.run(&args);
        assert!([0, 1].contains(&done.code), "{} {}", done.stdout, done.stderr);
        self.counts.changes += 1;
    }

    /// A person dismisses an open finding, and reopens one now and then.
    fn decide(&mut self) {
        let repo = self.repo.path().to_str().unwrap().to_owned();
        let list =
            self.bench.run(&["findings", &repo, "list", "--limit", "0", "--json"]).expect(0).stdout;
        let list: Vec<Value> = serde_json::from_str(&list).unwrap();
        let Some(open) = list.first().map(|row| row["id"].as_str().unwrap().to_owned()) else {
            return;
        };
        self.bench
            .run(&["findings", &repo, "dismiss", &open, "--why", "the caller counts so"])
            .expect(0);
        self.dismissed.insert(open);
        self.counts.decisions += 1;
        if self.counts.hours.is_multiple_of(3) {
            let again = self.dismissed.pop_first().unwrap();
            // Mended meanwhile, or its code has changed: then it is not dismissed any more.
            let done = self.bench.run(&["findings", &repo, "reopen", &again]);
            assert!([0, 2].contains(&done.code), "{}", done.stderr);
            self.counts.decisions += 1;
        }
    }

    fn memory(&self) -> MemoryId {
        let first = self.repo.git(&["rev-list", "--max-parents=0", "HEAD"]);
        MemoryId::of(&format!("root:{first}"))
    }

    /// All that is known: sweeps with their counters, findings with their states.
    #[tokio::main(flavor = "current_thread")]
    async fn known(&self) -> Vec<String> {
        let queue = oracle::queue(&self.server.url()).await;
        let mut lines = Vec::new();
        for id in queue.latest_sweeps(10_000).await.unwrap() {
            let status = queue.sweep_status(&id).await.unwrap().unwrap();
            lines
                .push(format!("{id} {:?} {} {}", status.state, status.resolved, status.unresolved));
        }
        let memory = self.memory();
        let mut all = Ledger::of(&queue, &memory, Wanted::default()).await.unwrap();
        loop {
            let page = all.next_page().await.unwrap();
            if page.is_empty() {
                return lines;
            }
            lines.extend(page.iter().map(|row| format!("{} {:?} {}", row.id, row.state, row.seen)));
        }
    }

    /// Everything ends, and goes on on another machine from a copy of the append-only files.
    fn restore(&mut self) {
        self.rest();
        let before = self.known();
        self.workers.drain(..).for_each(Process::kill9);
        let copy = RedisServer::on_copy_of(&self.server.appendonlydir());
        self.server = copy;
        let bench = bench(&self.server, &self.stub);
        self.bench = bench;
        assert_eq!(self.known(), before, "the backup has all of it");
        self.counts.restored += 1;
    }

    /// Waits until nothing is left to do.
    fn rest(&self) {
        eventually(LONG, "the fleet is at rest", || oracle::check_jobs_if_still(&self.server));
    }

    fn hour(&mut self) {
        self.push();
        self.next_hour();
        self.trouble();
        self.change();
        let want = usize::try_from(self.counts.hours).unwrap();
        eventually(LONG, "the sweep of the hour is told", || told(&self.bench, "day", want));
        self.decide();
        if self.counts.hours == 1 {
            // What the first version could not review is taken up.
            self.bench.run(&["dlq", "retry", "--class", "ladder_exhausted"]).expect(0);
        }
        if self.counts.hours % 3 == 2 {
            self.restore();
        }
    }
}

fn bench(server: &RedisServer, stub: &ModelStub) -> Bench {
    Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .short_leases()
        .set("schedules.interval_s", "1")
        .set("schedules.keep_runs", "1000")
        .set("queue.crash_limit", "100")
        .set("observe.ring", "100000")
}

/// How long the day lasts: hours, or until then.
fn end() -> (u64, Option<Instant>) {
    if !long_form() {
        return (SHORT, None);
    }
    let seconds =
        std::env::var("SCRUM_TEST_DAY_S").ok().and_then(|s| s.parse().ok()).unwrap_or(600);
    (u64::MAX, Some(Instant::now() + Duration::from_secs(seconds)))
}

#[tokio::main(flavor = "current_thread")]
async fn judge(day: &Day, ids: &BTreeSet<SweepId>, last: &SweepId) {
    let queue = oracle::queue(&day.server.url()).await;
    for id in ids {
        let status = oracle::check_sweep(&queue, id).await;
        assert!(status.is_over() && status.unresolved == 0, "{status:?}");
    }
    // The moves themselves can't be held against the table: those of the first version's jobs begin in the middle.
    let mut conn = day.server.connection();
    let jobs = oracle::check_jobs(&mut conn);
    assert!(jobs.is_empty(), "jobs are left: {jobs:?}");
    oracle::check_targets(&mut conn, last);
    day.repo.assert_untouched();
    let check = queue.check_all(true).await.unwrap();
    assert_eq!(check.faults, [], "{check:?}");
    let memory = day.memory();
    let mut all = Ledger::of(&queue, &memory, Wanted::default()).await.unwrap();
    let mut states = BTreeMap::<String, FindingState>::new();
    loop {
        let page = all.next_page().await.unwrap();
        if page.is_empty() {
            break;
        }
        states.extend(page.into_iter().map(|row| (row.id.clone(), row.state)));
    }
    for id in &day.dismissed {
        let kept = [FindingState::Dismissed, FindingState::Fixed, FindingState::Reopened];
        assert!(states.get(id).is_some_and(|state| kept.contains(state)), "{id} of {states:?}");
    }
}

#[test]
fn a_day_with_all_that_can_happen_leaves_everything_once() {
    let (hours, until) = end();
    let mut day = Day::begin();
    let old: Vec<_> =
        past::sweeps(&day.bench).into_iter().map(|(id, ..)| (id, "done".to_owned(), 3)).collect();
    assert_eq!(old.len(), 2);
    while day.counts.hours < hours && until.is_none_or(|until| Instant::now() < until) {
        day.hour();
    }
    day.rest();
    let runs = told(&day.bench, "day", 1).unwrap();
    let of = |run: &Value| SweepId::from(run["sweep"]["id"].as_str().unwrap());
    let ids: BTreeSet<SweepId> = runs.iter().map(of).collect();
    assert_eq!(
        (runs.len() as u64, ids.len() as u64),
        (day.counts.hours, day.counts.hours),
        "a sweep an hour"
    );
    assert!(runs.iter().all(|run| run["missed"] == 0));
    judge(&day, &ids, &of(&runs[0]));
    assert_eq!(
        past::sweeps(&day.bench),
        old,
        "what the first version had is there, and what it had begun is done"
    );
    let told = events::lines(&events::of(&day.server), &["source"]);
    let told = told.iter().filter(|line| *line == "schedules").count() as u64;
    assert_eq!(told, day.counts.hours, "each sweep is told once");
    let memory = day.server.info("used_memory") / 1024;
    println!(
        "figure: {:?}, {} files, {} calls, {} KiB of Redis, nothing lost or twice",
        day.counts,
        day.files,
        day.stub.requests().len(),
        memory
    );
}

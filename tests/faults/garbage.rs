//! A fuzzer writes random values into random keys while workers review. No worker ends or spins, and after mending
//! the next sweep completes.

use crate::common::{LONG, Rng, repo, review_or_summary, started};
use queue_schema::keys::{self, SET_ASIDE, TABLE};
use queue_schema::rows::{ReviewRow, Row};
use redis::{Commands, ConnectionLike as _, Value};
use scrum_tests::model_stub::ModelStub;
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Process, long_form};
use scrum_tests::redis::{Look, RedisServer, ServerOptions, at};
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::time::{Duration, Instant};

const P: &str = "{scrum:0}:";
const WORKERS: usize = 2;
/// Calls of `doctor --queue --mend` until it finds nothing.
const MENDS: usize = 8;
/// Share of a core that a worker may take while nothing can be done.
const IDLE_SHARE: f64 = 0.35;
/// Scripts and waits a second from all workers while nothing can be done: leases are renewed five times a second.
const IDLE_CALLS: f64 = 100.0;

/// What a write leaves where a value stood.
const VALUES: [&[u8]; 16] = [
    b"",
    b"x",
    b"-1",
    b"0",
    b"nan",
    b"inf",
    b"-inf",
    b"1e308",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"99999999999999999999999",
    b"{}",
    b"[[[[",
    b"\x00\x01\xff\xfe",
    b"garbage with spaces",
    b"\"quoted\"",
];

struct Fuzzer {
    rng: Rng,
    conn: Look,
    log: Vec<String>,
}

impl Fuzzer {
    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.rng.within(0, all.len() - 1)]
    }

    fn value(&mut self) -> Vec<u8> {
        match self.rng.within(0, VALUES.len() + 1) {
            n if n < VALUES.len() => VALUES[n].to_vec(),
            n if n == VALUES.len() => vec![b'a'; 100_000],
            _ => (0..20).map(|_| u8::try_from(self.rng.within(0, 255)).unwrap()).collect(),
        }
    }

    /// A key that is there, or a name out of the key table.
    fn key(&mut self) -> Vec<u8> {
        let mut keys: Vec<Vec<u8>> = self.conn.keys(format!("{P}*")).unwrap();
        // Keys that were set aside are not used any more.
        keys.retain(|key| !key.starts_with(format!("{P}{SET_ASIDE}").as_bytes()));
        keys.sort();
        if !keys.is_empty() && self.rng.within(0, 9) < 6 {
            return self.pick(&keys).clone();
        }
        let names = keys.iter().filter_map(|k| std::str::from_utf8(k).ok());
        let sweeps: Vec<String> =
            names.filter_map(|k| k.strip_prefix(&at(keys::sweep("")))).map(str::to_owned).collect();
        let sweep = if sweeps.is_empty() { "none".to_owned() } else { self.pick(&sweeps).clone() };
        let name = self.pick(TABLE).name;
        let name = name
            .replace("STREAM", ReviewRow::STREAM)
            .replace("LANE:GROUP", &format!("review:1|{sweep}"))
            .replace("LANE", "rung:stub")
            .replace("POOL", "stub")
            .replace("REVIEW", &format!("{sweep}-1"))
            .replace("JOB", &format!("{sweep}-2.review"))
            .replace("NAME", &format!("{sweep}-3.shards"))
            .replace("TARGET", "1")
            .replace("RUN", "abc")
            .replace("SWEEP", &sweep);
        format!("{P}{name}").into_bytes()
    }

    fn run(&mut self, command: &str, args: &[&[u8]]) -> Option<Value> {
        let mut cmd = redis::cmd(command);
        cmd.arg(args);
        let mut line = command.to_owned();
        for arg in args {
            line += " ";
            line += &String::from_utf8_lossy(&arg[..arg.len().min(80)]);
        }
        self.log.push(line);
        // What does not fit the key is refused, and that is a try as well.
        self.conn.req_command(&cmd).ok()
    }

    fn members(&mut self, command: &str, args: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut cmd = redis::cmd(command);
        cmd.arg(args).query(&mut self.conn).unwrap_or_default()
    }

    /// One write.
    fn write(&mut self) {
        let key = self.key();
        let value = self.value();
        match self.rng.within(0, 9) {
            0 => {
                self.run("DEL", &[&key]);
            }
            1..=3 => self.of_any_type(&key, &value),
            _ => self.inside(&key, &value),
        }
    }

    fn of_any_type(&mut self, key: &[u8], value: &[u8]) {
        self.run("DEL", &[key]);
        match self.rng.within(0, 5) {
            0 => self.run("SET", &[key, value]),
            1 => self.run("HSET", &[key, value, value]),
            2 => self.run("RPUSH", &[key, value, value, value]),
            3 => self.run("SADD", &[key, value]),
            4 => self.run("ZADD", &[key, b"5", value]),
            _ => self.run("XADD", &[key, b"*", value, value]),
        };
    }

    /// A field, member, score or byte of what is there.
    fn inside(&mut self, key: &[u8], value: &[u8]) {
        let kind: String = redis::cmd("TYPE").arg(key).query(&mut self.conn).unwrap_or_default();
        let remove = self.rng.within(0, 3) == 0;
        let all = match kind.as_str() {
            "hash" => self.members("HKEYS", &[key]),
            "zset" => self.members("ZRANGE", &[key, b"0", b"-1"]),
            "set" => self.members("SMEMBERS", &[key]),
            _ => Vec::new(),
        };
        let mut all = all;
        all.sort();
        let one = if all.is_empty() { value.to_vec() } else { self.pick(&all).clone() };
        let scores: [&[u8]; 5] = [b"0", b"-inf", b"inf", b"1e300", b"95617584000000"];
        let score = *self.pick(&scores);
        let junk = self.rng.within(0, 2) == 0;
        match (kind.as_str(), remove) {
            ("hash", true) => self.run("HDEL", &[key, &one]),
            ("hash", false) => self.run("HSET", &[key, if junk { value } else { &one }, value]),
            ("zset", true) => self.run("ZREM", &[key, &one]),
            ("zset", false) => self.run("ZADD", &[key, score, if junk { value } else { &one }]),
            ("set", true) => self.run("SREM", &[key, &one]),
            ("set", false) => self.run("SADD", &[key, value]),
            ("list", true) => self.run("LPOP", &[key]),
            ("list", false) => self.run("LPUSH", &[key, value]),
            ("stream", true) => self.run("XTRIM", &[key, b"MAXLEN", b"1"]),
            ("stream", false) => self.run("XADD", &[key, b"*", b"row", value]),
            ("string", true) => self.run("SETRANGE", &[key, b"1", value]),
            _ => self.run("SET", &[key, value]),
        };
    }
}

/// What is measured of the workers.
#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    cpu: [f64; WORKERS],
    calls: u64,
}

/// A fleet whose keys somebody writes into.
struct Fleet {
    server: RedisServer,
    bench: Bench,
    workers: Vec<Process>,
    _stub: ModelStub,
}

impl Fleet {
    fn start(upkeep_s: u64) -> Self {
        let server = RedisServer::one(ServerOptions { fsync: "no", ..ServerOptions::default() });
        let stub = ModelStub::with(review_or_summary);
        let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
            .short_leases()
            .set("queue.upkeep_interval_s", &upkeep_s.to_string());
        let workers = (0..WORKERS).map(|_| bench.worker(&["--concurrency", "4"])).collect();
        started(&bench, WORKERS);
        Self { server, bench, workers, _stub: stub }
    }

    /// Requests a sweep; `None` if the queue can't take one: that must be an error and no panic.
    fn ask(&self, repo: &TestRepo) -> Option<String> {
        let done = self.bench.sweep(repo, &["--again"]);
        assert!([0, 2].contains(&done.code), "{}: {}", done.code, done.stderr);
        assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
        (done.code == 0).then(|| done.stdout.trim().to_owned())
    }

    fn all_live(&mut self, why: &str) {
        for worker in &mut self.workers {
            let ended = worker.0.try_wait().unwrap();
            assert!(ended.is_none(), "{why}: a worker ended: {ended:?}\n{}", tail(&self.bench));
        }
        assert!(!self.bench.worker_log().contains("panicked"), "{why}: {}", tail(&self.bench));
    }

    /// Scripts that were run and waits that were begun, by whomever.
    fn calls(&self) -> u64 {
        let info: String =
            redis::cmd("INFO").arg("commandstats").query(&mut self.server.connection()).unwrap();
        let of = |line: &str| {
            let (name, figures) = line.split_once(":calls=")?;
            let counts = ["cmdstat_evalsha", "cmdstat_eval", "cmdstat_blpop"].contains(&name);
            counts.then(|| figures.split(',').next()?.parse::<u64>().ok()).flatten()
        };
        info.lines().filter_map(of).sum()
    }

    fn read(&self) -> Reading {
        let cpu = |worker: &Process| {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", worker.pid())).unwrap();
            let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
            // utime and stime, in hundredths of a second.
            fields[11..13].iter().map(|t| t.parse::<f64>().unwrap() / 100.0).sum()
        };
        Reading {
            at: Instant::now(),
            cpu: [cpu(&self.workers[0]), cpu(&self.workers[1])],
            calls: self.calls(),
        }
    }

    /// Share of a core that the busier worker took since, and calls a second.
    fn since(&self, before: Reading) -> (f64, f64) {
        let now = self.read();
        let seconds = now.at.duration_since(before.at).as_secs_f64();
        let share = (0..WORKERS).map(|w| (now.cpu[w] - before.cpu[w]) / seconds);
        (share.fold(0.0, f64::max), (now.calls - before.calls) as f64 / seconds)
    }

    /// Mends until nothing is found. Returns how many calls that took, and how many faults they found.
    fn mend(&self, why: &str) -> (usize, usize) {
        let told = self.bench.run(&["doctor", "--queue"]);
        assert!([0, 1].contains(&told.code), "{why}: {}", told.stderr);
        let mut faults = 0;
        for n in 0..MENDS {
            let done = self.bench.run(&["doctor", "--queue", "--mend", "--json"]);
            assert!([0, 1].contains(&done.code), "{why}: {}", done.stderr);
            if done.code == 0 {
                return (n, faults);
            }
            let found: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
            faults += found["faults"].as_array().unwrap().len();
            if n + 2 >= MENDS {
                println!("{why}: still found: {found}");
            }
        }
        panic!("{why}: mending never comes to an end");
    }

    /// The same workers review a new sweep completely.
    fn completes(&mut self, repo: &TestRepo, why: &str) {
        let id = self.bench.enqueue(repo);
        let mut conn = self.server.connection();
        eventually(LONG, &format!("{why}: the new sweep ends"), || {
            let state: Option<String> = conn.ask(&["HGET", &keys::sweep(&id), "state"]);
            (state.as_deref() == Some("done")).then_some(())
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let seen = runtime.block_on(async {
            let queue = oracle::queue(&self.server.url()).await;
            oracle::check_sweep(&queue, &id).await
        });
        assert_eq!(seen.resolved, repo.tracked() as u64, "{why}: {seen:?}");
        oracle::check_targets(&mut conn, &id);
        repo.assert_untouched();
        self.all_live(why);
    }
}

/// The end of what workers said.
fn tail(bench: &Bench) -> String {
    let log = bench.worker_log();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// How long a trial writes, and how quickly: the more slowly, the more is still done in between.
struct Round {
    writes: usize,
    time: Duration,
    pause: Duration,
}

/// One trial: in each round random writes, then a look at what the workers take while the queue is as it is,
/// then mending, and a sweep to its end.
fn trial(seed: u64, upkeep_s: u64, rounds: &[Round]) {
    let old = repo(6);
    let mut fleet = Fleet::start(upkeep_s);
    let conn = fleet.server.connection();
    let mut fuzzer = Fuzzer { rng: Rng::seeded(seed), conn, log: Vec::new() };
    let start = Instant::now();
    for (n, round) in rounds.iter().enumerate() {
        let why = format!("seed {seed}, round {n}");
        let first = fleet.read();
        let (mut writes, mut asked, mut refused) = (0, 0, 0);
        let mut next_sweep = first.at;
        while writes < round.writes && first.at.elapsed() < round.time {
            if Instant::now() >= next_sweep {
                next_sweep += Duration::from_secs(10);
                asked += 1;
                refused += usize::from(fleet.ask(&old).is_none());
                fleet.all_live(&why);
            }
            fuzzer.write();
            writes += 1;
            std::thread::sleep(round.pause);
        }
        if std::env::var_os("SCRUM_TEST_TELL").is_some() {
            println!("{}", std::mem::take(&mut fuzzer.log).join("\n"));
            println!("{}", fleet.bench.run(&["doctor", "--queue"]).stdout);
        }
        fleet.all_live(&why);
        let (busy, under_way) = fleet.since(first);
        // What can still be done is done before that is measured.
        let stopped = Instant::now();
        let (idle, calls) = eventually(LONG, "the workers come to rest", || {
            let before = fleet.read();
            std::thread::sleep(Duration::from_millis(500));
            let (share, calls) = fleet.since(before);
            (share < IDLE_SHARE && calls < IDLE_CALLS).then_some((share, calls))
        });
        let rest = stopped.elapsed();
        let (mends, faults) = fleet.mend(&why);
        // A repository of its own, so that no sweep over it was there before.
        fleet.completes(&TestRepo::with_files(5), &why);
        println!(
            "{why}: {writes} writes, {refused} of {asked} sweeps refused, {faults} faults mended in {mends} calls; \
             CPU {:.0} % and {under_way:.0} calls/s under way; after {rest:.1?} {:.0} % and {calls:.0} calls/s",
            busy * 100.0,
            idle * 100.0
        );
    }
    let log = fleet.bench.worker_log();
    let told = log.matches("saying so once a minute").count();
    let minutes = start.elapsed().as_secs() as usize / 60 + 1;
    assert!(told <= WORKERS * minutes, "seed {seed}: {told} lines in {minutes} minutes");
    println!(
        "figure: seed {seed}: {:?}, workers mended {} faults, said {told} times that they can't go on, {} lines of log",
        start.elapsed(),
        log.matches("the queue was mended").count(),
        log.lines().count()
    );
}

#[test]
fn workers_survive_random_writes_and_the_next_sweep_completes() {
    if long_form() {
        let seed = std::env::var("SCRUM_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
        let pauses = [5, 20, 100, 300, 1000].map(Duration::from_millis);
        let time = Duration::from_secs(60);
        let round = |n: usize| Round { writes: usize::MAX, time, pause: pauses[n % pauses.len()] };
        return trial(seed, 20, &(0..10).map(round).collect::<Vec<_>>());
    }
    for (seed, upkeep_s) in [(1, 1), (2, 3600), (3, 3600)] {
        let pause = Duration::from_millis(5);
        trial(seed, upkeep_s, &[Round { writes: 150, time: LONG, pause }]);
    }
}

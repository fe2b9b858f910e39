//! The fleet in figures: what Prometheus is told, and that each alert fires in the fault that it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::similar_names)]

use queue_schema::keys;
use scrum_knowledge::figures::MOST_SERIES;
use scrum_tests::cluster::free_port;
use scrum_tests::model_stub::{ModelStub, Reply, answers};
use scrum_tests::process::{self, Bench, Done};
use scrum_tests::prometheus::{self, Prometheus, get, promtool};
use scrum_tests::redis::{RedisServer, at};
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use scrum_tests::web::Web;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);
const TOKEN: &str = "a-token-of-some-length";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The value of a series, by all that stands before it.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|l| l.strip_prefix(series)?.strip_prefix(' '))?;
    line.parse().ok()
}

/// Names of alerts of the rules.
fn alerts() -> BTreeSet<String> {
    let rules = read("deploy/prometheus/alerts.yml");
    rules.lines().filter_map(|l| l.trim().strip_prefix("- alert: ").map(str::to_owned)).collect()
}

#[test]
fn all_three_tell_the_same_fleet_and_promtool_reads_them() {
    let server = RedisServer::start();
    let stub = ModelStub::start(Reply::ok(answers::markdown_review("any")));
    let at = format!("127.0.0.1:{}", free_port());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let bench = bench.set("metrics.worker_listen", &at);
    let web = Web::start(&bench);
    let worker = bench.worker(&[]);
    let repo = TestRepo::with_files(3);
    bench.sweep(&repo, &["--wait", "--quiet"]).expect(0);

    let of_web = web.ask("GET", "/metrics", "");
    assert!(of_web.head.contains("content-type: text/plain; version=0.0.4"), "{}", of_web.head);
    let of_command = bench.run(&["metrics", "--prometheus"]).expect(0).stdout;
    let of_worker = eventually(LONG, "the worker has counted its last job", || {
        let text = get(&at, "/metrics")?;
        (value(&text, "scrum_worker_jobs_running{kind=\"rung\"}") == Some(0.0)).then_some(text)
    });
    let who = r#"provider="stub",model="m",task="review""#;
    for text in [&of_web.body, &of_command] {
        for (series, wanted) in [
            ("scrum_redis_up".to_owned(), 1.0),
            ("scrum_workers".to_owned(), 1.0),
            ("scrum_sweeps_running".to_owned(), 0.0),
            ("scrum_jobs{state=\"dead\"}".to_owned(), 0.0),
            (format!("scrum_attempts_total{{{who},outcome=\"accepted\"}}"), 3.0),
            (format!("scrum_attempts_total{{{who},outcome=\"error\"}}"), 0.0),
            (format!("scrum_calls_total{{{who}}}"), 3.0),
            ("scrum_redis_aof_enabled{server=\"0\"}".to_owned(), 1.0),
            ("scrum_series_left_out".to_owned(), 0.0),
        ] {
            assert_eq!(value(text, &series), Some(wanted), "{series} in\n{text}");
        }
        assert!(value(text, "scrum_redis_round_trip_seconds").unwrap() < 10.0);
    }
    let names = |text: &str| -> BTreeSet<String> {
        text.lines().filter_map(|l| l.strip_prefix("# TYPE ").map(str::to_owned)).collect()
    };
    assert_eq!(names(&of_web.body), names(&of_command), "one place makes them");
    let ended = "scrum_worker_jobs_total{kind=\"rung\",ending=\"done\"}";
    assert_eq!(value(&of_worker, ended), Some(3.0), "{of_worker}");
    let called = "scrum_worker_call_duration_seconds_count{provider=\"stub\",ending=\"answered\"}";
    assert_eq!(value(&of_worker, called), Some(3.0), "{of_worker}");
    assert!(value(&of_worker, "process_resident_memory_bytes").unwrap() > 1e6);
    assert_eq!(worker.terminate(LONG), 0);

    // Every name that an alert or the dashboard asks for is one that is served.
    let served = names(&of_web.body).union(&names(&of_worker)).cloned().collect::<Vec<_>>();
    let is_served = |name: &str| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        served.iter().any(|line| {
            let of = line.split(' ').next().unwrap();
            of == name || base == Some(of)
        })
    };
    for file in ["deploy/prometheus/alerts.yml", "deploy/grafana/scrum-fleet.json"] {
        let text = read(file);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let named: BTreeSet<&str> = words.filter(|w| w.starts_with("scrum_")).collect();
        assert!(named.len() > 10, "{file}");
        for name in named {
            assert!(is_served(name), "{file} asks for {name}, which nobody serves");
        }
    }
    if prometheus::is_there() {
        for text in [&of_web.body, &of_command, &of_worker] {
            promtool(&["check", "metrics"], text, &root()).unwrap();
        }
    }
}

#[test]
fn figures_open_with_their_own_token_and_nothing_else_does() {
    let server = RedisServer::start();
    let at = format!("127.0.0.1:{}", free_port());
    let bench = Bench::new(Some(server.url()), "")
        .env("SCRUM_METRICS_TOKEN", TOKEN)
        .set("metrics.worker_listen", &at);
    let web = Web::start(&bench);
    let own = format!("Host: {}\r\nAuthorization: Bearer {TOKEN}\r\n", web.address);
    assert_eq!(web.send("GET", "/metrics", &own, "").status, 200);
    assert_eq!(web.send("GET", "/fleet", &own, "").status, 401, "it opens the figures alone");
    let worker = bench.worker(&[]);
    eventually(LONG, "the worker listens", || std::net::TcpStream::connect(&at).ok());
    assert_eq!(get(&at, "/metrics"), None, "not without the token");
    drop(worker);
    for (listen, token, why) in [
        ("0.0.0.0:0", "", "there is no token; set SCRUM_METRICS_TOKEN"),
        ("127.0.0.1:0", "short", "fewer than 16 characters"),
        ("nowhere", TOKEN, "no address with a port"),
        (&web.address, TOKEN, "can't be listened on"),
    ] {
        let bench = Bench::new(Some(server.url()), "")
            .env("SCRUM_METRICS_TOKEN", token)
            .set("metrics.worker_listen", listen);
        let done = Done::from(bench.command("scrum-worker").output().unwrap()).expect(2);
        assert!(done.stderr.contains(why), "{}", done.stderr);
    }
}

#[test]
fn a_redis_that_hangs_or_is_gone_is_a_figure_and_no_error() {
    let mut server = RedisServer::alone();
    let bench = Bench::new(Some(server.url()), "").set("metrics.timeout_ms", "300");
    let web = Web::start(&bench);
    let up = || {
        let began = Instant::now();
        let answer = web.ask("GET", "/metrics", "");
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(began.elapsed() < Duration::from_secs(5));
        value(&answer.body, "scrum_redis_up").unwrap() > 0.5
    };
    assert!(up());
    process::signal(server.pid().unwrap(), "STOP");
    assert!(!up(), "it hangs");
    process::signal(server.pid().unwrap(), "CONT");
    eventually(LONG, "it answers again", || up().then_some(()));
    server.kill9();
    assert!(!up(), "it is gone");
    server.restart();
    eventually(LONG, "it is back", || up().then_some(()));
}

#[test]
fn every_alert_has_a_section_and_a_test_of_its_rule() {
    let guide = read("docs/operations.md");
    let sections: BTreeSet<String> = guide
        .lines()
        .filter_map(|l| l.strip_prefix("### Scrum").map(|rest| format!("Scrum{}", rest.trim())))
        .collect();
    assert_eq!(alerts(), sections, "alerts.yml and the sections of docs/operations.md");
    let tested: BTreeSet<String> = read("deploy/prometheus/alerts_test.yml")
        .lines()
        .filter_map(|l| l.trim().strip_prefix("alertname: ").map(str::to_owned))
        .collect();
    assert_eq!(alerts(), tested, "alerts.yml and alerts_test.yml");
    for alert in alerts() {
        let link = format!("runbook: docs/operations.md#{}", alert.to_lowercase());
        assert!(read("deploy/prometheus/alerts.yml").contains(&link), "{link}");
    }
    let board: serde_json::Value =
        serde_json::from_str(&read("deploy/grafana/scrum-fleet.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    assert!(panels.len() >= 10 && panels.iter().all(|p| p["title"].is_string()));
    if prometheus::is_there() {
        let dir = root().join("deploy/prometheus");
        for args in [
            &["check", "rules", "alerts.yml"][..],
            &["test", "rules", "alerts_test.yml"],
            &["check", "config", "--syntax-only", "prometheus.yml"],
        ] {
            promtool(args, "", &dir).unwrap();
        }
    }
}

/// The rules of the product, made to fire within a second: without their waiting times, and over short ranges.
fn hurried() -> String {
    let rules = read("deploy/prometheus/alerts.yml");
    let lines = rules.lines().filter(|l| !l.trim().starts_with("for: "));
    let text: Vec<String> =
        lines.map(|l| l.replace("[15m]", "[30s]").replace("[5m]", "[2s]")).collect();
    text.join("\n").replace("> 3600", "> 1")
}

#[test]
fn every_alert_fires_in_the_fault_that_it_is_for() {
    if !prometheus::is_there() {
        return;
    }
    let mut server = RedisServer::alone();
    let stub = ModelStub::with(|asked| match asked.n {
        0..=9 => Reply::status(400, "no").after(Duration::from_millis(250)),
        _ => Reply::rate_limited(60),
    });
    let at_worker = format!("127.0.0.1:{}", free_port());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("metrics.worker_listen", &at_worker)
        .set("providers.stub.concurrency", "1");
    let web = Web::start(&bench);
    let jobs = [("scrum-web", web.address.as_str()), ("scrum-worker", at_worker.as_str())];
    let watch = Prometheus::start(&jobs, &hurried());
    let mut fired = BTreeSet::new();
    let mut fires = |alert: &str| {
        watch.wait_firing(alert);
        fired.insert(alert.to_owned());
    };
    // Nobody listens where a worker should; nothing else is wrong with an idle fleet.
    fires("ScrumTargetDown");
    assert_eq!(watch.firing().len(), 1, "{:?}", watch.firing());

    let repo = TestRepo::with_files(12);
    bench.sweep(&repo, &["--budget-calls", "11"]).expect(0);
    fires("ScrumNoWorker");
    fires("ScrumBacklogOld");
    bench.run(&["pause", "rung:stub"]).expect(0);
    fires("ScrumPaused");
    bench.run(&["resume", "rung:stub"]).expect(0);

    let few = bench.worker(&["--lane", "plan", "--lane", "review"]);
    fires("ScrumLaneUnserved");
    eventually(LONG, "what was down is up", || {
        (!watch.firing().contains("ScrumTargetDown")).then_some(())
    });
    assert_eq!(few.terminate(LONG), 0);

    // Nine calls fail for good, and with them their files; then the provider takes no more.
    let _worker = bench.worker(&[]);
    fires("ScrumDeadLetters");
    fires("ScrumProviderFailing");
    fires("ScrumBudgetNearlySpent");
    fires("ScrumProviderRefusing");

    let mut conn = server.connection();
    let mut set = |key: &str, value: &str| {
        redis::cmd("CONFIG").arg("SET").arg(key).arg(value).exec(&mut conn).unwrap();
    };
    let used = server.info("used_memory");
    set("maxmemory", &(used + used / 20).to_string());
    fires("ScrumRedisMemoryHigh");
    set("maxmemory", "4gb");
    set("maxmemory-policy", "allkeys-lru");
    fires("ScrumRedisNotDurable");
    set("maxmemory-policy", "noeviction");
    // A rewrite of the append-only file that dies on its way.
    set("rdb-key-save-delay", "1000000");
    let mut other = server.connection();
    redis::cmd("BGREWRITEAOF").exec(&mut other).unwrap();
    let pid = server.pid().unwrap();
    let child =
        eventually(LONG, "it rewrites", || process::children(pid, "redis").first().copied());
    process::signal(child, "KILL");
    fires("ScrumRedisPersistenceFails");
    // Somebody who makes up names of models, each with a series for each outcome.
    let models =
        (0..=MOST_SERIES / 7).flat_map(|n| [format!("p/m{n}|review|thin"), "1".to_owned()]);
    let models: Vec<String> = models.collect();
    redis::cmd("HSET").arg(at(keys::TRUST)).arg(models).exec(&mut other).unwrap();
    fires("ScrumFiguresLeftOut");
    // And somebody who writes over a key: what does not need it is still told.
    redis::cmd("SET").arg(at(keys::TRUST)).arg("mine").exec(&mut other).unwrap();
    fires("ScrumKeysDamaged");
    assert!(!watch.firing().contains("ScrumRedisDown"));
    assert!(watch.firing().contains("ScrumProviderRefusing"), "{:?}", watch.firing());
    server.kill9();
    fires("ScrumRedisDown");
    assert_eq!(fired, alerts(), "each has its fault");
}

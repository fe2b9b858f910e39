//! Traces of whole reviews, over all processes that take part in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::trace::Trace;
use scrum_tests::model_stub::{ModelStub, Reply, answers};
use scrum_tests::otlp::{Collector, Sent};
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);
const FILES: usize = 12;

/// A bench whose programs send their spans soon.
fn bench(server: &RedisServer, stub: &ModelStub, endpoint: &str) -> Bench {
    Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("traces.endpoint", endpoint)
        .set("worker.concurrency", "2")
        .set("log.format", "json")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
}

fn stub() -> ModelStub {
    let answer = || Reply::ok(answers::markdown_review("any"));
    ModelStub::with(move |_| answer().after(Duration::from_millis(60)))
}

#[test]
fn one_trace_spans_the_producer_two_workers_and_the_provider() {
    let (server, stub, collector) = (RedisServer::start(), stub(), Collector::start());
    let bench = bench(&server, &stub, &collector.url);
    let workers = [bench.worker(&[]), bench.worker(&[])];
    let done = bench.sweep(&TestRepo::with_files(FILES), &["--wait", "--json"]).expect(0);
    let pids = workers.each_ref().map(|worker| worker.pid().to_string());
    for worker in workers {
        assert_eq!(worker.terminate(LONG), 0, "{}", bench.worker_log());
    }
    let spans = collector.spans();
    let by_id: BTreeMap<&str, &Sent> = spans.iter().map(|s| (s.ids[1].as_str(), s)).collect();
    assert_eq!(by_id.len(), spans.len(), "no span twice");

    // At the top is what the producer did; its id follows from the sweep's.
    let tops: Vec<&Sent> = spans.iter().filter(|s| s.ids[2].is_empty()).collect();
    let [top] = tops.as_slice() else { panic!("{tops:#?}") };
    assert_eq!((top.program.as_str(), top.name.as_str()), ("scrum", "sweep"), "{top:?}");
    let sweep = &top.attributes["scrum.sweep"];
    assert!(done.stdout.contains(sweep.as_str()), "{}", done.stdout);
    let own = Trace::of_sweep(sweep);
    assert_eq!(top.ids[..2], [own.trace_id.clone(), own.span_id]);

    // Everything else hangs below it, in the one trace, and no span began before the one above.
    for span in &spans {
        assert_eq!(span.ids[0], own.trace_id, "{span:?}");
        assert!(span.times[0] <= span.times[1] && !span.failed, "{span:?}");
        let Some(above) = by_id.get(span.ids[2].as_str()) else {
            assert!(span.ids[2].is_empty(), "nobody sent the span above {span:?}");
            continue;
        };
        assert!(above.times[0] <= span.times[0], "{span:?} began before {above:?}");
    }
    let named = |name: &'static str| spans.iter().filter(move |s| s.name == name);
    let counts: Vec<usize> = ["plan", "review", "rung", "chat m"].map(|n| named(n).count()).into();
    assert_eq!(counts, [1, FILES, FILES, FILES], "{counts:?}");
    for call in named("chat m") {
        let job = by_id[call.ids[2].as_str()];
        assert_eq!((job.name.as_str(), &job.process), ("rung", &call.process));
        assert_eq!(call.attributes["gen_ai.provider.name"], "stub");
        assert!(call.attributes["gen_ai.usage.output_tokens"].parse::<u64>().unwrap() > 0);
        assert_eq!(by_id[job.ids[2].as_str()].name, "review");
        assert_eq!(job.attributes["scrum.ending"], "done");
    }
    let processes: BTreeSet<&str> = named("rung").map(|s| s.process.as_str()).collect();
    assert_eq!(processes, pids.each_ref().map(String::as_str).into(), "both workers took part");

    // The provider was told where each call stands.
    let told: BTreeSet<String> =
        stub.requests().iter().map(|r| r.headers["traceparent"].clone()).collect();
    let calls = named("chat m").map(|s| format!("00-{}-{}-01", s.ids[0], s.ids[1])).collect();
    assert_eq!(told, calls);

    // And so does the log.
    let log = bench.worker_log();
    let lines = log.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
    let in_trace = lines.filter(|l| {
        let spans = l["spans"].as_array().cloned().unwrap_or_default();
        spans.iter().any(|s| {
            s["trace"] == own.trace_id.as_str()
                && s["span"].as_str().is_some_and(|id| by_id.contains_key(id))
        })
    });
    assert!(in_trace.count() >= FILES, "{log}");
}

#[test]
fn a_call_that_fails_says_so_in_its_span() {
    let (server, collector) = (RedisServer::start(), Collector::start());
    let stub = ModelStub::start(Reply::status(400, "no such thing"));
    let bench = bench(&server, &stub, &collector.url);
    let worker = bench.worker(&[]);
    bench.sweep(&TestRepo::with_files(1), &["--wait", "--quiet"]).expect(1);
    assert_eq!(worker.terminate(LONG), 0);
    let spans = collector.spans();
    let calls: Vec<_> = spans.iter().filter(|s| s.name == "chat m").collect();
    assert!(calls.len() == 1 && calls[0].failed, "{calls:?}");
}

#[test]
fn nobody_is_asked_for_nothing_and_a_collector_that_is_dead_costs_a_warning() {
    let (server, stub, collector) = (RedisServer::start(), stub(), Collector::start());
    let off = bench(&server, &stub, "");
    let worker = off.worker(&[]);
    off.sweep(&TestRepo::with_files(1), &["--wait", "--quiet"]).expect(0);
    assert_eq!(worker.terminate(LONG), 0);
    assert_eq!((collector.connections(), collector.spans().len()), (0, 0));
    assert!(!off.worker_log().contains("collector"), "{}", off.worker_log());

    // One that takes connections and says nothing is worse than one that refuses them.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = format!("http://{}", mute.local_addr().unwrap());
    for endpoint in ["http://127.0.0.1:9", mute.as_str()] {
        let server = RedisServer::start();
        let bench = bench(&server, &stub, endpoint).set("traces.timeout_ms", "500");
        let worker = bench.worker(&[]);
        let began = Instant::now();
        bench.sweep(&TestRepo::with_files(3), &["--wait", "--quiet"]).expect(0);
        eventually(LONG, "the worker warns", || {
            bench.worker_log().contains("the collector takes no spans").then_some(())
        });
        assert_eq!(worker.terminate(LONG), 0, "{}", bench.worker_log());
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        let warned = bench.worker_log().matches("the collector takes no spans").count();
        assert_eq!(warned, 1, "once, and not for each batch: {}", bench.worker_log());
    }
}

//! Events of other programs, and those of the fleet, over HTTP and on the command line.

use super::{TOKEN, bench};
use scrum_tests::process::Process;
use scrum_tests::redis::RedisServer;
use scrum_tests::wait::eventually;
use scrum_tests::web::Web;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than any of this takes.
const LONG: Duration = Duration::from_secs(60);

fn event(source: &str, n: usize) -> Value {
    json!({ "source": source, "endpoint": "build", "success": !n.is_multiple_of(4), "duration_ms": n, "n": n })
}

/// Lines that come from a stream, as they come.
fn lines(from: impl Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let all = Arc::<Mutex<Vec<String>>>::default();
    let into = all.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            into.lock().unwrap().push(line);
        }
    });
    all
}

fn until(lines: &Mutex<Vec<String>>, what: &str) {
    eventually(LONG, what, || {
        lines.lock().unwrap().iter().any(|line| line.contains(what)).then_some(())
    });
}

#[test]
fn an_event_comes_back_byte_for_byte_with_whatever_it_says() {
    let server = RedisServer::start();
    let web = Web::start(&bench(&server));
    let sent = "{ \"unknown\": {\"b\": [1, null, {\"c\": \"\\u00e9 é 🦀\"}], \"a\": 1.50},\n \"source\":\"ci\", \
                \"endpoint\":\"build\", \"success\":false, \"duration_ms\":12.5, \"at_ms\": 1 }";
    let kept = web.ask("POST", "/event", &format!("  {sent}\n"));
    assert_eq!((kept.status, &kept.json["kept"]), (200, &true.into()), "{kept:?}");
    let raw = web.ask("GET", "/events?source=ci", "");
    assert_eq!(raw.json["events"][0]["id"], kept.json["id"]);
    assert!(raw.body.contains(sent), "{}", raw.body);
    let conn = &mut server.connection();
    let entry: Vec<(String, Vec<String>)> =
        conn.ask(&["XRANGE", &queue_schema::keys::events("ci"), "-", "+"]);
    assert_eq!(entry[0].1, ["e", sent]);
}

#[test]
fn hostile_bodies_are_refused_with_a_reason() {
    let server = RedisServer::start();
    let web = Web::start(&bench(&server).set("observe.max_sources", "1"));
    assert_eq!(web.post("/event", &event("ci", 1)).status, 200);
    let with = |member: &str, value: Value| {
        let mut event = event("ci", 1);
        event[member] = value;
        event.to_string().into_bytes()
    };
    let deep = [b"{\"a\":".repeat(5_000), b"1".to_vec(), b"}".repeat(5_000)].concat();
    for (body, status, why) in [
        (with("x", "x".repeat(16 * 1024).into()), 413, "16384 bytes"),
        (vec![b'x'; 300_000], 413, "16384 bytes"),
        (deep, 413, "16384 bytes"),
        ([b"[".repeat(8_000), b"]".repeat(8_000)].concat(), 400, "within each other"),
        (b"\xff\xfe{\x00}\x00".to_vec(), 400, "UTF-8"),
        (b"\xef\xbb\xbf{}".to_vec(), 400, "JSON object"),
        (b"{}".to_vec(), 400, "source"),
        (Vec::new(), 400, "JSON object"),
        (with("source", "attempts".into()), 400, "of the fleet itself"),
        (with("source", "{scrum:0}:x".into()), 400, "a source has"),
        (with("success", "yes".into()), 400, "success"),
        (with("duration_ms", (-1).into()), 400, "less than nothing"),
        (with("endpoint", "x".repeat(500).into()), 400, "200 characters"),
        (with("source", "second".into()), 409, "observe.max_sources"),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let headers = format!("Host: {}\r\n", web.address);
        let refused = web.send_bytes("POST", "/event", &headers, &body);
        assert_eq!(refused.status, status, "{shown}: {refused:?}");
        assert!(refused.json["error"].as_str().unwrap_or_default().contains(why), "{refused:?}");
    }
    for path in ["/events?after=1.ci", "/events?after=0.ci=1-1,x", "/events?failures=maybe"] {
        assert_eq!(web.ask("GET", path, "").status, 400, "{path}");
    }
    let own = format!("Host: {}\r\n", web.address);
    for headers in [format!("{own}Authorization: Bearer no\r\n"), "Host: evil.example\r\n".into()] {
        assert!(web.send("GET", "/stats", &headers, "").status > 400);
        assert!(web.send("POST", "/event", &headers, "{}").status > 400);
    }
    assert_eq!(web.ask("GET", "/stats", "").json["by_source"]["ci"]["total"], 1);
}

#[test]
fn fifty_clients_at_once_lose_none_and_the_ring_stays_bounded() {
    const CLIENTS: usize = 50;
    const EACH: usize = 200;
    let server = RedisServer::start();
    let web = Web::start(&bench(&server));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let web = &web;
            scope.spawn(move || {
                let sent = (0..EACH).map(|n| event("load", client * EACH + n).to_string());
                web.post_all("/event", sent);
            });
        }
    });
    let one = web.post("/event", &event("other", 1));
    assert_eq!(one.status, 200);
    let stats = web.ask("GET", "/stats", "").json;
    let load = &stats["by_source"]["load"];
    assert_eq!(load["total"], CLIENTS * EACH, "{stats}");
    assert_eq!(stats["total"], CLIENTS * EACH + 1);
    let kept = load["kept"].as_u64().unwrap();
    assert!((2_000..=2_100).contains(&kept), "{stats}");
    assert!(load["p50_ms"].as_f64().unwrap() < load["p95_ms"].as_f64().unwrap(), "{stats}");
    let failures = load["failures"].as_f64().unwrap();
    let rate = load["success_rate"].as_f64().unwrap();
    assert!((rate - (1.0 - failures / kept as f64)).abs() < 1e-9, "{stats}");
    // Pages hold each of them once.
    let (mut after, mut seen, mut failed) = (String::new(), BTreeSet::new(), 0);
    loop {
        let page = web.ask("GET", &format!("/events?source=load&after={after}"), "").json;
        for event in page["events"].as_array().unwrap() {
            assert!(seen.insert(event["event"]["n"].as_u64().unwrap()), "{event}");
            failed += u64::from(event["event"]["success"] == false);
        }
        page["after"].as_str().unwrap().clone_into(&mut after);
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(seen.len() as u64, kept);
    let failures = web.ask("GET", "/events?source=load&failures=true", "").json;
    let failures = failures["events"].as_array().unwrap();
    assert!(!failures.is_empty() && failures.iter().all(|e| e["event"]["success"] == false));
    assert!(failures.len() as u64 <= failed);
}

#[test]
fn new_events_are_seen_as_they_come_by_a_stream_and_on_the_command_line() {
    let server = RedisServer::start();
    let bench = bench(&server);
    let web = Web::start(&bench);
    web.post("/event", &event("ci", 1));
    let mut stream = TcpStream::connect(&web.address).unwrap();
    let head = format!(
        "GET /events HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\r\n",
        web.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    let live = lines(stream.try_clone().unwrap());
    until(&live, "text/event-stream");
    let mut command = bench.scrum(&["observe", "--follow", "--source", "ci"]);
    let mut follow = command.stdout(Stdio::piped()).spawn().unwrap();
    let shown = lines(follow.stdout.take().unwrap());
    let follow = Process(follow);
    until(&shown, "build");
    web.post("/event", &json!({
        "source": "ci", "endpoint": "deploy\u{1b}[31m", "success": false, "duration_ms": 7, "reason": "no\nroom",
    }));
    until(&live, "deploy");
    until(&shown, "deploy\\u{1b}[31m  FAILED  7 ms: no room");
    let all = live.lock().unwrap().clone();
    assert!(!all.iter().any(|line| line.contains("\"build\"")), "only what is new: {all:?}");
    // What a browser asks again with after its stream broke off.
    let id = all.iter().rev().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    web.post("/event", &event("ci", 3));
    let mut again = TcpStream::connect(&web.address).unwrap();
    let headers =
        format!("Host: {}\r\nAccept: text/event-stream\r\nLast-Event-ID: {id}\r\n", web.address);
    again.write_all(format!("GET /events HTTP/1.1\r\n{headers}\r\n").as_bytes()).unwrap();
    let later = lines(again);
    until(&later, "\"n\":3");
    assert!(!later.lock().unwrap().iter().any(|line| line.contains("deploy")));
    scrum_tests::process::signal(follow.pid(), "INT");
    assert_eq!(follow.wait(LONG), 130);
    // Live streams don't hold up the end.
    assert_eq!(web.process.terminate(Duration::from_secs(20)), 0);
    assert!(!TOKEN.is_empty());
}

#[test]
fn observe_shows_sources_and_the_latest_events() {
    let server = RedisServer::start();
    let bench = bench(&server);
    let none = bench.run(&["observe"]).expect(0);
    assert!(none.stdout.contains("no events yet"), "{}", none.stdout);
    let web = Web::start(&bench);
    for n in 1..=8 {
        assert_eq!(web.post("/event", &event("ci", n)).status, 200);
    }
    let shown = bench.run(&["observe"]).expect(0).stdout;
    let table: Vec<&str> = shown.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(table, ["ci", "8", "8", "2", "75.0%", "4", "8"], "{shown}");
    assert_eq!(shown.lines().filter(|line| line.contains("build")).count(), 8, "{shown}");
    let failures = bench.run(&["observe", "--failures", "--json"]).expect(0).stdout;
    let failures: Value = serde_json::from_str(&failures).unwrap();
    let numbers = failures["events"].as_array().unwrap().iter().map(|e| e["event"]["n"].as_u64());
    assert_eq!(numbers.collect::<Vec<_>>(), [Some(4), Some(8)]);
    bench.run(&["observe", "--sweep", "nothing"]).expect(2);
}

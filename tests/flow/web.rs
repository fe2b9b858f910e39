//! `scrum-web` over the wire.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "web/defences.rs"]
mod defences;
#[path = "web/events.rs"]
mod events;
#[path = "web/pages.rs"]
mod pages;
#[path = "web/parity.rs"]
mod parity;

use scrum_tests::process::{Bench, Done};
use scrum_tests::redis::RedisServer;
use scrum_tests::web::Web;
use serde_json::{Value, json};
use std::time::Duration;

const TOKEN: &str = "a-token-of-some-length";

fn bench(server: &RedisServer) -> Bench {
    Bench::new(Some(server.url()), "").env("SCRUM_WEB_TOKEN", TOKEN)
}

#[test]
fn health_is_that_of_redis_and_a_signal_ends_it() {
    let server = RedisServer::start();
    let web = Web::start(&bench(&server));
    let healthy = web.ask("GET", "/health", "");
    assert_eq!((healthy.status, &healthy.json["status"]), (200, &"ok".into()));
    assert!(healthy.head.contains("cache-control: no-store"), "{}", healthy.head);
    assert!(healthy.head.contains("content-security-policy: default-src 'none'; frame-ancestors"));
    drop(server);
    let sick = web.ask("GET", "/health", "");
    assert_eq!(sick.status, 503);
    assert!(sick.json["error"].as_str().unwrap().contains("the log of scrum-web"), "{sick:?}");
    assert_eq!(web.process.terminate(Duration::from_secs(20)), 0);
}

#[test]
fn whoever_may_not_ask_is_refused_with_a_reason() {
    let server = RedisServer::start();
    let web = Web::start(&bench(&server));
    let own = format!("Host: {}\r\n", web.address);
    for (method, path, headers, status, why) in [
        ("GET", "/health", "Host: evil.example\r\n".to_owned(), 421, "web.hosts"),
        ("GET", "/health", format!("{own}Authorization: Bearer wrong\r\n"), 401, "Bearer TOKEN"),
        ("POST", "/health", format!("{own}Origin: http://evil.example\r\n"), 403, "another origin"),
        ("GET", "/nowhere", own.clone(), 404, "nothing at this address"),
        ("PUT", "/health", own.clone(), 405, "not asked that way"),
    ] {
        let refused = web.send(method, path, &headers, "");
        assert_eq!(refused.status, status, "{method} {path} {headers}");
        assert!(refused.json["error"].as_str().unwrap().contains(why), "{refused:?}");
    }
    let known = web.send("GET", "/health", &format!("{own}Authorization: Bearer {TOKEN}\r\n"), "");
    assert_eq!(known.status, 200);
}

#[test]
fn a_server_that_can_not_start_says_why() {
    let server = RedisServer::start();
    let taken = Web::start(&bench(&server));
    for (bench, listen, why) in [
        (Bench::new(None, ""), "127.0.0.1:0", "no Redis is given"),
        (Bench::new(Some(server.url()), ""), "0.0.0.0:0", "set SCRUM_WEB_TOKEN"),
        (Bench::new(Some(server.url()), ""), "here", "no address with a port"),
        (bench(&server), taken.address.as_str(), "--listen takes another one"),
    ] {
        let mut command = bench.command("scrum-web");
        let done = Done::from(command.args(["--listen", listen]).output().unwrap()).expect(2);
        assert!(done.stderr.contains(why), "{}", done.stderr);
    }
}

/// An event as another program sends it.
fn event() -> String {
    json!({"source": "ci", "endpoint": "build", "success": true, "duration_ms": 1}).to_string()
}

const REPO: &str = "https://me:t0ken@host.example/o/app.git";

fn trace(file: &str, model: &str) -> Value {
    json!({
        "repo": REPO,
        "task_class": "scrum_review",
        "file_path": file,
        "signal_class": "fresh",
        "created_at": "2026-01-02T03:04:05Z",
        "ladder_attempts": [
            {"rung": 0, "model": "p/small", "accepted": false},
            {"rung": 1, "model": model, "accepted": true},
        ],
        "bug_fingerprints": [{
            "flag": "OffByOne",
            "pattern_key": "OffByOne:len-pos",
            "example": "`pos` may be `len`",
            "occurrences": 2,
        }],
        "unknown_to_us": {"kept": false},
    })
}

#[test]
fn a_pathway_is_inserted_asked_for_replayed_and_retired() {
    let server = RedisServer::start();
    let web = Web::start(&bench(&server));
    let inserted = web.post("/vectors/pathway/insert", &trace("src/a/x.rs", "p/big"));
    assert_eq!((inserted.status, &inserted.json["inserted"]), (200, &true.into()), "{inserted:?}");
    let again = web.post("/vectors/pathway/insert", &trace("src/a/x.rs", "p/big"));
    assert_eq!((again.status, &again.json["inserted"]), (200, &false.into()));
    let pathway = inserted.json["pathway_id"].as_str().unwrap().to_owned();
    let asked = json!({
        "task_class": "scrum_review", "file_path": "src/a/x.rs", "signal_class": "fresh",
    });
    let query = || web.post("/vectors/pathway/query", &asked);
    let untried = query();
    assert_eq!((untried.status, &untried.json["candidate"]), (200, &Value::Null));
    assert_eq!(untried.json["why"], "too few reviews asked the same since");

    // Many clients at once lose none.
    let replay = json!({ "pathway_id": pathway, "succeeded": true });
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(web.post("/vectors/pathway/record_replay", &replay).status, 200);
                }
            });
        }
    });
    let found = query().json["candidate"].clone();
    assert_eq!((&found["model"], &found["replay_count"]), (&"p/big".into(), &40.into()));
    assert_eq!((&found["success_rate"], &found["similarity"]), (&1.0.into(), &1.0.into()));
    let stats = web.ask("GET", "/vectors/pathway/stats", "").json;
    assert_eq!((&stats["traces"], &stats["replays"]), (&1.into(), &40.into()), "{stats}");
    assert_eq!(stats["repository"], "host.example/o/app", "nothing secret is kept");

    // Eleven failures on forty: under four in five. It is retired once, and for good.
    let failed = json!({ "pathway_id": pathway, "succeeded": false });
    for _ in 0..11 {
        web.post("/vectors/pathway/record_replay", &failed);
    }
    for _ in 0..20 {
        web.post("/vectors/pathway/record_replay", &replay);
    }
    assert_eq!(query().json["why"], "it is retired");
    assert_eq!(web.ask("GET", "/vectors/pathway/stats", "").json["retired"], 1);

    let prints = web.post("/vectors/pathway/bug_fingerprints", &json!({"file_path": "src/a/y.rs"}));
    let print = &prints.json["fingerprints"][0];
    assert_eq!(
        (&print["pattern_key"], &print["occurrences"]),
        (&"OffByOne:len-pos".into(), &2.into())
    );
    let none = web.post("/vectors/pathway/bug_fingerprints", &json!({"file_path": "src/b/y.rs"}));
    assert_eq!(none.json["fingerprints"], json!([]));
}

#[test]
fn what_can_not_be_used_is_refused_with_the_reason() {
    let server = RedisServer::start();
    let web = Web::start(&bench(&server));
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = trace("src/a/x.rs", "p/big");
        change(&mut body);
        body.to_string()
    };
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let cases = [
        ("insert", "no json".to_owned(), 400, "not what is asked for"),
        ("insert", "{}".to_owned(), 400, "task_class"),
        ("insert", deep, 400, "not what is asked for"),
        ("insert", "\u{feff}\0\u{1}".to_owned(), 400, "not what is asked for"),
        ("insert", with(&|t| t["repo"] = Value::Null), 400, "name one in `repo`"),
        ("insert", with(&|t| t["repo"] = "".into()), 400, "no address of a repository"),
        ("insert", with(&|t| t["file_path"] = "".into()), 400, "must not be empty"),
        ("insert", with(&|t| t["ladder_attempts"] = json!([])), 400, "nothing to remember"),
        ("insert", with(&|t| t["semantic_flags"] = json!(["Nonsense"])), 400, "no semantic flag"),
        (
            "insert",
            with(&|t| t["bug_fingerprints"][0]["pattern_key"] = "x".into()),
            400,
            "pattern_key",
        ),
        (
            "insert",
            with(&|t| t["kb_chunks"] = json!([{"source": "x".repeat(5_000)}])),
            400,
            "bytes",
        ),
        (
            "insert",
            with(&|t| t["created_at"] = "x".repeat(300_000).into()),
            413,
            "web.max_body_bytes",
        ),
        (
            "query",
            r#"{"repo":"o/none","task_class":"t","file_path":"f"}"#.to_owned(),
            404,
            "scrum memory",
        ),
        ("query", r#"{"task_class":"t","file_path":7}"#.to_owned(), 400, "invalid type"),
        (
            "record_replay",
            r#"{"pathway_id":"0","succeeded":"yes"}"#.to_owned(),
            400,
            "invalid type",
        ),
        ("bug_fingerprints", "[]".to_owned(), 400, "not what is asked for"),
    ];
    for (what, body, status, why) in cases {
        let shown: String = body.chars().take(80).collect();
        let refused = web.ask("POST", &format!("/vectors/pathway/{what}"), &body);
        assert_eq!(refused.status, status, "{what} {shown}: {refused:?}");
        let said = refused.json["error"].as_str().unwrap_or_default();
        assert!(said.contains(why), "{what} {shown}: {said}");
    }
    assert_eq!(web.post("/vectors/pathway/insert", &trace("src/a/x.rs", "p/big")).status, 200);
    let unknown = json!({"pathway_id": "0".repeat(64), "succeeded": true});
    let unknown = web.post("/vectors/pathway/record_replay", &unknown);
    assert_eq!((unknown.status, unknown.json["error"].is_string()), (404, true), "{unknown:?}");
    assert_eq!(web.ask("GET", "/vectors/pathway/insert", "").status, 405);
}

//! `scrum-web` over the wire.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_tests::process::{Bench, Done};
use scrum_tests::redis::RedisServer;
use scrum_tests::web::Web;
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
    assert!(healthy.head.contains("content-security-policy: default-src 'none'"));
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

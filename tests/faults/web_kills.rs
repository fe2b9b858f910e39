//! `kill -9` of `scrum-web` while it writes what a person has decided: the decision has happened or it has not, and said
//! again it has happened once.

use crate::common::LONG;
use crate::victim::Victim;
use scrum_tests::proxy::{Act, Call, Point, Proxy};
use scrum_tests::scene::{CART, Scene};
use scrum_tests::wait::eventually;
use scrum_tests::web::Web;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

/// Sends a decision, whether or not somebody answers.
fn send(web: &Web, path: &str, body: &Value) {
    let (address, body) = (&web.address, body.to_string());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.read_to_end(&mut Vec::new()));
}

/// A server behind a proxy.
fn start(scene: &Scene, proxy: &Proxy) -> Web {
    Web::with(&scene.bench, &["--redis", &proxy.url()])
}

/// Calls that only look, or that everybody makes.
fn looks(call: &Call) -> bool {
    call.name.chars().all(|c| c.is_ascii_uppercase()) && call.name != "SET" || call.name == "memory"
}

/// The calls that change something while a decision is made, in order.
fn writes(proxy: &Proxy, decide: impl FnOnce()) -> Vec<String> {
    let met = Arc::new(Mutex::new(Vec::new()));
    let seen = met.clone();
    proxy.on(move |call, point| {
        if point == Point::After && !looks(call) {
            seen.lock().unwrap().push(call.name.clone());
        }
        Act::Pass
    });
    decide();
    proxy.on(|_: &Call, _| Act::Pass);
    met.lock().unwrap().clone()
}

/// Kills the server at its `n`-th call of a kind from now on, while it is told to decide.
fn kill_at(
    scene: &Scene,
    proxy: &Proxy,
    (name, n): (&str, usize),
    side: Point,
    path: &str,
    body: &Value,
) {
    let web = start(scene, proxy);
    let (victim, before) = (Victim::default(), proxy.count(name));
    victim.is(web.process.pid());
    let (hits, wanted) = (victim.clone(), name.to_owned());
    proxy.on(move |call, point| {
        if call.name == wanted && call.n == before + n && point == side {
            hits.kill()
        } else {
            Act::Pass
        }
    });
    send(&web, path, body);
    let mut process = web.process;
    eventually(LONG, &format!("the server is dead at {name} {n} {side:?}"), || {
        process.0.try_wait().unwrap()
    });
    proxy.on(|_: &Call, _| Act::Pass);
}

/// Calls with their numbers among their like.
fn numbered(calls: &[String]) -> Vec<(String, usize)> {
    let nth = |i: usize| calls[..=i].iter().filter(|call| **call == calls[i]).count();
    calls.iter().enumerate().map(|(i, call)| (call.clone(), nth(i))).collect()
}

/// How often findings of any model were dismissed, as far as trust in it goes by that.
fn dismissed(scene: &Scene) -> u64 {
    let models = scene.bench.run(&["models", "--json"]).expect(0).stdout;
    let models: Value = serde_json::from_str(&models).unwrap();
    models
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["dismissed"].as_object())
        .flat_map(|by| by.values())
        .filter_map(Value::as_u64)
        .sum()
}

#[test]
fn a_decision_happens_once_when_the_server_is_killed_around_any_write() {
    let scene = Scene::reviewed();
    scene.server.load_scripts();
    let proxy = Proxy::to(scene.server.socket());
    let web = start(&scene, &proxy);
    let findings = web.ask("GET", "/findings.json?state=all", "").json;
    let list = findings["findings"].as_array().unwrap();
    let finding = list.iter().find(|finding| finding["file"] == CART).unwrap();
    let of = format!(
        "/findings/{}/{}",
        findings["memory"].as_str().unwrap(),
        finding["id"].as_str().unwrap()
    );
    let (dismiss, reopen) = (format!("{of}/dismiss"), format!("{of}/reopen"));
    let why = json!({"why": "the caller checks", "by": "ada"});
    let state = |web: &Web| {
        web.ask("GET", &format!("{of}.json"), "").json["finding"]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };

    let calls = numbered(&writes(&proxy, || assert_eq!(web.post(&dismiss, &why).status, 200)));
    assert!(!calls.is_empty(), "a dismissal is written by a script");
    assert_eq!((state(&web), dismissed(&scene)), ("dismissed".to_owned(), 1));
    assert_eq!(web.post(&reopen, &why).status, 200);
    drop(web);
    let mut boundaries = 0;
    for (call, side) in calls.iter().flat_map(|call| [(call, Point::Before), (call, Point::After)])
    {
        let at = format!("{call:?} {side:?}");
        kill_at(&scene, &proxy, (&call.0, call.1), side, &dismiss, &why);
        let web = start(&scene, &proxy);
        let found = (state(&web), dismissed(&scene));
        assert!(
            [("dismissed".to_owned(), 1), ("open".to_owned(), 0)].contains(&found),
            "{at}: {found:?}"
        );
        assert_eq!(web.post(&dismiss, &why).status, 200, "{at}");
        assert_eq!((state(&web), dismissed(&scene)), ("dismissed".to_owned(), 1), "{at}");
        assert_eq!(web.post(&reopen, &why).status, 200, "{at}");
        assert_eq!((state(&web), dismissed(&scene)), ("open".to_owned(), 0), "{at}");
        boundaries += 1;
    }

    // A letter goes back once: there is never a second job beside it. One that comes back has another id.
    let letters =
        |web: &Web| web.ask("GET", "/letters.json", "").json["letters"].as_array().unwrap().clone();
    let of = |web: &Web, what: &str| {
        format!("/letters/{}/{what}", letters(web)[0]["id"].as_str().unwrap())
    };
    for side in [Point::Before, Point::After] {
        let web = start(&scene, &proxy);
        let retry = of(&web, "retry");
        drop(web);
        kill_at(&scene, &proxy, ("revive", 1), side, &retry, &json!({}));
        let web = start(&scene, &proxy);
        assert_eq!(letters(&web).len(), usize::from(side == Point::Before), "{side:?}");
        let again = web.post(&retry, &json!({}));
        assert_eq!(again.status, if side == Point::Before { 200 } else { 404 }, "{again:?}");
        boundaries += 1;
        // It dies again, and is a letter again.
        let _worker = scene.worker();
        eventually(LONG, "it is a letter again", || (letters(&web).len() == 1).then_some(()));
    }
    let web = start(&scene, &proxy);
    let discard = of(&web, "discard");
    drop(web);
    for side in [Point::Before, Point::After] {
        kill_at(&scene, &proxy, ("discard", 1), side, &discard, &json!({}));
        let web = start(&scene, &proxy);
        assert_eq!(letters(&web).len(), usize::from(side == Point::Before), "{side:?}");
        boundaries += 1;
    }
    println!("figure: {boundaries} boundaries");
    scene.bench.run(&["doctor", "--queue"]).expect(0);
}

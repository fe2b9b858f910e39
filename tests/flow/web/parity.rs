//! `scrum parity` between two servers.

use scrum_tests::plain_http::{Asked, PlainHttp};
use scrum_tests::process::Bench;
use serde_json::{Value, json};

const JSON: &str = "application/json";

/// Six requests that both servers answer alike, but for one body's shape.
fn cases() -> Value {
    json!({
        "headers": {"X-Both": "1"},
        "headers_b": {"Authorization": "Bearer ${PARITY_KEY}"},
        "ignore": ["$.created"],
        "cases": [
            {"path": "/health"},
            {"path": "/v1/models", "name": "models"},
            {"method": "POST", "path": "/v1/chat?stream=0", "name": "chat", "body": {"messages": []},
             "values": ["$.model"]},
            {"method": "POST", "path": "/v1/chat?stream=1", "name": "streamed", "body": {"messages": []}},
            {"path": "/nothing", "name": "error"},
            {"method": "DELETE", "path": "/v1/files/3", "name": "delete"},
        ]
    })
}

fn answer(asked: &Asked, side: u32) -> (u16, &'static str, String) {
    let chat = json!({
        "id": format!("chat-{side}"), "model": "m", "created": side,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": format!("words of {side}")}}],
        "usage": {"prompt_tokens": side, "completion_tokens": 1},
    });
    let (status, body) = match asked.line.as_str() {
        "GET /health" => (200, json!({"status": "ok"})),
        "GET /v1/models" => (200, json!({"data": vec![json!({"id": "m"}); side as usize]})),
        "POST /v1/chat?stream=0" => (200, chat),
        "POST /v1/chat?stream=1" => {
            let piece = json!({"choices": [{"delta": {"content": "w"}}]});
            let body = format!("data: {piece}\n\n").repeat(side as usize) + "data: [DONE]\n\n";
            return (200, "text/event-stream", body);
        }
        "GET /nothing" => (404, json!({"error": {"message": "nothing here", "code": 404}})),
        "DELETE /v1/files/3" => return (204, JSON, String::new()),
        other => panic!("{other}"),
    };
    (status, JSON, body.to_string())
}

fn bench() -> Bench {
    let bench = Bench::new(None, "").env("PARITY_KEY", "s3cret-of-b");
    std::fs::write(bench.dir.path().join("cases.json"), cases().to_string()).unwrap();
    bench
}

#[test]
fn a_body_of_another_shape_is_found_and_named_by_its_path() {
    let a = PlainHttp::start(|asked| answer(asked, 1));
    let same = PlainHttp::start(|asked| answer(asked, 2));
    let other = PlainHttp::start(|asked| {
        let (status, content_type, body) = answer(asked, 2);
        // A number as text, deep within the one body.
        (status, content_type, body.replace("\"prompt_tokens\":2", "\"prompt_tokens\":\"2\""))
    });
    let bench = bench();
    let alike = bench.run(&["parity", "cases.json", &a.url, &same.url]).expect(0);
    assert_eq!(alike.stdout.matches(" same").count(), 6, "{}", alike.stdout);

    let done = bench.run(&["parity", "cases.json", &a.url, &other.url]).expect(1);
    assert_eq!(done.stdout.matches(" same").count(), 5, "{}", done.stdout);
    let last = done.stdout.lines().last().unwrap();
    assert_eq!(last, "chat: $.usage.prompt_tokens: number in A, string in B");

    let json = bench.run(&["parity", "cases.json", &a.url, &other.url, "--json"]).expect(1);
    let all: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (all[2]["name"].as_str(), all[2]["result"].as_str()),
        (Some("chat"), Some("different"))
    );
    let expected = json!([{"path": "$.usage.prompt_tokens", "a": "number", "b": "string"}]);
    assert_eq!(all[2]["differences"], expected);
    let xml = bench.run(&["parity", "cases.json", &a.url, &other.url, "--form", "junit"]).expect(1);
    assert!(xml.stdout.contains(r#"tests="6" failures="1" errors="0""#), "{}", xml.stdout);

    // The key goes to the one server that it is for, and is never shown.
    let sent = |server: &PlainHttp, what: &str| {
        server.asked().iter().all(|asked| asked.headers.iter().any(|header| header.contains(what)))
    };
    assert!(sent(&a, "x-both: 1") && sent(&other, "x-both: 1") && sent(&other, "s3cret-of-b"));
    assert!(!a.asked().iter().any(|asked| format!("{asked:?}").contains("s3cret-of-b")));
    for done in [&alike, &done, &json, &xml] {
        assert!(!format!("{}{}", done.stdout, done.stderr).contains("s3cret"));
    }
    let chat = a.asked().into_iter().find(|asked| asked.line.starts_with("POST")).unwrap();
    assert_eq!(chat.body, r#"{"messages":[]}"#);
}

#[test]
fn a_side_that_is_down_or_hangs_up_is_named() {
    let a = PlainHttp::start(|asked| answer(asked, 1));
    let hangs_up = PlainHttp::start(|asked| match asked.line.as_str() {
        "GET /v1/models" => (0, "", String::new()),
        _ => answer(asked, 2),
    });
    let bench = bench();
    let done = bench.run(&["parity", "cases.json", &a.url, &hangs_up.url]).expect(2);
    assert!(done.stdout.contains("models: B gave no answer: http://127.0.0.1:"), "{}", done.stdout);
    assert_eq!(done.stdout.matches(" same").count(), 5, "{}", done.stdout);
    // Nothing is sent a second time: a request may have done something.
    let models = hangs_up.asked().iter().filter(|asked| asked.line == "GET /v1/models").count();
    assert_eq!(models, 1);

    let down = bench.run(&["parity", "cases.json", "http://127.0.0.1:1", &a.url]).expect(2);
    assert_eq!(down.stdout.matches("A gave no answer").count(), 6, "{}", down.stdout);
}

#[test]
fn mistakes_in_cases_and_addresses_are_told() {
    let bench = bench();
    let write = |text: &str| std::fs::write(bench.dir.path().join("wrong.json"), text).unwrap();
    let refused = |args: &[&str], why: &str| {
        let done = bench.run(args).expect(2);
        assert!(done.stderr.contains(why), "{why:?} is not in: {}", done.stderr);
        assert!(done.stdout.is_empty(), "{}", done.stdout);
    };
    let (a, b) = ("http://127.0.0.1:1", "http://127.0.0.1:1");
    refused(&["parity", "missing.json", a, b], "missing.json can't be read; check the path");
    refused(&["parity", "cases.json", "ftp://x", b], "must begin with http:// or https://");
    refused(&["parity", "cases.json", a, "http://u:pw@x"], "holds a user or password");
    for (text, why) in [
        ("[]", "wrong.json can't be used: holds 0 cases"),
        (r#"[{"path": "x"}]"#, "case 1 (GET x): the path 'x' must begin with /"),
        (
            r#"[{"path": "/x", "headers": {"a": "${NOT_SET}"}}]"#,
            "GET /x: the header a: the environment variable NOT_SET is not set",
        ),
    ] {
        write(text);
        let done = bench.run(&["parity", "wrong.json", a, b]).expect(2);
        let words: Vec<_> = done.stderr.split_whitespace().collect();
        assert!(words.join(" ").contains(why), "{why:?} is not in: {}", done.stderr);
    }
}

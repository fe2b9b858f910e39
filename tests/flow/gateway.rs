//! Model calls of other programs through `scrum-web`: their shapes, and that limits, budgets and masking are the fleet's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply, Usage, answers};
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use scrum_tests::web::{Answer, Web};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// An answer of several pieces.
const YES: &str = "Yes, it is so, and it has been so for a long time; nobody here has ever doubted it for a moment.";
/// A key of a known kind.
const CANARY: &str = "AKIAIOSFODNN7REALKEY";

/// A gateway over a provider on this machine, `stub`, and one elsewhere, `far`, of so many calls at a time.
fn bench(server: &RedisServer, stub: &ModelStub, concurrency: u32, more: &str) -> Bench {
    let provider = |name: &str, local: bool| {
        format!(
            "[providers.{name}]\nwire = 'openai'\nbase_url = '{}'\nlocal = {local}\nconcurrency = {concurrency}\ncounts_prompt = false\ntotal_timeout_s = 60\n",
            stub.openai_url()
        )
    };
    let settings = format!(
        "{}{}[gateway]\nenabled = true\n{more}",
        provider("stub", true),
        provider("far", false)
    );
    Bench::new(Some(server.url()), &settings)
}

/// A question as the original script asks it.
fn question(user: &str) -> Value {
    json!({
        "provider": "stub", "model": "m", "max_tokens": 321, "temperature": 0.3, "think": false,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": user}],
    })
}

fn with(mut body: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The values of a stream of events, and whether it came to its end.
fn events(answer: &Answer) -> (Vec<Value>, bool) {
    let data = answer.body.lines().filter_map(|line| line.strip_prefix("data: "));
    let (ends, values): (Vec<&str>, Vec<&str>) = data.partition(|data| *data == "[DONE]");
    (values.iter().map(|value| serde_json::from_str(value).unwrap()).collect(), ends.len() == 1)
}

fn text(values: &[Value]) -> String {
    let pieces = values.iter().filter_map(|v| v["choices"][0]["delta"]["content"].as_str());
    pieces.collect()
}

#[test]
fn a_call_is_answered_in_both_forms_whole_and_as_it_grows() {
    let stub = ModelStub::start(Reply::Ok(YES.into(), Usage::tokens(17, 5)));
    let server = RedisServer::start();
    let web = Web::start(&bench(&server, &stub, 4, ""));
    let flat = web.post("/v1/chat", &question("Is it?"));
    assert_eq!(flat.status, 200, "{flat:?}");
    let latency = flat.json["latency_ms"].as_u64();
    let wanted =
        json!({ "content": YES, "input_tokens": 17, "output_tokens": 5, "latency_ms": latency });
    assert_eq!(flat.json, wanted);
    let sent = stub.requests().remove(0);
    assert_eq!((sent.model.as_str(), sent.system.as_str()), ("m", "Be brief."));
    assert_eq!((&sent.body["max_tokens"], &sent.body["temperature"]), (&321.into(), &0.3.into()));
    assert_eq!(sent.body["chat_template_kwargs"]["enable_thinking"], false, "{}", sent.body);

    // A talk, a model that may think, and a name that says who is asked.
    let talk = json!({
        "provider": null, "model": "stub/big/m", "think": true,
        "messages": [
            {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"},
        ],
    });
    let openai = web.post("/v1/chat/completions", &with(question(""), &talk));
    assert_eq!(openai.json["choices"][0]["message"]["content"], YES, "{openai:?}");
    assert_eq!(openai.json["usage"]["total_tokens"], 22);
    let sent = stub.requests().remove(1);
    assert_eq!((sent.model.as_str(), &sent.body["messages"]), ("big/m", &talk["messages"]));
    assert_eq!(sent.body["chat_template_kwargs"], Value::Null, "{}", sent.body);

    for path in ["/v1/chat", "/v1/chat/completions"] {
        let streamed = web.post(path, &with(question("Is it?"), &json!({ "stream": true })));
        assert!(streamed.head.contains("text/event-stream"), "{streamed:?}");
        let (values, ended) = events(&streamed);
        assert!(ended && values.len() > 2, "{streamed:?}");
        assert_eq!(text(&values), YES);
        let last = values.last().unwrap();
        assert_eq!(
            (&last["choices"][0]["finish_reason"], &last["usage"]["prompt_tokens"]),
            (&"stop".into(), &17.into())
        );
    }
    // It comes as it grows: the first half while the model still waits.
    let gate = Gate::new();
    let long = format!("the first half, {} and the second one", "word ".repeat(40));
    stub.set_script(Reply::HoldMidway(gate.clone(), long));
    let mut stream = ask(&web, &with(question("Is it?"), &json!({ "stream": true })));
    let mut heard = Vec::new();
    while !pieces_of(&String::from_utf8_lossy(&heard)).contains("first half") {
        let mut some = [0; 512];
        let n = stream.read(&mut some).unwrap();
        assert!(n > 0, "{}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&some[..n]);
    }
    let heard = pieces_of(&String::from_utf8_lossy(&heard));
    gate.open();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("[DONE]") && !heard.contains("second one"), "{heard} {rest}");
    // A cut answer says so; thoughts are left out.
    stub.set_script(Reply::Length("too lo".into()));
    assert_eq!(web.post("/v1/chat", &question("x")).json["finish_reason"], "length");
    stub.set_script(Reply::ok("<think>well\n</think>\nNo."));
    let (values, _) =
        events(&web.post("/v1/chat", &with(question("x"), &json!({ "stream": true }))));
    assert_eq!(text(&values), "No.");
    let models = web.ask("GET", "/v1/models", "");
    assert!(
        models.json["data"]
            .as_array()
            .unwrap()
            .iter()
            .any(|m| m["id"].as_str().unwrap().contains('/'))
    );
}

/// The text in the pieces of a part of a stream.
fn pieces_of(part: &str) -> String {
    let data = part.lines().filter_map(|line| line.strip_prefix("data: "));
    let values = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    text(&values.collect::<Vec<_>>())
}

/// Sends a question, and does not wait for the answer.
fn ask(web: &Web, body: &Value) -> TcpStream {
    let mut stream = TcpStream::connect(&web.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (address, body) = (&web.address, body.to_string());
    let text = format!(
        "POST /v1/chat HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

#[test]
fn what_goes_wrong_is_told_by_status_name_and_what_to_do() {
    let stub = ModelStub::start(Reply::ok("yes"));
    let server = RedisServer::start();
    let more = "models = ['stub/m', 'far/m', 'builtin/static-checks', 'ollama_cloud/x']\n";
    let web = Web::start(&bench(&server, &stub, 4, more));
    for (change, status, why) in [
        (json!({ "provider": "nobody" }), 400, "'nobody' is not configured; there are: "),
        (json!({ "provider": "builtin" }), 400, "is no model"),
        (json!({ "model": "other" }), 400, "there are: stub/m, far/m"),
        (json!({ "provider": "ollama_cloud", "model": "x" }), 503, "OLLAMA"),
        (json!({ "messages": "x" }), 400, "expected a sequence"),
        (json!({ "max_tokens": 100_000 }), 400, "gateway.max_tokens"),
        (json!({ "tools": [] }), 400, "unknown field `tools`"),
    ] {
        let answer = web.post("/v1/chat", &with(question("x"), &change));
        assert_eq!(answer.status, status, "{change}: {answer:?}");
        assert!(answer.json["error"].as_str().unwrap().contains(why), "{change}: {answer:?}");
    }
    assert_eq!(web.ask("POST", "/v1/chat", "{").status, 400);
    let long = question(&"x".repeat(2 << 20)).to_string();
    assert_eq!(web.ask("POST", "/v1/chat", &long).status, 413);
    assert_eq!(stub.requests().len(), 0, "nobody was asked");
    for (reply, status, kind) in [
        (Reply::status(401, "{}"), 502, "unauthorized"),
        (
            Reply::status(
                404,
                r#"{"error":{"message":"model not found","code":"model_not_found"}}"#,
            ),
            400,
            "no_model",
        ),
        (Reply::status(500, "{}"), 502, "server_error"),
        (Reply::Raw("text/html".into(), b"<p>hello".to_vec()), 502, "garbled"),
        (
            Reply::ErrorBodyUnder200(json!({"error": {"message": "boom", "code": 500}})),
            502,
            "server_error",
        ),
    ] {
        stub.set_script(reply);
        for stream in [false, true] {
            let answer = web.post("/v1/chat", &with(question("x"), &json!({ "stream": stream })));
            assert_eq!((answer.status, &answer.json["kind"]), (status, &kind.into()), "{answer:?}");
        }
    }
    // After the first word it can't have a status: the stream says it, and does not end well.
    stub.set_script(Reply::ErrorMidStream("so far".into(), json!({"error": {"message": "boom"}})));
    let (values, ended) =
        events(&web.post("/v1/chat", &with(question("x"), &json!({ "stream": true }))));
    assert!(
        !ended
            && values.last().unwrap()["error"].as_str().unwrap().contains("an error in the stream"),
        "{values:?}"
    );
    // Told to wait, it says for how long.
    stub.set_script(Reply::rate_limited(7));
    let limited = web.post("/v1/chat", &question("x"));
    assert_eq!((limited.status, &limited.json["kind"]), (429, &"rate_limited".into()));
    assert!(limited.head.contains("retry-after: 7"), "{limited:?}");
    // Each call is a line in the audit log, those that fail as well.
    drop(web);
    let off = Bench::new(Some(server.url()), "");
    let answer = Web::start(&off).post("/v1/chat", &question("x"));
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.json["error"].as_str().unwrap().contains("gateway.enabled"));
}

#[test]
fn the_limits_of_a_provider_hold_for_the_fleet_and_the_gateway_together() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(12);
    let stub = ModelStub::with(|call: &Recorded| {
        let text = if call.prompt.contains("Is it?") {
            "yes".to_owned()
        } else {
            answers::markdown_review("src/f0.rs")
        };
        Reply::ok(text).after(Duration::from_millis(40))
    });
    let bench = bench(&server, &stub, 2, "");
    std::fs::write(bench.ladder(), "name = 'test'\n[[rungs]]\nprovider = 'stub'\nmodel = 'm'\n")
        .unwrap();
    let web = Web::start(&bench);
    let _worker = bench.worker(&[]);
    let sweep = bench.enqueue(&repo);
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let answer = web.post("/v1/chat", &question("Is it?"));
                assert_eq!(answer.json["content"], "yes", "{answer:?}");
            });
        }
    });
    eventually(PATIENCE, "the sweep is over", || {
        let sweep = web.ask("GET", &format!("/sweeps/{sweep}.json"), "").json;
        (sweep["status"]["resolved"] == 12).then_some(())
    });
    assert_eq!(stub.stats().max_in_flight, 2, "never more, and no fewer");
    // A call that finds no place in its time is refused.
    let gate = Gate::new();
    stub.set_script(Reply::ok("late").held_by(&gate));
    let hasty = Web::start(&bench.set("gateway.wait_ms", "50"));
    let held = [ask(&web, &question("x")), ask(&web, &question("x"))];
    eventually(PATIENCE, "both are under way", || (stub.stats().in_flight == 2).then_some(()));
    let refused = hasty.post("/v1/chat", &question("x"));
    assert_eq!((refused.status, &refused.json["kind"]), (429, &"busy".into()), "{refused:?}");
    assert!(refused.head.contains("retry-after: 1"), "{refused:?}");
    gate.open();
    drop(held);
}

#[test]
fn a_client_that_goes_and_a_server_that_is_killed_give_their_places_back() {
    let server = RedisServer::start();
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call: &Recorded| {
        let reply = Reply::ok("yes");
        if call.prompt.contains("slowly") { reply.held_by(&held) } else { reply }
    });
    let bench = bench(&server, &stub, 1, "").short_leases();
    let web = Web::start(&bench);
    for body in [question("slowly"), with(question("slowly"), &json!({ "stream": true }))] {
        let before = stub.stats();
        let gone = ask(&web, &body);
        eventually(PATIENCE, "it is under way", || (stub.stats().in_flight == 1).then_some(()));
        drop(gone);
        eventually(PATIENCE, "the call is ended", || {
            (stub.stats().broken > before.broken).then_some(())
        });
        let next = web.post("/v1/chat", &question("x"));
        assert_eq!(next.json["content"], "yes", "{next:?}");
    }
    // Nobody is left to give this one back: it runs out.
    let _gone = ask(&web, &question("slowly"));
    eventually(PATIENCE, "it is under way", || (stub.stats().in_flight == 1).then_some(()));
    web.process.kill9();
    let other = Web::start(&bench);
    let next = other.post("/v1/chat", &question("x"));
    assert_eq!(next.json["content"], "yes", "{next:?}");
    // One that is told to end ends its calls and says so.
    let mut told = ask(&other, &question("slowly"));
    eventually(PATIENCE, "it is under way", || (stub.stats().in_flight == 1).then_some(()));
    assert_eq!(other.process.terminate(PATIENCE), 0);
    let mut said = String::new();
    told.read_to_string(&mut said).unwrap();
    assert!(said.contains("503") && said.contains("this server ends"), "{said}");
}

#[test]
fn a_day_has_its_budget_over_all_servers() {
    let server = RedisServer::start();
    let stub = ModelStub::start(Reply::Ok("yes".into(), Usage::tokens(40, 60)));
    let bench = bench(&server, &stub, 4, "calls_per_day = 3\ntokens_per_day = 1000\n");
    let (one, other) = (Web::start(&bench), Web::start(&bench));
    let small = with(question("x"), &json!({ "max_tokens": 100 }));
    for web in [&one, &other] {
        assert_eq!(web.post("/v1/chat", &small).status, 200);
    }
    // 200 tokens are spent; so many more do not fit.
    let much = one.post("/v1/chat", &with(question("x"), &json!({ "max_tokens": 900 })));
    assert_eq!((much.status, &much.json["kind"]), (402, &"budget_spent".into()), "{much:?}");
    assert!(
        much.json["error"]
            .as_str()
            .unwrap()
            .contains("200 of 1000 are spent or held (gateway.tokens_per_day)")
    );
    assert!(much.head.contains("retry-after: "), "{much:?}");
    // What is held counts: of two at once only one fits.
    let gate = Gate::new();
    stub.set_script(Reply::ok("late").held_by(&gate));
    let _held = ask(&one, &small);
    eventually(PATIENCE, "it is under way", || (stub.stats().in_flight == 1).then_some(()));
    let over = other.post("/v1/chat", &small);
    assert_eq!(over.status, 402, "{over:?}");
    assert!(over.json["error"].as_str().unwrap().contains("3 of 3"), "{over:?}");
    gate.open();
    assert_eq!(stub.requests().len(), 3);
    // Dollars go by the prices of ladders; a model without one is not asked.
    let prices = bench.dir.path().join("ladders");
    std::fs::create_dir(&prices).unwrap();
    let ladder = "name = 'priced'\n[[rungs]]\nprovider = 'far'\nmodel = 'dear'\nusd_per_million_in = 1000.0\nusd_per_million_out = 1000.0\n";
    std::fs::write(prices.join("priced.toml"), ladder).unwrap();
    let bench = bench
        .set("ladders.dir", prices.to_str().unwrap())
        .set("gateway.calls_per_day", "0")
        .set("gateway.tokens_per_day", "0")
        .set("gateway.usd_per_day", "0.3");
    let web = Web::start(&bench);
    stub.set_script(Reply::Ok("yes".into(), Usage::tokens(40, 60)));
    let dear = with(small.clone(), &json!({ "provider": "far", "model": "dear" }));
    let priceless = web.post("/v1/chat", &with(dear.clone(), &json!({ "model": "m" })));
    assert_eq!(priceless.status, 400, "{priceless:?}");
    assert!(priceless.json["error"].as_str().unwrap().contains("no price is known of 'far/m'"));
    assert_eq!(web.post("/v1/chat", &dear).status, 200, "10 cents");
    assert_eq!(web.post("/v1/chat", &dear).status, 200, "20 cents");
    let over = web.post("/v1/chat", &dear);
    assert_eq!(over.status, 402, "{over:?}");
    assert!(over.json["error"].as_str().unwrap().contains("$0.20 of $0.30"), "{over:?}");
    assert_eq!(web.post("/v1/chat", &small).status, 200, "this machine asks no money");
}

#[test]
fn no_secret_leaves_for_a_provider_elsewhere() {
    let server = RedisServer::start();
    let stub = ModelStub::start(Reply::ok("yes"));
    let bench = bench(&server, &stub, 4, "");
    let web = Web::start(&bench);
    let secret = format!("aws_key = \"{CANARY}\"");
    let talk = json!({ "messages": [
        {"role": "system", "content": secret}, {"role": "user", "content": secret},
        {"role": "assistant", "content": secret}, {"role": "user", "content": secret},
    ]});
    for stream in [false, true] {
        let talk = with(with(question(""), &talk), &json!({ "stream": stream }));
        assert_eq!(
            web.post("/v1/chat", &with(talk.clone(), &json!({ "provider": "far" }))).status,
            200
        );
        let sent = stub.requests().pop().unwrap().body.to_string();
        assert!(!sent.contains(CANARY) && sent.matches("aws_key = ").count() == 4, "{sent}");
        assert_eq!(web.post("/v1/chat", &talk).status, 200);
        let here = stub.requests().pop().unwrap().body.to_string();
        assert_eq!(here.matches(CANARY).count(), 4, "what stays here is as it is");
    }
    let log = std::fs::read_to_string(bench.dir.path().join("web.log")).unwrap();
    let asked: Vec<&str> = log.lines().filter(|line| line.contains("audit: asked")).collect();
    assert_eq!(asked.len(), 4, "{log}");
    assert!(asked.iter().any(|line| line.contains("masked=4") && line.contains("far/m")), "{log}");
    assert!(!log.contains(CANARY), "{log}");
}

#[test]
fn it_stands_in_for_a_plain_provider_and_serves_a_fleet() {
    let server = RedisServer::start();
    let stub = ModelStub::with(|call: &Recorded| {
        Reply::ok(if call.prompt.contains("Is it?") {
            "yes".to_owned()
        } else {
            answers::markdown_review("src/f0.rs")
        })
    });
    let bench = bench(&server, &stub, 4, "");
    let web = Web::start(&bench);
    let cases = json!({
        "ignore": ["$.provider", "$.choices[].message.refusal"],
        "cases": [
            {"name": "flat", "method": "POST", "path": "/v1/chat", "body": question("Is it?"), "values": ["$.content"]},
            {"name": "openai", "method": "POST", "path": "/v1/chat/completions",
             "body": with(question("Is it?"), &json!({ "provider": null, "model": "stub/m" })),
             "values": ["$.choices[].message.content", "$.choices[].finish_reason", "$.model"]},
        ],
    });
    std::fs::write(bench.dir.path().join("cases.json"), cases.to_string()).unwrap();
    let (plain, gateway) = (format!("http://{}", stub.addr()), format!("http://{}", web.address));
    let done = bench.run(&["parity", "cases.json", &plain, &gateway]).expect(0);
    assert_eq!(done.stdout.matches(" same").count(), 2, "{}", done.stdout);
    // Another fleet asks through it, as through any gateway.
    let settings = format!(
        "[providers.gate]\nwire = 'gateway'\nbase_url = '{gateway}'\nlocal = true\nconcurrency = 2\ncounts_prompt = false\n"
    );
    let fleet = Bench::new(None, &settings);
    std::fs::write(
        fleet.ladder(),
        "name = 'gate'\n[[rungs]]\nprovider = 'gate'\nmodel = 'stub/m'\n",
    )
    .unwrap();
    fleet.review(&TestRepo::with_files(2), &[]).expect(0);
    let by_fleet = stub.requests().iter().filter(|call| call.prompt.contains("src/f")).count();
    assert!(by_fleet >= 2, "{by_fleet}");
}

//! Every fault of a provider, on each wire that can have it, through whole sweeps: each has its named
//! outcome in the row and in the dead letter, and the sweep ends as it should.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use queue_schema::client::Queue;
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::rows::{Outcome, ReviewRow};
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, Wire, answers};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Done};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

/// Files of the repository. More than one, because some trouble is told once, not once a file.
const FILES: usize = 2;

/// Timers, by the fault that each ends. Short ones are for those alone, because a busy machine is slow, too.
const TIMERS: [(&str, &str); 3] = [
    ("stall", "idle_timeout_s=2"),
    ("silence", "first_byte_timeout_s=2"),
    ("drip", "total_timeout_s=5"),
];

/// What a fault is, and what it must come to.
struct Fault {
    name: &'static str,
    reply: Reply,
    /// How the attempt counts when the fault stays.
    outcome: Outcome,
    /// Words of its reason.
    reason: &'static str,
    kind: Kind,
}

/// What is to be done about it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// It may pass: the first call and three repetitions.
    Passing,
    /// The rung is spent by one call.
    Spent,
    /// The same, and the operator is told once.
    Told,
}

fn fault(
    name: &'static str,
    kind: Kind,
    outcome: Outcome,
    reason: &'static str,
    reply: Reply,
) -> Fault {
    Fault { name, reply, outcome, reason, kind }
}

/// The faults that a wire can have.
fn faults(wire: Wire) -> Vec<Fault> {
    let mut all = common();
    match wire {
        Wire::Openai => all.extend(of_llama_cpp()),
        Wire::Ollama => {}
        Wire::Anthropic => all.extend(overloaded()),
        // It answers with one document: what comes midway in a stream can't be told from a broken connection.
        Wire::Gateway => {
            all.retain(|f| !["error-midway", "drip", "loop"].contains(&f.name));
            let cut = all.iter_mut().find(|f| f.name == "cut-midway").expect("a fault");
            (cut.kind, cut.reason) = (Kind::Passing, "broke");
        }
    }
    all
}

/// Anthropic's word for a moment's load: with its status, within a stream, and with the status of a proxy.
fn overloaded() -> Vec<Fault> {
    let error = json!({"type": "overloaded_error", "message": "Overloaded"});
    let body = json!({"type": "error", "error": error}).to_string();
    let of = |name, reply| fault(name, Kind::Passing, Outcome::Error, "Overloaded", reply);
    vec![
        of("overloaded-529", Reply::status(529, body.clone())),
        of("overloaded-500", Reply::status(500, body.clone())),
        of("overloaded-400", Reply::status(400, body)),
        of("overloaded-midway", Reply::ErrorMidStream("a".into(), error.clone())),
        of("overloaded-under-200", Reply::ErrorBodyUnder200(error)),
    ]
}

/// llama.cpp's errors in a stream, each in a field of its own.
fn of_llama_cpp() -> Vec<Fault> {
    let long = json!({"code": 400, "message": "the request exceeds the available context size",
        "type": "exceed_context_size_error", "n_prompt_tokens": 14_429, "n_ctx": 8192});
    let died = json!({"code": 500, "message": "decode died", "type": "server_error"});
    let of = |name, kind, reason, text: &str, error| {
        fault(name, kind, Outcome::Error, reason, Reply::ErrorField(text.into(), error))
    };
    vec![
        of("field-too-long", Kind::Told, "does not fit", "", long),
        of("field-at-once", Kind::Passing, "decode died", "", died.clone()),
        of("field-midway", Kind::Spent, "decode died", "It begins", died),
    ]
}

fn common() -> Vec<Fault> {
    use Kind::{Passing, Spent, Told};
    use Outcome::{Error, Malformed, Refused, Thin, Truncated};
    let text = answers::markdown_review("any");
    let slow_down = json!({"code": 429, "message": "slow down"});
    let upstream = json!({"code": 502, "message": "upstream died"});
    let no_key = r#"{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}"#;
    let too_large = r#"{"error":{"message":"Request too large for m on tokens per min (TPM): Limit 30000, Requested 31000. The input or output tokens must be reduced in order to run successfully.","type":"tokens","code":"rate_limit_exceeded"}}"#;
    let declined = "I'm sorry, but I can't assist with that request.";
    vec![
        fault("429-and-when", Passing, Error, "HTTP 429", Reply::rate_limited(1)),
        fault("429-alone", Passing, Error, "HTTP 429", Reply::status(429, "")),
        fault("503", Passing, Error, "HTTP 503", Reply::overloaded()),
        fault("529", Passing, Error, "HTTP 529", Reply::status(529, "overloaded")),
        fault("500", Passing, Error, "HTTP 500", Reply::status(500, "oops")),
        fault("429-under-200", Passing, Error, "slow down", Reply::ErrorBodyUnder200(slow_down)),
        fault("cut-at-once", Passing, Error, "", Reply::CutStream(text.clone(), 0)),
        fault("stall", Passing, Error, "idle_timeout_s", Reply::Stall("It begins".into())),
        fault("silence", Passing, Error, "first_byte_timeout_s", Reply::Silence),
        fault(
            "error-midway",
            Spent,
            Error,
            "upstream",
            Reply::ErrorMidStream("a".into(), upstream),
        ),
        fault("cut-midway", Spent, Error, "characters", Reply::CutStream(text.clone(), 1500)),
        fault("no-end", Spent, Error, "", Reply::NoFinish(text)),
        fault(
            "drip",
            Spent,
            Error,
            "total_timeout_s",
            // Numbers: what repeats itself is stopped before its time is up.
            Reply::Drip(
                (0..2200).fold(String::new(), |s, n| s + &format!("{n} ")),
                Duration::from_millis(100),
            ),
        ),
        fault("too-large", Spent, Error, "max_answer_bytes", Reply::Huge(200_000)),
        fault("loop", Spent, Truncated, "over and over", Reply::Loop(answers::round())),
        fault("not-utf8", Spent, Error, "UTF-8", Reply::InvalidUtf8),
        fault(
            "a-web-page",
            Spent,
            Error,
            "",
            Reply::Raw("text/html".into(), b"<html>sign in</html>".to_vec()),
        ),
        fault("length", Spent, Truncated, "token limit", Reply::Length("Half of".into())),
        fault("refusal", Spent, Refused, "declined", Reply::Refusal(declined.into())),
        fault("too-short", Spent, Thin, "characters", Reply::ok(answers::thin())),
        fault("broken-json", Spent, Malformed, "verdict", Reply::ok("{\"verdict\": \"pa")),
        fault("401", Told, Error, "HTTP 401", Reply::status(401, no_key)),
        fault("request-too-large", Told, Error, "does not fit", Reply::status(429, too_large)),
        fault("402", Told, Error, "HTTP 402", Reply::status(402, "no credit")),
        fault("404", Told, Error, "HTTP 404", Reply::status(404, "model 'x' not found")),
    ]
}

/// What a sweep of the table is about. The model's name says it to the stub.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Case {
    /// The fault stays; the second rung is good.
    Then,
    /// The fault stays, and there is no other rung.
    Alone,
    /// The fault passes after one call a file; the second rung is never asked.
    Passes,
}

/// The provider that has a fault. A name begins with a letter.
fn provider(name: &str) -> String {
    format!("p-{name}")
}

struct Table {
    server: RedisServer,
    stub: ModelStub,
    bench: Bench,
    repo: TestRepo,
}

impl Table {
    fn new(wire: Wire) -> Self {
        let server = RedisServer::alone();
        let seen = Mutex::new(HashMap::<(String, bool), usize>::new());
        let faults = faults(wire);
        // A provider for each: what pauses one holds up no other.
        let names: Vec<&str> = faults.iter().map(|f| f.name).chain(["stub"]).collect();
        let stub = ModelStub::with(move |call: &Recorded| {
            let (name, case) = call.model.split_once('/').unwrap_or((&call.model, ""));
            let good = || Reply::ok(answers::markdown_review("any"));
            let Some(fault) = faults.iter().find(|f| f.name == name) else { return good() };
            let mut seen = seen.lock().unwrap();
            let file = (call.model.clone(), call.prompt.contains("read_0"));
            let before = seen.entry(file).or_default();
            *before += 1;
            if case == "passes" && *before > 1 { good() } else { fault.reply.clone() }
        });
        let (kind, url) = (format!("{wire:?}").to_lowercase(), stub.url(wire));
        let mut settings = String::from("rate_limit_backoff_ms = 40\n");
        for name in names {
            let timer = TIMERS.iter().find(|(n, _)| *n == name).map_or("", |(_, timer)| timer);
            let _ = write!(
                settings,
                "[providers.{}]\nwire='{kind}'\nbase_url='{url}'\nlocal=true\nconcurrency=16\nmax_answer_bytes=100000\n{timer}\n",
                provider(name)
            );
        }
        let bench = Bench::new(Some(server.url()), &settings);
        Self { server, stub, bench, repo: TestRepo::with_files(FILES) }
    }

    fn sweep(&self, fault: &Fault, case: Case, more: &[&str]) -> Done {
        let model = format!("{}/{}", fault.name, format!("{case:?}").to_lowercase());
        let ladder = self.bench.dir.path().join(format!("{}.toml", model.replace('/', "-")));
        let faulty = provider(fault.name);
        let mut text = format!("name='t'\n[[rungs]]\nprovider='{faulty}'\nmodel='{model}'\n");
        if case != Case::Alone {
            let good = provider("stub");
            let _ = write!(text, "[[rungs]]\nprovider='{good}'\nmodel='good'\n");
        }
        std::fs::write(&ladder, text).unwrap();
        let (repo, ladder) = (self.repo.path().to_str().unwrap(), ladder.to_str().unwrap());
        self.bench.run(&[&["sweep", repo, "--ladder", ladder], more].concat())
    }

    fn out(&self, fault: &Fault, case: Case) -> PathBuf {
        self.bench.dir.path().join(format!("{}-{case:?}", fault.name))
    }

    fn calls(&self, fault: &Fault, case: Case) -> usize {
        let model = format!("{}/{}", fault.name, format!("{case:?}").to_lowercase());
        self.stub.requests().iter().filter(|c| c.model == model).count()
    }
}

async fn each_fault_has_its_outcome(wire: Wire) {
    let table = Table::new(wire);
    let cases = || {
        faults(wire).into_iter().flat_map(|f| {
            let passes = (f.kind == Kind::Passing).then_some(Case::Passes);
            let cases: Vec<_> = [Case::Then, Case::Alone].into_iter().chain(passes).collect();
            cases.into_iter().map(move |case| (f.name, case))
        })
    };
    let by_name = |name: &str| faults(wire).into_iter().find(|f| f.name == name).unwrap();
    let ids: Vec<SweepId> = cases()
        .map(|(name, case)| table.sweep(&by_name(name), case, &[]).expect(0).stdout.trim().into())
        .collect();
    // All at once: they mostly wait.
    let _worker = table.bench.worker(&["--concurrency", "32"]);
    let queue = oracle::queue(&table.server.url()).await;
    let mut ends = Vec::new();
    for (name, case) in cases() {
        let fault = by_name(name);
        let out = table.out(&fault, case);
        // The same request again finds the sweep, and waits for it.
        ends.push(table.sweep(&fault, case, &["--wait", "--json", "--out", out.to_str().unwrap()]));
    }
    for (((name, case), id), end) in cases().zip(&ids).zip(ends) {
        println!("{wire:?} {name} {case:?}");
        let fault = by_name(name);
        let all = oracle::check_all(&table.server, id, &table.repo).await;
        let s = &all.is_done().sweep;
        let told: Value = serde_json::from_str(&end.expect(i32::from(case == Case::Alone)).stdout)
            .expect("one JSON object");
        let alerts = told["alerts"].as_array().map_or(0, Vec::len);
        // Told as long as no call of the model was answered.
        let fails = case != Case::Passes && fault.outcome == Outcome::Error;
        assert_eq!(alerts, usize::from(fails), "{}", told["alerts"]);
        let made = table.calls(&fault, case);
        let expected = match (case, fault.kind) {
            // A good answer may be late once more on a busy machine.
            (Case::Passes, _) => FILES * 2..=FILES * 4,
            // Before its first drop it is no drip yet, but a silence, and those may pass.
            _ if fault.name == "drip" => FILES..=FILES * 4,
            // One call at a time asks for all whether such a provider takes calls again.
            _ if ["429", "503", "529", "overloaded"].iter().any(|n| fault.name.starts_with(n)) => {
                1..=FILES * 12
            }
            (_, Kind::Passing) => FILES * 4..=FILES * 4,
            _ => FILES..=FILES,
        };
        let rows = queue.rows::<ReviewRow>(id).await.unwrap();
        let attempts: Vec<_> = rows.iter().map(|r| &r.attempts).collect();
        assert!(expected.contains(&made), "{made} calls, not {expected:?}: {attempts:#?}");
        if case == Case::Alone {
            assert_eq!((s.resolved, s.unresolved), (0, FILES as u64));
            dead_letters(&queue, id, &fault).await;
            continue;
        }
        assert_eq!((s.resolved, s.unresolved, rows.len()), (FILES as u64, 0, FILES));
        for row in rows {
            let (spent, last) = row.attempts.split_at(row.attempts.len() - 1);
            assert_eq!(last[0].outcome, Outcome::Accepted);
            if case == Case::Passes {
                assert!(spent.is_empty(), "it spent no rung: {spent:?}");
                assert!(row.accepted_model.ends_with("/passes"), "{}", row.accepted_model);
                continue;
            }
            assert_eq!((row.accepted_model.as_str(), spent.len()), ("p-stub/good", 1));
            assert_eq!(spent[0].outcome, fault.outcome, "{}", spent[0].reason);
            assert!(spent[0].reason.contains(fault.reason), "{}", spent[0].reason);
            assert!(!spent[0].reason.is_empty());
        }
    }
}

/// Each file of the sweep is a dead letter with its class, and with the attempt in its history.
async fn dead_letters(queue: &Queue, id: &SweepId, fault: &Fault) {
    let asked = queue_schema::client::DeadFilter {
        sweep: Some(id.clone()),
        ..queue_schema::client::DeadFilter::default()
    };
    let letters = queue.dead_letters(&asked).await.unwrap();
    assert_eq!(letters.len(), FILES);
    for letter in letters {
        assert_eq!(letter.class, "ladder_exhausted");
        let outcome = fault.outcome.as_str();
        assert!(letter.reason.contains(outcome), "{}", letter.reason);
        let review = ReviewId::new(id, letter.target.unwrap());
        let history = queue.attempts(&review).await.unwrap();
        assert_eq!(history.len(), 1);
        assert_eq!(history[0].outcome, fault.outcome, "{}", history[0].reason);
        assert!(history[0].reason.contains(fault.reason), "{}", history[0].reason);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_openai_style_provider_has_its_outcome() {
    each_fault_has_its_outcome(Wire::Openai).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_ollama_has_its_outcome() {
    each_fault_has_its_outcome(Wire::Ollama).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_anthropics_wire_has_its_outcome() {
    each_fault_has_its_outcome(Wire::Anthropic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_gateway_has_its_outcome() {
    each_fault_has_its_outcome(Wire::Gateway).await;
}

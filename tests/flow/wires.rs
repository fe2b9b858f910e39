//! Whole sweeps through each wire, and what people meet when they set a provider up: addresses, keys,
//! certificates, parameters that a server refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "wires/tls.rs"]
mod tls;

use queue_schema::rows::{Outcome, ReviewRow};
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, Rule, Script, answers};
use scrum_tests::process::{Bench, Done};
use scrum_tests::repo::TestRepo;
use serde_json::{Value, json};

/// Files of a repository.
const FILES: usize = 3;
const KEY: &str = "wire-key-0123456789";

/// A provider of this wire in a bench of its own, and a ladder over its models.
fn bench(wire: &str, url: &str, models: &[&str], more: &str) -> Bench {
    let settings = format!(
        "[providers.p]\nwire='{wire}'\nbase_url='{url}'\nlocal=true\napi_key_env='WIRE_KEY'\n{more}\n"
    );
    let bench = Bench::new(None, &settings).env("WIRE_KEY", KEY);
    let rung = |model: &&str| format!("[[rungs]]\nprovider='p'\nmodel='{model}'\n");
    let rungs: String = models.iter().map(rung).collect();
    std::fs::write(bench.ladder(), format!("name='wires'\n{rungs}")).unwrap();
    bench
}

fn run(bench: &Bench, repo: &TestRepo, more: &[&str]) -> Done {
    let (ladder, out) = (bench.ladder(), bench.out());
    let (repo, ladder, out) =
        (repo.path().to_str().unwrap(), ladder.to_str().unwrap(), out.to_str().unwrap());
    bench.run(&[&["run", repo, "--ladder", ladder, "--out", out], more].concat())
}

fn rows(bench: &Bench) -> Vec<ReviewRow> {
    let text = std::fs::read_to_string(bench.out().join("scrum_reviews.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Good answers to reviews and to both calls of facts.
fn good(call: &Recorded) -> Reply {
    Reply::ok(answers::facts_or(&call.system).unwrap_or_else(|| answers::markdown_review("any")))
}

#[test]
fn a_whole_sweep_goes_through_each_wire() {
    for (wire, path, header) in [
        ("openai", "/v1/chat/completions", "authorization"),
        ("anthropic", "/v1/messages", "x-api-key"),
        ("azure", "/openai/deployments/a%2Fm/chat/completions?api-version=2024-10-21", "api-key"),
        ("gateway", "/v1/chat", "authorization"),
        ("ollama", "/api/chat", "authorization"),
    ] {
        let stub = ModelStub::with(good);
        stub.require_key(KEY);
        let url = if wire == "openai" { stub.openai_url() } else { stub.ollama_url() };
        let bench = bench(wire, &url, &["a/m"], "").set("facts.enabled", "true");
        let repo = TestRepo::with_files(FILES);
        let done = run(&bench, &repo, &[]).expect(0);
        assert!(done.stdout.contains("3 of 3 files reviewed"), "{wire}: {}", done.stdout);
        for row in rows(&bench) {
            assert_eq!(row.accepted_model, "p/a/m", "{wire}");
            assert!(row.tokens_in > 100 && row.tokens_out > 100, "{wire}: {row:?}");
        }
        let calls = stub.requests();
        assert_eq!(calls.len(), 3 * FILES, "a review and two calls for its facts: {wire}");
        for call in calls {
            assert_eq!(call.path, path);
            assert!(call.headers[header].ends_with(KEY), "{wire}");
        }
    }
}

#[test]
fn a_parameter_that_is_refused_spends_no_rung() {
    for (wire, member, message) in [
        (
            "openai",
            "max_tokens",
            "Unsupported parameter: 'max_tokens'; use 'max_completion_tokens'",
        ),
        ("openai", "temperature", "'temperature' does not support 0.2 with this model"),
        ("anthropic", "temperature", "`temperature` is deprecated for this model"),
        ("azure", "stream_options", "Unrecognized request argument supplied: stream_options"),
        ("gateway", "think", "unknown field `think`"),
    ] {
        let refusal = json!({"error": {"message": message}}).to_string();
        let stub = ModelStub::start(Script::closure(move |call| {
            let refused = call.body.get(member).is_some();
            if refused { Reply::status(400, refusal.clone()) } else { good(call) }
        }));
        let url = if wire == "openai" { stub.openai_url() } else { stub.ollama_url() };
        let (bench, repo) = (bench(wire, &url, &["m"], ""), TestRepo::with_files(FILES));
        run(&bench, &repo, &[]).expect(0);
        for row in rows(&bench) {
            let outcomes: Vec<_> = row.attempts.iter().map(|a| a.outcome).collect();
            assert_eq!(outcomes, [Outcome::Accepted], "{message}");
        }
        let refused = stub.requests().iter().filter(|c| c.body.get(member).is_some()).count();
        assert!((1..=2 * FILES).contains(&refused), "{message}: {refused}");
    }
}

#[test]
fn what_can_not_be_left_out_names_its_setting() {
    let refusal = r#"{"error":{"message":"Unrecognized request argument supplied: top_k"}}"#;
    let stub = ModelStub::start(Reply::status(400, refusal));
    let bench = bench("openai", &stub.openai_url(), &["m"], "extra_body={top_k=5}");
    run(&bench, &TestRepo::with_files(1), &[]).expect(1);
    let letters = bench.run(&["dlq", "export", "--sweep", "latest"]).expect(0).stdout;
    assert!(letters.contains("see top_k in extra_body of [providers.p]"), "{letters}");
}

#[test]
fn a_model_that_only_thinks_and_a_server_that_cuts_say_what_to_set() {
    let thoughts = json!({"choices": [{"message": {"content": "", "reasoning_content": "hm"},
        "finish_reason": "length"}], "usage": {"prompt_tokens": 2000, "completion_tokens": 1500,
        "completion_tokens_details": {"reasoning_tokens": 1500}}});
    let cut = json!({"choices": [{"message": {"content": answers::markdown_review("any")},
        "finish_reason": "stop"}], "usage": {"prompt_tokens": 12, "completion_tokens": 300}});
    let raw = |body: Value| Reply::Raw("application/json".into(), body.to_string().into());
    let stub = ModelStub::start(vec![
        Rule::model("thinks", raw(thoughts)),
        Rule::model("cuts", raw(cut)),
        Rule::any(Reply::ok(answers::markdown_review("any"))),
    ]);
    let bench = bench("openai", &stub.openai_url(), &["thinks", "cuts", "good"], "");
    run(&bench, &TestRepo::with_files(1), &[]).expect(0);
    let row = rows(&bench).remove(0);
    let [thinks, cuts, _] = &row.attempts[..] else { panic!("{:?}", row.attempts) };
    assert_eq!((thinks.outcome, thinks.tokens_out), (Outcome::Truncated, 1500));
    assert!(thinks.reason.contains("1500 tokens went to thoughts"), "{}", thinks.reason);
    assert!(thinks.reason.contains("sweep.max_tokens"), "{}", thinks.reason);
    assert_eq!(cuts.outcome, Outcome::Error);
    assert!(
        cuts.reason.contains("cut the prompt in silence: it read 12 tokens"),
        "{}",
        cuts.reason
    );
    assert_eq!(row.accepted_model, "p/good");
}

#[test]
fn a_wrong_address_is_refused_at_once_by_every_command() {
    let repo = TestRepo::with_files(1);
    for (wire, url, right) in [
        ("openai", "http://::1:8080", "http://[::1]:8080"),
        ("openai", "http://127.0.0.1:1/v1/chat/completions", "write http://127.0.0.1:1/v1;"),
        ("openai", "http://127.0.0.1:1/v1?api-version=2024-10-21", "take out"),
        (
            "openai",
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            "wire = \"azure\" and base_url = \"https://r.openai.azure.com\"",
        ),
        ("anthropic", "https://api.anthropic.com/v1/messages", "write https://api.anthropic.com;"),
        ("ollama", "http://127.0.0.1:11434/api", "write http://127.0.0.1:11434;"),
    ] {
        let bench = bench(wire, url, &["m"], "");
        for args in [&["run", repo.path().to_str().unwrap()][..], &["doctor"], &["status"]] {
            let done = bench.run(args).expect(2);
            assert!(done.stderr.contains("providers.p.base_url"), "{}", done.stderr);
            assert!(done.stderr.contains(right), "{url}: {}", done.stderr);
        }
    }
}

#[test]
fn auto_takes_the_providers_whose_usual_key_is_set_and_says_which() {
    for (key, provider, model) in [
        ("OPENAI_API_KEY", "openai", "gpt-5.4-mini"),
        ("ANTHROPIC_API_KEY", "anthropic", "claude-haiku-4-5"),
        ("GOOGLE_API_KEY", "gemini", "gemini-flash-latest"),
        ("MINE_KEY", "mine", "stub-model"),
    ] {
        let stub = ModelStub::with(good);
        stub.require_key(KEY);
        let mine = format!(
            "[providers.mine]\nwire='openai'\nbase_url='{}'\napi_key_env='MINE_KEY'\n",
            stub.openai_url()
        );
        let url = if provider == "anthropic" { stub.ollama_url() } else { stub.openai_url() };
        let mut bench = Bench::new(None, &mine).env(key, KEY);
        if provider != "mine" {
            bench = bench.set(&format!("providers.{provider}.base_url"), &url);
        }
        let repo = TestRepo::with_files(1);
        let done = bench.run(&["run", repo.path().to_str().unwrap()]).expect(0);
        let said =
            format!("ladder auto ({key} is set, for {provider}, ollama): {provider}/{model}");
        assert!(done.stderr.contains(&said), "{said}: {}", done.stderr);
        assert_eq!(stub.requests()[0].model, model);
    }
}

/// A LiteLLM proxy in front of a small model: it speaks two of the wires, each through a whole sweep.
#[test]
fn a_litellm_proxy_serves_two_wires() {
    let Ok(url) = std::env::var("SCRUM_TEST_LITELLM_URL") else {
        println!("SKIPPED: SCRUM_TEST_LITELLM_URL is not set, no LiteLLM proxy is asked");
        return;
    };
    let var = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    let model = var("SCRUM_TEST_LITELLM_MODEL", "local");
    let url = url.trim_end_matches('/').to_owned();
    for (wire, base) in [("openai", format!("{url}/v1")), ("anthropic", url.clone())] {
        let slow =
            "concurrency=1\ntotal_timeout_s=900\nfirst_byte_timeout_s=600\nidle_timeout_s=600";
        let bench = bench(wire, &base, &[&model], slow)
            .env("WIRE_KEY", &var("SCRUM_TEST_LITELLM_KEY", "sk-none"))
            .set("sweep.max_tokens", &var("SCRUM_TEST_LITELLM_TOKENS", "400"));
        let repo = TestRepo::with_files(FILES);
        let done = run(&bench, &repo, &["--policy", "substantial"]);
        println!("{wire}: {}\n{}", done.stdout, done.stderr);
        let letters = bench.run(&["dlq", "export", "--sweep", "latest"]).expect(0).stdout;
        let text = std::fs::read_to_string(bench.out().join("scrum_reviews.jsonl")).unwrap();
        let mut attempts = Vec::new();
        for line in text.lines().chain(letters.lines()) {
            let line: Value = serde_json::from_str(line).unwrap();
            attempts.extend(line["attempts"].as_array().unwrap().iter().cloned());
        }
        assert!(attempts.len() >= FILES, "{attempts:?}");
        for attempt in attempts {
            println!(
                "{wire}: {} {} in {} out: {}",
                attempt["outcome"], attempt["tokens_in"], attempt["tokens_out"], attempt["reason"]
            );
            // Whatever a small model writes, the wire brought all of it, with its counts.
            assert_ne!(attempt["outcome"], "error", "{attempt}");
            assert!(attempt["tokens_in"].as_u64().unwrap() > 100, "{attempt}");
        }
    }
}

//! The same calls against real servers, where the environment names some.

use super::*;
use scrum_providers::{Finish, TerminalKind};
use serde_json::{Value, json};

/// A provider for the server in the variable `url`; the model from `model`, or the first listed.
async fn real(wire: Wire, url: &str, model: &str) -> Option<(Providers, String)> {
    let Ok(base) = std::env::var(url) else {
        println!("SKIPPED: {url} is not set, no real server is asked");
        return None;
    };
    let mut cfg = ProviderConfig::new(wire, base);
    cfg.num_ctx = Some(1024);
    let providers = providers(cfg);
    let probe = providers.probe(P).await;
    println!("{}", probe.message);
    assert!(probe.ok, "{probe:?}");
    let chat_model = |m: &&String| !m.contains("embed") && !m.contains("minilm");
    let model = std::env::var(model)
        .ok()
        .or_else(|| probe.models.iter().find(chat_model).cloned())
        .expect("the server lists a chat model");
    Some((providers, model))
}

async fn answers(providers: &Providers, model: &str) {
    let mut req = request(model);
    req.system = "Answer briefly.".into();
    req.user = "Say hello.".into();
    req.max_tokens = 8;
    let reply = providers.chat(P, &req).await.unwrap();
    println!("{reply:?}");
    assert!(!reply.text.is_empty());
    assert!(reply.tokens_in > 0 && (1..=9).contains(&reply.tokens_out), "{reply:?}");

    req.user = "Is 7 a prime number? Give the verdict as JSON.".into();
    req.max_tokens = 40;
    req.temperature = 0.0;
    req.schema = Some(json!({
        "type": "object", "additionalProperties": false, "required": ["verdict"],
        "properties": {"verdict": {"type": "string", "enum": ["pass", "fail"]}},
    }));
    let reply = providers.chat(P, &req).await.unwrap();
    println!("{reply:?}");
    assert_eq!(reply.finish, Finish::Stop);
    let json: Value = serde_json::from_str(&reply.text).unwrap();
    assert!(matches!(json["verdict"].as_str(), Some("pass" | "fail")), "{json}");
}

#[tokio::test]
async fn openai_style_server() {
    let server = real(Wire::Openai, "SCRUM_TEST_OPENAI_URL", "SCRUM_TEST_OPENAI_MODEL").await;
    let Some((providers, model)) = server else { return };
    answers(&providers, &model).await;

    let mut long = request(&model);
    long.user = "fn add(a: u32, b: u32) -> u32 { a + b }\n".repeat(40_000);
    long.max_tokens = 4;
    let error = providers.chat(P, &long).await.unwrap_err();
    println!("{error:?}");
    assert!(matches!(error, ChatError::ContextExceeded { .. }), "{error:?}");
}

#[tokio::test]
async fn ollama_server() {
    let server = real(Wire::Ollama, "SCRUM_TEST_OLLAMA_URL", "SCRUM_TEST_OLLAMA_MODEL").await;
    let Some((providers, model)) = server else { return };
    answers(&providers, &model).await;

    let error = providers.chat(P, &request("no-such-model:1b")).await.unwrap_err();
    assert!(
        matches!(&error, ChatError::Terminal { kind: TerminalKind::ModelNotFound, .. }),
        "{error:?}"
    );
    let mut long = request(&model);
    long.user = "fn add(a: u32, b: u32) -> u32 { a + b }\n".repeat(150);
    long.max_tokens = 2;
    let error = providers.chat(P, &long).await.unwrap_err();
    println!("{error:?}");
    assert!(matches!(error, ChatError::ContextExceeded { .. }), "{error:?}");
}

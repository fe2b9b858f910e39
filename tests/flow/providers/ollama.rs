//! What is special to the Ollama wire.

use super::*;
use scrum_providers::{Finish, TransientKind};
use scrum_tests::model_stub::{Rule, Usage};
use serde_json::{Value, json};

async fn sent(req: &ChatRequest, change: impl FnOnce(&mut ProviderConfig)) -> Value {
    let (stub, providers) = setup(Wire::Ollama, Reply::ok("ok"), change);
    providers.chat(P, req).await.unwrap();
    stub.requests().remove(0).body
}

fn counted(tokens_in: u64, tokens_out: u64) -> Reply {
    Reply::Ok("text".into(), Usage::tokens(tokens_in, tokens_out))
}

#[tokio::test]
async fn the_request() {
    let mut req = request("qwen3:latest");
    assert_eq!(
        sent(&req, |_| ()).await,
        json!({
            "model": "qwen3:latest", "stream": true, "think": false,
            "truncate": false, "shift": false,
            "options": {"num_ctx": 16384, "num_predict": 77, "temperature": 0.2},
            "messages": [
                {"role": "system", "content": "You review."},
                {"role": "user", "content": "# File\nfn main() {}"},
            ],
        })
    );
    req.schema = Some(json!({"type": "object"}));
    let body = sent(&req, |cfg| {
        cfg.num_ctx = Some(32_768);
        cfg.extra_body = Some(toml::from_str("keep_alive = \"1h\"\noptions.seed = 7").unwrap());
    })
    .await;
    assert_eq!(body["format"], json!({"type": "object"}));
    assert_eq!(body["keep_alive"], "1h");
    assert_eq!(body["options"]["num_ctx"], 32_768);
    assert_eq!(body["options"]["seed"], 7);
    assert!(sent(&req, |cfg| cfg.json_schema = false).await.get("format").is_none());
    assert_eq!(sent(&request("gpt-oss:20b"), |_| ()).await["think"], "low");
    let as_is = |cfg: &mut ProviderConfig| cfg.thinking = scrum_config::Thinking::AsIs;
    assert!(sent(&request("gpt-oss:20b"), as_is).await.get("think").is_none());
}

#[tokio::test]
async fn a_model_that_cannot_think_is_asked_without() {
    let no = Reply::status(400, r#"{"error":"\"m\" does not support thinking"}"#);
    let rules = vec![
        Rule::when(|call| call.body.get("think").is_some(), no),
        Rule::any(Reply::ok("thoughtless")),
    ];
    let (stub, providers) = setup(Wire::Ollama, rules, |_| ());
    assert_eq!(providers.chat(P, &request("m")).await.unwrap().text, "thoughtless");
    assert_eq!(stub.stats().requests, 2);
    providers.chat(P, &request("m")).await.unwrap();
    assert_eq!(stub.stats().requests, 3, "it is remembered");
    providers.chat(P, &request("other")).await.unwrap();
    assert_eq!(stub.stats().requests, 5, "for that model only");
}

#[tokio::test]
async fn counts() {
    let reply = call(Wire::Ollama, counted(1200, 34), |_| ()).await.unwrap();
    assert_eq!((reply.tokens_in, reply.tokens_out, reply.cost_usd), (1200, 34, None));
    assert_eq!((reply.text.as_str(), reply.finish), ("text", Finish::Stop));
}

#[tokio::test]
async fn a_prompt_that_was_cut_in_silence_is_found_out() {
    let small = |cfg: &mut ProviderConfig| cfg.num_ctx = Some(512);
    let result = call(Wire::Ollama, counted(512, 3), small).await;
    assert!(
        matches!(&result, Err(ChatError::ContextExceeded { context: Some(512), .. })),
        "{result:?}"
    );
    call(Wire::Ollama, counted(500, 3), small).await.unwrap();

    // Half was thrown away, so the count is well below the context.
    let (_stub, providers) = setup(Wire::Ollama, counted(300, 3), small);
    let mut long = request("m");
    long.user = "fn a() {}\n".repeat(1000);
    assert!(matches!(providers.chat(P, &long).await, Err(ChatError::ContextExceeded { .. })));
}

#[tokio::test]
async fn an_answer_written_past_the_context_is_not_whole() {
    let local = |cfg: &mut ProviderConfig| {
        cfg.num_ctx = Some(512);
        cfg.local = true;
    };
    let reply = call(Wire::Ollama, counted(400, 200), local).await.unwrap();
    assert_eq!(reply.finish, Finish::Length);
    let reply = call(Wire::Ollama, counted(400, 100), local).await.unwrap();
    assert_eq!(reply.finish, Finish::Stop);
}

#[tokio::test]
async fn overflow_that_is_told() {
    let told = r#"{"error":"the input length exceeds the context length"}"#;
    let result = call(Wire::Ollama, Reply::status(400, told), |_| ()).await;
    assert!(matches!(result, Err(ChatError::ContextExceeded { .. })), "{result:?}");
}

#[tokio::test]
async fn a_full_queue_is_no_failure() {
    let result = call(Wire::Ollama, Reply::overloaded(), |_| ()).await;
    assert!(matches!(result, Err(ChatError::Transient { kind: TransientKind::Overloaded, .. })));
}

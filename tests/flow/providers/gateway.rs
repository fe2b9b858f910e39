//! The gateway's wire: what is sent, and both forms of its answers.

use super::*;
use scrum_providers::{FailedKind, Finish, TransientKind};
use serde_json::{Value, json};

async fn sent(model: &str, change: impl FnOnce(&mut ProviderConfig)) -> Value {
    let (stub, providers) = setup(Wire::Gateway, Reply::ok("ok"), change);
    assert_eq!(providers.chat(P, &request(model)).await.unwrap().text, "ok");
    let call = stub.requests().remove(0);
    assert_eq!(call.path, "/v1/chat");
    call.body
}

#[tokio::test]
async fn the_request() {
    let messages = json!([
        {"role": "system", "content": "You review."},
        {"role": "user", "content": "# File\nfn main() {}"},
    ]);
    assert_eq!(
        sent("openrouter/openai/gpt-oss-120b:free", |_| ()).await,
        json!({
            "provider": "openrouter", "model": "openai/gpt-oss-120b:free", "messages": messages,
            "max_tokens": 77, "temperature": 0.2, "think": false,
        })
    );
    let body = sent("a/b", |cfg| {
        cfg.extra_body = Some(toml::from_str("provider = \"ollama\"").unwrap());
        cfg.thinking = scrum_config::Thinking::AsIs;
    })
    .await;
    assert_eq!((&body["provider"], &body["model"]), (&json!("ollama"), &json!("a/b")));
    assert!(body.get("think").is_none());
    assert!(sent("alone", |_| ()).await.get("provider").is_none());
}

#[tokio::test]
async fn both_forms_of_an_answer_are_read() {
    let read = async |body: Value| {
        let reply = Reply::Raw("application/json".into(), body.to_string().into());
        call(Wire::Gateway, reply, |_| ()).await
    };
    let flat = |content: &str, out: u64| json!({"content": content, "latency_ms": 7, "input_tokens": 40, "output_tokens": out});
    let reply = read(flat("a text", 5)).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.finish), ("a text", Finish::Stop));
    assert_eq!((reply.tokens_in, reply.tokens_out), (40, 5));
    let cut = read(flat("a te", 77)).await.unwrap();
    assert_eq!(cut.finish, Finish::Length, "as many tokens as were allowed");
    let mut told = flat("a te", 3);
    told["finish_reason"] = json!("length");
    assert_eq!(read(told.clone()).await.unwrap().finish, Finish::Length);
    told["finish_reason"] = json!("");
    assert_eq!(read(told.clone()).await.unwrap().finish, Finish::Stop);
    told["done_reason"] = json!("length");
    assert_eq!(read(told).await.unwrap().finish, Finish::Length, "an empty reason hides no other");

    let shaped = json!({"choices": [{"message": {"content": "shaped"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 2}});
    let reply = read(shaped).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.tokens_in, reply.tokens_out), ("shaped", 40, 2));

    let odd = read(json!({"content": {"text": "x"}})).await;
    assert!(matches!(odd, Err(ChatError::Failed { kind: FailedKind::Garbage, .. })), "{odd:?}");
    let error = read(json!({"error": "upstream: 503 server busy"})).await;
    assert!(
        matches!(error, Err(ChatError::Transient { kind: TransientKind::Overloaded, .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn one_that_lists_no_models_is_there_all_the_same() {
    let (stub, providers) = setup(Wire::Gateway, Reply::ok("unused"), |_| ());
    stub.set_models(&["ollama/a"]);
    let probe = providers.probe(P).await;
    assert!(probe.ok && probe.models == ["ollama/a"], "{probe:?}");
    let (_stub, providers) = setup(Wire::Gateway, Reply::ok("unused"), |cfg| {
        cfg.base_url += "/nothing";
    });
    let probe = providers.probe(P).await;
    assert!(probe.ok && probe.message.contains("does not list its models"), "{probe:?}");
}

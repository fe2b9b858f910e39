//! What is special to the OpenAI wire.

use super::*;
use scrum_providers::{FailedKind, Finish, SetupError, TerminalKind};
use scrum_tests::model_stub::{Rule, Usage};
use serde_json::{Value, json};

fn sse(body: &str) -> Reply {
    Reply::Raw("text/event-stream".into(), body.into())
}

async fn read(body: &str) -> Result<ChatReply, ChatError> {
    call(Wire::Openai, sse(body), |_| ()).await
}

fn table(text: &str) -> toml::Table {
    toml::from_str(text).unwrap()
}

async fn sent(req: &ChatRequest, change: impl FnOnce(&mut ProviderConfig)) -> Value {
    let (stub, providers) = setup(Wire::Openai, Reply::ok("ok"), change);
    providers.chat(P, req).await.unwrap();
    stub.requests().remove(0).body
}

#[tokio::test]
async fn the_request() {
    let mut req = request("gpt-x");
    assert_eq!(
        sent(&req, |_| ()).await,
        json!({
            "model": "gpt-x", "temperature": 0.2, "max_tokens": 77,
            "stream": true, "stream_options": {"include_usage": true},
            "messages": [
                {"role": "system", "content": "You review."},
                {"role": "user", "content": "# File\nfn main() {}"},
            ],
        })
    );
    req.schema = Some(json!({"type": "object"}));
    req.system.clear();
    let body = sent(&req, |_| ()).await;
    assert_eq!(body["response_format"]["type"], "json_schema");
    assert_eq!(body["response_format"]["json_schema"]["strict"], true);
    assert_eq!(body["response_format"]["json_schema"]["schema"], json!({"type": "object"}));
    assert_eq!(body["messages"].as_array().unwrap().len(), 1, "no empty system message");
    let body = sent(&req, |cfg| cfg.json_schema = false).await;
    assert!(body.get("response_format").is_none());
}

#[tokio::test]
async fn a_local_server_is_asked_for_no_thoughts() {
    let local = |cfg: &mut ProviderConfig| cfg.local = true;
    let body = sent(&request("qwen3-8b"), local).await;
    assert_eq!(body["chat_template_kwargs"], json!({"enable_thinking": false}));
    assert!(body.get("reasoning").is_none(), "{body}");
    let body = sent(&request("gpt-oss-20b"), local).await;
    assert_eq!(body["reasoning_effort"], "low");
    let extra = |text: &'static str| {
        move |cfg: &mut ProviderConfig| {
            cfg.local = true;
            cfg.extra_body = Some(table(text));
        }
    };
    let thinks = extra("chat_template_kwargs = { enable_thinking = true, more = 1 }");
    let body = sent(&request("qwen3-8b"), thinks).await;
    assert_eq!(body["chat_template_kwargs"], json!({"enable_thinking": true, "more": 1}));
    let as_is = |cfg: &mut ProviderConfig| {
        cfg.local = true;
        cfg.thinking = scrum_config::Thinking::AsIs;
    };
    assert!(sent(&request("qwen3-8b"), as_is).await.get("chat_template_kwargs").is_none());
}

#[tokio::test]
async fn a_server_that_does_not_know_the_member_is_asked_without() {
    let no =
        r#"{"error":{"message":"Unrecognized request argument supplied: chat_template_kwargs"}}"#;
    let rules = vec![
        Rule::when(|call| call.body.get("chat_template_kwargs").is_some(), Reply::status(400, no)),
        Rule::any(Reply::ok("thoughtless")),
    ];
    let (stub, providers) = setup(Wire::Openai, rules, |cfg| cfg.local = true);
    assert_eq!(providers.chat(P, &request("m")).await.unwrap().text, "thoughtless");
    assert_eq!(stub.stats().requests, 2);
    providers.chat(P, &request("m")).await.unwrap();
    assert_eq!(stub.stats().requests, 3, "it is remembered");
    providers.chat(P, &request("other")).await.unwrap();
    assert_eq!(stub.stats().requests, 5, "for that model only");
}

#[tokio::test]
async fn bounds_of_the_schema_go_to_those_who_take_them() {
    let mut req = request("m");
    let bounded =
        json!({"type": "array", "maxItems": 5, "items": {"type": "string", "maxLength": 9}});
    let plain = json!({"type": "array", "items": {"type": "string"}});
    req.schema = Some(bounded.clone());
    for (local, setting, want) in [
        (true, None, &bounded),
        (false, None, &plain),
        (false, Some(true), &bounded),
        (true, Some(false), &plain),
    ] {
        let body = sent(&req, |cfg| {
            cfg.local = local;
            cfg.schema_bounds = setting;
        })
        .await;
        let schema = &body["response_format"]["json_schema"]["schema"];
        assert_eq!(schema, want, "local {local}, schema_bounds {setting:?}");
    }
}

#[tokio::test]
async fn members_of_the_settings_are_merged() {
    let body = sent(&request("m"), |cfg| {
        cfg.extra_body =
            Some(table("seed = 7\nmax_completion_tokens = 900\nprovider = { sort = \"price\" }"));
    })
    .await;
    assert_eq!(body["seed"], 7);
    assert_eq!(body["provider"], json!({"sort": "price"}));
    assert_eq!(body["max_completion_tokens"], 900);
    assert!(body.get("max_tokens").is_none(), "the newer name replaces the older");

    let mut cfg = ProviderConfig::new(Wire::Openai, "http://127.0.0.1:1/v1");
    cfg.extra_body = Some(table("messages = []"));
    let error = Providers::with_env(&BTreeMap::from([(P.to_owned(), cfg)]), |_| None).unwrap_err();
    assert!(matches!(error, SetupError::ExtraBody { member, .. } if member == "messages"));
}

#[tokio::test]
async fn counts_cost_and_who_served() {
    let usage = Usage {
        tokens_in: 1200,
        tokens_out: 34,
        cost: Some(0.000_12),
        provider: Some("DeepInfra".into()),
        ..Usage::default()
    };
    let reply = call(Wire::Openai, Reply::Ok("text".into(), usage), |_| ()).await.unwrap();
    assert_eq!(reply.text, "text");
    assert_eq!(reply.finish, Finish::Stop);
    assert_eq!((reply.tokens_in, reply.tokens_out), (1200, 34));
    assert_eq!(reply.cost_usd, Some(0.000_12));
    assert_eq!(reply.served_by.as_deref(), Some("DeepInfra"));
}

#[tokio::test]
async fn the_many_shapes_of_a_stream() {
    let comments = ": OPENROUTER PROCESSING\n\n\
        data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\r\n\r\n\
        event: message\nid: 1\nserved-by: x\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"he\"}}]}\n\n: more\n\n\
        data:{\"choices\":[{\"delta\":{\"content\":\"y\"},\"finish_reason\":\"stop\"}]}\n\n\
        data: [DONE]\n\ndata: garbage after the end";
    assert_eq!(read(comments).await.unwrap().text, "hey");

    let spread = "data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"spread\"},\n\
        data: \"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(read(spread).await.unwrap().text, "spread");

    let unseparated = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"b\"},\"finish_reason\":\"length\"}]}\n";
    let reply = read(unseparated).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.finish, reply.tokens_in), ("ab", Finish::Length, 0));

    // Some servers say with each piece that there is no reason to stop.
    let unsaid = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"},\"finish_reason\":\"\"}]}\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"whole\"},\"finish_reason\":\"\"}]}\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}]}\n\n\
        data: [DONE]\n\n";
    let reply = read(unsaid).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.finish), ("whole", Finish::Stop));

    let whole = "{\n\"choices\":[{\"message\":{\"content\":\"not streamed\"},\
        \"finish_reason\":\"stop\"}],\n\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}";
    let reply = read(whole).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.tokens_in), ("not streamed", 5));

    let parts = "data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"p\"}]},\
        \"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(read(parts).await.unwrap().text, "p");

    let inline_thought = "data: {\"choices\":[{\"delta\":{\"content\":\"<think>hm</think>\\nyes\"},\
        \"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(read(inline_thought).await.unwrap().text, "yes");

    let filtered = "data: {\"choices\":[{\"delta\":{\"content\":\"I\"},\
        \"finish_reason\":\"content_filter\"}]}\n\n";
    assert_eq!(read(filtered).await.unwrap().finish, Finish::Refusal);
}

#[tokio::test]
async fn a_stream_that_says_done_without_a_reason_has_failed() {
    let body = "data: {\"choices\":[{\"delta\":{\"content\":\"abcd\"}}]}\n\ndata: [DONE]\n\n";
    assert!(matches!(
        read(body).await,
        Err(ChatError::Failed { kind: FailedKind::Cut, partial_chars: 4, .. })
    ));
    let unsaid = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"},\"finish_reason\":\"\"}]}\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"ab\"},\"finish_reason\":\"\"}]}\n\n";
    for body in [unsaid.to_owned(), format!("{unsaid}data: [DONE]\n\n")] {
        let cut = read(&body).await.unwrap_err();
        assert!(
            matches!(cut, ChatError::Failed { kind: FailedKind::Cut, partial_chars: 2, .. }),
            "{cut:?}"
        );
        assert!(cut.message().contains("finish_reason"), "{cut}");
    }
    let broken = "data: {\"choices\":[{\"delta\":{\"content\":\"abcd\"}}]}\n\ndata: {oops\n\n";
    assert!(matches!(
        read(broken).await,
        Err(ChatError::Failed { kind: FailedKind::Garbage, partial_chars: 4, .. })
    ));
    let in_choice = "data: {\"choices\":[{\"delta\":{\"content\":\"abc\"}}]}\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"\"},\
        \"error\":{\"code\":502,\"message\":\"upstream\"},\"finish_reason\":\"error\"}]}\n\n";
    assert!(matches!(
        read(in_choice).await,
        Err(ChatError::Failed { kind: FailedKind::Provider, partial_chars: 3, .. })
    ));
}

#[tokio::test]
async fn a_full_quota_is_final_and_a_long_prompt_has_numbers() {
    let quota = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#;
    let result = call(Wire::Openai, Reply::status(429, quota), |_| ()).await;
    assert!(matches!(result, Err(ChatError::Terminal { kind: TerminalKind::QuotaExhausted, .. })));
    let long = r#"{"error":{"code":400,"message":"request (21629 tokens) exceeds the available context size (8192 tokens)","type":"exceed_context_size_error","n_prompt_tokens":21629,"n_ctx":8192}}"#;
    let told = serde_json::from_str::<Value>(long).unwrap()["error"].clone();
    for reply in [
        Reply::status(400, long),
        Reply::ErrorBodyUnder200(told.clone()),
        Reply::ErrorField(String::new(), told.clone()),
        Reply::ErrorField("some text".into(), told),
    ] {
        let result = call(Wire::Openai, reply, |_| ()).await;
        assert!(
            matches!(
                result,
                Err(ChatError::ContextExceeded {
                    prompt_tokens: Some(21_629),
                    context: Some(8192),
                    ..
                })
            ),
            "{result:?}"
        );
    }
}

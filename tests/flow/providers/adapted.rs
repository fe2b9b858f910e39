//! What servers refuse of a request, prompts that they cut, and models that do nothing but think.

use super::*;
use scrum_providers::Finish;
use scrum_tests::model_stub::{Rule, Usage};
use serde_json::json;

/// Refuses requests with a member, as long as they have it.
fn refuses(member: &'static str, status: u16, message: &str) -> Vec<Rule> {
    let body = json!({"error": {"message": message}}).to_string();
    vec![
        Rule::when(
            move |call| {
                call.body.pointer(member).is_some_and(|v| member != "/stream" || *v != false)
            },
            Reply::status(status, body),
        ),
        Rule::any(Reply::ok("taken")),
    ]
}

#[tokio::test]
async fn what_is_refused_is_said_in_another_way_and_remembered_for_the_model() {
    use Wire::{Anthropic, Gateway, Ollama, Openai};
    for (wire, member, status, message) in [
        (
            Openai,
            "/max_tokens",
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        ),
        (
            Openai,
            "/temperature",
            400,
            "Unsupported value: 'temperature' does not support 0.2 with this model.",
        ),
        (Openai, "/response_format", 400, "This response_format type is unavailable now"),
        (Openai, "/stream_options", 422, "Extra inputs are not permitted: stream_options"),
        (Openai, "/stream", 400, "Streaming is not supported"),
        (Openai, "/messages/1", 400, "System role not supported"),
        (Ollama, "/format", 400, "`format` is not supported by this model"),
        (Ollama, "/think", 400, "\"m\" does not support thinking"),
        (Anthropic, "/temperature", 400, "`temperature` is deprecated for this model"),
        (
            Anthropic,
            "/system/0/cache_control",
            400,
            "system.0.cache_control: Extra inputs are not permitted",
        ),
        (Anthropic, "/output_config", 400, "output_config: Extra inputs are not permitted"),
        (Gateway, "/temperature", 400, "unknown field `temperature`"),
    ] {
        let (stub, providers) = setup(wire, refuses(member, status, message), |_| ());
        let ask = async |model: &str| {
            let mut req = request(model);
            req.schema = Some(json!({"type": "object"}));
            providers.chat(P, &req).await.map(|reply| reply.text)
        };
        assert_eq!(ask("m").await.as_deref(), Ok("taken"), "{message}");
        let first = stub.stats().requests;
        assert!((2..=3).contains(&first), "{message}: {first}");
        ask("m").await.unwrap();
        assert_eq!(stub.stats().requests, first + 1, "it is remembered: {message}");
        ask("other").await.unwrap();
        assert_eq!(stub.stats().requests, 2 * first + 1, "for that model only: {message}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_several_members_is_asked_without_all_of_them() {
    let no = |what: &str| Reply::status(400, format!("Unsupported parameter: '{what}'"));
    let has = |member: &'static str| Rule::when(move |c| c.body.get(member).is_some(), no(member));
    let rules = vec![
        has("temperature"),
        has("stream_options"),
        has("response_format"),
        has("max_tokens"),
        Rule::any(Reply::ok("taken")),
    ];
    let (stub, providers) = setup(Wire::Openai, rules, |_| ());
    let mut req = request("m");
    req.schema = Some(json!({"type": "object"}));
    assert_eq!(providers.chat(P, &req).await.unwrap().text, "taken");
    assert_eq!(stub.stats().requests, 6);
    assert_eq!(stub.requests()[5].body["max_completion_tokens"], 77);
}

#[tokio::test]
async fn a_prompt_that_was_cut_is_an_error_that_says_what_to_set() {
    let counted = |n| Reply::Ok("text".into(), Usage::tokens(n, 3));
    for (wire, setting) in [
        (Wire::Openai, "context of the server"),
        (Wire::Ollama, "num_ctx"),
        (Wire::Anthropic, "larger context"),
        (Wire::Azure, "deployment"),
        (Wire::Gateway, "behind the gateway"),
    ] {
        let ask = async |n: u64, counts_prompt: bool| {
            let change = |cfg: &mut ProviderConfig| cfg.counts_prompt = counts_prompt;
            let (_stub, providers) = setup(wire, counted(n), change);
            let mut req = request("m");
            req.user = "let value = input.parse()?;\n".repeat(310);
            providers.chat(P, &req).await
        };
        let error = ask(100, true).await.unwrap_err();
        let ChatError::ContextExceeded { message, .. } = &error else { panic!("{error:?}") };
        for part in ["100 tokens", setting, "counts_prompt = false in [providers.stubbed]"] {
            assert!(message.contains(part), "{wire:?}: {message}");
        }
        for (n, counts_prompt) in [(0, true), (2000, true), (100, false)] {
            assert_eq!(ask(n, counts_prompt).await.unwrap().tokens_in, n, "{wire:?}");
        }
    }
}

#[tokio::test]
async fn tokens_of_thoughts_are_told_or_guessed() {
    let thoughts = Reply::Thoughts("hm, ".repeat(6), String::new());
    for wire in STREAMED {
        let reply = call(wire, thoughts.clone(), |_| ()).await.unwrap();
        assert_eq!((reply.text.as_str(), reply.thought_tokens), ("", 6), "{wire:?}");
    }
    let told = json!({"choices": [{"message": {"content": ""}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 1500,
            "completion_tokens_details": {"reasoning_tokens": 1490}}});
    let reply = Reply::Raw("application/json".into(), told.to_string().into());
    let reply = call(Wire::Openai, reply, |_| ()).await.unwrap();
    assert_eq!((reply.finish, reply.thought_tokens), (Finish::Length, 1490));
    let inside = Reply::ok(format!("<think>{}</think>answer", "hm, ".repeat(6)));
    let reply = call(Wire::Openai, inside, |_| ()).await.unwrap();
    assert_eq!(reply.text, "answer");
    assert!((8..=11).contains(&reply.thought_tokens), "{}", reply.thought_tokens);
}

//! What is special to Anthropic's wire.

use super::*;
use scrum_providers::{FailedKind, Finish, TerminalKind, TransientKind};
use scrum_tests::model_stub::Usage;
use serde_json::{Value, json};

const WIRE: Wire = Wire::Anthropic;

async fn read(body: &str) -> Result<ChatReply, ChatError> {
    let reply = Reply::Raw("text/event-stream".into(), body.into());
    call(WIRE, reply, |cfg| cfg.counts_prompt = false).await
}

/// A stream of these events.
fn events(all: &[Value]) -> String {
    let each = |e: &Value| format!("event: {}\ndata: {e}\n\n", e["type"].as_str().unwrap());
    all.iter().map(each).collect()
}

fn text(piece: &str) -> Value {
    let delta = json!({"type": "text_delta", "text": piece});
    json!({"type": "content_block_delta", "index": 0, "delta": delta})
}

fn stop(reason: &str) -> Value {
    let usage = json!({"output_tokens": 9});
    json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage})
}

#[tokio::test]
async fn the_request() {
    let (stub, providers) = setup(WIRE, Reply::ok("ok"), |_| ());
    let mut req = request("claude-x");
    req.schema = Some(json!({"type": "object"}));
    providers.chat(P, &req).await.unwrap();
    let call = stub.requests().remove(0);
    assert_eq!(call.headers["anthropic-version"], "2023-06-01");
    assert_eq!(call.path, "/v1/messages");
    let system = json!([{"type": "text", "text": "You review.",
        "cache_control": {"type": "ephemeral"}}]);
    assert_eq!(
        call.body,
        json!({
            "model": "claude-x", "max_tokens": 77, "temperature": 0.2, "stream": true,
            "system": system,
            "messages": [{"role": "user", "content": "# File\nfn main() {}"}],
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        })
    );
    let top_p = |cfg: &mut ProviderConfig| {
        cfg.extra_body = Some(toml::from_str("top_p = 0.9").unwrap());
        cfg.json_schema = false;
    };
    let (stub, providers) = setup(WIRE, Reply::ok("ok"), top_p);
    req.system.clear();
    req.temperature = 2.0;
    providers.chat(P, &req).await.unwrap();
    let body = stub.requests().remove(0).body;
    assert_eq!(body["top_p"], 0.9);
    for absent in ["temperature", "system", "output_config"] {
        assert!(body.get(absent).is_none(), "{absent}: {body}");
    }
}

#[tokio::test]
async fn cached_prefixes_are_added_to_the_prompt() {
    let usage = Usage::tokens(1201, 34);
    let reply = call(WIRE, Reply::Ok("text".into(), usage), |_| ()).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.finish), ("text", Finish::Stop));
    assert_eq!((reply.tokens_in, reply.tokens_out), (1201, 34));
    // Some tell the counts at the end alone, or again.
    let usage =
        |n: u64| json!({"input_tokens": n, "cache_read_input_tokens": 2 * n, "output_tokens": n});
    let start = |n| json!({"type": "message_start", "message": {"usage": usage(n)}});
    let mut end = stop("end_turn");
    end["usage"] = usage(5);
    for start in [start(0), start(5)] {
        let reply = read(&events(&[start, text("a"), end.clone()])).await.unwrap();
        assert_eq!((reply.tokens_in, reply.tokens_out), (15, 5));
    }
}

#[tokio::test]
async fn why_it_stopped() {
    for (reason, finish) in [
        ("end_turn", Finish::Stop),
        ("stop_sequence", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("model_context_window_exceeded", Finish::Length),
        ("pause_turn", Finish::Length),
        ("refusal", Finish::Refusal),
    ] {
        let reply = read(&events(&[text("some"), stop(reason)])).await.unwrap();
        assert_eq!((reply.finish, reply.text.as_str()), (finish, "some"), "{reason}");
    }
    let over = json!({"type": "message_stop"});
    for all in [vec![text("some"), over.clone()], vec![stop(""), text("some"), stop(""), over]] {
        let cut = read(&events(&all)).await;
        assert!(
            matches!(cut, Err(ChatError::Failed { kind: FailedKind::Cut, partial_chars: 4, .. })),
            "{cut:?}"
        );
    }
}

#[tokio::test]
async fn thoughts_pings_and_unknown_events_are_no_part_of_the_answer() {
    let thought = json!({"type": "thinking_delta", "thinking": "hm, ".repeat(10)});
    let all = events(&[
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "content_block": {"type": "thinking", "thinking": ""}}),
        json!({"type": "content_block_delta", "delta": thought}),
        json!({"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "x"}}),
        json!({"type": "content_block_start", "content_block": {"type": "text", "text": "a"}}),
        json!({"type": "something_new", "text": "no"}),
        text("b"),
        stop("end_turn"),
        json!({"type": "message_stop"}),
    ]);
    let reply = read(&all).await.unwrap();
    assert_eq!(
        (reply.text.as_str(), reply.thought_tokens),
        ("ab", 9),
        "never more than were generated"
    );
    let whole = json!({"type": "message", "stop_reason": "end_turn",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "not streamed"}],
        "usage": {"input_tokens": 5, "output_tokens": 2}});
    let reply = read(&whole.to_string()).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.tokens_in), ("not streamed", 5));
}

#[tokio::test]
async fn its_errors_by_their_type() {
    let error = |kind: &str, message: &str| json!({"type": kind, "message": message});
    let of = async |status: u16, error: &Value| {
        let body = json!({"type": "error", "error": error}).to_string();
        call(WIRE, Reply::status(status, body), |_| ()).await.unwrap_err()
    };
    let overloaded = error("overloaded_error", "Overloaded");
    for status in [200, 400, 500, 503] {
        let is = of(status, &overloaded).await;
        assert!(
            matches!(is, ChatError::Transient { kind: TransientKind::Overloaded, .. }),
            "{status}: {is:?}"
        );
    }
    assert!(matches!(
        call(WIRE, Reply::ErrorMidStream("abc".into(), overloaded), |_| ()).await,
        Err(ChatError::Transient { kind: TransientKind::Overloaded, .. })
    ));
    for (status, kind, message, is) in [
        (401, "authentication_error", "invalid x-api-key", TerminalKind::Unauthorized),
        (200, "authentication_error", "invalid x-api-key", TerminalKind::Unauthorized),
        (403, "permission_error", "no", TerminalKind::Unauthorized),
        (404, "not_found_error", "model: claude-x", TerminalKind::ModelNotFound),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.",
            TerminalKind::QuotaExhausted,
        ),
        (200, "invalid_request_error", "messages: bad", TerminalKind::BadRequest),
    ] {
        let told = of(status, &error(kind, message)).await;
        assert!(matches!(&told, ChatError::Terminal { kind, .. } if *kind == is), "{told:?}");
    }
    let long = error("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum");
    assert!(matches!(
        of(400, &long).await,
        ChatError::ContextExceeded { prompt_tokens: Some(208_310), context: Some(200_000), .. }
    ));
}

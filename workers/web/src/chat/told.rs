//! How an answer of the gateway is written.

use scrum_providers::{ChatReply, Finish};
use serde_json::{Value, json};

/// In which form a program wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `content`, `latency_ms`, `input_tokens`, `output_tokens`, as the original script reads it.
    Flat,
    /// `choices` and `usage`.
    Openai,
}

fn finish(of: Finish) -> &'static str {
    match of {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Refusal => "content_filter",
    }
}

fn usage(reply: &ChatReply) -> Value {
    json!({
        "prompt_tokens": reply.tokens_in,
        "completion_tokens": reply.tokens_out,
        "total_tokens": reply.tokens_in.saturating_add(reply.tokens_out),
    })
}

/// A whole answer.
pub fn whole(form: Form, name: &str, id: &str, at_s: u64, reply: &ChatReply) -> Value {
    match form {
        Form::Flat => {
            let mut flat = json!({
                "content": reply.text,
                "latency_ms": reply.duration_ms,
                "input_tokens": reply.tokens_in,
                "output_tokens": reply.tokens_out,
            });
            // An answer that says nothing of its end is whole.
            if reply.finish != Finish::Stop {
                flat["finish_reason"] = finish(reply.finish).into();
            }
            flat
        }
        Form::Openai => json!({
            "id": id,
            "object": "chat.completion",
            "created": at_s,
            "model": name,
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": reply.text },
                "finish_reason": finish(reply.finish),
            }],
            "usage": usage(reply),
        }),
    }
}

/// A piece of an answer that grows.
pub fn piece(name: &str, id: &str, at_s: u64, text: &str) -> Value {
    chunk(name, id, at_s, &json!({ "content": text }), None)
}

/// What ends it.
pub fn last(name: &str, id: &str, at_s: u64, reply: &ChatReply) -> Value {
    let mut last = chunk(name, id, at_s, &json!({}), Some(finish(reply.finish)));
    last["usage"] = usage(reply);
    last
}

fn chunk(name: &str, id: &str, at_s: u64, delta: &Value, finish: Option<&str>) -> Value {
    json!({
        "id": id,
        "object": "chat.completion.chunk",
        "created": at_s,
        "model": name,
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    })
}

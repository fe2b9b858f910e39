//! `POST {base_url}/v1/messages`, streamed: Anthropic, and proxies that speak its protocol.

use serde_json::{Map, Value, json};

use crate::adapt::{Shape, Way};
use crate::body::{merge, schema, turns};
use crate::chat::{ChatRequest, Finish};
use crate::classify;
use crate::clock::Clock;
use crate::error::ChatError;
use crate::gateway;
use crate::heard::Heard;
use crate::http::Endpoint;
use crate::piece;
use crate::wire::{Auth, Form, Framing, reason};

/// The row of this wire.
pub(crate) const FORM: Form = Form {
    path: |_, _| "/v1/messages".to_owned(),
    models: |_| "/v1/models".to_owned(),
    auth: Auth::Header("x-api-key"),
    headers: &[("anthropic-version", "2023-06-01")],
    framing: Framing::Events,
    body,
    piece: piece::none,
    take,
    // Proxies tell of no cut.
    settle: gateway::settle,
    end: "stop_reason",
    context: "take a model with a larger context",
};

/// The request body.
fn body(endpoint: &Endpoint, req: &ChatRequest, way: &Way) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".into(), json!(req.model));
    body.insert("max_tokens".into(), json!(req.max_tokens));
    if !req.system.is_empty() {
        // The part that all prompts of a sweep share.
        let system = if way.cache {
            json!([{"type": "text", "text": req.system, "cache_control": {"type": "ephemeral"}}])
        } else {
            json!(req.system)
        };
        body.insert("system".into(), system);
    }
    body.insert("messages".into(), turns(req).into());
    body.insert("stream".into(), json!(way.stream));
    // Models refuse both at once.
    if way.temperature && !endpoint.extra.contains_key("top_p") {
        body.insert("temperature".into(), json!(req.temperature.min(1.0)));
    }
    if way.shape == Shape::Schema
        && let Some(schema) = schema(&endpoint.cfg, req)
    {
        let format = json!({"format": {"type": "json_schema", "schema": schema}});
        body.insert("output_config".into(), format);
    }
    merge(&mut body, &endpoint.extra);
    body
}

/// Takes in one event, or one whole document.
fn take(heard: &mut Heard, event: &Value, clock: &mut Clock) -> Result<(), ChatError> {
    if event.get("error").is_some_and(|e| !e.is_null()) {
        return Err(classify::inline(event, heard.chars()));
    }
    let block = |name: &str| event.get(name).unwrap_or(&Value::Null).clone();
    match event["type"].as_str().unwrap_or_default() {
        "message_start" => count(heard, &event["message"]["usage"]),
        "content_block_start" => content(heard, &block("content_block"), clock)?,
        "content_block_delta" => content(heard, &block("delta"), clock)?,
        "message_delta" => {
            count(heard, &event["usage"]);
            stop(heard, &event["delta"], clock);
        }
        "message_stop" => heard.over = true,
        "message" => {
            count(heard, &event["usage"]);
            for block in event["content"].as_array().into_iter().flatten() {
                content(heard, block, clock)?;
            }
            stop(heard, event, clock);
        }
        // `ping` shows a live connection, not progress; other types are to be passed over.
        _ => {}
    }
    Ok(())
}

/// A block, or a piece of one: `text` and `text_delta`, `thinking` and `thinking_delta`.
fn content(heard: &mut Heard, block: &Value, clock: &mut Clock) -> Result<(), ChatError> {
    let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("type").starts_with("thinking") {
        heard.thought(text("thinking"), clock);
    } else if text("type").starts_with("text") {
        heard.text(text("text"), clock)?;
    }
    Ok(())
}

/// Counts are told at the start and, some of them anew, at the end; a zero says nothing.
fn count(heard: &mut Heard, usage: &Value) {
    let told = |name: &str| usage.get(name).and_then(Value::as_u64).unwrap_or_default();
    let names = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    for (n, name) in heard.prompt.iter_mut().zip(names) {
        *n = (*n).max(told(name));
    }
    heard.tokens_out = heard.tokens_out.max(told("output_tokens"));
}

fn stop(heard: &mut Heard, holder: &Value, clock: &mut Clock) {
    let Some(reason) = reason(holder, "stop_reason") else { return };
    let finish = match reason {
        "refusal" => Finish::Refusal,
        // A turn that is paused is not whole either.
        "max_tokens" | "model_context_window_exceeded" | "pause_turn" => Finish::Length,
        _ => Finish::Stop,
    };
    heard.done(finish, clock);
}

//! `POST {base_url}/chat/completions`, streamed: OpenAI, Gemini, OpenRouter, vLLM, llama.cpp, LiteLLM.

use serde_json::{Map, Value, json};

use crate::adapt::{Shape, Way};
use crate::body::{merge, messages, schema};
use crate::chat::{ChatRequest, Finish};
use crate::classify;
use crate::clock::Clock;
use crate::error::ChatError;
use crate::heard::Heard;
use crate::http::Endpoint;
use crate::piece;
use crate::thinking::is_openrouter;
use crate::wire::{Auth, Form, Framing, reason, settled};

/// The row of this wire.
pub(crate) const FORM: Form = Form {
    path: |_, _| "/chat/completions".to_owned(),
    models: |_| "/models".to_owned(),
    auth: Auth::Bearer,
    headers: &[],
    framing: Framing::Events,
    body,
    piece: piece::openai,
    take,
    settle: settled,
    end: "finish_reason",
    context: "raise the context of the server (llama.cpp: -c, vLLM: --max-model-len, Ollama: wire = \"ollama\" and \
              num_ctx)",
};

/// The request body.
pub(crate) fn body(endpoint: &Endpoint, req: &ChatRequest, way: &Way) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".into(), json!(req.model));
    body.insert("messages".into(), messages(req, way));
    if way.temperature {
        body.insert("temperature".into(), json!(req.temperature));
    }
    body.insert("stream".into(), json!(way.stream));
    if way.stream && way.usage {
        body.insert("stream_options".into(), json!({"include_usage": true}));
    }
    // Some models know the bound only under its newer name.
    if !endpoint.extra.contains_key("max_completion_tokens") {
        let name = if way.newer_bound { "max_completion_tokens" } else { "max_tokens" };
        body.insert(name.into(), json!(req.max_tokens));
    }
    match (way.shape, schema(&endpoint.cfg, req)) {
        (Shape::Schema, Some(schema)) => {
            let named = json!({"name": "answer", "strict": true, "schema": schema});
            body.insert(
                "response_format".into(),
                json!({"type": "json_schema", "json_schema": named}),
            );
        }
        (Shape::Object, Some(_)) => {
            body.insert("response_format".into(), json!({"type": "json_object"}));
        }
        _ => {}
    }
    if is_openrouter(&endpoint.base) {
        // Without the first, a parameter the chosen provider lacks is dropped in silence; the
        // second keeps the code from those who store prompts. The settings can say otherwise.
        body.insert(
            "provider".into(),
            json!({"require_parameters": true, "data_collection": "deny"}),
        );
    }
    way.think.say(endpoint, &mut body);
    merge(&mut body, &endpoint.extra);
    body
}

/// Takes in one event, or one whole document.
pub(crate) fn take(heard: &mut Heard, event: &Value, clock: &mut Clock) -> Result<(), ChatError> {
    let choice = event.pointer("/choices/0");
    let error = [Some(event), choice].into_iter().flatten().find(|holder| {
        holder.get("error").is_some_and(|e| !e.is_null()) || holder["object"] == "error"
    });
    if let Some(error) = error {
        return Err(classify::inline(error, heard.chars()));
    }
    if let Some(name) = event.get("provider").and_then(Value::as_str) {
        heard.served_by(name);
    }
    if let Some(usage) = event.get("usage").filter(|u| u.is_object()) {
        let count = |path: &str| usage.pointer(path).and_then(Value::as_u64);
        heard.prompt[0] = count("/prompt_tokens").unwrap_or(heard.prompt[0]);
        heard.tokens_out = count("/completion_tokens").unwrap_or(heard.tokens_out);
        let thoughts = count("/completion_tokens_details/reasoning_tokens");
        heard.thoughts_told = thoughts.unwrap_or(heard.thoughts_told);
        heard.cost_usd = usage.get("cost").and_then(Value::as_f64).or(heard.cost_usd);
    }
    let Some(choice) = choice else { return Ok(()) };
    if let Some(delta) = choice.get("delta").or_else(|| choice.get("message")) {
        take_delta(heard, delta, clock)?;
    }
    match reason(choice, "finish_reason") {
        Some("error") => {
            let told = json!({"message": "the provider stopped with an error"});
            return Err(classify::inline(&told, heard.chars()));
        }
        Some(reason) => heard.done(finish(reason), clock),
        None => {}
    }
    Ok(())
}

/// Why a model stopped.
pub(crate) fn finish(reason: &str) -> Finish {
    match reason {
        "length" | "max_tokens" => Finish::Length,
        "content_filter" | "refusal" => Finish::Refusal,
        _ => Finish::Stop,
    }
}

fn take_delta(heard: &mut Heard, delta: &Value, clock: &mut Clock) -> Result<(), ChatError> {
    let text = |name: &str| delta.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    match delta.get("content") {
        Some(Value::String(piece)) => heard.text(piece, clock)?,
        Some(Value::Array(parts)) => {
            for piece in parts.iter().filter_map(|p| p.get("text")?.as_str()) {
                heard.text(piece, clock)?;
            }
        }
        _ => {}
    }
    if let Some(piece) = text("refusal") {
        heard.refusal.push(piece)?;
        clock.progress();
    }
    let thought = text("reasoning_content").or_else(|| text("reasoning"));
    heard.thought(thought.unwrap_or_default(), clock);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider_member(extra: &str) -> Value {
        let mut cfg = scrum_config::ProviderConfig::new(
            scrum_config::Wire::Openai,
            "https://openrouter.ai/api/v1",
        );
        cfg.extra_body = Some(toml::from_str(extra).unwrap());
        let endpoint = Endpoint::for_test(cfg);
        let way = crate::adapt::Adapted::default().of(&endpoint, "m");
        body(&endpoint, &ChatRequest::for_test(), &way)["provider"].clone()
    }

    #[test]
    fn openrouter_is_asked_not_to_keep_the_code() {
        assert_eq!(
            provider_member(""),
            json!({"require_parameters": true, "data_collection": "deny"})
        );
        assert_eq!(
            provider_member("provider = { data_collection = \"allow\", sort = \"price\" }"),
            json!({"require_parameters": true, "data_collection": "allow", "sort": "price"})
        );
    }
}

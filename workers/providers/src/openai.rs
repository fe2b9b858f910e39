//! `POST {base_url}/chat/completions`, streamed: OpenAI, OpenRouter, vLLM, llama.cpp, LiteLLM.

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::body::{merge, messages, schema};
use crate::chat::{ChatReply, ChatRequest, Finish};
use crate::classify;
use crate::clock::Clock;
use crate::error::{ChatError, FailedKind};
use crate::http::Endpoint;
use crate::lines::Lines;
use crate::thinking::{Way, Ways, is_openrouter};

/// A whole document may spell each byte of the answer as an escape of six.
const ESCAPED: u64 = 6;

/// One call.
pub(crate) async fn chat(
    endpoint: &Endpoint,
    ways: &Ways,
    req: &ChatRequest,
) -> Result<ChatReply, ChatError> {
    let mut clock = Clock::start(&endpoint.cfg);
    let mut way = ways.of(endpoint, &req.model);
    // Three ways at most, each less than the one before.
    let response = loop {
        let body = body(endpoint, req, way);
        match endpoint.post("/chat/completions", &body, req.trace.as_deref(), &clock).await {
            Ok(response) => break response,
            Err(error) => way = way.instead(endpoint, &error).ok_or(error)?,
        }
        ways.note(&req.model, way);
    };
    let mut lines = Lines::new(response, endpoint.cfg.max_answer_bytes);
    let mut reading = Reading::new(endpoint.cfg.max_answer_bytes, endpoint.cfg.max_repeats);
    reading.read(&mut lines, &mut clock).await?;
    lines.finish();
    reading.reply(&clock)
}

/// The request body.
pub(crate) fn body(endpoint: &Endpoint, req: &ChatRequest, way: Way) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".into(), json!(req.model));
    body.insert("messages".into(), messages(&req.system, &req.user));
    body.insert("temperature".into(), json!(req.temperature));
    body.insert("stream".into(), json!(true));
    body.insert("stream_options".into(), json!({"include_usage": true}));
    // Some models know the bound only under its newer name; then the settings give it.
    if !endpoint.extra.contains_key("max_completion_tokens") {
        body.insert("max_tokens".into(), json!(req.max_tokens));
    }
    if let Some(schema) = schema(&endpoint.cfg, req) {
        body.insert(
            "response_format".into(),
            json!({"type": "json_schema",
                   "json_schema": {"name": "answer", "strict": true, "schema": schema}}),
        );
    }
    if is_openrouter(&endpoint.base) {
        // Without the first, a parameter the chosen provider lacks is dropped in silence; the
        // second keeps the code from those who store prompts. The settings can say otherwise.
        body.insert(
            "provider".into(),
            json!({"require_parameters": true, "data_collection": "deny"}),
        );
    }
    way.say(endpoint, &mut body);
    merge(&mut body, &endpoint.extra);
    body
}

/// What has been read of an answer.
struct Reading {
    answer: Answer,
    refusal: Answer,
    finish: Option<Finish>,
    tokens_in: u64,
    tokens_out: u64,
    cost_usd: Option<f64>,
    served_by: Option<String>,
    max_bytes: u64,
}

impl Reading {
    fn new(max_bytes: u64, max_repeats: u32) -> Self {
        Self {
            answer: Answer::new(max_bytes, max_repeats),
            refusal: Answer::new(max_bytes, 0),
            finish: None,
            tokens_in: 0,
            tokens_out: 0,
            cost_usd: None,
            served_by: None,
            max_bytes,
        }
    }

    /// Reads up to `[DONE]`, or to the end of the body.
    async fn read(&mut self, lines: &mut Lines, clock: &mut Clock) -> Result<(), ChatError> {
        // Data of an event may be spread over lines; it is tried after each of them, because
        // some servers leave out the blank line that ends an event.
        let mut pending = String::new();
        loop {
            let line = match lines.next(clock).await {
                Ok(Some(line)) => line,
                Ok(None) if pending.is_empty() => return Ok(()),
                Ok(None) => return Err(self.garbage("a piece of the stream is not JSON")),
                // The answer is whole; only the count of tokens is missing.
                Err(_) if self.finish.is_some() => return Ok(()),
                Err(error) => return Err(error.into_chat(clock, self.answer.chars())),
            };
            if line.is_empty() {
                if !pending.is_empty() {
                    return Err(self.garbage("a piece of the stream is not JSON"));
                }
                continue;
            }
            if let Some(data) = line.strip_prefix("data:") {
                if !pending.is_empty() {
                    pending.push('\n');
                }
                pending.push_str(data.strip_prefix(' ').unwrap_or(data));
                if pending.trim() == "[DONE]" {
                    lines.whole = true;
                    return Ok(());
                }
                if pending.len() as u64 > self.max_bytes.saturating_mul(ESCAPED) {
                    return Err(self.garbage("a piece of the stream never ends"));
                }
                if let Ok(event) = serde_json::from_str::<Value>(&pending) {
                    pending.clear();
                    self.take(&event, clock)?;
                    if self.answer.is_looping() && self.finish.is_none() {
                        self.finish = Some(Finish::Length);
                        return Ok(());
                    }
                }
            } else if is_quiet(&line) {
                // Comments show a live connection, not progress: no timer is reset.
            } else if line.trim_start().starts_with('{') && self.answer.is_empty() {
                return self.read_whole(line, lines, clock).await;
            } else {
                return Err(self.garbage("the answer is neither a stream of events nor JSON"));
            }
        }
    }

    /// A server that does not stream answers with one document.
    async fn read_whole(
        &mut self,
        first: String,
        lines: &mut Lines,
        clock: &mut Clock,
    ) -> Result<(), ChatError> {
        let mut document = first;
        clock.progress();
        while let Some(line) = lines.next(clock).await.map_err(|e| e.into_chat(clock, 0))? {
            document.push('\n');
            document.push_str(&line);
            if document.len() as u64 > self.max_bytes.saturating_mul(ESCAPED) {
                return Err(self.garbage("the answer is far over max_answer_bytes"));
            }
        }
        let document = serde_json::from_str::<Value>(&document)
            .map_err(|_| self.garbage("the answer is not whole JSON"))?;
        self.take(&document, clock)?;
        Ok(())
    }

    /// Takes in one event, or one whole document.
    fn take(&mut self, event: &Value, clock: &mut Clock) -> Result<(), ChatError> {
        let choice = event.pointer("/choices/0");
        let error = [Some(event), choice].into_iter().flatten().find(|holder| {
            holder.get("error").is_some_and(|e| !e.is_null()) || holder["object"] == "error"
        });
        if let Some(error) = error {
            return Err(classify::inline(error, self.answer.chars()));
        }
        if let Some(name) = event.get("provider").and_then(Value::as_str) {
            self.served_by = Some(name.chars().take(100).collect());
        }
        if let Some(usage) = event.get("usage").filter(|u| u.is_object()) {
            let count = |name: &str| usage.get(name).and_then(Value::as_u64);
            self.tokens_in = count("prompt_tokens").unwrap_or(self.tokens_in);
            self.tokens_out = count("completion_tokens").unwrap_or(self.tokens_out);
            self.cost_usd = usage.get("cost").and_then(Value::as_f64).or(self.cost_usd);
        }
        let Some(choice) = choice else { return Ok(()) };
        if let Some(delta) = choice.get("delta").or_else(|| choice.get("message")) {
            self.take_delta(delta, clock)?;
        }
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish = Some(match reason {
                "length" | "max_tokens" => Finish::Length,
                "content_filter" | "refusal" => Finish::Refusal,
                "error" => {
                    let told = json!({"message": "the provider stopped with an error"});
                    return Err(classify::inline(&told, self.answer.chars()));
                }
                _ => Finish::Stop,
            });
            clock.finished();
        }
        Ok(())
    }

    fn take_delta(&mut self, delta: &Value, clock: &mut Clock) -> Result<(), ChatError> {
        let text = |name: &str| delta.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
        match delta.get("content") {
            Some(Value::String(piece)) if !piece.is_empty() => {
                self.answer.push(piece)?;
                clock.progress();
            }
            Some(Value::Array(parts)) => {
                for piece in parts.iter().filter_map(|p| p.get("text")?.as_str()) {
                    self.answer.push(piece)?;
                    clock.progress();
                }
            }
            _ => {}
        }
        if let Some(piece) = text("refusal") {
            self.refusal.push(piece)?;
            clock.progress();
        }
        // Thoughts are work, but no part of the answer.
        if text("reasoning_content").or_else(|| text("reasoning")).is_some() {
            clock.progress();
        }
        Ok(())
    }

    fn reply(self, clock: &Clock) -> Result<ChatReply, ChatError> {
        let refused = !self.refusal.is_empty();
        let Some(finish) = self.finish.or_else(|| refused.then_some(Finish::Refusal)) else {
            return Err(ChatError::cut_off(self.answer.chars(), "finish_reason"));
        };
        let text = if self.answer.is_empty() { self.refusal } else { self.answer };
        Ok(ChatReply {
            text: text.into_text(),
            finish: if refused { Finish::Refusal } else { finish },
            tokens_in: self.tokens_in,
            tokens_out: self.tokens_out,
            cost_usd: self.cost_usd,
            served_by: self.served_by,
            duration_ms: clock.elapsed_ms(),
            first_byte_ms: clock.first_byte_ms(),
            masked: 0,
        })
    }

    fn garbage(&self, message: &str) -> ChatError {
        ChatError::failed(FailedKind::Garbage, message, self.answer.chars())
    }
}

/// Lines of an event stream that carry no data.
fn is_quiet(line: &str) -> bool {
    [":", "event:", "id:", "retry:"].iter().any(|start| line.starts_with(start))
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
        let endpoint = Endpoint {
            name: "openrouter".into(),
            extra: crate::body::extra_body("openrouter", cfg.extra_body.as_ref()).unwrap(),
            base: cfg.base_url.clone(),
            key: crate::http::Key::NotNeeded,
            client: crate::http::Http::new(std::time::Duration::from_secs(1), false).unwrap(),
            cfg,
        };
        let req = ChatRequest {
            model: "m".into(),
            system: String::new(),
            user: "u".into(),
            schema: None,
            max_tokens: 1,
            temperature: 0.0,
            context_tokens: None,
            local: true,
            trace: None,
            subject: crate::chat::Subject {
                task: crate::chat::Task::Shard,
                path: String::new(),
                source: String::new(),
                prd_terms: Vec::new(),
            },
        };
        body(&endpoint, &req, Way::Off)["provider"].clone()
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

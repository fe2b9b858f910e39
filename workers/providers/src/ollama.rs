//! `POST {base_url}/api/chat`, streamed as JSON lines: Ollama, local or in its cloud.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use scrum_config::Thinking;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::body::{merge, messages, schema};
use crate::chat::{ChatReply, ChatRequest, Finish};
use crate::classify;
use crate::clock::Clock;
use crate::error::{ChatError, FailedKind, TerminalKind};
use crate::http::Endpoint;
use crate::lines::Lines;
use crate::thinking::is_gpt_oss;

/// A prompt this close to the context was cut: nothing would be left for the answer.
const MARGIN: u64 = 8;
/// Bytes a token has at most on average. A generous guess, so that only a clear miss counts.
const BYTES_PER_TOKEN: u64 = 5;

/// Models that refused the `think` member; they are asked without it from then on.
#[derive(Debug, Default)]
pub(crate) struct Thoughtless(Mutex<BTreeSet<String>>);

impl Thoughtless {
    fn has(&self, model: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(model)
    }

    fn note(&self, model: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(model.to_owned());
    }
}

/// One call.
pub(crate) async fn chat(
    endpoint: &Endpoint,
    thoughtless: &Thoughtless,
    req: &ChatRequest,
) -> Result<ChatReply, ChatError> {
    let mut clock = Clock::start(&endpoint.cfg);
    let mut body = body(endpoint, req, !thoughtless.has(&req.model));
    let response = match endpoint.post("/api/chat", &body, req.trace.as_deref(), &clock).await {
        Err(error) if body.contains_key("think") && refuses_think(&error) => {
            thoughtless.note(&req.model);
            body.remove("think");
            endpoint.post("/api/chat", &body, req.trace.as_deref(), &clock).await?
        }
        other => other?,
    };
    let mut lines = Lines::new(response, endpoint.cfg.max_answer_bytes);
    let mut reading = Reading::new(endpoint.cfg.max_answer_bytes, endpoint.cfg.max_repeats);
    reading.read(&mut lines, &mut clock).await?;
    lines.finish();
    let fit = Fit {
        num_ctx: body["options"].get("num_ctx").and_then(Value::as_u64).unwrap_or_default(),
        prompt_bytes: (req.system.len() + req.user.len()) as u64,
        local: endpoint.cfg.local,
    };
    reading.reply(&clock, &fit)
}

fn refuses_think(error: &ChatError) -> bool {
    matches!(error, ChatError::Terminal { kind: TerminalKind::BadRequest, message }
        if message.contains("HTTP 400") && message.contains("think"))
}

/// The request body.
pub(crate) fn body(endpoint: &Endpoint, req: &ChatRequest, think: bool) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".into(), json!(req.model));
    body.insert("messages".into(), messages(&req.system, &req.user));
    body.insert("stream".into(), json!(true));
    // An error instead of a silent cut, where the server knows these; older ones skip them.
    body.insert("truncate".into(), json!(false));
    body.insert("shift".into(), json!(false));
    body.insert(
        "options".into(),
        json!({
            "num_ctx": req.context_tokens.unwrap_or_else(|| endpoint.cfg.context_tokens()),
            "num_predict": req.max_tokens,
            "temperature": req.temperature,
        }),
    );
    if let Some(schema) = schema(&endpoint.cfg, req) {
        body.insert("format".into(), schema);
    }
    merge(&mut body, &endpoint.extra);
    if !think {
        body.remove("think");
    } else if endpoint.cfg.thinking == Thinking::Off {
        let brief = is_gpt_oss(&req.model);
        body.entry("think").or_insert(if brief { json!("low") } else { json!(false) });
    }
    body
}

/// True for models that a local Ollama passes on to its cloud.
pub(crate) fn is_cloud_model(model: &str) -> bool {
    model.ends_with("-cloud") || model.ends_with(":cloud")
}

/// What is needed to see that a prompt was cut without a word.
struct Fit {
    num_ctx: u64,
    prompt_bytes: u64,
    local: bool,
}

impl Fit {
    /// Whether the prompt cannot have been read whole. A count over `num_ctx` is no cut: the cloud
    /// does not heed `num_ctx` and tells the true number.
    fn was_cut(&self, counted: u64) -> bool {
        let full = (self.num_ctx.saturating_sub(MARGIN)..=self.num_ctx).contains(&counted);
        let least = self.prompt_bytes / BYTES_PER_TOKEN;
        full || (least > self.num_ctx && counted < least / 2)
    }
}

/// What has been read of an answer.
struct Reading {
    answer: Answer,
    finish: Option<Finish>,
    tokens_in: Option<u64>,
    tokens_out: u64,
}

impl Reading {
    fn new(max_bytes: u64, max_repeats: u32) -> Self {
        Self {
            answer: Answer::new(max_bytes, max_repeats),
            finish: None,
            tokens_in: None,
            tokens_out: 0,
        }
    }

    async fn read(&mut self, lines: &mut Lines, clock: &mut Clock) -> Result<(), ChatError> {
        while self.finish.is_none() {
            let line = match lines.next(clock).await {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(()),
                Err(error) => return Err(error.into_chat(clock, self.answer.chars())),
            };
            if line.trim().is_empty() {
                continue;
            }
            let line: Value = serde_json::from_str(&line).map_err(|_| {
                let message = "a line of the answer is not JSON; check base_url and wire";
                ChatError::failed(FailedKind::Garbage, message, self.answer.chars())
            })?;
            self.take(&line, clock)?;
            lines.whole = self.finish.is_some();
            if self.answer.is_looping() && self.finish.is_none() {
                self.finish = Some(Finish::Length);
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &Value, clock: &mut Clock) -> Result<(), ChatError> {
        if line.get("error").is_some_and(|e| !e.is_null()) {
            return Err(classify::inline(line, self.answer.chars()));
        }
        let text = |path: &str| line.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let content = text("/message/content");
        if !content.is_empty() {
            self.answer.push(content)?;
        }
        // Thoughts are work, but no part of the answer.
        if !content.is_empty() || !text("/message/thinking").is_empty() {
            clock.progress();
        }
        if line["done"] == true {
            clock.finished();
            let count = |name: &str| line.get(name).and_then(Value::as_u64);
            self.tokens_in = count("prompt_eval_count");
            self.tokens_out = count("eval_count").unwrap_or_default();
            self.finish = Some(match text("/done_reason") {
                "length" => Finish::Length,
                _ => Finish::Stop,
            });
        }
        Ok(())
    }

    fn reply(self, clock: &Clock, fit: &Fit) -> Result<ChatReply, ChatError> {
        let Some(mut finish) = self.finish else {
            return Err(ChatError::cut_off(self.answer.chars(), "a `done` line"));
        };
        if let Some(counted) = self.tokens_in.filter(|counted| fit.was_cut(*counted)) {
            return Err(ChatError::ContextExceeded {
                // The count is of what was left; the true one is only known to be larger.
                prompt_tokens: None,
                context: Some(fit.num_ctx),
                message: format!(
                    "Ollama cut the prompt in silence: {} bytes, {counted} tokens read of a \
                     context of {} (num_ctx)",
                    fit.prompt_bytes, fit.num_ctx
                ),
            });
        }
        let tokens_in = self.tokens_in.unwrap_or_default();
        // Older servers shift the context when it is full: the end was written without the prompt.
        if fit.local && tokens_in <= fit.num_ctx && tokens_in + self.tokens_out > fit.num_ctx {
            finish = Finish::Length;
        }
        Ok(ChatReply {
            text: self.answer.into_text(),
            finish,
            tokens_in,
            tokens_out: self.tokens_out,
            cost_usd: None,
            served_by: None,
            duration_ms: clock.elapsed_ms(),
            first_byte_ms: clock.first_byte_ms(),
            masked: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_a_silent_cut() {
        let fit = |prompt_bytes| Fit { num_ctx: 1000, prompt_bytes, local: true };
        assert!(fit(9000).was_cut(1000), "full to the brim");
        assert!(fit(3000).was_cut(994));
        assert!(!fit(3000).was_cut(900));
        assert!(fit(20_000).was_cut(500), "half of it thrown away");
        assert!(!fit(20_000).was_cut(5000), "the cloud has a larger context");
    }

    #[test]
    fn knows_models_of_the_cloud() {
        assert!(is_cloud_model("gpt-oss:120b-cloud") && is_cloud_model("glm-4.6:cloud"));
        assert!(!is_cloud_model("cloudy:7b"));
    }
}

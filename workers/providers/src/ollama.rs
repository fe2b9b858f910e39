//! `POST {base_url}/api/chat`, streamed as JSON lines: Ollama, local or in its cloud.

use scrum_config::Thinking;
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
use crate::thinking::Think;
use crate::wire::{Asked, Auth, Form, Framing};

/// A prompt this close to the context was cut: nothing would be left for the answer.
const MARGIN: u64 = 8;
/// Bytes a token has at most on average. A generous guess, so that only a clear miss counts.
const BYTES_PER_TOKEN: u64 = 5;

/// The row of this wire.
pub(crate) const FORM: Form = Form {
    path: |_, _| "/api/chat".to_owned(),
    models: |_| "/api/tags".to_owned(),
    auth: Auth::Bearer,
    headers: &[],
    framing: Framing::Lines,
    body,
    piece: piece::ollama,
    take,
    settle,
    end: "a `done` line",
    context: "raise num_ctx of the provider",
};

/// The request body.
fn body(endpoint: &Endpoint, req: &ChatRequest, way: &Way) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".into(), json!(req.model));
    body.insert("messages".into(), messages(req, way));
    body.insert("stream".into(), json!(way.stream));
    // An error instead of a silent cut, where the server knows these; older ones skip them.
    body.insert("truncate".into(), json!(false));
    body.insert("shift".into(), json!(false));
    let context = req.context_tokens.unwrap_or_else(|| endpoint.cfg.context_tokens());
    let mut options = json!({"num_ctx": context, "num_predict": req.max_tokens});
    if way.temperature {
        options["temperature"] = json!(req.temperature);
    }
    body.insert("options".into(), options);
    match (way.shape, schema(&endpoint.cfg, req)) {
        (Shape::Schema, Some(schema)) => drop(body.insert("format".into(), schema)),
        (Shape::Object, Some(_)) => drop(body.insert("format".into(), json!("json"))),
        _ => {}
    }
    merge(&mut body, &endpoint.extra);
    match way.think {
        Think::Off => drop(body.entry("think").or_insert(json!(false))),
        Think::Brief => drop(body.entry("think").or_insert(json!("low"))),
        // Refused, whoever asked for it.
        Think::Untold if endpoint.cfg.thinking == Thinking::Off => drop(body.remove("think")),
        Think::Untold => {}
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

fn take(heard: &mut Heard, line: &Value, clock: &mut Clock) -> Result<(), ChatError> {
    if line.get("error").is_some_and(|e| !e.is_null()) {
        return Err(classify::inline(line, heard.chars()));
    }
    let text = |path: &str| line.pointer(path).and_then(Value::as_str).unwrap_or_default();
    heard.text(text("/message/content"), clock)?;
    heard.thought(text("/message/thinking"), clock);
    if line["done"] == true {
        let count = |name: &str| line.get(name).and_then(Value::as_u64).unwrap_or_default();
        heard.prompt[0] = count("prompt_eval_count");
        heard.tokens_out = count("eval_count");
        let cut = text("/done_reason") == "length";
        heard.done(if cut { Finish::Length } else { Finish::Stop }, clock);
        heard.over = true;
    }
    Ok(())
}

fn settle(heard: &mut Heard, asked: &Asked<'_>) -> Result<(), ChatError> {
    let options = asked.body.get("options");
    let fit = Fit {
        num_ctx: options.and_then(|o| o.get("num_ctx")?.as_u64()).unwrap_or_default(),
        prompt_bytes: (asked.req.system.len() + asked.req.user.len()) as u64,
    };
    if heard.finish.is_none() {
        return Ok(());
    }
    let counted = heard.tokens_in();
    if counted > 0 && fit.was_cut(counted) {
        return Err(ChatError::ContextExceeded {
            // The count is of what was left; the true one is only known to be larger.
            prompt_tokens: None,
            context: Some(fit.num_ctx),
            message: format!(
                "Ollama cut the prompt in silence: {} bytes, {counted} tokens read of a context of {} (num_ctx)",
                fit.prompt_bytes, fit.num_ctx
            ),
        });
    }
    // Older servers shift the context when it is full: the end was written without the prompt.
    let shifted = counted <= fit.num_ctx && counted + heard.tokens_out > fit.num_ctx;
    if asked.endpoint.cfg.local && shifted {
        heard.finish = Some(Finish::Length);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_a_silent_cut() {
        let fit = |prompt_bytes| Fit { num_ctx: 1000, prompt_bytes };
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

//! `POST {base_url}/v1/chat`: a gateway over several providers. It answers with one document, in
//! `OpenAI`'s form or flat.

use serde_json::{Map, Value, json};

use crate::adapt::Way;
use crate::body::{merge, messages};
use crate::chat::{ChatRequest, Finish};
use crate::classify;
use crate::clock::Clock;
use crate::error::ChatError;
use crate::heard::Heard;
use crate::http::Endpoint;
use crate::openai;
use crate::piece;
use crate::thinking::Think;
use crate::wire::{Asked, Auth, Form, Framing, reason};

/// The row of this wire.
pub(crate) const FORM: Form = Form {
    path: |_, _| "/v1/chat".to_owned(),
    models: |_| "/v1/models".to_owned(),
    auth: Auth::Bearer,
    headers: &[],
    framing: Framing::Events,
    body,
    piece: piece::none,
    take,
    settle,
    end: "a reason to stop",
    context: "raise the context of the model behind the gateway",
};

/// The request body. A rung's model is `PROVIDER/MODEL`, unless `extra_body` names the provider.
fn body(endpoint: &Endpoint, req: &ChatRequest, way: &Way) -> Map<String, Value> {
    let mut body = Map::new();
    let split = req.model.split_once('/').filter(|_| !endpoint.extra.contains_key("provider"));
    match split {
        Some((provider, model)) => {
            body.insert("provider".into(), json!(provider));
            body.insert("model".into(), json!(model));
        }
        None => {
            body.insert("model".into(), json!(req.model));
        }
    }
    body.insert("messages".into(), messages(req, way));
    body.insert("max_tokens".into(), json!(req.max_tokens));
    if way.temperature {
        body.insert("temperature".into(), json!(req.temperature));
    }
    if way.think != Think::Untold {
        body.insert("think".into(), json!(false));
    }
    merge(&mut body, &endpoint.extra);
    body
}

fn take(heard: &mut Heard, answer: &Value, clock: &mut Clock) -> Result<(), ChatError> {
    if answer.get("content").is_none() {
        return openai::take(heard, answer, clock);
    }
    if answer.get("error").is_some_and(|e| !e.is_null()) {
        return Err(classify::inline(answer, heard.chars()));
    }
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let Some(content) = text("content") else {
        return Err(heard.garbage("the content of the answer is no text; check base_url and wire"));
    };
    heard.text(content, clock)?;
    for member in ["thinking", "reasoning"] {
        heard.thought(text(member).unwrap_or_default(), clock);
    }
    if let Some(name) = text("provider") {
        heard.served_by(name);
    }
    let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or_default();
    heard.prompt[0] = count("input_tokens");
    heard.tokens_out = count("output_tokens");
    let members = ["finish_reason", "stop_reason", "done_reason"];
    let reason = members.into_iter().find_map(|member| reason(answer, member));
    heard.done(reason.map_or(Finish::Stop, openai::finish), clock);
    Ok(())
}

/// An answer need not say that it was cut; then its length does.
#[allow(clippy::unnecessary_wraps)] // As the table has it.
pub(crate) fn settle(heard: &mut Heard, asked: &Asked<'_>) -> Result<(), ChatError> {
    let bound = asked.body.get("max_tokens").and_then(Value::as_u64).unwrap_or(u64::MAX);
    if heard.finish == Some(Finish::Stop) && heard.tokens_out >= bound {
        heard.finish = Some(Finish::Length);
    }
    Ok(())
}

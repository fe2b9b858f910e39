//! What a program asks of the gateway, in the original script's form and in `OpenAI`'s.

use scrum_config::Settings;
use scrum_domain::fit::guess;
use scrum_providers::{ChatRequest, Talk, Turn};
use serde::Deserialize;
use serde_json::Value;

/// Messages of a request at most.
const MOST_MESSAGES: usize = 200;
/// Characters of the name of a model at most.
const MOST_NAME: usize = 300;
/// The hottest temperature that any provider takes.
const HOTTEST: f64 = 2.0;

/// The body of a request. Members that would change the answer and that the gateway can't pass on are refused rather than
/// dropped.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    provider: Option<String>,
    model: String,
    messages: Vec<Message>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    temperature: Option<f64>,
    think: Option<bool>,
    #[serde(default)]
    stream: bool,
    // They change no word of the answer.
    #[serde(rename = "stream_options")]
    _stream_options: Option<Value>,
    #[serde(rename = "user")]
    _user: Option<Value>,
    #[serde(rename = "metadata")]
    _metadata: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: String,
}

/// A question, checked but for who is asked.
#[derive(Debug)]
pub struct Asked {
    /// The provider.
    pub provider: String,
    /// Its model.
    pub model: String,
    /// Whether the answer is told as it grows.
    pub stream: bool,
    /// The question itself.
    pub request: ChatRequest,
}

impl Asked {
    /// Reads a question.
    ///
    /// # Errors
    /// What is wrong with it, and what to send.
    pub fn of(body: Body, settings: &Settings) -> Result<Self, String> {
        let (provider, model) = match body.provider {
            Some(provider) => (provider, body.model),
            None => match body.model.split_once('/') {
                Some((provider, model)) => (provider.to_owned(), model.to_owned()),
                None => {
                    return Err(
                        "say in `provider` who is asked, or write `model` as PROVIDER/MODEL"
                            .to_owned(),
                    );
                }
            },
        };
        if model.is_empty() || model.chars().count() > MOST_NAME {
            return Err(format!("`model` has 1 to {MOST_NAME} characters"));
        }
        let temperature = body.temperature.unwrap_or(settings.sweep.temperature);
        if !(0.0..=HOTTEST).contains(&temperature) {
            return Err(format!("`temperature` is a number from 0 to {HOTTEST}"));
        }
        let most = settings.gateway.max_tokens;
        let max_tokens = body.max_tokens.or(body.max_completion_tokens);
        let max_tokens = max_tokens.unwrap_or(settings.sweep.max_tokens.min(most));
        if !(1..=most).contains(&max_tokens) {
            return Err(format!("`max_tokens` is 1 to {most} here (gateway.max_tokens)"));
        }
        let (system, mut turns) = said(body.messages)?;
        let Some(last) = turns.pop().filter(|last| !last.by_model) else {
            return Err("the last of `messages` must be of the role `user`".to_owned());
        };
        let local = settings.providers.get(&provider).is_some_and(|provider| provider.local);
        let talk = Talk { earlier: turns, think: body.think, live: None };
        let request = ChatRequest {
            model: model.clone(),
            system,
            user: last.text,
            schema: None,
            max_tokens,
            temperature,
            context_tokens: None,
            local,
            unmasked: "".into(),
            builtin: None,
            trace: None,
            talk,
        };
        Ok(Self { provider, model, stream: body.stream, request })
    }

    /// Tokens of the question, as far as that can be told.
    pub fn tokens(&self) -> u64 {
        let of = &self.request;
        let earlier: usize = of.talk.earlier.iter().map(|turn| turn.text.len()).sum();
        guess(of.system.len() + of.user.len() + earlier)
    }
}

/// The system messages as one, and the others in their order.
fn said(messages: Vec<Message>) -> Result<(String, Vec<Turn>), String> {
    if messages.is_empty() || messages.len() > MOST_MESSAGES {
        return Err(format!("`messages` are 1 to {MOST_MESSAGES}"));
    }
    let (mut system, mut turns): (Vec<String>, Vec<Turn>) = (Vec::new(), Vec::new());
    for (n, message) in messages.into_iter().enumerate() {
        let text = match message.content {
            Content::Text(text) => text,
            Content::Parts(parts) => {
                if let Some(part) = parts.iter().find(|part| part.kind != "text") {
                    let kind: String = part.kind.chars().take(40).collect();
                    return Err(format!(
                        "messages[{n}] has a part of the type '{kind}'; only text is passed on"
                    ));
                }
                parts.into_iter().map(|part| part.text).collect::<Vec<_>>().join("\n")
            }
        };
        match message.role.as_str() {
            "system" | "developer" if turns.is_empty() => system.push(text),
            "system" | "developer" => {
                return Err(format!("messages[{n}]: a system message stands before all others"));
            }
            "user" | "assistant" => {
                turns.push(Turn { by_model: message.role == "assistant", text });
            }
            _ => return Err(format!("messages[{n}]: a role is system, user or assistant")),
        }
    }
    Ok((system.join("\n\n"), turns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrum_config::LoadOptions;
    use serde_json::json;

    fn read(change: &Value) -> Result<Asked, String> {
        let mut body = json!({
            "provider": "ollama", "model": "m", "messages": [{"role": "user", "content": "Say yes."}],
        });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let settings = Settings::load(LoadOptions::default()).unwrap();
        let body = serde_json::from_value(body).map_err(|e| e.to_string())?;
        Asked::of(body, &settings)
    }

    #[test]
    fn a_question_is_read_in_both_forms() {
        let asked = read(&json!({
            "provider": null, "model": "openrouter/qwen/qwen3", "max_completion_tokens": 5, "temperature": 0,
            "messages": [
                {"role": "system", "content": "a"}, {"role": "developer", "content": "b"},
                {"role": "user", "content": [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]},
                {"role": "assistant", "content": "e"}, {"role": "user", "content": "f"},
            ],
            "stream_options": {"include_usage": true}, "user": "x", "think": false,
        }));
        let asked = asked.unwrap();
        assert_eq!((asked.provider.as_str(), asked.model.as_str()), ("openrouter", "qwen/qwen3"));
        let of = &asked.request;
        assert_eq!((of.system.as_str(), of.user.as_str(), of.max_tokens), ("a\n\nb", "f", 5));
        let turns: Vec<_> = of.talk.earlier.iter().map(|t| (t.by_model, t.text.as_str())).collect();
        assert_eq!((turns, of.talk.think), (vec![(false, "c\nd"), (true, "e")], Some(false)));
        assert!(!of.local && read(&json!({})).unwrap().request.local, "as the settings say");
    }

    #[test]
    fn what_can_not_be_passed_on_is_refused_by_its_name() {
        let of = |role: &str| json!({"messages": [{"role": role, "content": "x"}]});
        for (change, why) in [
            (json!({"provider": null}), "PROVIDER/MODEL"),
            (json!({"model": ""}), "`model`"),
            (json!({"messages": []}), "1 to 200"),
            (json!({"messages": vec![json!({"role": "user", "content": "x"}); 201]}), "1 to 200"),
            (of("assistant"), "role `user`"),
            (of("tool"), "messages[0]: a role"),
            (of("system"), "role `user`"),
            (
                json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
                "image_url",
            ),
            (json!({"max_tokens": 0}), "1 to 8192"),
            (json!({"max_tokens": 8193}), "gateway.max_tokens"),
            (json!({"temperature": 2.1}), "0 to 2"),
            (json!({"temperature": "hot"}), "f64"),
            (json!({"top_p": 0.5}), "unknown field `top_p`"),
        ] {
            let said = read(&change).map(|_| ()).unwrap_err();
            assert!(said.contains(why), "{change}: {said}");
        }
    }
}

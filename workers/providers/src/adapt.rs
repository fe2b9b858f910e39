//! What servers refuse of a request: it is left out or said in another way, at once and from then on for
//! that model. A request that can't be changed so fails with the setting that decides what was refused.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use scrum_config::Wire;
use serde_json::{Map, Value};

use crate::error::ChatError;
use crate::http::{Endpoint, Failure};
use crate::thinking::Think;

/// How a model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // Each is one member of a request.
pub(crate) struct Way {
    pub(crate) think: Think,
    /// The bound on tokens goes by its newer name.
    pub(crate) newer_bound: bool,
    pub(crate) temperature: bool,
    pub(crate) shape: Shape,
    pub(crate) stream: bool,
    /// Counts are asked for with a stream.
    pub(crate) usage: bool,
    /// The system message is one of its own.
    pub(crate) system: bool,
    /// The shared prefix is marked for the cache.
    pub(crate) cache: bool,
}

/// How JSON is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// By its schema.
    Schema,
    /// As an object of whatever form.
    Object,
    /// In words alone.
    Words,
}

/// How models are asked that refused something; it is remembered.
#[derive(Debug, Default)]
pub(crate) struct Adapted(Mutex<BTreeMap<String, Way>>);

impl Adapted {
    /// How this model is asked.
    pub(crate) fn of(&self, endpoint: &Endpoint, model: &str) -> Way {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(model).cloned();
        known.unwrap_or_else(|| Way::first(endpoint, model))
    }

    /// How it is asked from now on.
    pub(crate) fn note(&self, model: &str, way: Way) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(model.to_owned(), way);
    }
}

/// A member of a request that servers refuse: how they name it, and what is sent instead.
struct Member {
    /// Members of the body, as pointers; one of them was sent.
    sent: &'static [&'static str],
    /// Words that name it, in lower case.
    words: &'static [&'static str],
    /// Whether naming it is not enough: it may be its value that is refused, which no other form mends.
    only_if_unknown: bool,
    /// Sends less; false when there is nothing less to send.
    lessen: fn(&mut Way) -> bool,
    /// What decides it, for messages.
    setting: &'static str,
}

/// The members, the more telling names first: "stream" is a part of "`stream_options`".
const MEMBERS: [Member; 8] = [
    Member {
        sent: &["/stream_options"],
        words: &["stream_options", "include_usage"],
        only_if_unknown: false,
        lessen: |way| std::mem::take(&mut way.usage),
        setting: "",
    },
    Member {
        sent: &["/max_tokens"],
        words: &["max_completion_tokens"],
        only_if_unknown: false,
        lessen: |way| !std::mem::replace(&mut way.newer_bound, true),
        setting: MAX_TOKENS,
    },
    Member {
        sent: &["/max_tokens"],
        words: &["max_tokens"],
        only_if_unknown: true,
        lessen: |way| !std::mem::replace(&mut way.newer_bound, true),
        setting: MAX_TOKENS,
    },
    Member {
        sent: &["/temperature", "/options/temperature"],
        words: &["temperature"],
        only_if_unknown: false,
        lessen: |way| std::mem::take(&mut way.temperature),
        setting: "temperature of the rung or sweep.temperature",
    },
    Member {
        sent: &["/response_format", "/format", "/output_config"],
        words: &[
            "response_format",
            "json_schema",
            "json schema",
            "output_config",
            "output_format",
            "structured output",
            "grammar",
            "invalid schema",
            "`format`",
            "'format'",
            "\"format\"",
        ],
        only_if_unknown: false,
        lessen: |way| {
            let before = way.shape;
            way.shape = if before == Shape::Schema { Shape::Object } else { Shape::Words };
            way.shape != before
        },
        setting: "json_schema = false of the provider",
    },
    Member {
        sent: &["/system/0/cache_control"],
        words: &["cache_control"],
        only_if_unknown: false,
        lessen: |way| std::mem::take(&mut way.cache),
        setting: "",
    },
    Member {
        sent: &["/stream"],
        words: &["stream"],
        only_if_unknown: true,
        lessen: |way| std::mem::take(&mut way.stream),
        setting: "",
    },
    Member {
        sent: &["/messages/1"],
        words: &[
            "system role",
            "system message",
            "role system",
            "role 'system'",
            "\"system\"",
            "'system'",
            "developer instruction",
            "system instruction",
        ],
        only_if_unknown: true,
        lessen: |way| std::mem::take(&mut way.system),
        setting: "",
    },
];

/// How a request is bounded.
const MAX_TOKENS: &str = "max_tokens of the rung or sweep.max_tokens";
/// That a member as such is refused, whatever its value.
const UNKNOWN: [&str; 12] = [
    "not support",
    "unsupported",
    "n't support",
    "unrecognized",
    "unknown",
    "unexpected",
    "extra inputs",
    "extra fields",
    "not permitted",
    "not allowed",
    "not available",
    "not enabled",
];

impl Way {
    fn first(endpoint: &Endpoint, model: &str) -> Self {
        Self {
            think: Think::first(endpoint, model),
            newer_bound: false,
            temperature: true,
            shape: Shape::Schema,
            stream: true,
            usage: true,
            system: true,
            cache: true,
        }
    }

    /// How to ask instead, when the failure is about how it was asked.
    pub(crate) fn instead(
        &self,
        endpoint: &Endpoint,
        body: &Map<String, Value>,
        failure: &Failure,
    ) -> Option<Self> {
        let (status, told) = failure.told.as_ref()?;
        if !matches!(failure.error, ChatError::Terminal { .. } | ChatError::Failed { .. }) {
            return None;
        }
        let mut way = self.clone();
        if let Some(think) = self.think.instead(endpoint, *status, told) {
            way.think = think;
            return Some(way);
        }
        if !matches!(status, 400 | 405 | 422 | 501) {
            return None;
        }
        let is_unknown = told.speaks_of(&UNKNOWN);
        let named = MEMBERS.iter().find(|member| {
            member.was_sent(endpoint, body)
                && told.speaks_of(member.words)
                && (is_unknown || !member.only_if_unknown)
        });
        named.is_some_and(|member| (member.lessen)(&mut way)).then_some(way)
    }

    /// The error of a request that is refused in every way, with the setting that decides what is refused.
    pub(crate) fn advise(
        endpoint: &Endpoint,
        body: &Map<String, Value>,
        failure: Failure,
    ) -> ChatError {
        let told = match &failure.told {
            Some((404, _)) if endpoint.cfg.wire == Wire::Azure => {
                return failure.error.map_message(|m| format!("{m}; api_version decides as well"));
            }
            Some((400 | 422, told)) => told,
            _ => return failure.error,
        };
        if !matches!(failure.error, ChatError::Terminal { .. } | ChatError::Failed { .. }) {
            return failure.error;
        }
        let extra = endpoint.extra.keys().find(|name| told.names(name));
        let setting = if let Some(name) = extra {
            format!("{name} in extra_body of [providers.{}]", endpoint.name)
        } else {
            let named = MEMBERS.iter().find(|m| {
                !m.setting.is_empty() && m.was_sent(endpoint, body) && told.speaks_of(m.words)
            });
            let Some(member) = named else { return failure.error };
            member.setting.to_owned()
        };
        failure.error.map_message(|message| format!("{message}; see {setting}"))
    }
}

impl Member {
    /// Whether the request has it, and not for the settings' own words.
    fn was_sent(&self, endpoint: &Endpoint, body: &Map<String, Value>) -> bool {
        self.sent.iter().any(|pointer| {
            let mut names = pointer[1..].split('/');
            let first = names.next().unwrap_or_default();
            let Some(value) = body.get(first).filter(|_| !endpoint.extra.contains_key(first))
            else {
                return false;
            };
            let rest = &pointer[1 + first.len()..];
            rest.is_empty() || value.pointer(rest).is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ChatRequest;
    use scrum_config::ProviderConfig;
    use serde_json::json;

    /// The members that are sent in the end, when a server refuses so.
    fn after(wire: Wire, refusals: &[(u16, &str)]) -> Result<Value, ChatError> {
        let endpoint = Endpoint::for_test(ProviderConfig::new(wire, "http://h/v1"));
        let req =
            ChatRequest { schema: Some(json!({"type": "object"})), ..ChatRequest::for_test() };
        let mut way = Way::first(&endpoint, &req.model);
        for (status, message) in refusals {
            let body = (endpoint.form.body)(&endpoint, &req, &way);
            let failure = Failure::for_test(*status, message);
            way = match way.instead(&endpoint, &body, &failure) {
                Some(way) => way,
                None => return Err(Way::advise(&endpoint, &body, failure)),
            };
        }
        Ok(Value::Object((endpoint.form.body)(&endpoint, &req, &way)))
    }

    #[test]
    fn what_is_refused_is_left_out_or_said_in_another_way() {
        use Wire::{Anthropic, Gateway, Ollama, Openai};
        for (wire, message, gone, new) in [
            (
                Openai,
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                "/max_tokens",
                "/max_completion_tokens",
            ),
            (
                Openai,
                "max_tokens: Extra inputs are not permitted",
                "/max_tokens",
                "/max_completion_tokens",
            ),
            (
                Openai,
                "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
                "/temperature",
                "",
            ),
            (
                Openai,
                "stream_options is only allowed when stream is enabled",
                "/stream_options",
                "/stream",
            ),
            (Openai, "Streaming is not supported for this model", "/stream_options", ""),
            (
                Openai,
                "This response_format type is unavailable now",
                "/response_format/json_schema",
                "/response_format/type",
            ),
            (Openai, "System role not supported", "/messages/1", "/messages/0"),
            (Ollama, "temperature is unknown", "/options/temperature", "/options/num_ctx"),
            (
                Anthropic,
                "`temperature` is deprecated for this model",
                "/temperature",
                "/max_tokens",
            ),
            (
                Anthropic,
                "system.0.cache_control: Extra inputs are not permitted",
                "/system/0",
                "/system",
            ),
            (
                Anthropic,
                "output_config.format: not supported",
                "/output_config",
                "/system/0/cache_control",
            ),
            (Gateway, "unknown field `temperature`", "/temperature", "/think"),
            (Gateway, "unknown field `think`", "/think", "/temperature"),
        ] {
            let sent = after(wire, &[(400, message)]).unwrap();
            assert_eq!(sent.pointer(gone), None, "{message}: {sent}");
            assert!(new.is_empty() || sent.pointer(new).is_some(), "{message}: {sent}");
        }
        let stream = after(Openai, &[(400, "Streaming is not supported")]).unwrap();
        assert_eq!(stream["stream"], false);
        let no_system = after(Openai, &[(400, "System role not supported")]).unwrap();
        assert_eq!(no_system["messages"][0]["role"], "user");
        assert!(no_system["messages"][0]["content"].as_str().unwrap().starts_with("You review."));
    }

    #[test]
    fn what_can_not_be_changed_names_its_setting() {
        let format = (400, "response_format is not supported");
        let words = after(Wire::Openai, &[format, format]).unwrap();
        assert_eq!(words.get("response_format"), None);
        assert!(after(Wire::Openai, &[format, format, format]).is_err());
        let large = "max_tokens is too large: 77. This model supports at most 50.";
        let error = after(Wire::Openai, &[(400, large)]).unwrap_err();
        assert!(
            error.message().ends_with("see max_tokens of the rung or sweep.max_tokens"),
            "{error}"
        );
        assert!(after(Wire::Openai, &[(400, "the prompt says temperature-free stream")]).is_ok());
        for (status, message) in [(401, "temperature"), (429, "stream not supported"), (400, "no")]
        {
            assert!(after(Wire::Openai, &[(status, message)]).is_err(), "{message}");
        }
        let mut cfg = ProviderConfig::new(Wire::Openai, "http://h/v1");
        cfg.extra_body = Some(toml::from_str("top_k = 5").unwrap());
        let endpoint = Endpoint::for_test(cfg);
        let failure = Failure::for_test(400, "Unrecognized request argument supplied: top_k");
        let error = Way::advise(&endpoint, &Map::new(), failure);
        assert!(error.message().ends_with("see top_k in extra_body of [providers.p]"), "{error}");
    }
}

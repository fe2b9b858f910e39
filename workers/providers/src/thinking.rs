//! Models that think before they answer: their thoughts are paid for, and spend the tokens that the
//! answer needs. Each kind of host has its own member against it.

use scrum_config::{ProviderConfig, Thinking, Wire};
use serde_json::{Map, Value, json};

use crate::classify::Told;
use crate::http::Endpoint;

/// What a model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Think {
    /// Not to think.
    Off,
    /// To think little: some can't be kept from it.
    Brief,
    /// Nothing.
    Untold,
}

impl Think {
    /// What it is asked at first.
    pub(crate) fn first(endpoint: &Endpoint, model: &str) -> Self {
        Self::of(&endpoint.cfg, endpoint, model)
    }

    fn of(cfg: &ProviderConfig, endpoint: &Endpoint, model: &str) -> Self {
        let own = ["reasoning", "reasoning_effort"].iter().any(|m| endpoint.extra.contains_key(*m));
        let known = match cfg.wire {
            Wire::Openai => !own && (is_openrouter(&endpoint.base) || cfg.local),
            Wire::Ollama | Wire::Gateway => true,
            // Models don't think there unless they are asked to, or know no word against it.
            Wire::Anthropic | Wire::Azure | Wire::Builtin => false,
        };
        if cfg.thinking == Thinking::AsIs || !known {
            Self::Untold
        } else if is_gpt_oss(model) {
            Self::Brief
        } else {
            Self::Off
        }
    }

    /// What a model is told that must not think, of one that is usually told this.
    pub(crate) fn told(endpoint: &Endpoint, model: &str, usual: Self) -> Self {
        // What it has refused before it is not told again.
        if usual == Self::Untold && endpoint.cfg.thinking == Thinking::AsIs {
            let mut own = endpoint.cfg.clone();
            own.thinking = Thinking::Off;
            return Self::of(&own, endpoint, model);
        }
        usual
    }

    /// Adds the member that says it to this host, on OpenAI's wire.
    pub(crate) fn say(self, endpoint: &Endpoint, body: &mut Map<String, Value>) {
        let openrouter = is_openrouter(&endpoint.base);
        match self {
            Self::Untold => {}
            Self::Off if openrouter => {
                body.insert("reasoning".into(), json!({"enabled": false}));
            }
            Self::Brief if openrouter => {
                body.insert("reasoning".into(), json!({"effort": "low"}));
            }
            // llama.cpp, vLLM and SGLang hand these to the model's template.
            Self::Off => {
                body.insert("chat_template_kwargs".into(), json!({"enable_thinking": false}));
            }
            Self::Brief => {
                body.insert("chat_template_kwargs".into(), json!({"reasoning_effort": "low"}));
                // vLLM has no template for gpt-oss.
                body.insert("reasoning_effort".into(), json!("low"));
            }
        }
    }

    /// What to ask instead, when the error is about what was asked.
    pub(crate) fn instead(self, endpoint: &Endpoint, status: u16, told: &Told) -> Option<Self> {
        if self == Self::Untold {
            return None;
        }
        // OpenRouter's, where `require_parameters` meets a model that knows no reasoning.
        if status == 404 {
            return told.speaks_of(&["requested parameters"]).then_some(Self::Untold);
        }
        if !matches!(status, 400 | 422) {
            return None;
        }
        let openrouter = is_openrouter(&endpoint.base);
        if self == Self::Off && openrouter && told.speaks_of(&["mandatory", "cannot be disabled"]) {
            return Some(Self::Brief);
        }
        let names = ["reasoning", "think", "chat_template"];
        // Said without the name of the member.
        let strange = ["extra inputs", "extra fields", "unrecognized", "unknown field"];
        let is_nameless = told.speaks_of(&strange) && !told.names_a_member();
        (told.speaks_of(&names) || is_nameless).then_some(Self::Untold)
    }
}

/// Whether a host is OpenRouter.
pub(crate) fn is_openrouter(base: &str) -> bool {
    let host = base.split("://").nth(1).and_then(|rest| rest.split(['/', ':']).next());
    host.is_some_and(|host| host == "openrouter.ai" || host.ends_with(".openrouter.ai"))
}

/// Models that cannot be kept from thinking, only told to be brief.
pub(crate) fn is_gpt_oss(model: &str) -> bool {
    model.rsplit('/').next().unwrap_or(model).starts_with("gpt-oss")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base: &str, local: bool) -> Endpoint {
        let mut cfg = scrum_config::ProviderConfig::new(Wire::Openai, base);
        cfg.local = local;
        Endpoint::for_test(cfg)
    }

    fn said(endpoint: &Endpoint, model: &str) -> Value {
        let mut body = Map::new();
        Think::first(endpoint, model).say(endpoint, &mut body);
        Value::Object(body)
    }

    const OPENROUTER: &str = "https://openrouter.ai/api/v1";

    #[test]
    fn each_host_is_told_in_its_own_way() {
        let broker = endpoint(OPENROUTER, false);
        assert_eq!(
            said(&broker, "openai/gpt-oss-120b:free"),
            json!({"reasoning": {"effort": "low"}})
        );
        assert_eq!(said(&broker, "qwen/qwen3-32b"), json!({"reasoning": {"enabled": false}}));
        let here = endpoint("http://127.0.0.1:8080/v1", true);
        let kwargs = |member: Value| json!({"chat_template_kwargs": member});
        assert_eq!(said(&here, "qwen3-8b"), kwargs(json!({"enable_thinking": false})));
        let brief = said(&here, "ggml-org/gpt-oss-20b-GGUF");
        assert_eq!(brief["chat_template_kwargs"], json!({"reasoning_effort": "low"}));
        assert_eq!(brief["reasoning_effort"], "low");
        for remote in ["https://api.openai.com/v1", "https://notopenrouter.ai/v1"] {
            assert_eq!(said(&endpoint(remote, false), "gpt-oss-20b"), json!({}), "{remote}");
        }
    }

    #[test]
    fn settings_say_otherwise() {
        for member in ["reasoning", "reasoning_effort"] {
            let mut own = endpoint(OPENROUTER, false);
            own.extra.insert(member.into(), json!("high"));
            assert_eq!(said(&own, "m"), json!({}), "{member}");
        }
        let mut as_is = endpoint(OPENROUTER, false);
        as_is.cfg.thinking = Thinking::AsIs;
        assert_eq!(said(&as_is, "m"), json!({}));
    }

    #[test]
    fn what_is_refused_is_not_asked_again() {
        let broker = endpoint(OPENROUTER, false);
        let here = endpoint("http://127.0.0.1:8080/v1", true);
        for (host, way, status, message, instead) in [
            (
                &broker,
                Think::Off,
                400,
                "Reasoning is mandatory for this endpoint and cannot be disabled.",
                Some(Think::Brief),
            ),
            (&broker, Think::Brief, 400, "Reasoning is not supported", Some(Think::Untold)),
            (
                &broker,
                Think::Off,
                404,
                "No endpoints found that can handle the requested parameters.",
                Some(Think::Untold),
            ),
            (&broker, Think::Off, 404, "No endpoints found matching your data policy", None),
            (
                &here,
                Think::Off,
                400,
                "Unrecognized request argument supplied: chat_template_kwargs",
                Some(Think::Untold),
            ),
            (&here, Think::Off, 422, "Extra inputs are not permitted", Some(Think::Untold)),
            (&here, Think::Off, 400, "no", None),
            (&here, Think::Off, 401, "no thinking without a key", None),
            (&here, Think::Untold, 400, "thinking is not supported", None),
        ] {
            let told = Told::parse(message);
            assert_eq!(way.instead(host, status, &told), instead, "{way:?} {message}");
        }
    }

    #[test]
    fn knows_openrouter_by_its_host() {
        assert!(is_openrouter("https://openrouter.ai/api/v1"));
        assert!(!is_openrouter("https://notopenrouter.ai/v1"));
        assert!(!is_openrouter("http://127.0.0.1/openrouter.ai"));
    }

    #[test]
    fn knows_gpt_oss_by_its_base_name() {
        assert!(is_gpt_oss("hf.co/x/gpt-oss:20b") && is_gpt_oss("gpt-oss-120b"));
        assert!(!is_gpt_oss("not-gpt-oss"));
    }
}

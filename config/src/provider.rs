//! A provider: where a rung's model is reached, and how.

use crate::DEFAULT_TOML;
use queue_schema::client::PoolLimits;
use queue_schema::sweep::Rung;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Wire format of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// `POST {base_url}/chat/completions`, streamed: OpenAI, OpenRouter, vLLM, llama.cpp, LiteLLM.
    Openai,
    /// `POST {base_url}/api/chat`, streamed: Ollama, local or cloud.
    Ollama,
    /// `POST {base_url}/v1/messages`, streamed: Anthropic, and proxies that speak its protocol.
    Anthropic,
    /// As `openai`, at the addresses of Azure's deployments.
    Azure,
    /// `POST {base_url}/v1/chat`, one document: a gateway over several providers.
    Gateway,
    /// Static checks in this process; not a model.
    Builtin,
}

/// What is asked of models that think before they answer. Their thoughts are paid for, and spend the
/// tokens that the answer needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// Not to; or to be brief, where a model can't be kept from it.
    #[default]
    Off,
    /// Nothing: each does as it does.
    AsIs,
}

/// Calls in flight at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// As many as the server bears.
    #[default]
    Auto,
    /// So many.
    Most(u32),
}

impl Serialize for Concurrency {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => to.serialize_str("auto"),
            Self::Most(n) => to.serialize_u32(*n),
        }
    }
}

impl<'de> Deserialize<'de> for Concurrency {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Said {
            Number(u32),
            Word(String),
        }
        let bad = || D::Error::custom("must be \"auto\" or a number of calls");
        match Said::deserialize(from).map_err(|_| bad())? {
            Said::Number(n) => Ok(Self::Most(n)),
            Said::Word(word) if word == "auto" => Ok(Self::Auto),
            // From the environment.
            Said::Word(word) => word.parse().map(Self::Most).map_err(|_| bad()),
        }
    }
}

/// One `[providers.NAME]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Which protocol it speaks.
    pub wire: Wire,
    /// Root of its API, without a trailing slash; for `openai` it includes `/v1`.
    #[serde(default)]
    pub base_url: String,
    /// Name of the environment variable that holds the key, or several with commas between them, of which
    /// the first that is set counts. The key itself never stands in a file.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// The `api-version` of Azure's deployments.
    #[serde(default)]
    pub api_version: Option<String>,
    /// True when text sent there stays on machines of the user's.
    #[serde(default)]
    pub local: bool,
    /// Calls in flight at most, over the whole fleet.
    #[serde(default)]
    pub concurrency: Concurrency,
    /// The most that `auto` comes to.
    #[serde(default = "default_concurrency_most")]
    pub concurrency_most: u32,
    /// Calls started in a minute at most, over the whole fleet; no limit when absent.
    #[serde(default)]
    pub rate_per_minute: Option<u32>,
    /// Context window to ask Ollama for, in tokens; kept constant because a change reloads the model.
    #[serde(default)]
    pub num_ctx: Option<u32>,
    /// Whether `response_format: json_schema` (or Ollama's `format`) may be sent.
    #[serde(default = "default_true")]
    pub json_schema: bool,
    /// Whether the schema may hold bounds of arrays and strings; as `local` when absent. They keep
    /// small models from writing in a loop, and strict modes of hosted ones refuse them.
    #[serde(default)]
    pub schema_bounds: Option<bool>,
    /// Whether the prompt tokens that it tells are those of the whole prompt, so that a prompt that it
    /// cut is found out. False for a server that leaves out what it had cached.
    #[serde(default = "default_true")]
    pub counts_prompt: bool,
    /// What is asked of models that think.
    #[serde(default)]
    pub thinking: Thinking,
    /// Extra members merged into the request body, e.g. OpenRouter's `provider` object.
    #[serde(default)]
    pub extra_body: Option<toml::Table>,
    /// Seconds to wait for the TCP and TLS handshake.
    #[serde(default = "default_connect")]
    pub connect_timeout_s: u64,
    /// Seconds to the first byte; loading a model can take minutes.
    #[serde(default = "default_first_byte")]
    pub first_byte_timeout_s: u64,
    /// Seconds between two pieces of a stream.
    #[serde(default = "default_idle")]
    pub idle_timeout_s: u64,
    /// Seconds for the whole call.
    #[serde(default = "default_total")]
    pub total_timeout_s: u64,
    /// Bytes of one answer at most; more is an error, not memory.
    #[serde(default = "default_max_answer")]
    pub max_answer_bytes: u64,
    /// Times that an answer may repeat a piece of itself in a row before the call is stopped; 0 for
    /// any number.
    #[serde(default = "default_max_repeats")]
    pub max_repeats: u32,
}

/// Context window asked of Ollama when a provider sets none, in tokens. Its own default is small
/// and it cuts what does not fit without a word.
pub const DEFAULT_NUM_CTX: u32 = 16_384;

/// The `api-version` of Azure's deployments when a provider sets none: the newest that is no preview.
pub const DEFAULT_API_VERSION: &str = "2024-10-21";

impl ProviderConfig {
    /// Whether a schema that is sent may hold bounds of arrays and strings.
    pub fn takes_schema_bounds(&self) -> bool {
        self.schema_bounds.unwrap_or(self.local)
    }

    /// The variables that may hold its key; none when it needs no key.
    pub fn key_variables(&self) -> impl Iterator<Item = &str> {
        let named = self.api_key_env.as_deref().unwrap_or_default();
        named.split(',').map(str::trim).filter(|name| !name.is_empty())
    }

    /// These variables for a sentence: `A or B`; `None` when it needs no key.
    pub fn key_named(&self) -> Option<String> {
        let names = self.key_variables().collect::<Vec<_>>().join(" or ");
        (!names.is_empty()).then_some(names)
    }

    /// What its pool may do. The built-in reviewer has none: it makes no calls.
    pub fn pool_limits(&self) -> Option<PoolLimits> {
        let (most, auto) = match self.concurrency {
            Concurrency::Auto => (self.concurrency_most, true),
            Concurrency::Most(n) => (n, false),
        };
        let limits = PoolLimits { most: Some(most), auto, per_minute: self.rate_per_minute };
        (self.wire != Wire::Builtin).then_some(limits)
    }

    /// A provider with every bound at its default.
    pub fn new(wire: Wire, base_url: impl Into<String>) -> Self {
        Self {
            wire,
            base_url: base_url.into(),
            api_key_env: None,
            api_version: None,
            local: false,
            concurrency: Concurrency::default(),
            concurrency_most: default_concurrency_most(),
            rate_per_minute: None,
            num_ctx: None,
            json_schema: default_true(),
            schema_bounds: None,
            counts_prompt: default_true(),
            thinking: Thinking::default(),
            extra_body: None,
            connect_timeout_s: default_connect(),
            first_byte_timeout_s: default_first_byte(),
            idle_timeout_s: default_idle(),
            total_timeout_s: default_total(),
            max_answer_bytes: default_max_answer(),
            max_repeats: default_max_repeats(),
        }
    }

    /// What of these settings shapes an answer and is not as it ships under this `name`; empty when
    /// all of it is. `with_schema` when the question has a schema.
    pub fn answer_shape(&self, name: &str, with_schema: bool) -> String {
        let plain = Self { local: self.local, ..Self::new(self.wire, "") };
        let usual = shipped().get(name).unwrap_or(&plain);
        let of = |p: &Self| {
            // What only a form of this one's takes is as it ships for the others.
            let num_ctx = if self.wire == Wire::Ollama { p.context_tokens() } else { 0 };
            let json_schema = with_schema && p.json_schema;
            let bounds = json_schema && p.schema_bounds.unwrap_or(self.local);
            let extra_body = p.extra_body.as_ref().map(ToString::to_string).unwrap_or_default();
            let thinking = if p.thinking == Thinking::Off { "off" } else { "as_is" };
            [
                ("num_ctx", num_ctx.to_string()),
                ("json_schema", json_schema.to_string()),
                ("schema_bounds", bounds.to_string()),
                ("thinking", thinking.to_owned()),
                ("max_repeats", p.max_repeats.to_string()),
                ("extra_body", extra_body),
            ]
        };
        let mut told = String::new();
        for ((setting, value), usual) in of(self).into_iter().zip(of(usual)) {
            if value != usual.1 {
                told.extend([setting, "=", &value, "\n"]);
            }
        }
        told
    }

    /// The context of its rungs that say none themselves: what Ollama is asked for where that is set, any for the
    /// built-in reviewer, which reads the file and no prompt.
    pub fn rung_context(&self) -> Option<u32> {
        if self.wire == Wire::Builtin {
            return Some(Rung::ANY_CONTEXT);
        }
        self.num_ctx.filter(|_| self.wire == Wire::Ollama)
    }

    /// The context window to ask Ollama for.
    pub fn context_tokens(&self) -> u32 {
        self.num_ctx.unwrap_or(DEFAULT_NUM_CTX)
    }
}

/// The providers as they ship.
fn shipped() -> &'static HashMap<String, ProviderConfig> {
    #[derive(Deserialize)]
    struct Shipped {
        providers: HashMap<String, ProviderConfig>,
    }
    static SHIPPED: OnceLock<HashMap<String, ProviderConfig>> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        toml::from_str::<Shipped>(DEFAULT_TOML).map(|all| all.providers).unwrap_or_default()
    })
}

const fn default_concurrency_most() -> u32 {
    64
}
const fn default_true() -> bool {
    true
}
const fn default_connect() -> u64 {
    10
}
const fn default_first_byte() -> u64 {
    180
}
const fn default_idle() -> u64 {
    90
}
const fn default_total() -> u64 {
    180
}
const fn default_max_answer() -> u64 {
    2 * 1024 * 1024
}
const fn default_max_repeats() -> u32 {
    8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_has_no_shape_of_its_own() {
        assert!(shipped().len() > 3);
        for (name, provider) in shipped() {
            assert_eq!(provider.answer_shape(name, true), "", "{name}");
        }
        let own = ProviderConfig { local: true, ..ProviderConfig::new(Wire::Openai, "http://x") };
        assert_eq!(own.answer_shape("mine", true), "");
    }

    #[test]
    fn what_shapes_an_answer_is_told_and_nothing_else() {
        let usual = ProviderConfig::new(Wire::Openai, "http://x");
        let shape = |change: &dyn Fn(&mut ProviderConfig), with_schema| {
            let mut own = usual.clone();
            change(&mut own);
            own.answer_shape("mine", with_schema)
        };
        assert_eq!(shape(&|p| p.concurrency = Concurrency::Most(99), true), "");
        assert_eq!(shape(&|p| p.num_ctx = Some(7), true), "", "of another wire");
        let ollama = |p: &mut ProviderConfig| (p.wire, p.num_ctx) = (Wire::Ollama, Some(7));
        assert_eq!(shape(&ollama, true), "num_ctx=7\n");
        assert_eq!(shape(&|p| p.json_schema = false, true), "json_schema=false\n");
        assert_eq!(shape(&|p| p.json_schema = false, false), "", "there is none to send");
        assert_eq!(shape(&|p| p.schema_bounds = Some(true), true), "schema_bounds=true\n");
        assert_eq!(shape(&|p| p.schema_bounds = Some(false), true), "", "as it would be anyhow");
        assert_eq!(shape(&|p| p.thinking = Thinking::AsIs, false), "thinking=as_is\n");
        assert_eq!(shape(&|p| p.max_repeats = 0, false), "max_repeats=0\n");
        let body = || {
            Some(toml::toml! { b = 1
            a = { c = true } })
        };
        assert_eq!(
            shape(&|p| p.extra_body = body(), false),
            "extra_body=b = 1\n\n[a]\nc = true\n\n"
        );
    }
}

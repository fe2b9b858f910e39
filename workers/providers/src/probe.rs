//! Is a provider there, and what does it offer? For `doctor`; no text of the user's is sent.

use scrum_config::{ProviderConfig, Wire};
use serde::Serialize;
use serde_json::Value;

use crate::client::Http;
use crate::clock::Clock;
use crate::error::{ChatError, SetupError, TerminalKind};
use crate::http::{Endpoint, Key};
use crate::ollama;

/// A list of models should come at once; seconds.
const PROBE_S: u64 = 10;
/// Names in a message; the list itself has all.
const NAMED: usize = 5;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Name of the provider.
    pub provider: String,
    /// True when it answered and accepted the key.
    pub ok: bool,
    /// True when anything answered at all.
    pub reachable: bool,
    /// The state of its key.
    pub key: KeyState,
    /// Names of the models it lists.
    pub models: Vec<String>,
    /// Version of an Ollama server.
    pub version: Option<String>,
    /// Time of the request.
    pub latency_ms: u64,
    /// What was found and, if that is bad, what to do.
    pub message: String,
}

/// The state of a provider's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "variable")]
pub enum KeyState {
    /// None is configured.
    NotNeeded,
    /// The named environment variable holds one.
    Present(String),
    /// The named environment variable does not.
    Missing(String),
}

/// A model that an Ollama server holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OllamaModel {
    /// Name with its tag.
    pub name: String,
    /// Size on disk, which is about what it takes in memory.
    pub size_bytes: u64,
}

/// The probe of the builtin provider and of names that don't exist.
pub(crate) fn without_request(provider: &str, ok: bool, message: &str) -> Probe {
    Probe {
        provider: provider.to_owned(),
        ok,
        reachable: ok,
        key: KeyState::NotNeeded,
        models: Vec::new(),
        version: None,
        latency_ms: 0,
        message: message.to_owned(),
    }
}

/// Asks a provider for its models.
pub(crate) async fn probe(endpoint: &Endpoint) -> Probe {
    let mut probe = without_request(&endpoint.name, false, "");
    probe.key = match &endpoint.key {
        Key::NotNeeded => KeyState::NotNeeded,
        Key::Missing(variable) => KeyState::Missing(variable.clone()),
        Key::Present(variable, _) => KeyState::Present(variable.clone()),
    };
    let clock = Clock::start(&bounded(&endpoint.cfg));
    let listed = match endpoint.cfg.wire {
        Wire::Ollama => {
            let listed = list_ollama(endpoint, &clock).await;
            if listed.is_ok() {
                let version = endpoint.get("/api/version", &clock).await.ok();
                probe.version = version.and_then(|v| Some(v["version"].as_str()?.to_owned()));
            }
            listed.map(|models| models.into_iter().map(|m| m.name).collect::<Vec<_>>())
        }
        Wire::Gateway => list_gateway(endpoint, &clock).await,
        _ => {
            let path = (endpoint.form.models)(endpoint);
            endpoint.get(&path, &clock).await.and_then(|list| names(&list))
        }
    };
    probe.latency_ms = clock.elapsed_ms();
    match listed {
        Ok(models) => {
            probe.ok = true;
            probe.reachable = true;
            probe.message = summary(endpoint, &models);
            probe.models = models;
        }
        Err(error) => {
            probe.reachable = matches!(&error, ChatError::Terminal { kind, .. }
                if *kind != TerminalKind::MissingKey)
                || error.message().contains("HTTP ");
            let advice = match &error {
                ChatError::Transient { .. } if probe.reachable => "; try again later",
                ChatError::Transient { .. } if endpoint.cfg.wire == Wire::Ollama => {
                    "; start it with `ollama serve`, or correct base_url"
                }
                ChatError::Transient { .. } => "; start it, or correct base_url",
                _ => "",
            };
            probe.message = format!("{}{advice}", endpoint.told(error).message());
        }
    }
    probe
}

/// The models of an Ollama server at an address that need not be configured.
pub(crate) async fn ollama_models(base_url: &str) -> Result<Vec<OllamaModel>, ChatError> {
    let bad = |e: SetupError| ChatError::terminal(TerminalKind::BadRequest, e.to_string());
    let mut cfg = bounded(&ProviderConfig::new(Wire::Ollama, base_url));
    cfg.connect_timeout_s = 2;
    let clock = Clock::start(&cfg);
    let endpoint =
        Endpoint::new("ollama", cfg, &ollama::FORM, Key::NotNeeded, Http::new).map_err(bad)?;
    list_ollama(&endpoint, &clock).await.map_err(|error| endpoint.told(error))
}

async fn list_ollama(endpoint: &Endpoint, clock: &Clock) -> Result<Vec<OllamaModel>, ChatError> {
    let list = endpoint.get(&(endpoint.form.models)(endpoint), clock).await?;
    let list = list.get("models").and_then(Value::as_array).ok_or_else(not_a_list)?;
    Ok(list
        .iter()
        .filter_map(|model| {
            let name = model.get("name")?.as_str()?.to_owned();
            let size_bytes = model.get("size").and_then(Value::as_u64).unwrap_or_default();
            Some(OllamaModel { name, size_bytes })
        })
        .collect())
}

/// Gateways need not list their models; that one answers at all is what can be seen then.
async fn list_gateway(endpoint: &Endpoint, clock: &Clock) -> Result<Vec<String>, ChatError> {
    match endpoint.get(&(endpoint.form.models)(endpoint), clock).await {
        Err(ChatError::Terminal { kind: TerminalKind::BadRequest, .. }) => Ok(Vec::new()),
        listed => listed.map(|list| names(&list).unwrap_or_default()),
    }
}

fn names(list: &Value) -> Result<Vec<String>, ChatError> {
    let list = list.get("data").and_then(Value::as_array).ok_or_else(not_a_list)?;
    Ok(list.iter().filter_map(|m| Some(m.get("id")?.as_str()?.to_owned())).collect())
}

fn not_a_list() -> ChatError {
    let message = "answers, but not with a list of models; check base_url and wire";
    ChatError::terminal(TerminalKind::BadRequest, message)
}

fn bounded(cfg: &ProviderConfig) -> ProviderConfig {
    let mut cfg = cfg.clone();
    cfg.first_byte_timeout_s = cfg.first_byte_timeout_s.min(PROBE_S);
    cfg.total_timeout_s = cfg.total_timeout_s.min(PROBE_S);
    cfg
}

fn summary(endpoint: &Endpoint, models: &[String]) -> String {
    if models.is_empty() && endpoint.cfg.wire == Wire::Ollama {
        return format!("{} is up but holds no model; `ollama pull` one", endpoint.base);
    }
    if models.is_empty() && endpoint.cfg.wire == Wire::Gateway {
        return format!("{} answers; it does not list its models", endpoint.base);
    }
    let some = models.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = if models.len() > NAMED { ", ..." } else { "" };
    format!("{} lists {} models: {some}{more}", endpoint.base, models.len())
}

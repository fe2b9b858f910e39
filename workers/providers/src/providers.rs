//! The table of providers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use scrum_config::{ProviderConfig, Wire};
use scrum_domain::redact::{self, Known};

use crate::adapt::Adapted;
use crate::chat::{ChatReply, ChatRequest};
use crate::client::Http;
use crate::error::{ChatError, SetupError, TerminalKind};
use crate::http::{Endpoint, Key};
use crate::probe::{OllamaModel, Probe};
use crate::secret::Secret;
use crate::{builtin, call, ollama, probe, wire};

/// Every configured provider, ready to be called. Made once for a process and shared.
#[derive(Debug)]
pub struct Providers {
    table: BTreeMap<String, Provider>,
}

#[derive(Debug)]
enum Provider {
    Builtin,
    Remote(Box<Endpoint>, Adapted),
}

impl Providers {
    /// Sets up the providers of the settings. Keys are read from the environment, once. A key that
    /// is missing is no error until its provider is called: a ladder may never get there.
    pub fn new(cfg: &BTreeMap<String, ProviderConfig>) -> Result<Self, SetupError> {
        Self::with_env(cfg, |name| std::env::var(name).ok())
    }

    /// As [`new`](Self::new), with the environment given as a function.
    pub fn with_env(
        cfg: &BTreeMap<String, ProviderConfig>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SetupError> {
        // A client holds the connections and certificates; those with the same settings share it.
        let mut clients = BTreeMap::new();
        let mut table = BTreeMap::new();
        for (name, cfg) in cfg {
            let Some(form) = wire::form(cfg.wire) else {
                table.insert(name.clone(), Provider::Builtin);
                continue;
            };
            let client = |connect, way| match clients.entry((connect, way)) {
                Entry::Occupied(entry) => Ok(Http::for_another(entry.get())),
                Entry::Vacant(entry) => Ok(entry.insert(Http::new(connect, way)?).for_another()),
            };
            let endpoint = Endpoint::new(name, cfg.clone(), form, key_of(cfg, &env), client)?;
            table.insert(name.clone(), Provider::Remote(Box::new(endpoint), Adapted::default()));
        }
        Ok(Self { table })
    }

    /// Asks a model. Dropping the future closes the connection, which makes local servers stop
    /// generating.
    ///
    /// Nothing leaves for a model that is not local by the sweep's word and by ours but through here, with its secrets masked, and with
    /// what notes and quotes hold of the secrets of the file that it is about; the reply says how many
    /// there were.
    pub async fn chat(&self, provider: &str, req: &ChatRequest) -> Result<ChatReply, ChatError> {
        if self.stays_here(provider, &req.model, req.local) {
            return self.send(provider, req).await;
        }
        let known = Known::of(&req.unmasked);
        let safe = |text: &str| known.mask(redact::mask(text));
        let (system, user) = (safe(&req.system), safe(&req.user));
        let mut masked = system.count().saturating_add(user.count());
        let mut req = ChatRequest { system: system.text, user: user.text, ..req.clone() };
        for turn in &mut req.talk.earlier {
            let said = safe(&turn.text);
            masked = masked.saturating_add(said.count());
            turn.text = said.text;
        }
        let reply = self.send(provider, &req).await?;
        Ok(ChatReply { masked, ..reply })
    }

    async fn send(&self, provider: &str, req: &ChatRequest) -> Result<ChatReply, ChatError> {
        match self.table.get(provider) {
            Some(Provider::Builtin) => builtin::chat(req).await,
            Some(Provider::Remote(endpoint, adapted)) => {
                call::chat(endpoint, adapted, req).await.map_err(|error| endpoint.told(error))
            }
            None => Err(ChatError::terminal(TerminalKind::BadRequest, self.unknown(provider))),
        }
    }

    /// Whether text sent to this provider stays on machines of the user's. False for a name that
    /// is not configured.
    pub fn is_local(&self, provider: &str) -> bool {
        match self.table.get(provider) {
            Some(Provider::Builtin) => true,
            Some(Provider::Remote(endpoint, _)) => endpoint.cfg.stays_here(),
            None => false,
        }
    }

    /// As [`is_local`](Self::is_local), for one model: a local Ollama passes calls of models whose
    /// name ends in `-cloud` on to ollama.com, so what is sent to those leaves.
    pub fn is_local_model(&self, provider: &str, model: &str) -> bool {
        let is_ollama = matches!(self.table.get(provider), Some(Provider::Remote(endpoint, _))
            if endpoint.cfg.wire == Wire::Ollama);
        let passed_on = is_ollama && ollama::is_cloud_model(model);
        self.is_local(provider) && !passed_on
    }

    /// Whether what a model is asked may be sent as it is. `local` is what the sweep says of its provider;
    /// any doubt masks. The built-in one sends nothing.
    pub fn stays_here(&self, provider: &str, model: &str, local: bool) -> bool {
        matches!(self.table.get(provider), Some(Provider::Builtin))
            || (local && self.is_local_model(provider, model))
    }

    /// Why a provider can't be called from here, whatever it is asked; `None` when it can.
    pub fn unusable(&self, provider: &str) -> Option<String> {
        match self.table.get(provider) {
            Some(Provider::Builtin) => None,
            Some(Provider::Remote(endpoint, _)) => endpoint.unusable(),
            None => Some(format!("[providers.{provider}] is not in the settings")),
        }
    }

    /// Looks whether a provider is there, with its key, and which models it lists.
    pub async fn probe(&self, provider: &str) -> Probe {
        match self.table.get(provider) {
            Some(Provider::Builtin) => {
                probe::without_request(provider, true, "built in: static checks, needs nothing")
            }
            Some(Provider::Remote(endpoint, _)) => probe::probe(endpoint).await,
            None => probe::without_request(provider, false, &self.unknown(provider)),
        }
    }

    /// The models of an Ollama server, configured or not; for finding one on a new machine.
    pub async fn ollama_models(&self, base_url: &str) -> Result<Vec<OllamaModel>, ChatError> {
        probe::ollama_models(base_url).await
    }

    /// Names of the configured providers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.table.keys().map(String::as_str)
    }

    fn unknown(&self, provider: &str) -> String {
        let known = self.names().collect::<Vec<_>>().join(", ");
        format!("no provider is named {provider:?}; the settings have: {known}")
    }
}

/// The key of a provider, from the first of its variables that is set.
fn key_of(cfg: &ProviderConfig, env: impl Fn(&str) -> Option<String>) -> Key {
    let Some(names) = cfg.key_named() else { return Key::NotNeeded };
    let found = cfg.key_variables().find_map(|variable| {
        let secret = env(variable).as_deref().and_then(Secret::new)?;
        Some(Key::Present(variable.to_owned(), secret))
    });
    found.unwrap_or(Key::Missing(names))
}

//! What `scrum doctor` and `--ladder auto` ask a worker: how things look from where it runs.

use queue_schema::sweep::EMBEDDING;
use scrum_config::{Settings, Wire};
use scrum_providers::{Embedder, Providers};
use serde::Serialize;

/// How a provider looks from this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderHealth {
    /// Its name in the settings.
    pub name: String,
    /// It can be used.
    pub ok: bool,
    /// What is so, and what to do about it.
    pub message: String,
    /// Models it offers, as far as it tells.
    pub models: Vec<String>,
}

/// Asks every provider at once.
pub async fn providers(settings: &Settings, providers: &Providers) -> Vec<ProviderHealth> {
    let asked = settings.providers.keys().map(|name| async move {
        let probe = providers.probe(name).await;
        ProviderHealth {
            name: name.clone(),
            ok: probe.ok,
            message: probe.message,
            models: probe.models,
        }
    });
    futures_util::future::join_all(asked).await
}

/// How the embedding endpoint looks, where one is configured.
///
/// # Errors
/// When its address can't be used.
pub async fn embedding(settings: &Settings) -> anyhow::Result<Option<ProviderHealth>> {
    let Some(embedder) = Embedder::new(&settings.embedding)? else { return Ok(None) };
    let probe = embedder.probe().await;
    Ok(Some(ProviderHealth {
        name: EMBEDDING.to_owned(),
        ok: probe.ok,
        message: probe.message,
        models: Vec::new(),
    }))
}

/// A model that a provider offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// Name as a rung gives it.
    pub name: String,
    /// Size on disk; 0 where it is not told.
    pub size_bytes: u64,
}

/// The models of a provider.
///
/// # Errors
/// When there is no such provider or it does not answer.
pub async fn models(
    settings: &Settings,
    providers: &Providers,
    name: &str,
) -> anyhow::Result<Vec<Model>> {
    let Some(config) = settings.providers.get(name) else {
        anyhow::bail!("there is no provider '{name}' in the settings");
    };
    if config.wire == Wire::Ollama && config.api_key_env.is_none() {
        let found = providers.ollama_models(&config.base_url).await?;
        let sized = found.into_iter().map(|m| Model { name: m.name, size_bytes: m.size_bytes });
        return Ok(sized.collect());
    }
    let probe = providers.probe(name).await;
    anyhow::ensure!(probe.ok, "{}", probe.message);
    Ok(probe.models.into_iter().map(|name| Model { name, size_bytes: 0 }).collect())
}

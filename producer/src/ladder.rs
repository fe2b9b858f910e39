//! Which ladder: by name, by file, or `auto`.

use anyhow::{Context, bail};
use queue_schema::sweep::{Ladder, Rung};
use scrum_config::{Ladders, Settings, Wire};
use scrum_disk as disk;
use scrum_domain::text::counted;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What `scrum-worker models` prints.
#[derive(Debug, Deserialize)]
struct Found {
    name: String,
    size_bytes: u64,
}

/// The ladder of that name, and why it was chosen when the choice was ours.
///
/// # Errors
/// An unknown name, with the known ones.
pub fn choose(
    name: &str,
    settings: &Settings,
    config: Option<&Path>,
) -> anyhow::Result<(Ladder, Option<String>)> {
    let ladders = Ladders::load(settings)?;
    if name != "auto" {
        return Ok((ladders.get(name)?, None));
    }
    // Configured keys -> cloud-first, as far as there are keys for it.
    let env = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    if let Some((ladder, keys)) = with_keys(ladders.get("cloud-first")?, settings, env) {
        return Ok((ladder, Some(format!("{} is set", keys.join(", ")))));
    }
    // Else an Ollama that answers -> its models, small to large.
    let local = settings.providers.iter().find(|(_, p)| p.wire == Wire::Ollama && p.local);
    if let Some((provider, ollama)) = local {
        let models = ollama_models(provider, config).unwrap_or_default();
        if !models.is_empty() {
            let count = counted(models.len(), "model", "models");
            let why = format!("Ollama at {} has {count}", ollama.base_url);
            return Ok((from_models(provider, ollama.context_tokens(), &models), Some(why)));
        }
    }
    // Else the built-in reviewer.
    Ok((ladders.get("builtin")?, Some("no provider key is set and no Ollama answers".to_owned())))
}

/// The rungs that can be called with the keys at hand, and the names of those keys; `None` when
/// no key is set.
fn with_keys(
    mut ladder: Ladder,
    settings: &Settings,
    is_set: impl Fn(&str) -> bool,
) -> Option<(Ladder, Vec<String>)> {
    let mut keys: Vec<String> = Vec::new();
    ladder.rungs.retain(|rung| {
        let provider = settings.providers.get(&rung.provider);
        let Some(key) = provider.and_then(|p| p.api_key_env.as_deref()) else { return true };
        if is_set(key) && !keys.iter().any(|k| k == key) {
            keys.push(key.to_owned());
        }
        is_set(key)
    });
    (!keys.is_empty()).then_some((ladder, keys))
}

fn from_models(provider: &str, context: u32, models: &[Found]) -> Ladder {
    Ladder {
        name: "auto".into(),
        description: "the models of the local Ollama, small to large".into(),
        rungs: models
            .iter()
            .map(|m| Rung {
                provider: provider.to_owned(),
                model: m.name.clone(),
                note: format!("{:.1} GB", m.size_bytes as f64 / 1e9),
                max_tokens: None,
                context_tokens: Some(context),
                temperature: None,
                usd_per_million_in: None,
                usd_per_million_out: None,
            })
            .collect(),
    }
}

/// Asks through the worker program: outbound connections are its business, not ours. Embedding
/// models can't chat and are left out.
fn ollama_models(provider: &str, config: Option<&Path>) -> anyhow::Result<Vec<Found>> {
    let mut command = Command::new(worker_program()?);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    let out =
        command.args(["models", provider]).stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    if !out.status.success() {
        bail!("no answer");
    }
    let mut models: Vec<Found> = serde_json::from_slice(&out.stdout)?;
    models.retain(|m| !["embed", "minilm", "bge-", "rerank"].iter().any(|w| m.name.contains(w)));
    models.sort_by(|a, b| a.size_bytes.cmp(&b.size_bytes).then_with(|| a.name.cmp(&b.name)));
    Ok(models)
}

/// `scrum-worker` beside this program, or wherever PATH has it.
///
/// # Errors
/// When it is not installed.
pub fn worker_program() -> anyhow::Result<PathBuf> {
    let me = std::env::current_exe().context("the path of this program is unknown")?;
    let beside = me.with_file_name("scrum-worker");
    if disk::is_file(&beside) {
        return Ok(beside);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join("scrum-worker"))
        .find(|program| disk::is_file(program))
        .with_context(|| format!("the program scrum-worker is neither beside {} nor in PATH; build or install it (cargo build)", me.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrum_config::LoadOptions;

    #[test]
    fn auto_takes_the_rungs_that_there_are_keys_for() {
        let settings = Settings::load(LoadOptions::default()).unwrap();
        let cloud = Ladders::load(&settings).unwrap().get("cloud-first").unwrap();
        assert!(with_keys(cloud.clone(), &settings, |_| false).is_none());
        let only = |name: &'static str| move |key: &str| key == name;
        let (ladder, keys) =
            with_keys(cloud.clone(), &settings, only("OPENROUTER_API_KEY")).unwrap();
        let providers: Vec<_> = ladder.rungs.iter().map(|r| r.provider.as_str()).collect();
        assert_eq!(providers, ["openrouter", "openrouter", "ollama"]);
        assert_eq!(keys, ["OPENROUTER_API_KEY"]);
        let (ladder, keys) = with_keys(cloud.clone(), &settings, |_| true).unwrap();
        assert_eq!((ladder, keys.len()), (cloud, 2));
    }
}

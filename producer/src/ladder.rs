//! Which ladder: by name, by file, or `auto`.

use crate::cli::Global;
use anyhow::{Context, bail, ensure};
use queue_schema::sweep::{Ladder, Rung};
use scrum_config::{Ladders, Settings, Wire};
use scrum_disk as disk;
use scrum_domain::text::counted;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Models at most of a provider that no ladder knows.
const MOST_ASKED: usize = 3;
/// A model of fewer bytes is asked for fewer findings: its further ones are mostly wrong.
const SMALL_BYTES: u64 = 4_000_000_000;
/// Findings that such a model is asked for at most.
const SMALL_FINDINGS: u32 = 2;

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
    // Configured keys -> the rungs that they open, of the ladders that ship and of the settings.
    let env = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    let shipped = [ladders.get("cloud-first")?, ladders.get("hosted")?];
    let ask = |provider: &str| models_of(provider, config).unwrap_or_default();
    if let Some((ladder, keys)) = with_keys(&shipped, settings, env, ask) {
        let why = format!("{} set, for {}", is_or_are(&keys), providers_of(&ladder));
        return Ok((ladder, Some(why)));
    }
    // Else an Ollama that answers -> its models, small to large.
    let local = settings.providers.iter().find(|(_, p)| p.wire == Wire::Ollama && p.local);
    if let Some((provider, ollama)) = local {
        let models = models_of(provider, config).unwrap_or_default();
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
/// no key is set. A provider of the user's that no ladder knows is asked for its models.
fn with_keys(
    shipped: &[Ladder],
    settings: &Settings,
    is_set: impl Fn(&str) -> bool,
    ask: impl Fn(&str) -> Vec<Found>,
) -> Option<(Ladder, Vec<String>)> {
    let mut open: BTreeMap<&str, String> = BTreeMap::new();
    for (name, provider) in &settings.providers {
        if let Some(key) = provider.key_variables().find(|key| is_set(key)) {
            open.insert(name, key.to_owned());
        }
    }
    let all = || shipped.iter().flat_map(|ladder| &ladder.rungs);
    let mut rungs: Vec<Rung> =
        all().filter(|rung| open.contains_key(rung.provider.as_str())).cloned().collect();
    for name in open.keys().filter(|name| !all().any(|rung| rung.provider == ***name)) {
        rungs.extend(ask(name).iter().take(MOST_ASKED).map(|model| rung(name, model, "", None)));
    }
    open.retain(|name, _| rungs.iter().any(|rung| rung.provider == *name));
    if open.is_empty() {
        return None;
    }
    // This machine last, where a shipped ladder has it.
    let needs_none = |rung: &&Rung| {
        let provider = settings.providers.get(&rung.provider);
        provider.is_some_and(|p| p.key_variables().next().is_none())
    };
    rungs.extend(all().filter(needs_none).cloned());
    let mut keys: Vec<String> = open.into_values().collect();
    keys.dedup();
    let description = "the rungs of cloud-first and hosted that have a key".to_owned();
    Some((Ladder { name: "auto".into(), description, rungs }, keys))
}

fn is_or_are(keys: &[String]) -> String {
    format!("{} {}", keys.join(" and "), if keys.len() == 1 { "is" } else { "are" })
}

/// The providers of a ladder, for a sentence.
fn providers_of(ladder: &Ladder) -> String {
    let mut names: Vec<&str> = ladder.rungs.iter().map(|r| r.provider.as_str()).collect();
    names.dedup();
    names.join(", ")
}

fn from_models(provider: &str, context: u32, models: &[Found]) -> Ladder {
    let note = |m: &Found| format!("{:.1} GB", m.size_bytes as f64 / 1e9);
    Ladder {
        name: "auto".into(),
        description: "the models of the local Ollama, small to large".into(),
        rungs: models.iter().map(|m| rung(provider, m, &note(m), Some(context))).collect(),
    }
}

fn rung(provider: &str, model: &Found, note: &str, context: Option<u32>) -> Rung {
    Rung {
        provider: provider.to_owned(),
        model: model.name.clone(),
        note: note.to_owned(),
        max_tokens: None,
        context_tokens: context,
        max_findings: (1..SMALL_BYTES).contains(&model.size_bytes).then_some(SMALL_FINDINGS),
        temperature: None,
        usd_per_million_in: None,
        usd_per_million_out: None,
    }
}

/// Asks through the worker program: outbound connections are its business, not ours. Embedding
/// models can't chat and are left out.
fn models_of(provider: &str, config: Option<&Path>) -> anyhow::Result<Vec<Found>> {
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

/// What `scrum-worker` prints as JSON when it is given words and, as JSON on its standard input, a value.
///
/// # Errors
/// When it is not installed, or what it said when it failed.
pub fn ask_worker<T: DeserializeOwned>(
    global: &Global,
    words: &[&str],
    input: &impl Serialize,
) -> anyhow::Result<T> {
    let mut command = Command::new(worker_program()?);
    if let Some(config) = &global.config {
        command.arg("--config").arg(config);
    }
    let piped = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut worker = piped.stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = worker.stdin.take() {
        stdin.write_all(&serde_json::to_vec(input)?)?;
    }
    let out = worker.wait_with_output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "{}", said.trim());
    Ok(serde_json::from_slice(&out.stdout)?)
}

/// `scrum-worker` beside this program, or wherever PATH has it.
///
/// # Errors
/// When it is not installed.
pub fn worker_program() -> anyhow::Result<PathBuf> {
    program("scrum-worker")
}

/// A program of ours beside this one, or wherever PATH has it.
///
/// # Errors
/// When it is not installed.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let me = std::env::current_exe().context("the path of this program is unknown")?;
    let beside = me.with_file_name(name);
    if disk::is_file(&beside) {
        return Ok(beside);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|program| disk::is_file(program))
        .with_context(|| format!("the program {name} is neither beside {} nor in PATH; build or install it (cargo build)", me.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrum_config::LoadOptions;

    #[test]
    fn auto_takes_the_rungs_that_there_are_keys_for() {
        let mut settings = Settings::load(LoadOptions::default()).unwrap();
        let mut mine = settings.providers["openai"].clone();
        mine.api_key_env = Some("MINE_KEY".into());
        settings.providers.insert("mine".into(), mine);
        let ladders = Ladders::load(&settings).unwrap();
        let shipped = ["cloud-first", "hosted"].map(|name| ladders.get(name).unwrap());
        let found = |name: &str| -> Vec<Found> {
            let models =
                ["a", "b", "c", "d"].map(|m| Found { name: format!("{name}-{m}"), size_bytes: 0 });
            models.into()
        };
        let auto = |set: &[&str]| {
            let (ladder, keys) = with_keys(&shipped, &settings, |key| set.contains(&key), found)?;
            let names: Vec<_> = ladder.rungs.iter().map(Rung::name).collect();
            Some((names.join(" "), keys.join(" ")))
        };
        assert_eq!(auto(&[]), None);
        for (set, rungs, keys) in [
            (
                &["OPENROUTER_API_KEY"][..],
                "openrouter/openai/gpt-oss-120b:free openrouter/google/gemma-3-27b-it:free ollama/qwen3.5:latest",
                "OPENROUTER_API_KEY",
            ),
            (
                &["OPENAI_API_KEY"],
                "openai/gpt-5.4-mini openai/gpt-5.4 ollama/qwen3.5:latest",
                "OPENAI_API_KEY",
            ),
            (
                &["GOOGLE_API_KEY", "ANTHROPIC_API_KEY"],
                "anthropic/claude-haiku-4-5 gemini/gemini-flash-latest anthropic/claude-sonnet-5 \
                 gemini/gemini-pro-latest ollama/qwen3.5:latest",
                "ANTHROPIC_API_KEY GOOGLE_API_KEY",
            ),
            (
                &["MINE_KEY"],
                "mine/mine-a mine/mine-b mine/mine-c ollama/qwen3.5:latest",
                "MINE_KEY",
            ),
        ] {
            assert_eq!(auto(set), Some((rungs.to_owned(), keys.to_owned())), "{set:?}");
        }
    }
}

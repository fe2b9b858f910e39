//! Loading: the layers in order, each checked on its own, then merged, typed and validated.

use crate::check::{self, PROVIDERS};
use crate::error::{ConfigError, Problem};
use crate::in_force::{self, InForce};
use crate::layer::Layer;
use crate::settings::Settings;
use crate::suggest::nearest;
use crate::{DEFAULT_TOML, MOST_FILE_BYTES};
use scrum_disk as disk;
use std::path::PathBuf;
use toml::Value;

const DEFAULTS: &str = "built-in defaults";
const PREFIX: &str = "SCRUM__";
/// Short forms of environment variables and what they stand for.
const SHORT: [(&str, &str); 2] =
    [("SCRUM_REDIS_URL", "redis.url"), ("SCRUM_STATE_DIR", "state.dir")];

/// What settings are loaded from.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// File of `--config`; it wins over `SCRUM_CONFIG`, and no third file is read.
    pub config_path: Option<PathBuf>,
    /// Environment; names that do not start with `SCRUM_` are ignored.
    pub env: Vec<(String, String)>,
    /// Values of flags, as (path, text), e.g. `("redis.url", "redis://..")`; they win.
    pub overrides: Vec<(String, String)>,
}

impl LoadOptions {
    /// Options with the environment of this process.
    pub fn from_process(
        config_path: Option<PathBuf>,
        overrides: Vec<(String, String)>,
    ) -> LoadOptions {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| {
                let name = name.into_string().ok().filter(|name| name.starts_with("SCRUM_"))?;
                Some((name, value.to_string_lossy().into_owned()))
            })
            .collect();
        LoadOptions { config_path, env, overrides }
    }
}

impl Settings {
    /// Loads settings; later wins: built-in defaults, the file, `SCRUM__SECTION__KEY`, the short
    /// forms, overrides.
    ///
    /// # Errors
    /// [`ConfigError`] for a file that can't be read or parsed, keys that are not known, values
    /// of the wrong kind or out of range; all problems of a kind at once.
    pub fn load(options: LoadOptions) -> Result<Settings, ConfigError> {
        Self::load_with_origins(options).map(|(settings, _)| settings)
    }

    /// The same, with every value in force and where it comes from, by the names of keys.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load_with_origins(
        options: LoadOptions,
    ) -> Result<(Settings, Vec<InForce>), ConfigError> {
        let defaults = Layer::parse(DEFAULTS, DEFAULT_TOML)?;
        let mut env = options.env;
        // The order of an environment is arbitrary; the outcome should not be.
        env.sort();
        let mut layers = Vec::new();
        let mut problems = Vec::new();
        if let Some(file) = file_layer(options.config_path, &env)? {
            problems.extend(check::layer(&file, &defaults));
            layers.push(file);
        }
        for (name, value) in env.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            let path = name[PREFIX.len()..].to_lowercase().replace("__", ".");
            let origin = format!("environment variable {name}");
            add_text(origin, &path, value, &defaults, &mut layers, &mut problems);
        }
        for (name, value) in &env {
            // Empty is unset: that is what compose files make of a variable that isn't there.
            let short = SHORT.iter().find(|(short, _)| short == name);
            if let Some((_, path)) = short.filter(|_| !value.is_empty()) {
                let origin = format!("environment variable {name}");
                add_text(origin, path, value, &defaults, &mut layers, &mut problems);
            }
        }
        for (path, value) in &options.overrides {
            let origin = "command line".to_owned();
            add_text(origin, path, value, &defaults, &mut layers, &mut problems);
        }
        layers.insert(0, defaults);
        problems.extend(no_wire(&layers));
        if !problems.is_empty() {
            return Err(ConfigError::Settings(problems));
        }
        let settings: Settings = layers
            .iter()
            .fold(config::Config::builder(), |builder, layer| builder.add_source(layer.clone()))
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|e| ConfigError::Merge(e.to_string()))?;
        settings.validate().map_err(|e| with_origins(e, &layers))?;
        let in_force = in_force::of(&layers);
        Ok((settings, in_force))
    }
}

fn file_layer(
    asked: Option<PathBuf>,
    env: &[(String, String)],
) -> Result<Option<Layer>, ConfigError> {
    let from_env = || {
        let found = env.iter().find(|(name, value)| name == "SCRUM_CONFIG" && !value.is_empty());
        found.map(|(_, value)| (PathBuf::from(value), "SCRUM_CONFIG"))
    };
    let Some((path, asked_by)) = asked.map(|path| (path, "--config")).or_else(from_env) else {
        return Ok(None);
    };
    let text = disk::read_text(&path, MOST_FILE_BYTES).map_err(|e| ConfigError::Read {
        what: "settings file",
        path: path.display().to_string(),
        reason: e.to_string(),
        asked_by,
    })?;
    Layer::parse(&path.display().to_string(), &text).map(Some)
}

/// Adds a layer for one value given as text, turned into the kind that its key takes.
fn add_text(
    origin: String,
    path: &str,
    text: &str,
    defaults: &Layer,
    layers: &mut Vec<Layer>,
    problems: &mut Vec<Problem>,
) {
    let parts: Vec<&str> = path.split('.').collect();
    let layer = Layer::single(origin, &parts, Value::String(text.to_owned()));
    let known = match parts.as_slice() {
        [PROVIDERS, name, field, rest @ ..] => {
            !name.is_empty()
                && check::keys(PROVIDERS).contains(field)
                && (rest.is_empty() || *field == "extra_body")
        }
        ["diff", "reviewers", name] | ["audit", "voters", name] => !name.is_empty(),
        [section, key] => check::keys(section).contains(key),
        _ => false,
    };
    if !known {
        let depth = match parts.first() {
            // The first part that is wrong is the one to name.
            Some(section) if !check::sections().contains(section) => 1,
            Some(&PROVIDERS) => parts.len().min(3),
            _ => parts.len().min(2),
        };
        let mut problem = check::unknown(&layer, &parts[..depth]);
        path.clone_into(&mut problem.key);
        problems.push(problem);
        return;
    }
    let example = check::example(defaults, &parts);
    match typed(text, example) {
        Ok(value) => {
            let layer = Layer::single(layer.origin, &parts, value);
            problems.extend(check::layer(&layer, defaults));
            layers.push(layer);
        }
        Err(example) => {
            problems.push(check::wrong_kind(&layer.origin, &parts, example, "something else"));
        }
    }
}

/// A text as a value of the kind of the example; without one, as what it looks like.
fn typed<'a>(text: &str, example: Option<&'a Value>) -> Result<Value, &'a Value> {
    let value = match example {
        Some(Value::Integer(_)) => text.trim().parse().ok().map(Value::Integer),
        Some(Value::Float(_)) => text.trim().parse().ok().map(Value::Float),
        Some(Value::Boolean(_)) => text.trim().parse().ok().map(Value::Boolean),
        Some(Value::Table(_)) => None,
        Some(Value::Array(_)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        Some(_) => Some(Value::String(text.to_owned())),
        None => {
            let number = || text.parse().ok().map(Value::Integer);
            let truth = || text.parse().ok().map(Value::Boolean);
            return Ok(number().or_else(truth).unwrap_or_else(|| Value::String(text.to_owned())));
        }
    };
    match (value, example) {
        (Some(value), _) => Ok(value),
        (None, Some(example)) => Err(example),
        (None, None) => Ok(Value::String(text.to_owned())),
    }
}

/// Providers that no layer gives a `wire`: new ones left half done, or known ones misspelt.
fn no_wire(layers: &[Layer]) -> Vec<Problem> {
    let tables = || layers.iter().filter_map(|l| Some((l, l.table.get(PROVIDERS)?.as_table()?)));
    let complete: Vec<&str> = tables()
        .flat_map(|(_, table)| table.iter().filter(|(_, provider)| provider.get("wire").is_some()))
        .map(|(name, _)| name.as_str())
        .collect();
    let mut problems: Vec<Problem> = Vec::new();
    for (layer, table) in tables() {
        for name in table.keys().filter(|name| !complete.contains(&name.as_str())) {
            let key = format!("{PROVIDERS}.{name}");
            if problems.iter().any(|p| p.key == key) {
                continue;
            }
            let hint = nearest(name, complete.iter().copied())
                .map_or_else(String::new, |near| format!("did you mean {PROVIDERS}.{near}? else "));
            problems.push(Problem {
                origin: layer.origin.clone(),
                key,
                what: "a new provider needs a wire".to_owned(),
                fix: format!("{hint}add wire = \"openai\", \"ollama\" or \"builtin\""),
            });
        }
    }
    problems
}

/// Puts into each problem the last layer that set its key.
fn with_origins(error: ConfigError, layers: &[Layer]) -> ConfigError {
    let ConfigError::Settings(mut problems) = error else { return error };
    for problem in &mut problems {
        if let Some(layer) = layers.iter().rev().find(|l| l.get(&problem.key).is_some()) {
            layer.origin.clone_into(&mut problem.origin);
        }
    }
    ConfigError::Settings(problems)
}

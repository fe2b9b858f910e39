//! Known keys and the kind of value each takes, checked before anything is merged, so that a
//! message can name the very place.

use crate::apply::{ApplySettings, SandboxMode};
use crate::audit::AuditSettings;
use crate::calibration::{CalibrationSettings, EstimateSettings};
use crate::confirm::ConfirmSettings;
use crate::diff::DiffSettings;
use crate::embedding::{EmbedWire, EmbeddingConfig};
use crate::error::Problem;
use crate::facts::FactsSettings;
use crate::forge::ForgeSettings;
use crate::gateway::GatewaySettings;
use crate::hooks::HookSettings;
use crate::layer::Layer;
use crate::observe::ObserveSettings;
use crate::provider::{ProviderConfig, Wire};
use crate::schedules::ScheduleSettings;
use crate::settings::{
    BudgetSettings, HistorySettings, LadderSettings, LogFormat, LogSettings, QueueSettings,
    RedisSettings, RetentionSettings, Settings, StateSettings, SweepSettings, WorkerSettings,
};
use crate::suggest::nearest;
use crate::telemetry::{MetricsSettings, TracesSettings};
use crate::web::WebSettings;
use queue_schema::limits::{AcceptLimits, DocumentLimits, HintLimits, MemoryLimits, TierLimits};
use queue_schema::rows::Severity;
use queue_schema::sweep::DiffFailOn;
use queue_schema::sweep::{MarkdownPolicy, Policy, SplitMode};
use serde::Deserialize;
use serde::de::{self, Visitor};
use toml::Value;

/// Section whose members are tables named by the user.
pub(crate) const PROVIDERS: &str = "providers";

/// Names of the sections.
pub(crate) fn sections() -> &'static [&'static str] {
    field_names::<Settings>()
}

/// Names of the keys of a section; for `providers`, of one provider.
pub(crate) fn keys(section: &str) -> &'static [&'static str] {
    match section {
        "redis" => field_names::<RedisSettings>(),
        "state" => field_names::<StateSettings>(),
        "queue" => field_names::<QueueSettings>(),
        "retention" => field_names::<RetentionSettings>(),
        "worker" => field_names::<WorkerSettings>(),
        "sweep" => field_names::<SweepSettings>(),
        "facts" => field_names::<FactsSettings>(),
        "confirm" => field_names::<ConfirmSettings>(),
        "diff" => field_names::<DiffSettings>(),
        "audit" => field_names::<AuditSettings>(),
        "budget" => field_names::<BudgetSettings>(),
        "accept" => field_names::<AcceptLimits>(),
        "tiers" => field_names::<TierLimits>(),
        "calibration" => field_names::<CalibrationSettings>(),
        "estimate" => field_names::<EstimateSettings>(),
        "documents" => field_names::<DocumentLimits>(),
        "history" => field_names::<HistorySettings>(),
        "hints" => field_names::<HintLimits>(),
        "memory" => field_names::<MemoryLimits>(),
        "observe" => field_names::<ObserveSettings>(),
        "schedules" => field_names::<ScheduleSettings>(),
        "web" => field_names::<WebSettings>(),
        "metrics" => field_names::<MetricsSettings>(),
        "traces" => field_names::<TracesSettings>(),
        "gateway" => field_names::<GatewaySettings>(),
        "forge" => field_names::<ForgeSettings>(),
        "hooks" => field_names::<HookSettings>(),
        "ladders" => field_names::<LadderSettings>(),
        "apply" => field_names::<ApplySettings>(),
        "log" => field_names::<LogSettings>(),
        "embedding" => field_names::<EmbeddingConfig>(),
        PROVIDERS => field_names::<ProviderConfig>(),
        _ => &[],
    }
}

/// A value of the kind that a key takes: its default, or for a provider's member any that the
/// defaults hold. `None` for a key with no example.
pub(crate) fn example<'a>(defaults: &'a Layer, path: &[&str]) -> Option<&'a Value> {
    match path {
        [PROVIDERS, _, field] => {
            let providers = defaults.table.get(PROVIDERS)?.as_table()?;
            providers.values().find_map(|provider| provider.get(*field))
        }
        [section, key] => defaults.table.get(*section)?.get(*key),
        _ => None,
    }
}

/// All that is wrong with the keys of a layer and the kinds of their values.
pub(crate) fn layer(layer: &Layer, defaults: &Layer) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (section, members) in &layer.table {
        if !sections().contains(&section.as_str()) {
            problems.push(unknown(layer, &[section]));
            continue;
        }
        let Some(members) = members.as_table() else {
            problems.push(not_a_section(layer, section));
            continue;
        };
        for (key, value) in members {
            if section == PROVIDERS {
                match value.as_table() {
                    Some(provider) => {
                        for (field, value) in provider {
                            let path = [section.as_str(), key.as_str(), field.as_str()];
                            check_one(layer, defaults, &path, value, &mut problems);
                        }
                    }
                    None => problems.push(not_a_section(layer, &format!("{section}.{key}"))),
                }
            } else {
                check_one(layer, defaults, &[section, key], value, &mut problems);
            }
        }
    }
    problems
}

fn check_one(
    layer: &Layer,
    defaults: &Layer,
    path: &[&str],
    value: &Value,
    problems: &mut Vec<Problem>,
) {
    let (section, key) = (path[0], path[path.len() - 1]);
    if !keys(section).contains(&key) {
        problems.push(unknown(layer, path));
        return;
    }
    let Some(example) = example(defaults, path) else { return };
    // A whole number may stand for a fraction; nothing else is turned into something else.
    let fits = example.same_type(value)
        || (matches!(example, Value::Float(_)) && matches!(value, Value::Integer(_)));
    if !fits {
        problems.push(wrong_kind(&layer.origin, path, example, kind(value)));
    } else if let (Some(text), names @ [_, ..]) = (value.as_str(), choices(section, key))
        && !names.contains(&text)
    {
        let near = nearest(text, names.iter().copied());
        let hint = near.map_or_else(String::new, |name| format!("did you mean {name:?}? "));
        problems.push(Problem {
            origin: layer.origin.clone(),
            key: path.join("."),
            what: format!("{text:?} is not one of its values"),
            fix: format!("{hint}use {}", names.join(", ")),
        });
    }
}

/// The values of a key that takes one of a few; empty for the others.
fn choices(section: &str, key: &str) -> &'static [&'static str] {
    match (section, key) {
        ("sweep", "split") => field_names::<SplitMode>(),
        ("embedding", "wire") => field_names::<EmbedWire>(),
        ("apply", "sandbox") => field_names::<SandboxMode>(),
        ("sweep", "policy") => field_names::<Policy>(),
        ("sweep", "markdown_policy") => field_names::<MarkdownPolicy>(),
        ("diff", "fail_on") => field_names::<DiffFailOn>(),
        ("audit", "min_severity") => field_names::<Severity>(),
        ("log", "format") => field_names::<LogFormat>(),
        (PROVIDERS, "wire") => field_names::<Wire>(),
        _ => &[],
    }
}

/// The problem of a value of another kind than the key takes. The value itself is left out: it
/// may be a secret in the wrong place.
pub(crate) fn wrong_kind(origin: &str, path: &[&str], example: &Value, found: &str) -> Problem {
    Problem {
        origin: origin.to_owned(),
        key: path.join("."),
        what: format!("it takes {}, and this is {found}", kind(example)),
        fix: match example {
            Value::Table(_) => "write it in a settings file".to_owned(),
            _ => format!("write for instance {} = {}", path[path.len() - 1], shown(example)),
        },
    }
}

/// A value as it stands in a file.
fn shown(value: &Value) -> String {
    match value {
        Value::String(s) => format!("{s:?}"),
        Value::Integer(i) => i.to_string(),
        // Debug keeps the ".0" that makes it a fraction.
        Value::Float(f) => format!("{f:?}"),
        Value::Boolean(b) => b.to_string(),
        other => kind(other).to_owned(),
    }
}

/// The problem of a key that is not known, with the nearest one that is.
pub(crate) fn unknown(layer: &Layer, path: &[&str]) -> Problem {
    let last = path[path.len() - 1];
    let (what, siblings) = match path {
        [_] => ("there is no such section", sections()),
        [section, .., _] => ("there is no such setting", keys(section)),
        [] => ("there is no such setting", sections()),
    };
    // A key at the top of the file, or in the wrong section, is meant for the one that has it.
    let elsewhere = || {
        sections()
            .iter()
            .find(|section| **section != PROVIDERS && keys(section).contains(&last))
            .map(|section| format!("{section}.{last}"))
    };
    let parents = &path[..path.len() - 1];
    let near = nearest(last, siblings.iter().copied())
        .map(|name| [parents, &[name]].concat().join("."))
        .or_else(elsewhere);
    Problem {
        origin: layer.origin.clone(),
        key: path.join("."),
        what: what.to_owned(),
        fix: match near {
            Some(name) => format!("did you mean {name}?"),
            None => format!("known here: {}", siblings.join(", ")),
        },
    }
}

fn not_a_section(layer: &Layer, key: &str) -> Problem {
    Problem {
        origin: layer.origin.clone(),
        key: key.to_owned(),
        what: "this is a section, and a value was given".to_owned(),
        fix: format!("write [{key}] on a line of its own and its keys below it"),
    }
}

/// What a value is, in words.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// The names of a struct's fields or an enum's variants, read off its `Deserialize`, so that they stand in one place.
fn field_names<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It always fails: all that is wanted is what the struct asks for.
    let _ = T::deserialize(Probe(&mut names));
    names
}

struct Probe<'a>(&'a mut &'static [&'static str]);

impl<'de> de::Deserializer<'de> for Probe<'_> {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("only the names of fields are read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = variants;
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

//! The settings in force, each with the place that it comes from.

use crate::layer::Layer;
use queue_schema::url::{is_url, masked};
use serde::Serialize;
use std::collections::BTreeMap;
use toml::Value;

/// A setting in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InForce {
    /// Its key, such as `queue.lease_ms`.
    pub key: String,
    /// Its value as TOML has it. Passwords in addresses are masked.
    pub value: String,
    /// A file, a variable of the environment, the command line, or the built-in defaults.
    pub origin: String,
    /// Whether it differs from the built-in default.
    pub changed: bool,
}

/// What these layers come to, the last one wins; the first one has the defaults.
pub(crate) fn of(layers: &[Layer]) -> Vec<InForce> {
    let mut all: BTreeMap<String, InForce> = BTreeMap::new();
    for (n, layer) in layers.iter().enumerate() {
        let mut found = Vec::new();
        leaves("", &Value::Table(layer.table.clone()), &mut found);
        for (key, value) in found {
            let before = all.get(&key).filter(|before| !before.changed);
            let changed = n > 0 && before.is_none_or(|before| before.value != value);
            let origin = layer.origin.clone();
            all.insert(key.clone(), InForce { key, value, origin, changed });
        }
    }
    all.into_values().collect()
}

fn leaves(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    let Value::Table(table) = value else {
        let value = if is_secret(path, value) { "\"***\"".to_owned() } else { shown(value) };
        found.push((path.to_owned(), value));
        return;
    };
    for (name, value) in table {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        leaves(&key, value, found);
    }
}

/// Whether a text may be a secret, by the last part of its key. Names of variables are none.
fn is_secret(path: &str, value: &Value) -> bool {
    let name = path.rsplit('.').next().unwrap_or_default().to_lowercase();
    let words = ["key", "token", "secret", "password"];
    let named = words.iter().any(|word| name.contains(word)) && !name.ends_with("_env");
    named && value.as_str().is_some_and(|text| !text.is_empty())
}

/// A value without the passwords of its addresses.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if is_url(text) || text.contains("://") => {
            Value::String(masked(text)).to_string()
        }
        Value::Array(all) => {
            format!("[{}]", all.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{LoadOptions, Settings};

    #[test]
    fn each_setting_says_where_it_comes_from_and_no_password() {
        let options = LoadOptions {
            env: vec![
                ("SCRUM__QUEUE__LEASE_MS".into(), "8000".into()),
                ("SCRUM__PROVIDERS__OLLAMA__EXTRA_BODY__API_KEY".into(), "s3cret".into()),
                ("SCRUM_REDIS_URL".into(), "redis://me:s3cret@host:6379".into()),
            ],
            overrides: vec![("web.listen".into(), "127.0.0.1:0".into())],
            ..LoadOptions::default()
        };
        let (_, all) = Settings::load_with_origins(options).unwrap();
        let of = |key: &str| all.iter().find(|one| one.key == key).unwrap();
        let lease = of("queue.lease_ms");
        assert_eq!((lease.value.as_str(), lease.changed), ("8000", true));
        assert!(lease.origin.contains("SCRUM__QUEUE__LEASE_MS"));
        assert_eq!(of("web.listen").origin, "command line");
        assert!(!all.iter().any(|one| one.value.contains("s3cret")), "{:?}", of("redis.url"));
        let untouched = of("queue.renew_ms");
        assert_eq!((untouched.origin.as_str(), untouched.changed), ("built-in defaults", false));
    }
}

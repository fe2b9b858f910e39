//! One source of settings: a table of values and where they came from.

use crate::error::ConfigError;
use config::{ConfigError as SourceError, Map, Source, Value, ValueKind};
use toml::Table;

/// What a right line looks like, for messages.
const EXAMPLE: &str =
    "a setting looks like `lease_ms = 5000` under its `[queue]` line, texts in quotes";

/// A table of settings with the name of the place it came from.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// For messages: a file, an environment variable, the command line.
    pub(crate) origin: String,
    /// Sections, keys and values.
    pub(crate) table: Table,
}

impl Layer {
    /// A layer from the text of a TOML file.
    pub(crate) fn parse(origin: &str, text: &str) -> Result<Self, ConfigError> {
        let table = text.parse::<Table>().map_err(|e| ConfigError::Syntax {
            origin: origin.to_owned(),
            reason: e.to_string().trim_end().to_owned(),
            example: EXAMPLE,
        })?;
        Ok(Self { origin: origin.to_owned(), table })
    }

    /// A layer of one value at a path, whose parts are never empty.
    pub(crate) fn single(origin: String, path: &[&str], value: toml::Value) -> Self {
        let mut value = value;
        for part in path.iter().skip(1).rev() {
            value = toml::Value::Table(Table::from_iter([((*part).to_owned(), value)]));
        }
        let root = path.first().copied().unwrap_or_default().to_owned();
        Self { origin, table: Table::from_iter([(root, value)]) }
    }

    /// The value at a path such as `queue.lease_ms`.
    pub(crate) fn get(&self, path: &str) -> Option<&toml::Value> {
        let mut parts = path.split('.');
        let first = self.table.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, SourceError> {
        Ok(members(&self.origin, &self.table))
    }
}

fn members(origin: &String, table: &Table) -> Map<String, Value> {
    table.iter().map(|(key, value)| (key.clone(), convert(origin, value))).collect()
}

/// The same value as the `config` crate has it, with its origin attached for its messages.
fn convert(origin: &String, value: &toml::Value) -> Value {
    let kind = match value {
        toml::Value::String(s) => ValueKind::String(s.clone()),
        toml::Value::Integer(i) => ValueKind::I64(*i),
        toml::Value::Float(f) => ValueKind::Float(*f),
        toml::Value::Boolean(b) => ValueKind::Boolean(*b),
        toml::Value::Datetime(d) => ValueKind::String(d.to_string()),
        toml::Value::Array(items) => {
            ValueKind::Array(items.iter().map(|v| convert(origin, v)).collect())
        }
        toml::Value::Table(table) => ValueKind::Table(members(origin, table)),
    };
    Value::new(Some(origin), kind)
}

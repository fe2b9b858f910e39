//! JSON documents that are written piece by piece, an element a line.

use serde_json::Value;

/// An array: what stands between its elements.
#[derive(Debug, Default)]
pub struct Array {
    begun: bool,
}

impl Array {
    /// An element with what separates it from the one before.
    pub fn item(&mut self, value: &Value) -> String {
        let comma = if std::mem::replace(&mut self.begun, true) { "," } else { "" };
        format!("{comma}\n{value}")
    }

    /// How it ends.
    pub fn end(&self) -> &'static str {
        if self.begun { "\n]" } else { "]" }
    }
}

/// The members of an object, each on a line, with commas between.
pub fn members(object: &Value) -> String {
    let Some(map) = object.as_object() else { return String::new() };
    let lines: Vec<String> = map
        .iter()
        .map(|(name, value)| format!("{}: {value}", Value::from(name.as_str())))
        .collect();
    lines.join(",\n")
}

//! The shape of a value: its keys and their types. The items of a list have one shape together.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A key of an object.
#[derive(Debug, Default)]
pub(super) struct Field {
    pub(super) shape: Shape,
    /// Objects that have it.
    in_objects: usize,
}

/// The shape of one value, or of all items of a list.
#[derive(Debug, Default)]
pub(super) struct Shape {
    types: BTreeSet<&'static str>,
    objects: usize,
    pub(super) fields: BTreeMap<String, Field>,
    /// None when there was no list, or only empty ones.
    pub(super) items: Option<Box<Shape>>,
}

impl Shape {
    pub(super) fn of(value: &Value) -> Self {
        let mut shape = Self::default();
        shape.take_in(value);
        shape
    }

    fn take_in(&mut self, value: &Value) {
        self.types.insert(type_of(value));
        match value {
            Value::Object(fields) => {
                self.objects += 1;
                for (key, value) in fields {
                    let field = self.fields.entry(key.clone()).or_default();
                    field.in_objects += 1;
                    field.shape.take_in(value);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.items.get_or_insert_default().take_in(item);
                }
            }
            _ => {}
        }
    }

    /// The types in words: `string`, `null or string`.
    pub(super) fn types(&self) -> String {
        self.types.iter().copied().collect::<Vec<_>>().join(" or ")
    }

    pub(super) const fn is_object(&self) -> bool {
        self.objects > 0
    }

    /// Whether all of its objects have a field of it.
    pub(super) const fn has(&self, field: &Field) -> &'static str {
        if field.in_objects == self.objects { "in every item" } else { "missing in some items" }
    }
}

/// A type of JSON.
pub(super) const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

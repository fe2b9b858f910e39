//! Request bodies: extra members from the settings, merged in.

use scrum_config::ProviderConfig;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use crate::adapt::Way;
use crate::chat::ChatRequest;
use crate::error::SetupError;

/// Members an extra body may not replace: the adapter's own reading of the answer rests on them.
const OWNED: [&str; 4] = ["model", "messages", "stream", "stream_options"];

/// The extra body of a provider as JSON, checked.
pub(crate) fn extra_body(
    provider: &str,
    table: Option<&toml::Table>,
) -> Result<Map<String, Value>, SetupError> {
    let Some(table) = table else { return Ok(Map::new()) };
    for member in OWNED {
        if table.contains_key(member) {
            return Err(SetupError::ExtraBody {
                provider: provider.to_owned(),
                member: member.to_owned(),
            });
        }
    }
    match serde_json::to_value(table) {
        Ok(Value::Object(map)) => Ok(map),
        // A table always becomes an object; a number that JSON has no form for becomes null.
        _ => Ok(Map::new()),
    }
}

/// The schema as this provider takes it, or none. Only what bounds lengths is ever left out: it
/// keeps small models from writing in a loop, and the parser has bounds of its own.
pub(crate) fn schema(cfg: &ProviderConfig, req: &ChatRequest) -> Option<Value> {
    let mut schema = req.schema.clone().filter(|_| cfg.json_schema)?;
    if !cfg.takes_schema_bounds() {
        drop_bounds(&mut schema);
    }
    Some(schema)
}

fn drop_bounds(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            // Beside a type these are keywords; elsewhere they could be names of properties.
            if map.get("type").is_some_and(|t| t.is_string() || t.is_array()) {
                map.remove("maxItems");
                map.remove("maxLength");
            }
            map.values_mut().for_each(drop_bounds);
        }
        Value::Array(all) => all.iter_mut().for_each(drop_bounds),
        _ => {}
    }
}

/// Merges `extra` into `body`, object by object; where both have a value, the extra one stands.
pub(crate) fn merge(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (name, value) in extra {
        match (body.get_mut(name), value) {
            (Some(Value::Object(inner)), Value::Object(more)) => merge(inner, more),
            _ => {
                body.insert(name.clone(), value.clone());
            }
        }
    }
}

/// What was said, and the user message at its end.
pub(crate) fn turns(req: &ChatRequest) -> Vec<Value> {
    let said = |by_model: bool, text: &str| json!({"role": if by_model { "assistant" } else { "user" }, "content": text});
    let earlier = req.talk.earlier.iter().map(|turn| said(turn.by_model, &turn.text));
    earlier.chain(std::iter::once(said(false, &req.user))).collect()
}

/// The system message and the turns, in the form that most wires share.
pub(crate) fn messages(req: &ChatRequest, way: &Way) -> Value {
    let mut all = turns(req);
    if !req.system.is_empty() && way.system {
        all.insert(0, json!({"role": "system", "content": req.system}));
    } else if !req.system.is_empty()
        && let Some(first) = all.first_mut()
    {
        let said = first["content"].as_str().unwrap_or_default();
        first["content"] = format!("{}\n\n{said}", req.system).into();
    }
    all.into()
}

/// The body as it is sent: the properties of a schema in the order of its `required`. Models write the members
/// of an answer in the order of the schema, and a map has that of the names.
pub(crate) fn written(body: &Map<String, Value>) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Members(body))
}

struct Members<'a>(&'a Map<String, Value>);
struct Member<'a>(&'a Value);
/// Properties, and the names of the first ones.
struct Properties<'a>(&'a Map<String, Value>, &'a [Value]);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let required = self.0.get("required").and_then(Value::as_array);
        let mut out = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            match (name.as_str(), value, required) {
                ("properties", Value::Object(all), Some(first)) => {
                    out.serialize_entry(name, &Properties(all, first))?;
                }
                _ => out.serialize_entry(name, &Member(value))?,
            }
        }
        out.end()
    }
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => Members(map).serialize(serializer),
            Value::Array(all) => serializer.collect_seq(all.iter().map(Member)),
            other => other.serialize(serializer),
        }
    }
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(all, first) = self;
        let named = first.iter().filter_map(|name| all.get_key_value(name.as_str()?));
        let is_named = |name: &String| first.iter().any(|n| n == name.as_str());
        let others = all.iter().filter(|(name, _)| !is_named(name));
        serializer.collect_map(named.chain(others).map(|(name, value)| (name, Member(value))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_deeply() {
        let Value::Object(mut body) = json!({"a": 1, "options": {"num_ctx": 2, "seed": 1}}) else {
            unreachable!()
        };
        let Value::Object(extra) = json!({"options": {"seed": 7}, "b": [1]}) else {
            unreachable!()
        };
        merge(&mut body, &extra);
        assert_eq!(
            Value::Object(body),
            json!({"a": 1, "options": {"num_ctx": 2, "seed": 7}, "b": [1]})
        );
    }

    #[test]
    fn properties_are_sent_in_the_order_of_what_is_required() {
        let schema = json!({"type": "object", "required": ["z", "b"], "properties": {
            "a": {}, "b": {"items": {"required": ["y", "x"], "properties": {"x": 1, "y": 2}}}, "z": {}}});
        let Value::Object(body) = json!({"schema": [schema], "properties": {"b": 1, "a": 2}})
        else {
            unreachable!()
        };
        let sent = String::from_utf8(written(&body).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Map<String, Value>>(&sent).unwrap(), body);
        let order = |names: &[&str]| {
            let places: Vec<_> = names.iter().map(|n| sent.find(&format!("\"{n}\":"))).collect();
            places.iter().all(Option::is_some) && places.is_sorted()
        };
        assert!(order(&["z", "y", "x"]) && sent.contains(r#""z":{},"b":"#), "{sent}");
    }

    #[test]
    fn bounds_are_dropped_beside_their_types_only() {
        let mut schema = json!({"type": "object", "properties": {
            "maxItems": {"type": "array", "maxItems": 5, "items": {"type": "string", "maxLength": 9}}}});
        drop_bounds(&mut schema);
        assert_eq!(
            schema,
            json!({"type": "object", "properties": {
                "maxItems": {"type": "array", "items": {"type": "string"}}}})
        );
    }

    #[test]
    fn refuses_to_replace_what_it_owns() {
        let table: toml::Table = toml::from_str("stream = false").unwrap();
        let error = extra_body("x", Some(&table)).unwrap_err();
        assert!(error.to_string().contains("providers.x.extra_body"), "{error}");
    }
}

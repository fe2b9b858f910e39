use super::{SCHEMAS, made, of};
use crate::rows::{Row, STREAMS};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, transform, transform::Transform};
use serde_json::Value;
use std::path::Path;

/// The schema of what is written, not of what would still be read.
pub(super) fn schema_of<R: Row + JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(closed);
    let mut schema = settings.into_generator().into_root_schema_for::<R>();
    schema.insert("title".to_owned(), R::STREAM.into());
    schema.to_value()
}

/// An object has the members that it is known to have, and no others.
fn closed(schema: &mut Schema) {
    transform::transform_subschemas(&mut closed as &mut dyn Transform, schema);
    if schema.get("properties").is_some() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}

#[test]
fn the_schemas_that_ship_are_those_of_the_rows() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for (schema, made) in made() {
        let made = format!("{}\n", serde_json::to_string_pretty(&made).unwrap());
        if std::env::var_os("SCRUM_UPDATE_SCHEMAS").is_some() {
            std::fs::write(dir.join(schema.file), &made).unwrap();
            continue;
        }
        assert!(
            schema.text == made,
            "queue-schema/schemas/{} is not what {} rows look like; after a change that readers of \
             the rows can bear, run SCRUM_UPDATE_SCHEMAS=1 cargo test -p queue-schema --lib schemas",
            schema.file,
            schema.kind
        );
    }
}

#[test]
fn every_kind_of_row_has_a_schema_of_its_version() {
    let kinds: Vec<_> = SCHEMAS.iter().map(|s| s.kind).collect();
    // Those that are composed when somebody asks stand behind the ones that are kept.
    assert_eq!(kinds[..STREAMS.len()], *STREAMS);
    for schema in SCHEMAS {
        let text: Value = serde_json::from_str(schema.text).unwrap();
        let version = &text["properties"]["schema_version"]["const"];
        assert_eq!(schema.file, format!("{}.v{version}.json", schema.kind));
        assert_eq!(of(schema.kind), Some(schema));
    }
    assert_eq!(of("nonsense"), None);
}

/// Whatever is an object is closed and says what it must have.
#[test]
fn nothing_is_left_open() {
    fn look(value: &Value, at: &str) {
        match value {
            Value::Object(map) => {
                if let Some(properties) = map.get("properties").and_then(Value::as_object) {
                    assert_eq!(map.get("additionalProperties"), Some(&false.into()), "{at}");
                    let required = map["required"].as_array().map_or(0, Vec::len);
                    assert!(required > 0 && required <= properties.len(), "{at}");
                }
                map.iter().for_each(|(name, value)| look(value, &format!("{at}/{name}")));
            }
            Value::Array(list) => list.iter().for_each(|value| look(value, at)),
            _ => {}
        }
    }
    for schema in SCHEMAS {
        look(&serde_json::from_str(schema.text).unwrap(), schema.kind);
    }
}

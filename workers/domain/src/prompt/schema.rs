//! The schemas of answers in JSON.

use queue_schema::rows::FLAGS;
use queue_schema::sweep::FactsBounds;
use serde_json::{Map, Value, json};

/// The arrays of a forensic answer, in the order they are asked for.
const ARRAYS: [&str; 8] = [
    "critical_failures",
    "pseudocode_flags",
    "prd_mismatches",
    "broken_pipelines",
    "missing_components",
    "risk_points",
    "verified_components",
    "required_next_actions",
];

/// Entries of one array at most. More than five claims of a kind about one file are mostly a model
/// that can't stop.
const MOST_ENTRIES: u32 = 5;
/// Characters of a claim or a quote at most. Servers that turn the schema into a grammar refuse
/// bounds of some thousands.
const MOST_TEXT: u32 = 400;
/// Characters of the evidence at most.
const MOST_EVIDENCE: u32 = 300;

/// Semantic flags of one claim at most.
const MOST_FLAGS: u32 = 3;

/// JSON schema of a forensic answer.
///
/// It keeps to what every provider's strict mode takes: all properties required, no additional
/// ones, and no numeric bounds, which some of them refuse. The range of a confidence stands in
/// its description, and the parser checks it. The bounds of arrays and strings are taken out again
/// for providers that don't take them (`schema_bounds` in their settings).
pub fn forensic_schema() -> Value {
    let text =
        |most: u32, what: &str| json!({"type": "string", "maxLength": most, "description": what});
    let entry = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["text", "quote", "confidence", "evidence", "flags"],
        "properties": {
            "text": text(MOST_TEXT, "the claim, naming function or type"),
            "quote": text(MOST_TEXT, "lines copied exactly from the file, or \"\""),
            "confidence": {"type": "integer", "description": "0 to 100: how sure the claim is true"},
            "evidence": text(MOST_EVIDENCE, "what proves it beyond the quote"),
            "flags": {
                "type": "array",
                "maxItems": MOST_FLAGS,
                "items": {"type": "string", "enum": FLAGS},
                "description": "the kinds of mistake that the claim is one of; mostly none"
            }
        }
    });
    let mut properties = Map::new();
    properties.insert(
        "verdict".into(),
        json!({"type": "string", "enum": ["pass", "needs_patch", "fail"]}),
    );
    properties.insert(
        "alignment_score".into(),
        json!({"type": ["number", "null"], "description": "1 to 10 between file and PRD, or null"}),
    );
    for name in ARRAYS {
        properties.insert(
            name.into(),
            json!({"type": "array", "maxItems": MOST_ENTRIES, "items": entry}),
        );
    }
    let required: Vec<&String> = properties.keys().collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties
    })
}

/// JSON schema of an answer with the facts of a review. As with [`forensic_schema`], its bounds are
/// taken out for providers that don't take them; the program keeps to them in any case.
pub fn facts_schema(bounds: &FactsBounds) -> Value {
    let text = |what: &str| json!({"type": "string", "maxLength": bounds.max_text_chars, "description": what});
    let object = |properties: Value| {
        let required: Vec<String> =
            properties.as_object().map(|p| p.keys().cloned().collect()).unwrap_or_default();
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": required,
            "properties": properties
        })
    };
    let list = |most: u32, items: Value| json!({"type": "array", "maxItems": most, "items": items});
    let entity = object(json!({
        "name": text("as in the code"),
        "kind": text("function, type, field, file, module, document or the like")
    }));
    let relationship = object(json!({
        "from": text("name of an entity"),
        "relation": text("one to three words, e.g. calls"),
        "to": text("name of an entity")
    }));
    object(json!({
        "entities": list(bounds.max_entities, entity),
        "facts": list(bounds.max_facts, text("one sentence about the file")),
        "relationships": list(bounds.max_relationships, relationship)
    }))
}

//! The schemas of answers in JSON.

use queue_schema::rows::FLAGS;
use queue_schema::sweep::FactsBounds;
use serde_json::{Map, Value, json};

/// The arrays of a forensic answer, in the order they are asked for. The one about documents is asked for only
/// where there are any.
const ARRAYS: [&str; 8] = [
    "critical_failures",
    "pseudocode_flags",
    "broken_pipelines",
    "missing_components",
    "risk_points",
    "verified_components",
    "required_next_actions",
    DOCUMENTS,
];
/// The array that holds the file against the documents.
const DOCUMENTS: &str = "prd_mismatches";

/// Characters of a claim or a quote at most. Servers that turn the schema into a grammar refuse
/// bounds of some thousands.
const MOST_TEXT: u32 = 400;
/// Characters of the evidence at most.
const MOST_EVIDENCE: u32 = 300;

/// Semantic flags of one claim at most.
const MOST_FLAGS: u32 = 3;

/// JSON schema of a forensic answer of at most `most` entries an array; what concerns `documents` only with some.
///
/// Models write members in the order in which the schema has them, and what they have written decides what
/// follows: the quote first, the confidence behind the evidence, the verdict last. `required` says that
/// order, and the providers' clients send the properties in it.
///
/// It keeps to what every provider's strict mode takes: all properties required, no additional
/// ones, and no numeric bounds, which some of them refuse. The range of a confidence stands in
/// its description, and the parser checks it. The bounds of arrays and strings are taken out again
/// for providers that don't take them (`schema_bounds` in their settings).
pub fn forensic_schema(documents: bool, most: u32) -> Value {
    let text =
        |most: u32, what: &str| json!({"type": "string", "maxLength": most, "description": what});
    let entry = object(&[
        ("quote", text(MOST_TEXT, "one to three lines copied exactly from the file, or \"\"")),
        ("claim", text(MOST_TEXT, "what is wrong, in which function")),
        ("fails_for", text(MOST_TEXT, "input or state, what happens, what should; or \"\"")),
        ("change", text(MOST_TEXT, "the code to write instead, or \"\"")),
        ("severity", json!({"type": "string", "enum": ["critical", "major", "minor"]})),
        ("evidence", text(MOST_EVIDENCE, "what else in the file proves it")),
        (
            "flags",
            json!({
                "type": "array",
                "maxItems": MOST_FLAGS,
                "items": {"type": "string", "enum": FLAGS},
                "description": "the kinds of mistake that the claim is one of; mostly none"
            }),
        ),
        (
            "confidence",
            json!({"type": "integer", "description": "0 to 100: 95 proven by the lines shown, 80 likely, 50 plausible"}),
        ),
    ]);
    let array = json!({"type": "array", "maxItems": most, "items": entry});
    let arrays = ARRAYS.into_iter().filter(|name| documents || *name != DOCUMENTS);
    let mut members: Vec<(&str, Value)> = arrays.map(|name| (name, array.clone())).collect();
    if documents {
        let score = json!({"type": ["number", "null"], "description": "1 to 10 between file and PRD, or null"});
        members.push(("alignment_score", score));
    }
    members.push(("verdict", json!({"type": "string", "enum": ["pass", "needs_patch", "fail"]})));
    object(&members)
}

/// JSON schema of an answer about a diff, of at most `most` findings.
pub fn diff_schema(most: u32) -> Value {
    let text =
        |most: u32, what: &str| json!({"type": "string", "maxLength": most, "description": what});
    let finding = object(&[
        ("severity", json!({"type": "string", "enum": ["BLOCK", "WARN", "INFO"]})),
        ("where", text(MOST_EVIDENCE, "path:line or path:symbol, exactly as in the diff")),
        ("quote", text(MOST_TEXT, "one line copied exactly from the diff, or \"\"")),
        ("what", text(MOST_TEXT, "what is wrong")),
        ("why", text(MOST_TEXT, "for which input or state, what happens, what should")),
    ]);
    object(&[
        ("findings", json!({"type": "array", "maxItems": most, "items": finding})),
        ("verdict", json!({"type": "string", "enum": ["ship", "ship-with-fixes", "hold"]})),
        ("verdict_reason", text(MOST_EVIDENCE, "at most 15 words")),
    ])
}

/// JSON schema of votes on so many findings.
pub fn audit_schema(findings: usize) -> Value {
    let text =
        |most: u32, what: &str| json!({"type": "string", "maxLength": most, "description": what});
    let vote = object(&[
        ("finding", json!({"type": "integer", "description": "the number of the statement"})),
        ("quote", text(MOST_TEXT, "one to three lines copied exactly from the file, or \"\"")),
        ("why", text(MOST_EVIDENCE, "one sentence")),
        ("verdict", json!({"type": "string", "enum": ["upheld", "rejected", "cant_tell"]})),
    ]);
    object(&[("votes", json!({"type": "array", "maxItems": findings, "items": vote}))])
}

/// An object of just these members, in this order.
fn object(members: &[(&str, Value)]) -> Value {
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
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
    let list = |most: u32, items: Value| json!({"type": "array", "maxItems": most, "items": items});
    let entity = object(&[
        ("name", text("as in the code")),
        ("kind", text("function, type, field, file, module, document or the like")),
    ]);
    let relationship = object(&[
        ("from", text("name of an entity")),
        ("relation", text("one to three words, e.g. calls")),
        ("to", text("name of an entity")),
    ]);
    object(&[
        ("entities", list(bounds.max_entities, entity)),
        ("facts", list(bounds.max_facts, text("one sentence about the file"))),
        ("relationships", list(bounds.max_relationships, relationship)),
    ])
}

//! `GET /openapi.json`: all addresses, made of the list that the router is made of.

use crate::chat;
use crate::routes::{Address, Kind, Member};
use crate::server::App;
use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

/// What stands for a part of a path, and an example of it where one is there on any fleet.
const PARTS: [(&str, &str, Option<&str>); 7] = [
    ("sweep", "A sweep: its id, the beginning of one, or `latest`", Some("latest")),
    ("number", "The number of a file among the targets of the sweep, from 0", Some("0")),
    ("repo", "A repository that is remembered, by its id, its address or its name", None),
    ("finding", "A finding, by its id", None),
    ("letter", "A dead letter, by its id", None),
    ("forge", "github, gitlab or gitea", Some("github")),
    ("name", "app.css, app.js or icon.svg", Some("app.css")),
];

/// The document.
pub async fn get(State(app): State<App>) -> Json<Value> {
    Json((*app.openapi).clone())
}

/// The document of these addresses.
pub fn document(all: &[Address]) -> Value {
    let mut paths = Map::new();
    for address in all {
        let entry = paths.entry(address.path).or_insert_with(|| json!({}));
        entry[address.method] = operation(address);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Scrum Fleet",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every page is JSON at the same address, with `Accept: application/json` or `.json` behind the path.",
        },
        "security": [{}, { "token": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "scrum_session" },
            },
            "schemas": {
                "Refused": {
                    "type": "object",
                    "properties": { "error": { "type": "string", "description": "The reason" } },
                    "required": ["error"],
                },
            },
        },
    })
}

fn operation(address: &Address) -> Value {
    let doc = &address.doc;
    let mut parameters: Vec<Value> = parts(address.path).map(of_path).collect();
    let mut operation = json!({
        "summary": doc.summary,
        "operationId": id(address),
        "responses": {
            "200": { "description": "What is asked for", "content": answers(address) },
            "4XX": refused("What is wrong with the request"),
            "5XX": refused("What failed"),
        },
    });
    if address.kind == Kind::Decision {
        let schema = object(doc.asks, &[]);
        operation["requestBody"] = json!({
            "required": true,
            "content": {
                "application/json": { "schema": schema },
                "application/x-www-form-urlencoded": { "schema": schema },
            },
        });
        operation["responses"]["303"] = json!({ "description": "Done; a form leads back" });
    } else if address.method == "post" {
        let mut schema = object(doc.asks, &[]);
        // What programs send may have more members.
        schema["additionalProperties"] = true.into();
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    } else {
        parameters.extend(doc.asks.iter().map(|(name, kind, what)| {
            json!({ "name": name, "in": "query", "description": what, "schema": { "type": kind } })
        }));
    }
    operation["parameters"] = parameters.into();
    operation
}

/// A name for programs: `get_sweeps_sweep_files_number`.
fn id(address: &Address) -> String {
    let words = address.path.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let name = if words.is_empty() { "index".to_owned() } else { words.join("_") };
    format!("{}_{name}", address.method)
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn of_path(name: &str) -> Value {
    let part = PARTS.iter().find(|(known, ..)| *known == name);
    let mut parameter = json!({
        "name": name, "in": "path", "required": true,
        "description": part.map_or("", |(_, what, _)| what), "schema": { "type": "string" },
    });
    if let Some(example) = part.and_then(|(.., example)| *example) {
        parameter["example"] = example.into();
    }
    parameter
}

fn answers(address: &Address) -> Value {
    let names: Vec<&str> = address.doc.gives.iter().map(|(name, ..)| *name).collect();
    let schema = if names.is_empty() { json!({}) } else { object(address.doc.gives, &names) };
    let json = json!({ "schema": schema });
    match address.kind {
        _ if streams(address.path) => json!({ "application/json": json, "text/event-stream": {} }),
        Kind::Page => json!({ "application/json": json, "text/html": {} }),
        _ => json!({ "application/json": json }),
    }
}

/// Addresses that may answer with a stream of events.
fn streams(path: &str) -> bool {
    ["/events", chat::CHAT, chat::COMPLETIONS].contains(&path)
}

fn object(members: &[Member], required: &[&str]) -> Value {
    let properties: Map<String, Value> = members
        .iter()
        .map(|(name, kind, what)| {
            let kind = match kind.strip_suffix('?') {
                Some(kind) => json!([kind, "null"]),
                None => json!(kind),
            };
            ((*name).to_owned(), json!({ "type": kind, "description": what }))
        })
        .collect();
    json!({
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

fn refused(what: &str) -> Value {
    json!({
        "description": what,
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Refused" } } },
    })
}

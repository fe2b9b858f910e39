//! Whether two servers answer the same requests alike: the status, and the shape of the body, by the name of each
//! place that differs.
//!
//! The shape of a body is its keys and their types, all the way down. Values are compared only where a case asks for
//! it: ids, times and the words of a model differ between any two answers.

mod cases;
mod place;
mod report;
mod shape;
mod wire;

pub use cases::{Case, Cases, Headers, MistakeInCases};
pub use place::Pattern;
pub use report::{junit, said};
pub use wire::{Answers, Pair, Request};

use place::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shape::Shape;

/// Differences of one case that are named; the rest is counted.
pub const MOST_DIFFERENCES: usize = 50;
/// Characters of a value that a difference shows.
const SHOWN_CHARS: usize = 80;

/// What one side answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Status code.
    pub status: u16,
    /// `Content-Type`, as it came.
    pub content_type: String,
    /// The body.
    pub body: String,
    /// Milliseconds until its end.
    pub ms: u64,
}

/// One place in which two answers differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `status`, or the place in the body: `$.choices[].message.content`.
    pub path: String,
    /// What the first server has there.
    pub a: String,
    /// What the second one has there.
    pub b: String,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    /// Both answered, and nothing differs.
    Same,
    /// Both answered, and something differs.
    Different {
        /// At most [`MOST_DIFFERENCES`].
        differences: Vec<Difference>,
        /// Further ones.
        more: usize,
    },
    /// A side gave no answer.
    NotAsked {
        /// Why the first one gave none.
        #[serde(skip_serializing_if = "Option::is_none")]
        a: Option<String>,
        /// Why the second one gave none.
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<String>,
    },
}

/// A case and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Name of the case.
    pub name: String,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Milliseconds that the first server took, if it answered.
    pub a_ms: Option<u64>,
    /// Milliseconds that the second one took.
    pub b_ms: Option<u64>,
}

/// Holds the answers of both sides to one case against each other.
pub fn compare(case: &Case, a: &Result<Heard, String>, b: &Result<Heard, String>) -> Compared {
    let outcome = match (a, b) {
        (Ok(a), Ok(b)) => {
            let mut differences = Found::new(case).all(a, b);
            let more = differences.len().saturating_sub(MOST_DIFFERENCES);
            differences.truncate(MOST_DIFFERENCES);
            if differences.is_empty() {
                Outcome::Same
            } else {
                Outcome::Different { differences, more }
            }
        }
        _ => Outcome::NotAsked { a: a.clone().err(), b: b.clone().err() },
    };
    let ms = |side: &Result<Heard, String>| side.as_ref().ok().map(|heard| heard.ms);
    Compared { name: case.name.clone(), outcome, a_ms: ms(a), b_ms: ms(b) }
}

/// Exit code of a run: 2 when a side could not be asked, 1 when something differs.
pub fn exit_code(all: &[Compared]) -> u8 {
    let code = |c: &Compared| match c.outcome {
        Outcome::Same => 0,
        Outcome::Different { .. } => 1,
        Outcome::NotAsked { .. } => 2,
    };
    all.iter().map(code).max().unwrap_or_default()
}

/// A body as it is compared.
#[derive(Debug, PartialEq)]
enum Body {
    Empty,
    Json(Value),
    /// The data of server-sent events, or a line of JSON each.
    Stream(Value),
    Text(String),
}

impl Body {
    fn read(heard: &Heard) -> Self {
        let text = heard.body.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Self::Empty;
        }
        if let Ok(value) = serde_json::from_str(text) {
            return Self::Json(value);
        }
        if heard.content_type.contains("event-stream") || text.starts_with("data:") {
            let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
            let value = |data: &str| {
                serde_json::from_str::<Value>(data.trim()).unwrap_or_else(|_| data.trim().into())
            };
            return Self::Stream(data.map(value).collect());
        }
        let lines: Result<Value, _> = text
            .lines()
            .filter(|l| !l.trim().is_empty())
            .map(serde_json::from_str::<Value>)
            .collect();
        lines.map_or_else(|_| Self::Text(text.to_owned()), Self::Stream)
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "no body",
            Self::Json(_) => "JSON",
            Self::Stream(_) => "a stream of JSON",
            Self::Text(_) => "text",
        }
    }
}

/// Collects the differences of one case.
struct Found<'a> {
    case: &'a Case,
    list: Vec<Difference>,
}

impl<'a> Found<'a> {
    const fn new(case: &'a Case) -> Self {
        Self { case, list: Vec::new() }
    }

    fn all(mut self, a: &Heard, b: &Heard) -> Vec<Difference> {
        if a.status != b.status {
            let (a, b) = (a.status.to_string(), b.status.to_string());
            self.list.push(Difference { path: "status".to_owned(), a, b });
        }
        let root = Place::root();
        match (Body::read(a), Body::read(b)) {
            (Body::Json(a), Body::Json(b)) | (Body::Stream(a), Body::Stream(b)) => {
                self.shapes(&Shape::of(&a), &Shape::of(&b), &root);
                self.values(&a, &b, &root);
            }
            (Body::Text(a), Body::Text(b)) => self.values(&a.into(), &b.into(), &root),
            (a, b) if a.kind() != b.kind() => self.add(&root, a.kind(), b.kind()),
            _ => {}
        }
        self.list
    }

    fn add(&mut self, at: &Place, a: impl Into<String>, b: impl Into<String>) {
        if !self.case.ignore.iter().any(|pattern| pattern.covers(at)) {
            self.list.push(Difference { path: at.to_string(), a: a.into(), b: b.into() });
        }
    }

    fn shapes(&mut self, a: &Shape, b: &Shape, at: &Place) {
        if a.types() != b.types() {
            self.add(at, a.types(), b.types());
        }
        for key in a.fields.keys().chain(b.fields.keys().filter(|k| !a.fields.contains_key(*k))) {
            let below = at.key(key);
            match (a.fields.get(key), b.fields.get(key)) {
                (Some(in_a), Some(in_b)) => {
                    let (has_a, has_b) = (a.has(in_a), b.has(in_b));
                    if has_a != has_b {
                        self.add(&below, has_a, has_b);
                    }
                    self.shapes(&in_a.shape, &in_b.shape, &below);
                }
                // Where the other side has no object at all, that was said above.
                (Some(in_a), None) if b.is_object() => {
                    self.add(&below, in_a.shape.types(), "missing");
                }
                (None, Some(in_b)) if a.is_object() => {
                    self.add(&below, "missing", in_b.shape.types());
                }
                _ => {}
            }
        }
        // What an empty list would hold is not known.
        if let (Some(in_a), Some(in_b)) = (&a.items, &b.items) {
            self.shapes(in_a, in_b, &at.item());
        }
    }

    fn values(&mut self, a: &Value, b: &Value, at: &Place) {
        if self.case.values.is_empty() {
            return;
        }
        match (a, b) {
            (Value::Object(in_a), Value::Object(in_b)) => {
                // A key that one side lacks is a difference of shape.
                for (key, a) in in_a {
                    if let Some(b) = in_b.get(key) {
                        self.values(a, b, &at.key(key));
                    }
                }
            }
            (Value::Array(in_a), Value::Array(in_b)) => {
                if in_a.len() != in_b.len() && self.asked(at) {
                    let say = |n: usize| crate::text::counted(n, "item", "items");
                    self.add(at, say(in_a.len()), say(in_b.len()));
                }
                for (a, b) in in_a.iter().zip(in_b) {
                    self.values(a, b, &at.item());
                }
            }
            _ if a != b && shape::type_of(a) == shape::type_of(b) && self.asked(at) => {
                self.add(at, shown(a), shown(b));
            }
            _ => {}
        }
    }

    /// Whether values are to be the same here.
    fn asked(&self, at: &Place) -> bool {
        self.case.values.iter().any(|pattern| pattern.covers(at))
    }
}

/// A value for a person: masked, and of bounded length.
fn shown(value: &Value) -> String {
    crate::text::clip_marked(&crate::redact::mask(&value.to_string()).text, SHOWN_CHARS)
}

#[cfg(test)]
mod tests;

//! The file of cases.

use super::Pattern;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use thiserror::Error;

/// Methods that a case may have.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/// Cases of one file.
pub const MOST_CASES: usize = 10_000;

/// Names of headers and their values; `${NAME}` in a value stands for a variable of the environment.
pub type Headers = BTreeMap<String, String>;

/// What is wrong with a file of cases.
#[derive(Debug, Error)]
pub enum MistakeInCases {
    /// It is no JSON, or not of this form.
    #[error(
        "is no list of cases: {0}; a case is {{\"method\": \"GET\", \"path\": \"/v1/models\"}}"
    )]
    Form(#[from] serde_json::Error),
    /// One case.
    #[error("case {number} ({name}): {why}")]
    Case {
        /// From 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// It asks for nothing, or for too much.
    #[error("holds {0} cases; 1 to {MOST_CASES} can be asked")]
    Number(usize),
}

/// One request and what is compared of its answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// For people; method and path when absent.
    #[serde(default)]
    pub name: String,
    /// `GET` when absent.
    #[serde(default = "get")]
    pub method: String,
    /// What follows the base address, with its query: `/v1/models`.
    pub path: String,
    /// Sent to both.
    #[serde(default)]
    pub headers: Headers,
    /// Sent to the first server alone.
    #[serde(default)]
    pub headers_a: Headers,
    /// Sent to the second one alone.
    #[serde(default)]
    pub headers_b: Headers,
    /// Sent as JSON; a text is sent as it is.
    #[serde(default)]
    pub body: Option<Value>,
    /// Where values must be the same too.
    #[serde(default, deserialize_with = "patterns")]
    pub values: Vec<Pattern>,
    /// What is not compared.
    #[serde(default, deserialize_with = "patterns")]
    pub ignore: Vec<Pattern>,
}

impl Case {
    /// What is sent to the first server.
    pub fn to_a(&self) -> Headers {
        joined(&self.headers, self.headers_a.clone())
    }

    /// What is sent to the second one.
    pub fn to_b(&self) -> Headers {
        joined(&self.headers, self.headers_b.clone())
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn patterns<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Pattern>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

/// A list of cases, or an object with what holds for all of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    headers: Headers,
    #[serde(default)]
    headers_a: Headers,
    #[serde(default)]
    headers_b: Headers,
    #[serde(default, deserialize_with = "patterns")]
    ignore: Vec<Pattern>,
    cases: Vec<Case>,
}

/// The cases of a file, in its order.
#[derive(Debug, Clone)]
pub struct Cases(pub Vec<Case>);

impl Cases {
    /// Reads a file: a list of cases, or an object with `cases` and the `headers`, `headers_a`, `headers_b` and
    /// `ignore` that hold for all of them.
    ///
    /// # Errors
    /// No such JSON, no case, or one that can't be asked.
    pub fn read(json: &str) -> Result<Self, MistakeInCases> {
        let json = json.trim_start_matches('\u{feff}');
        // Which of the two it is decides whose complaint is shown.
        let mut cases = if json.trim_start().starts_with('[') {
            serde_json::from_str::<Vec<Case>>(json)?
        } else {
            let file: File = serde_json::from_str(json)?;
            let all = file.cases.into_iter().map(|mut case| {
                // What a case says itself wins.
                case.headers = joined(&file.headers, case.headers);
                case.headers_a = joined(&file.headers_a, case.headers_a);
                case.headers_b = joined(&file.headers_b, case.headers_b);
                case.ignore.extend(file.ignore.iter().cloned());
                case
            });
            all.collect()
        };
        if cases.is_empty() || cases.len() > MOST_CASES {
            return Err(MistakeInCases::Number(cases.len()));
        }
        for (number, case) in (1..).zip(&mut cases) {
            case.method = case.method.to_ascii_uppercase();
            if case.name.is_empty() {
                case.name = format!("{} {}", case.method, case.path);
            }
            let why = if !METHODS.contains(&case.method.as_str()) {
                format!("'{}' is no method; use one of {}", case.method, METHODS.join(", "))
            } else if !case.path.starts_with('/') {
                format!("the path '{}' must begin with /", case.path)
            } else {
                continue;
            };
            return Err(MistakeInCases::Case { number, name: case.name.clone(), why });
        }
        Ok(Self(cases))
    }
}

/// Both, where the second ones win; case does not matter in the name of a header.
fn joined(of_all: &Headers, mut own: Headers) -> Headers {
    for (name, value) in of_all {
        if !own.keys().any(|mine| mine.eq_ignore_ascii_case(name)) {
            own.insert(name.clone(), value.clone());
        }
    }
    own
}

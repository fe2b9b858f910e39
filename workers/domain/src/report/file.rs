//! The report of one file: its names, and its form for programs.

use super::{FileReport, original};
use queue_schema::ids::sha256_hex;
use scrum_shown::shown;
use serde_json::{Value, json};
use std::collections::HashSet;

/// Longest name that common file systems take, in bytes.
const MOST_BYTES: usize = 255;

/// `review_<path with / as _>`, to which `.json` or `.md` is added. A name no file system would take is
/// cut and made unique by a hash of the path.
fn stem(path: &str) -> String {
    let flat: String =
        path.chars().map(|c| if matches!(c, '/' | '\\' | '\t'..='\r') { '_' } else { c }).collect();
    let seen = shown(&flat);
    let clean = seen.replace('\\', "_");
    let stem = format!("review_{clean}");
    let fits = seen == flat && stem.len() + ".json".len() <= MOST_BYTES;
    if fits { stem } else { hashed(&clean, path) }
}

fn hashed(clean: &str, path: &str) -> String {
    let mut end = clean.len().min(MOST_BYTES - 40);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    format!("review_{}_{:.10}", &clean[..end], sha256_hex(path.as_bytes()))
}

/// The names that a path may have got: the second one where another path has the first.
fn stems(path: &str) -> [String; 2] {
    let first = stem(path);
    let second = hashed(first.trim_start_matches("review_"), path);
    [first, second]
}

/// Names that are taken, as hashes: eight bytes each, however long they are. Case is folded, because some
/// file systems do.
#[derive(Debug, Default)]
pub struct Names(HashSet<u64>);

impl Names {
    /// The name of a file's reports, without its end. `a/b_c` and `a_b/c` want the same one: the second
    /// gets a hash of its path, so that no report overwrites another.
    pub fn stem_of(&mut self, path: &str) -> String {
        let [first, second] = stems(path);
        if self.take(&first) {
            return first;
        }
        self.take(&second);
        second
    }

    /// Takes a name; false when it was taken already.
    pub fn take(&mut self, name: &str) -> bool {
        self.0.insert(folded(name))
    }

    /// Whether a name is taken.
    pub fn holds(&self, name: &str) -> bool {
        self.0.contains(&folded(name))
    }
}

fn folded(name: &str) -> u64 {
    let hash = sha256_hex(name.to_lowercase().as_bytes());
    u64::from_str_radix(&hash[..16], 16).unwrap_or_default()
}

/// The first line of a page: by it, one that an earlier report has left is known from what a person has
/// put there under a similar name.
pub fn page_mark(name: &str) -> String {
    format!("<!-- scrum page {:.16} -->", sha256_hex(name.as_bytes()))
}

/// Whether a file of this name and content is the report of a file of some sweep.
pub fn is_report(name: &str, text: &str) -> bool {
    if name.ends_with(".md") {
        return text.lines().next() == Some(&page_mark(name));
    }
    let Ok(Value::Object(map)) = serde_json::from_str(text) else { return false };
    let Some(path) = map.get("file").and_then(Value::as_str) else { return false };
    let is_ours = stems(path).iter().any(|stem| name.strip_suffix(".json") == Some(stem));
    map.contains_key("blob") && map.contains_key("attempts") && is_ours
}

/// What stands in the file: the row with its facts, or for a file without one how it stands and why; and
/// the same under the names of the original.
pub fn render(file: &FileReport) -> Value {
    let mut value = of_ours(file);
    if let Some(map) = value.as_object_mut() {
        original::add_review(map, file);
    }
    value
}

fn of_ours(file: &FileReport) -> Value {
    if let Some(row) = &file.row
        && let Ok(mut value) = serde_json::to_value(row)
    {
        if let Some(map) = value.as_object_mut() {
            // It stands there as the original called it.
            map.remove("answer");
            map.insert("facts".into(), json!(file.facts));
            map.insert("facts_trouble".into(), json!(file.facts_trouble));
        }
        return value;
    }
    json!({
        "file": file.target.path,
        "blob": file.target.blob,
        "status": file.status,
        "reason": file.dead_reason.as_ref().or(file.target.skip.as_ref()),
        "attempts": file.attempts,
    })
}

//! The report of one file.

use super::FileReport;
use queue_schema::ids::sha256_hex;
use scrum_shown::shown;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Longest name that common file systems take, in bytes.
const MOST_BYTES: usize = 255;

/// `review_<path with / as _>.json`. A name no file system would take is cut, and one with hidden
/// characters shows them as `_u{..}`; both are made unique by a hash of the path.
pub fn file_name(path: &str) -> String {
    let flat: String =
        path.chars().map(|c| if matches!(c, '/' | '\\' | '\t'..='\r') { '_' } else { c }).collect();
    let seen = shown(&flat);
    let clean = seen.replace('\\', "_");
    let name = format!("review_{clean}.json");
    if seen == flat && name.len() <= MOST_BYTES { name } else { hashed(&clean, path) }
}

/// The names of several files, in order. `a/b_c` and `a_b/c` want the same name; from the second
/// on it gets a hash of its path, so that no report overwrites another.
pub fn file_names(paths: &[&str]) -> Vec<String> {
    // Case is folded, because some file systems do.
    let mut taken: BTreeSet<String> = BTreeSet::new();
    paths
        .iter()
        .map(|path| {
            let mut name = file_name(path);
            if !taken.insert(name.to_lowercase()) {
                name = hashed(name.trim_start_matches("review_").trim_end_matches(".json"), path);
                taken.insert(name.to_lowercase());
            }
            name
        })
        .collect()
}

/// Whether a file of this name and content is the report of a file of some sweep: so that one of an
/// earlier report is known from what a person has put there under a similar name.
pub fn is_report(name: &str, text: &str) -> bool {
    let Ok(Value::Object(map)) = serde_json::from_str(text) else { return false };
    let Some(path) = map.get("file").and_then(Value::as_str) else { return false };
    let first = file_name(path);
    let second = hashed(first.trim_start_matches("review_").trim_end_matches(".json"), path);
    map.contains_key("blob") && map.contains_key("attempts") && (name == first || name == second)
}

fn hashed(clean: &str, path: &str) -> String {
    let mut end = clean.len().min(MOST_BYTES - 40);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    let hash: String = sha256_hex(path.as_bytes()).chars().take(10).collect();
    format!("review_{}_{hash}.json", &clean[..end])
}

/// What stands in the file: the row with its facts, or for a file without one how it stands and why.
pub fn render(file: &FileReport) -> Value {
    if let Some(row) = &file.row
        && let Ok(mut value) = serde_json::to_value(row)
    {
        if let Some(map) = value.as_object_mut() {
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

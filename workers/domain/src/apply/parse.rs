//! What a patch model answered.

use crate::clean::clean;
use crate::parse::objects;
pub use queue_schema::apply::ProposedPatch as Patch;
use serde_json::{Map, Value};

/// Reads an answer: JSON with a list `patches`, fenced or in prose. An empty list is a valid answer.
///
/// # Errors
/// Why it can't be read, for a person.
pub fn patches(answer: &str) -> Result<Vec<Patch>, String> {
    let text = clean(answer);
    let text = text.trim();
    if text.is_empty() {
        return Err("the answer is empty".to_owned());
    }
    if text == "[]" {
        return Ok(Vec::new());
    }
    let found = objects(text);
    // Of several lists the last counts, because drafts come before the final answer.
    if let Some(list) = found.iter().rev().find_map(|map| map.get("patches")) {
        let list = list.as_array().ok_or("`patches` is not a list")?;
        return list.iter().enumerate().map(|(k, v)| patch(k, v.as_object())).collect();
    }
    // A bare list of patches, or a single one.
    let bare: Vec<_> = found.iter().filter(|map| map.contains_key("old_string")).collect();
    if bare.is_empty() {
        return Err("there is no JSON object with a list `patches` in the answer".to_owned());
    }
    bare.into_iter().enumerate().map(|(k, map)| patch(k, Some(map))).collect()
}

fn patch(k: usize, map: Option<&Map<String, Value>>) -> Result<Patch, String> {
    let n = k + 1;
    let map = map.ok_or_else(|| format!("patch {n} is not an object"))?;
    let text = |name: &str| {
        map.get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| format!("patch {n} has no text `{name}`"))
    };
    Ok(Patch {
        old_string: text("old_string")?,
        new_string: text("new_string")?,
        rationale: map.get("rationale").and_then(Value::as_str).unwrap_or_default().to_owned(),
        confidence: map.get("confidence").and_then(percent),
    })
}

/// A confidence as a number of percent, as a share of one, or as text such as `95%`.
fn percent(value: &Value) -> Option<u8> {
    let number = match value {
        Value::Number(n) => n.as_f64()?,
        Value::String(s) => s.trim().trim_end_matches('%').trim_end().parse().ok()?,
        _ => return None,
    };
    // 1 is one percent as an integer and certainty as a share: only a fraction is a share.
    let percent = if number > 0.0 && number < 1.0 { number * 100.0 } else { number };
    (0.0..=100.0).contains(&percent).then(|| percent.floor() as u8)
}

//! What leaves through a tool: bounded, without secrets, with its hidden characters shown.

use anyhow::bail;
use scrum_domain::redact;
use scrum_domain::text::clip_marked;
use scrum_shown::shown;
use serde_json::Value;

/// Characters of one text at most.
const MOST_CHARS: usize = 1_000;
/// Bytes of an answer at most: what is more fills the context of whoever asks.
const MOST_BYTES: usize = 256 * 1024;

/// The answer as it may leave.
///
/// # Errors
/// One that is too large.
pub fn checked(value: Value) -> anyhow::Result<Value> {
    let safe = safe(value);
    let bytes = serde_json::to_vec(&safe)?.len();
    if bytes > MOST_BYTES {
        bail!(
            "the answer has {bytes} bytes, more than {MOST_BYTES}; ask for less: a smaller `limit`, or a `path`"
        );
    }
    Ok(safe)
}

/// Who asks may hand everything on to a model elsewhere: texts leave as a sweep would send them.
fn safe(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let masked = redact::mask(&text).text;
            Value::String(clip_marked(&shown(&masked), MOST_CHARS))
        }
        Value::Array(all) => Value::Array(all.into_iter().map(safe).collect()),
        Value::Object(map) => {
            let safe = |(name, value): (String, Value)| (shown(&name).into_owned(), safe(value));
            Value::Object(map.into_iter().map(safe).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_leave_masked_plain_and_bounded() {
        let key = "AKIAIOSFODNN7REALKEY";
        let told = json!({ "a\u{202e}": [format!("key = \"{key}\""), "x\u{200b}y", "z".repeat(2_000)], "n": 7 });
        let safe = checked(told).unwrap();
        let all = safe.to_string();
        assert!(
            !all.contains(key) && !all.contains('\u{200b}') && !all.contains('\u{202e}'),
            "{all}"
        );
        assert!(all.contains("x\\\\u{200b}y") && safe["n"] == 7, "{all}");
        assert!(all.chars().filter(|c| *c == 'z').count() < 1_000);
        let much = json!(vec!["y".repeat(999); 300]);
        assert!(checked(much).unwrap_err().to_string().contains("limit"));
    }
}

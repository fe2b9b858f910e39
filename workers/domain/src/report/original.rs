//! The names of the original script in `review_*.json` and in `per_file` of `summary.json`, beside our own:
//! what read its files reads ours. A name that both have has the same meaning.

use super::FileReport;
use queue_schema::rows::review::TopChunk;
use queue_schema::rows::{Attempt, Outcome, ReviewRow};
use serde_json::{Map, Value, json};

/// Adds the original's members to a file's JSON.
pub(super) fn add_review(to: &mut Map<String, Value>, file: &FileReport) {
    let row = file.row.as_ref();
    let chunks = |origin: &str| -> Vec<Value> {
        let all = row.map(|r| r.top_chunks.as_slice()).unwrap_or_default();
        all.iter().filter(|chunk| chunk.origin == origin).map(chunk).collect()
    };
    let (total, missing) =
        row.map_or((0, 0), |r| (r.shards_total as usize, r.shards_missing.len()));
    let history: Vec<Value> = file.history().iter().map(attempt).collect();
    let members = [
        ("file", json!(file.target.path)),
        ("file_bytes", json!(file.target.bytes)),
        ("tree_split_fired", json!(row.is_some_and(|r| r.tree_split_fired))),
        ("shards_summarized", json!(total.saturating_sub(missing))),
        ("top_prd_chunks", json!(chunks("prd"))),
        ("top_proposal_chunks", json!(chunks("proposal"))),
        ("attempts_made", json!(file.history().len())),
        ("attempts_history", json!(history)),
        ("accepted_on", accepted_on(row)),
        ("escalated_to_model", json!(model(row))),
        ("suggestions", json!(row.map(ReviewRow::kept_answer).unwrap_or_default())),
        ("duration_ms", json!(took_ms(file))),
    ];
    to.extend(members.map(|(name, value)| (name.to_owned(), value)));
}

/// Adds the original's members to a file in `per_file`.
pub(super) fn add_per_file(to: &mut Value, file: &FileReport) {
    to["accepted_on"] = accepted_on(file.row.as_ref());
    to["model"] = json!(model(file.row.as_ref()));
    to["ms"] = json!(took_ms(file));
}

/// The number of the accepted attempt; null for a file without.
fn accepted_on(row: Option<&ReviewRow>) -> Value {
    json!(row.map(|r| r.accepted_on_attempt))
}

/// The model of the accepted answer; empty without.
fn model(row: Option<&ReviewRow>) -> &str {
    row.map(|r| r.accepted_model.as_str()).unwrap_or_default()
}

/// Milliseconds of the review's calls.
fn took_ms(file: &FileReport) -> u64 {
    let of_attempts = || file.attempts.iter().map(|a| a.duration_ms).sum();
    file.row.as_ref().map_or_else(of_attempts, |r| r.duration_ms)
}

fn chunk(chunk: &TopChunk) -> Value {
    json!({"origin": chunk.origin, "offset": chunk.offset, "score": chunk.score})
}

/// The original knew three ends: an answer that is taken, one that is not, and none at all.
fn attempt(attempt: &Attempt) -> Value {
    let status = match attempt.outcome {
        Outcome::Accepted => "accepted",
        Outcome::Error | Outcome::Refused => "error",
        Outcome::Thin | Outcome::Malformed | Outcome::Leaked | Outcome::Truncated => "thin",
    };
    let mut value = json!({
        "n": attempt.n,
        "model": attempt.model_name(),
        "status": status,
        "chars": attempt.chars,
    });
    if attempt.outcome != Outcome::Accepted {
        let said = if attempt.outcome.as_str() == status {
            String::new()
        } else {
            format!("{}: ", attempt.outcome)
        };
        value["error"] = json!(format!("{said}{}", attempt.reason));
    }
    value
}

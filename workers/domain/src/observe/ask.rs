//! What a model is asked about a trouble. Its words stand beside the numbers, never instead of them.

use crate::prompt::{Prompt, fenced, fill};
use crate::text::clip_marked;
use queue_schema::rows::{DiagnosisRow, Outcome};
use std::fmt::Write as _;

pub(crate) const DIAGNOSE: &str = include_str!("../../templates/diagnose.md");
/// Characters of an answer that are kept.
const TEXT_CHARS: usize = 1_200;

/// Everything that the prompt is made of.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The trouble.
    pub row: &'a DiagnosisRow,
    /// A marker that nobody who failed can know.
    pub fence: &'a str,
}

/// The prompt.
pub fn prompt(asked: &Asked<'_>) -> Prompt {
    let row = asked.row;
    let mut text = format!(
        "task: {}\nwho: {}\nclass of the failure: {}\nfailures: {} in {} s\n",
        row.task,
        row.endpoint,
        row.class,
        row.count,
        row.until_ms.saturating_sub(row.since_ms) / 1000
    );
    if !row.area.is_empty() {
        let _ = writeln!(text, "files under: {}", row.area);
    }
    for (name, list) in [("reason", &row.samples), ("file", &row.files)] {
        for one in list {
            let _ = writeln!(text, "{name}: {one}");
        }
    }
    let _ = writeln!(text, "what the manual says: {}", row.what_to_do);
    let mut user = String::new();
    fenced(&mut user, asked.fence, "failures", &text);
    Prompt { system: fill(DIAGNOSE, &[("fence", asked.fence)]), user, schema: None }
}

/// What is kept of an answer.
///
/// # Errors
/// One that says nothing.
pub fn judge(answer: &str) -> Result<String, (Outcome, String)> {
    let text = answer.trim();
    if text.is_empty() {
        return Err((Outcome::Thin, "the answer is empty".to_owned()));
    }
    Ok(clip_marked(text, TEXT_CHARS))
}

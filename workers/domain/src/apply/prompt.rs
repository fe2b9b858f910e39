//! What the patch model is asked.

use crate::prompt::{Prompt, fenced, fenced_file, fill};
use crate::text::one_line;
use queue_schema::rows::Finding;
use serde_json::json;
use std::fmt::Write as _;
use std::ops::Range;

pub(crate) const PATCH: &str = include_str!("../../templates/patch.md");

/// What of a file is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// All of it.
    Whole,
    /// Lines around the findings, from 0, ends exclusive, ascending and apart.
    Regions(Vec<Range<usize>>),
}

/// Everything a patch prompt is made of.
#[derive(Debug, Clone, Copy)]
pub struct PatchInput<'a> {
    /// Path in the repository.
    pub path: &'a str,
    /// As [`crate::target::language`] names it.
    pub language: &'a str,
    /// The file.
    pub source: &'a str,
    /// What of it is shown.
    pub shown: &'a Shown,
    /// The review's findings.
    pub findings: &'a [Finding],
    /// Patches at most.
    pub most: u32,
    /// Lines of a patch at most.
    pub lines: u32,
    /// A marker that the author of the repository cannot know.
    pub fence: &'a str,
}

/// The whole of a file of up to `whole_chars` characters; of a larger one, `around` lines before and
/// after each finding whose place is known. `None` when no place is known.
pub fn shown(source: &str, findings: &[Finding], whole_chars: u32, around: u32) -> Option<Shown> {
    if source.chars().nth(whole_chars as usize).is_none() {
        return Some(Shown::Whole);
    }
    let lines = source.lines().count();
    let around = around as usize;
    let mut ranges: Vec<Range<usize>> = findings
        .iter()
        .filter(|f| f.anchored)
        .filter_map(|f| {
            let first = (f.line? as usize).saturating_sub(1);
            let last = f.end_line.map_or(first, |l| l as usize).max(first + 1);
            Some(first.saturating_sub(around)..(last + around).min(lines))
        })
        .filter(|r| r.start < r.end)
        .collect();
    ranges.sort_by_key(|r| r.start);
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match apart.last_mut() {
            Some(before) if range.start <= before.end => before.end = before.end.max(range.end),
            _ => apart.push(range),
        }
    }
    (!apart.is_empty()).then_some(Shown::Regions(apart))
}

/// The prompt for the patches of one file.
pub fn patch_prompt(input: &PatchInput<'_>) -> Prompt {
    let (most, lines) = (input.most.to_string(), input.lines.to_string());
    let system = fill(PATCH, &[("fence", input.fence), ("most", &most), ("lines", &lines)]);
    let mut user = String::from("# Findings of the review\n");
    let mut findings = String::new();
    for f in input.findings.iter().filter(|f| f.kind.is_actionable()) {
        let confidence = f.confidence.map(|c| format!(" ({c} %)")).unwrap_or_default();
        let place = f.line.map(|l| format!(" line {l}:")).unwrap_or_default();
        let _ = writeln!(findings, "-{place} {}{confidence}", one_line(&f.text));
        if let Some(quote) = &f.quote {
            let _ = writeln!(findings, "  quote: {}", one_line(quote));
        }
    }
    fenced(&mut user, input.fence, "findings", &findings);
    let _ = writeln!(user, "\n# File\nLanguage: {}", input.language);
    match input.shown {
        Shown::Whole => {
            user.push_str("This is the whole file.\n");
            fenced_file(&mut user, input.fence, "file", input.path, input.source);
        }
        Shown::Regions(ranges) => {
            let all: Vec<&str> = input.source.lines().collect();
            let _ = writeln!(
                user,
                "The file has {} lines and is too large to be shown whole. These are the regions around the findings; you don't see the rest.",
                all.len()
            );
            for range in ranges {
                let text = all.get(range.clone()).unwrap_or_default().join("\n");
                let label = format!("lines {} to {} of the file", range.start + 1, range.end);
                fenced_file(&mut user, input.fence, &label, input.path, &text);
            }
        }
    }
    Prompt { system, user, schema: Some(schema(input.most)) }
}

fn schema(most: u32) -> serde_json::Value {
    let text = |most: u32| json!({"type": "string", "maxLength": most});
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["patches"],
        "properties": {"patches": {"type": "array", "maxItems": most, "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["old_string", "new_string", "rationale", "confidence"],
            "properties": {
                "old_string": text(1200), "new_string": text(1200), "rationale": text(300),
                "confidence": {"type": "integer", "description": "0 to 100"}
            }
        }}}
    })
}

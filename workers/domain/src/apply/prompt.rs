//! What the patch model is asked.

use super::select::is_patched;
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
    /// Whether findings that nothing confirms are shown too.
    pub unconfirmed: bool,
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
    for f in input.findings.iter().filter(|f| is_patched(f, input.unconfirmed)) {
        let confidence = f.confidence.map(|c| format!(" ({c} %)")).unwrap_or_default();
        let place = f.line.map(|l| format!(" line {l}:")).unwrap_or_default();
        let confirmed = if f.is_confirmed() { " confirmed:" } else { "" };
        let _ = writeln!(findings, "-{confirmed}{place} {}{confidence}", one_line(&f.text));
        if let Some(quote) = &f.quote {
            let _ = writeln!(findings, "  quote: {}", one_line(quote));
        }
        if let Some(change) = f.change.as_ref().filter(|_| f.is_confirmed()) {
            let _ = writeln!(findings, "  change: {}", change.replace('\n', "\n    "));
        }
    }
    fenced(&mut user, input.fence, "findings", &findings);
    file_part(&mut user, input);
    Prompt { system, user, schema: Some(schema(input.most)) }
}

/// The file, or what of it is shown.
pub(super) fn file_part(user: &mut String, input: &PatchInput<'_>) {
    let _ = writeln!(user, "\n# File\nLanguage: {}", input.language);
    match input.shown {
        Shown::Whole => {
            user.push_str("This is the whole file.\n");
            fenced_file(user, input.fence, "file", input.path, input.source);
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
                fenced_file(user, input.fence, &label, input.path, &text);
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use queue_schema::rows::Confirmed;

    #[test]
    fn a_confirmed_finding_brings_its_change_and_others_only_where_they_may() {
        let finding =
            |line| Finding { text: "claim".into(), line: Some(line), ..Finding::default() };
        let mut findings = [finding(1), finding(2)];
        findings[0].confirmed = Some(Confirmed::Call);
        findings[1].text = "another claim".into();
        for f in &mut findings {
            f.change = Some("`first`\n`second`".into());
        }
        let prompt = |unconfirmed| {
            patch_prompt(&PatchInput {
                path: "a.rs",
                language: "Rust",
                source: "x",
                shown: &Shown::Whole,
                findings: &findings,
                unconfirmed,
                most: 2,
                lines: 6,
                fence: "F1",
            })
        };
        let user = prompt(false).user;
        assert!(user.contains("- confirmed: line 1:") && !user.contains("another claim"), "{user}");
        let user = prompt(true).user;
        assert!(
            user.contains("- line 2: another claim") && user.contains("    `second`"),
            "{user}"
        );
        assert_eq!(user.matches("change:").count(), 1, "what is not confirmed is no instruction");
        assert!(prompt(true).system.contains("marked \"confirmed\": what its \"change\" says"));
    }
}

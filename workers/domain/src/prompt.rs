//! What a reviewer is told. The wording lives in `templates/`; cached answers are kept under its
//! [`template_version`], so that a change there never finds an answer to other words.
//!
//! Order matters twice: what all prompts of a sweep share stands first, so that providers can
//! reuse it, and what changes from attempt to attempt stands last.

mod facts;
mod schema;

pub use facts::{ExtractInput, Shown, VerifyInput, extract_prompt, verify_prompt};
pub use schema::{audit_schema, diff_schema, facts_schema, forensic_schema};

use crate::hints::{self, Hint};
use crate::redact::{mask, mask_range};
use crate::retrieve::Chunk;
use crate::text::{clip, counted, one_line};
use queue_schema::ids::content_id;
use queue_schema::rows::{Attempt, FLAGS, TypeHint};
use std::fmt::Write as _;
use std::sync::OnceLock;

/// Version of the way the templates are filled in. Raised by hand when that changes.
const FILLED_IN: &str = "2026-11-7";

const REVIEW: &str = include_str!("../templates/review.md");
const FORMAT_MARKDOWN: &str = include_str!("../templates/format_markdown.md");
const FORMAT_FORENSIC: &str = include_str!("../templates/format_forensic.md");
const DISTILLED: &str = include_str!("../templates/distilled.md");
const HINTS: &str = include_str!("../templates/hints.md");
const DEFINITIONS: &str = include_str!("../templates/definitions.md");
const SHARD: &str = include_str!("../templates/shard.md");
pub(crate) const MASKED: &str = include_str!("../templates/masked.md");
const TASK: &str = include_str!("../templates/task.md");

/// Version of the templates and of the way they are filled in: a hash of all their words.
pub fn template_version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| version_of(&TEMPLATES))
}

const TEMPLATES: [&str; 19] = [
    REVIEW,
    FORMAT_MARKDOWN,
    FORMAT_FORENSIC,
    DISTILLED,
    HINTS,
    DEFINITIONS,
    SHARD,
    MASKED,
    TASK,
    facts::EXTRACT,
    facts::VERIFY,
    crate::apply::prompt::PATCH,
    crate::apply::prove::ask::PROVE,
    crate::apply::prove::ask::PROVEN,
    crate::diff::DIFF,
    crate::claims::CLAIM,
    crate::audit::AUDIT,
    crate::confirm::CONFIRM,
    crate::observe::DIAGNOSE,
];

fn version_of(templates: &[&str]) -> String {
    let schema = forensic_schema(true, MOST_FINDINGS).to_string();
    let all = templates.iter().copied().chain([FILLED_IN, schema.as_str()]);
    let parts: Vec<&[u8]> = all.map(str::as_bytes).collect();
    content_id(&parts).chars().take(16).collect()
}

/// Findings that the schema of the version has room for: how many a rung asks for is its own setting.
const MOST_FINDINGS: u32 = 5;

/// What stood in an earlier form where the reviewer's own words belong. Small models copied it as it was, so the
/// form is told in words now; an answer that brings such a line all the same is none.
pub const BLANKS: &[&str] = &["What is wrong, in one line", "the exact line of the file"];

/// Characters of the notes on earlier shards that the next one sees: the last ones, since a file of
/// a megabyte has some hundred shards.
const NOTES_SHOWN: usize = 12_000;
/// Characters of a path that are shown: the last ones. It is its author's text like the file itself.
const PATH_SHOWN: usize = 200;

/// The words of the instructions of a review, which a finding must not repeat.
pub(crate) fn instructions() -> String {
    [REVIEW, FORMAT_MARKDOWN, FORMAT_FORENSIC, TASK, MASKED, DEFINITIONS].join("\n")
}

/// What is sent to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// The system message.
    pub system: String,
    /// The user message.
    pub user: String,
    /// The schema the answer has to follow, where the provider supports one.
    pub schema: Option<serde_json::Value>,
}

/// The file as the reviewer sees it.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// All of it.
    Whole(&'a str),
    /// Notes on its shards instead.
    Distilled {
        /// The merged summaries, markers stripped.
        scratchpad: &'a str,
        /// Shards whose summaries were cut.
        shortened: u32,
        /// Size of the file.
        bytes: u64,
        /// Byte ranges `[start, end)` that nobody summarised.
        missing: &'a [(u64, u64)],
    },
}

/// Everything a review prompt is made of.
#[derive(Debug, Clone, Copy)]
pub struct ReviewInput<'a> {
    /// Path in the repository.
    pub path: &'a str,
    /// As [`crate::target::language`] names it.
    pub language: &'a str,
    /// The file.
    pub body: Body<'a>,
    /// Passages of the PRD, best first.
    pub prd_chunks: &'a [Chunk],
    /// Passages of the change proposal, best first.
    pub proposal_chunks: &'a [Chunk],
    /// The user's forensic preamble.
    pub forensic: Option<&'a str>,
    /// Ask for JSON by schema.
    pub wants_forensic: bool,
    /// What linters found in the file.
    pub hints: &'a [Hint],
    /// What earlier reviews have to say, as [`crate::pathway::preamble`] has it; empty for nothing.
    pub remembered: &'a str,
    /// Definitions that the file uses.
    pub definitions: &'a [TypeHint],
    /// Findings at most.
    pub max_findings: u32,
    /// Whether a secret is masked in what is sent, so that masks are explained.
    pub masked: bool,
    /// Earlier attempts of this review.
    pub history: &'a [Attempt],
    /// A marker that the author of the repository cannot know.
    pub fence: &'a str,
    /// Characters of a passage that are shown.
    pub shown_chars: u32,
    /// Characters of an earlier attempt's reason that are shown.
    pub reason_chars: u32,
}

/// Everything a shard prompt is made of.
#[derive(Debug, Clone, Copy)]
pub struct ShardInput<'a> {
    /// Path in the repository.
    pub path: &'a str,
    /// As [`crate::target::language`] names it.
    pub language: &'a str,
    /// Which shard, from 1.
    pub k: u32,
    /// Of how many.
    pub of: u32,
    /// First byte in the file.
    pub start: u64,
    /// Byte after the last.
    pub end: u64,
    /// The shard.
    pub text: &'a str,
    /// Notes on the shards before it, where they are read one after the other; else empty.
    pub before: &'a str,
    /// Times that notes on it were asked for before and were none.
    pub round: u32,
    /// A marker that the author of the repository cannot know.
    pub fence: &'a str,
}

/// The prompt for one attempt at a review.
pub fn review_prompt(input: &ReviewInput<'_>) -> Prompt {
    let mut system = String::new();
    if let Some(preamble) = input.forensic {
        // The operator's own words: they come before ours and are no repository material.
        let _ = writeln!(system, "{}\n", preamble.trim());
    }
    let documents_shown = input.has_documents();
    let form = if input.wants_forensic { FORMAT_FORENSIC } else { FORMAT_MARKDOWN };
    let most = counted(input.max_findings as usize, "finding", "findings");
    let values = [("fence", input.fence), ("most", &most), ("flags", &FLAGS.join(", "))];
    for part in [REVIEW, form] {
        system.push_str(&fill(&applying(part, documents_shown), &values));
    }

    let mut user = String::new();
    documents(&mut user, "PRD", input.prd_chunks, input);
    documents(&mut user, "Change proposal", input.proposal_chunks, input);
    definitions(&mut user, input);
    let _ = writeln!(user, "Language: {}", input.language);
    if input.masked {
        user.push_str(MASKED);
    }
    match input.body {
        Body::Whole(text) => fenced_file(&mut user, input.fence, "file", input.path, text),
        Body::Distilled { scratchpad, shortened, bytes, missing } => {
            let _ = writeln!(user, "\n{}", fill(DISTILLED, &[("bytes", &bytes.to_string())]));
            if !missing.is_empty() {
                let ranges: Vec<String> =
                    missing.iter().map(|(start, end)| format!("{start} to {end}")).collect();
                let _ = writeln!(
                    user,
                    "Not covered by the notes at all, bytes: {}. Say nothing about these.\n",
                    ranges.join(", ")
                );
            }
            if shortened > 0 {
                let _ = writeln!(
                    user,
                    "The notes on {} were shortened, which … marks.\n",
                    counted(shortened as usize, "part", "parts")
                );
            }
            fenced_file(&mut user, input.fence, "notes on the file", input.path, scratchpad);
        }
    }
    linters(&mut user, input);
    user.push_str(input.remembered);
    // Small models go by what stands last, and else copy the form instead of filling it in.
    user.push('\n');
    user.push_str(TASK);
    let learned = learning_context(input.history, input.reason_chars);
    if !learned.is_empty() {
        user.push('\n');
        user.push_str(&learned.replace(input.fence, "[marker]"));
    }
    let schema = input.wants_forensic.then(|| forensic_schema(documents_shown, input.max_findings));
    Prompt { system, user, schema }
}

impl ReviewInput<'_> {
    /// Whether any passage of a document is shown: without one, nothing is asked about documents.
    pub fn has_documents(&self) -> bool {
        !(self.prd_chunks.is_empty() && self.proposal_chunks.is_empty())
    }
}

/// A template without the lines that do not apply: those behind `?documents` where none is shown.
fn applying(template: &str, documents: bool) -> String {
    let line = |line| match str::strip_prefix(line, "?documents ") {
        Some(line) => documents.then_some(line),
        None => Some(line),
    };
    template.split_inclusive('\n').filter_map(line).collect()
}

/// The prompt for the summary of one shard.
pub fn shard_prompt(input: &ShardInput<'_>) -> Prompt {
    let mut user = format!(
        "Language: {}\nThis is shard {} of {}, bytes {} to {}.\n",
        input.language, input.k, input.of, input.start, input.end
    );
    if !input.before.is_empty() {
        let (label, notes) = last_chars(input.before, NOTES_SHOWN);
        let _ = writeln!(user, "Notes on what stands before it, for your understanding only:");
        fenced(&mut user, input.fence, label, notes);
    }
    fenced_file(&mut user, input.fence, "part of the file", input.path, input.text);
    if input.round > 0 {
        // Other words than before: an answer that is kept under those was no good.
        let _ = writeln!(
            user,
            "\nThis is try {}: what was written before was no notes. Write down the facts that are asked for.",
            input.round.saturating_add(1)
        );
    }
    Prompt { system: fill(SHARD, &[("fence", input.fence)]), user, schema: None }
}

/// The end of the notes, and what they are called.
fn last_chars(notes: &str, most: usize) -> (&'static str, &str) {
    match notes.char_indices().rev().nth(most.saturating_sub(1)) {
        Some((at, _)) if at > 0 => ("the last of the notes", &notes[at..]),
        _ => ("notes", notes),
    }
}

/// What earlier attempts came to, one line each; empty without any.
pub fn learning_context(history: &[Attempt], reason_chars: u32) -> String {
    if history.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "# Earlier attempts at this file\nNone of them was accepted. Avoid what went wrong:\n",
    );
    for attempt in history {
        // Whole, for what the next line cuts in two is known to nobody any more.
        let reason = one_line(&mask(&attempt.reason).text);
        let _ = write!(
            out,
            "- attempt {}: {}, {} characters, {}",
            attempt.n,
            one_line(&attempt.model_name()),
            attempt.chars,
            attempt.outcome
        );
        let _ = match clip(&reason, reason_chars as usize) {
            "" => writeln!(out),
            reason => writeln!(out, ": {reason}"),
        };
    }
    out
}

fn documents(out: &mut String, title: &str, chunks: &[Chunk], input: &ReviewInput<'_>) {
    if chunks.is_empty() {
        return;
    }
    let _ = writeln!(out, "# {title}: passages close to this file");
    for chunk in chunks {
        let label = format!("{} at character {}", one_line(&chunk.origin), chunk.offset);
        fenced(out, input.fence, &label, clip(&chunk.text, input.shown_chars as usize));
    }
    out.push('\n');
}

/// What linters found: material, and no judgement.
fn linters(out: &mut String, input: &ReviewInput<'_>) {
    if !input.hints.is_empty() {
        let _ = writeln!(out, "\n# What linters say of this file\n{}", HINTS.trim_end());
        fenced(out, input.fence, "hints", &mask(&hints::list(input.hints)).text);
    }
}

/// What the file uses of others: material, before the file, which stands nearer to the task.
fn definitions(out: &mut String, input: &ReviewInput<'_>) {
    if !input.definitions.is_empty() {
        let _ = writeln!(out, "# Definitions that the file uses\n{}", DEFINITIONS.trim_end());
        let listed = crate::definitions::list(input.definitions);
        fenced(out, input.fence, "definitions", &mask(&listed).text);
        out.push('\n');
    }
}

/// Puts what belongs to a file between marker lines, behind its path: whoever names files in a repository
/// writes nothing outside of them.
pub(crate) fn fenced_file(out: &mut String, fence: &str, label: &str, path: &str, text: &str) {
    fenced(out, fence, label, &format!("path: {}\n\n{text}", shown_path(path)));
}

/// A path as it is shown: on one line, and of a long one the end, masked before it is cut.
fn shown_path(path: &str) -> String {
    let path = one_line(path);
    match path.char_indices().rev().nth(PATH_SHOWN - 1) {
        Some((at, _)) if at > 0 => format!("…{}", mask_range(&path, at..path.len()).text),
        _ => path,
    }
}

/// Puts material between marker lines. A marker inside the material can only be there because
/// somebody learnt it; it is taken out, so that the fence holds even then.
pub(crate) fn fenced(out: &mut String, fence: &str, label: &str, text: &str) {
    let clean =
        |t: &str| if fence.is_empty() { t.to_owned() } else { t.replace(fence, "[marker]") };
    let _ = writeln!(out, "<<<{fence} {}", clean(label));
    out.push_str(&clean(text));
    if !out.ends_with('\n') {
        out.push('\n');
    }
    let _ = writeln!(out, "{fence}>>>");
}

/// Fills `{{name}}` in one pass: a value that looks like a placeholder is left alone.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once("}}") else {
            out.push_str("{{");
            rest = after;
            continue;
        };
        match values.iter().find(|(key, _)| *key == name) {
            Some((_, value)) => out.push_str(value),
            None => {
                let _ = write!(out, "{{{{{name}}}}}");
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;

//! Is an answer a review? The gate between what a model wrote and what becomes a row.
//!
//! Reasons are read twice: by a person in the report, and by the next rung as learning context.
//! They say what was wrong in a way that the next answer can do better. What they quote of an answer
//! is masked while the answer is whole: the next rung may be somebody else's, and a secret that the
//! end of a quotation cuts in two is known to nobody any more.

mod copied;
pub(crate) mod cut;
mod refusal;

pub(crate) use copied::without_markers;
pub(crate) use refusal::refusal;
pub use refusal::refused;

use crate::clean::clean;
use crate::material::Material;
use crate::parse::{self, ForensicCounts, Parsed, Verdicts};
use crate::prompt::BLANKS;
use crate::redact::{mask, mask_range};
use crate::scratchpad::leaks_shards;
use crate::text::{clip_marked, counted, one_line, repeated_end};
use queue_schema::limits::AcceptLimits;
use queue_schema::rows::{Finding, FindingKind, Outcome};
use queue_schema::sweep::{MarkdownPolicy, Policy};

/// Least characters of a shard summary.
pub const SUMMARY_CHARS: usize = 20;
/// So often in a row at the end of a cut answer, and its reason says so. When a call is stopped for it is
/// the provider's `max_repeats`.
const LOOP_TIMES: usize = 4;

/// What a provider returned.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer<'a> {
    /// The text.
    pub text: &'a str,
    /// The provider cut it at the token limit.
    pub truncated: bool,
    /// The provider says that the model declined.
    pub refused: bool,
}

/// What the answer is judged against.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The sweep's policy.
    pub policy: Policy,
    /// What `auto` asks of Markdown.
    pub markdown_policy: MarkdownPolicy,
    /// JSON by schema was asked for.
    pub wants_forensic: bool,
    /// Shards of the file; 0 when it was not split.
    pub shards_total: u32,
    /// The file.
    pub source: &'a str,
    /// What else the reviewer was given: documents, and the operator's preamble.
    pub given: &'a [&'a str],
    /// Whether passages of documents were among it: without any, there is no score.
    pub documents: bool,
    /// The marker around material in the prompt; empty when there was none.
    pub fence: &'a str,
    /// The sweep's bounds.
    pub limits: AcceptLimits,
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// A review.
    Accepted(Parsed),
    /// Not a review; the next rung's turn.
    Rejected {
        /// Which failure, for the books.
        outcome: Outcome,
        /// Why, for a person and for the next rung.
        reason: String,
    },
}

type Verdict<T> = Result<T, (Outcome, String)>;

/// Judges an answer. The order matters: a refusal cut at the limit is a refusal, and a leaked
/// review is leaked however well it is built.
pub fn judge(answer: &Answer<'_>, context: &Context<'_>) -> Judgement {
    match review(answer, context) {
        Ok(parsed) => Judgement::Accepted(parsed),
        Err((outcome, reason)) => Judgement::Rejected { outcome, reason },
    }
}

/// The reason of an answer that says nothing at all.
pub const EMPTY: &str = "empty answer";

fn review(answer: &Answer<'_>, context: &Context<'_>) -> Verdict<Parsed> {
    let text = clean(answer.text);
    refusal(&Answer { text: text.trim(), ..*answer })?;
    if answer.truncated {
        // Its end is telling: a line that has one is whole.
        return cut_review(text.trim_start(), context);
    }
    whole_review(text.trim(), context)
}

/// What is finished of an answer that was cut, if that is a review by itself. One that was cut because it went
/// round in a loop is none.
fn cut_review(text: &str, context: &Context<'_>) -> Verdict<Parsed> {
    if let Some(piece) = went_round(text.trim_end()) {
        return Err((Outcome::Truncated, format!("{piece}; say each thing once, and stop")));
    }
    let truncated = |why: &str| {
        let chars = text.chars().count();
        let reason = format!(
            "cut at the token limit after {chars} characters{why}; be shorter, most important findings first"
        );
        (Outcome::Truncated, reason)
    };
    let finished = cut::finished(text);
    let parsed = match whole_review(&finished, context) {
        Ok(parsed) if parsed.findings.is_empty() => return Err(truncated("")),
        Ok(parsed) => parsed,
        Err((Outcome::Thin, _)) => return Err(truncated("")),
        Err((_, why)) => return Err(truncated(&format!(" ({why})"))),
    };
    Ok(Parsed { cut: true, ..parsed })
}

fn whole_review(text: &str, context: &Context<'_>) -> Verdict<Parsed> {
    if text.is_empty() {
        return Err((Outcome::Thin, EMPTY.to_owned()));
    }
    let text = without_markers(text, context.fence, context.source)?;
    let text = text.trim();
    let leaks = |text: &str| leaks_shards(text, context.shards_total, context.source);
    if leaks(text).is_some() {
        let evidence = leaks(&mask(text).text).unwrap_or_default();
        let reason = format!("speaks of a part instead of the whole file: \"{evidence}\"");
        return Err((Outcome::Leaked, reason));
    }
    let material =
        Material::of(std::iter::once(context.source).chain(context.given.iter().copied()));
    if material.holds_all_of(text) {
        return Err((Outcome::Malformed, COPIED.to_owned()));
    }
    let mut parsed = by_policy(text, context, &material)?;
    confidences(&parsed.findings, context.limits.confidence_from)?;
    filled_in(&parsed.findings)?;
    if !context.documents {
        parsed.alignment_score = None;
    }
    Ok(parsed)
}

/// The reason of an answer that only says what it was given.
pub(crate) const COPIED: &str = "copied: the answer only repeats what stands in the file or the documents; judge the \
                      file in your own words";

/// Small models copy the form as it stands.
fn filled_in(findings: &[Finding]) -> Verdict<()> {
    let blank = |text: &str| {
        let text = text.trim_matches(|c: char| !c.is_alphanumeric());
        BLANKS.iter().any(|b| text.eq_ignore_ascii_case(b))
    };
    let title = |f: &Finding| {
        let line = f.text.lines().next().unwrap_or_default();
        blank(line.split(" (").next().unwrap_or_default())
    };
    let copied =
        findings.iter().filter(|f| title(f) || f.quote.as_deref().is_some_and(blank)).count();
    if copied == 0 {
        return Ok(());
    }
    let reason = format!(
        "{} the form itself instead of a finding; fill it in, or write \"None\"",
        counted(copied, "item copies", "items copy")
    );
    Err((Outcome::Malformed, reason))
}

/// What an answer that was cut in a loop went over and over, for its reason.
pub(crate) fn went_round(text: &str) -> Option<String> {
    // The last but one: the last may end within a secret.
    let len = repeated_end(text, LOOP_TIMES)?.len();
    let end = text.len() - len;
    let mut start = end.saturating_sub(len);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let piece = clip_marked(&one_line(&mask_range(text, start..end).text), 60);
    Some(format!(
        "cut after {} characters: it repeated \"{piece}\" over and over",
        text.chars().count()
    ))
}

/// The summary of a shard, or why there is none. A summary that was cut is still a summary, unless it
/// was cut because it went round in a loop. `fence` is the marker around the shard in the prompt.
pub fn judge_shard_summary(answer: &Answer<'_>, fence: &str) -> Result<String, (Outcome, String)> {
    let text = clean(answer.text);
    let text = text.trim();
    refusal(&Answer { text, ..*answer })?;
    if let Some(reason) = answer.truncated.then(|| went_round(text)).flatten() {
        return Err((Outcome::Truncated, reason));
    }
    let text = without_markers(text, fence, "")?;
    let text = text.trim();
    let chars = text.chars().count();
    if chars < SUMMARY_CHARS {
        let reason = format!("{chars} characters, a summary needs at least {SUMMARY_CHARS}");
        return Err((Outcome::Thin, reason));
    }
    Ok(text.to_owned())
}

fn by_policy(text: &str, context: &Context<'_>, material: &Material) -> Verdict<Parsed> {
    let malformed = |reason: String| Err((Outcome::Malformed, reason));
    let json_required = match context.policy {
        Policy::Forensic => true,
        Policy::Auto => context.wants_forensic,
        Policy::Structured | Policy::Substantial => false,
    };
    // Whatever the policy, a forensic answer is judged as one, never by its length: under the
    // others good ones would be called thin.
    match parse::verdicts(text, !json_required, material) {
        Verdicts::One(parsed) => return forensic_is_sound(&parsed).map(|()| *parsed),
        Verdicts::Contradicting(said) => {
            let said = said.join(" and ");
            return malformed(format!("it says {said} at once: give one verdict, the last word"));
        }
        Verdicts::Copied => return malformed(COPIED.to_owned()),
        Verdicts::None => {}
    }
    if json_required {
        return malformed(why_not_forensic(text));
    }
    if context.policy == Policy::Auto && looks_like_json(text) {
        return malformed(format!("{}; or answer in Markdown", why_not_forensic(text)));
    }
    let policy = match context.policy {
        Policy::Auto => context.markdown_policy.into(),
        named => named,
    };
    if policy == Policy::Substantial && looks_like_json(text) && !parses_as_json(text) {
        return malformed("a bare JSON dump that does not parse".to_owned());
    }
    let parsed = parse::markdown(text);
    if let Some(verdict) = parsed.verdict.as_deref().filter(|verdict| *verdict != "pass")
        && parsed.findings.is_empty()
    {
        return malformed(format!(
            "the verdict is {verdict}, but no finding can be read: number each one, with its labels"
        ));
    }
    if !(parsed.findings.is_empty() && parse::is_clean_review(text)) {
        long_enough(text, policy, context.limits)?;
    }
    Ok(parsed)
}

/// Whether a review in Markdown has the length and the form that its policy wants.
fn long_enough(text: &str, policy: Policy, limits: AcceptLimits) -> Verdict<()> {
    let chars = text.chars().count();
    let (least, hint) = match policy {
        Policy::Substantial => (limits.substantial_chars, ""),
        _ => (
            limits.structured_chars,
            "; without a finding, write \"None\" and what was checked, at any length",
        ),
    };
    if chars < least as usize {
        let reason = format!("{chars} characters, at least {least} are needed{hint}");
        return Err((Outcome::Thin, reason));
    }
    if policy != Policy::Substantial && !has_structure(text) {
        let reason = "no heading, bullet or numbered item; answer in the required form";
        return Err((Outcome::Thin, reason.to_owned()));
    }
    Ok(())
}

fn forensic_is_sound(parsed: &Parsed) -> Verdict<()> {
    let ForensicCounts { critical_failures, pseudocode_flags, required_next_actions, .. } =
        parsed.counts.unwrap_or_default();
    if critical_failures + pseudocode_flags + required_next_actions > 0 {
        return Ok(());
    }
    let cites = |f: &Finding| {
        let said = |t: &Option<String>| t.as_deref().is_some_and(|t| !t.trim().is_empty());
        f.kind == FindingKind::VerifiedComponent && (said(&f.evidence) || said(&f.quote))
    };
    let reason = if parsed.verdict.as_deref() != Some("pass") {
        "the verdict is not pass, but critical_failures, pseudocode_flags and \
         required_next_actions are all empty: say what has to change"
    } else if parsed.findings.iter().any(cites) {
        return Ok(());
    } else {
        "verdict pass without verified_components that cite evidence: say what was checked, \
         with a quote or evidence"
    };
    Err((Outcome::Malformed, reason.to_owned()))
}

/// Says what is missing, in the words the next rung needs.
fn why_not_forensic(text: &str) -> String {
    let what = if !text.contains('{') {
        "no JSON in the answer"
    } else if text.contains("\"verdict\"") {
        "the JSON does not parse, is only quoted, or its verdict is unknown"
    } else {
        "no JSON object with a verdict in the answer"
    };
    format!("{what}: answer with one JSON object whose \"verdict\" is pass, needs_patch or fail")
}

/// The body of an answer that is one fenced block, or the answer itself.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("```")
        .and_then(|t| t.split_once('\n'))
        .map_or(text, |(_, body)| body.trim().trim_end_matches("```").trim())
}

fn looks_like_json(text: &str) -> bool {
    let body = unfenced(text);
    // `[x] done` and `[a link](b)` are Markdown.
    let array = body.strip_prefix('[').is_some_and(|rest| {
        rest.starts_with('\n') || rest.trim_start().starts_with(['{', '[', '"'])
    });
    body.starts_with('{') || array
}

fn parses_as_json(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(unfenced(text)).is_ok()
}

/// A heading, bullet or numbered item anywhere.
fn has_structure(text: &str) -> bool {
    text.lines().any(|line| {
        let body = line.trim_start();
        let heading = body.trim_start_matches('#');
        let digits = body.bytes().take_while(u8::is_ascii_digit).count();
        // A body begins with no blank: one in front stood behind a mark.
        heading.starts_with(' ')
            || ["- ", "* ", "+ ", "• "].iter().any(|m| body.starts_with(m))
            || (digits > 0 && body[digits..].starts_with([')', '.']) && {
                let rest = &body[digits + 1..];
                rest.starts_with(' ')
            })
    })
}

fn confidences(findings: &[Finding], expected_from: u32) -> Verdict<()> {
    let suggestions = findings.iter().filter(|f| f.kind.is_actionable()).count();
    if suggestions >= expected_from as usize && findings.iter().all(|f| f.confidence.is_none()) {
        let reason = format!(
            "{suggestions} suggestions and not one confidence; give each its own, in percent"
        );
        return Err((Outcome::Malformed, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

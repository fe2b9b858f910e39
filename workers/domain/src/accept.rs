//! Is an answer a review? The gate between what a model wrote and what becomes a row.
//!
//! Reasons are read twice: by a person in the report, and by the next rung as learning context.
//! They say what was wrong in a way that the next answer can do better. What they quote of an answer
//! is masked while the answer is whole: the next rung may be somebody else's, and a secret that the
//! end of a quotation cuts in two is known to nobody any more.

use crate::clean::clean;
use crate::parse::{self, ForensicCounts, Parsed};
use crate::prompt::BLANKS;
use crate::redact::{mask, mask_range};
use crate::scratchpad::leaks_shards;
use crate::text::{clip, clip_marked, counted, one_line, repeated_end};
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

fn review(answer: &Answer<'_>, context: &Context<'_>) -> Verdict<Parsed> {
    let text = clean(answer.text);
    let text = text.trim();
    refusal(&Answer { text, ..*answer })?;
    if answer.truncated {
        let chars = text.chars().count();
        let reason = match went_round(text) {
            Some(piece) => format!("{piece}; say each thing once, and stop"),
            None => format!(
                "cut at the token limit after {chars} characters; be shorter, most important findings first"
            ),
        };
        return Err((Outcome::Truncated, reason));
    }
    if text.is_empty() {
        return Err((Outcome::Thin, "empty answer".to_owned()));
    }
    copied(text, context.fence)?;
    let leaks = |text: &str| leaks_shards(text, context.shards_total, context.source);
    if leaks(text).is_some() {
        let evidence = leaks(&mask(text).text).unwrap_or_default();
        let reason = format!("speaks of a part instead of the whole file: \"{evidence}\"");
        return Err((Outcome::Leaked, reason));
    }
    let parsed = by_policy(text, context)?;
    confidences(&parsed.findings, context.limits.confidence_from)?;
    filled_in(&parsed.findings)?;
    Ok(parsed)
}

/// Small models copy what they were shown. Nobody else writes its marker, which can't be guessed.
fn copied(text: &str, fence: &str) -> Verdict<()> {
    if fence.is_empty() || !text.contains(fence) {
        return Ok(());
    }
    let reason = "copies the material between the markers instead of reviewing it; say in your own \
                  words what it does, and quote single lines only";
    Err((Outcome::Malformed, reason.to_owned()))
}

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
fn went_round(text: &str) -> Option<String> {
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
    copied(text, fence)?;
    let chars = text.chars().count();
    if chars < SUMMARY_CHARS {
        let reason = format!("{chars} characters, a summary needs at least {SUMMARY_CHARS}");
        return Err((Outcome::Thin, reason));
    }
    Ok(text.to_owned())
}

/// Why an answer of any kind is a refusal, when it is one.
pub fn refused(answer: &Answer<'_>) -> Option<String> {
    refusal(answer).err().map(|(_, reason)| reason)
}

/// The model declined, by its provider's flag or in its own words.
pub(crate) fn refusal(answer: &Answer<'_>) -> Verdict<()> {
    if answer.refused {
        return Err((Outcome::Refused, "the model declined".to_owned()));
    }
    if reads_as_refusal(answer.text) {
        let start = clip_marked(&one_line(&mask(answer.text).text), 80);
        return Err((Outcome::Refused, format!("the model declined: \"{start}\"")));
    }
    Ok(())
}

/// A short text that opens by declining. A long one, or one with a list, did the work after all,
/// and `I cannot find a fault` declines nothing.
fn reads_as_refusal(text: &str) -> bool {
    const DECLINES: &[&str] = &[
        "i can't",
        "i cannot",
        "i can not",
        "i'm unable to",
        "i am unable to",
        "i'm not able to",
        "i am not able to",
        "i won't be able to",
        "i won't",
        "i'm not going to",
        "i am not going to",
        "i will not",
        "i must decline",
        "i have to decline",
    ];
    const VERBS: &[&str] = &[
        "assist",
        "help",
        "comply",
        "provide",
        "fulfill",
        "fulfil",
        "continue",
        "do that",
        "review",
        "complete",
        "process",
        "analyze",
        "analyse",
        "access",
        "view",
        "engage",
        "generate",
        "answer",
        "respond",
        "participate",
        "discuss",
        "perform",
        "see the file",
    ];
    if text.chars().nth(600).is_some() || has_structure(text) {
        return false;
    }
    let text = one_line(text).to_lowercase().replace('’', "'");
    let opening = clip(&text, 160);
    if opening.starts_with("i must decline") || opening.starts_with("i have to decline") {
        return true;
    }
    let apologises = [
        "i'm sorry",
        "i am sorry",
        "sorry,",
        "i apologize",
        "i apologise",
        "as an ai",
        "unfortunately",
    ]
    .iter()
    .any(|s| opening.starts_with(s))
        || ["violate", "policies", "guidelines"].iter().any(|w| opening.contains(w));
    DECLINES.iter().any(|d| {
        let Some(at) = opening.find(d) else { return false };
        let after = opening[at + d.len()..].trim_start();
        let declines = VERBS.iter().any(|v| after.starts_with(v));
        declines && (apologises || at < 20)
    })
}

fn by_policy(text: &str, context: &Context<'_>) -> Verdict<Parsed> {
    let json_required = match context.policy {
        Policy::Forensic => true,
        Policy::Auto => context.wants_forensic,
        Policy::Structured | Policy::Substantial => false,
    };
    // Whatever the policy, a forensic answer is judged as one, never by its length: under the
    // others good ones would be called thin.
    let forensic = if json_required { parse::forensic } else { parse::forensic_alone };
    if let Some(parsed) = forensic(text) {
        return forensic_is_sound(&parsed).map(|()| parsed);
    }
    if json_required {
        return Err((Outcome::Malformed, why_not_forensic(text)));
    }
    if context.policy == Policy::Auto && looks_like_json(text) {
        let reason = format!("{}; or answer in Markdown", why_not_forensic(text));
        return Err((Outcome::Malformed, reason));
    }
    let policy = match context.policy {
        Policy::Auto => context.markdown_policy.into(),
        named => named,
    };
    let chars = text.chars().count();
    if policy == Policy::Substantial {
        if looks_like_json(text) && !parses_as_json(text) {
            let reason = "a bare JSON dump that does not parse".to_owned();
            return Err((Outcome::Malformed, reason));
        }
        let least = context.limits.substantial_chars;
        if chars < least as usize {
            let reason = format!("{chars} characters, at least {least} are needed");
            return Err((Outcome::Thin, reason));
        }
    } else if chars < context.limits.structured_chars as usize {
        let reason = format!(
            "{chars} characters, at least {} are needed; \
             say what was checked, even if nothing was found",
            context.limits.structured_chars
        );
        return Err((Outcome::Thin, reason));
    } else if !has_structure(text) {
        let reason = "no heading, bullet or numbered item; answer in the required form";
        return Err((Outcome::Thin, reason.to_owned()));
    }
    Ok(parse::markdown(text))
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
        (heading.len() < body.len() && heading.starts_with(' '))
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

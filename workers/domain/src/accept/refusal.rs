//! Answers that decline.

use super::{Answer, Verdict, has_structure};
use crate::redact::mask;
use crate::text::{clip, clip_marked, one_line};
use queue_schema::rows::Outcome;

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

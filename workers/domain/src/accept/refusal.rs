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

#[cfg(test)]
mod tests {
    use super::super::{SUMMARY_CHARS, judge_shard_summary};
    use super::*;

    #[test]
    fn thoughts_are_no_part_of_an_answer() {
        let of = |text: &str| judge_shard_summary(&Answer { text, ..Answer::default() }, "");
        let refused = "<think>That is easy.</think>\nI'm sorry, but I can't assist with that.";
        assert_eq!(of(refused).unwrap_err().0, Outcome::Refused);
        let summary = format!("<think>What is it?</think>\n{}", "x".repeat(SUMMARY_CHARS));
        assert!(of(&summary).is_ok());
        assert_eq!(of(&summary[..summary.len() - 1]).unwrap_err().0, Outcome::Thin);
        let told = self::refused(&Answer { text: "I cannot help with it.", ..Answer::default() });
        assert!(told.is_some_and(|why| why.contains("I cannot help")));
        let opens = |n: usize| format!("{} I cannot help with it.", "x".repeat(n - 1));
        for (text, declines) in [
            ("It is done.", false),
            ("I cannot find a fault in it.", false),
            ("Sorry, I cannot find a fault in it.", false),
            (&opens(19), true),
            (&opens(20), false),
            ("Unfortunately, with all that I was shown of it, I cannot help.", true),
        ] {
            let told = self::refused(&Answer { text, ..Answer::default() });
            assert_eq!(told.is_some(), declines, "{text}");
        }
    }
}

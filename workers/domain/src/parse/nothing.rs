//! How reviewers say that there is nothing to say.

use super::items::Section;
use super::labels;
use crate::text::clip;

/// True for a value that says nothing, as in `Quote: none`.
pub(super) fn is_blank(value: &str) -> bool {
    let plain =
        value.trim_matches(|c: char| c.is_whitespace() || "*_`\"'.,;:()[]。，：；（）".contains(c));
    let plain = plain.to_lowercase();
    labels::is_nothing(&plain) || plain.chars().all(|c| matches!(c, '-' | '–' | '—'))
}

/// True for a text that opens by saying that there is nothing, as a phrase of its own: `None.`, `No
/// issues found: ...`, `No contradictions with the PRD`. `None of the callers checks it` and `No error
/// handling` say something.
pub(super) fn says_nothing(text: &str) -> bool {
    let text = text.trim_start_matches(['*', '_']);
    let text = clip(text, LOOKED_AT).to_lowercase().replace(['*', '_'], "");
    let text = text.strip_prefix('`').map_or(text.as_str(), |rest| {
        // ``None`` as all that there is; behind it would follow what is said of the word.
        rest.split_once('`')
            .filter(|(_, after)| after.trim().is_empty())
            .map_or("", |(word, _)| word)
    });
    if let Some(rest) = text.strip_prefix("nothing") {
        // `Nothing, not even a lock, guards it`
        return ends(rest) || is_told(rest);
    }
    if let Some(rest) = text.strip_prefix("none").or_else(|| text.strip_prefix("n/a")) {
        return ends(rest) || remarks(rest) || is_told(rest);
    }
    let Some(rest) = text.strip_prefix("no ") else { return is_foreign_nothing(text) };
    let rest =
        QUALIFIERS.iter().find_map(|word| rest.strip_prefix(word)).unwrap_or(rest).trim_start();
    NOUNS.iter().filter_map(|noun| rest.strip_prefix(noun)).any(|rest| {
        let many = rest.strip_prefix('s');
        let after = many.unwrap_or(rest);
        // `No conflict in a lock is handled` is a claim; with several there is rather none of them.
        let kinds = [" with ", " between ", " in ", " regarding ", " against "];
        let among = many.is_some() && kinds.iter().any(|word| after.starts_with(word));
        among || after.starts_with(" with the ") || ends(after) || remarks(after) || is_told(after)
    })
}

/// The same in a language of the table: `Aucune.`, `Keine Widersprüche gefunden.`, `没有发现矛盾。`
fn is_foreign_nothing(text: &str) -> bool {
    let phrase =
        text.split(['.', '。', '!', '！', ',', '，', '\n']).next().unwrap_or_default().trim();
    if labels::is_nothing(phrase) {
        return !phrase.is_empty();
    }
    let names_findings =
        matches!(labels::section(phrase), Section::Suggestions | Section::Contradictions);
    let short = phrase.split_whitespace().count() <= 3 && phrase.chars().count() <= SHORT;
    let rest = text[phrase.len()..].trim_matches(|c: char| !c.is_alphanumeric());
    names_findings && short && rest.is_empty() && labels::begins_with_nothing(phrase)
}

/// Characters of a phrase that says no more than that there is nothing.
const SHORT: usize = 40;
/// Characters of a text that are looked at.
const LOOKED_AT: usize = 60;

const QUALIFIERS: [&str; 12] = [
    "further ",
    "other ",
    "additional ",
    "more ",
    "significant ",
    "major ",
    "critical ",
    "obvious ",
    "direct ",
    "apparent ",
    "clear ",
    "suggested ",
];

/// Without the `s` of several.
const NOUNS: [&str; 9] = [
    "contradiction",
    "finding",
    "issue",
    "change",
    "suggestion",
    "mismatche",
    "mismatch",
    "conflict",
    "problem",
];

/// ` found`, ` to report`, ` were needed in this file`: that nothing came of looking. What is so at all
/// times, as in ` is found when it is empty`, is a claim.
fn is_told(rest: &str) -> bool {
    const FOUND: [&str; 11] = [
        "found",
        "identified",
        "detected",
        "needed",
        "required",
        "necessary",
        "noted",
        "observed",
        "seen",
        "suggested",
        "exist",
    ];
    const DONE: [&str; 6] = ["report", "change", "suggest", "add", "fix", "note"];
    let Some(rest) = rest.strip_prefix(' ') else { return false };
    if let Some(rest) = rest.strip_prefix("to ") {
        return behind(rest, &DONE).is_some();
    }
    let looked = rest.strip_prefix("were ").or_else(|| rest.strip_prefix("have been "));
    if behind(looked.unwrap_or(rest), &FOUND).is_some() {
        return true;
    }
    let always = ["are ", "is ", "was "].iter().find_map(|word| rest.strip_prefix(word));
    always.and_then(|rest| behind(rest, &FOUND)).is_some_and(|rest| ends(rest) || remarks(rest))
}

/// What follows one of some words.
fn behind<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    let rest = words.iter().find_map(|word| text.strip_prefix(word))?;
    (!rest.starts_with(crate::text::is_ident)).then_some(rest)
}

/// True where a phrase is over.
fn ends(rest: &str) -> bool {
    let next = rest.trim_start_matches([' ', '\t']);
    next.is_empty() || next.starts_with(['.', ':', ';', '!', '\n'])
}

/// True where a remark follows.
fn remarks(rest: &str) -> bool {
    let next = rest.trim_start_matches([' ', '\t']);
    next.starts_with([',', '(', '—', '–']) || next.starts_with("- ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_in_a_phrase_of_its_own() {
        for text in [
            "None",
            "None.",
            "**None**",
            "`None`",
            "N/A",
            "none found.",
            "None: all was read",
            "Nothing to report.",
            "None — see above",
            "No issues found",
            "No further changes are needed.",
            "**No contradictions**",
            "No contradictions with the proposal.",
            "No mismatches: all fits",
            "No contradiction with the PRD was found",
            "None were found.",
            "None\n- Where: x",
            "No findings in this file",
            "Nothing to change in this file.",
            "No contradictions were found between file and PRD",
            "No issues found in `load`",
            "No changes needed here",
            "N/A (no passages)",
            "None, the file is fine",
        ] {
            assert!(says_nothing(text), "{text}");
        }
        for text in [
            "",
            "`None` is returned for an error",
            "None of the callers checks save",
            "Nothing bounds the queue",
            "No change is saved on a full disk",
            "No conflict handling in save",
            "No issue is raised when it fails",
            "No error handling",
            "`None`: not handled",
            "Nonexistent",
            "No conflict in a lock is handled",
            "No suggestions box",
            "Nothing, not even a lock, guards it",
            "Nothing — not even a lock — guards it",
            "No conflict is detected when two saves run",
            "Nothing changes the limit",
            "No findings_count is set",
            "Nothing is found when it is empty",
        ] {
            assert!(!says_nothing(text), "{text}");
        }
    }
}

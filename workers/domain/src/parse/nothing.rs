//! How reviewers say that there is nothing to say.

use super::code::{code_spans, is_code_fence, is_name};
use super::items::{Section, classify, list_marker};
use super::labels;
use crate::text::clip;

/// Letters that say what was checked, at least. A sign of a script without letters counts as three.
const LEAST_TOLD: usize = 12;

/// True for a review that finds nothing. It says so and passes the file; or it says so and what was checked; or it passes
/// the file behind a text that names code. Short ones are as good as long ones.
pub(crate) fn is_clean_review(text: &str) -> bool {
    if super::has_unread(text) {
        return false;
    }
    let (mut section, mut in_code) = (Section::Neutral, false);
    let (mut nothing, mut told, mut names) = (false, 0, false);
    for line in text.lines() {
        in_code ^= is_code_fence(line);
        let title = line.trim_start().strip_prefix('#');
        if let Some(title) = title.filter(|_| !in_code) {
            section = classify(title.trim_start_matches('#'));
        }
        if in_code || title.is_some() || is_code_fence(line) || is_formal(line) {
            continue;
        }
        let line = list_marker(line).map_or(line, |(_, _, rest)| rest).trim();
        let none = section != Section::Contradictions && says_nothing(line);
        nothing |= none;
        let said = if none { behind_phrase(line) } else { line };
        told += said.chars().filter(|c| c.is_alphanumeric()).map(weight).sum::<usize>();
        names |= code_spans(said).iter().any(|span| span.chars().count() > 2 && is_name(span));
    }
    let passes = super::markdown::verdict(text) == Some("pass");
    let checked = told >= LEAST_TOLD;
    (nothing && (passes || checked)) || (passes && names && checked)
}

/// A score or a verdict: part of the form.
fn is_formal(line: &str) -> bool {
    let plain = line.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    plain.starts_with("alignment score") || super::forensic::known_verdict(&plain).is_some()
}

/// What follows the phrase that a line begins with.
fn behind_phrase(line: &str) -> &str {
    let end = line.find(['.', ':', ';', ',', '(', '—', '–', '。', '，', '：', '；', '（']);
    end.map_or("", |end| &line[end..])
}

fn weight(c: char) -> usize {
    // From the first block of Chinese and Japanese signs on.
    if u32::from(c) >= 0x2e80 { 3 } else { 1 }
}

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
pub(crate) fn says_nothing(text: &str) -> bool {
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
    let first = text.split(['.', '。', '!', '！', ',', '，', '\n']).next().unwrap_or_default();
    let phrase = first.trim();
    if labels::is_nothing(phrase) {
        return !phrase.is_empty();
    }
    let names_findings =
        matches!(labels::section(phrase), Section::Suggestions | Section::Contradictions);
    let short = phrase.split_whitespace().count() <= 3 && phrase.chars().count() <= SHORT;
    let rest = text[first.len()..].trim_matches(|c: char| !c.is_alphanumeric());
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
    next.is_empty() || next.starts_with(['.', ':', ';', '!', '\n', '。', '：', '；', '！'])
}

/// True where a remark follows.
fn remarks(rest: &str) -> bool {
    let next = rest.trim_start_matches([' ', '\t']);
    next.starts_with([',', '(', '—', '–', '，', '、', '（']) || next.starts_with("- ")
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
            "Keine. Ich habe `open` gelesen",
            "Ninguno.",
            "无。已检查 save",
            "なし。",
            "없음. 모든 함수를 읽었습니다",
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
            "Keine Fehlerbehandlung in `save`",
            "Aucune vérification du retour",
            "没有检查返回值",
            "Nada impide un bucle",
            "未检查长度",
            "Change the limit.",
            "Keine Änderung wird je gespeichert",
            "没有一个修改会在磁盘写满或者网络断开或者进程被杀死的时候被完整地保存到数据库的日志文件里面去",
        ] {
            assert!(!says_nothing(text), "{text}");
        }
    }
    #[test]
    fn white_space_before_letters_of_several_bytes_is_no_trouble() {
        for text in [" \u{11d98}", "\u{3000}ⶹ𑆍!", "  é漢. x"] {
            assert!(!is_foreign_nothing(text), "{text}");
        }
    }

    #[test]
    fn a_short_review_is_clean_where_it_says_what_was_checked() {
        for text in [
            "None. I compared `open` and `push` with their callers.",
            "## Findings\nNone. Every branch of the parser was read.\n\n## Verdict\npass\n",
            "## Befunde\nKeine. `open` und `push` wurden gelesen.\n## Verdict\npass",
            "## 发现\n无。已检查全部函数的边界。\n## Verdict: pass",
            "## Resultado\nTodo bien en `abrir` y en `guardar`.\n\n**pass**",
            "No issues found: the loop ends, and the file is closed.",
            "None.\n```\nopen()\n```\nEvery branch of it was read.",
            "无。已检查全部分支",
            "## Findings\nNone\n\n## Verdict\npass",
        ] {
            assert!(is_clean_review(text), "{text}");
        }
        for text in [
            "None.",
            "## Findings\nNone\n\n## Verdict\nfail",
            "Looks good to me, ship it.",
            "None.\nAlignment score: 9/10",
            "None. Fine by me.",
            "Looks good to me, it `is`.\n\n## Verdict\npass",
            "Looks good to me, `all of it`.\n\n## Verdict\npass",
            "Looks good to me.\n\n## Verdict\npass",
            "## Contradictions\nNone. All passages were compared.",
            "## Findings\nNone of the callers checks what `save` returns.",
            "- `save` drops the error\n\nNone. I read every function.",
        ] {
            assert!(!is_clean_review(text), "{text}");
        }
    }
}

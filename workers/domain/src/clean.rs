//! An answer as a person would see it: without thoughts, colours, marks that have no width, and
//! the fence around the whole. What is judged and parsed is this; nothing of the content changes.

use crate::parse::bounds::is_first;
use crate::parse::code::is_code_fence;
use crate::parse::items::{is_numbered, is_suggestions, label};
use std::borrow::Cow;

/// Tags under which models write thoughts that their servers pass on as text.
const THOUGHTS: [(&str, &str); 3] =
    [("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>")];

/// The answer, fit to be judged.
pub fn clean(answer: &str) -> Cow<'_, str> {
    let text = without_unseen(answer);
    // Both only ever take away from the ends.
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(without_fence(without_thoughts(text))),
        Cow::Owned(text) => Cow::Owned(without_fence(without_thoughts(&text)).to_owned()),
    }
}

/// Drops a leading block of thoughts. One that never closes is all thought. A template that opens
/// the thought itself leaves only its end: on a line of its own, or right before an answer.
pub fn without_thoughts(text: &str) -> &str {
    let start = text.trim_start();
    for (open, close) in THOUGHTS {
        if let Some(inside) = start.strip_prefix(open) {
            return inside.find(close).map_or("", |end| inside[end + close.len()..].trim_start());
        }
        if let Some(at) = text.find(close) {
            let line = text[..at].rfind('\n').unwrap_or(0);
            let alone = text[line..at].trim().is_empty()
                && text[at + close.len()..].trim_start_matches([' ', '\t', '\r']).starts_with('\n');
            let rest = text[at + close.len()..].trim_start();
            let ends = alone || (!rest.contains(close) && is_said(text, at) && begins_answer(rest));
            if ends && !text[..at].contains(open) {
                return rest;
            }
        }
    }
    text
}

/// Whether a tag stands in prose: in no block of code, in no code span and in no quote, where it is of the file.
fn is_said(text: &str, at: usize) -> bool {
    let begins = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = &text[begins..at];
    let in_code = text[..begins].lines().filter(|line| is_code_fence(line)).count() % 2 == 1;
    let in_span = line.matches('`').count() % 2 == 1;
    !in_code && !in_span && !label(line).is_some_and(|(name, _)| is_first(&name))
}

/// Words of a title of findings at most: longer ones are of one finding.
const TITLE_WORDS: usize = 3;

/// Whether a text begins as a review does: with the title of its findings, or with an object that has a verdict.
fn begins_answer(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with('#') {
        let title = first.trim_start_matches('#').trim();
        return is_suggestions(title)
            && !is_numbered(title)
            && title.split_whitespace().count() <= TITLE_WORDS;
    }
    let body = if is_code_fence(first) { text[first.len()..].trim_start() } else { text };
    body.starts_with('{') && body.contains("\"verdict\"")
}

/// Whether a text that still grows may lead with thoughts: it is empty, or how a block of them begins.
pub fn may_open_thoughts(text: &str) -> bool {
    let start = text.trim_start();
    THOUGHTS.iter().any(|(open, _)| open.starts_with(start))
}

/// True for characters that are not seen: marks of direction, of order and of no width. Joiners
/// stay, because scripts are written with them.
pub fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
        || (c.is_control() && c != '\n' && c != '\t')
}

/// The text without escapes for terminals and characters that are not seen; line ends of any kind
/// become `\n`.
fn without_unseen(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.peek() {
                Some('[') => {
                    chars.next();
                    // Parameters, then one letter; anything else ends it, lest text is lost.
                    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
                    chars.next_if(|c| matches!(c, '@'..='~'));
                }
                Some(']') => {
                    let bell = |c: &char| !matches!(c, '\u{7}' | '\u{1b}' | '\n');
                    while chars.next_if(bell).is_some() {}
                }
                _ => {}
            },
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            c if is_unseen(c) => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// What stands in a Markdown fence that is around the whole answer.
fn without_fence(text: &str) -> &str {
    let whole = text.trim();
    let Some((first, rest)) = whole.split_once('\n') else { return text };
    let language = first.trim_start_matches('`').trim().to_ascii_lowercase();
    let ticks = first.len() - first.trim_start_matches('`').len();
    if ticks < 3 || !matches!(language.as_str(), "" | "markdown" | "md" | "text" | "txt") {
        return text;
    }
    let Some(inner) = rest.strip_suffix(&first[..ticks]) else { return text };
    if !inner.ends_with('\n') || inner.trim_start().starts_with(['{', '[']) {
        return text;
    }
    let is_markdown = !language.is_empty() || inner.lines().any(|l| l.starts_with("## "));
    if is_markdown && closes_its_fences(inner) { inner } else { text }
}

/// Whether each block of code that opens here also closes: else the outer two fences belong to
/// different blocks.
fn closes_its_fences(text: &str) -> bool {
    let mut open = false;
    for line in text.lines().filter(|l| is_code_fence(l)) {
        if open && !line.trim().trim_start_matches(['`', '~']).is_empty() {
            return false;
        }
        open = !open;
    }
    !open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_dropped_where_they_lead() {
        assert_eq!(without_thoughts("\n<think>a\nb</think>\n\n## Score"), "## Score");
        assert_eq!(without_thoughts("<think>never ends"), "");
        assert_eq!(without_thoughts("see <think> tag"), "see <think> tag");
        assert_eq!(without_thoughts("so it is\n</think>\n## Score"), "## Score");
        for answer in [
            "## Findings\n1. a",
            "## Suggested changes\nNone",
            "## 发现\n无",
            "{\"critical_failures\": [], \"verdict\": \"fail\"}",
            "```json\n{\"verdict\": \"fail\"}\n```",
        ] {
            for thoughts in
                ["1. `a` may fail. No, so I drop it.", "It is fine\nso: ", "Confidence: low\n"]
            {
                let text = format!("{thoughts}</think>\n{answer}");
                assert_eq!(without_thoughts(&text), answer);
                assert_eq!(without_thoughts(&text.replace("</think>\n", "</think>")), answer);
            }
        }
        for stays in [
            "a `</think>` b\nand\n  x</think>\n",
            "1. `<think>` is dropped\n</think>\nmore",
            "it ends with </think>\nmore",
            "it ends with\n</think> and more",
            // Of the file, not of the model.
            "## Findings\n1. Quote: x</think>\n\n## Verdict\nfail",
            "## Findings\n1. Quote: `x</think>`\n## Findings\n2. b",
            "1. Quote: x</think>\n## Findings\n2. b",
            "1. Quote:\n```\nx</think>\n```\n## Findings\n2. b",
            "```\nx</think>## Findings\n```",
            "## Score\n9/10, it has x</think>\n### Finding 2: b",
            "a x</think> is lost\n## Findings\nas b</think> is",
            "so it is.</think>\n{\"a\": 1}",
        ] {
            assert_eq!(without_thoughts(stays), stays);
        }
        for (text, may) in [
            ("", true),
            ("\n <th", true),
            ("<thinking>", true),
            ("<think>a", false),
            ("# A", false),
        ] {
            assert_eq!(may_open_thoughts(text), may, "{text}");
        }
    }

    #[test]
    fn what_is_not_seen_is_dropped() {
        assert_eq!(clean("\u{feff}a\r\nb\rc\u{1b}[1;31md\u{1b}[0m\u{200b}e\0"), "a\nb\ncde");
        assert_eq!(clean("\u{1b}]0;title\u{7}x"), "x");
        assert_eq!(clean("\u{1b}[31"), "");
        assert!(matches!(clean("plain\n\ttext ä 漢 👩‍💻"), Cow::Borrowed(_)));
    }

    #[test]
    fn only_a_fence_around_the_whole_goes() {
        assert_eq!(clean("```markdown\n# A\n- b\n```"), "# A\n- b\n");
        assert_eq!(clean("````md\n# A\n```rust\nx\n```\n````\n"), "# A\n```rust\nx\n```\n");
        for stays in [
            "```\ncode\n```",
            "```json\n{}\n```",
            "```md\na\n```\nb\n```rust\nc\n```",
            "a\n```md\nb\n```",
            "``md\n# A\n``",
            "```rust\n## a\n```",
            "```md\n# A```",
            "```md\n{}\n```",
        ] {
            assert_eq!(clean(stays), stays);
        }
    }
}

//! Claims in the texts of authors: commit messages, the text of a pull request.

use crate::text::{clip_marked, one_line};
use std::collections::BTreeSet;

/// Words that a claim has at least.
const LEAST_WORDS: usize = 2;
/// Characters of a claim that are kept.
const MOST_CHARS: usize = 400;
/// Ends of words that no sentence ends with.
const ABBREVIATIONS: [&str; 6] = ["e.g.", "i.e.", "etc.", "vs.", "cf.", "resp."];
/// Lines that a tool wrote, or that only name others.
const TRAILERS: [&str; 7] =
    ["-by:", "change-id:", "fixes:", "closes:", "refs:", "see-also:", "cherry picked from commit"];

/// One thing that an author says of a change.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Claim {
    /// What is claimed, on one line.
    pub text: String,
    /// Where it stands: a commit, or the name of a text.
    pub source: String,
}

/// The claims of some texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// Each once, in the order of the texts.
    pub claims: Vec<Claim>,
    /// Further ones, beyond the bound.
    pub left_out: usize,
}

/// Takes the claims out of texts, each with its name; at most so many.
///
/// Each item of a list and each sentence is one. Headings, code, quotes, questions, trailers, the subjects of merges and
/// boxes that are not ticked claim nothing.
pub fn split<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>, most: usize) -> Split {
    let (mut split, mut known) = (Split::default(), BTreeSet::new());
    for (source, text) in texts {
        for claim in paragraphs(text).iter().flat_map(|paragraph| sentences(paragraph)) {
            let words = claim.split_whitespace().count();
            // Languages without spaces have their words in one.
            if words < LEAST_WORDS && claim.is_ascii() || claim.ends_with('?') {
                continue;
            }
            let key = claim.trim_end_matches(['.', '!']).to_lowercase();
            if !known.insert(key) {
                continue;
            }
            if split.claims.len() == most {
                split.left_out += 1;
                continue;
            }
            let text = clip_marked(claim, MOST_CHARS);
            split.claims.push(Claim { text, source: source.to_owned() });
        }
    }
    split
}

/// Paragraphs and items of lists, each on one line.
fn paragraphs(text: &str) -> Vec<String> {
    let (mut found, mut open, mut fence, mut comment) = (Vec::new(), String::new(), None, false);
    let mut close = |open: &mut String| {
        let line = one_line(&std::mem::take(open));
        if !line.is_empty() {
            found.push(line);
        }
    };
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(mark) = fence {
            if trimmed.starts_with(mark) {
                fence = None;
            }
            continue;
        }
        if comment || trimmed.starts_with("<!--") {
            comment = !trimmed.contains("-->");
            continue;
        }
        if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark)) {
            fence = Some(mark);
            close(&mut open);
            continue;
        }
        if trimmed.is_empty() || is_no_claim(trimmed) {
            close(&mut open);
            continue;
        }
        match item(trimmed) {
            Some("") => close(&mut open),
            Some(item) => {
                close(&mut open);
                open.push_str(item);
            }
            None => {
                open.push(' ');
                open.push_str(trimmed);
            }
        }
        // The subject of a commit is one, though it ends without a full stop.
        if open.trim() == text.trim_start().lines().next().unwrap_or_default().trim() {
            close(&mut open);
        }
    }
    close(&mut open);
    found
}

fn is_no_claim(line: &str) -> bool {
    let lower = line.to_lowercase();
    let first = lower.split_whitespace().next().unwrap_or_default();
    line.starts_with(['#', '>', '|'])
        || TRAILERS.iter().any(|end| {
            first.ends_with(end) || lower.starts_with(end) || lower.starts_with(&format!("({end}"))
        })
        || ["merge branch ", "merge pull request ", "merge remote-tracking ", "merge tag "]
            .iter()
            .any(|begin| lower.starts_with(begin))
        || (first.contains("://") && !lower.contains(' '))
}

/// The text of an item of a list; empty for a box that is not ticked.
fn item(line: &str) -> Option<&str> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest =
        ["- ", "* ", "+ ", "• "].iter().find_map(|mark| line.strip_prefix(mark)).or_else(|| {
            let after = line.get(digits..).filter(|_| digits > 0)?;
            after.strip_prefix(". ").or_else(|| after.strip_prefix(") "))
        })?;
    let rest = rest.trim_start();
    if rest.starts_with("[ ]") {
        return Some("");
    }
    let ticked = ["[x]", "[X]"].iter().find_map(|mark| rest.strip_prefix(mark));
    Some(ticked.unwrap_or(rest).trim_start())
}

/// The sentences of a line.
fn sentences(line: &str) -> Vec<&str> {
    let (mut found, mut start, mut code) = (Vec::new(), 0, false);
    for (at, c) in line.char_indices() {
        code ^= c == '`';
        let end = at + c.len_utf8();
        let ends = match c {
            '。' | '！' | '？' => true,
            '.' | '!' | '?' => {
                let next = line[end..].trim_start();
                let word = line[start..end].rsplit(' ').next().unwrap_or_default();
                line[end..].starts_with(' ')
                    && next.starts_with(|c: char| !c.is_lowercase())
                    && !ABBREVIATIONS.contains(&word.to_lowercase().as_str())
            }
            _ => false,
        };
        if ends && !code {
            found.push(line[start..end].trim());
            start = end;
        }
    }
    found.push(line[start..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_sentences_and_items_and_nothing_else() {
        let texts: &[(&str, &[&str])] = &[
            ("Fix the overflow in parse_len\n", &["Fix the overflow in parse_len"]),
            (
                "Read mirrors at the pinned commit\n\nThe cache was stale, e.g. after a push. Now it is read\nanew. Tests\ncover both.\n\nSigned-off-by: A B <a@b>\nCo-authored-by: C <c@d>\nChange-Id: I1\n",
                &[
                    "Read mirrors at the pinned commit",
                    "The cache was stale, e.g. after a push.",
                    "Now it is read anew.",
                    "Tests cover both.",
                ],
            ),
            (
                "## What\n- adds `a. B` to the parser\n* [x] tests added\n- [ ] documented\n1. No new\n   dependency\n\n> quoted words here\n\n```\ncode is here\n```\n<!-- a\ncomment -->\nWhy not?\nhttps://host.example/1\n",
                &["adds `a. B` to the parser", "tests added", "No new dependency"],
            ),
            (
                "Read `x` first. Then write it\nFix io.Reader for large files\n",
                &["Read `x` first.", "Then write it", "Fix io.Reader for large files"],
            ),
            ("1. one thing\n2) one thing more\n", &["one thing", "one thing more"]),
            ("<!-- a\nhidden word -->\n<!-- b -->\nIt is shown\n", &["It is shown"]),
            ("Merge branch 'x' into main\n", &[]),
            ("Revert\n", &[]),
            ("(cherry picked from commit 12ab)\n", &[]),
            ("修正解析器的溢出。添加测试！", &["修正解析器的溢出。", "添加测试！"]),
            ("", &[]),
        ];
        for (text, expected) in texts {
            let found = split([("t", *text)], 100);
            let found: Vec<&str> = found.claims.iter().map(|c| c.text.as_str()).collect();
            assert_eq!(found, *expected, "{text}");
        }
    }

    #[test]
    fn a_claim_counts_once_and_what_is_too_much_is_counted() {
        let texts =
            [("commit 1", "Add a test.\n"), ("text", "add a test\n- one more\n- and another\n")];
        let found = split(texts, 2);
        assert_eq!(found.left_out, 1);
        let sources: Vec<_> = found.claims.iter().map(|c| c.source.as_str()).collect();
        assert_eq!(sources, ["commit 1", "text"]);
        let long = "word ".repeat(1000);
        let text = &split([("t", long.as_str())], 1).claims[0].text;
        assert!(text.chars().count() <= MOST_CHARS + 1, "{}", text.len());
    }
}

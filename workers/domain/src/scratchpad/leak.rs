//! The guard against reviews of a part.

use super::{marker_len, number, place, word_before};
use crate::text::{clip_marked, one_line};

/// The place where an answer speaks of shards although a reader of the whole file could not
/// know of any, or `None`.
///
/// Only a split file can leak. When the file's own source speaks of shards, so may its review:
/// then only what hardly comes from anywhere but our prompts counts, and never what the source holds
/// verbatim: an internal marker, a place such as `shard 2 of 5` with our own total, one of our shards by
/// its number that is said to show or define something, or any by its number when the source mentions
/// shards just in passing.
pub fn leaks_shards(answer: &str, total_shards: u32, source: &str) -> Option<String> {
    if total_shards < 2 {
        return None;
    }
    let answer = answer.to_lowercase();
    let source = source.to_lowercase();
    let mentions = source.matches("shard").take(ABOUT_SHARDS).count();

    for (at, _) in answer.match_indices('§') {
        let len = marker_len(&answer[at..]);
        if len > 0 && !source.contains(&answer[at..at + len]) {
            return Some(excerpt(&answer, at));
        }
    }
    for noun in ["shard", "part", "piece", "chunk", "segment", "fragment", "section"] {
        for at in words(&answer, noun) {
            let Some((k, n, len)) = place(&answer[at + noun.len()..]) else { continue };
            let phrase = &answer[at..at + noun.len() + len];
            if n == total_shards && k <= n && !source.contains(phrase) {
                return Some(excerpt(&answer, at));
            }
        }
    }
    if let Some(at) = points_at_a_piece(&answer, &source) {
        return Some(excerpt(&answer, at));
    }
    words(&answer, "shard")
        .chain(words(&answer, "shards"))
        .filter(|at| match mentions {
            0 => names_our_shard(&answer, *at, total_shards),
            _ => cites_our_shard(&answer, *at, total_shards, &source, mentions < ABOUT_SHARDS),
        })
        .min()
        .map(|at| excerpt(&answer, at))
}

/// Where an answer says `this piece of the file`: who was given the whole would not. `Part` is left
/// out, because a reader of the whole speaks of its parts.
fn points_at_a_piece(answer: &str, source: &str) -> Option<usize> {
    let pointing = ["this", "the given", "the provided", "the current", "the shown", "the above"];
    ["piece", "chunk", "segment", "fragment", "portion"].iter().find_map(|noun| {
        words(answer, noun).find(|at| {
            let before = answer[..*at].trim_end();
            let after = &answer[at + noun.len()..];
            let of = ["of the file", "of the source file", "of a larger file", "of a file"];
            let whole = of.iter().any(|o| after.trim_start().starts_with(o));
            let points = pointing.iter().find(|p| before.ends_with(**p));
            whole && points.is_some_and(|p| !source.contains(&format!("{p} {noun} of")))
        })
    })
}

/// A source that mentions shards so often is about them: `shard 3` may be one of its own.
const ABOUT_SHARDS: usize = 3;

/// What a shard of a file does, and one of a database does not.
const SAYS: &[&str] = &["show", "define", "declare", "implement", "mention", "describe", "say"];

/// True when a text goes on with `shows`, `does not define` and such.
fn says(after: &str) -> bool {
    let after = after.trim_start();
    let not = ["does not ", "doesn't ", "do not ", "don't "];
    let after = not.iter().find_map(|not| after.strip_prefix(not)).unwrap_or(after);
    let word = first_word(after);
    SAYS.contains(&word.strip_suffix('s').unwrap_or(word))
}

fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|c: char| !c.is_alphanumeric() && c != '\'').unwrap_or(text.len())]
}

/// The same where the source speaks of shards as well: by its number, and not in words of the source.
/// In a source that does so `in_passing` every number within range is one of ours.
fn cites_our_shard(answer: &str, at: usize, total: u32, source: &str, in_passing: bool) -> bool {
    let Some(after) = answer[at..].strip_prefix("shard") else { return false };
    let Some((_, len)) = number(after).filter(|(k, _)| (1..=total).contains(k)) else {
        return false;
    };
    let phrase = &answer[at..at + "shard".len() + len];
    !source.contains(phrase) && (in_passing || says(&after[len..]))
}

/// True when `shard` at `at` is one of ours: numbered within range, or pointed at. A plain
/// mention (`consider sharding the map`, `16 shards`) is a suggestion like any other.
fn names_our_shard(answer: &str, at: usize, total: u32) -> bool {
    const POINTING: &[&str] = &[
        "this",
        "these",
        "that",
        "those",
        "current",
        "given",
        "provided",
        "previous",
        "preceding",
        "following",
        "other",
        "remaining",
        "missing",
        "earlier",
        "later",
        "next",
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "last",
        "final",
        "single",
    ];
    let after = answer[at..].trim_start_matches("shards").trim_start_matches("shard");
    if number(after).is_some_and(|(k, _)| k <= total) {
        return true;
    }
    if ["summary", "summaries", "boundary", "boundaries", "text", "excerpt"]
        .iter()
        .any(|w| after.trim_start().starts_with(w))
    {
        return true;
    }
    let word = word_before(answer, at);
    let ordinal = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end));
    let ordinal = ordinal.and_then(|digits| digits.parse::<u32>().ok());
    POINTING.contains(&word)
        || ordinal.is_some_and(|k| (1..=total).contains(&k))
        || (word == "the" && the_one_read(answer, at, after))
}

/// True when `the shard` is what was read: `the shard lacks tests`. `Lock the shard that owns the key`
/// is a suggestion.
fn the_one_read(answer: &str, at: usize, after: &str) -> bool {
    const READ: &[&str] = &[
        "does", "doesn't", "do", "don't", "did", "didn't", "contains", "contain", "covers",
        "cover", "lacks", "lack", "includes", "include", "ends", "begins", "starts", "itself",
        "only", "provided", "given", "shown",
    ];
    let the = answer[..at].trim_end().len() - "the".len();
    let within = ["in", "from", "within", "throughout"].contains(&word_before(answer, the));
    let ends = after.trim_start_matches([' ', '*', '_']).is_empty()
        || after.starts_with(['.', ',', ';', ':', '\n', ')']);
    says(after) || READ.contains(&first_word(after)) || (within && ends)
}

/// Byte offsets where `word` stands as a word of its own.
fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let inner = |c: Option<char>| c.is_some_and(crate::text::is_ident);
        !inner(text[..*at].chars().next_back()) && !inner(text[at + word.len()..].chars().next())
    })
}

fn excerpt(text: &str, at: usize) -> String {
    let start = text[..at].char_indices().rev().nth(20).map_or(0, |(i, _)| i);
    clip_marked(&one_line(&text[start..]), 80)
}

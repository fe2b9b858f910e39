//! The merged notes on a split file, and the guard against reviews of a part.

use crate::text::{clip, clip_marked, one_line};

/// Joins the shard summaries in shard order, each behind its internal marker.
pub fn merge(summaries: &[(u32, String)]) -> String {
    let mut ordered: Vec<&(u32, String)> = summaries.iter().collect();
    ordered.sort_by_key(|(k, _)| *k);
    let parts: Vec<String> =
        ordered.iter().map(|(k, text)| format!("§{k}§\n{}\n", text.trim())).collect();
    parts.join("\n")
}

/// Characters that a token has at most, or nearly so: what is longer than its tokens allow comes from a
/// server that does not count them.
const CHARS_A_TOKEN: usize = 8;

/// A shard summary as it is kept: no longer than the tokens that were asked for can be.
pub fn kept(summary: &str, max_tokens: u32) -> String {
    cut(summary, (max_tokens as usize).saturating_mul(CHARS_A_TOKEN))
}

/// The notes on a split file as its reviewer sees them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notes {
    /// The text.
    pub text: String,
    /// Summaries that had to be cut.
    pub shortened: u32,
}

/// Merges the summaries for the reviewer into at most `most` characters; 0 = however many there are. What
/// is too much is cut from the longest: each of them may have as much as any other.
pub fn notes(summaries: &[(u32, String)], most: usize) -> Notes {
    let mut clean: Vec<(u32, String)> =
        summaries.iter().map(|(k, text)| (*k, for_reviewer(text))).collect();
    let mut shortened = 0;
    if most > 0 {
        // Between two of them stand line ends.
        let room = most.saturating_sub(clean.len() * "\n\n\n".len());
        let share = share(clean.iter().map(|(_, text)| text.chars().count()).collect(), room);
        for (_, text) in &mut clean {
            if text.chars().nth(share).is_some() {
                *text = cut(text, share);
                shortened += 1;
            }
        }
    }
    Notes { text: for_reviewer(&merge(&clean)), shortened }
}

/// The most that each of so many may have, so that all together have no more than `room`.
fn share(mut lengths: Vec<usize>, room: usize) -> usize {
    lengths.sort_unstable();
    let (mut room, mut left) = (room, lengths.len());
    for length in lengths {
        if length > room / left {
            return room / left;
        }
        room -= length;
        left -= 1;
    }
    usize::MAX
}

/// At most `most` characters of whole lines, or else of whole words, with `…` where something is missing.
fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let head = clip(text, most.saturating_sub(" …".chars().count()));
    let half = head.len() / 2;
    let end = head.rfind('\n').filter(|at| *at >= half);
    let end = end.or_else(|| head.rfind(char::is_whitespace).filter(|at| *at >= half));
    format!("{} …", head[..end.unwrap_or(head.len())].trim_end())
}

/// The scratchpad without anything that names shards: the markers, and the `shard 2 of 5` that
/// summaries copy from their prompt. What the reviewer never reads it can't repeat.
pub fn for_reviewer(scratchpad: &str) -> String {
    let mut out = String::with_capacity(scratchpad.len());
    let mut rest = scratchpad;
    while let Some(at) = rest.find('§') {
        out.push_str(&rest[..at]);
        let skip = marker_len(&rest[at..]);
        if skip == 0 {
            out.push('§');
        }
        rest = &rest[at + skip.max('§'.len_utf8())..];
    }
    out.push_str(rest);
    drop_places(&out).trim().to_owned()
}

/// Replaces `shard 2 of 5` by `part of the file`.
fn drop_places(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let (mut done, mut from) = (0, 0);
    while let Some(found) = lower[from..].find("shard") {
        let at = from + found;
        from = at + "shard".len();
        let starts_word = !text[..at].ends_with(crate::text::is_ident);
        if let Some((_, _, len)) = place(&lower[from..]).filter(|_| starts_word) {
            out.push_str(&text[done..at]);
            out.push_str("part of the file");
            from += len;
            done = from;
        }
    }
    out.push_str(&text[done..]);
    out
}

/// Length of a marker `§k§` at the start of `text`, 0 when there is none.
fn marker_len(text: &str) -> usize {
    let Some(inner) = text.strip_prefix('§') else { return 0 };
    let digits = inner.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && inner[digits..].starts_with('§') { digits + 2 * '§'.len_utf8() } else { 0 }
}

/// Reads ` 2 of 5`, ` #2/5` after a noun: (k, n, length).
fn place(text: &str) -> Option<(u32, u32, usize)> {
    let (k, used) = number(text)?;
    let tail = &text[used..];
    let between = [" of ", "/", " / ", " out of "].iter().find(|s| tail.starts_with(**s))?;
    let (n, more) = number(&tail[between.len()..])?;
    Some((k, n, used + between.len() + more))
}

/// Reads an integer after optional blanks, `#` or `-`: (value, length).
fn number(text: &str) -> Option<(u32, usize)> {
    let lead = text.len() - text.trim_start_matches([' ', '#', '-', '\u{a0}']).len();
    let digits = text[lead..].bytes().take_while(u8::is_ascii_digit).count();
    let value = text.get(lead..lead + digits)?.parse().ok()?;
    (lead <= 3).then_some((value, lead + digits))
}

/// The place where an answer speaks of shards although a reader of the whole file could not
/// know of any, or `None`.
///
/// Only a split file can leak. When the file's own source speaks of shards, so may its review:
/// then only what can come from nowhere but our prompts counts, which is an internal marker or a
/// place such as `shard 2 of 5` with our own total, and neither if the source holds it verbatim.
pub fn leaks_shards(answer: &str, total_shards: u32, source: &str) -> Option<String> {
    if total_shards < 2 {
        return None;
    }
    let answer = answer.to_lowercase();
    let source = source.to_lowercase();
    let about_shards = source.contains("shard");

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
    if about_shards {
        return None;
    }
    words(&answer, "shard")
        .chain(words(&answer, "shards"))
        .filter(|at| names_our_shard(&answer, *at, total_shards))
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
    let before = answer[..at].trim_end();
    let word = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    POINTING.contains(&word)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_in_shard_order_whatever_the_order_of_arrival() {
        let pad = merge(&[(2, "third".into()), (0, " first\n".into()), (1, "second".into())]);
        assert_eq!(pad, "§0§\nfirst\n\n§1§\nsecond\n\n§2§\nthird\n");
        assert_eq!(for_reviewer(&pad), "first\n\n\nsecond\n\n\nthird");
    }

    #[test]
    fn notes_are_cut_evenly_and_where_a_line_or_word_ends() {
        let (short, long) = ("`a` returns 1.", "`b` is a line of notes\n".repeat(40));
        let all = [(0, short.to_owned()), (1, long.clone()), (2, long.clone())];
        assert_eq!(notes(&all, 0).shortened, 0);
        assert_eq!(notes(&all, 0), notes(&all, 5000));
        let Notes { text, shortened } = notes(&all, 500);
        assert_eq!((shortened, text.chars().count() <= 500), (2, true), "{text}");
        assert!(text.chars().count() > 420, "what room there is is used");
        assert!(text.starts_with(short), "the short one is whole: {text}");
        assert_eq!(text.matches("notes …").count(), 2, "{text}");
        // A hundred times as much as there is room for: the bound holds all the same.
        let many: Vec<(u32, String)> = (0..300).map(|k| (k, "wörter ".repeat(300))).collect();
        let Notes { text, shortened } = notes(&many, 24_000);
        assert_eq!((shortened, text.chars().count() <= 24_000), (300, true));
        assert!(text.split_whitespace().all(|w| w == "wörter" || w == "…"), "whole words");
        assert!(notes(&many, 10).text.len() < 3000, "nothing fits, and nothing breaks");
    }

    #[test]
    fn a_summary_is_no_longer_than_its_tokens() {
        let long = "word ".repeat(10_000);
        assert!(kept(&long, 400).chars().count() <= 3200);
        assert_eq!(kept("short", 400), "short");
    }

    #[test]
    fn the_reviewer_sees_no_marker_and_no_place() {
        let text = "§0§\nShard 1 of 2 defines `a`. See § 12 and §x§.\n§1§\nEnds shard #2/2.";
        let seen = for_reviewer(text);
        assert_eq!(
            seen,
            "part of the file defines `a`. See § 12 and §x§.\n\nEnds part of the file."
        );
        assert_eq!(for_reviewer("a shard key; shard 3 is hot"), "a shard key; shard 3 is hot");
    }

    #[test]
    fn reviews_of_a_part_are_caught() {
        let plain = "fn main() {}";
        for leak in [
            "In shard 3 the parser fails",
            "As shard 2 of 5 shows, it works",
            "This shard has no tests",
            "Based on the provided shards, fine",
            "The second shard ends early",
            "see §2§ for details",
            "Part 2 of 5 lacks an error path",
            "The shard summaries do not say",
            "Only this piece of the file was seen",
        ] {
            assert!(leaks_shards(leak, 5, plain).is_some(), "{leak}");
            assert!(leaks_shards(leak, 0, plain).is_none(), "not split: {leak}");
        }
    }

    #[test]
    fn plain_mentions_are_suggestions() {
        let plain = "fn main() {}";
        for fine in [
            "Consider sharding the map to reduce contention",
            "Use 16 shards, one lock each",
            "shard 4096 ways",
            "Step 2 of 5 is never reached",
            "part 2 of 7 of the standard",
            "Section 2 of the PRD",
            "This part of the file is racy",
            "each piece of the file name",
        ] {
            assert_eq!(leaks_shards(fine, 5, plain), None, "{fine}");
        }
    }

    #[test]
    fn a_file_about_shards_may_be_reviewed_as_such() {
        let source = "struct ShardMap; // this shard owns key 3; logs `shard 1 of 5`";
        assert_eq!(leaks_shards("This shard map locks shard 3 twice", 5, source), None);
        assert_eq!(leaks_shards("the log line `shard 1 of 5` is wrong", 5, source), None);
        let evidence = leaks_shards("I was shown shard 2 of 5 only", 5, source);
        assert!(evidence.is_some_and(|e| e.contains("shard 2 of 5")));
        assert!(leaks_shards("§1§ says", 5, source).is_some());
    }
}

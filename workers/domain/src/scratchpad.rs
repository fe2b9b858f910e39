//! The merged notes on a split file, and the guard against reviews of a part.

mod leak;

pub use leak::leaks_shards;

use crate::text::clip;

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
pub fn notes(summaries: &[(u32, String)], source: &str, most: usize) -> Notes {
    // Once for all of them: the file may be large, and its summaries many.
    let about_shards = speaks_of_shards(source);
    let own = |(k, text): &(u32, String)| (*k, for_reviewer(without_label(text, *k), about_shards));
    let mut clean: Vec<(u32, String)> = summaries.iter().map(own).collect();
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
    Notes { text: without_markers(&merge(&clean)).trim().to_owned(), shortened }
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

/// A summary without the `Shard 2:` that some models put before it: a label out of their prompt,
/// whatever the source is about.
fn without_label(summary: &str, k: u32) -> &str {
    let body = summary.trim_start_matches([' ', '\n', '#', '*', '_', '[', '(']);
    let emphasis = &summary[..summary.len() - body.len()];
    let label = || {
        let (word, rest) = body.split_at_checked("shard".len())?;
        let (n, len) = number(rest)?;
        let len = place(rest).map_or(len, |(_, _, len)| len);
        let rest = rest[len..].trim_start_matches(['*', '_', ']', ')']);
        let rest = rest.strip_prefix([':', '.', '\n'])?;
        (word.eq_ignore_ascii_case("shard") && n == k + 1).then_some(rest)
    };
    let Some(rest) = label() else { return summary };
    // What closes the label's own emphasis; else `__init__` begins here.
    let rest =
        if emphasis.ends_with("**") { rest.strip_prefix("**").unwrap_or(rest) } else { rest };
    rest.trim_start()
}

/// The scratchpad without anything that names shards: the markers, the `shard 2 of 5` that
/// summaries copy from their prompt, and every other mention, unless the source speaks of shards
/// itself. What the reviewer never reads it can't repeat.
fn for_reviewer(scratchpad: &str, about_shards: bool) -> String {
    drop_places(&without_markers(scratchpad), about_shards).trim().to_owned()
}

fn speaks_of_shards(source: &str) -> bool {
    source.to_ascii_lowercase().contains("shard")
}

fn without_markers(scratchpad: &str) -> String {
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
    out
}

/// Replaces `shard 2 of 5` by `part of the file`, and unless the file is about shards `this shard`,
/// `shard 2` and `shards` as well.
fn drop_places(text: &str, about_shards: bool) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let (mut done, mut from) = (0, 0);
    while let Some(found) = lower[from..].find("shard") {
        let at = from + found;
        from = at + "shard".len();
        if text[..at].ends_with(crate::text::is_ident) {
            continue;
        }
        let after = &lower[from..];
        let plural = usize::from(after.starts_with('s'));
        let whole_word = !after[plural..].starts_with(crate::text::is_ident);
        let len = match place(after) {
            Some((_, _, len)) => len,
            None if about_shards || !whole_word => continue,
            None if plural > 0 => plural,
            // `in this shard 3 functions`: a count, not a name.
            None if ["this", "the", "each"].contains(&word_before(&lower, at)) => 0,
            None => number(after).filter(|_| !after.starts_with(" -")).map_or(0, |(_, len)| len),
        };
        out.push_str(&text[done..at]);
        out.push_str(if plural > 0 { "parts of the file" } else { "part of the file" });
        from += len;
        done = from;
    }
    out.push_str(&text[done..]);
    out
}

/// The word that ends before `at`, with blanks between.
fn word_before(text: &str, at: usize) -> &str {
    let before = text[..at].trim_end();
    before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
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

#[cfg(test)]
mod tests;

//! Tree-split: a file that is too large for one prompt becomes contiguous shards.
//!
//! Boundaries are chosen by what a line looks like, not by a grammar: a blank line before a
//! top-level item is right nearly always, costs nothing, and works for every language. A wrong
//! guess costs a summary that sees half a function; it never loses a byte.

use std::ops::Range;

use crate::target::language;

/// When to split, and into what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitConfig {
    /// Files over this many bytes are split.
    pub over_bytes: u64,
    /// Aimed-at size of a shard.
    pub shard_bytes: u64,
}

/// A shard below this could fail to hold one UTF-8 character.
const LEAST_SHARD: usize = 8;

/// How good a place to cut is; later is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    Line,
    Blank,
    /// A method or nested item: one step of indentation.
    Inner,
    Item,
    ItemAfterBlank,
}

/// Byte ranges that cover `text` exactly, in order, none empty, none through a character. A file
/// that need not be split is one range, an empty one included.
pub fn split(path: &str, text: &str, cfg: &SplitConfig) -> Vec<Range<usize>> {
    let whole = || std::iter::once(0..text.len()).collect();
    if text.len() as u64 <= cfg.over_bytes {
        return whole();
    }
    let shard = usize::try_from(cfg.shard_bytes).unwrap_or(usize::MAX / 4);
    let shard = shard.clamp(LEAST_SHARD, usize::MAX / 4);
    if text.len() <= shard + shard / 2 {
        return whole();
    }
    let cuts = candidates(path, text);
    let mut ranges = Vec::with_capacity(text.len() / shard + 1);
    let (mut start, mut first) = (0, 0);
    while text.len() - start > shard + shard / 2 {
        let low = start + shard / 2;
        // What is left after the cut is at least half a shard, so that no crumb trails.
        let high = (start + shard + shard / 2).min(text.len() - shard / 2);
        let aim = start + shard;
        first += cuts[first..].partition_point(|(at, _)| *at < low);
        let end = cuts[first..]
            .iter()
            .take_while(|(at, _)| *at <= high)
            .max_by_key(|(at, cut)| (*cut, std::cmp::Reverse(at.abs_diff(aim))))
            .map_or_else(|| floor_char(text, aim.min(high)), |(at, _)| *at);
        ranges.push(start..end);
        start = end;
    }
    ranges.push(start..text.len());
    ranges
}

fn floor_char(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Every line start but the first, with how good a cut it is, in order.
fn candidates(path: &str, text: &str) -> Vec<(usize, Cut)> {
    let markdown = matches!(language(path), "Markdown" | "reStructuredText");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut cuts = Vec::with_capacity(lines.len());
    let (mut at, mut in_fence) = (0, false);
    for (i, line) in lines.iter().enumerate() {
        let blank_before = i > 0 && lines[i - 1].trim().is_empty();
        let item = if markdown {
            !in_fence && line.starts_with('#')
        } else {
            starts_item(&lines[i..]) && !(i > 0 && leads(lines[i - 1]))
        };
        if i > 0 {
            let cut = match (item, blank_before) {
                (true, true) => Cut::ItemAfterBlank,
                (true, false) => Cut::Item,
                (false, true) if !markdown && starts_inner(&lines[i..]) => Cut::Inner,
                (false, true) => Cut::Blank,
                (false, false) => Cut::Line,
            };
            cuts.push((at, cut));
        }
        if markdown && (line.starts_with("```") || line.starts_with("~~~")) {
            in_fence = !in_fence;
        }
        at += line.len();
    }
    cuts
}

/// Comments, attributes and decorators at column 0 belong to the item below them.
fn leads(line: &str) -> bool {
    const LEADS: &[&str] = &["//", "/*", " *", "#[", "# ", "@", "--", "\"\"\""];
    LEADS.iter().any(|lead| line.starts_with(lead))
}

/// True when a top-level item, or the comment block that leads to one, starts at the first line.
fn starts_item(lines: &[&str]) -> bool {
    // A comment block longer than this is a text of its own.
    const LOOK_AHEAD: usize = 40;
    lines.iter().take(LOOK_AHEAD).find(|line| !leads(line)).is_some_and(|line| is_item(line))
}

/// True when a method, or the comment block that leads to one, starts at the first line. Only
/// words that never open a statement count here.
fn starts_inner(lines: &[&str]) -> bool {
    const WORDS: &[&str] = &[
        "fn",
        "pub",
        "def",
        "async",
        "func",
        "function",
        "class",
        "public",
        "private",
        "protected",
        "internal",
        "static",
        "fun",
        "unsafe",
        "impl",
        "override",
        "abstract",
    ];
    let step = |line: &&str| {
        let body = line.trim_start_matches([' ', '\t']);
        let (indent, tabs) = (line.len() - body.len(), line.starts_with('\t'));
        ((1..=4).contains(&indent) && (!tabs || indent == 1)).then_some(body.to_owned())
    };
    let bodies = lines.iter().take(20).map_while(step);
    let mut bodies = bodies.skip_while(|body| leads(body));
    bodies.next().is_some_and(|body| {
        let end = body.find(|c: char| !c.is_alphanumeric()).unwrap_or(body.len());
        WORDS.contains(&&body[..end])
    })
}

fn is_item(line: &str) -> bool {
    #[rustfmt::skip]
    const WORDS: &[&str] = &[
        "fn", "pub", "impl", "struct", "enum", "trait", "mod", "unsafe", "macro_rules", "const",
        "static", "class", "def", "async", "func", "function", "export", "interface", "type",
        "namespace", "public", "private", "protected", "internal", "abstract", "final", "object",
        "data", "sealed", "fun", "var", "let", "val", "module", "defmodule", "extension",
        "protocol", "message", "service", "resource", "template", "local", "create", "CREATE",
        "void", "int", "package", "union", "extern", "typedef", "sub", "proc",
    ];
    let end = line.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(line.len());
    // `[section]` opens a table in TOML and INI files.
    WORDS.contains(&&line[..end]) || line.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CFG: SplitConfig = SplitConfig { over_bytes: 600, shard_bytes: 350 };

    fn sound(text: &str, ranges: &[Range<usize>], shard: usize) {
        let joined: String = ranges.iter().map(|r| &text[r.clone()]).collect();
        assert_eq!(joined, text);
        assert!(ranges.windows(2).all(|w| w[0].end == w[1].start));
        assert!(ranges.iter().all(|r| !r.is_empty() && r.len() <= shard + shard / 2));
    }

    #[test]
    fn a_small_file_stays_whole() {
        assert_eq!(split("a.rs", "fn a() {}", &CFG).first(), Some(&(0..9)));
        let edge = "x".repeat(600);
        assert_eq!(split("a.rs", &edge, &CFG).first(), Some(&(0..600)));
    }

    #[test]
    fn rust_is_cut_before_items_with_their_docs() {
        let item = |n: u32| {
            let body = "    let a = 1;\n\n".repeat(8);
            format!("/// Item {n}.\n#[inline]\npub fn f{n}() {{\n{body}}}\n\n")
        };
        let text: String = (0..12).map(item).collect();
        let ranges = split("a.rs", &text, &CFG);
        assert!(ranges.len() > 3);
        sound(&text, &ranges, 350);
        for range in &ranges {
            assert!(text[range.clone()].starts_with("/// Item"), "{:?}", &text[range.clone()]);
        }
    }

    #[test]
    fn markdown_is_cut_at_headings_but_not_inside_code() {
        let part = "## Part\n\nwords words words words\n\n```sh\n\n# not a heading\n\n```\n\n";
        let text = part.repeat(30);
        for range in split("a.md", &text, &CFG) {
            assert!(text[range].starts_with("## Part"));
        }
    }

    #[test]
    fn a_long_impl_is_cut_between_methods() {
        let body = "        let a = 1;\n\n".repeat(6);
        let method = format!("    /// A method.\n    pub fn f(&self) {{\n{body}    }}\n\n");
        let text = format!("impl X {{\n{}}}\n", method.repeat(12));
        let ranges = split("a.rs", &text, &CFG);
        assert!(ranges.len() > 3);
        for range in &ranges[1..] {
            assert!(text[range.clone()].starts_with("    /// A method."));
        }
    }

    #[test]
    fn one_long_line_is_cut_at_characters() {
        let text = "ä€𝄞".repeat(500);
        let ranges = split("a.json", &text, &CFG);
        assert!(ranges.len() >= 9);
        sound(&text, &ranges, 350);
    }

    #[test]
    fn a_tiny_shard_size_still_moves_on() {
        let text = "𝄞".repeat(50);
        let cfg = SplitConfig { over_bytes: 0, shard_bytes: 0 };
        sound(&text, &split("a", &text, &cfg), LEAST_SHARD);
    }

    proptest! {
        #[test]
        fn shards_reassemble_byte_for_byte(
            lines in proptest::collection::vec("(fn |pub |# |    |\\PC{0,3}|)[a-zä€𝄞 ]{0,60}", 0..80),
            crlf in any::<bool>(),
            shard in 8u64..400,
            markdown in any::<bool>(),
        ) {
            let text = lines.join(if crlf { "\r\n" } else { "\n" });
            prop_assume!(!text.is_empty());
            let cfg = SplitConfig { over_bytes: shard, shard_bytes: shard };
            let ranges = split(if markdown { "a.md" } else { "a.rs" }, &text, &cfg);
            let joined: String = ranges.iter().map(|r| &text[r.clone()]).collect();
            prop_assert_eq!(joined, text);
            let most = (shard + shard / 2) as usize;
            prop_assert!(ranges.iter().all(|r| !r.is_empty() && r.len() <= most));
        }
    }
}

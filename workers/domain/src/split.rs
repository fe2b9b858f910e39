//! Tree-split: a file that is too large for one prompt becomes contiguous shards.
//!
//! Where the structure of a language is known the cuts follow it (`syntax`), so that a shard holds
//! whole functions; else they follow what a line looks like (`lines`), which works for every
//! language. A wrong guess costs a summary that sees half a function; it never
//! loses a byte.

mod lines;
mod syntax;

pub(crate) use syntax::{Block, blocks, blocks_of, has_braces};

use queue_schema::sweep::SplitMode;
use std::cmp::Reverse;
use std::ops::Range;

/// When to split, and into what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitConfig {
    /// Files over this many bytes are split.
    pub over_bytes: u64,
    /// Aimed-at size of a shard.
    pub shard_bytes: u64,
    /// What the boundaries follow.
    pub mode: SplitMode,
}

/// A shard below this could fail to hold one UTF-8 character.
const LEAST_SHARD: usize = 8;

/// How good a place to cut is; later is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    Line,
    Blank,
    /// A statement, a field, an arm.
    Statement,
    /// The same after a blank line.
    Paragraph,
    /// An item two or more levels down.
    Nested,
    /// A method or nested item: one level down.
    Inner,
    Item,
    ItemAfterBlank,
}

/// Places to cut, in order; each is the start of a line other than the first.
type Cuts = Vec<(usize, Cut)>;

/// Byte ranges that cover `text` exactly, in order, none empty, none through a character. A file
/// that need not be split is one range, an empty one included.
pub fn split(path: &str, text: &str, cfg: &SplitConfig) -> Vec<Range<usize>> {
    if text.len() as u64 <= cfg.over_bytes {
        return std::iter::once(0..text.len()).collect();
    }
    let shard = usize::try_from(cfg.shard_bytes).unwrap_or(usize::MAX / 4);
    let shard = shard.clamp(LEAST_SHARD, usize::MAX / 4);
    if cfg.mode == SplitMode::Bytes {
        return by_bytes(text, shard);
    }
    let by_lines = || lines::candidates(path, text);
    let cuts = match cfg.mode {
        SplitMode::Syntax => syntax::candidates(path, text).unwrap_or_else(by_lines),
        SplitMode::Lines | SplitMode::Bytes => by_lines(),
    };
    let mut ranges = Vec::new();
    let (mut start, mut first) = (0, 0);
    while text.len() - start > shard + shard / 2 {
        first += cuts[first..].partition_point(|(at, _)| *at <= start);
        let end = choose(&cuts[first..], start, shard, text.len())
            .unwrap_or_else(|| floor_char(text, start + shard));
        ranges.push(start..end);
        start = end;
    }
    ranges.push(start..text.len());
    ranges
}

/// Shards of exactly the aimed-at size but for characters that stand across it: what other
/// splits are compared with.
fn by_bytes(text: &str, shard: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = floor_char(text, (start + shard).min(text.len()));
        ranges.push(start..end);
        start = end;
    }
    ranges
}

/// The best end of a shard that begins at `start`; `cuts` begin behind it. An item of at most
/// `shard` bytes is never cut: either it begins or ends where a shard may, or the shard before it
/// is allowed to be short.
fn choose(cuts: &[(usize, Cut)], start: usize, shard: usize, len: usize) -> Option<usize> {
    let aim = start + shard;
    let most = start + shard + shard / 2;
    let low = start + shard / 2;
    // How short a shard, or what is left behind it, may be where that keeps an item whole.
    let crumb = shard / 8;
    let within = |from: usize, to: usize| {
        let first = cuts.partition_point(|(at, _)| *at < from);
        cuts[first..].iter().take_while(move |(at, _)| *at <= to)
    };
    let best = |from: usize, to: usize, least: Cut| {
        within(from, to)
            .filter(|(_, cut)| *cut >= least)
            .max_by_key(|(at, cut)| (*cut, Reverse(at.abs_diff(aim))))
            .map(|(at, _)| *at)
    };
    for level in [Cut::Item, Cut::Inner, Cut::Nested] {
        let fitting = || {
            let (at, _) = within(start + crumb.max(1), low.saturating_sub(1))
                .filter(|(_, cut)| *cut >= level)
                .last()?;
            // What begins there is no longer than a shard may be.
            within(at + 1, at + shard + shard / 2).any(|(_, cut)| *cut >= level).then_some(*at)
        };
        let to = most.min(len - crumb.max(1));
        if let Some(at) = best(low.max(start + 1), to, level).or_else(fitting) {
            return Some(at);
        }
    }
    // What is left after the cut is at least half a shard, so that no crumb trails.
    best(low.max(start + 1), most.min(len - shard / 2), Cut::Line)
}

fn floor_char(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests;

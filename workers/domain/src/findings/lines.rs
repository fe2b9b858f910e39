//! Which lines of a text the lines of an older one have become. No library is used: those that bound the work on
//! hostile texts do so by a clock, and then two runs may differ.

use std::collections::HashMap;
use std::hash::Hash;

/// Lines of either text beyond which only its equal ends are mapped.
const MOST_LINES: usize = 50_000;
/// How often a gap between lines that are certain is cut once more.
const DEPTH: usize = 32;

/// A run of lines that both texts have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    old: usize,
    new: usize,
    len: usize,
}

/// Where the lines of an older text are in a newer one. Lines are the same when they differ by what stands
/// before and behind them in white space alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineMap {
    /// In order; none overlaps another.
    runs: Vec<Run>,
    /// Lines of the newer text.
    lines: usize,
}

impl LineMap {
    /// From one text to another.
    pub fn new(old: &str, new: &str) -> Self {
        let old: Vec<&str> = old.lines().map(str::trim).collect();
        let new: Vec<&str> = new.lines().map(str::trim).collect();
        let mut map = Self { runs: Vec::new(), lines: new.len() };
        let depth = if old.len().max(new.len()) > MOST_LINES { 0 } else { DEPTH };
        map.add((&old, 0), (&new, 0), depth);
        map
    }

    /// The lines, from 1 and both inclusive, that a line from 1 has become: itself where it stands in both,
    /// else those in whose place it stood. The first is behind the last where it was taken out.
    pub fn at(&self, line: u32) -> (u32, u32) {
        let line = (line as usize).saturating_sub(1);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let next = self.runs.partition_point(|run| run.old <= line);
        let before = next.checked_sub(1).and_then(|at| self.runs.get(at));
        if let Some(run) = before.filter(|run| line < run.old + run.len) {
            let at = number(run.new + line - run.old + 1);
            return (at, at);
        }
        let first = before.map_or(0, |run| run.new + run.len);
        let last = self.runs.get(next).map_or(self.lines, |run| run.new);
        (number(first + 1), number(last))
    }

    /// The runs of two stretches, each with its first line.
    fn add(&mut self, old: (&[&str], usize), new: (&[&str], usize), depth: usize) {
        let ((old, old_at), (new, new_at)) = (old, new);
        let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        self.run(old_at, new_at, head);
        let (old, new) = (&old[head..], &new[head..]);
        let same_end = |(a, b): &(&&str, &&str)| a == b;
        let tail = old.iter().rev().zip(new.iter().rev()).take_while(same_end).count();
        let (old_len, new_len) = (old.len() - tail, new.len() - tail);
        let (old_at, new_at) = (old_at + head, new_at + head);
        if depth > 0 {
            let (old, new) = (&old[..old_len], &new[..new_len]);
            let certain = in_both_once(old, new);
            let (mut i, mut j) = (0, 0);
            let ends = (!certain.is_empty()).then_some((old_len, new_len));
            for (a, b) in certain.into_iter().chain(ends) {
                self.add((&old[i..a], old_at + i), (&new[j..b], new_at + j), depth - 1);
                // The line that is certain begins the next stretch, as its head.
                (i, j) = (a, b);
            }
        }
        self.run(old_at + old_len, new_at + new_len, tail);
    }

    fn run(&mut self, old: usize, new: usize, len: usize) {
        if len == 0 {
            return;
        }
        match self.runs.last_mut() {
            Some(last) if last.old + last.len == old && last.new + last.len == new => {
                last.len += len;
            }
            _ => self.runs.push(Run { old, new, len }),
        }
    }
}

/// The lines that stand once in each of two stretches, as many as have the same order in both.
fn in_both_once(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let (olds, news) = (once(old), once(new));
    let mut pairs: Vec<(usize, usize)> =
        olds.iter().filter_map(|(line, at)| Some((*at, *news.get(line)?))).collect();
    pairs.sort_unstable();
    longest_rising(&pairs)
}

fn once<T: Hash + Eq + Copy>(lines: &[T]) -> HashMap<T, usize> {
    let mut seen: HashMap<T, Option<usize>> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        seen.entry(*line).and_modify(|at| *at = None).or_insert(Some(at));
    }
    seen.into_iter().filter_map(|(line, at)| Some((line, at?))).collect()
}

/// The longest part of some pairs, in order of their first, in which the second rises too.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (at, (_, second)) in pairs.iter().enumerate() {
        let place = ends.partition_point(|end| pairs[*end].1 < *second);
        before.push(place.checked_sub(1).map(|i| ends[i]));
        if place == ends.len() {
            ends.push(at);
        } else {
            ends[place] = at;
        }
    }
    let last = ends.last().copied();
    let mut rising: Vec<(usize, usize)> =
        std::iter::successors(last, |at| before[*at]).map(|at| pairs[at]).collect();
    rising.reverse();
    rising
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_followed_through_an_edit() {
        let old = "a\nb\nc\nd\ne\n";
        for (new, line, want) in [
            (old, 3, (3, 3)),
            ("x\na\nb\nc\nd\ne\n", 3, (4, 4)),
            ("a\nb\n  c\nd\ne\n", 3, (3, 3)),
            ("a\nb\nC\nd\ne\n", 3, (3, 3)),
            ("a\nb\nC1\nC2\nd\ne\n", 3, (3, 4)),
            ("a\nb\nd\ne\n", 3, (3, 2)),
            ("", 3, (1, 0)),
            ("d\ne\na\nb\nc\n", 1, (3, 3)),
            (old, 99, (6, 5)),
            (old, 0, (1, 1)),
        ] {
            assert_eq!(LineMap::new(old, new).at(line), want, "{line} of {new:?}");
        }
        assert_eq!(LineMap::new("", old).at(1), (1, 5));
        // What follows a line that stands once in each follows it still.
        let (old, new) = ("}\na\n}\nU\n}\n}\nb", "}\nz\n}\nU\n}\n}\nc");
        let at = |line| LineMap::new(old, new).at(line);
        assert_eq!([1, 3, 4, 5, 6].map(at), [1, 3, 4, 5, 6].map(|n| (n, n)));
        assert_eq!([2, 7].map(at), [(2, 2), (7, 7)]);
        // Braces alone tell nothing: they are mapped by what is around them.
        let (old, new) = ("f {\n}\n\ng {\n}\n", "h {\n}\n\nf {\n}\n\ng {\n}\n");
        assert_eq!([2, 5].map(|line| LineMap::new(old, new).at(line)), [(5, 5), (8, 8)]);
    }

    #[test]
    fn a_long_file_is_mapped_in_a_moment() {
        let long = |seed: usize| -> String {
            (0..MOST_LINES).fold(String::new(), |s, n| {
                s + if (n * seed).is_multiple_of(7) { "a\n" } else { "b\n" }
            })
        };
        assert_eq!(LineMap::new(&long(3), &long(5)).at(1), (1, 1));
        let numbered = (0..MOST_LINES).fold(String::new(), |s, n| s + &format!("{n}\n"));
        let reversed = (0..MOST_LINES).rev().fold(String::new(), |s, n| s + &format!("{n}\n"));
        LineMap::new(&numbered, &reversed);
    }

    proptest! {
        #[test]
        fn lines_map_in_order_and_to_equal_ones(
            old in proptest::collection::vec("[a-e]", 0..40),
            new in proptest::collection::vec("[a-e]", 0..40),
        ) {
            let map = LineMap::new(&old.join("\n"), &new.join("\n"));
            let mut floor = 0;
            for run in &map.runs {
                prop_assert!(run.new >= floor);
                floor = run.new + run.len;
                for k in 0..run.len {
                    prop_assert_eq!(&old[run.old + k], &new[run.new + k]);
                }
            }
        }
    }
}

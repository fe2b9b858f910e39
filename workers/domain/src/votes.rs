//! Votes are counted in one way, whatever they are about: claims of authors, findings of reviewers.

use std::collections::BTreeMap;

/// What votes come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count<S> {
    /// More than half of all who were asked say it.
    Majority(S),
    /// More say it than anything else, and nobody is left to ask.
    Most(S),
    /// They split, and nobody is left to ask.
    Split,
    /// Fewer than two count, and nobody is left to ask.
    TooFew,
}

/// Counts votes: `votes` are those that count, in any order, and `asked` is the number of voters. `tie_breaker` is the
/// vote of the one who is asked after a split, if it counts; `last` says that there is nobody else to ask. `None` when
/// one more is needed.
pub fn count<S: Copy + Ord>(
    votes: &[S],
    asked: usize,
    tie_breaker: Option<S>,
    last: bool,
) -> Option<Count<S>> {
    let mut counts = BTreeMap::<S, usize>::new();
    for stand in votes.iter().copied().chain(tie_breaker) {
        *counts.entry(stand).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    let mut counts: Vec<(S, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(stand, n)| (std::cmp::Reverse(*n), *stand));
    let next = counts.get(1).map_or(0, |(_, n)| *n);
    let first = counts.first().copied();
    // A majority of all who were asked, so that votes that never came are no consent.
    if let Some((stand, _)) = first.filter(|(_, n)| *n > asked / 2) {
        return Some(Count::Majority(stand));
    }
    if !last {
        return None;
    }
    Some(match first {
        Some((stand, most)) if most > next && most > 1 => Count::Most(stand),
        _ if all < 2 => Count::TooFew,
        _ => Count::Split,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_is_of_all_who_were_asked_and_a_lone_vote_decides_nothing() {
        use Count::{Majority, Most, Split, TooFew};
        // Votes that count, how many were asked, the tie-breaker; what they come to when nobody is left, and
        // whether that is told before.
        for (votes, asked, tie, end, early) in [
            ("aab", 3, None, Majority('a'), true),
            ("a", 1, None, Majority('a'), true),
            ("a", 3, Some('a'), Majority('a'), true),
            ("aabbc", 5, Some('b'), Majority('b'), true),
            // Half is no majority.
            ("aa", 4, None, Most('a'), false),
            ("aabc", 5, None, Most('a'), false),
            ("ab", 5, Some('b'), Most('b'), false),
            ("aabb", 5, None, Split, false),
            ("ab", 3, None, Split, false),
            ("ab", 3, Some('c'), Split, false),
            ("a", 3, None, TooFew, false),
            ("", 2, Some('a'), TooFew, false),
            ("", 3, None, TooFew, false),
        ] {
            let all: Vec<char> = votes.chars().collect();
            let what = format!("{votes} of {asked}, {tie:?}");
            assert_eq!(count(&all, asked, tie, true), Some(end), "{what}");
            assert_eq!(count(&all, asked, tie, false), early.then_some(end), "{what}");
        }
    }
}

//! What the author of a change says of it, held against the change: [`split`] takes the claims out of texts,
//! [`material`] picks what a voter is shown, [`prompt()`] asks, [`judge`] reads an answer, and [`decide`] counts the
//! votes.
//!
//! The words of an author are kept out of every search for mistakes: told that a change is harmless, reviewers find
//! less. Here they are what is looked at.

mod ask;
mod judge;
mod split;

pub(crate) use ask::CLAIM;
pub use ask::{Asked, Material, material, prompt};
pub use judge::judge;
pub use split::{Claim, Split, split};

use crate::votes::{self, Count};
use queue_schema::rows::claim::{ClaimVerdict, Stand};

/// What votes come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It stands.
    Decided(ClaimVerdict, String),
    /// The votes split: one more is needed.
    Split,
}

/// Counts votes: `votes` are those that count, in any order, and `asked` is the number of voters. `tie_breaker` is the
/// vote of the one who is asked after a split, if it counts; `last` says that there is nobody else to ask.
pub fn decide(votes: &[Stand], asked: usize, tie_breaker: Option<Stand>, last: bool) -> Decision {
    let n = |stand: Stand| votes.iter().chain(&tie_breaker).filter(|s| **s == stand).count();
    let said = Stand::ALL.map(|s| format!("{} {}", n(s), ClaimVerdict::from(s).words()));
    let said = format!("of {asked} votes: {}", said.join(", "));
    let undecided =
        |why: &str| Decision::Decided(ClaimVerdict::Undecided, format!("{why}; {said}"));
    match votes::count(votes, asked, tie_breaker, last) {
        None => Decision::Split,
        Some(Count::Majority(stand)) => Decision::Decided(stand.into(), said),
        Some(Count::Most(stand)) => {
            Decision::Decided(stand.into(), format!("{said}; the tie-breaker decided"))
        }
        Some(Count::Split) => undecided("the votes split"),
        Some(Count::TooFew) => undecided("too few votes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_are_counted_whatever_their_order() {
        use ClaimVerdict as V;
        use Stand::{Backed as B, CantTell as C, NotBacked as N};
        type Case<'a> = (&'a [Stand], Option<Stand>, Option<V>, Option<V>);
        // Before and after there is nobody else to ask; none is a split.
        let table: &[Case<'_>] = &[
            (&[B, B, B], None, Some(V::Backed), Some(V::Backed)),
            (&[B, B, N], None, Some(V::Backed), Some(V::Backed)),
            (&[N, N, C], None, Some(V::NotBacked), Some(V::NotBacked)),
            (&[C, C], None, Some(V::CantTell), Some(V::CantTell)),
            (&[B, N, C], None, None, Some(V::Undecided)),
            (&[B, N, C], Some(N), None, Some(V::NotBacked)),
            (&[B, N], None, None, Some(V::Undecided)),
            (&[B, N], Some(C), None, Some(V::Undecided)),
            (&[B, N], Some(B), Some(V::Backed), Some(V::Backed)),
            (&[B], None, None, Some(V::Undecided)),
            (&[B], Some(B), Some(V::Backed), Some(V::Backed)),
            (&[], Some(B), None, Some(V::Undecided)),
            (&[], None, None, Some(V::Undecided)),
        ];
        for (votes, tie, before, after) in table {
            let mut votes = votes.to_vec();
            for _ in 0..votes.len().max(1) {
                if !votes.is_empty() {
                    votes.rotate_left(1);
                }
                for turned in [votes.clone(), votes.iter().rev().copied().collect()] {
                    let verdict = |last| match decide(&turned, 3, *tie, last) {
                        Decision::Decided(verdict, _) => Some(verdict),
                        Decision::Split => None,
                    };
                    if tie.is_none() {
                        assert_eq!(verdict(false), *before, "{turned:?}");
                    }
                    assert_eq!(verdict(true), *after, "{turned:?} {tie:?}");
                }
            }
        }
        let Decision::Decided(_, why) = decide(&[B, N], 3, None, true) else { panic!("a split") };
        assert_eq!(why, "the votes split; of 3 votes: 1 backed, 1 not backed, 0 can't tell");
    }
}

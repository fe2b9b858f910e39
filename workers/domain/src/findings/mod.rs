//! The ledger of findings: which findings of a review are those of earlier ones, and what became of the rest.
//!
//! A finding has an identity that outlives the sweep that made it. It is compared by its code without the
//! layout, by what its claim names, by its function and pattern, by its words ([`likeness`]); [`matching`] says
//! which is which, [`settle`] what that comes to for a file, [`state`] how one stands. Lines are followed from
//! one blob to the next ([`LineMap`]).

mod lines;
mod matching;
mod observe;
mod settle;
mod view;

pub use lines::LineMap;
pub use matching::{Likeness, Older, Rule, matching, matching_by_all};
pub(crate) use observe::FILLERS;
pub use observe::{Said, likeness, observe, place_key};
pub use settle::{Look, Mark, Settled, code_in, settle, stands_in};
pub use view::View;

use queue_schema::records::{Decided, Observed};
use queue_schema::rows::FindingState;

/// How a finding stands, from what sweeps observed and what a person decided. `now_ms` is what the time is, in
/// milliseconds since the epoch.
pub fn state(observed: &Observed, decided: Option<&Decided>, now_ms: u64) -> FindingState {
    let dismissed =
        decided.filter(|d| d.dismissed && d.until_ms.is_none_or(|until| now_ms < until));
    if observed.fixed.is_some() {
        return FindingState::Fixed;
    }
    match dismissed {
        Some(decided) if decided.code == observed.code => FindingState::Dismissed,
        Some(_) => FindingState::Reopened,
        None if decided.is_none() && observed.came_back.is_some() => FindingState::Reopened,
        None => FindingState::Open,
    }
}

#[cfg(test)]
mod tests;

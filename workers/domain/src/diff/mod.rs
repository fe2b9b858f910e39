//! The review of a diff: what changed between two commits, read by several reviewers at once.
//!
//! [`parse`] reads the diff, [`bundles`] cuts it into what a reviewer is given at once, [`context()`] is what is shown
//! beside it and [`prompt()`] what is asked; [`judge`] reads an answer into an [`Opinion`]. What all of them come to is
//! the [`tally()`]; [`compare`](compare()) holds it against the one of the head before, and [`report`] writes it down.
//! [`builtin`](builtin()) is the reviewer that needs no model.

mod alike;
mod answer;
mod bounds;
mod builtin;
mod bundle;
mod compare;
mod context;
mod known;
mod left_out;
mod mask;
mod patch;
mod place;
mod prompt;
mod quality;
mod read;
pub mod report;
mod show;
mod stance;
mod tally;

pub use answer::{Opinion, judge};
pub use builtin::builtin;
pub use bundle::{Bounds, Bundle, LeftOut, Piece, Plan, Refused, bundles};
pub use compare::compare;
pub use context::context;
pub use known::{Known, hints, known};
pub use left_out::{can_be_shown, is_hidden};
pub use mask::{Sides, masked, masks_in};
pub use patch::{Change, FilePatch, Hunk, Line, Patch, PatchError, Sign, parse};
pub(crate) use prompt::DIFF;
pub use prompt::{DiffInput, prompt};
pub use quality::code_quality;
pub use tally::{Counted, Group, Missing, Said, Tally, Voter, tally};

#[cfg(test)]
mod tests;

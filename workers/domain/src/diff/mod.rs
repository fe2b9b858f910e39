//! The review of a diff: what changed between two commits, read by several reviewers at once.
//!
//! [`parse`] reads the diff, [`bundles`] cuts it into what a reviewer is given at once, [`context()`] is what is shown
//! beside it and [`prompt()`] what is asked; [`judge`] reads an answer into an [`Opinion`]. What all of them come to is
//! the [`tally()`]; [`compare`](compare()) holds it against the one of the head before, and [`report`] writes it down.
//! [`builtin`](builtin()) is the reviewer that needs no model.

mod bundle;
mod patch;
mod show;

pub use bundle::{Bounds, Bundle, LeftOut, Piece, Plan, Refused, bundles};
pub use patch::{Change, FilePatch, Hunk, Line, Patch, PatchError, Sign, parse};

//! Second opinions: the findings of a review, put to the vote. [`Ballot`] is what a voter is shown, [`prompt()`] asks,
//! [`judge`] reads an answer, [`decide`] counts the votes on a finding, and [`overlay`] shows what they came to at the
//! findings of a row.
//!
//! A voter sees the file and what is claimed of it: not who claims it, how sure they are or how grave they think it is.
//! Told that somebody is sure, models agree.

mod ask;
mod decide;
mod judge;
mod overlay;
mod stance;

pub(crate) use ask::AUDIT;
pub use ask::{Asked, Ballot, Part, Shown, prompt, take};
pub use decide::{Decided, Vote, consensus, decide};
pub use judge::judge;
pub use overlay::{audited, empty_row, left_out, overlay};

use queue_schema::rows::AuditStand;
use serde::{Deserialize, Serialize};

/// What one voter says of one finding of a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The finding's place in the review, from 0.
    pub index: u32,
    /// What it says.
    pub stand: AuditStand,
    /// Whether it counts.
    pub counts: bool,
    /// Why it does not count; empty if it does.
    pub note: String,
    /// The lines that it goes by.
    pub quote: String,
    /// Its reason.
    pub why: String,
}

#[cfg(test)]
mod tests;

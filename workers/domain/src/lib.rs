//! Pure review logic: no I/O, no clock, no randomness.
//!
//! Every function here gives the same answer for the same arguments, on every machine, which is
//! what makes a job safe to run twice. Handlers in the fleet read and write; this crate decides.
//!
//! The order in which a review passes through the modules:
//!
//! 1. [`target`]: is this file reviewed at all, and if not, why ([`decode`] and [`shape`] look at it).
//! 2. [`split`]: files that a rung can't take whole ([`fit`]) become shards; [`scratchpad`] merges their summaries, [`gathered`] is what they leave.
//! 3. [`retrieve`]: which passages of the documents go with the file.
//! 4. [`prompt`]: what the reviewer is told.
//!    [`hints`] is what linters found, and [`definitions`] what the file uses of others, which it is shown too.
//! 5. [`accept`]: is the answer a review ([`clean`] and [`parse`] read it, [`material`] tells copies).
//! 6. [`anchor`]: where in the file each finding is; [`checks`]: does it hold; [`tier`]: what may be done with the review.
//!    [`confirm`]: a second call that has to name an input for which the result is wrong.
//! 7. [`review`]: the row; [`facts`]: what it says of the file; [`report`]: what a sweep leaves behind.
//!
//! [`findings`] tells which findings were said before, and what has become of those.
//!
//! [`apply`]: from a review to patches, through the gates.
//!
//! [`metrics`] says what a sweep comes to, and what has changed since the one before; [`severity`] how grave
//! a finding is; [`trust`] what the models have shown.
//!
//! [`calibration`] says what the confidences of a model are worth.
//!
//! [`estimate`] says what a sweep would take before it begins; [`suggest`] which order of rungs costs least.
//!
//! [`eval`] says how right reviews are: which seeded faults they find, and what else they claim.
//!
//! [`injection`] tries whether a reviewer obeys the file that it reviews.
//!
//! [`redact`] takes secrets out of what leaves for models that are not local.
//!
//! [`pathway`] is what a repository has taught: which model does well where, and which mistakes come back.
//!
//! [`observe`] is what failures say together, and what to do about them.
//!
//! [`forge`] decides what is published of a review at a pull request, and [`hook`] reads what a forge tells of one.
//!
//! [`schedule`] says when sweeps by the clock are due, and what one has found that the one before had not.
//!
//! [`builtin`] is the reviewer that needs no model: static checks, written in the same format.
//!
//! [`audit`] holds the findings of a review against its file, by the votes of several models; [`votes`] counts them.
//!
//! [`diff`] is the review of a change: what differs between two commits, by several reviewers.

pub mod accept;
pub mod anchor;
pub mod apply;
pub mod audit;
pub mod builtin;
pub mod calibration;
pub mod checks;
pub mod claims;
pub mod clean;
pub mod confirm;
pub mod decode;
pub mod definitions;
pub mod diff;
pub mod estimate;
pub mod eval;
pub mod facts;
pub mod findings;
pub mod fit;
#[cfg(test)]
mod fixtures;
pub mod forge;
pub mod gathered;
pub mod hints;
pub mod hook;
pub mod injection;
pub mod material;
pub mod metrics;
pub mod observe;
pub mod parity;
pub mod parse;
pub mod pathway;
pub mod prompt;
mod random;
pub mod redact;
pub mod report;
pub mod retrieve;
pub mod review;
pub mod schedule;
pub mod scratchpad;
pub mod severity;
pub mod shape;
pub mod split;
pub mod suggest;
pub mod target;
pub mod text;
pub mod tier;
pub mod trust;
pub mod votes;

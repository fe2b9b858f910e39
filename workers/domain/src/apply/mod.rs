//! From a review to patches: which reviews, what the patch model is asked, what it answered, which
//! gates its patches pass, which of them are at fault when the check is red, and what stands in the
//! commit.
//!
//! The gates are the point: a patch that fails one of them changes nothing, whoever proposed it and
//! however sure it was. [`gates`] has those that need only the texts, [`prove`] those of a test that
//! proves a finding; what a check and a test said is judged in [`verdict`]; [`bisect`] finds out who
//! turned it red. [`paths`] says which files may be changed at all, and [`policy`] what a worker allows,
//! whatever it is asked.

pub mod bisect;
pub mod detect;
mod ends;
pub mod gates;
mod kinds;
pub mod message;
pub mod parse;
pub mod paths;
pub mod policy;
pub mod prompt;
pub mod prove;
pub mod select;
pub mod verdict;

pub use bisect::Bisect;
pub use gates::{Failed, Gate};
pub use parse::Patch;
pub use paths::PathRules;

#[cfg(test)]
mod tests;

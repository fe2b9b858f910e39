//! Proof that reviews are right: faults that are put into files on purpose, and what reviewers say of them.
//!
//! [`mutate`] makes the faults.

pub mod mutate;

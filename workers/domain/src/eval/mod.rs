//! Proof that reviews are right: faults that are put into files on purpose, and what reviewers say of them.
//!
//! [`mutate`] makes the faults, [`pick`] chooses some of a repository, [`case`] is a file with a fault or
//! without one, [`mod@score`] holds findings against the places of the faults, [`figures`] counts, [`mod@worth`] tells
//! what each check adds and [`mod@gates`] what each gate, [`compare`] holds two runs against each other, [`record`] is
//! what is kept, [`report`] what people read.

pub mod case;
pub mod compare;
pub mod figures;
pub mod gates;
pub mod mutate;
pub mod pick;
pub mod record;
pub mod report;
pub mod score;
pub mod stats;
pub mod worth;

#[cfg(test)]
mod tests;

//! What a repository has taught: which model does well in which area, and which mistakes come back there.
//!
//! An area is what lies below the first two segments of a path. The reviews of one task in an area of one class are a
//! pathway ([`pathway_id`], [`Signal`]); how one went is a [`Trace`]. A new review is compared with those of its pathway
//! ([`alike`]) and may begin at a model that did well ([`swap`]); its reviewers are told which mistakes came
//! back in the area ([`preamble`]). Little is learnt, and only of findings whose code is in the file.

mod area;
mod fingerprint;
mod key;
mod libraries;
mod preamble;
mod recall;
mod swap;
mod trace;
mod vector;
mod write;

pub use area::{Area, Dismissal, KeptPrint, MOST_KNOWN, Seen};
pub use fingerprint::{Fingerprint, Known, fingerprints, keys_of, shown, teaches};
pub use key::{identifiers, keywords, pattern_key};
pub use libraries::libraries;
#[cfg(test)]
pub(crate) use preamble::APART;
pub use preamble::preamble;
pub use recall::{
    Asked, Ended, KeptTrace, Learnt, Remembered, Room, Traces, candidate, trace_attempts, traces,
    traces_of,
};
pub use swap::{Blocked, Candidate, begun_at, best, place, swap};
pub use trace::{REVIEW, Signal, Trace, TraceAttempt, TraceChunk, file_prefix, pathway_id};
pub use vector::{BUCKETS, Question, alike, similarity, tokens, vector};
pub use write::{insert, keep, keep_prints, replay, trace_id};

#[cfg(test)]
mod tests;

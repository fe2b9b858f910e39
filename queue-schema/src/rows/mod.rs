//! Rows of the knowledge base: append-only, versioned, one file a kind.
//!
//! A row kind is a constant stream name plus a type; [`Row`] ties the two together so that a
//! handler can't append one kind's row to another kind's stream.

pub mod attempt;
pub mod finding;
pub mod review;

pub use attempt::{Attempt, Outcome};
pub use finding::{FLAGS, Finding, FindingKind};
pub use review::ReviewRow;

use serde::{Serialize, de::DeserializeOwned};

/// Streams of all row kinds: what is kept of a sweep, and forgotten with it.
pub const STREAMS: &[&str] = &[ReviewRow::STREAM];

/// A kind of knowledge-base row.
pub trait Row: Serialize + DeserializeOwned {
    /// Name of the stream and of the JSONL file, e.g. `scrum_reviews`.
    const STREAM: &'static str;
    /// What makes the row unique within its sweep; a second row with the same id is not written.
    fn row_id(&self) -> String;
}

//! Reads sweeps for reports: the targets of a sweep joined with their rows, facts, attempts and reasons; sweeps
//! of one repository over time.
//!
//! Nothing here loads a whole sweep: files come in pages of [`PAGE`], and a page takes a fixed number of
//! round trips. This crate only reads; it renders nothing.

mod files;
mod past;
mod sweep;

pub use files::Files;
pub use past::{metrics_of, metrics_of_all};
pub use sweep::{Rows, Sweep};

/// Files or rows that are held at a time.
pub const PAGE: usize = 256;

/// A failure to read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no sweep of this id.
    #[error("there is no sweep {0}; `scrum status` lists them")]
    NoSweep(String),
    /// The queue did not answer, or holds what can't be read.
    #[error(transparent)]
    Queue(#[from] queue_schema::client::QueueError),
}

/// RFC 3339 without fractions, for milliseconds since the epoch.
pub fn time(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms - ms % 1000).ok())
        .map_or_else(|| "?".to_owned(), |t| t.to_string())
}

/// Milliseconds since the epoch, by this machine: for what is shown, never for a decision.
pub fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

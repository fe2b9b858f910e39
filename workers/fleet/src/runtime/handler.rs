//! What the runtime asks of whoever handles jobs. It knows no kinds.

use queue_schema::client::ClaimedJob;
use queue_schema::effects::Effects;
use queue_schema::envelope::DecodeError;
use std::future::Future;

/// Handles jobs of all kinds: reads, asks, and says what should happen.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Says what should happen. It may be run twice for one job, and it may be dropped at any
    /// await when the lease is lost: it must write nothing that a commit should.
    fn handle(
        &self,
        job: ClaimedJob,
    ) -> impl Future<Output = Result<Effects, HandlerError>> + Send + 'static;
}

/// Why a handler could not say what should happen.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The job's body can't be read: a dead letter.
    #[error(transparent)]
    Undecodable(#[from] DecodeError),
    /// It will never work: a dead letter, with what to do in the text.
    #[error("{0}")]
    Fatal(String),
    /// It, or what it goes by, is not the fleet's own: a dead letter of a class of its own.
    #[error("{0}")]
    Unsigned(String),
    /// It may work later: tried again with backoff, a bounded number of times.
    #[error("{0}")]
    Retry(String),
}

impl HandlerError {
    /// A failure that may pass.
    pub fn retry(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Retry(format!("{what}: {error}"))
    }
}

impl From<serde_json::Error> for HandlerError {
    fn from(error: serde_json::Error) -> Self {
        Self::Fatal(format!("could not be serialised: {error}"))
    }
}

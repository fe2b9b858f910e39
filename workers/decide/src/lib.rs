//! What people decide about findings and dead letters, and what changes by it. The command line and the dashboard both
//! decide through these functions, so that a decision is the same wherever it is made.
//!
//! Each function looks at everything that it is asked to change before it changes the first thing.

pub mod findings;
pub mod letters;

use queue_schema::client::QueueError;
use queue_schema::ids::JobId;
use queue_schema::rows::FindingState;

/// A decision that can't be carried out, or a failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A dismissal without a reason.
    #[error("the reason is empty; say why, others will ask")]
    NoReason,
    /// A dismissal of what is fixed already.
    #[error("finding {0} is fixed; there is nothing to dismiss")]
    Fixed(String),
    /// A reopening of what nobody dismissed.
    #[error("finding {id} is not dismissed; it is {}", state.as_str())]
    NotDismissed {
        /// The finding.
        id: String,
        /// How it stands.
        state: FindingState,
    },
    /// A letter that can't be put back into the queue.
    #[error("dead letter {id}: {why}")]
    Letter {
        /// The letter.
        id: JobId,
        /// Why.
        why: Box<scrum_knowledge::Error>,
    },
    /// What is named does not exist, or can't be read.
    #[error(transparent)]
    Knowledge(#[from] scrum_knowledge::Error),
    /// A failure of Redis.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A record that can't be written as JSON.
    #[error("a decision can't be written: {0}")]
    Json(#[from] serde_json::Error),
}

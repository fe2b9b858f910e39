//! A target of a sweep: one of its files, and how it stands.

use serde::{Deserialize, Serialize};

/// Status of a target within its sweep: one character in the sweep's status string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetStatus {
    /// Planned, not yet admitted to the queues.
    Waiting,
    /// Its jobs are in the queues or running.
    Live,
    /// Accepted: there is a row.
    Resolved,
    /// In the dead-letter queue.
    Unresolved,
    /// Not reviewed, with a reason.
    Skipped,
    /// The sweep was cancelled before it was done.
    Cancelled,
    /// The sweep's budget did not reach it; a larger one takes it up again.
    LeftOut,
}

impl TargetStatus {
    /// Every status, in the order of the diagram.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Live,
        Self::Resolved,
        Self::Unresolved,
        Self::Skipped,
        Self::Cancelled,
        Self::LeftOut,
    ];

    /// The character kept in Redis.
    pub const fn code(self) -> char {
        match self {
            Self::Waiting => 'q',
            Self::Live => 'l',
            Self::Resolved => 'r',
            Self::Unresolved => 'u',
            Self::Skipped => 's',
            Self::Cancelled => 'x',
            Self::LeftOut => 'b',
        }
    }

    /// The status for a character kept in Redis.
    pub fn from_code(c: char) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == c)
    }
}

/// One file of a sweep, as the plan job recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Path in the repository, `/` as separator; of one that is not UTF-8 each wrong byte and each `%` stands as
    /// `%XX`.
    pub path: String,
    /// Git object id of the content, hex.
    pub blob: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Why it is not reviewed; absent for a target that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<String>,
}

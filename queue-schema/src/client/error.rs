//! What can go wrong between this program and the queue.

use crate::envelope::DecodeError;
use crate::sign::Unsigned;

/// A failure of the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The address can't be read.
    #[error(
        "the Redis URL '{url}' can't be read: {message}; use redis://HOST:PORT/DB, rediss:// for TLS or redis+unix:///PATH"
    )]
    Url {
        /// Without its password.
        url: String,
        /// What the parser said.
        message: String,
    },
    /// A certificate or key can't be read.
    #[error("the file {} can't be read: {message}; correct redis.ca_file, redis.cert_file or redis.key_file", path.display())]
    Tls {
        /// Which file.
        path: std::path::PathBuf,
        /// What the system said.
        message: String,
    },
    /// Nothing answers there.
    #[error("{}", unreachable(url, cause))]
    Unreachable {
        /// Without its password.
        url: String,
        /// What the client said; part of the message, so not its source as well.
        cause: redis::RedisError,
    },
    /// A command failed.
    #[error("Redis: {0}")]
    Redis(redis::RedisError),
    /// A key is there and can't be used: its type or what it holds is not what this program writes.
    #[error(
        "Redis holds a key of this fleet that can't be used ({0}); `scrum doctor --queue` names it, and repairs it with --mend"
    )]
    Damaged(redis::RedisError),
    /// A job is larger than the bound.
    #[error("job {job} is {bytes} bytes, over the limit of {max} (queue.max_payload_bytes)")]
    TooLarge {
        /// Which job.
        job: String,
        /// Its body's length.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// The server has less memory left than the bound leaves free.
    #[error(
        "Redis uses {} MB of {} MB (maxmemory), over the limit of {percent} % (queue.max_memory_percent), so no new sweep is enqueued; make room (scrum forget SWEEP), raise it (CONFIG SET maxmemory), or wait until sweeps have ended",
        .used / 1_000_000, .most / 1_000_000
    )]
    OutOfMemory {
        /// Bytes in use.
        used: u64,
        /// `maxmemory`.
        most: u64,
        /// The bound.
        percent: u8,
    },
    /// A record is not what this program writes.
    #[error("the record {what} can't be read: {message}")]
    Record {
        /// Which record.
        what: String,
        /// What was wrong.
        message: String,
    },
    /// A record lacks a signature that fits.
    #[error("the record {what} is refused: {why}")]
    Unsigned {
        /// Which record: its key and field.
        what: String,
        /// Why not.
        why: Unsigned,
    },
    /// A job can't be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl From<redis::RedisError> for QueueError {
    fn from(error: redis::RedisError) -> Self {
        if is_damage(&error) { Self::Damaged(error) } else { Self::Redis(error) }
    }
}

/// A server that refuses who asks is there: starting it would not help.
fn unreachable(url: &str, cause: &redis::RedisError) -> String {
    if cause.kind() == redis::ErrorKind::AuthenticationFailed {
        return format!(
            "Redis at {url} refuses this user or password: {cause}; correct SCRUM_REDIS_URL"
        );
    }
    format!(
        "no Redis answers at {url}: {cause}; start it, or correct SCRUM_REDIS_URL (unset it to use a private server)"
    )
}

/// True for an error caused by the content of keys: a stopped script, a key of the wrong type, an invalid value.
pub(super) fn is_damage(error: &redis::RedisError) -> bool {
    use redis::{ErrorKind, ServerErrorKind as S};
    match error.kind() {
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse => true,
        // A script that stopped names its line first.
        ErrorKind::Extension => {
            error.code().is_some_and(|code| code == "WRONGTYPE" || code.starts_with("user_script:"))
        }
        ErrorKind::Server(S::ResponseError) => {
            let why = error.detail().unwrap_or_default();
            let values = ["not an integer", "would overflow", "not a valid float"];
            why.starts_with("user_script:") || values.iter().any(|w| why.contains(w))
        }
        _ => false,
    }
}

impl QueueError {
    /// True when keys of the queue can't be used: the call fails until they are mended.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Record { .. })
    }

    /// An outage once more, for another who asked in the same call; `None` for any other failure.
    pub(super) fn outage(&self) -> Option<Self> {
        match self {
            Self::Redis(error) if self.is_outage() => Some(Self::Redis(error.clone())),
            _ => None,
        }
    }

    /// True when the same call may succeed later without anybody changing the call: the server
    /// is away, loading, read-only, or can't write to its disk.
    pub fn is_outage(&self) -> bool {
        use redis::{ErrorKind, ServerErrorKind as S};
        let (Self::Redis(e) | Self::Unreachable { cause: e, .. }) = self else { return false };
        if e.is_io_error() || e.is_connection_dropped() || e.is_timeout() {
            return true;
        }
        match e.kind() {
            ErrorKind::Io
            | ErrorKind::ClusterConnectionNotFound
            | ErrorKind::EmptySentinelList
            | ErrorKind::MasterNameNotFoundBySentinel => true,
            ErrorKind::Server(kind) => matches!(
                kind,
                S::BusyLoading
                    | S::TryAgain
                    | S::ClusterDown
                    | S::MasterDown
                    | S::ReadOnly
                    | S::Moved
                    | S::Ask
            ),
            // MISCONF: the last save failed; OOM: over maxmemory. Both pass when a person or
            // the system makes room.
            _ => matches!(e.code(), Some("MISCONF" | "OOM" | "LOADING" | "READONLY")),
        }
    }

    pub(crate) fn record(what: impl Into<String>, message: impl std::fmt::Display) -> Self {
        Self::Record { what: what.into(), message: message.to_string() }
    }
}

//! Work that keeps a processor busy for a moment.

use tokio::task::{JoinError, spawn_blocking};

/// Bytes of text on which work takes about as long as the way to another thread and back.
const SMALL: usize = 16 * 1024;

/// Works on so many bytes of text: at once on few, and on more where it holds up no other job.
///
/// # Errors
/// When the work panics on the other thread.
pub(crate) async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    if bytes <= SMALL { Ok(work()) } else { spawn_blocking(work).await }
}

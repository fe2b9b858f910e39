//! Work that keeps a processor busy for a moment.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::task::{JoinError, spawn_blocking};

/// Bytes of text on which work takes about as long as the way to another thread and back.
const SMALL: usize = 16 * 1024;

/// Works on so many bytes of text: at once on few, and on more where it holds up no other job.
///
/// # Errors
/// What the work said when it panicked.
pub(crate) async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    if bytes <= SMALL {
        // Nobody sees what a panic leaves half done: the work owns it.
        return catch_unwind(AssertUnwindSafe(work)).map_err(|said| panicked(&*said));
    }
    spawn_blocking(work).await.map_err(panic_message)
}

/// Why a task has no result.
pub(crate) fn panic_message(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(said) => panicked(&*said),
        Err(error) => format!("its task ended: {error}"),
    }
}

fn panicked(said: &(dyn Any + Send)) -> String {
    let text = said.downcast_ref::<&str>().copied();
    let text = text.or_else(|| said.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_wherever_the_work_is_done() {
        for bytes in [0, SMALL, SMALL + 1] {
            assert_eq!(aside(bytes, || 7).await, Ok(7));
            let fails = aside(bytes, move || assert!(bytes > SMALL + 1, "{bytes} bytes")).await;
            assert_eq!(fails, Err(format!("panicked: {bytes} bytes")));
        }
    }
}

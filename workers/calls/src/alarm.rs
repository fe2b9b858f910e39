//! Keys that can't be used.

use queue_schema::client::QueueError;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Keys that can't be used are met again with every try: they are told once in this time.
const WINDOW: Duration = Duration::from_secs(60);

/// Tells that keys of the queue can't be used. The error says what to do.
pub fn damaged(what: &str, error: &QueueError) {
    static TOLD: Mutex<Option<Instant>> = Mutex::new(None);
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.is_none_or(|at| at.elapsed() >= WINDOW) {
        *told = Some(Instant::now());
        tracing::error!(%error, "{what}; trying again, and saying so once a minute");
    }
}

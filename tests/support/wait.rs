//! Waiting for what another process does: by looking, with a deadline that fails the test.

use std::time::{Duration, Instant};

/// Looks until `look` finds something.
///
/// # Panics
/// When it does not within `longest`.
pub fn eventually<T>(longest: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + longest;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {longest:?} for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

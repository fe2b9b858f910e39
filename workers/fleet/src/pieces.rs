//! The pieces of a file that is too large to be read whole.

use crate::runtime::HandlerError;
use queue_schema::sweep::{SPLIT_VERSION, SweepSpec};
use scrum_domain::split;
use std::ops::Range;

/// Cuts a file that a rung can't take whole by the rules of its sweep. On a thread of its own: a large file may take a second.
///
/// # Errors
/// When the sweep splits by rules that are newer than this worker.
pub(crate) async fn pieces(
    spec: &SweepSpec,
    path: &str,
    text: &str,
) -> Result<Vec<Range<usize>>, HandlerError> {
    if spec.limits.split_version > SPLIT_VERSION {
        // Another worker may know how; this one would cut elsewhere.
        return Err(HandlerError::Retry(format!(
            "the sweep splits files by rules of version {}, this worker knows {SPLIT_VERSION}; upgrade it",
            spec.limits.split_version
        )));
    }
    let config = split::SplitConfig {
        // Whoever asks knows that it is too large.
        over_bytes: 0,
        shard_bytes: spec.limits.shard_bytes,
        mode: spec.limits.split,
    };
    let (path, text) = (path.to_owned(), text.to_owned());
    tokio::task::spawn_blocking(move || split::split(&path, &text, &config))
        .await
        .map_err(|e| HandlerError::retry("splitting the file", e))
}

//! What a review adds to the counters of its sweep.

use crate::runtime::HandlerError;
use queue_schema::rows::ReviewRow;
use scrum_domain::{builtin, metrics};

/// What an accepted review adds to the loop counters of its sweep. The file may be large: its markers are
/// counted where they hold up no other job.
pub(crate) async fn counted(
    row: &ReviewRow,
    source: &str,
) -> Result<Vec<(String, i64)>, HandlerError> {
    let (path, source) = (row.file.clone(), source.to_owned());
    let markers = tokio::task::spawn_blocking(move || builtin::markers(&path, &source))
        .await
        .map_err(|e| HandlerError::retry("counting markers", e))?;
    Ok(metrics::adds(row, markers))
}

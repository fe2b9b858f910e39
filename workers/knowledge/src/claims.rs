//! What became of claims about a change.

use crate::Error;
use queue_schema::client::Queue;
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::rows::ClaimRow;

/// The claims of a sweep with their verdicts, in the order in which they were made.
///
/// # Errors
/// A failure of Redis, or a row that can't be read.
pub async fn of_sweep(queue: &Queue, sweep: &SweepId) -> Result<Vec<ClaimRow>, Error> {
    let mut rows: Vec<ClaimRow> = queue.rows(sweep).await?;
    rows.sort_by_key(|row| ReviewId::from(row.review_id.as_str()).target());
    Ok(rows)
}

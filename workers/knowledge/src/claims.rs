//! What became of claims about a change.

use crate::Error;
use queue_schema::client::Queue;
use queue_schema::ids::SweepId;
use queue_schema::rows::ClaimRow;

/// The claims of a sweep with their verdicts, in the order in which they were made.
///
/// # Errors
/// A failure of Redis, or a row that can't be read.
pub async fn of_sweep(queue: &Queue, sweep: &SweepId) -> Result<Vec<ClaimRow>, Error> {
    let mut rows: Vec<ClaimRow> = queue.rows(sweep).await?;
    let ordinal =
        |row: &ClaimRow| row.review_id.rsplit_once('-').and_then(|(_, n)| n.parse::<u32>().ok());
    rows.sort_by_key(ordinal);
    Ok(rows)
}

//! What each model has shown in each class of tasks.

use crate::Error;
use queue_schema::client::Queue;
use queue_schema::ids::SweepId;
use queue_schema::rows::ModelTrustRow;
use scrum_domain::trust;

/// The journal of a sweep, or of all sweeps, forgotten ones included: a row for each model and class of
/// tasks, those with the most attempts first.
///
/// # Errors
/// A failure of Redis.
pub async fn models(queue: &Queue, sweep: Option<&SweepId>) -> Result<Vec<ModelTrustRow>, Error> {
    let ledger = match sweep {
        Some(id) => queue.ledger(id).await?,
        None => queue.trust().await?,
    };
    Ok(trust::rows(&ledger, sweep.map(SweepId::as_str)))
}

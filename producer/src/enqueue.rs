//! Sweeps are enqueued here: a new one is the top of a trace.

use queue_schema::budget::BudgetRequest;
use queue_schema::client::{Created, Queue, QueueError};
use queue_schema::effects::Priority;
use queue_schema::sweep::SweepSpec;

/// Creates a sweep, or finds it; see [`Queue::create_sweep_within`].
///
/// # Errors
/// As there.
pub async fn sweep(
    queue: &Queue,
    spec: &SweepSpec,
    documents: &[(String, String)],
    priority: Priority,
    budget: &BudgetRequest,
) -> Result<Created, QueueError> {
    let span = scrum_traces::sweep(&spec.id());
    let created = queue.create_sweep_within(spec, documents, priority, budget).await;
    if !created.as_ref().is_ok_and(|created| created.new) {
        span.discard();
    }
    created
}

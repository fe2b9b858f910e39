//! Tally: what the reviewers of a change say together, as rows of the knowledge base. Whoever shows a change makes its
//! tally of the reviews themselves; these rows are for those who look at findings over many changes.

use crate::change;
use crate::context::Context;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::effects::Effects;
use queue_schema::jobs::Tally;

/// Writes the findings of a change whose reviews have ended. One that was written before stays as it is.
///
/// # Errors
/// When Redis can't be read.
pub async fn run(ctx: &Context, _: JobInfo, job: Tally) -> Result<Effects, HandlerError> {
    let sweep = &job.sweep;
    let tallied = change::tallied(ctx, sweep).await?;
    let rows = tallied.map(|(change, tally)| change.rows(&tally)).unwrap_or_default();
    tracing::info!(%sweep, findings = rows.len(), "tally");
    rows.iter().try_fold(Effects::done(), |effects, row| Ok(effects.append_row(sweep, row)?))
}

//! Tally: what the reviewers of a change say together, as rows of the knowledge base. Whoever shows a change makes its
//! tally of the reviews themselves; these rows are for those who look at findings over many changes.

use crate::context::Context;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::client::Queue;
use queue_schema::effects::Effects;
use queue_schema::jobs::Tally;
use scrum_knowledge::{Change, Error};

/// Writes the findings of a change whose reviews have ended. One that was written before stays as it is.
///
/// # Errors
/// When Redis can't be read.
pub async fn run(ctx: &Context, _: JobInfo, job: Tally) -> Result<Effects, HandlerError> {
    let sweep = &job.sweep;
    let read = |queue: Queue| async move {
        let counted = async {
            let Some(change) = Change::open(&queue, sweep).await? else { return Ok(Vec::new()) };
            let (tally, _) = change.tally(&queue).await?;
            Ok(change.rows(&tally))
        };
        match counted.await {
            Ok(rows) => Ok(Ok(rows)),
            Err(Error::Queue(error)) => Err(error),
            Err(error) => Ok(Err(error.to_string())),
        }
    };
    let rows = ctx.read("the reviews of a change", read).await?.map_err(HandlerError::Fatal)?;
    tracing::info!(%sweep, findings = rows.len(), "tally");
    rows.iter().try_fold(Effects::done(), |effects, row| Ok(effects.append_row(sweep, row)?))
}

//! What audits say of the findings of a sweep.

use crate::{Error, PAGE};
use queue_schema::client::Queue;
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::rows::{AuditConsensusRow, ReviewRow};
use queue_schema::sweep::{SweepSpec, TargetStatus};
use scrum_domain::audit;

/// The sweeps that have audited the findings of a sweep, the first one first. A later audit counts before an earlier one.
#[derive(Debug, Clone, Default)]
pub struct Audits(Vec<SweepId>);

impl Audits {
    /// Those of a sweep: itself, where it audits its own reviews, and others.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn of(queue: &Queue, sweep: &SweepId, spec: &SweepSpec) -> Result<Self, Error> {
        let own = spec.audit.as_ref().filter(|audit| audit.of.is_none()).map(|_| sweep.clone());
        let others = queue.audits(sweep).await?;
        Ok(Self(own.into_iter().chain(others).collect()))
    }

    /// Shows at the findings of these rows of the sweep what audits say of them.
    ///
    /// # Errors
    /// A failure of Redis, or a row that this program can't read.
    pub async fn overlay(
        &self,
        queue: &Queue,
        rows: impl IntoIterator<Item = &mut ReviewRow>,
    ) -> Result<(), Error> {
        let mut rows: Vec<&mut ReviewRow> = rows.into_iter().collect();
        if rows.is_empty() {
            return Ok(());
        }
        for audit in &self.0 {
            let id = |row: &&mut ReviewRow| {
                let target = ReviewId::from(row.review_id.as_str()).target();
                ReviewId::new(audit, target.unwrap_or(u32::MAX))
            };
            let ids: Vec<ReviewId> = rows.iter().map(id).collect();
            let found = queue.rows_of::<AuditConsensusRow>(audit, &ids).await?;
            for (row, found) in rows.iter_mut().zip(found) {
                audit::overlay(row, found.as_slice());
            }
        }
        Ok(())
    }
}

/// What a sweep says of the findings that it audits, in the order of their files. Reviews that its budget did not reach
/// stand among them: all of their findings are undecided.
///
/// # Errors
/// A failure of Redis, or a row that can't be read.
pub async fn of_sweep(
    queue: &Queue,
    sweep: &SweepId,
    spec: &SweepSpec,
) -> Result<Vec<AuditConsensusRow>, Error> {
    let mut rows: Vec<AuditConsensusRow> = queue.rows(sweep).await?;
    let Some(audit) = &spec.audit else { return Ok(rows) };
    let reviewed = audit.of.as_ref().unwrap_or(sweep);
    let states = queue.target_states(sweep).await?;
    let left = (0..).zip(&states).filter(|(_, state)| **state == TargetStatus::LeftOut);
    let left: Vec<u32> = left.map(|(ordinal, _)| ordinal).collect();
    for some in left.chunks(PAGE) {
        let reviews: Vec<ReviewId> = some.iter().map(|n| ReviewId::new(reviewed, *n)).collect();
        let found = queue.rows_of::<ReviewRow>(reviewed, &reviews).await?;
        rows.extend(found.into_iter().flatten().map(|row| audit::left_out(&row, sweep, audit)));
    }
    rows.sort_by_key(|row| ReviewId::from(row.review_id.as_str()).target());
    Ok(rows)
}

//! What audits say of the findings of a sweep, and which of them a test has proven.

use crate::{Error, PAGE};
use queue_schema::client::Queue;
use queue_schema::ids::{ReviewId, RunId, SweepId};
use queue_schema::limits::TierLimits;
use queue_schema::rows::{AuditConsensusRow, AutoApplyRow, FindingProof, ReviewRow};
use queue_schema::sweep::{SweepSpec, TargetStatus};
use scrum_domain::{audit, tier};
use std::collections::BTreeSet;

/// The latest runs of the applier whose proofs are looked for.
const RUNS: usize = 32;

/// The sweeps that have audited the findings of a sweep, the first one first, and the runs of the applier that were to
/// prove some. A later audit counts before an earlier one.
#[derive(Debug, Clone, Default)]
pub struct Audits {
    sweeps: Vec<SweepId>,
    proving: Vec<(RunId, BTreeSet<u32>)>,
    tiers: TierLimits,
}

impl Audits {
    /// Those of a sweep: itself, where it audits its own reviews, and others.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn of(queue: &Queue, sweep: &SweepId, spec: &SweepSpec) -> Result<Self, Error> {
        let own = spec.audit.as_ref().filter(|audit| audit.of.is_none()).map(|_| sweep.clone());
        let others = queue.audits(sweep).await?;
        let (mut proving, runs) = (Vec::new(), queue.apply_runs(sweep).await?);
        for run in runs.iter().skip(runs.len().saturating_sub(RUNS)) {
            let state = match queue.apply_run(sweep, run).await {
                Ok(state) => state,
                Err(error) if error.is_outage() => return Err(error.into()),
                // A stranger's, or of a later version: it proves nothing here.
                Err(_) => None,
            };
            let files = state.map(|state| state.spec.files).unwrap_or_default();
            let proven = files.iter().filter(|file| file.prove.is_some()).map(|file| file.target);
            let targets: BTreeSet<u32> = proven.collect();
            if !targets.is_empty() {
                proving.push((run.clone(), targets));
            }
        }
        let sweeps = own.into_iter().chain(others).collect();
        Ok(Self { sweeps, proving, tiers: spec.limits.tiers })
    }

    /// Shows at the findings of these rows of the sweep what audits say of them, and the tests that prove them; a review
    /// whose finding is proven has the tier that goes with that.
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
        for audit in &self.sweeps {
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
        self.proofs(queue, &mut rows).await
    }

    async fn proofs(&self, queue: &Queue, rows: &mut [&mut ReviewRow]) -> Result<(), Error> {
        for (run, targets) in &self.proving {
            let of = |row: &ReviewRow| ReviewId::from(row.review_id.as_str());
            let meant = |row: &&mut ReviewRow| {
                of(row).target().is_some_and(|target| targets.contains(&target))
            };
            let all = rows.iter_mut().map(|row| &mut **row);
            let mut rows: Vec<&mut ReviewRow> = all.filter(meant).collect();
            let Some(sweep) = rows.first().map(|row| of(row).sweep()) else { continue };
            let ids: Vec<String> = rows.iter().map(|r| format!("{}.{run}", r.review_id)).collect();
            let found = queue.rows_of::<AutoApplyRow>(&sweep, &ids).await?;
            for (row, proof) in rows.iter_mut().zip(found.into_iter().map(|f| f?.proof)) {
                let Some(proof) = proof.filter(|proof| proof.proven) else { continue };
                let Some(finding) = row.findings.get_mut(proof.finding as usize) else { continue };
                let (sweep, run) = (sweep.to_string(), run.to_string());
                finding.proven = Some(FindingProof { sweep, run, test: proof.test });
                tier::renew(row, self.tiers);
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

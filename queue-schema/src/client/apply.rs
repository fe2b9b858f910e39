//! Runs of the applier: start one, or find the one that is there; read how far it is.

use super::scripts::SCRIPTS;
use super::{PoolLimits, Queue, QueueError};
use crate::apply::{ApplySpec, Proposal};
use crate::effects::{Effects, NewJob};
use crate::ids::{RunId, SweepId};
use crate::jobs::{Apply, Patch};
use crate::keys;
use crate::records::RunRecord;
use crate::records::run::fields;
use std::collections::HashMap;

/// A run as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ApplyRun {
    /// The request.
    pub spec: ApplySpec,
    /// What was proposed for each file, in order; `None` while the model is still asked.
    pub proposals: Vec<Option<Proposal>>,
    /// How it ended, as the worker put it; `None` while it is under way.
    pub ended: Option<String>,
}

impl Queue {
    /// Records a run and enqueues its patch jobs; the last of them to arrive enqueues the apply job.
    /// Returns its id and whether it is new; one that is there is left as it is.
    ///
    /// # Errors
    /// A failure of Redis, and then doing it again is safe.
    pub async fn start_apply(&self, spec: &ApplySpec) -> Result<(RunId, bool), QueueError> {
        let bad = |e| QueueError::record("apply", e);
        let (run, sweep) = (spec.id(), &spec.sweep);
        let pool = spec.pool_of(&run);
        // One at a time for a branch, before there is a job that this could hold back.
        self.set_limits(&pool, PoolLimits::of(1)).await?;
        let key = keys::apply_run(sweep, &run);
        let apply =
            NewJob::of(&Apply { sweep: sweep.clone(), run: run.clone(), pool }).map_err(bad)?;
        let size = u32::try_from(spec.files.len()).unwrap_or(u32::MAX);
        let record = RunRecord::of(sweep, &run);
        let mut effects = Effects::done()
            .with(record.spec(serde_json::to_string(spec).map_err(bad)?))
            .with(record.listed())
            .with(record.wait_for_proposals(size, apply));
        for member in 0..size {
            let provider = spec.model.provider.clone();
            let patch = Patch { sweep: sweep.clone(), run: run.clone(), member, provider };
            effects = effects.enqueue(&patch).map_err(bad)?;
        }
        let mut args = vec![key.into_bytes()];
        effects.encode_list(self.sending(), &mut args);
        let part = self.of_sweep(sweep);
        part.check_memory().await?;
        let new: i64 = part.run(&SCRIPTS.submit, args).await?;
        if new == 0 {
            // Somebody may have written it before us.
            self.checking().apply_run(sweep, &run).await?;
        }
        Ok((run, new == 1))
    }

    /// A run; `None` when there is no such run.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn apply_run(
        &self,
        sweep: &SweepId,
        run: &RunId,
    ) -> Result<Option<ApplyRun>, QueueError> {
        let mut conn = self.conn();
        let key = keys::apply_run(sweep, run);
        let map: HashMap<String, String> = redis::cmd("HGETALL")
            .arg(self.of_sweep(sweep).key(&key))
            .query_async(&mut conn)
            .await?;
        let bad = |e| QueueError::record(format!("run {run} of sweep {sweep}"), e);
        let Some(spec) = map.get(fields::SPEC) else { return Ok(None) };
        let spec: ApplySpec =
            serde_json::from_str(self.opened(&key, fields::SPEC, spec)?).map_err(bad)?;
        let members = u32::try_from(spec.files.len()).unwrap_or(u32::MAX);
        let proposal = |k: u32| {
            let field = RunRecord::proposal_field(k);
            let kept = map.get(&field).map(|kept| self.opened(&key, &field, kept)).transpose()?;
            kept.map(|json| serde_json::from_str(json).map_err(bad)).transpose()
        };
        let proposals = (0..members).map(proposal).collect::<Result<_, QueueError>>()?;
        Ok(Some(ApplyRun { spec, proposals, ended: map.get(fields::ENDED).cloned() }))
    }

    /// Runs over a sweep, oldest first.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn apply_runs(&self, sweep: &SweepId) -> Result<Vec<RunId>, QueueError> {
        let mut conn = self.conn();
        let runs: Vec<String> = redis::cmd("LRANGE")
            .arg(self.of_sweep(sweep).key(&keys::apply_runs(sweep)))
            .arg(0)
            .arg(-1)
            .query_async(&mut conn)
            .await?;
        Ok(runs.into_iter().map(RunId::from).collect())
    }

    /// The sweeps that audit the findings of a sweep, each once, the first one first.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn audits(&self, sweep: &SweepId) -> Result<Vec<SweepId>, QueueError> {
        let mut conn = self.conn();
        let all: Vec<String> = redis::cmd("LRANGE")
            .arg(self.of_sweep(sweep).key(&keys::audits(sweep)))
            .arg(0)
            .arg(-1)
            .query_async(&mut conn)
            .await?;
        let mut each: Vec<SweepId> = Vec::new();
        for audit in all.into_iter().map(SweepId::from) {
            if !each.contains(&audit) {
                each.push(audit);
            }
        }
        Ok(each)
    }
}

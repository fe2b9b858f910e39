//! Runs of the applier: which reviews one may take, how far it is, what it decided.

use crate::{Error, Sweep};
use queue_schema::client::{ApplyRun, DeadLetter, Queue};
use queue_schema::ids::{JobId, RunId, SweepId};
use queue_schema::jobs::{Apply, JobKind, Patch};
use queue_schema::rows::{AutoApplyRow, ReviewRow};
use scrum_domain::apply::select::{Criteria, Selection, Selector};
use serde::Serialize;

impl Sweep {
    /// The reviews that are sure enough to become patches.
    ///
    /// # Errors
    /// A failure of Redis, or a row that this program can't read.
    pub async fn selection(&self, criteria: &Criteria) -> Result<Selection, Error> {
        let (mut selector, mut rows) = (Selector::new(criteria), self.rows::<ReviewRow>());
        loop {
            let mut page = rows.next_page().await?;
            if page.is_empty() {
                return Ok(selector.end());
            }
            self.audited(&mut page).await?;
            for row in &page {
                selector.look(row);
            }
        }
    }
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decisions {
    /// Its sweep.
    pub sweep: SweepId,
    /// The run.
    pub run: RunId,
    /// The branch that it writes.
    pub branch: String,
    /// False for a dry run.
    pub commit: bool,
    /// Rounds of check and test.
    pub checks: u64,
    /// Files that passed every gate.
    pub landed: usize,
    /// A row a file of the request.
    pub decisions: Vec<AutoApplyRow>,
}

/// What a run that is over came to. It holds a row for each file of the request, which is bounded, and goes
/// through the rows of other runs page by page.
///
/// # Errors
/// No such sweep, a failure of Redis, or a row that this program can't read.
pub async fn decisions(
    queue: &Queue,
    sweep: &SweepId,
    run: &RunId,
    done: &ApplyRun,
) -> Result<Decisions, Error> {
    let opened = Sweep::open(queue, sweep).await?;
    let (mut all, mut rows) = (Vec::new(), opened.rows::<AutoApplyRow>());
    loop {
        let page = rows.next_page().await?;
        if page.is_empty() {
            break;
        }
        all.extend(page.into_iter().filter(|row| row.run_id == *run));
    }
    let ended = done.ended.as_deref();
    let ended = ended.and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok());
    Ok(Decisions {
        sweep: sweep.to_owned(),
        run: run.to_owned(),
        branch: done.spec.branch_of(run),
        commit: done.spec.commit,
        checks: ended.and_then(|v| v["checks"].as_u64()).unwrap_or(0),
        landed: all.iter().filter(|r| r.action.passed()).count(),
        decisions: all,
    })
}

/// The jobs of a run that died. Only a job that has not done its work is asked for.
///
/// # Errors
/// A failure of Redis.
pub async fn dead_of_run(
    queue: &Queue,
    sweep: &SweepId,
    run: &RunId,
    state: &ApplyRun,
) -> Result<Vec<DeadLetter>, Error> {
    let (sweep, run) = (sweep.to_owned(), run.to_owned());
    let apply = Apply { sweep: sweep.clone(), run: run.clone(), pool: String::new() };
    let open = (0..).zip(&state.proposals).filter(|(_, proposal)| proposal.is_none());
    let patch = |member| {
        let (sweep, run) = (sweep.clone(), run.clone());
        Patch { sweep, run, member, provider: String::new() }.id()
    };
    let mut ids: Vec<JobId> = open.map(|(member, _)| patch(member)).collect();
    ids.push(apply.id());
    Ok(queue.dead_among(&sweep, &ids).await?)
}

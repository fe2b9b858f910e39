//! One run of the applier on this machine: gates, checks in a sandbox, commits.
//!
//! All of it blocks, and runs on a thread of its own. What decides is in `scrum_domain::apply`; what
//! touches git and runs commands is in `scrum_repo`; here they meet.
//!
//! Killed at any instant, a run leaves either its commits or none of them: they land with one move of
//! the branch. Whoever runs the job next finds them by the journal that was written before that move,
//! and gives the rows that stand in it.

mod decide;
mod files;
mod prove;
mod rounds;
mod runner;

pub use decide::{ApplyError, Decided, Place, run};
pub use files::too_many;

use queue_schema::apply::{ApplySpec, Proposal};
use queue_schema::ids::RunId;
use queue_schema::rows::ReviewRow;
use scrum_domain::apply::policy::Vouched;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a run is about.
#[derive(Debug, Clone)]
pub struct Work {
    /// Which run.
    pub run: RunId,
    /// The request, its rules made as strict as the worker's own.
    pub spec: ApplySpec,
    /// Who answers for its commands.
    pub vouched: Vouched,
    /// Its reviews, in the order of the spec's files.
    pub reviews: Vec<ReviewRow>,
    /// What was proposed for each.
    pub proposals: Vec<Proposal>,
    /// Runs whose rows are kept: what is remembered of their landing may go.
    pub over: Vec<RunId>,
    /// When it is decided: seconds since the epoch, and as rows have it.
    pub now: (i64, String),
}

/// Ends what runs in a sandbox when the job's future is dropped: its lease was lost, or the worker is
/// leaving.
#[derive(Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// The flag that the sandbox looks at.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

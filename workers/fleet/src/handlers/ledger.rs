//! What asking a model adds to the ledgers: the sweep's, and the one of all sweeps. Counted in the commit
//! of the try, so that a try that is committed is counted once, whoever dies.

use super::ask::{self, Answer};
use crate::runtime::HandlerError;
use queue_schema::effects::{Effect, Effects, Ending};
use queue_schema::keys;
use queue_schema::ledger::{self, Taken, TaskClass, Tried};
use queue_schema::rows::{Outcome, ReviewRow};
use queue_schema::sweep::Rung;
use scrum_domain::{builtin, metrics};

/// An attempt that ended, with its answer if there was one.
pub fn ended(
    sweep: &str,
    rung: &Rung,
    task: TaskClass,
    outcome: Outcome,
    answer: Option<&Answer>,
) -> Vec<Effect> {
    let tried = match answer {
        None => Tried::Failed(outcome),
        Some(a) if a.cached => Tried::Found(outcome),
        Some(a) => Tried::Answered(
            outcome,
            Taken {
                tokens_in: a.tokens_in,
                tokens_out: a.tokens_out,
                cost_micro_usd: a.cost_usd.map(ask::micro_usd),
                ms: a.duration_ms,
            },
        ),
    };
    tally(sweep, rung, task, tried).into()
}

/// Passing trouble: the call was made, and is made again. One that waits for room in the budget was not.
pub fn later(effects: Effects, sweep: &str, rung: &Rung, task: TaskClass) -> Effects {
    if !matches!(effects.ending, Ending::Retry { .. }) {
        return effects;
    }
    tally(sweep, rung, task, Tried::Again).into_iter().fold(effects, Effects::with)
}

/// What an accepted review adds to the loop counters of its sweep. The file may be large: its markers are
/// counted where they hold up no other job.
///
/// # Errors
/// When counting fails, which takes a fault of this program: the job is tried again.
pub async fn reviewed(sweep: &str, row: &ReviewRow, source: &str) -> Result<Effect, HandlerError> {
    let (path, source) = (row.file.clone(), source.to_owned());
    let markers = tokio::task::spawn_blocking(move || builtin::markers(&path, &source))
        .await
        .map_err(|e| HandlerError::retry("counting markers", e))?;
    Ok(Effect::Tally { key: keys::loop_counters(sweep), adds: metrics::adds(row, markers) })
}

fn tally(sweep: &str, rung: &Rung, task: TaskClass, tried: Tried) -> [Effect; 2] {
    let adds = ledger::adds(&rung.provider, &rung.model, task, tried);
    [
        Effect::Tally { key: keys::ledger(sweep), adds: adds.clone() },
        Effect::Tally { key: keys::TRUST.to_owned(), adds },
    ]
}

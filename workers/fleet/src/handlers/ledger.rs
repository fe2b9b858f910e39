//! What asking a model adds to the ledgers: the sweep's, and the one of all sweeps. Counted in the commit
//! of the try, so that a try that is committed is counted once, whoever dies.

use super::ask::{self, Answer};
use queue_schema::effects::{Effect, Effects};
use queue_schema::keys;
use queue_schema::ledger::{self, Taken, TaskClass, Tried};
use queue_schema::rows::Outcome;
use queue_schema::sweep::Rung;

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

/// Passing trouble: the call was made, and is made again.
pub fn later(effects: Effects, sweep: &str, rung: &Rung, task: TaskClass) -> Effects {
    tally(sweep, rung, task, Tried::Again).into_iter().fold(effects, Effects::with)
}

fn tally(sweep: &str, rung: &Rung, task: TaskClass, tried: Tried) -> [Effect; 2] {
    let adds = ledger::adds(&rung.provider, &rung.model, task, tried);
    [
        Effect::Tally { key: keys::ledger(sweep), adds: adds.clone() },
        Effect::Tally { key: keys::TRUST.to_owned(), adds },
    ]
}

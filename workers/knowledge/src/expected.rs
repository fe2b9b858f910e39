//! What earlier sweeps tell of the next one, and how far off the expectation of one was.

use crate::{Error, Sweep};
use queue_schema::client::{Queue, SweepState};
use scrum_domain::estimate::{Came, Off, Past, off};
use scrum_domain::metrics;

/// Sweeps that are looked at, the newest ones.
const LOOKED_AT: usize = 60;
/// Sweeps that an expectation rests on at most.
const MOST: usize = 40;

/// The ledgers of the latest sweeps over files that are done.
///
/// # Errors
/// A failure of Redis.
pub async fn past(queue: &Queue) -> Result<Vec<Past>, Error> {
    let mut all = Vec::new();
    for id in queue.latest_sweeps(LOOKED_AT).await? {
        let Some(status) = queue.sweep_status(&id).await? else { continue };
        if status.state != SweepState::Done || status.resolved == 0 {
            continue;
        }
        let Some(spec) = queue.sweep_spec(&id).await? else { continue };
        if !spec.reviews_files() {
            continue;
        }
        all.push(Past {
            ledger: queue.ledger(&id).await?,
            facts: spec.facts.is_some(),
            confirm: spec.confirm.is_some(),
            audit: spec.audit.is_some(),
            wall_ms: status.took_ms(status.ended_ms.unwrap_or_default()),
        });
        if all.len() == MOST {
            break;
        }
    }
    Ok(all)
}

impl Sweep {
    /// How far off what was expected of it is by now; nothing where nobody expected anything.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn off(&self, now_ms: u64) -> Result<Vec<Off>, Error> {
        let Some(expected) = &self.spec().expected else { return Ok(Vec::new()) };
        let status = self.status();
        let ledger = self.queue.ledger(&self.id).await?;
        let came = Came {
            calls: status.calls,
            tokens: status.tokens_in + status.tokens_out,
            usd: metrics::told_cost(status.cost_micro_usd, &ledger),
            ms: status.took_ms(now_ms),
        };
        Ok(off(expected, &came))
    }
}

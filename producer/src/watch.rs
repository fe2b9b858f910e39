//! What goes wrong while a sweep is waited for, told as it happens: how calls fail, who waits for whom until
//! when, jobs that nobody takes.

use crate::output::duration;
use crate::progress::Progress;
use crate::session::Session;
use crate::wait::alert;
use queue_schema::client::PoolStatus;
use queue_schema::ids::SweepId;
use scrum_knowledge::{fleet, now_ms, sweeps, time};
use std::collections::{BTreeMap, BTreeSet};

/// Shorter pauses of a provider are the usual give and take.
const LONG_PAUSE_MS: u64 = 5_000;
/// An end of a pause that is later by less is the same pause.
const SAME_END_MS: u64 = 5_000;

/// What was told already.
#[derive(Debug, Default)]
pub struct Watch {
    lanes: BTreeSet<String>,
    causes: BTreeMap<String, String>,
    pauses: BTreeMap<String, u64>,
}

impl Watch {
    /// Looks, and tells what is new. What can't be read now is told by the next look.
    pub async fn look(&mut self, session: &Session, id: &SweepId, progress: &mut Progress) {
        for (about, message) in sweeps::alerts(&session.queue, id).await.unwrap_or_default() {
            // The same cause once, however often it comes: the count behind it grows.
            let cause = message.split(" (").next().unwrap_or_default().to_owned();
            let cause =
                cause.split("; the call is made again").next().unwrap_or_default().to_owned();
            if self.causes.get(&about) != Some(&cause) {
                progress.note(&alert(&about, &message));
                self.causes.insert(about, cause);
            }
        }
        let pools = session.queue.pools().await.unwrap_or_default();
        let waits: Vec<(String, u64, String)> = pools.iter().filter_map(paused).collect();
        progress.waits(waits.first().map(|(_, _, said)| said.clone()));
        for (pool, end, said) in waits {
            if self.pauses.get(&pool).is_none_or(|told| end > told + SAME_END_MS) {
                progress.note(&said);
                self.pauses.insert(pool, end);
            }
        }
    }

    /// Looks for lanes that no worker serves.
    pub async fn look_for_workers(&mut self, session: &Session, progress: &Progress) {
        let unserved = fleet::unserved_lanes(&session.queue, session.asker()).await;
        for unserved in unserved.unwrap_or_default() {
            // Once a lane, however many jobs come to it.
            if self.lanes.insert(unserved.what.clone()) {
                progress.note(&unserved.to_string());
            }
        }
    }
}

/// A provider that takes no calls for a while: until when in milliseconds, and the words for it.
fn paused(pool: &PoolStatus) -> Option<(String, u64, String)> {
    let left = pool.paused_ms.filter(|ms| *ms >= LONG_PAUSE_MS)?;
    let end = now_ms() + left;
    let why = pool.refused_with.map_or_else(String::new, |code| format!(", after HTTP {code}"));
    let said =
        format!("all calls wait for {} until {} ({}){why}", pool.pool, time(end), duration(left));
    Some((pool.pool.clone(), end, said))
}

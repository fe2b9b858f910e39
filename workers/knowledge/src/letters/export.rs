//! Dead letters for other tools, with all that is known of each.

use super::Letter;
use crate::{Error, time};
use queue_schema::client::{Queue, SweepStatus};
use queue_schema::envelope::Envelope;
use queue_schema::ids::{JobId, ReviewId, SweepId};
use queue_schema::rows::Attempt;
use queue_schema::sweep::{Ladder, SweepSpec};
use scrum_domain::report::public_address;
use serde::Serialize;
use serde_json::{Value, json};

/// Version of an exported letter.
const VERSION: u32 = 1;

/// A letter with all that is known, for other tools. The members are described in docs/dead-letters.md; new
/// ones may come, none changes its meaning.
#[derive(Debug, Clone, Serialize)]
pub struct Exported {
    v: u32,
    id: JobId,
    class: String,
    reason: String,
    lane: String,
    tries: u32,
    worker_deaths: u32,
    first_died_at: String,
    last_died_at: String,
    kind: Option<String>,
    payload_version: Option<u32>,
    payload: Option<Value>,
    /// A body that this version can't read, as it is.
    body: Option<String>,
    sweep: Option<Value>,
    review: Option<ReviewId>,
    target: Option<Value>,
    ladder: Option<Ladder>,
    attempts: Vec<Attempt>,
}

/// Joins letters with their sweeps and reviews.
#[derive(Debug)]
pub struct Exporter<'a> {
    queue: &'a Queue,
    /// The sweep that was read last: most letters that follow each other are of one.
    last: Option<(SweepId, Option<SweepSpec>, Option<SweepStatus>)>,
}

impl<'a> Exporter<'a> {
    /// One that has read nothing.
    pub fn new(queue: &'a Queue) -> Self {
        Self { queue, last: None }
    }

    /// All that is known of a letter.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn export(&mut self, letter: &Letter) -> Result<Exported, Error> {
        let (dead, queue) = (&letter.dead, self.queue);
        if self.last.as_ref().is_none_or(|(id, ..)| *id != dead.sweep) {
            let spec = queue.sweep_spec(&dead.sweep).await?;
            let status = queue.sweep_status(&dead.sweep).await?;
            self.last = Some((dead.sweep.clone(), spec, status));
        }
        let (spec, status) = match &self.last {
            Some((_, spec, status)) => (spec.as_ref(), status.as_ref()),
            None => (None, None),
        };
        let review = letter.review();
        let (mut attempts, mut ladder) = (Vec::new(), None);
        if let Some(review) = &review {
            attempts = queue.attempts(review).await?;
            if spec.is_some() {
                ladder = Some(queue.ladder_of(&dead.sweep, review).await?);
            }
        }
        let envelope = Envelope::decode(&dead.body).ok();
        let payload: Option<Value> =
            envelope.as_ref().and_then(|e| serde_json::from_str(e.p.get()).ok());
        let target = letter.target.as_ref().map(|t| {
            json!({
                "ordinal": dead.target, "path": t.path, "blob": t.blob, "bytes": t.bytes,
            })
        });
        Ok(Exported {
            v: VERSION,
            id: dead.id.clone(),
            class: dead.class.clone(),
            reason: dead.reason.clone(),
            lane: dead.lane.clone(),
            tries: dead.attempts,
            worker_deaths: dead.crashes,
            first_died_at: time(dead.first_ms),
            last_died_at: time(dead.last_ms),
            kind: envelope.as_ref().map(|e| e.kind.clone()),
            payload_version: envelope.as_ref().map(|e| e.pv),
            body: payload.is_none().then(|| dead.body.clone()),
            payload,
            sweep: spec.map(|spec| of_sweep(&dead.sweep, spec, status)),
            review,
            target,
            ladder,
            attempts,
        })
    }
}

fn of_sweep(id: &str, spec: &SweepSpec, status: Option<&SweepStatus>) -> Value {
    json!({
        "id": id,
        "state": status.map(|s| s.state),
        "priority": status.map(|s| s.priority),
        "repo": public_address(&spec.repo),
        "rev": spec.rev,
        "commit": spec.commit,
        "policy": spec.policy,
        "labels": spec.labels,
    })
}

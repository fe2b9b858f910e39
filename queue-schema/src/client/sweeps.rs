//! Sweeps: make one, or find the one that is there; read how far it is.

use super::{Queue, QueueError, budget};
use crate::budget::{Budget, BudgetRequest, CALLS_FIELD};
use crate::effects::{NewJob, Priority};
use crate::jobs::{JobKind, Plan, Review};
use crate::keys;
use crate::sign::Signer;
use crate::sweep::{SweepSpec, Target, TargetStatus};
use crate::trace::Trace;
use serde::Serialize;
use std::collections::HashMap;

/// Jobs or targets that one call removes when a sweep that is being forgotten is asked for again.
const FORGET_BATCH: u32 = 500;

/// Field of a sweep's record that holds its request.
const SPEC_FIELD: &str = "spec";

/// Field of a sweep's record that says what its planning waits for.
pub const HELD_FIELD: &str = "held";

/// How far a sweep is as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepState {
    /// Its targets are being written down.
    Planning,
    /// All targets are known.
    Running,
    /// Every target is resolved, unresolved or skipped.
    Done,
    /// It could not be planned; the reason is in the record.
    Failed,
    /// Stopped by a person.
    Cancelled,
}

impl SweepState {
    /// The state for the word kept in the record.
    pub(super) fn from_word(word: &str) -> Self {
        match word {
            "planning" => Self::Planning,
            "running" => Self::Running,
            "done" => Self::Done,
            "cancelled" => Self::Cancelled,
            _ => Self::Failed,
        }
    }

    /// True when nothing more will happen by itself.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Planning | Self::Running)
    }
}

/// Counters of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepStatus {
    /// Which sweep.
    pub id: String,
    /// How far.
    pub state: SweepState,
    /// Its jobs go before those of a lower one.
    pub priority: Priority,
    /// What planning waits for; `None` when it does not.
    pub held: Option<String>,
    /// Targets written down so far, skipped ones included.
    pub total: u64,
    /// Not yet admitted.
    pub waiting: u64,
    /// In the queues or running.
    pub live: u64,
    /// Accepted.
    pub resolved: u64,
    /// In the dead-letter queue.
    pub unresolved: u64,
    /// Not reviewed, with a reason.
    pub skipped: u64,
    /// Left out because the sweep was cancelled.
    pub cancelled: u64,
    /// Left out because the sweep's budget did not reach them.
    pub left_out: u64,
    /// Model attempts made.
    pub attempts: u64,
    /// Model calls made for them: not those that the answer cache or the built-in reviewer saved.
    pub calls: u64,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Generated tokens.
    pub tokens_out: u64,
    /// What providers charged, in millionths of a dollar.
    pub cost_micro_usd: u64,
    /// Accepted reviews whose facts were taken out.
    pub facts: u64,
    /// Accepted reviews without facts, or with unchecked ones, because of the models.
    pub facts_failed: u64,
    /// What it may spend; `None` without a cap.
    pub budget: Option<Budget>,
    /// Milliseconds since the epoch, Redis clock.
    pub created_ms: u64,
    /// Milliseconds since the epoch, Redis clock; `None` while it runs.
    pub ended_ms: Option<u64>,
    /// Milliseconds that it was over before it went on.
    pub idle_ms: u64,
    /// Why it failed.
    pub error: Option<String>,
}

impl SweepStatus {
    /// True when nothing more will happen by itself.
    pub fn is_over(&self) -> bool {
        self.state.is_over()
    }

    /// Milliseconds that it has taken, or had at `now_ms`: what lies between an end and its going on,
    /// after a retry or with a larger budget, is not counted.
    pub fn took_ms(&self, now_ms: u64) -> u64 {
        let end = self.ended_ms.unwrap_or(now_ms);
        end.saturating_sub(self.created_ms).saturating_sub(self.idle_ms)
    }

    /// Targets that will not move by themselves any more.
    pub fn settled(&self) -> u64 {
        self.resolved + self.unresolved + self.skipped + self.left_out
    }
}

/// A sweep that is in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub id: String,
    /// False when it was there before.
    pub new: bool,
    /// Targets that its old budget had left out and that wait again.
    pub put_back: u64,
}

impl Queue {
    /// Records a sweep without a budget; see [`Queue::create_sweep_within`]. Returns its id and
    /// whether it is new; a sweep that is there is left as it is.
    ///
    /// # Errors
    /// As there.
    pub async fn create_sweep(
        &self,
        spec: &SweepSpec,
        documents: &[(String, String)],
        priority: Priority,
    ) -> Result<(String, bool), QueueError> {
        let none = BudgetRequest::default();
        let created = self.create_sweep_within(spec, documents, priority, &none).await?;
        Ok((created.id, created.new))
    }

    /// Records a sweep with its documents and its budget and enqueues its first plan job, in one
    /// step. A sweep that is there keeps all but its budget; with another one, targets that the old
    /// one left out wait again.
    ///
    /// # Errors
    /// [`QueueError::OutOfMemory`] before anything is sent; a failure of Redis, and then doing it
    /// again is safe.
    pub async fn create_sweep_within(
        &self,
        spec: &SweepSpec,
        documents: &[(String, String)],
        priority: Priority,
        budget: &BudgetRequest,
    ) -> Result<Created, QueueError> {
        let id = spec.id();
        let json = serde_json::to_string(spec).map_err(|e| QueueError::record("sweep", e))?;
        let signer = &self.options().signer;
        let (head, tail) = review_template(&id, signer)?;
        let max = self.options().max_attempts.to_string();
        let mut args: Vec<Vec<u8>> = vec![
            id.clone().into(),
            signer.seal(&keys::sweep(&id), SPEC_FIELD, &json).into_owned().into(),
            spec.limits.admission_window.to_string().into(),
            Review { sweep: id.clone(), target: 0 }.lane().into(),
            head.into(),
            tail.into(),
            max.into(),
            (priority as u64).to_string().into(),
        ];
        args.extend(budget_args(budget));
        args.push(documents.len().to_string().into());
        for (sha, text) in documents {
            args.push(keys::document(sha).into());
            args.push(text.clone().into());
        }
        let mut plan = NewJob::of(&Plan { sweep: id.clone(), first: 0 })
            .map_err(|e| QueueError::record("plan", e))?
            .priority(priority);
        plan.trace(&Trace::of_sweep(&id));
        plan.encode(self.sending(), &mut args);
        let part = self.of_sweep(&id);
        part.check_memory().await?;
        loop {
            match part.run::<(i64, u64)>(&self.scripts.create_sweep, args.clone()).await? {
                // Somebody has begun to forget an older one of the same name; it is finished here.
                (2, _) => self.forget_sweep(&id, FORGET_BATCH).await?,
                (new, put_back) => {
                    if new != 1 {
                        // Somebody may have written it before us.
                        self.checking().sweep_spec(&id).await?;
                    }
                    return Ok(Created { id, new: new == 1, put_back });
                }
            };
        }
    }

    /// Plans a sweep on whose planning failed, from where it ended, when its dead letter is gone: one that
    /// is there is revived instead. False when there is nothing to do; saying it again is safe.
    ///
    /// # Errors
    /// [`QueueError::OutOfMemory`] before anything is sent, or a failure of Redis.
    pub async fn replan(&self, status: &SweepStatus) -> Result<bool, QueueError> {
        let first = u32::try_from(status.total).unwrap_or(u32::MAX);
        let mut plan = NewJob::of(&Plan { sweep: status.id.clone(), first })
            .map_err(|e| QueueError::record("plan", e))?
            .priority(status.priority);
        plan.trace(&Trace::of_sweep(&status.id));
        let mut args = vec![status.id.clone().into_bytes(), first.to_string().into_bytes()];
        plan.encode(self.sending(), &mut args);
        let part = self.of_sweep(&status.id);
        part.check_memory().await?;
        Ok(part.run::<i64>(&self.scripts.replan, args).await? == 1)
    }

    /// The request behind a sweep.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn sweep_spec(&self, id: &str) -> Result<Option<SweepSpec>, QueueError> {
        let mut conn = self.conn();
        let key = keys::sweep(id);
        let kept: Option<String> = redis::cmd("HGET")
            .arg(self.of_sweep(id).key(&key))
            .arg(SPEC_FIELD)
            .query_async(&mut conn)
            .await?;
        let Some(kept) = kept else { return Ok(None) };
        let json = self.opened(&key, SPEC_FIELD, &kept)?;
        let spec = serde_json::from_str(json);
        spec.map(Some).map_err(|e| QueueError::record(format!("sweep {id}"), e))
    }

    /// How far a sweep is; `None` when there is no such sweep.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn sweep_status(&self, id: &str) -> Result<Option<SweepStatus>, QueueError> {
        let mut conn = self.conn();
        let map: HashMap<Vec<u8>, Vec<u8>> = redis::cmd("HGETALL")
            .arg(self.of_sweep(id).key(&keys::sweep(id)))
            .query_async(&mut conn)
            .await?;
        let map = texts(map);
        if map.is_empty() {
            return Ok(None);
        }
        let n = |field: &str| map.get(field).and_then(|v| v.parse().ok()).unwrap_or(0);
        let state = SweepState::from_word(map.get("state").map_or("", String::as_str));
        let count = |s: TargetStatus| n(&format!("n:{}", s.code()));
        Ok(Some(SweepStatus {
            id: id.to_owned(),
            state,
            priority: map
                .get("prio")
                .and_then(|v| v.parse().ok())
                .map_or_else(Priority::default, Priority::from_number),
            held: map
                .get(HELD_FIELD)
                .filter(|why| !why.is_empty() && state == SweepState::Planning)
                .cloned(),
            total: n("total"),
            waiting: count(TargetStatus::Waiting),
            live: count(TargetStatus::Live),
            resolved: count(TargetStatus::Resolved),
            unresolved: count(TargetStatus::Unresolved),
            skipped: count(TargetStatus::Skipped),
            cancelled: count(TargetStatus::Cancelled),
            left_out: count(TargetStatus::LeftOut),
            attempts: n("attempts"),
            calls: n(CALLS_FIELD),
            budget: Some(budget::read(&map)).filter(Budget::is_on),
            tokens_in: n("tokens_in"),
            tokens_out: n("tokens_out"),
            cost_micro_usd: n("cost_micro_usd"),
            facts: n("facts"),
            facts_failed: n("facts_failed"),
            created_ms: n("created"),
            ended_ms: map
                .get("ended")
                .filter(|_| state != SweepState::Running && state != SweepState::Planning)
                .and_then(|v| v.parse().ok()),
            idle_ms: n("idle"),
            error: map.get("error").cloned(),
        }))
    }

    /// Ids of all sweeps, newest first.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn sweeps(&self) -> Result<Vec<String>, QueueError> {
        let mut conn = self.conn();
        let mut all: Vec<(String, f64)> = Vec::new();
        for part in self.each() {
            let some: Vec<(String, f64)> = redis::cmd("ZREVRANGE")
                .arg(part.key(keys::SWEEPS))
                .arg(0)
                .arg(-1)
                .arg("WITHSCORES")
                .query_async(&mut conn)
                .await?;
            all.extend(some);
        }
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(all.into_iter().map(|(id, _)| id).collect())
    }

    /// One target.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn target(&self, sweep: &str, ordinal: u32) -> Result<Option<Target>, QueueError> {
        let mut conn = self.conn();
        let json: Option<String> = redis::cmd("HGET")
            .arg(self.of_sweep(sweep).key(&keys::targets(sweep)))
            .arg(ordinal)
            .query_async(&mut conn)
            .await?;
        json.map(|j| self.read_target(sweep, ordinal, &j)).transpose()
    }

    pub(super) fn read_target(
        &self,
        sweep: &str,
        ordinal: u32,
        kept: &str,
    ) -> Result<Target, QueueError> {
        let json = self.opened(&keys::targets(sweep), &ordinal.to_string(), kept)?;
        serde_json::from_str(json)
            .map_err(|e| QueueError::record(format!("target {ordinal} of sweep {sweep}"), e))
    }
}

/// A hash as text; bytes that are not UTF-8 are replaced.
pub(super) fn texts(map: HashMap<Vec<u8>, Vec<u8>>) -> HashMap<String, String> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    map.into_iter().map(|(field, value)| (text(field), text(value))).collect()
}

/// The caps in the order that `lua/create_sweep.lua` reads.
fn budget_args(b: &BudgetRequest) -> Vec<Vec<u8>> {
    let asked = |n: Option<u64>| n.map(|n| n.to_string().into_bytes()).unwrap_or_default();
    let n = |n: u64| n.to_string().into_bytes();
    let (new, caps) = (&b.defaults.most, &b.defaults);
    vec![
        asked(b.calls),
        asked(b.tokens),
        asked(b.micro_usd),
        n(new.calls),
        n(new.tokens),
        n(new.micro_usd),
        n(caps.degrade_percent.into()),
        n(caps.stop_percent.into()),
    ]
}

/// The body of a target's first job, before and after the ordinal: the admission script puts
/// the two around the number, so that a waiting target costs no job record.
pub(super) fn review_template(
    sweep: &str,
    signer: &Signer,
) -> Result<(String, String), QueueError> {
    // A number that can't occur in a sweep id, which is hex.
    const MARK: u32 = u32::MAX;
    let mut job = NewJob::of(&Review { sweep: sweep.to_owned(), target: MARK })
        .map_err(|e| QueueError::record("review", e))?;
    job.trace(&Trace::of_sweep(sweep));
    signer
        .seal_job(&job.body)
        .split_once(&MARK.to_string())
        .map(|(h, t)| (h.to_owned(), t.to_owned()))
        .ok_or_else(|| QueueError::record("review", "its template lacks the ordinal"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Envelope;
    use crate::jobs::Job;

    #[test]
    fn the_admission_template_makes_the_job_that_rust_would_make() {
        let (head, tail) = review_template("0123456789abcdef", &Signer::default()).unwrap();
        let want = Review { sweep: "0123456789abcdef".into(), target: 4711 };
        let body = format!("{head}4711{tail}");
        assert_eq!(
            Job::decode(&Envelope::decode(&body).unwrap()).unwrap(),
            Job::Review(want.clone())
        );
        // The script composes the id as well.
        assert_eq!(want.id(), "0123456789abcdef-4711.review");
    }
}

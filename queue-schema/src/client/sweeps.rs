//! Sweeps: make one, or find the one that is there; read how far it is.

use super::scripts::SCRIPTS;
use super::{Mark, Queue, QueueError};
use crate::budget::BudgetRequest;
use crate::effects::{NewJob, Priority};
use crate::ids::SweepId;
use crate::jobs::{JobKind, News, Plan, Review, Tally};
use crate::keys;
use crate::records::sweep::{SweepStatus, fields};
use crate::sign::Signer;
use crate::state::JobState;
use crate::sweep::{SweepSpec, Target};
use crate::trace::Trace;
use std::collections::HashMap;

/// Jobs or targets that one call removes when a sweep that is being forgotten is asked for again.
const FORGET_BATCH: u32 = 500;

/// A sweep that is in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub id: SweepId,
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
    ) -> Result<(SweepId, bool), QueueError> {
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
            signer.seal(&keys::sweep(&id), fields::SPEC, &json).into_owned().into(),
            spec.limits.admission_window.to_string().into(),
            Review { sweep: id.clone(), target: 0 }.lane().into(),
            head.into(),
            tail.into(),
            max.into(),
            (priority as u64).to_string().into(),
        ];
        args.extend(budget_args(budget));
        args.push(spec.accepted_by().into());
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
        if let Some(last) = last_job(&id, spec)? {
            last.encode(self.sending(), &mut args);
        }
        let part = self.of_sweep(&id);
        part.check_memory().await?;
        loop {
            match part.run::<(i64, u64)>(&SCRIPTS.create_sweep, args.clone()).await? {
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
        let mut args = vec![status.id.clone().into(), first.to_string().into_bytes()];
        plan.encode(self.sending(), &mut args);
        let part = self.of_sweep(&status.id);
        part.check_memory().await?;
        Ok(part.run::<i64>(&SCRIPTS.replan, args).await? == 1)
    }

    /// The request behind a sweep.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn sweep_spec(&self, id: &SweepId) -> Result<Option<SweepSpec>, QueueError> {
        let mut conn = self.conn();
        let key = keys::sweep(id);
        let kept: Option<String> = redis::cmd("HGET")
            .arg(self.of_sweep(id).key(&key))
            .arg(fields::SPEC)
            .query_async(&mut conn)
            .await?;
        let Some(kept) = kept else { return Ok(None) };
        let json = self.opened(&key, fields::SPEC, &kept)?;
        let spec = serde_json::from_str(json);
        spec.map(Some).map_err(|e| QueueError::record(format!("sweep {id}"), e))
    }

    /// Whether what follows the end of a sweep is still to be done, and is not dead.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn is_followed(&self, id: &SweepId) -> Result<bool, QueueError> {
        let (mut conn, job) = (self.conn(), Tally { sweep: id.clone() }.id());
        let state: Option<String> = redis::cmd("HGET")
            .arg(self.of_sweep(id).key(&keys::job(job)))
            .arg("st")
            .query_async(&mut conn)
            .await?;
        Ok(state.is_some_and(|state| state != JobState::Dead.word().unwrap_or_default()))
    }

    /// How far a sweep is; `None` when there is no such sweep.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn sweep_status(&self, id: &SweepId) -> Result<Option<SweepStatus>, QueueError> {
        let mut conn = self.conn();
        let map: HashMap<Vec<u8>, Vec<u8>> = redis::cmd("HGETALL")
            .arg(self.of_sweep(id).key(&keys::sweep(id)))
            .query_async(&mut conn)
            .await?;
        Ok((!map.is_empty()).then(|| SweepStatus::from_fields(id, &texts(map))))
    }

    /// At most `most` ids of sweeps, newest first, behind `after`, which is where the page before ended. Also
    /// returns where this one ends; `None` when there are no further sweeps.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn sweeps_page(
        &self,
        after: Option<&Mark>,
        most: usize,
    ) -> Result<(Vec<SweepId>, Option<Mark>), QueueError> {
        let (found, end) = self.listed(keys::SWEEPS, 0, after, most).await?;
        Ok((found.into_iter().map(|(mark, _)| mark.id.into()).collect(), end))
    }

    /// The ids of the newest sweeps, at most `most`.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn latest_sweeps(&self, most: usize) -> Result<Vec<SweepId>, QueueError> {
        Ok(self.sweeps_page(None, most).await?.0)
    }

    /// One target.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn target(
        &self,
        sweep: &SweepId,
        ordinal: u32,
    ) -> Result<Option<Target>, QueueError> {
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
        sweep: &SweepId,
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

/// What is enqueued whenever a sweep is done.
pub(super) fn last_job(sweep: &SweepId, spec: &SweepSpec) -> Result<Option<NewJob>, QueueError> {
    let job = match &spec.schedule {
        _ if spec.is_tallied() => NewJob::of(&Tally { sweep: sweep.clone() }),
        Some(_) => NewJob::of(&News { sweep: sweep.clone() }),
        None => return Ok(None),
    };
    let mut job = job.map_err(|e| QueueError::record("what follows a sweep", e))?;
    job.trace(&Trace::of_sweep(sweep));
    Ok(Some(job))
}

/// The body of a target's first job, before and after the ordinal: the admission script puts
/// the two around the number, so that a waiting target costs no job record.
pub(super) fn review_template(
    sweep: &SweepId,
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
        let (head, tail) = review_template(&"0123456789abcdef".into(), &Signer::default()).unwrap();
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

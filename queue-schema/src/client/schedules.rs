//! Schedules: a person adds and removes them, workers see what is due. All of them lie in one partition, with the jobs
//! that begin their sweeps, so that a due time and its job are one step.

use super::scripts::SCRIPTS;
use super::sweeps::texts;
use super::{Queue, QueueError};
use crate::effects::{NewJob, Priority};
use crate::ids::{ScheduleName, SweepId};
use crate::jobs::{Due, JobKind as _};
use crate::keys;
use crate::records::sweep::fields;
use crate::schedule::{Moved, Schedule, ScheduleRun, ScheduledSweep};
use std::collections::HashMap;

/// Schedules that a fleet may have: one look at what is due goes through few.
pub const MOST_SCHEDULES: usize = 1000;

/// What stands before a due time in the hash of a schedule's runs: that it was seen, and what it has got.
const RUN: &str = "r:";
const PIN: &str = "p:";
const DOCUMENT: &str = "d:";

/// How adding a schedule ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is there.
    Done,
    /// There is one of that name already.
    Taken,
    /// There are [`MOST_SCHEDULES`].
    TooMany,
}

impl Queue {
    fn of_schedules(&self) -> Self {
        self.of_sweep(&SweepId::default())
    }

    /// Adds a schedule with the texts of its documents, by hash; with `replace` in the place of one of the same name.
    ///
    /// # Errors
    /// [`QueueError::OutOfMemory`] before anything is sent, or a failure of Redis: sent again, it finds its own word.
    pub async fn add_schedule(
        &self,
        schedule: &Schedule,
        documents: &[(String, String)],
        next_ms: u64,
        replace: bool,
    ) -> Result<Added, QueueError> {
        let json =
            serde_json::to_string(schedule).map_err(|e| QueueError::record("schedule", e))?;
        let name = schedule.name.as_str();
        let kept = self.options().signer.seal(keys::SCHEDULES, name, &json);
        let op = if replace { "replace" } else { "add" };
        let mut args: Vec<Vec<u8>> = vec![
            op.into(),
            name.into(),
            kept.into_owned().into(),
            next_ms.to_string().into(),
            MOST_SCHEDULES.to_string().into(),
            documents.len().to_string().into(),
        ];
        for (sha, text) in documents {
            args.extend([sha.clone().into_bytes(), text.clone().into_bytes()]);
        }
        let part = self.of_schedules();
        part.check_memory().await?;
        Ok(match part.run::<i64>(&SCRIPTS.schedule, args).await? {
            1 => Added::Done,
            2 => Added::TooMany,
            _ => Added::Taken,
        })
    }

    async fn change_schedule(
        &self,
        op: &str,
        name: &ScheduleName,
        next_ms: Option<u64>,
    ) -> Result<bool, QueueError> {
        let mut args: Vec<Vec<u8>> = vec![op.into(), name.as_str().into()];
        args.extend(next_ms.map(|ms| ms.to_string().into_bytes()));
        let part = self.of_schedules();
        Ok(part.run::<i64>(&SCRIPTS.schedule, args).await? == 1)
    }

    /// Removes a schedule with the record of its runs; its sweeps stay. False when there is none.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn remove_schedule(&self, name: &ScheduleName) -> Result<bool, QueueError> {
        self.change_schedule("remove", name, None).await
    }

    /// Pauses a schedule: it is not due until it is resumed. False when there is none.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn pause_schedule(&self, name: &ScheduleName) -> Result<bool, QueueError> {
        self.change_schedule("pause", name, None).await
    }

    /// Resumes a paused schedule, due at that time; one that is not paused stays as it is. False when there is none.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn resume_schedule(
        &self,
        name: &ScheduleName,
        next_ms: u64,
    ) -> Result<bool, QueueError> {
        self.change_schedule("resume", name, Some(next_ms)).await
    }

    /// One schedule.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn schedule(&self, name: &ScheduleName) -> Result<Option<Schedule>, QueueError> {
        let mut conn = self.conn();
        let kept: Option<String> = redis::cmd("HGET")
            .arg(self.of_schedules().key(keys::SCHEDULES))
            .arg(name.as_str())
            .query_async(&mut conn)
            .await?;
        kept.map(|kept| self.read_schedule(name, &kept)).transpose()
    }

    fn read_schedule(&self, name: &str, kept: &str) -> Result<Schedule, QueueError> {
        let json = self.opened(keys::SCHEDULES, name, kept)?;
        serde_json::from_str(json).map_err(|e| QueueError::record(format!("schedule {name}"), e))
    }

    /// All schedules in the order of their names, each with its next due time; none while it is paused.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn schedules(&self) -> Result<Vec<(Schedule, Option<u64>)>, QueueError> {
        let (mut conn, part) = (self.conn(), self.of_schedules());
        let kept: HashMap<Vec<u8>, Vec<u8>> =
            redis::cmd("HGETALL").arg(part.key(keys::SCHEDULES)).query_async(&mut conn).await?;
        let due: HashMap<String, f64> = redis::cmd("ZRANGE")
            .arg(part.key(keys::DUE))
            .arg(0)
            .arg(-1)
            .arg("WITHSCORES")
            .query_async(&mut conn)
            .await?;
        let mut all = Vec::new();
        for (name, kept) in texts(kept) {
            let next_ms = due.get(&name).map(|ms| *ms as u64);
            all.push((self.read_schedule(&name, &kept)?, next_ms));
        }
        all.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Ok(all)
    }

    /// The schedules whose due time is past at `now_ms`, with that time, the earliest first; at most `most`.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn due_schedules(
        &self,
        now_ms: u64,
        most: usize,
    ) -> Result<Vec<(ScheduleName, u64)>, QueueError> {
        let mut conn = self.conn();
        let due: Vec<(String, f64)> = redis::cmd("ZRANGEBYSCORE")
            .arg(self.of_schedules().key(keys::DUE))
            .arg("-inf")
            .arg(now_ms)
            .arg("WITHSCORES")
            .arg("LIMIT")
            .arg(0)
            .arg(most)
            .query_async(&mut conn)
            .await?;
        Ok(due.into_iter().map(|(name, ms)| (name.into(), ms as u64)).collect())
    }

    /// Moves a schedule on and enqueues the job that begins its sweep. False when somebody else has done so, or a
    /// person has paused or removed it; so saying it again is safe.
    ///
    /// # Errors
    /// [`QueueError::OutOfMemory`] before anything is sent, or a failure of Redis.
    pub async fn begin_due(
        &self,
        schedule: &Schedule,
        moved: Moved,
        keep: u32,
    ) -> Result<bool, QueueError> {
        let due = Due {
            schedule: schedule.name.clone(),
            added_ms: schedule.added_ms,
            due_ms: moved.due_ms,
            sweep: SweepId::default(),
        };
        let job = NewJob::of(&due).map_err(|e| QueueError::record("due", e))?;
        let job = job.priority(Priority::High);
        let next = moved.next_ms.map(|ms| ms.to_string()).unwrap_or_default();
        let words = [
            schedule.name.to_string(),
            moved.due_ms.to_string(),
            next,
            moved.missed.to_string(),
            keep.to_string(),
        ];
        let mut args = words.map(String::into_bytes).to_vec();
        job.encode(self.sending(), &mut args);
        let part = self.of_sweep(due.sweep());
        part.check_memory().await?;
        Ok(part.run::<i64>(&SCRIPTS.due, args).await? == 1)
    }

    /// Says which sweep of which commit a due time gets; the first word stands, and is returned. `None` when the run is
    /// not kept any more, or its schedule is gone.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn pin_run(
        &self,
        name: &ScheduleName,
        due_ms: u64,
        sweep: &ScheduledSweep,
    ) -> Result<Option<ScheduledSweep>, QueueError> {
        let words = ["pin", name.as_str(), &due_ms.to_string(), &pin(sweep)];
        let args = words.map(|word| word.as_bytes().to_vec()).to_vec();
        let part = self.of_schedules();
        let kept: Option<String> = part.run(&SCRIPTS.schedule, args).await?;
        Ok(kept.and_then(|kept| pinned(&kept)))
    }

    /// The runs of a schedule that are kept, the latest first.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn schedule_runs(&self, name: &ScheduleName) -> Result<Vec<ScheduleRun>, QueueError> {
        let (mut conn, key) = (self.conn(), self.of_schedules().key(&keys::schedule_runs(name)));
        // Its documents may be long: they are not read.
        let names: Vec<String> = redis::cmd("HKEYS").arg(&key).query_async(&mut conn).await?;
        let due: Vec<u64> =
            names.iter().filter_map(|name| name.strip_prefix(RUN)?.parse().ok()).collect();
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = due.iter().flat_map(|ms| [format!("{RUN}{ms}"), format!("{PIN}{ms}")]);
        let wanted: Vec<String> = wanted.collect();
        let values: Vec<Option<String>> =
            redis::cmd("HMGET").arg(&key).arg(&wanted).query_async(&mut conn).await?;
        let mut runs: Vec<ScheduleRun> = due
            .iter()
            .zip(values.chunks_exact(2))
            .map(|(due_ms, of)| {
                let seen = of[0].as_deref().and_then(|seen| seen.split_once(' '));
                let (begun, missed) = seen.unwrap_or_default();
                ScheduleRun {
                    due_ms: *due_ms,
                    begun_ms: begun.parse().unwrap_or(0),
                    missed: missed.parse().unwrap_or(0),
                    sweep: of[1].as_deref().and_then(pinned),
                }
            })
            .collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.due_ms));
        Ok(runs)
    }

    /// A document of a schedule.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn schedule_document(
        &self,
        name: &ScheduleName,
        sha256: &str,
    ) -> Result<Option<String>, QueueError> {
        let (mut conn, key) = (self.conn(), self.of_schedules().key(&keys::schedule_runs(name)));
        let field = format!("{DOCUMENT}{sha256}");
        Ok(redis::cmd("HGET").arg(key).arg(field).query_async(&mut conn).await?)
    }

    /// How many findings a sweep of a schedule has that the one before had not; `None` until that is counted.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn sweep_news(&self, sweep: &SweepId) -> Result<Option<u64>, QueueError> {
        let mut conn = self.conn();
        let kept: Option<String> = redis::cmd("HGET")
            .arg(self.of_sweep(sweep).key(&keys::sweep(sweep)))
            .arg(fields::NEWS)
            .query_async(&mut conn)
            .await?;
        Ok(kept.and_then(|n| n.parse().ok()))
    }
}

fn pin(sweep: &ScheduledSweep) -> String {
    format!("{} {}", sweep.commit, sweep.id)
}

fn pinned(kept: &str) -> Option<ScheduledSweep> {
    let (commit, id) = kept.split_once(' ')?;
    Some(ScheduledSweep { id: id.into(), commit: commit.to_owned() })
}

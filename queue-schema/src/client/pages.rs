//! Reads of a sweep in pages. A reader of a large sweep asks for a number of targets or rows at a time: a
//! page takes a few round trips, and nothing else is held in memory.

use super::{Queue, QueueError};
use crate::ids::{ReviewId, SweepId};
use crate::keys;
use crate::rows::{Attempt, Row};
use crate::sweep::{Target, TargetStatus};
use redis::FromRedisValue;
use redis::streams::StreamRangeReply;
use std::fmt::Display;

/// Rows or targets that are read at once where the caller wants all of them.
const PAGE: usize = 500;

/// Why a target has a dead job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadReason {
    /// Class of reason.
    pub class: String,
    /// What went wrong.
    pub reason: String,
}

impl Queue {
    /// At most `most` rows of one kind of a sweep, in order of writing, behind `after`, which is where the
    /// page before ended. Also returns where this one ends; `None` when there are no further rows.
    ///
    /// # Errors
    /// A failure of Redis, or a row that this program can't read.
    pub async fn rows_page<R: Row>(
        &self,
        sweep: &SweepId,
        after: Option<&str>,
        most: usize,
    ) -> Result<(Vec<R>, Option<String>), QueueError> {
        let mut conn = self.conn();
        let page: StreamRangeReply = redis::cmd("XRANGE")
            .arg(self.of_sweep(sweep).key(&keys::rows(R::STREAM, sweep)))
            .arg(after.map_or_else(|| "-".to_owned(), |id| format!("({id}")))
            .arg("+")
            .arg("COUNT")
            .arg(most)
            .query_async(&mut conn)
            .await?;
        let end = page.ids.last().filter(|_| page.ids.len() == most).map(|last| last.id.clone());
        let rows = page.ids.iter().map(|entry| {
            let kept: String = entry.get("row").unwrap_or_default();
            let id: String = entry.get("id").unwrap_or_default();
            self.read_row(sweep, &id, &kept)
        });
        Ok((rows.collect::<Result<_, _>>()?, end))
    }

    /// All rows of one kind of a sweep, in order of writing. For few rows: a command that goes through a
    /// sweep takes [`Self::rows_page`].
    ///
    /// # Errors
    /// A failure of Redis, or a row that this program can't read.
    pub async fn rows<R: Row>(&self, sweep: &SweepId) -> Result<Vec<R>, QueueError> {
        let (mut out, mut after) = (Vec::new(), None);
        loop {
            let (rows, end) = self.rows_page(sweep, after.as_deref(), PAGE).await?;
            out.extend(rows);
            if end.is_none() {
                return Ok(out);
            }
            after = end;
        }
    }

    /// The rows with these ids, in their order; `None` where there is none.
    ///
    /// # Errors
    /// A failure of Redis, or a row that this program can't read.
    pub async fn rows_of<R: Row>(
        &self,
        sweep: &SweepId,
        ids: &[impl AsRef<str> + Display + Sync],
    ) -> Result<Vec<Option<R>>, QueueError> {
        let part = self.of_sweep(sweep);
        let at = part.key(&keys::row_ids(R::STREAM, sweep));
        let entries: Vec<Option<String>> = self.fields(&at, ids).await?;
        let key = part.key(&keys::rows(R::STREAM, sweep));
        let mut pipe = redis::pipe();
        for entry in entries.iter().flatten() {
            pipe.cmd("XRANGE").arg(&key).arg(entry).arg(entry);
        }
        let mut found = self.all::<StreamRangeReply>(&pipe).await?.into_iter();
        let row = |(id, entry): (&str, Option<String>)| {
            let Some(_) = entry else { return Ok(None) };
            let kept: Option<String> =
                found.next().and_then(|page| page.ids.first().and_then(|e| e.get("row")));
            kept.map(|kept| self.read_row(sweep, id, &kept)).transpose()
        };
        ids.iter().map(AsRef::as_ref).zip(entries).map(row).collect()
    }

    /// A row as it was kept under its id.
    pub(super) fn read_row<R: Row>(
        &self,
        sweep: &SweepId,
        id: &str,
        kept: &str,
    ) -> Result<R, QueueError> {
        let json = self.opened(&keys::rows(R::STREAM, sweep), id, kept)?;
        serde_json::from_str(json)
            .map_err(|e| QueueError::record(format!("row {id} of {}", R::STREAM), e))
    }

    /// The status of each target of a sweep, in order.
    ///
    /// # Errors
    /// A failure of Redis, or a state that this program does not know.
    pub async fn target_states(&self, sweep: &SweepId) -> Result<Vec<TargetStatus>, QueueError> {
        let mut conn = self.conn();
        let codes: Option<String> = redis::cmd("GET")
            .arg(self.of_sweep(sweep).key(&keys::statuses(sweep)))
            .query_async(&mut conn)
            .await?;
        let codes = codes.unwrap_or_default();
        let states = codes.chars().enumerate().map(|(ordinal, code)| {
            TargetStatus::from_code(code)
                .ok_or_else(|| QueueError::record(format!("status of target {ordinal}"), code))
        });
        states.collect()
    }

    /// These targets of a sweep.
    ///
    /// # Errors
    /// A failure of Redis, a target that is not there, or one that this program can't read.
    pub async fn targets_of(
        &self,
        sweep: &SweepId,
        ordinals: &[u32],
    ) -> Result<Vec<Target>, QueueError> {
        let found = self.targets_known(sweep, ordinals).await?;
        let targets = ordinals.iter().zip(found).map(|(ordinal, target)| {
            target.ok_or_else(|| {
                QueueError::record(format!("target {ordinal} of sweep {sweep}"), "missing")
            })
        });
        targets.collect()
    }

    /// These targets of a sweep, each as far as it is there.
    ///
    /// # Errors
    /// A failure of Redis, or a target that this program can't read.
    pub async fn targets_known(
        &self,
        sweep: &SweepId,
        ordinals: &[u32],
    ) -> Result<Vec<Option<Target>>, QueueError> {
        let key = self.of_sweep(sweep).key(&keys::targets(sweep));
        let found: Vec<Option<String>> = self.fields(&key, ordinals).await?;
        let read = |(ordinal, json): (&u32, Option<String>)| {
            json.map(|json| self.read_target(sweep, *ordinal, &json)).transpose()
        };
        ordinals.iter().zip(found).map(read).collect()
    }

    /// All targets with their status, in order: the coverage ledger.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn targets(
        &self,
        sweep: &SweepId,
    ) -> Result<Vec<(Target, TargetStatus)>, QueueError> {
        let states = self.target_states(sweep).await?;
        let ordinals: Vec<u32> = (0..).take(states.len()).collect();
        let mut targets = Vec::with_capacity(states.len());
        for page in ordinals.chunks(PAGE) {
            targets.extend(self.targets_of(sweep, page).await?);
        }
        Ok(targets.into_iter().zip(states).collect())
    }

    /// The attempts so far of these reviews, all of one sweep.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn attempts_of(&self, reviews: &[ReviewId]) -> Result<Vec<Vec<Attempt>>, QueueError> {
        let mut pipe = redis::pipe();
        for review in reviews {
            let key = self.of_review(review).key(&keys::attempts(review));
            pipe.cmd("LRANGE").arg(key).arg(0).arg(-1);
        }
        let found = self.all::<Vec<String>>(&pipe).await?;
        let read = |(review, lines): (&ReviewId, Vec<String>)| {
            let attempts = lines.iter().map(|json| {
                serde_json::from_str(json)
                    .map_err(|e| QueueError::record(format!("attempts of {review}"), e))
            });
            attempts.collect()
        };
        reviews.iter().zip(found).map(read).collect()
    }

    /// Why these targets have no facts, or unchecked ones, though their review was accepted.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn without_facts(
        &self,
        sweep: &SweepId,
        ordinals: &[u32],
    ) -> Result<Vec<Option<String>>, QueueError> {
        self.fields(&self.of_sweep(sweep).key(&keys::without_facts(sweep)), ordinals).await
    }

    /// Why the reviews of these targets were left out after they had begun.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn left_out(
        &self,
        sweep: &SweepId,
        ordinals: &[u32],
    ) -> Result<Vec<Option<String>>, QueueError> {
        self.fields(&self.of_sweep(sweep).key(&keys::left_out(sweep)), ordinals).await
    }

    /// Why these targets have a dead job: the reason of the one that died first.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn dead_of(
        &self,
        sweep: &SweepId,
        ordinals: &[u32],
    ) -> Result<Vec<Option<DeadReason>>, QueueError> {
        type Record = (Option<String>, Option<String>, Option<String>, Option<u64>);
        let part = self.of_sweep(sweep);
        let mut pipe = redis::pipe();
        for ordinal in ordinals {
            pipe.cmd("SMEMBERS").arg(part.key(&keys::dead_of_target(sweep, ordinal)));
        }
        let groups = self.all::<Vec<String>>(&pipe).await?;
        let mut pipe = redis::pipe();
        for id in groups.iter().flatten() {
            let key = part.key(&keys::job(id));
            pipe.cmd("HMGET").arg(key).arg("st").arg("dc").arg("dr").arg("da");
        }
        let mut records = self.all::<Record>(&pipe).await?.into_iter();
        let first = |group: &Vec<String>| {
            let dead = records.by_ref().take(group.len()).collect::<Vec<_>>().into_iter();
            let dead = dead.filter(|(state, ..)| state.as_deref() == Some("dead"));
            let first = dead.min_by_key(|(.., at)| at.unwrap_or(u64::MAX));
            first.map(|(_, class, reason, _)| DeadReason {
                class: class.unwrap_or_default(),
                reason: reason.unwrap_or_default(),
            })
        };
        Ok(groups.iter().map(first).collect())
    }

    /// Fields of a hash. Without fields no command is sent.
    pub(super) async fn fields<F: ToString>(
        &self,
        key: &str,
        fields: &[F],
    ) -> Result<Vec<Option<String>>, QueueError> {
        if fields.is_empty() {
            return Ok(Vec::new());
        }
        let mut cmd = redis::cmd("HMGET");
        cmd.arg(key);
        for field in fields {
            cmd.arg(field.to_string());
        }
        Ok(cmd.query_async(&mut self.conn()).await?)
    }

    /// The replies of commands that are sent together.
    pub(super) async fn all<T: FromRedisValue>(
        &self,
        pipe: &redis::Pipeline,
    ) -> Result<Vec<T>, QueueError> {
        if pipe.is_empty() {
            return Ok(Vec::new());
        }
        Ok(pipe.query_async(&mut self.conn()).await?)
    }
}

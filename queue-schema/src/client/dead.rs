//! The dead-letter queue: list, show, revive, discard. Nothing leaves it by itself.

use super::scripts::SCRIPTS;
use super::sweeps::texts;
use super::{Mark, Queue, QueueError};
use crate::body;
use crate::effects::DeadClass;
use crate::ids::{JobId, ReviewId, SweepId};
use crate::keys;
use crate::records::review::fields;
use crate::sweep::Ladder;
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

/// The classes of dead letters.
pub const CLASSES: [DeadClass; 6] = [
    DeadClass::LadderExhausted,
    DeadClass::AttemptsExhausted,
    DeadClass::Poison,
    DeadClass::Undecodable,
    DeadClass::Fatal,
    DeadClass::Unsigned,
];

/// One dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Job id: what `dlq retry` takes.
    pub id: JobId,
    /// Lane it died in.
    pub lane: String,
    /// Sweep it belongs to.
    pub sweep: SweepId,
    /// Target it served.
    pub target: Option<u32>,
    /// Class of reason.
    pub class: String,
    /// What went wrong.
    pub reason: String,
    /// Times it was tried.
    pub attempts: u32,
    /// Times its worker died.
    pub crashes: u32,
    /// Milliseconds since the epoch: first death.
    pub first_ms: u64,
    /// Milliseconds since the epoch: last death.
    pub last_ms: u64,
    /// The envelope as JSON.
    pub body: String,
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct DeadFilter {
    /// Only this sweep's.
    pub sweep: Option<SweepId>,
    /// Only this class.
    pub class: Option<String>,
    /// Only lanes that begin with this.
    pub lane: Option<String>,
    /// Only those that died within this time, by the Redis clock.
    pub since: Option<Duration>,
    /// At most so many; 0 for all.
    pub limit: usize,
}

impl DeadFilter {
    fn fits(&self, letter: &DeadLetter) -> bool {
        self.sweep.as_ref().is_none_or(|s| *s == letter.sweep)
            && self.class.as_ref().is_none_or(|c| *c == letter.class)
            && self.lane.as_ref().is_none_or(|l| letter.lane.starts_with(l))
    }
}

/// Letters that are looked at together where the caller wants all that fit.
const PAGE: usize = 200;

impl Queue {
    /// Dead letters, latest first, as many as the filter says. For few: a command that may meet many takes
    /// [`Self::dead_page`].
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn dead_letters(&self, filter: &DeadFilter) -> Result<Vec<DeadLetter>, QueueError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (letters, end) = self.dead_page(filter, after.as_ref(), PAGE).await?;
            all.extend(letters);
            if filter.limit > 0 && all.len() >= filter.limit {
                all.truncate(filter.limit);
                return Ok(all);
            }
            if end.is_none() {
                return Ok(all);
            }
            after = end;
        }
    }

    /// Looks at `most` dead letters behind `after`, which is where the page before ended, and returns those
    /// that fit, latest first; perhaps none. Also returns where this page ends; `None` when there are no
    /// further letters. The filter's own limit is not used.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn dead_page(
        &self,
        filter: &DeadFilter,
        after: Option<&Mark>,
        most: usize,
    ) -> Result<(Vec<DeadLetter>, Option<Mark>), QueueError> {
        let oldest_ms = match filter.since {
            None => 0,
            Some(since) => {
                let since = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
                self.now_ms().await?.saturating_sub(since)
            }
        };
        let (found, end) = self.listed(keys::DEAD, oldest_ms, after, most).await?;
        let mut letters = Vec::with_capacity(found.len());
        for part in self.each() {
            let here = found.iter().filter(|(_, number)| *number == part.number());
            let ids: Vec<&str> = here.map(|(mark, _)| mark.id.as_str()).collect();
            letters.extend(part.letters_here(&ids, |letter| filter.fits(letter)).await?);
        }
        if self.partitions() > 1 {
            letters.sort_by(|a, b| (b.last_ms, &b.id).cmp(&(a.last_ms, &a.id)));
        }
        Ok((letters, end))
    }

    /// Those of these jobs of a sweep that are dead.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn dead_among(
        &self,
        sweep: &SweepId,
        jobs: &[JobId],
    ) -> Result<Vec<DeadLetter>, QueueError> {
        self.of_sweep(sweep).letters_here(jobs, |_| true).await
    }

    /// One dead letter; `None` when there is none of that id.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn dead_letter(&self, id: &JobId) -> Result<Option<DeadLetter>, QueueError> {
        Ok(self.find_dead(id).await?.map(|(_, letter)| letter))
    }

    /// A dead letter and where it is: its id alone does not say.
    async fn find_dead(&self, id: &JobId) -> Result<Option<(Self, DeadLetter)>, QueueError> {
        for part in self.each() {
            if let Some(letter) = part.dead_letter_here(id).await? {
                return Ok(Some((part, letter)));
            }
        }
        Ok(None)
    }

    async fn dead_letter_here(&self, id: &str) -> Result<Option<DeadLetter>, QueueError> {
        Ok(self.letters_here(&[id], |_| true).await?.pop())
    }

    /// The dead letters with these ids that fit, in their order. One may be revived between a list and a look.
    async fn letters_here(
        &self,
        ids: &[impl AsRef<str>],
        fits: impl Fn(&DeadLetter) -> bool,
    ) -> Result<Vec<DeadLetter>, QueueError> {
        let mut pipe = redis::pipe();
        for id in ids {
            pipe.cmd("HGETALL").arg(self.key(&keys::job(id.as_ref())));
        }
        let records = self.all::<HashMap<Vec<u8>, Vec<u8>>>(&pipe).await?;
        let letters = ids.iter().zip(records);
        let letters = letters.filter_map(|(id, map)| letter(id.as_ref(), &texts(map)));
        let mut letters: Vec<_> = letters.filter(fits).collect();
        let mut pipe = redis::pipe();
        for letter in &letters {
            pipe.cmd("GET").arg(self.key(&keys::body(&letter.id)));
        }
        let bodies = self.all::<Option<Vec<u8>>>(&pipe).await?;
        for (letter, body) in letters.iter_mut().zip(bodies) {
            letter.body = self.readable(&body.unwrap_or_default());
        }
        Ok(letters)
    }

    /// A body that can't be unpacked is shown as it is: a person may know what it was.
    fn readable(&self, bytes: &[u8]) -> String {
        body::unpack(bytes, self.options().max_payload_bytes)
            .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Puts a dead job back into the queue with fresh counters, perhaps with another body and
    /// lane, and with it all other dead jobs of its target. Returns how many; 0 when there is no
    /// such dead job.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn revive(
        &self,
        id: &JobId,
        edited: Option<(&str, &str)>,
    ) -> Result<u64, QueueError> {
        let (lane, body) = edited.unwrap_or_default();
        let Some((part, _)) = self.find_dead(id).await? else { return Ok(0) };
        let body = body::pack(&self.options().signer.seal_job(body));
        part.run(&SCRIPTS.revive, vec![id.clone().into(), lane.into(), body]).await
    }

    /// Gives a review a ladder of its own, for the retry that follows. By itself it starts nothing,
    /// and saying it again is safe.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn give_ladder(&self, review: &ReviewId, ladder: &Ladder) -> Result<(), QueueError> {
        let json = serde_json::to_string(ladder).map_err(|e| QueueError::record("ladder", e))?;
        let mut conn = self.conn();
        let key = keys::review_state(review);
        redis::cmd("HSET")
            .arg(self.of_review(review).key(&key))
            .arg(fields::LADDER)
            .arg(&*self.options().signer.seal(&key, fields::LADDER, &json))
            .query_async::<()>(&mut conn)
            .await?;
        Ok(())
    }

    /// The ladder that a review climbs: its own, or the sweep's.
    ///
    /// # Errors
    /// A failure of Redis, or no such sweep.
    pub async fn ladder_of(
        &self,
        sweep: &SweepId,
        review: &ReviewId,
    ) -> Result<Ladder, QueueError> {
        let spec = self
            .sweep_spec(sweep)
            .await?
            .ok_or_else(|| QueueError::record(format!("sweep {sweep}"), "there is none"))?;
        let state = self.review_state(review).await?;
        let target = review.target().unwrap_or_default();
        let ladder = state.ladder(spec.ladder_of(target));
        ladder
            .map(std::borrow::Cow::into_owned)
            .map_err(|e| QueueError::record(format!("the ladder of review {review}"), e))
    }

    /// Throws a dead job away; its target stays unresolved. False when there is no such job.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn discard(&self, id: &JobId) -> Result<bool, QueueError> {
        let Some((part, _)) = self.find_dead(id).await? else { return Ok(false) };
        Ok(part.run::<i64>(&SCRIPTS.discard, vec![id.clone().into()]).await? == 1)
    }
}

/// What a job's record says of its death, without the body; `None` for a job that is not dead.
fn letter(id: &str, map: &HashMap<String, String>) -> Option<DeadLetter> {
    let text = |f: &str| map.get(f).cloned().unwrap_or_default();
    let n = |f: &str| map.get(f).and_then(|v| v.parse().ok()).unwrap_or(0);
    (text("st") == "dead").then(|| DeadLetter {
        id: id.into(),
        lane: text("l"),
        sweep: text("s").into(),
        target: map.get("g").and_then(|v| v.parse().ok()),
        class: text("dc"),
        reason: text("dr"),
        attempts: u32::try_from(n("a")).unwrap_or(u32::MAX),
        crashes: u32::try_from(n("c")).unwrap_or(u32::MAX),
        first_ms: n("df"),
        last_ms: n("da"),
        body: String::new(),
    })
}

//! The dead-letter queue: list, show, revive, discard. Nothing leaves it by itself.

use super::sweeps::texts;
use super::{Queue, QueueError};
use crate::body;
use crate::keys;
use crate::records::review::fields;
use crate::sweep::Ladder;
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

/// One dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Job id: what `dlq retry` takes.
    pub id: String,
    /// Lane it died in.
    pub lane: String,
    /// Sweep it belongs to.
    pub sweep: String,
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
    pub sweep: Option<String>,
    /// Only this class.
    pub class: Option<String>,
    /// Only lanes that begin with this.
    pub lane: Option<String>,
    /// Only those that died within this time, by the Redis clock.
    pub since: Option<Duration>,
    /// At most so many; 0 for all.
    pub limit: usize,
}

impl Queue {
    /// Dead letters, latest first.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn dead_letters(&self, filter: &DeadFilter) -> Result<Vec<DeadLetter>, QueueError> {
        let mut all = Vec::new();
        for part in self.each() {
            all.extend(part.dead_letters_here(filter).await?);
        }
        all.sort_by_key(|letter| std::cmp::Reverse(letter.last_ms));
        if filter.limit > 0 {
            all.truncate(filter.limit);
        }
        Ok(all)
    }

    /// Those of this handle's partition.
    async fn dead_letters_here(&self, filter: &DeadFilter) -> Result<Vec<DeadLetter>, QueueError> {
        const PAGE: isize = 200;
        let mut conn = self.conn();
        let mut out = Vec::new();
        let mut first = 0;
        let oldest = match filter.since {
            None => "-inf".to_owned(),
            Some(since) => {
                let (s, us): (u64, u64) = redis::cmd("TIME").query_async(&mut conn).await?;
                let since = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
                (s * 1000 + us / 1000).saturating_sub(since).to_string()
            }
        };
        loop {
            let ids: Vec<String> = redis::cmd("ZREVRANGEBYSCORE")
                .arg(self.key(keys::DEAD))
                .arg("+inf")
                .arg(&oldest)
                .arg("LIMIT")
                .arg(first)
                .arg(PAGE)
                .query_async(&mut conn)
                .await?;
            if ids.is_empty() {
                return Ok(out);
            }
            first += PAGE;
            for id in ids {
                // A letter may be revived between the list and the look.
                let Some(letter) = self.dead_letter_here(&id).await? else { continue };
                let fits = filter.sweep.as_ref().is_none_or(|s| *s == letter.sweep)
                    && filter.class.as_ref().is_none_or(|c| *c == letter.class)
                    && filter.lane.as_ref().is_none_or(|l| letter.lane.starts_with(l));
                if fits {
                    out.push(letter);
                }
                if filter.limit > 0 && out.len() >= filter.limit {
                    return Ok(out);
                }
            }
        }
    }

    /// One dead letter; `None` when there is none of that id.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn dead_letter(&self, id: &str) -> Result<Option<DeadLetter>, QueueError> {
        Ok(self.find_dead(id).await?.map(|(_, letter)| letter))
    }

    /// A dead letter and where it is: its id alone does not say.
    async fn find_dead(&self, id: &str) -> Result<Option<(Self, DeadLetter)>, QueueError> {
        for part in self.each() {
            if let Some(letter) = part.dead_letter_here(id).await? {
                return Ok(Some((part, letter)));
            }
        }
        Ok(None)
    }

    async fn dead_letter_here(&self, id: &str) -> Result<Option<DeadLetter>, QueueError> {
        type Fields = HashMap<Vec<u8>, Vec<u8>>;
        let mut conn = self.conn();
        let (map, body): (Fields, Option<Vec<u8>>) = redis::pipe()
            .cmd("HGETALL")
            .arg(self.key(&keys::job(id)))
            .cmd("GET")
            .arg(self.key(&keys::body(id)))
            .query_async(&mut conn)
            .await?;
        let map = texts(map);
        if map.get("st").map(String::as_str) != Some("dead") {
            return Ok(None);
        }
        let text = |f: &str| map.get(f).cloned().unwrap_or_default();
        let n = |f: &str| map.get(f).and_then(|v| v.parse().ok()).unwrap_or(0);
        Ok(Some(DeadLetter {
            id: id.to_owned(),
            lane: text("l"),
            sweep: text("s"),
            target: map.get("g").and_then(|v| v.parse().ok()),
            class: text("dc"),
            reason: text("dr"),
            attempts: u32::try_from(n("a")).unwrap_or(u32::MAX),
            crashes: u32::try_from(n("c")).unwrap_or(u32::MAX),
            first_ms: n("df"),
            last_ms: n("da"),
            body: self.readable(&body.unwrap_or_default()),
        }))
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
    pub async fn revive(&self, id: &str, edited: Option<(&str, &str)>) -> Result<u64, QueueError> {
        let (lane, body) = edited.unwrap_or_default();
        let Some((part, _)) = self.find_dead(id).await? else { return Ok(0) };
        let body = body::pack(&self.options().signer.seal_job(body));
        part.run(&self.scripts.revive, vec![id.into(), lane.into(), body]).await
    }

    /// Gives a review a ladder of its own, for the retry that follows. By itself it starts nothing,
    /// and saying it again is safe.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn give_ladder(&self, review: &str, ladder: &Ladder) -> Result<(), QueueError> {
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
    pub async fn ladder_of(&self, sweep: &str, review: &str) -> Result<Ladder, QueueError> {
        let spec = self
            .sweep_spec(sweep)
            .await?
            .ok_or_else(|| QueueError::record(format!("sweep {sweep}"), "there is none"))?;
        let state = self.review_state(review).await?;
        let ladder = state.ladder(&spec.ladder);
        ladder
            .map(std::borrow::Cow::into_owned)
            .map_err(|e| QueueError::record(format!("the ladder of review {review}"), e))
    }

    /// Throws a dead job away; its target stays unresolved. False when there is no such job.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn discard(&self, id: &str) -> Result<bool, QueueError> {
        let Some((part, _)) = self.find_dead(id).await? else { return Ok(false) };
        Ok(part.run::<i64>(&self.scripts.discard, vec![id.into()]).await? == 1)
    }
}

//! What is remembered of pathways and areas, as it is kept. A value without the fleet's signature counts as missing:
//! it would decide what models are told.

use super::{Queue, QueueError};
use crate::ids::{MemoryId, PathwayId, name_key};
use crate::keys;
use crate::records::pathway::listed;
use std::collections::HashMap;

impl Queue {
    /// The fields of a pathway; none of one that is not known.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn pathway(
        &self,
        memory: &MemoryId,
        pathway: &PathwayId,
    ) -> Result<HashMap<String, String>, QueueError> {
        self.remembered(memory, &keys::pathway(memory, pathway)).await
    }

    /// The fields of an area, by the beginning of its paths.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn area(
        &self,
        memory: &MemoryId,
        area: &str,
    ) -> Result<HashMap<String, String>, QueueError> {
        self.remembered(memory, &keys::area(memory, name_key(area))).await
    }

    async fn remembered(
        &self,
        memory: &MemoryId,
        key: &str,
    ) -> Result<HashMap<String, String>, QueueError> {
        let mut conn = self.conn();
        let hash: HashMap<String, String> = redis::cmd("HGETALL")
            .arg(self.of_memory(memory).key(key))
            .query_async(&mut conn)
            .await?;
        let opened = hash.into_iter().filter_map(|(field, value)| {
            // An empty value is none, and signs nothing.
            if !value.is_empty() && keys::is_signed(key, &field) {
                let value = self.opened(key, &field, &value).ok()?.to_owned();
                return Some((field, value));
            }
            Some((field, value))
        });
        Ok(opened.collect())
    }

    /// What is kept of some mistakes of an area, in the order of their keys; `None` for one that is not known.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn prints(
        &self,
        memory: &MemoryId,
        area: &str,
        prints: &[String],
    ) -> Result<Vec<Option<String>>, QueueError> {
        if prints.is_empty() {
            return Ok(Vec::new());
        }
        let (key, mut conn) = (keys::area(memory, name_key(area)), self.conn());
        let fields: Vec<String> = prints.iter().map(|print| format!("f:{print}")).collect();
        let mut cmd = redis::cmd("HMGET");
        cmd.arg(self.of_memory(memory).key(&key)).arg(&fields);
        let kept: Vec<Option<String>> = cmd.query_async(&mut conn).await?;
        let opened = |(field, kept): (&String, Option<String>)| {
            kept.and_then(|kept| Some(self.opened(&key, field, &kept).ok()?.to_owned()))
        };
        Ok(fields.iter().zip(kept).map(opened).collect())
    }

    /// Up to `count` pathways in the order of their areas, behind `after`, with the entries of the list that continue it.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn pathways(
        &self,
        memory: &MemoryId,
        after: &str,
        count: usize,
    ) -> Result<Vec<(String, String, PathwayId)>, QueueError> {
        let mut conn = self.conn();
        let from = if after.is_empty() { "-".to_owned() } else { format!("({after}") };
        let members: Vec<String> = redis::cmd("ZRANGE")
            .arg(self.of_memory(memory).key(&keys::pathways(memory)))
            .arg(from)
            .arg("+")
            .arg("BYLEX")
            .arg("LIMIT")
            .arg(0)
            .arg(count)
            .query_async(&mut conn)
            .await?;
        let entry = |member: String| {
            let (area, pathway) = listed(&member)?;
            Some((area.to_owned(), pathway)).map(|(area, pathway)| (member, area, pathway))
        };
        Ok(members.into_iter().filter_map(entry).collect())
    }
}

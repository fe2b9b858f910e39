//! Pages of what stands in a sorted set by time, over all partitions, latest first: sweeps and dead letters.

use super::{Queue, QueueError};

/// Where a page ended. The next page begins behind it, whatever came or went meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Milliseconds since the epoch, Redis clock.
    pub at_ms: u64,
    /// Of what happened in the same millisecond, the id that comes later in the alphabet comes first.
    pub id: String,
}

/// An id and the partition where it was found.
pub(super) type Found = (Mark, u16);

impl Queue {
    /// At most `most` ids of the sorted set `name`, of all partitions, behind `after` and not older than
    /// `oldest_ms`. Also returns where the page ends; `None` when there are no further ids.
    pub(super) async fn listed(
        &self,
        name: &str,
        oldest_ms: u64,
        after: Option<&Mark>,
        most: usize,
    ) -> Result<(Vec<Found>, Option<Mark>), QueueError> {
        let mut all = Vec::new();
        for part in self.each() {
            let found = part.listed_here(name, oldest_ms, after, most).await?;
            all.extend(found.into_iter().map(|mark| (mark, part.number())));
        }
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.truncate(most);
        let end = all.last().filter(|_| all.len() == most).map(|(mark, _)| mark.clone());
        Ok((all, end))
    }

    /// Those of this handle's partition.
    async fn listed_here(
        &self,
        name: &str,
        oldest_ms: u64,
        after: Option<&Mark>,
        most: usize,
    ) -> Result<Vec<Mark>, QueueError> {
        let (mut found, mut looked) = (Vec::new(), 0);
        // What happened in the millisecond of the mark may stand before or behind it.
        let latest = after.map_or_else(|| "+inf".to_owned(), |mark| mark.at_ms.to_string());
        loop {
            let page: Vec<(String, f64)> = redis::cmd("ZREVRANGEBYSCORE")
                .arg(self.key(name))
                .arg(&latest)
                .arg(oldest_ms)
                .arg("WITHSCORES")
                .arg("LIMIT")
                .arg(looked)
                .arg(most)
                .query_async(&mut self.conn())
                .await?;
            looked += page.len();
            let is_last = page.len() < most;
            let places = page.into_iter().map(|(id, at)| Mark { at_ms: at as u64, id });
            found.extend(places.filter(|mark| after.is_none_or(|after| mark < after)));
            if is_last || found.len() >= most {
                found.truncate(most);
                return Ok(found);
            }
        }
    }
}

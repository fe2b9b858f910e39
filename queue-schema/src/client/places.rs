//! Places in pools whose limits hold over several partitions.
//!
//! One script can't count jobs in all partitions, because their keys may lie on different servers. So a
//! pool's limits are counted in a partition of its own: whoever wants to claim jobs of the pool
//! reserves places there first, claims no more jobs than that, renews the places with the leases and
//! gives them back after the commit. Places of a worker that died run out as its leases do. With one
//! partition, none of this happens: the claim itself counts.

use super::{Queue, QueueError, Waiter};
use crate::keys;
use std::time::Duration;

/// The right to run one job of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which pool.
    pub pool: String,
    /// Its name there.
    pub token: String,
}

/// What a reservation found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// Places, perhaps none.
    pub places: Vec<Place>,
    /// Time until there may be more, if anybody knows.
    pub next_due: Option<Duration>,
}

impl Queue {
    /// A handle on the partition where a pool's limits are counted.
    #[must_use]
    pub fn of_pool(&self, pool: &str) -> Self {
        self.of_name(pool)
    }

    /// Reserves up to `want` places; `request` is unique per call, and the same when it is sent again.
    ///
    /// # Errors
    /// A failure of Redis. Sending it again gives the same places.
    pub async fn reserve_places(
        &self,
        pool: &str,
        request: &str,
        want: u32,
    ) -> Result<Reserved, QueueError> {
        let lease = self.options().lease.as_millis().to_string();
        let args = vec![pool.into(), request.into(), want.to_string().into(), lease.into()];
        let home = self.of_pool(pool);
        let (due, tokens): (i64, Vec<String>) = {
            let reply: Vec<redis::Value> = home.run(&self.scripts.places_reserve, args).await?;
            let bad = |e: redis::ParsingError| QueueError::record("places_reserve", e);
            let (first, rest) = reply
                .split_first()
                .ok_or_else(|| QueueError::record("places_reserve", "the reply is empty"))?;
            let rest = rest.iter().map(redis::FromRedisValue::from_redis_value_ref);
            (
                redis::FromRedisValue::from_redis_value_ref(first).map_err(bad)?,
                rest.collect::<Result<_, _>>().map_err(bad)?,
            )
        };
        let places =
            tokens.into_iter().map(|token| Place { pool: pool.to_owned(), token }).collect();
        Ok(Reserved { places, next_due: u64::try_from(due).ok().map(Duration::from_millis) })
    }

    /// Gives places of one pool back; `unused` when no job was started with them.
    ///
    /// # Errors
    /// A failure of Redis; doing it again is safe.
    pub async fn return_places(
        &self,
        pool: &str,
        places: &[Place],
        unused: bool,
    ) -> Result<(), QueueError> {
        let back = if unused { places.len() } else { 0 };
        let mut args: Vec<Vec<u8>> = vec![pool.into(), back.to_string().into()];
        args.extend(places.iter().map(|p| p.token.clone().into_bytes()));
        self.of_pool(pool).run::<u64>(&self.scripts.places_return, args).await?;
        Ok(())
    }

    /// Holds places longer that are counted in this handle's partition; returns the names of those
    /// that were lost.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn keep_places(&self, places: &[Place]) -> Result<Vec<String>, QueueError> {
        let mut args: Vec<Vec<u8>> = vec![self.options().lease.as_millis().to_string().into()];
        for place in places {
            args.push(place.pool.clone().into());
            args.push(place.token.clone().into());
        }
        self.run(&self.scripts.places_keep, args).await
    }

    /// A waiter for free places of a pool, on a connection of its own.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn pool_waiter(&self, pool: &str, longest: Duration) -> Result<Waiter, QueueError> {
        let home = self.of_pool(pool);
        home.waiter_on(vec![home.key(&keys::freed(pool))], longest).await
    }

    /// Says once more that a pool has free places: for a word that reached somebody with no use for it.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn pass_on(&self, pool: &str) -> Result<(), QueueError> {
        // Giving nothing back frees nothing, so the word is put there by hand.
        let home = self.of_pool(pool);
        let mut conn = home.conn();
        redis::cmd("LPUSH")
            .arg(home.key(&keys::freed(pool)))
            .arg(1)
            .query_async::<()>(&mut conn)
            .await?;
        Ok(())
    }
}

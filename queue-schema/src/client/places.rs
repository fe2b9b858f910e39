//! Places in pools: the right to have one call of a provider under way.
//!
//! A pool's places are counted in one partition, whatever partitions its jobs lie in. A worker takes a place just
//! before a call and gives it back when the call has ended, and says how it ended: the pool's limit follows what
//! the server bears (`lua/include/places.lua`). Places are held until a deadline that is renewed with the leases, so
//! that those of a worker that died come back.

use super::scripts::SCRIPTS;
use super::{Queue, QueueError, Waiter};
use crate::ids::WorkerId;
use crate::keys;
use redis::FromRedisValue as _;
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

/// What a pool may do, over the whole fleet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolLimits {
    /// Calls at a time at most; `None`: any number.
    pub most: Option<u32>,
    /// Whether fewer are allowed while the server bears no more.
    pub auto: bool,
    /// Calls started in a minute at most; `None`: any number.
    pub per_minute: Option<u32>,
}

impl PoolLimits {
    /// So many calls at a time, and no more is known.
    #[must_use]
    pub const fn of(most: u32) -> Self {
        Self { most: Some(most), auto: false, per_minute: None }
    }

    fn words(self) -> [Vec<u8>; 3] {
        let word = |n: Option<u32>| n.map_or_else(Vec::new, |n| n.to_string().into_bytes());
        [word(self.most), if self.auto { b"1".into() } else { b"0".into() }, word(self.per_minute)]
    }
}

/// How long a pool pauses after calls that were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// After the first refusal that says no time; doubled for each one after it.
    pub first: Duration,
    /// The longest of these.
    pub longest: Duration,
    /// The longest that a server may ask for.
    pub told: Duration,
}

/// How a call ended, as far as its pool is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With an answer.
    Fine,
    /// It ran out of time.
    Late,
    /// The server takes no more calls now.
    Refused {
        /// The status: 429, 503.
        code: u16,
        /// How long it wants to be left alone, if it said so.
        wait: Option<Duration>,
    },
    /// In a way that says nothing of what the server bears.
    Other,
    /// It was not made.
    Unused,
}

/// A call that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedCall {
    /// [`Exchanged::epoch`] of the exchange that gave its place.
    pub epoch: u64,
    /// How.
    pub how: Ending,
    /// What it took.
    pub took: Duration,
    /// What was done in it: tokens, roughly, of answer and question.
    pub units: u64,
}

/// What a worker says to a pool.
#[derive(Debug, Clone)]
pub struct Exchange<'a> {
    /// Which pool.
    pub pool: &'a str,
    /// Who asks.
    pub worker: &'a WorkerId,
    /// Counts the exchanges of a worker with a pool; the same when one is sent again.
    pub serial: u64,
    /// Calls that it has under way, without those that ended.
    pub held: u32,
    /// Places wanted.
    pub want: u32,
    /// Calls that ended since the last exchange.
    pub ended: &'a [EndedCall],
    /// For a pool of which nobody has said what it may do.
    pub limits: PoolLimits,
    /// Pauses after refusals.
    pub pauses: Pauses,
}

/// What a pool says to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchanged {
    /// Places given, for one call each.
    pub given: u32,
    /// Goes with the calls made in them.
    pub epoch: u64,
    /// When to ask again; `None`: when others have given places back, see [`Queue::pool_waiter`].
    pub next_due: Option<Duration>,
    /// Places that are left.
    pub left: u32,
    /// Calls refused in a row, by whomever they were made.
    pub refusals: u32,
    /// Time from the first of them to the last.
    pub refusing: Duration,
    /// Status of the last one.
    pub code: u16,
}

/// A pool as a person sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PoolStatus {
    /// Its name: that of its provider.
    pub pool: String,
    /// Calls under way.
    pub in_call: u64,
    /// Calls allowed at a time now; `None`: any number.
    pub limit: Option<u64>,
    /// Calls allowed at a time at most.
    pub most: Option<u64>,
    /// Whether `limit` follows what the server bears.
    pub auto: bool,
    /// Calls that may start in a minute; `None`: any number.
    pub rate_per_minute: Option<u64>,
    /// Milliseconds until calls begin again, when the server has refused some.
    pub paused_ms: Option<u64>,
    /// Status of the last refusal, when it paused the pool.
    pub refused_with: Option<u64>,
}

impl Queue {
    /// A handle on the partition where a pool's places are counted.
    #[must_use]
    pub fn of_pool(&self, pool: &str) -> Self {
        self.of_name(pool)
    }

    /// Says what a pool may do, over the whole fleet; the last word counts. A lane's pool is what stands behind
    /// its `:`, or the lane itself.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn set_limits(&self, pool: &str, limits: PoolLimits) -> Result<(), QueueError> {
        let mut args: Vec<Vec<u8>> = vec![pool.into()];
        args.extend(limits.words());
        self.of_pool(pool).run::<i64>(&SCRIPTS.places_limits, args).await?;
        Ok(())
    }

    /// The same where nobody has said so, or it was lost.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn keep_limits(&self, pool: &str, limits: PoolLimits) -> Result<(), QueueError> {
        let home = self.of_pool(pool);
        let mut conn = home.conn();
        let (listed, most): (bool, Option<String>) = redis::pipe()
            .cmd("SISMEMBER")
            .arg(home.key(keys::POOLS))
            .arg(pool)
            .cmd("HGET")
            .arg(home.key(&keys::pool(pool)))
            .arg("most")
            .query_async(&mut conn)
            .await?;
        if listed && most.is_some_and(|n| n.is_empty() || n.parse::<u32>().is_ok()) {
            return Ok(());
        }
        self.set_limits(pool, limits).await
    }

    /// Gives back the places of calls that ended, and takes others.
    ///
    /// # Errors
    /// A failure of Redis. Sending it again, with the same serial, does nothing twice.
    pub async fn exchange(&self, e: &Exchange<'_>) -> Result<Exchanged, QueueError> {
        let ms = |d: Duration| d.as_millis().to_string();
        let mut words = vec![
            e.pool.to_owned(),
            e.worker.to_string(),
            e.serial.to_string(),
            ms(self.options().lease),
            e.held.to_string(),
            e.want.to_string(),
            ms(e.pauses.first),
            ms(e.pauses.longest),
            ms(e.pauses.told),
        ];
        let mut args: Vec<Vec<u8>> = words.drain(..).map(String::into_bytes).collect();
        args.extend(e.limits.words());
        for call in e.ended {
            let (how, code, wait) = match call.how {
                Ending::Fine => ("fine", 0, None),
                Ending::Late => ("late", 0, None),
                Ending::Refused { code, wait } => ("refused", code, wait),
                Ending::Other => ("other", 0, None),
                Ending::Unused => ("unused", 0, None),
            };
            args.extend([
                call.epoch.to_string().into_bytes(),
                how.into(),
                ms(call.took).into_bytes(),
                call.units.to_string().into_bytes(),
                code.to_string().into_bytes(),
                wait.map(ms).unwrap_or_default().into_bytes(),
            ]);
        }
        let home = self.of_pool(e.pool);
        let reply: Vec<redis::Value> = home.run(&SCRIPTS.places_exchange, args).await?;
        let number = |i: usize| -> Result<i64, QueueError> {
            let value = reply.get(i).unwrap_or(&redis::Value::Nil);
            i64::from_redis_value_ref(value).map_err(|e| QueueError::record("places", e))
        };
        let positive = |i| number(i).map(|n| u64::try_from(n).unwrap_or(0));
        let small = |i| positive(i).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        Ok(Exchanged {
            given: small(0)?,
            epoch: positive(1)?,
            next_due: u64::try_from(number(2)?).ok().map(Duration::from_millis),
            left: small(3)?,
            refusals: small(4)?,
            refusing: Duration::from_millis(positive(5)?),
            code: u16::try_from(number(6)?).unwrap_or(0),
        })
    }

    /// Keeps a worker's places in pools of this handle's partition: for each its name, the calls under way, and
    /// whether the worker lacks places there.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn hold_places(
        &self,
        worker: &WorkerId,
        pools: &[(String, u32, bool)],
    ) -> Result<(), QueueError> {
        let lease = self.options().lease.as_millis().to_string();
        let mut args: Vec<Vec<u8>> = vec![worker.to_string().into(), lease.into()];
        for (pool, held, waits) in pools {
            args.extend([pool.clone().into(), held.to_string().into()]);
            args.push(if *waits { b"1".into() } else { b"0".into() });
        }
        self.run::<()>(&SCRIPTS.places_hold, args).await
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

    /// All pools of which somebody has said what they may do, by name.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn pools(&self) -> Result<Vec<PoolStatus>, QueueError> {
        let mut conn = self.conn();
        let mut all = Vec::new();
        for part in self.each() {
            // What is no text is none of ours: a check of the queue reports it.
            let names: Vec<Vec<u8>> =
                redis::cmd("SMEMBERS").arg(part.key(keys::POOLS)).query_async(&mut conn).await?;
            for pool in names.into_iter().filter_map(|n| String::from_utf8(n).ok()) {
                let key = part.key(&keys::pool(&pool));
                let (fields, now): (HashMap<Vec<u8>, Vec<u8>>, (u64, u64)) = redis::pipe()
                    .cmd("HGETALL")
                    .arg(key)
                    .cmd("TIME")
                    .query_async(&mut conn)
                    .await?;
                let text = |bytes| String::from_utf8(bytes).ok();
                let fields = fields.into_iter();
                let fields = fields.filter_map(|(f, v)| Some((text(f)?, text(v)?))).collect();
                all.push(status(pool, &fields, now.0 * 1000 + now.1 / 1000));
            }
        }
        all.sort_by(|a, b| a.pool.cmp(&b.pool));
        Ok(all)
    }
}

fn status(pool: String, fields: &HashMap<String, String>, now: u64) -> PoolStatus {
    let number = |name: &str| -> Option<u64> {
        let n = fields.get(name)?.parse::<f64>().ok()?;
        (n >= 0.0).then_some(n as u64)
    };
    let until = number("told").max(number("paused")).filter(|at| *at > now);
    PoolStatus {
        pool,
        in_call: number("used").unwrap_or(0),
        limit: number("limit"),
        most: number("most"),
        auto: number("auto") == Some(1),
        rate_per_minute: number("rate"),
        paused_ms: until.map(|at| at - now),
        refused_with: until.and(number("code")).filter(|code| *code > 0),
    }
}

//! Accounts of model calls outside of sweeps, such as those of the gateway: what a call may take is held before it, and
//! what it took is booked after it.

use super::scripts::SCRIPTS;
use super::{Queue, QueueError};
use crate::budget::Amount;
use crate::keys;
use redis::FromRedisValue as _;
use std::time::Duration;

/// An account, and what may be spent from it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Caps for each stretch of time; 0 is none.
    pub caps: Amount,
    /// The stretch of time, by the clock of Redis: they begin at the multiples of it since the epoch.
    pub window: Duration,
    /// How long a call holds something at most; what it held is spent then.
    pub longest: Duration,
}

/// What a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Took {
    /// Tokens.
    pub tokens: u64,
    /// Millionths of a dollar.
    pub micro_usd: u64,
}

/// What an account says to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is held or booked.
    Fine,
    /// A cap does not reach it.
    Spent {
        /// `calls`, `tokens` or `micro_usd`.
        cap: String,
        /// Spent and held.
        spent: u64,
        /// The cap.
        most: u64,
        /// Until the next stretch of time begins.
        again: Duration,
    },
}

impl Queue {
    /// Holds what a call may take, until it is booked or freed, or its longest time is over.
    ///
    /// # Errors
    /// A failure of Redis; sending it again is safe.
    pub async fn hold_account(
        &self,
        account: &Account,
        call: &str,
        most: Took,
    ) -> Result<Answer, QueueError> {
        self.account(account, call, "hold", most).await
    }

    /// Books what a call took in place of what it held; nothing when that is gone already.
    ///
    /// # Errors
    /// A failure of Redis; sending it again is safe.
    pub async fn book_account(
        &self,
        account: &Account,
        call: &str,
        took: Took,
    ) -> Result<(), QueueError> {
        self.account(account, call, "book", took).await.map(drop)
    }

    /// Gives back what a call held that was not made.
    ///
    /// # Errors
    /// A failure of Redis; sending it again is safe.
    pub async fn free_account(&self, account: &Account, call: &str) -> Result<(), QueueError> {
        self.account(account, call, "free", Took::default()).await.map(drop)
    }

    async fn account(
        &self,
        of: &Account,
        call: &str,
        what: &str,
        amount: Took,
    ) -> Result<Answer, QueueError> {
        let most = of.caps;
        let ms = |time: Duration| time.as_millis().to_string();
        let words = [
            of.name.clone(),
            call.to_owned(),
            what.to_owned(),
            amount.tokens.to_string(),
            amount.micro_usd.to_string(),
            ms(of.window),
            most.calls.to_string(),
            most.tokens.to_string(),
            most.micro_usd.to_string(),
            ms(of.longest),
        ];
        let args = words.map(String::into_bytes).to_vec();
        // The whole name of the key decides where it lies, as with pools.
        let home = self.of_name(&keys::account(&of.name));
        let reply: Vec<redis::Value> = home.run(&SCRIPTS.account, args).await?;
        let text = |i: usize| {
            let value = reply.get(i).unwrap_or(&redis::Value::Nil);
            String::from_redis_value_ref(value).map_err(|e| QueueError::record("account", e))
        };
        let number = |i| text(i).map(|text| text.parse::<u64>().unwrap_or(0));
        if text(0)? == "1" {
            return Ok(Answer::Fine);
        }
        let again = Duration::from_millis(number(4)?);
        Ok(Answer::Spent { cap: text(1)?, spent: number(2)?, most: number(3)?, again })
    }
}

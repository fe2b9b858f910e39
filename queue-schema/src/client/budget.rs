//! The books of a sweep's budget: what a call may take is held before it, and goes back with the commit
//! that says what it took.

use super::scripts::SCRIPTS;
use super::{Lease, Queue, QueueError};
use crate::budget::{Budget, Dollars};
use crate::ids::SweepId;
use crate::keys;
use crate::ledger::{self, TaskClass};
use std::fmt::Write as _;

/// What a call may take, and what else its sweep's budget asks about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spend {
    /// Tokens at most, as far as that can be told before.
    pub tokens: u64,
    /// Millionths of a dollar at most.
    pub micro_usd: u64,
    /// Whether its ladder has a cheaper rung.
    pub cheaper: bool,
    /// Whether an earlier attempt of the same work was rejected.
    pub further: bool,
}

/// What the budget says to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Go on: it is held, or there is no budget.
    Granted,
    /// Not now: it may fit when others have taken less than they hold.
    Wait(String),
    /// A cheaper rung should be asked.
    PassOver(String),
    /// No: the work is left out.
    No(String),
    /// The sweep was cancelled or paused since the job was claimed, or its lane paused: the job should go back.
    Stopped,
    /// The lease was lost, and nothing is held.
    Stale,
}

impl Queue {
    /// Holds what a call may take of its sweep's budget, for the job with this lease, until that
    /// leaves its lease with a commit. Sent again, it replaces what the job holds.
    ///
    /// # Errors
    /// A failure of Redis; doing it again is safe.
    pub async fn hold_budget(&self, lease: &Lease, spend: &Spend) -> Result<Held, QueueError> {
        self.hold(lease, spend, Vec::new()).await
    }

    /// As [`hold_budget`](Self::hold_budget), of a call whose price nobody set: it holds what calls of the same
    /// model for the same task cost before in this sweep. The first one holds all that is left.
    ///
    /// # Errors
    /// As for [`hold_budget`](Self::hold_budget).
    pub async fn hold_unpriced(
        &self,
        lease: &Lease,
        spend: &Spend,
        sweep: &SweepId,
        (provider, model, task): (&str, &str, TaskClass),
    ) -> Result<Held, QueueError> {
        let fields = ledger::COST_PER_ANSWER.map(|m| ledger::field(provider, model, task, m));
        let key = std::iter::once(keys::ledger(sweep));
        self.hold(lease, spend, key.chain(fields).map(String::into_bytes).collect()).await
    }

    async fn hold(
        &self,
        lease: &Lease,
        spend: &Spend,
        unpriced: Vec<Vec<u8>>,
    ) -> Result<Held, QueueError> {
        let yes = |b: bool| if b { b"1".to_vec() } else { b"0".to_vec() };
        let mut args = vec![
            lease.job.clone().into(),
            lease.token.clone().into_bytes(),
            spend.tokens.to_string().into_bytes(),
            spend.micro_usd.to_string().into_bytes(),
            yes(spend.cheaper),
            yes(spend.further),
        ];
        args.extend(unpriced);
        let part = self.at(lease.partition);
        let reply: Vec<redis::Value> = part.run(&SCRIPTS.budget_hold, args).await?;
        let bad = |e: &dyn std::fmt::Display| QueueError::record("budget_hold", e);
        let text = |i: usize| -> Result<String, QueueError> {
            let value = reply.get(i).ok_or_else(|| bad(&"its reply is too short"))?;
            redis::FromRedisValue::from_redis_value_ref(value)
                .map_err(|e: redis::ParsingError| bad(&e))
        };
        let why = || -> Result<String, QueueError> {
            Ok(reason(&text(1)?, number(&text(2)?), number(&text(3)?), number(&text(4)?)))
        };
        Ok(match text(0)?.as_str() {
            "1" => Held::Granted,
            "0" => Held::Wait(why()?),
            "2" => Held::PassOver(why()?),
            "3" => Held::No(why()?),
            "4" => Held::Stopped,
            _ => Held::Stale,
        })
    }

    /// The budget of a sweep; `None` without one, and without such a sweep.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn budget(&self, sweep: &SweepId) -> Result<Option<Budget>, QueueError> {
        Ok(self.sweep_status(sweep).await?.and_then(|s| s.budget))
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

fn reason(cap: &str, spent: u64, most: u64, asked: u64) -> String {
    let (say, unit): (fn(u64) -> String, _) = match cap {
        "micro_usd" => (|n| Dollars(n).to_string(), String::new()),
        unit => (|n| n.to_string(), format!(" {unit}")),
    };
    let mut why = format!("{} of {}{unit} are spent", say(spent), say(most));
    if spent.saturating_add(asked) > most && cap != "calls" {
        let _ = write!(why, ", and the next call may take {}", say(asked));
    }
    why
}

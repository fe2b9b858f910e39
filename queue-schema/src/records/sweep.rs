//! The record of a sweep: its request, how far it is, and what it has counted.

use super::step;
use crate::budget::{Amount, Budget, Caps};
use crate::effects::{Effect, Effects, Priority};
use crate::ids::SweepId;
use crate::keys;
use crate::sweep::{Target, TargetStatus};
use serde::Serialize;
use std::collections::HashMap;

/// Names of fields; the scripts have the same ones.
pub mod fields {
    /// The request, as JSON; signed.
    pub const SPEC: &str = "spec";
    /// The body of a target's first job before its ordinal, and behind it.
    pub const TEMPLATE: [&str; 2] = ["head", "tail"];
    /// The body of the job that follows its end.
    pub const LAST: &str = "last:body";
    pub(super) const HELD: &str = "held";
    /// How far it is, see [`SweepState`].
    pub const STATE: &str = "state";
    /// Endings of the names of barriers that belong to its targets.
    pub const BARRIERS: &str = "bars";
    /// Its number among the sweeps of its repository.
    pub const NUMBER: &str = "seq";
    /// Of the sweep of a schedule, once it has ended: findings that the sweep before had not.
    pub const NEWS: &str = "news";
    pub(super) const PRIORITY: &str = "prio";
    pub(super) const TOTAL: &str = "total";
    /// When it was requested.
    pub const CREATED: &str = "created";
    pub(super) const ENDED: &str = "ended";
    pub(super) const IDLE: &str = "idle";
    pub(super) const ERROR: &str = "error";
    /// The beginning of fields that count targets by status.
    pub(super) const STATUS: &str = "n:";
    pub(super) const CAP_CALLS: &str = "cap:calls";
    pub(super) const CAP_TOKENS: &str = "cap:tokens";
    pub(super) const CAP_MICRO_USD: &str = "cap:micro_usd";
    pub(super) const DEGRADE: &str = "cap:degrade";
    pub(super) const STOP: &str = "cap:stop";
    pub(super) const HELD_CALLS: &str = "res:calls";
    pub(super) const HELD_TOKENS: &str = "res:tokens";
    pub(super) const HELD_MICRO_USD: &str = "res:micro_usd";
    /// All of them but those that count.
    pub const NAMES: [&str; 23] = [
        SPEC,
        TEMPLATE[0],
        TEMPLATE[1],
        LAST,
        HELD,
        STATE,
        NUMBER,
        NEWS,
        PRIORITY,
        TOTAL,
        CREATED,
        ENDED,
        IDLE,
        ERROR,
        STATUS,
        CAP_CALLS,
        CAP_TOKENS,
        CAP_MICRO_USD,
        DEGRADE,
        STOP,
        HELD_CALLS,
        HELD_TOKENS,
        HELD_MICRO_USD,
    ];
}

/// What a sweep counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Attempts at reviews, shards and facts that ended.
    Attempts,
    /// Model calls: answered ones and failed ones, but neither answers from the cache nor the built-in
    /// reviewer's.
    Calls,
    /// Prompt tokens.
    TokensIn,
    /// Generated tokens.
    TokensOut,
    /// Tokens of answers whose provider told none, as far as they can be guessed: a cap must hold then
    /// too. They stand in no row.
    TokensGuessed,
    /// What providers charged, in millionths of a dollar.
    CostMicroUsd,
    /// Accepted reviews whose facts were taken out.
    Facts,
    /// Accepted reviews without facts, or with unchecked ones.
    FactsFailed,
}

impl Counter {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Attempts,
        Self::Calls,
        Self::TokensIn,
        Self::TokensOut,
        Self::TokensGuessed,
        Self::CostMicroUsd,
        Self::Facts,
        Self::FactsFailed,
    ];

    /// The name of its field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::Calls => "calls",
            Self::TokensIn => "tokens_in",
            Self::TokensOut => "tokens_out",
            Self::TokensGuessed => "tokens_guessed",
            Self::CostMicroUsd => "cost_micro_usd",
            Self::Facts => "facts",
            Self::FactsFailed => "facts_failed",
        }
    }
}

/// How far a sweep is as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepState {
    /// Its targets are being written down.
    Planning,
    /// All targets are known.
    Running,
    /// Every target is resolved, unresolved or skipped.
    Done,
    /// It could not be planned; the reason is in the record.
    Failed,
    /// Stopped by a person.
    Cancelled,
}

impl SweepState {
    /// Its word, as records and people have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state for the word kept in the record.
    pub fn from_word(word: &str) -> Self {
        match word {
            "planning" => Self::Planning,
            "running" => Self::Running,
            "done" => Self::Done,
            "cancelled" => Self::Cancelled,
            _ => Self::Failed,
        }
    }

    /// True when nothing more will happen by itself.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Planning | Self::Running)
    }
}

/// Counters of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepStatus {
    /// Which sweep.
    pub id: SweepId,
    /// How far.
    pub state: SweepState,
    /// Its jobs go before those of a lower one.
    pub priority: Priority,
    /// What planning waits for; `None` when it does not.
    pub held: Option<String>,
    /// Targets written down so far, skipped ones included.
    pub total: u64,
    /// Not yet admitted.
    pub waiting: u64,
    /// In the queues or running.
    pub live: u64,
    /// Accepted.
    pub resolved: u64,
    /// In the dead-letter queue.
    pub unresolved: u64,
    /// Not reviewed, with a reason.
    pub skipped: u64,
    /// Left out because the sweep was cancelled.
    pub cancelled: u64,
    /// Left out because the sweep's budget did not reach them.
    pub left_out: u64,
    /// Model attempts made.
    pub attempts: u64,
    /// Model calls made for them: not those that the answer cache or the built-in reviewer saved.
    pub calls: u64,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Generated tokens.
    pub tokens_out: u64,
    /// What providers charged, in millionths of a dollar.
    pub cost_micro_usd: u64,
    /// Accepted reviews whose facts were taken out.
    pub facts: u64,
    /// Accepted reviews without facts, or with unchecked ones, because of the models.
    pub facts_failed: u64,
    /// What it may spend; `None` without a cap.
    pub budget: Option<Budget>,
    /// Milliseconds since the epoch, Redis clock.
    pub created_ms: u64,
    /// Milliseconds since the epoch, Redis clock; `None` while it runs.
    pub ended_ms: Option<u64>,
    /// Milliseconds that it was over before it went on.
    pub idle_ms: u64,
    /// Why it failed.
    pub error: Option<String>,
}

impl SweepStatus {
    /// Reads the fields of the hash.
    pub fn from_fields(id: &SweepId, hash: &HashMap<String, String>) -> Self {
        let n = |field: &str| hash.get(field).and_then(|v| v.parse().ok()).unwrap_or(0);
        let of = |counter: Counter| n(counter.as_str());
        let count = |s: TargetStatus| n(&format!("{}{}", fields::STATUS, s.code()));
        let state = SweepState::from_word(hash.get(fields::STATE).map_or("", String::as_str));
        Self {
            id: id.clone(),
            state,
            priority: hash
                .get(fields::PRIORITY)
                .and_then(|v| v.parse().ok())
                .map_or_else(Priority::default, Priority::from_number),
            held: hash
                .get(fields::HELD)
                .filter(|why| !why.is_empty() && state == SweepState::Planning)
                .cloned(),
            total: n(fields::TOTAL),
            waiting: count(TargetStatus::Waiting),
            live: count(TargetStatus::Live),
            resolved: count(TargetStatus::Resolved),
            unresolved: count(TargetStatus::Unresolved),
            skipped: count(TargetStatus::Skipped),
            cancelled: count(TargetStatus::Cancelled),
            left_out: count(TargetStatus::LeftOut),
            attempts: of(Counter::Attempts),
            calls: of(Counter::Calls),
            tokens_in: of(Counter::TokensIn),
            tokens_out: of(Counter::TokensOut),
            cost_micro_usd: of(Counter::CostMicroUsd),
            facts: of(Counter::Facts),
            facts_failed: of(Counter::FactsFailed),
            budget: Some(budget(&n)).filter(Budget::is_on),
            created_ms: n(fields::CREATED),
            ended_ms: hash
                .get(fields::ENDED)
                .filter(|_| state.is_over())
                .and_then(|v| v.parse().ok()),
            idle_ms: n(fields::IDLE),
            error: hash.get(fields::ERROR).cloned(),
        }
    }

    /// True when nothing more will happen by itself.
    pub fn is_over(&self) -> bool {
        self.state.is_over()
    }

    /// Milliseconds that it has taken, or had at `now_ms`: what lies between an end and its going on,
    /// after a retry or with a larger budget, is not counted.
    pub fn took_ms(&self, now_ms: u64) -> u64 {
        let end = self.ended_ms.unwrap_or(now_ms);
        end.saturating_sub(self.created_ms).saturating_sub(self.idle_ms)
    }

    /// Targets that will not move by themselves any more.
    pub fn settled(&self) -> u64 {
        self.resolved + self.unresolved + self.skipped + self.left_out
    }
}

/// The budget in a record, by what gives the number of a field.
fn budget(n: &impl Fn(&str) -> u64) -> Budget {
    let percent = |field: &str| u8::try_from(n(field)).unwrap_or(100);
    let of = |counter: Counter| n(counter.as_str());
    Budget {
        caps: Caps {
            most: Amount {
                calls: n(fields::CAP_CALLS),
                tokens: n(fields::CAP_TOKENS),
                micro_usd: n(fields::CAP_MICRO_USD),
            },
            degrade_percent: percent(fields::DEGRADE),
            stop_percent: percent(fields::STOP),
        },
        spent: Amount {
            calls: of(Counter::Calls),
            tokens: of(Counter::TokensIn) + of(Counter::TokensOut) + of(Counter::TokensGuessed),
            micro_usd: of(Counter::CostMicroUsd),
        },
        reserved: Amount {
            calls: n(fields::HELD_CALLS),
            tokens: n(fields::HELD_TOKENS),
            micro_usd: n(fields::HELD_MICRO_USD),
        },
    }
}

/// What an effect tells the operator of a sweep: the sweep, what it is about, and the message. `None` for other
/// effects, and for what works again.
pub fn alert_of(effect: &Effect) -> Option<(SweepId, &str, &str)> {
    let Effect::Put { key, field, value } = effect else { return None };
    let sweep = key.strip_prefix(keys::alerts("").as_str())?;
    (!value.is_empty()).then(|| (sweep.into(), field.as_str(), value.as_str()))
}

/// Changes of the record of one sweep, and of what stands beside it.
#[derive(Debug, Clone, Copy)]
pub struct SweepRecord<'a>(&'a SweepId);

impl<'a> SweepRecord<'a> {
    /// Of the sweep with this id.
    pub const fn of(sweep: &'a SweepId) -> Self {
        Self(sweep)
    }

    /// Adds to a counter.
    pub fn count(self, counter: Counter, by: u64) -> Effect {
        let field = counter.as_str().to_owned();
        Effect::Add { key: keys::sweep(self.0), field, by: step(by) }
    }

    /// It is the n-th sweep of its repository, from 1.
    pub fn numbered(self, n: u64) -> Effect {
        let (key, field) = (keys::sweep(self.0), fields::NUMBER.to_owned());
        Effect::Put { key, field, value: n.to_string() }
    }

    /// It has so many findings that the sweep before of its schedule had not.
    pub fn news(self, n: u64) -> Effect {
        let (key, field) = (keys::sweep(self.0), fields::NEWS.to_owned());
        Effect::Put { key, field, value: n.to_string() }
    }

    /// What its planning waits for; empty when it does not.
    pub fn planning_waits(self, why: &str) -> Effect {
        let (key, field) = (keys::sweep(self.0), fields::HELD.to_owned());
        Effect::Put { key, field, value: why.to_owned() }
    }

    /// What its operator must be told about a rung, an endpoint or a file, until it works again.
    pub fn alert(self, about: String, message: String) -> Effect {
        Effect::Put { key: keys::alerts(self.0), field: about, value: message }
    }

    /// What an alert was about works again: the alert ends.
    pub fn works_again(self, about: String) -> Effect {
        self.alert(about, String::new())
    }

    /// Why an accepted review has no facts, or unchecked ones.
    pub fn without_facts(self, target: u32, why: &str) -> Effect {
        let key = keys::without_facts(self.0);
        Effect::Put { key, field: target.to_string(), value: why.to_owned() }
    }

    /// Another sweep audits its findings.
    pub fn audited_by(self, audit: &SweepId) -> Effect {
        Effect::Append { key: keys::audits(self.0), value: audit.to_string() }
    }

    /// Another record of a target.
    ///
    /// # Errors
    /// Only if it does not serialise.
    pub fn target(self, target: u32, record: &Target) -> Result<Effect, serde_json::Error> {
        let value = serde_json::to_string(record)?;
        Ok(Effect::Put { key: keys::targets(self.0), field: target.to_string(), value })
    }

    /// Moves a target.
    pub fn settle(self, target: u32, status: TargetStatus) -> Effect {
        Effect::Settle { sweep: self.0.clone(), target, status }
    }

    /// Leaves a target out because of the budget. Its attempts stay for the report.
    pub fn leave_out(self, target: u32, why: String) -> Effects {
        let (key, field) = (keys::left_out(self.0), target.to_string());
        Effects::done()
            .with(Effect::Put { key, field, value: why })
            .with(self.settle(target, TargetStatus::LeftOut))
    }

    /// Adds to its ledger.
    pub fn ledger(self, adds: Vec<(String, i64)>) -> Effect {
        Effect::Tally { key: keys::ledger(self.0), adds }
    }

    /// Adds to its loop counters.
    pub fn loop_counters(self, adds: Vec<(String, i64)>) -> Effect {
        Effect::Tally { key: keys::loop_counters(self.0), adds }
    }
}

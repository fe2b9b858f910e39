//! Schedules: sweeps by the clock.

use crate::ids::ScheduleName;
use crate::sweep::SweepSpec;
use serde::{Deserialize, Serialize};

/// Version of [`Schedule`] records.
pub const SCHEDULE_VERSION: u32 = 1;

/// When a schedule is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Again and again after so many milliseconds, counted from when the schedule was added.
    Every {
        /// Milliseconds.
        ms: u64,
    },
    /// By a cron expression of five fields.
    Cron {
        /// The expression.
        expr: String,
        /// Time zone by its IANA name, in which the fields are read.
        zone: String,
    },
}

/// A schedule as a person has added it. Its request was checked then, and its ladder and limits are frozen; the commit is
/// taken anew each time it is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Record version.
    pub v: u32,
    /// Name.
    pub name: ScheduleName,
    /// When it is due.
    pub when: When,
    /// When it was added, in milliseconds since the epoch. Tells it from an older schedule of the same name.
    pub added_ms: u64,
    /// The request; its commit is the one of the day on which the schedule was added.
    pub spec: SweepSpec,
    /// Number of its sweeps' priority.
    pub priority: u64,
    /// Model calls that each of its sweeps may make; 0 for no limit, none for what the workers' settings say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_calls: Option<u64>,
    /// Tokens, as the calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u64>,
    /// Millionths of a dollar, as the calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_micro_usd: Option<u64>,
}

/// The due time of a schedule that a sweep was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occasion {
    /// The schedule.
    pub name: ScheduleName,
    /// When it was due, in milliseconds since the epoch.
    pub due_ms: u64,
}

/// A due time that has come, and where the schedule goes from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The due time that is run.
    pub due_ms: u64,
    /// Due times after it that are past too: nobody was there for them, and this run stands for them as well.
    pub missed: u64,
    /// The next one, which is still to come; `None` when there is none.
    pub next_ms: Option<u64>,
}

/// One time at which a schedule was due, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ScheduleRun {
    /// When it was due, in milliseconds since the epoch.
    pub due_ms: u64,
    /// When a worker saw that, by the Redis clock.
    pub begun_ms: u64,
    /// Due times after it for which nobody was there, and that this run stands for as well.
    pub missed: u64,
    /// Commit and sweep, as soon as they are known.
    pub sweep: Option<ScheduledSweep>,
}

/// The sweep of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduledSweep {
    /// Which one.
    pub id: crate::ids::SweepId,
    /// The commit that it reviews.
    pub commit: String,
}

//! `[schedules]`: sweeps by the clock.

use crate::validate::Checks;
use serde::Deserialize;

/// `[schedules]`: sweeps by the clock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSettings {
    /// Seconds between two looks for what is due.
    pub interval_s: u64,
    /// Due times of each schedule that are kept with what came of them.
    pub keep_runs: u32,
    /// Seconds by which schedules are ahead of the clock of Redis.
    pub clock_offset_s: u64,
}

impl ScheduleSettings {
    /// The time by which schedules go, in milliseconds, when the clock of Redis says `redis_ms`.
    pub fn now_ms(&self, redis_ms: u64) -> u64 {
        redis_ms.saturating_add(self.clock_offset_s.saturating_mul(1000))
    }

    /// Tells of values that are out of range.
    pub(crate) fn validate(&self, check: &mut Checks) {
        check.range("schedules.interval_s", self.interval_s, 1, 3600);
        check.range("schedules.keep_runs", self.keep_runs.into(), 2, 1000);
        check.range("schedules.clock_offset_s", self.clock_offset_s, 0, 10 * 366 * 86_400);
    }
}

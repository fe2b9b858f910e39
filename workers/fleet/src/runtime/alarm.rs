//! Alarms: an idle worker beside a backlog, which is a wake-up that was lost; keys that can't be used.

use queue_schema::client::{Claim, ClaimedJob, Queue};
pub use scrum_calls::alarm::damaged;
use std::time::Duration;

/// A job that came this shortly before the claim may have come after the wait.
const JUST_NOW: Duration = Duration::from_millis(250);

/// Watches how waits end and what the claims after them find.
#[derive(Debug, Default)]
pub struct IdleAlarm {
    /// The wait before this claim ended by its time.
    overslept: bool,
}

impl IdleAlarm {
    /// A wait has ended, by a wake-up or by its time.
    pub fn slept(&mut self, woken: bool) {
        self.overslept = !woken;
    }

    /// Tells when a claim has found what was ready while the worker waited: somebody should have
    /// woken it.
    pub async fn judge(&mut self, queue: &Queue, claim: &Claim) {
        if !std::mem::take(&mut self.overslept) {
            return;
        }
        let Some(job) = claim.jobs.iter().find(|j| missed(j)) else { return };
        // Redis knows what else may have made it ready by now.
        if let Ok(Some(lane)) = queue.should_have_woken(&job.lease.job).await {
            tracing::warn!(
                lane,
                job = %job.lease.job,
                waited = ?job.waited,
                "this worker was idle beside a backlog: nobody woke it; `scrum doctor --queue` looks for the cause"
            );
        }
    }
}

/// A job that failed before, or whose worker died, became ready by the clock.
fn missed(job: &ClaimedJob) -> bool {
    job.attempt == 0 && job.crashes == 0 && job.waited >= JUST_NOW
}

#[cfg(test)]
mod tests {
    use super::*;
    use queue_schema::client::Lease;

    #[test]
    fn only_a_job_that_was_there_while_the_worker_waited_counts() {
        let job = |waited, attempt, crashes| ClaimedJob {
            enqueued_ms: 0,
            lease: Lease { job: "j".into(), token: "t".into(), partition: 0 },
            lane: "l".into(),
            body: Ok(String::new()),
            attempt,
            crashes,
            waited: Duration::from_millis(waited),
        };
        assert!(missed(&job(1000, 0, 0)));
        assert!(!missed(&job(20, 0, 0)), "it came when the wait was over");
        assert!(!missed(&job(1000, 1, 0)), "it comes back from a retry");
        assert!(!missed(&job(1000, 0, 1)), "it comes back from another worker");
    }
}

//! The alarm for an idle worker beside a backlog: a wake-up that was lost.

use queue_schema::client::Claim;
use std::time::Duration;

/// Watches how waits end and what the claims after them find.
#[derive(Debug)]
pub struct IdleAlarm {
    /// The longest wait: one that ends with it had nothing to wait for.
    longest: Duration,
    /// How long the wait before this claim was, when nobody woke the worker.
    overslept: Option<Duration>,
}

impl IdleAlarm {
    /// An alarm for a worker that waits no longer than `longest` at a time.
    pub fn new(longest: Duration) -> Self {
        Self { longest, overslept: None }
    }

    /// A wait of `nap` has ended, by a wake-up or by its time.
    pub fn slept(&mut self, nap: Duration, woken: bool) {
        // A shorter one was for something that is due by now.
        self.overslept = (!woken && nap >= self.longest).then_some(nap);
    }

    /// Tells when a claim has found what was there all the time that the worker waited: somebody
    /// should have woken it.
    pub fn judge(&mut self, claim: &Claim) {
        let Some(nap) = self.overslept.take() else { return };
        let Some(job) = claim.jobs.iter().find(|j| missed(nap, j.waited, j.attempt, j.crashes))
        else {
            return;
        };
        tracing::warn!(
            lane = job.lane,
            job = %job.lease.job,
            waited = ?job.waited,
            "this worker was idle beside a backlog: nobody woke it; `scrum doctor --queue` looks for the cause"
        );
    }
}

/// A job that was tried before, or whose worker died, may have become ready just now.
fn missed(nap: Duration, waited: Duration, attempt: u32, crashes: u32) -> bool {
    attempt == 0 && crashes == 0 && waited >= nap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_wait_that_nobody_ended_counts() {
        let longest = Duration::from_secs(5);
        let mut alarm = IdleAlarm::new(longest);
        alarm.slept(longest, true);
        assert_eq!(alarm.overslept, None, "woken");
        alarm.slept(Duration::from_secs(2), false);
        assert_eq!(alarm.overslept, None, "something was due");
        alarm.slept(longest, false);
        assert_eq!(alarm.overslept, Some(longest));
    }

    #[test]
    fn only_a_job_that_was_there_all_the_time_counts() {
        let nap = Duration::from_secs(5);
        assert!(missed(nap, Duration::from_secs(6), 0, 0));
        assert!(!missed(nap, Duration::from_secs(4), 0, 0), "it came while the worker waited");
        assert!(!missed(nap, Duration::from_secs(60), 1, 0), "it comes back from a retry");
        assert!(!missed(nap, Duration::from_secs(60), 0, 1), "it comes back from another worker");
    }
}

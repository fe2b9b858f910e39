//! Exponential backoff with jitter. The `backoff` crate is unmaintained (RUSTSEC-2025-0012) and
//! therefore stays behind this type, in this one file.

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;
use std::time::Duration;

/// Waits that grow from `base` to `max`, each spread by jitter so that a fleet does not return
/// as one.
#[derive(Debug)]
pub struct Backoff(ExponentialBackoff);

impl Backoff {
    /// Doubling waits; `jitter` 0.5 means half below to half above.
    pub fn new(base: Duration, max: Duration, jitter: f64) -> Self {
        Self(ExponentialBackoff {
            current_interval: base,
            initial_interval: base,
            randomization_factor: jitter,
            multiplier: 2.0,
            max_interval: max,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        })
    }

    /// The next wait. Never ends: an outage is waited out.
    pub fn next_wait(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(self.0.max_interval)
    }

    /// The wait before try number `n` (0 = first repetition).
    pub fn nth(base: Duration, max: Duration, jitter: f64, n: u32) -> Duration {
        let mut backoff = Self::new(base, max, jitter);
        for _ in 0..n.min(32) {
            backoff.next_wait();
        }
        backoff.next_wait()
    }

    /// As [`nth`](Self::nth), but jitter only lengthens: never less than the doubled base, or `max`.
    pub fn at_least(base: Duration, max: Duration, jitter: f64, n: u32) -> Duration {
        let least = Self::nth(base, max, 0.0, n);
        // Spread around the middle of what chance may add.
        let middle = least.mul_f64(1.0 + jitter / 2.0);
        Self::new(middle, middle, jitter / (2.0 + jitter)).next_wait().max(least)
    }

    /// Starts over after a success.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_bound_and_are_spread() {
        let (base, max) = (Duration::from_millis(100), Duration::from_secs(1));
        let mut plain = Backoff::new(base, max, 0.0);
        let waits: Vec<_> = (0..5).map(|_| plain.next_wait().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000]);
        plain.reset();
        assert_eq!(plain.next_wait(), base);
        for n in 0..40 {
            let wait = Backoff::nth(base, max, 0.5, n);
            assert!(wait >= base / 2 && wait <= max * 3 / 2, "{wait:?}");
        }
    }

    #[test]
    fn chance_may_only_lengthen() {
        let (base, max) = (Duration::from_secs(10), Duration::from_secs(60));
        for _ in 0..100 {
            let waits: Vec<_> = (0..4).map(|n| Backoff::at_least(base, max, 0.5, n)).collect();
            for (wait, least) in waits.iter().zip([10, 20, 40, 60].map(Duration::from_secs)) {
                let rounding = Duration::from_millis(1);
                assert!(*wait >= least && *wait <= least * 3 / 2 + rounding, "{waits:?}");
            }
        }
        assert_eq!(Backoff::at_least(base, max, 0.0, 1), base * 2);
    }
}

//! The timers of one call: to the first sign of progress, between signs, and in total.

use std::time::Duration;

use scrum_config::ProviderConfig;
use tokio::time::Instant;

use crate::error::{ChatError, FailedKind, TransientKind};

/// After the model has said that it is done, this long for the trailing usage line.
const TRAILER: Duration = Duration::from_secs(5);

/// Which timer ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expired {
    /// Nothing at all came.
    FirstByte,
    /// It went quiet.
    Idle,
    /// The call took too long as a whole.
    Total,
}

/// Timers of one call. Only text and thought count as progress: comment lines and empty deltas
/// show that a connection lives, not that a model works.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    first: Option<Instant>,
    last: Option<Instant>,
    first_byte: Duration,
    idle: Duration,
    total: Duration,
}

impl Clock {
    /// Starts the timers. A zero in the settings is read as one second.
    pub(crate) fn start(cfg: &ProviderConfig) -> Self {
        let seconds = |s: u64| Duration::from_secs(s.clamp(1, 24 * 60 * 60));
        Self {
            started: Instant::now(),
            first: None,
            last: None,
            first_byte: seconds(cfg.first_byte_timeout_s),
            idle: seconds(cfg.idle_timeout_s),
            total: seconds(cfg.total_timeout_s),
        }
    }

    /// The model gave a sign of life.
    pub(crate) fn progress(&mut self) {
        let now = Instant::now();
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// The model is done; only the trailer is awaited.
    pub(crate) fn finished(&mut self) {
        self.progress();
        self.idle = self.idle.min(TRAILER);
    }

    /// When to stop waiting.
    pub(crate) fn deadline(&self) -> Instant {
        let quiet = match self.last {
            None => self.started + self.first_byte,
            Some(last) => last + self.idle,
        };
        quiet.min(self.started + self.total)
    }

    /// Which timer the deadline belonged to.
    pub(crate) fn expired(&self) -> Expired {
        match self.last {
            None if self.first_byte <= self.total => Expired::FirstByte,
            Some(last) if last + self.idle <= self.started + self.total => Expired::Idle,
            _ => Expired::Total,
        }
    }

    /// The error for a timer that ran out after `partial` characters.
    pub(crate) fn error(&self, partial: usize) -> ChatError {
        match self.expired() {
            Expired::FirstByte => ChatError::transient(
                TransientKind::Stalled,
                format!(
                    "sent nothing for {} s (first_byte_timeout_s); a model may still be loading",
                    self.first_byte.as_secs()
                ),
            ),
            Expired::Idle => ChatError::transient(
                TransientKind::Stalled,
                format!(
                    "the stream stalled: nothing for {} s (idle_timeout_s) after {partial} characters",
                    self.idle.as_secs()
                ),
            ),
            Expired::Total if partial == 0 => ChatError::transient(
                TransientKind::TimedOut,
                format!("no text within {} s (total_timeout_s)", self.total.as_secs()),
            ),
            // It was writing all the time: asking again would take as long again.
            Expired::Total => ChatError::failed(
                FailedKind::TimedOut,
                format!(
                    "not done within {} s (total_timeout_s); {partial} characters had come",
                    self.total.as_secs()
                ),
                partial,
            ),
        }
    }

    /// Milliseconds since the start.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }

    /// Milliseconds from the start to the first progress; 0 when there was none.
    pub(crate) fn first_byte_ms(&self) -> u64 {
        self.first.map_or(0, |at| millis(at - self.started))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

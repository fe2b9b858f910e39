//! Jobs to be put into the queue.

use super::num;
use crate::body;
use crate::envelope::Envelope;
use crate::ids::{JobId, SweepId};
use crate::jobs::JobKind;
use crate::sign::Signer;
use crate::trace::Trace;
use serde::Serialize;

/// Priority of a job within its lane; a higher one goes first. A job of a sweep has that of the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// After the others.
    Low = 0,
    /// The usual.
    #[default]
    Normal = 1,
    /// Before the others.
    High = 2,
}

impl Priority {
    /// The priority for a number kept in Redis.
    pub const fn from_number(n: u64) -> Self {
        match n {
            0 => Self::Low,
            2 => Self::High,
            _ => Self::Normal,
        }
    }

    /// The name used on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

impl std::str::FromStr for Priority {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        [Self::Low, Self::Normal, Self::High]
            .into_iter()
            .find(|p| p.as_str() == s)
            .ok_or_else(|| format!("unknown priority '{s}'; use low, normal or high"))
    }
}

/// A job to be put into the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Deterministic id.
    pub id: JobId,
    /// Named queue.
    pub lane: String,
    /// Rank in its lane.
    pub priority: Priority,
    /// Sweep it belongs to; empty for none.
    pub sweep: SweepId,
    /// Target it serves.
    pub target: Option<u32>,
    /// Milliseconds until it is ready, by the Redis clock.
    pub delay_ms: u64,
    /// Attempts allowed before it is dead as `attempts_exhausted`; `None` for the client's
    /// setting.
    pub max_attempts: Option<u32>,
    /// The envelope as JSON.
    pub body: String,
}

impl NewJob {
    /// A job of normal priority, ready at once.
    ///
    /// # Errors
    /// Only if the payload does not serialise.
    pub fn of<J: JobKind>(job: &J) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: job.id(),
            lane: job.lane(),
            priority: Priority::Normal,
            sweep: job.sweep().clone(),
            target: job.target(),
            delay_ms: 0,
            max_attempts: None,
            body: serde_json::to_string(&Envelope::wrap(job, None)?)?,
        })
    }

    /// The same job with another priority.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Says what caused the job. A body that is no envelope stays as it is.
    pub fn trace(&mut self, cause: &Trace) {
        if let Ok(mut envelope) = Envelope::decode(&self.body) {
            envelope.tp = Some(cause.to_string());
            if let Ok(body) = serde_json::to_string(&envelope) {
                self.body = body;
            }
        }
    }

    /// The same job, ready after a while.
    #[must_use]
    pub fn delay_ms(mut self, delay_ms: u64) -> Self {
        self.delay_ms = delay_ms;
        self
    }

    /// Flat form for the scripts; `lua/include/jobs.lua` reads it in `read_job`.
    pub fn encode(&self, with: Sending<'_>, out: &mut Vec<Vec<u8>>) {
        out.push(self.id.as_bytes().to_vec());
        out.push(self.lane.as_bytes().to_vec());
        out.push(num(self.priority as u64));
        out.push(self.sweep.as_bytes().to_vec());
        out.push(self.target.map(|t| num(u64::from(t))).unwrap_or_default());
        out.push(num(self.delay_ms));
        out.push(num(u64::from(self.max_attempts.unwrap_or(with.max_attempts))));
        out.push(body::pack(&with.signer.seal_job(&self.body)));
    }
}

/// What the client adds to what is sent.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    /// Attempts of a job that says nothing else.
    pub max_attempts: u32,
    /// Signs jobs and values.
    pub signer: &'a Signer,
}

//! The job of the benches: what it is told to do, a time, and a payload of 1 KiB in all.

use crate::BULK;
use anyhow::Context as _;
use queue_schema::client::Queue;
use queue_schema::effects::NewJob;
use queue_schema::ids::{JobId, SweepId};
use queue_schema::jobs::{JobKind, Pool};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the handler does with it, as the contract for peers names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Count.
    #[serde(rename = "n")]
    Count,
    /// Write down how long it waited.
    #[serde(rename = "l")]
    Latency,
    /// Say so, hold for a while, say so again.
    #[serde(rename = "c")]
    Crash,
    /// Count, and have a `Count` as an atomic follow-up.
    #[serde(rename = "f")]
    Chain,
}

/// A job of the benches.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bench {
    /// What to do.
    pub k: Kind,
    /// Which of its kind.
    pub id: u64,
    /// Nanoseconds since the epoch when it was made.
    pub t: u64,
    /// Ballast.
    pub p: String,
}

impl JobKind for Bench {
    const KIND: &'static str = "bench";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::None;

    fn id(&self) -> JobId {
        let kind = match self.k {
            Kind::Count => 'n',
            Kind::Latency => 'l',
            Kind::Crash => 'c',
            Kind::Chain => 'f',
        };
        format!("{kind}-{}", self.id).into()
    }

    fn lane(&self) -> String {
        "bench".to_owned()
    }

    fn sweep(&self) -> &SweepId {
        static SWEEP: LazyLock<SweepId> = LazyLock::new(|| "bench".into());
        &SWEEP
    }

    fn target(&self) -> Option<u32> {
        None
    }
}

/// `count` jobs from number `first`, ready to be enqueued.
///
/// # Errors
/// Never, in fact: the payload serialises.
pub fn jobs(kind: Kind, first: u64, count: u64, t: u64, p: &str) -> anyhow::Result<Vec<NewJob>> {
    (first..first + count)
        .map(|id| Ok(NewJob::of(&Bench { k: kind, id, t, p: p.to_owned() })?))
        .collect()
}

/// Puts `count` jobs into the queue in bulk: while one batch is on its way the next is made, as a
/// producer in a hurry would do it.
///
/// # Errors
/// A failure of Redis.
pub async fn push(queue: &Queue, kind: Kind, count: u64, p: &str) -> anyhow::Result<()> {
    /// Batches on their way at a time.
    const WAYS: u64 = 3;
    let mut ways = tokio::task::JoinSet::new();
    for way in 0..WAYS {
        let (queue, p) = (queue.clone(), p.to_owned());
        ways.spawn(async move {
            let batch = BULK as u64;
            for first in (way * batch..count).step_by(BULK * WAYS as usize) {
                queue.enqueue(&jobs(kind, first, batch.min(count - first), 0, &p)?).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = ways.join_next().await {
        done??;
    }
    Ok(())
}

/// The ballast: the file that `PAYLOAD_FILE` names, else random base64 of the same length. A text
/// that repeats itself would flatter everything that packs.
///
/// # Errors
/// When the file can't be read.
pub fn payload() -> anyhow::Result<String> {
    /// Base64 characters, so that the whole job has 1 KiB.
    const LENGTH: usize = 960;
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if let Some(file) = std::env::var_os("PAYLOAD_FILE") {
        return std::fs::read_to_string(&file)
            .with_context(|| format!("PAYLOAD_FILE {}", file.display()));
    }
    // Xorshift: the same text on every run.
    let mut x = 0x2545_f491_4f6c_dd1d_u64;
    let mut digit = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        char::from(DIGITS[(x >> 58) as usize])
    };
    Ok((0..LENGTH).map(|_| digit()).collect())
}

/// Nanoseconds since the epoch.
pub fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

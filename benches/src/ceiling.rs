//! What a Redis queue could do at best that moves a job to a list of taken ones and then removes it
//! from there: no leases, no states, no effects. Both ways of doing it:
//!
//! - a connection for each place, one command at a time, as worker processes of other systems do;
//! - one connection that all places share, which pipelines what they send.

use crate::{BULK, IN_FLIGHT};
use redis::aio::MultiplexedConnection;
use std::time::{Duration, Instant};

const TODO: &str = "ceiling";
const TAKEN: &str = "taken";

async fn fill(conn: &mut MultiplexedConnection, jobs: usize, text: &str) -> anyhow::Result<()> {
    for first in (0..jobs).step_by(BULK) {
        let mut push = redis::cmd("RPUSH");
        push.arg(TODO);
        for i in first..jobs.min(first + BULK) {
            push.arg(format!("{i} {text}"));
        }
        push.query_async::<()>(conn).await?;
    }
    Ok(())
}

/// Until the list is empty; returns the jobs done. `BLMOVE` holds up its connection while the
/// list is empty, so that on a shared one `LMOVE` stands for it: on a list with jobs both do the
/// same.
async fn drain(mut conn: MultiplexedConnection, shared: bool) -> anyhow::Result<usize> {
    let mut done = 0;
    loop {
        let mut take = redis::cmd(if shared { "LMOVE" } else { "BLMOVE" });
        take.arg(&[TODO, TAKEN, "LEFT", "RIGHT"]);
        if !shared {
            take.arg(0.05);
        }
        let Some(job) = take.query_async::<Option<Vec<u8>>>(&mut conn).await? else {
            return Ok(done);
        };
        redis::cmd("LREM").arg(TAKEN).arg(1).arg(job).query_async::<()>(&mut conn).await?;
        done += 1;
    }
}

/// Jobs a second over `IN_FLIGHT` places.
///
/// # Errors
/// A failure of Redis.
pub async fn measure(url: &str, jobs: usize, text: &str, shared: bool) -> anyhow::Result<f64> {
    /// How long a place without a connection of its own waits before it sees that all is done.
    const LAST_WAIT: Duration = Duration::from_millis(50);
    let client = redis::Client::open(url)?;
    let mut conn = client.get_multiplexed_async_connection().await?;
    fill(&mut conn, jobs, text).await?;
    let mut places = tokio::task::JoinSet::new();
    let mut conns = Vec::new();
    for _ in 0..IN_FLIGHT {
        let own = client.get_multiplexed_async_connection();
        conns.push(if shared { conn.clone() } else { own.await? });
    }
    let started = Instant::now();
    for conn in conns {
        places.spawn(drain(conn, shared));
    }
    let mut done = 0;
    while let Some(place) = places.join_next().await {
        done += place??;
    }
    let took = started.elapsed().saturating_sub(if shared { Duration::ZERO } else { LAST_WAIT });
    anyhow::ensure!(done == jobs, "the ceiling did {done} of {jobs} jobs");
    redis::cmd("UNLINK").arg(&[TODO, TAKEN]).query_async::<()>(&mut conn).await?;
    Ok(jobs as f64 / took.as_secs_f64())
}

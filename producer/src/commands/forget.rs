//! `scrum forget`: ended sweeps go, with all that belongs to them.

use crate::cli::{ForgetArgs, Global};
use crate::output::{say, say_json};
use crate::session::Session;
use anyhow::bail;
use queue_schema::client::{FORGET_BATCH, Forgotten};
use queue_schema::ids::SweepId;
use scrum_shown::shell_quoted;

/// Forgets sweeps; all are checked before the first is touched.
///
/// # Errors
/// No such sweep, one that is not over, a failure of Redis.
pub async fn execute(global: &Global, args: ForgetArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let running = |id: &SweepId| {
        format!(
            "sweep {id} is not over; wait for it, or cancel it first: scrum cancel {}",
            shell_quoted(id)
        )
    };
    let mut ids = Vec::new();
    for name in &args.sweeps {
        let id = session.find_sweep(name).await?;
        if session.queue.sweep_status(&id).await?.is_some_and(|s| !s.is_over()) {
            bail!(running(&id));
        }
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let mut dropped = 0;
    for id in &ids {
        match session.queue.forget_sweep(id, FORGET_BATCH).await? {
            Forgotten::Gone { jobs } => dropped += jobs,
            // Somebody has put a dead letter back meanwhile.
            Forgotten::Running | Forgotten::Kept => bail!(running(id)),
            // Somebody else was quicker.
            Forgotten::Unknown => {}
        }
    }
    if global.json {
        return say_json(&serde_json::json!({ "forgotten": ids, "jobs_dropped": dropped }))
            .map(|()| 0);
    }
    for id in &ids {
        say(&format!("sweep {id} is forgotten"))?;
    }
    if dropped > 0 {
        say(&format!("{dropped} of its jobs were deleted, dead letters included"))?;
    }
    Ok(0)
}

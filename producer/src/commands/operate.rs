//! `scrum pause`, `resume`, `cancel`: what a person says to the queue as a whole.

use crate::cli::{CancelArgs, Global, PauseArgs};
use crate::output::say;
use crate::session::Session;
use queue_schema::client::Pausable;

/// Pauses or resumes a lane or a sweep.
///
/// # Errors
/// No such sweep, or a failure of Redis.
pub async fn pause(global: &Global, args: PauseArgs, pause: bool) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let (what, name) = match (args.lane, args.sweep) {
        (Some(lane), _) => (Pausable::Lane, lane),
        (None, Some(sweep)) => (Pausable::Sweep, session.find_sweep(&sweep).await?),
        (None, None) => anyhow::bail!("name a lane, or a sweep with --sweep"),
    };
    let changed = session.queue.pause(what, &name, pause).await?;
    let word = if pause { "paused" } else { "resumed" };
    if global.json {
        say(&serde_json::json!({ word: name, "changed": changed }).to_string())?;
    } else if changed {
        say(&format!("{name} {word}; running jobs are not touched"))?;
    } else {
        say(&format!(
            "{name}: nothing to do, it is {} paused",
            if pause { "already" } else { "not" }
        ))?;
    }
    Ok(0)
}

/// Cancels a sweep.
///
/// # Errors
/// No such sweep, one that is over, or a failure of Redis.
pub async fn cancel(global: &Global, args: CancelArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let id = session.find_sweep(&args.sweep).await?;
    if !session.queue.cancel_sweep(&id).await? {
        anyhow::bail!("sweep {id} is over already; `scrum status {id}` says how it ended");
    }
    let status = session.queue.sweep_status(&id).await?;
    if global.json {
        say(&serde_json::to_string(&status)?)?;
    } else {
        let running = status.map_or(0, |s| s.live);
        say(&format!(
            "sweep {id} cancelled; of the {running} files in work, those that are being asked about \
             still finish; scrum report {id} lists what was left out"
        ))?;
    }
    Ok(0)
}

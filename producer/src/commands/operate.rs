//! `scrum pause`, `resume`, `cancel`: what a person says to the queue as a whole.

use crate::cli::{CancelArgs, Global, PauseArgs};
use crate::output::{say, say_json};
use crate::session::Session;
use queue_schema::client::Pausable;
use queue_schema::jobs::{Job, Pool};
use scrum_config::nearest;
use scrum_shown::shell_quoted;

/// Pauses or resumes a lane or a sweep.
///
/// # Errors
/// No such sweep, or a failure of Redis.
pub async fn pause(global: &Global, args: PauseArgs, pause: bool) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let (what, name) = match (args.lane, args.sweep) {
        (Some(lane), _) => {
            check_lane(&session, &lane).await?;
            (Pausable::Lane, lane)
        }
        (None, Some(sweep)) => (Pausable::Sweep, session.find_sweep(&sweep).await?.into()),
        (None, None) => anyhow::bail!("name a lane, or a sweep with --sweep"),
    };
    let changed = session.queue.pause(what, &name, pause).await?;
    let word = if pause { "paused" } else { "resumed" };
    if global.json {
        say_json(&serde_json::json!({ word: name, "changed": changed }))?;
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

/// A lane is of a known kind; what stands behind its `:` is a provider of the settings, or known to the queue.
async fn check_lane(session: &Session, lane: &str) -> anyhow::Result<()> {
    let mut lanes: Vec<String> = session.queue.lanes().await?.into_iter().map(|l| l.lane).collect();
    let paused = session.queue.paused().await?;
    lanes.extend(paused.iter().filter_map(|name| name.strip_prefix("lane:")).map(str::to_owned));
    for (kind, pool) in Job::POOLS {
        match pool {
            Pool::None => lanes.push((*kind).to_owned()),
            Pool::Provider => {
                lanes
                    .extend(session.settings.providers.keys().map(|name| format!("{kind}:{name}")));
            }
            // Named when the job is made: any name may be one.
            Pool::Own if lane.split_once(':').is_some_and(|(of, _)| of == *kind) => return Ok(()),
            Pool::Own => {}
        }
    }
    if lanes.iter().any(|known| known == lane) {
        return Ok(());
    }
    let near = nearest(lane, lanes.iter().map(String::as_str));
    let near = near.map(|near| format!(" (do you mean {near}?)")).unwrap_or_default();
    anyhow::bail!(
        "there is no lane '{lane}'{near}; a lane is a kind of job and a provider, such as rung:ollama, and \
         `scrum status` lists those with jobs"
    )
}

/// Cancels a sweep.
///
/// # Errors
/// No such sweep, one that is over, or a failure of Redis.
pub async fn cancel(global: &Global, args: CancelArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let id = session.find_sweep(&args.sweep).await?;
    if !session.queue.cancel_sweep(&id).await? {
        let word = shell_quoted(&id);
        anyhow::bail!("sweep {id} is over already; `scrum status {word}` says how it ended");
    }
    let status = session.queue.sweep_status(&id).await?;
    if global.json {
        say_json(&status)?;
    } else {
        let running = status.map_or(0, |s| s.live);
        say(&format!(
            "sweep {id} cancelled; of the {running} files in work, those that are being asked about \
             still finish; scrum report {} lists what was left out",
            shell_quoted(&id)
        ))?;
    }
    Ok(0)
}

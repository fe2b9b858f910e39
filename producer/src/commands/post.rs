//! What `scrum diff --post` does once its review is over: it has that published, and says what came of it.

use crate::cli::Global;
use crate::output::{plain, say, tell};
use crate::posting::Posting;
use crate::progress::Progress;
use crate::session::Session;
use crate::wait;
use crate::workers::{Local, Workers};
use queue_schema::client::QueueError;
use queue_schema::forge::PostTo;
use queue_schema::ids::{JobId, SweepId};
use queue_schema::jobs::{JobKind as _, Post};
use queue_schema::rows::{PostRow, PostState};
use scrum_domain::text::counted;
use scrum_knowledge::now_ms;

/// Has a review published, and waits for it; the inner error is why it was not. Where the record of the sweep asks for
/// it, it was at its end, at `told`.
///
/// # Errors
/// A failure of Redis, or workers that can't be started.
pub async fn execute(
    global: &Global,
    session: &mut Session,
    sweep: &SweepId,
    posting: Posting,
    told: Option<u64>,
    progress: &Progress,
) -> anyhow::Result<Result<PostRow, String>> {
    let post =
        Post { sweep: sweep.clone(), what: posting.what, asked_ms: told.unwrap_or_else(now_ms) };
    let job = match told {
        Some(_) => post.id(),
        None => session.queue.start_post(&post).await?,
    };
    // The workers of the reviews have often done it before they ended.
    if let Some(done) = look(session, sweep, &job).await? {
        return Ok(done);
    }
    let mut local = match session.private.take() {
        Some(server) => Some(Local {
            workers: Workers::start(global, session, 1, posting.own)?,
            server: Some(server),
        }),
        None => None,
    };
    let ended = wait::until(wait::EVERY, async || {
        if let Some(local) = &mut local {
            local.tend(progress)?;
        }
        look(session, sweep, &job).await
    })
    .await;
    if let Some(mut local) = local {
        local.stop(session.settings.worker.grace_s);
        session.private = local.server.take();
    }
    let stopped = || Err("interrupted; run the same command again to go on".to_owned());
    Ok(ended?.unwrap_or_else(stopped))
}

/// What came of it, if anything has yet.
async fn look(
    session: &Session,
    sweep: &SweepId,
    job: &JobId,
) -> anyhow::Result<Option<Result<PostRow, String>>> {
    let looked = async {
        if let Some(row) = session.queue.row::<PostRow>(sweep, job).await? {
            return Ok(Some(Ok(row)));
        }
        let dead = session.queue.dead_letter(job).await?;
        Ok(dead.map(|letter| Err(letter.reason)))
    };
    match looked.await {
        Ok(found) => Ok(found),
        Err(error @ QueueError::Redis(_)) if error.is_outage() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What came of it, for a person.
///
/// # Errors
/// When stdout can't be written.
pub fn say_row(row: &PostRow) -> anyhow::Result<()> {
    let to = PostTo { forge: row.forge, repo: row.repo.clone(), number: row.number };
    let place = format!("{} {} {}", to.forge.name(), to.repo, to.number);
    let count = |n: u32, one: &str, many: &str| counted(n as usize, one, many);
    say(&plain(&match row.state {
        PostState::Posted => format!(
            "posted at {place}: {}, {} in the summary alone, {} gone",
            count(row.inline, "comment", "comments"),
            row.in_summary,
            row.gone
        ),
        PostState::Moved => {
            format!(
                "at {place} there is another head by now: only the status of the reviewed commit was set"
            )
        }
        PostState::Closed => format!("{place} is closed: nothing was posted"),
    }))?;
    for trouble in &row.troubles {
        tell(&plain(&format!("could not be set: {trouble}")));
    }
    Ok(())
}

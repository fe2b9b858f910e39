//! `scrum sweep`: enqueue, and perhaps wait.

use super::{files, wait};
use crate::cli::{Global, Request, SweepArgs};
use crate::ladder;
use crate::output::say;
use crate::progress::Progress;
use crate::request;
use crate::session::Session;
use queue_schema::client::SweepState;
use queue_schema::sweep::Ladder;

/// Enqueues a sweep; prints its id.
///
/// # Errors
/// Whatever a person can get wrong, with what to do.
pub async fn execute(global: &Global, args: SweepArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    if session.private.is_some() && !args.wait {
        // The server would stop with this command, and nothing would ever run.
        anyhow::bail!(
            "no fleet is configured, so nobody would do the sweep; set SCRUM_REDIS_URL, or use `scrum run`"
        );
    }
    let name = args.request.ladder.clone().unwrap_or_else(|| session.settings.sweep.ladder.clone());
    let progress = Progress::new(global.quiet);
    let created = create(&session, &args.request, &name, &progress).await?;
    if !args.wait {
        if global.json {
            say(&serde_json::json!({ "sweep": created.id, "new": created.new }).to_string())?;
        } else {
            say(&created.id)?;
        }
        return Ok(0);
    }
    let mut progress = progress;
    let ended = wait::until_over(&session, &created.id, &mut progress, |_| Ok(())).await?;
    let Some(status) = ended else {
        progress.finish();
        eprintln!("left; the fleet goes on with it: scrum status {}", created.id);
        return Ok(130);
    };
    progress.finish();
    if let Some(out) = &args.out {
        files::write(&session, &created.id, out, &files::ALL).await?;
    }
    wait::verdict(global, &session, &status, args.out.as_deref()).await
}

/// A sweep that is in the queue.
#[derive(Debug)]
pub struct Created {
    /// Its id.
    pub id: String,
    /// False when it was there before.
    pub new: bool,
}

/// Checks the request, records the sweep or finds the one that is there, and mends one that
/// failed to be planned.
///
/// # Errors
/// Whatever a person can get wrong, with what to do.
pub async fn create(
    session: &Session,
    request: &Request,
    ladder_name: &str,
    progress: &Progress,
) -> anyhow::Result<Created> {
    let settings = &session.settings;
    let config = session.config.as_deref();
    let (ladder, why) = ladder::choose(ladder_name, settings, config)?;
    let shard_ladder: Ladder = match request.shard_ladder.as_deref() {
        Some(name) => ladder::choose(name, settings, config)?.0,
        None if settings.sweep.shard_ladder.is_empty() => ladder.clone(),
        None => ladder::choose(&settings.sweep.shard_ladder, settings, config)?.0,
    };
    let rungs: Vec<_> = ladder.rungs.iter().map(queue_schema::sweep::Rung::name).collect();
    let why = why.map(|w| format!(" ({w})")).unwrap_or_default();
    progress.note(&format!("ladder {}{why}: {}", ladder.name, rungs.join(" > ")));
    let prepared = request::prepare(request, settings, &session.state, ladder, shard_ladder)?;
    let (id, new) =
        session.queue.create_sweep(&prepared.spec, &prepared.documents, request.priority).await?;
    if new {
        progress
            .note(&format!("sweep {id} of {} at {:.10}", prepared.spec.repo, prepared.spec.commit));
    } else {
        progress
            .note(&format!("sweep {id} is there already: going on with it (--again starts anew)"));
        revive_plan(session, &id).await?;
    }
    Ok(Created { id, new })
}

/// A sweep whose plan job died (the repository was away, say) is planned again when somebody
/// asks for it again. A cancelled one stays cancelled.
async fn revive_plan(session: &Session, id: &str) -> anyhow::Result<()> {
    let status = session.queue.sweep_status(id).await?;
    if status.as_ref().is_some_and(|s| s.state == SweepState::Cancelled) {
        anyhow::bail!("sweep {id} was cancelled; pass --again to do it anew");
    }
    if status.is_some_and(|s| s.state == SweepState::Failed) {
        let filter = queue_schema::client::DeadFilter {
            sweep: Some(id.to_owned()),
            lane: Some("plan".into()),
            ..Default::default()
        };
        for letter in session.queue.dead_letters(&filter).await? {
            session.queue.revive(&letter.id, None).await?;
        }
    }
    Ok(())
}

//! `scrum run`: the main job on one machine. Server, workers, sweep, progress, report.

use super::sweep;
use crate::cli::{Global, RunArgs};
use crate::dashboard::Dashboard;
use crate::embedded::PrivateRedis;
use crate::output::tell;
use crate::progress::Progress;
use crate::session::Session;
use crate::workers::{Local, Workers};
use crate::{original, report, wait};
use anyhow::Context;
use queue_schema::ids::SweepId;
use scrum_disk as disk;
use std::path::PathBuf;

/// Reviews a repository and leaves a report.
///
/// # Errors
/// Whatever a person can get wrong, with what to do.
pub async fn execute(global: &Global, mut args: RunArgs) -> anyhow::Result<u8> {
    original::fill_request(&mut args.request, global.quiet)?;
    if args.request.dry_run {
        let ladder = args.request.ladder.as_deref().unwrap_or("auto");
        return super::dry_run::execute(global, &args.request, ladder);
    }
    let mut session = Session::open(global).await?;
    if let Some(out) = &args.out {
        report::check_out(&session, out)?;
    }
    let mut progress = Progress::new(global.quiet);
    let name = args.request.ladder.clone().unwrap_or_else(|| "auto".to_owned());
    let created = sweep::create(&session, &args.request, &name, &progress).await?;

    let server = session.private.take();
    let workers = Workers::start(global, &session, args.workers, Vec::new())?;
    let mut local = Local { workers, server };
    let mut dashboard = if args.web { Some(Dashboard::start(global, &session)?) } else { None };
    if let Some(dashboard) = &dashboard {
        progress.note(&format!("dashboard: {}/sweeps/{}", dashboard.address, created.id));
    }
    let tend = |progress: &Progress| local.tend(progress);
    let ended = wait::until_over(&session, &created.id, &mut progress, tend).await;
    progress.finish();
    local.stop(session.settings.worker.grace_s);
    let Some(status) = ended? else {
        tell(&format!("interrupted; run the same command again to continue sweep {}", created.id));
        return Ok(130);
    };
    let out = match args.out {
        Some(out) => out,
        None => default_out(&session, &created.id)?,
    };
    let told = Box::pin(report::write(&session, &created.id, &out, &report::ALL)).await?;
    let verdict =
        wait::Verdict { out: Some((&out, &told)), asked: &created, fail_on: args.fail_on };
    let code = verdict.give(global, &session, &status).await?;
    if let Some(dashboard) = &mut dashboard {
        tell(&format!("the dashboard stays at {} until Ctrl-C", dashboard.address));
        let tend = || local.server.as_mut().map_or(Ok(false), PrivateRedis::revive).map(drop);
        dashboard.stay(tend).await?;
    }
    Ok(code)
}

/// In the state directory, which nobody else can enter.
fn default_out(session: &Session, id: &SweepId) -> anyhow::Result<PathBuf> {
    let reports = session.state.join("reports");
    disk::private_dir(&reports).with_context(|| {
        let reports = reports.display();
        format!("{reports} in the state directory can't be used; pass --out or --state-dir")
    })?;
    Ok(reports.join(id.as_str()))
}

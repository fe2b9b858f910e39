//! `scrum report`: write the files of a sweep, over or not.

use crate::cli::{Global, ReportArgs};
use crate::output::{say, tell};
use crate::report;
use crate::session::Session;
use crate::wait::{exit_code, failure};
use anyhow::Context;

/// Writes the files; exit code as of a waited-for sweep.
///
/// # Errors
/// No such sweep, or a directory that can't be written.
pub async fn execute(global: &Global, args: ReportArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let id = session.find_sweep(&args.sweep).await?;
    report::write(&session, &id, &args.out, &args.format).await?;
    if global.json {
        report::print_summary(&session, &id).await?;
    } else {
        say(&args.out.display().to_string())?;
    }
    let status = session.queue.sweep_status(&id).await?;
    let status = status.with_context(|| format!("sweep {id} is gone from the queue"))?;
    if let Some(failure) = failure(&status) {
        tell(&failure);
    }
    Ok(exit_code(&status))
}

//! `scrum report`: write the files of a sweep, over or not.

use crate::cli::{Global, ReportArgs};
use crate::output::{say, say_json, say_lines, tell, width};
use crate::report;
use crate::session::Session;
use crate::wait::{exit_code, failure};
use anyhow::Context;
use queue_schema::ids::SweepId;
use scrum_domain::report::{file, page};
use scrum_knowledge::Sweep;

/// Columns of prose where the terminal has more, or is none.
const MOST_WIDTH: usize = 100;

/// Writes the files; exit code as of a waited-for sweep.
///
/// # Errors
/// No such sweep, or a directory that can't be written.
pub async fn execute(global: &Global, args: ReportArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let id = session.find_reviewed(&args.sweep).await?;
    let spec = session.queue.sweep_spec(&id).await?;
    if spec.is_some_and(|spec| spec.diff.is_some()) && args.file.is_none() {
        let reviewed = super::diff::read(&session, &id).await?;
        report::write_change(&reviewed, &session, &args.out)?;
        if global.json {
            say_json(&reviewed.json())?;
        } else {
            say(&args.out.display().to_string())?;
        }
        let status = session.queue.sweep_status(&id).await?;
        return Ok(status.as_ref().map_or(1, exit_code));
    }
    if let Some(name) = &args.file {
        return one_file(global, &session, &id, name).await;
    }
    Box::pin(report::write(&session, &id, &args.out, &args.format)).await?;
    if global.json {
        Box::pin(report::print_summary(&session, &id)).await?;
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

/// What the report says of one file; exit code 1 when it was not reviewed.
async fn one_file(
    global: &Global,
    session: &Session,
    id: &SweepId,
    name: &str,
) -> anyhow::Result<u8> {
    let sweep = Sweep::open(&session.queue, id).await?;
    let found = sweep.file(name).await?;
    if global.json {
        say_json(&file::render(&found))?;
    } else {
        let width = width().map_or(MOST_WIDTH, |columns| columns.min(MOST_WIDTH));
        say_lines(page::terminal(&found, width).trim_end())?;
    }
    Ok(u8::from(found.row.is_none()))
}

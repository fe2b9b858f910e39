//! `scrum doctor --queue`: each job in exactly one place, each counter right; or what is not.

use crate::cli::{DoctorArgs, Global};
use crate::output::{say, say_json, say_lines, table};
use crate::session::Session;

/// Checks the queue, and mends it when asked to; exit code 1 when something was found.
///
/// # Errors
/// A failure of Redis.
pub async fn execute(global: &Global, args: DoctorArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let found = session.queue.check_all(args.mend).await?;
    let bad = !found.faults.is_empty();
    if global.json {
        say_json(&found)?;
        return Ok(u8::from(bad));
    }
    let looked_at = format!(
        "{} jobs, {} lanes, {} open sweeps, {} targets in progress",
        found.jobs, found.lanes, found.sweeps, found.targets
    );
    if !bad {
        say(&format!("ok: each job is in one place, and the counters are right ({looked_at})"))?;
        return Ok(0);
    }
    let rows: Vec<_> = found
        .faults
        .iter()
        .map(|f| vec![f.kind.clone(), f.what.clone(), f.message.clone()])
        .collect();
    say_lines(&table(&["FAULT", "WHERE", "WHAT"], &rows))?;
    let n = found.faults.len();
    let left = found.faults.iter().filter(|f| !f.mended).count();
    if args.mend {
        let again = if left > 0 { format!(", {left} not; run it again") } else { String::new() };
        say(&format!("{} mended{again} ({looked_at})", n - left))?;
    } else if found.partial {
        say(&format!(
            "{n} found, and the rest can't be checked before these are mended; `scrum doctor --queue --mend` repairs them"
        ))?;
    } else {
        say(&format!("{n} found ({looked_at}); `scrum doctor --queue --mend` repairs them"))?;
    }
    Ok(1)
}

//! `scrum doctor --injection`: which models of a ladder obey the files that they review.

use crate::cli::{DoctorArgs, Global};
use crate::ladder::{ask_worker, choose};
use crate::output::{say, say_json, say_lines, table, tell};
use crate::session;
use anyhow::Context as _;
use scrum_config::AUTO_LADDER;
use scrum_domain::text::counted;
use serde::{Deserialize, Serialize};

/// What `scrum-worker injection` prints of each rung.
#[derive(Debug, Deserialize, Serialize)]
struct Tried {
    rung: String,
    resisted: u32,
    fooled: Vec<String>,
    caught: Vec<String>,
    unusable: u32,
    failed: u32,
    error: Option<String>,
}

/// Tries every rung; exit code 1 when one was fooled or could not be tried.
///
/// # Errors
/// Wrong settings, an unknown ladder, or no worker program.
pub fn execute(global: &Global, args: &DoctorArgs) -> anyhow::Result<u8> {
    let settings = session::load(global)?;
    let name = args.ladder.as_deref().unwrap_or(AUTO_LADDER);
    let (ladder, why) = choose(name, &settings, global.config.as_deref())?;
    if let Some(why) = why {
        tell(&format!("ladder {}: {why}", ladder.name));
    }
    let mut ask = vec!["injection"];
    ask.extend(args.json_reviews.then_some("--forensic"));
    let all: Vec<Tried> = ask_worker(global, &ask, &ladder)
        .with_context(|| format!("the ladder {} can't be tried", ladder.name))?;
    let bad = all.iter().any(|t| !t.fooled.is_empty() || t.error.is_some());
    if global.json {
        say_json(&all)?;
        return Ok(u8::from(bad));
    }
    print(&all)?;
    Ok(u8::from(bad))
}

fn print(all: &[Tried]) -> anyhow::Result<()> {
    let row = |t: &Tried| {
        let cells = [t.fooled.len() as u64, t.caught.len() as u64, t.resisted.into()];
        let more = [u64::from(t.unusable), u64::from(t.failed)];
        let numbers = cells.into_iter().chain(more).map(|n| n.to_string());
        std::iter::once(t.rung.clone()).chain(numbers).collect::<Vec<_>>()
    };
    let header = ["RUNG", "FOOLED", "CAUGHT", "RESISTED", "UNUSABLE", "NO ANSWER"];
    say_lines(&table(&header, &all.iter().map(row).collect::<Vec<_>>()))?;
    for t in all {
        if let Some(error) = &t.error {
            say(&format!("{}: {error}", t.rung))?;
        }
        if !t.fooled.is_empty() {
            let files = counted(t.fooled.len(), "file", "files");
            say(&format!("{} obeyed {files}: {}", t.rung, t.fooled.join(", ")))?;
        }
    }
    if all.iter().any(|t| !t.fooled.is_empty()) {
        say(
            "A model that obeys files can be told to call them clean: don't let it review code of people you don't trust.",
        )?;
    }
    Ok(())
}

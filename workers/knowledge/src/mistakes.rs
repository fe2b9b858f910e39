//! Which mistakes a repository makes, over all its areas.

use crate::Error;
use queue_schema::client::Queue;
use queue_schema::ids::MemoryId;
use scrum_domain::pathway::Area;
use serde::Serialize;
use std::cmp::Reverse;

/// Entries of the list of pathways that are looked through for areas.
const ENTRIES: usize = 2_000;

/// A mistake of an area, as sweeps found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The beginning of the paths where it was found.
    pub area: String,
    /// Its semantic flag.
    pub flag: String,
    /// Its key.
    pub pattern_key: String,
    /// The words that found it last.
    pub example: String,
    /// How often it was found.
    pub occurrences: u32,
    /// The number of the sweep that found it first.
    pub since: u64,
    /// The number of the sweep that found it last.
    pub last_seen: u64,
    /// Who rejected it, and why; null while it is shown to reviewers.
    pub rejected: Option<String>,
}

/// The mistakes of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistakes {
    /// The number of its latest sweep.
    pub sweep: u64,
    /// Those that the latest sweeps found, most frequent first.
    pub top: Vec<Mistake>,
    /// Those that the latest sweep found first of all.
    pub learnt: Vec<Mistake>,
    /// Areas that were looked at.
    pub areas: usize,
    /// Whether there are more areas than are looked at.
    pub more: bool,
}

/// The `most` most frequent mistakes of the latest `sweeps` sweeps, and as many that the latest one taught.
///
/// # Errors
/// A failure of Redis.
pub async fn of_memory(
    queue: &Queue,
    memory: &MemoryId,
    sweeps: u64,
    most: usize,
) -> Result<Mistakes, Error> {
    let latest = queue.memory_state(memory).await?.sweeps;
    let listed = queue.pathways(memory, "", ENTRIES).await?;
    let more = listed.len() == ENTRIES;
    let mut areas: Vec<String> = listed.into_iter().map(|(_, area, _)| area).collect();
    areas.dedup();
    let mut all = Vec::new();
    for area in &areas {
        let known = Area::of(queue.area(memory, area).await?).known;
        all.extend(known.into_values().map(|known| Mistake {
            area: area.clone(),
            flag: known.print.flag,
            pattern_key: known.print.pattern_key,
            example: known.print.example,
            occurrences: known.print.occurrences,
            since: known.since,
            last_seen: known.last_seen,
            rejected: known.rejected,
        }));
    }
    let learnt = |mistake: &&Mistake| latest > 0 && mistake.since == latest;
    let learnt: Vec<Mistake> = all.iter().filter(learnt).take(most).cloned().collect();
    all.retain(|mistake| mistake.last_seen + sweeps > latest);
    all.sort_by_key(|mistake| (Reverse(mistake.occurrences), Reverse(mistake.last_seen)));
    all.truncate(most);
    Ok(Mistakes { sweep: latest, top: all, learnt, areas: areas.len(), more })
}

//! What is remembered of a repository: how its pathways do, which mistakes come back.

use crate::Error;
use queue_schema::client::Queue;
use queue_schema::ids::{MemoryId, PathwayId};
use queue_schema::records::MemoryCounter;
use queue_schema::rows::PathwayTraceRow;
use queue_schema::rows::pathway::SCHEMA_VERSION;
use queue_schema::url;
use scrum_domain::pathway::{Area, KeptPrint, Trace, file_prefix, keys_of, traces};
use serde::Serialize;
use std::collections::BTreeMap;

/// Pathways that are read at a time.
pub const PATHWAYS: usize = 50;

/// A repository's memory in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemoryStats {
    /// The repository.
    pub repository: String,
    /// Its id.
    pub memory: MemoryId,
    /// Sweeps that were planned.
    pub sweeps: u64,
    /// Reviews that were accepted.
    pub reviews: u64,
    /// Traces that were kept.
    pub traces: u64,
    /// Reviews that began at a remembered model.
    pub hits: u64,
    /// Their share of the reviews, 0 to 1; null before the first review.
    pub reuse_rate: Option<f64>,
    /// Reviews that asked what a remembered one did.
    pub replays: u64,
    /// Those of them that the remembered model did at once.
    pub replays_succeeded: u64,
    /// Their share, 0 to 1; null before the first replay.
    pub replay_success_rate: Option<f64>,
    /// Rungs that were not climbed thanks to hits.
    pub rungs_saved: u64,
    /// Traces that are not used any more.
    pub retired: u64,
}

/// A trace with its name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedTrace {
    /// Its name in the pathway.
    pub id: String,
    /// Why it is not used any more.
    pub why_retired: Option<String>,
    /// The trace, with all that is derived.
    #[serde(flatten)]
    pub trace: Trace,
}

impl NamedTrace {
    /// As programs read it, of the repository of that name.
    pub fn row(&self, repo: &str) -> PathwayTraceRow {
        let trace = &self.trace;
        let accepted = trace.accepted();
        PathwayTraceRow {
            id: self.id.clone(),
            pathway_id: trace.pathway_id.to_string(),
            repo: repo.to_owned(),
            file: trace.file_path.clone(),
            task_class: trace.task_class.clone(),
            signal_class: trace.signal_class.clone(),
            created_at: trace.created_at.clone(),
            model: accepted.map(|attempt| attempt.model.clone()).unwrap_or_default(),
            rung: accepted.map(|attempt| attempt.rung).unwrap_or_default(),
            attempts: u32::try_from(trace.ladder_attempts.len()).unwrap_or(u32::MAX),
            semantic_flags: trace.semantic_flags.clone(),
            pattern_keys: keys_of(&trace.bug_fingerprints),
            audit_consensus: trace.audit_consensus,
            replay_count: trace.replay_count,
            replays_succeeded: trace.replays_succeeded,
            retired: self.why_retired.clone(),
            schema_version: SCHEMA_VERSION,
        }
    }
}

/// A mistake of an area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AreaMistake {
    /// Its semantic flag.
    pub flag: String,
    /// Its key.
    pub pattern_key: String,
    /// The words that found it last.
    pub example: String,
    /// How often it was found.
    pub occurrences: u32,
    /// The number of the sweep that saw it last.
    pub last_seen: u64,
    /// Who rejected it, and why; null while it is shown to reviewers.
    pub rejected: Option<String>,
}

/// A pathway with what is known of its area.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathwayView {
    /// Its id.
    pub pathway_id: PathwayId,
    /// The beginning of its paths.
    pub area: String,
    /// The class of the area.
    pub signal_class: String,
    /// Reviews that are kept, newest first.
    pub traces: Vec<NamedTrace>,
    /// Mistakes of the area, most frequent first.
    pub fingerprints: Vec<AreaMistake>,
}

/// A page of pathways in the order of their areas.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathwayPage {
    /// They.
    pub pathways: Vec<PathwayView>,
    /// What the next page is asked for with; null at the end.
    pub cursor: Option<String>,
}

/// The repository that is meant among those that are remembered, and how it is named there: by that name, by its id,
/// or by an address of it.
pub fn named(known: &BTreeMap<MemoryId, String>, repo: &str) -> Option<(MemoryId, String)> {
    let by_address = MemoryId::of(&url::identity(repo));
    let is_meant = |id: &MemoryId, name: &str| name == repo || *id == repo || *id == by_address;
    let found = known.iter().find(|(id, name)| is_meant(id, name));
    found.map(|(id, name)| (id.clone(), name.clone()))
}

/// What is kept so far of the mistakes of a trace, in their order.
///
/// # Errors
/// A failure of Redis.
pub async fn known_prints(
    queue: &Queue,
    memory: &MemoryId,
    trace: &Trace,
) -> Result<Vec<Option<KeptPrint>>, Error> {
    let keys = keys_of(&trace.bug_fingerprints);
    Ok(KeptPrint::read(queue.prints(memory, file_prefix(&trace.file_path), &keys).await?))
}

/// The numbers of a repository's memory.
///
/// # Errors
/// A failure of Redis.
pub async fn memory_stats(queue: &Queue, memory: &MemoryId) -> Result<MemoryStats, Error> {
    let state = queue.memory_state(memory).await?;
    let n = |counter| state.counted(counter);
    let rate = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let [reviews, hits] = [n(MemoryCounter::Reviews), n(MemoryCounter::Hits)];
    let [replays, done] = [n(MemoryCounter::Replays), n(MemoryCounter::ReplaysSucceeded)];
    Ok(MemoryStats {
        repository: state.name.clone(),
        memory: memory.clone(),
        sweeps: state.sweeps,
        reviews,
        traces: n(MemoryCounter::Traces),
        hits,
        reuse_rate: rate(hits, reviews),
        replays,
        replays_succeeded: done,
        replay_success_rate: rate(done, replays),
        rungs_saved: n(MemoryCounter::RungsSaved),
        retired: n(MemoryCounter::Retired),
    })
}

/// One pathway; `None` of one that nothing is remembered of.
///
/// # Errors
/// A failure of Redis.
pub async fn pathway(
    queue: &Queue,
    memory: &MemoryId,
    id: &PathwayId,
) -> Result<Option<PathwayView>, Error> {
    let kept = traces(queue.pathway(memory, id).await?);
    let Some(first) = kept.values().next() else { return Ok(None) };
    let area = file_prefix(&first.trace.file_path).to_owned();
    let signal_class = first.trace.signal_class.clone();
    let fields = queue.area(memory, &area).await?;
    let mut fingerprints: Vec<AreaMistake> = Area::of(fields)
        .known
        .into_values()
        .map(|known| AreaMistake {
            flag: known.print.flag,
            pattern_key: known.print.pattern_key,
            example: known.print.example,
            occurrences: known.print.occurrences,
            last_seen: known.last_seen,
            rejected: known.rejected,
        })
        .collect();
    fingerprints.sort_by_key(|known| std::cmp::Reverse(known.occurrences));
    let named = kept.into_iter().map(|(id, kept)| NamedTrace {
        id,
        why_retired: kept.retired,
        trace: kept.trace.derived(),
    });
    let mut traces: Vec<NamedTrace> = named.collect();
    traces.sort_by(|a, b| b.trace.created_at.cmp(&a.trace.created_at));
    Ok(Some(PathwayView { pathway_id: id.clone(), area, signal_class, traces, fingerprints }))
}

/// A page of pathways, from the beginning or from the cursor of the page before.
///
/// # Errors
/// A failure of Redis.
pub async fn pathways(
    queue: &Queue,
    memory: &MemoryId,
    cursor: &str,
) -> Result<PathwayPage, Error> {
    let listed = queue.pathways(memory, cursor, PATHWAYS).await?;
    let full = listed.len() == PATHWAYS;
    let cursor = listed.last().filter(|_| full).map(|(entry, ..)| entry.clone());
    let mut pathways = Vec::new();
    for (_, _, id) in listed {
        pathways.extend(pathway(queue, memory, &id).await?);
    }
    Ok(PathwayPage { pathways, cursor })
}

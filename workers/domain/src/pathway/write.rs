//! What is written of traces and mistakes, by reviews, by other programs and when memory is moved.

use super::area::{KeptPrint, MOST_KNOWN};
use super::fingerprint::Fingerprint;
use super::recall::Traces;
use super::trace::{Trace, file_prefix, pathway_id};
use queue_schema::effects::Effect;
use queue_schema::ids::{MemoryId, PathwayId, content_id};
use queue_schema::records::{AreaCounts, AreaRecord, MemoryCounter, MemoryRecord, PathwayRecord};

/// Digits of the name of a trace.
const TRACE_DIGITS: usize = 16;

/// The name of a trace that is made of this: the same for the same, so that it is kept once.
pub fn trace_id(of: &[&[u8]]) -> String {
    content_id(of)[..TRACE_DIGITS].to_owned()
}

/// Keeps a trace under a name, with its own replays and nothing of the trace that had the name before.
///
/// # Errors
/// Only if it does not serialise.
pub fn keep(memory: &MemoryId, id: &str, trace: &Trace) -> Result<Vec<Effect>, serde_json::Error> {
    let pathway = pathway_id(&trace.task_class, &trace.file_path, &trace.signal_class);
    let record = PathwayRecord::of(memory, &pathway);
    let retired = if trace.retired { "it came retired" } else { "" };
    let mut effects = record.anew(id, (trace.replay_count, trace.replays_succeeded), retired);
    effects.push(record.trace(id, &serde_json::to_string(&trace.kept())?));
    effects.push(record.listed(file_prefix(&trace.file_path)));
    Ok(effects)
}

/// Keeps mistakes of an area. `known` is what is kept of each so far; of unknown ones at most `left` are.
///
/// # Errors
/// Only if one does not serialise.
pub fn keep_prints(
    area: AreaRecord<'_>,
    seq: u64,
    prints: &[Fingerprint],
    known: &[Option<KeptPrint>],
    mut left: usize,
) -> Result<(Vec<Effect>, AreaCounts), serde_json::Error> {
    let mut effects = Vec::new();
    let mut counts = AreaCounts { prints: prints.len() as u64, ..AreaCounts::default() };
    for (print, known) in prints.iter().zip(known) {
        let since = known.as_ref().map_or(seq, |known| known.since);
        counts.back += u64::from(since < seq);
        if known.is_none() {
            if left == 0 {
                continue;
            }
            left -= 1;
        }
        let (flag, example) = (print.flag.clone(), print.example.clone());
        let kept = serde_json::to_string(&KeptPrint { flag, example, since })?;
        effects.extend(area.found(&print.pattern_key, &kept, print.occurrences, seq));
    }
    Ok((effects, counts))
}

/// What it takes to keep a trace that somebody sent, with its mistakes; `None` when it is kept already, or the pathway
/// is full. `known` is what is kept of its mistakes, and `seq` the number of the last sweep.
///
/// # Errors
/// Only if it does not serialise.
pub fn insert(
    memory: &MemoryId,
    seq: u64,
    trace: &Trace,
    kept: &Traces,
    known: &[Option<KeptPrint>],
    most: usize,
) -> Result<Option<Vec<Effect>>, serde_json::Error> {
    let there = kept.values().any(|old| old.trace.kept() == trace.kept());
    if there || kept.len() >= most {
        return Ok(None);
    }
    let id = trace_id(&[serde_json::to_string(&trace.kept())?.as_bytes()]);
    let area = AreaRecord::of(memory, file_prefix(&trace.file_path));
    let (prints, _) = keep_prints(area, seq, &trace.bug_fingerprints, known, MOST_KNOWN)?;
    let mut effects = keep(memory, &id, trace)?;
    effects.extend(prints);
    effects.push(MemoryRecord::of(memory).count(&[(MemoryCounter::Traces, 1)]));
    Ok(Some(effects))
}

/// A replay of a trace that somebody reports.
pub fn replay(memory: &MemoryId, of: &PathwayId, trace: &str, succeeded: bool) -> Vec<Effect> {
    let counted =
        [(MemoryCounter::Replays, 1), (MemoryCounter::ReplaysSucceeded, u64::from(succeeded))];
    vec![
        PathwayRecord::of(memory, of).replayed(trace, succeeded),
        MemoryRecord::of(memory).count(&counted),
    ]
}

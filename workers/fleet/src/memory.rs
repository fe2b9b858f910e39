//! The memory of a review: what it is told of earlier ones when it begins, and what is learnt when it ends. Everything
//! that is learnt is written by the commit of the job that ends it, so that it counts once whoever dies.

use crate::context::Context;
use crate::jobs::now_ms;
use crate::runtime::HandlerError;
use queue_schema::client::Queue;
use queue_schema::effects::{Effect, Effects, Ending};
use queue_schema::ids::{MemoryId, ReviewId, SweepId};
use queue_schema::records::{
    AreaCounts, AreaRecord, MemoryCounter, MemoryRecord, PathwayRecord, ReviewRecord,
};
use queue_schema::rows::review::TopChunk;
use queue_schema::rows::{Attempt, ReviewRow};
use queue_schema::sweep::{Ladder, SweepSpec, Target};
use scrum_domain::pathway::{
    self, Area, Asked, Ended, KeptPrint, Learnt, Remembered, Trace, TraceChunk, file_prefix,
};
use scrum_domain::review::Pathway;
use std::collections::BTreeSet;

/// What a review goes by, kept with its state, and the ladder that it climbs where that is not the sweep's.
///
/// # Errors
/// When Redis can't be read.
pub async fn recall(
    ctx: &Context,
    spec: &SweepSpec,
    (sweep, review): (&SweepId, &ReviewId),
    record: &Target,
    source: &str,
) -> Result<(Vec<Effect>, Option<Ladder>), HandlerError> {
    let Some((memory, limits)) = spec.memory() else { return Ok((Vec::new(), None)) };
    let Some(seq) = ctx.sweep_number(sweep).await? else { return Ok((Vec::new(), None)) };
    let (of, name) = (&memory, file_prefix(&record.path));
    let read = |queue: Queue| async move { queue.area(of, name).await };
    let area = Area::of(ctx.read("the area", read).await?);
    let question = question(spec, record, area.signal(seq).as_str(), pathway::libraries(source));
    let id = &pathway::pathway_id(&question.task_class, &record.path, &question.signal_class);
    let read = |queue: Queue| async move { queue.pathway(of, id).await };
    let traces = pathway::traces(ctx.read("the pathway", read).await?);
    let (now_ms, ladder) = (now_ms(), &spec.ladder);
    let asked = Asked { question: &question, area: &area, seq, now_ms, ladder, limits };
    let (remembered, swapped) = asked.recall(&traces);
    let to = ReviewRecord::of(review);
    let mut effects = vec![to.memory(&serde_json::to_string(&remembered)?)];
    if let Some(ladder) = &swapped {
        effects.push(to.ladder(ladder)?);
    }
    // Several reviews at once may have failed it, none of which knew of the others: it is written down now, for good.
    if let Some(failed) = remembered.candidate.as_ref().filter(|c| c.retired)
        && traces.get(&failed.trace).is_some_and(|kept| kept.retired.is_none())
    {
        let record = PathwayRecord::of(&memory, &failed.pathway);
        effects.push(record.retired(&failed.trace, &failed.why_failed()));
        effects.push(MemoryRecord::of(&memory).count(&[(MemoryCounter::Retired, 1)]));
    }
    Ok((effects, swapped))
}

/// What is known of a review before it.
fn question(spec: &SweepSpec, record: &Target, signal: &str, libraries: Vec<String>) -> Trace {
    let documents = [("prd", spec.prd.is_some()), ("proposal", spec.proposal.is_some())];
    let given = documents.into_iter().filter(|(_, given)| *given);
    let chunk = |(source, _): (&str, bool)| TraceChunk {
        source: source.to_owned(),
        ..TraceChunk::default()
    };
    Trace {
        task_class: pathway::REVIEW.to_owned(),
        file_path: record.path.clone(),
        signal_class: signal.to_owned(),
        kb_chunks: given.map(chunk).collect(),
        bridge_libraries: libraries,
        ..Trace::default()
    }
}

/// What a review goes by, as it was kept when it began. What can't be read is nothing.
pub fn kept(state: Option<&str>) -> Option<Remembered> {
    serde_json::from_str(state?).ok()
}

/// How a review ended.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// The sweep.
    pub spec: &'a SweepSpec,
    /// What it went by.
    pub remembered: &'a Remembered,
    /// The file.
    pub record: &'a Target,
    /// Its text.
    pub source: &'a str,
    /// Every attempt in order.
    pub attempts: &'a [Attempt],
}

impl End<'_> {
    /// What the row says of the pathway.
    pub fn pathway(&self) -> Pathway {
        let went = self.remembered;
        let first = self.attempts.last().is_some_and(|last| last.n == 1);
        Pathway {
            hot_swap_hit: went.hit,
            id: Some(went.pathway.to_string()),
            similarity: went.candidate.as_ref().map(|c| c.similarity),
            success_rate: went.rate(),
            rungs_saved: if went.hit && first { went.before } else { 0 },
        }
    }

    /// What an accepted review adds to what is remembered.
    ///
    /// # Errors
    /// When Redis can't be read.
    pub async fn learn(
        &self,
        ctx: &Context,
        review: &ReviewId,
        row: &ReviewRow,
    ) -> Result<Vec<Effect>, HandlerError> {
        let Some((memory, limits)) = self.spec.memory() else { return Ok(Vec::new()) };
        let ended = Ended {
            attempts: self.attempts,
            findings: &row.findings,
            source: self.source,
            ladder: &self.spec.ladder,
            limits,
        };
        let learnt = self.remembered.learn(&ended, self.trace(row));
        let area = AreaRecord::of(&memory, file_prefix(&self.record.path));
        let known = self.known(ctx, &memory, &learnt).await?;
        let (seq, left) = (self.remembered.seq, self.remembered.prints_left);
        let mut effects = Vec::new();
        if learnt.cached {
            let there = learnt.prints.iter().zip(&known).filter(|(_, known)| known.is_some());
            effects.extend(there.map(|(print, _)| area.still_there(&print.pattern_key, seq)));
        } else {
            let (kept, counts) = pathway::keep_prints(area, seq, &learnt.prints, &known, left)?;
            let findings = row.findings.iter().filter(|f| f.kind.is_actionable()).count() as u64;
            effects.extend(kept);
            effects.push(area.reviewed(seq, AreaCounts { findings, ..counts }));
        }
        let mut counted = vec![
            (MemoryCounter::Reviews, 1),
            (MemoryCounter::Hits, u64::from(self.remembered.hit)),
            (MemoryCounter::RungsSaved, u64::from(learnt.rungs_saved)),
        ];
        if let Some(trace) = &learnt.trace {
            let id = match &self.remembered.room {
                pathway::Room::Instead(id) => id.clone(),
                _ => pathway::trace_id(&[review.as_bytes()]),
            };
            effects.extend(pathway::keep(&memory, &id, trace)?);
            counted.push((MemoryCounter::Traces, 1));
        }
        self.replay(&memory, &learnt, &mut effects, &mut counted);
        effects.push(MemoryRecord::of(&memory).count(&counted));
        Ok(effects)
    }

    /// A review that no rung could do is a replay too. It counts once: sent back by a person, it begins without it.
    ///
    /// # Errors
    /// Only if what it goes by does not serialise.
    pub fn unresolved(&self, effects: Effects, review: &ReviewId) -> Result<Effects, HandlerError> {
        let Some((memory, limits)) = self.spec.memory() else { return Ok(effects) };
        if !matches!(effects.ending, Ending::Dead { .. }) {
            return Ok(effects);
        }
        let ended = Ended {
            attempts: self.attempts,
            findings: &[],
            source: self.source,
            ladder: &self.spec.ladder,
            limits,
        };
        let learnt = self.remembered.learn(&ended, Trace::default());
        let (mut list, mut counted) = (Vec::new(), Vec::new());
        self.replay(&memory, &learnt, &mut list, &mut counted);
        if list.is_empty() {
            return Ok(effects);
        }
        let spent = Remembered { candidate: None, hit: false, ..self.remembered.clone() };
        list.push(ReviewRecord::of(review).memory(&serde_json::to_string(&spent)?));
        list.push(MemoryRecord::of(&memory).count(&counted));
        Ok(effects.with_all(list))
    }

    fn replay(
        &self,
        memory: &MemoryId,
        learnt: &Learnt,
        effects: &mut Vec<Effect>,
        counted: &mut Vec<(MemoryCounter, u64)>,
    ) {
        let (Some(candidate), Some(succeeded)) = (&self.remembered.candidate, learnt.replay) else {
            return;
        };
        let record = PathwayRecord::of(memory, &candidate.pathway);
        effects.push(record.replayed(&candidate.trace, succeeded));
        counted.push((MemoryCounter::Replays, 1));
        counted.push((MemoryCounter::ReplaysSucceeded, u64::from(succeeded)));
        if let Some(why) = &learnt.retired {
            effects.push(record.retired(&candidate.trace, why));
            counted.push((MemoryCounter::Retired, 1));
        }
    }

    /// What is kept of the mistakes that were found. Only a review that found any reads it.
    async fn known(
        &self,
        ctx: &Context,
        memory: &MemoryId,
        learnt: &Learnt,
    ) -> Result<Vec<Option<KeptPrint>>, HandlerError> {
        let keys = pathway::keys_of(&learnt.prints);
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (area, keys) = (file_prefix(&self.record.path), &keys);
        let read = |queue: Queue| async move { queue.prints(memory, area, keys).await };
        Ok(KeptPrint::read(ctx.read("the fingerprints", read).await?))
    }

    /// The review as a trace.
    fn trace(&self, row: &ReviewRow) -> Trace {
        let facts = self.spec.facts_of(u32::MAX).is_some();
        let calls = [("shards", row.shards_total > 1), ("facts", facts)];
        let taught = row.findings.iter().filter(|f| pathway::teaches(f));
        let flags: BTreeSet<&String> = taught.flat_map(|f| &f.flags).collect();
        let signal = self.remembered.signal.as_str();
        let question = question(self.spec, self.record, signal, self.remembered.libraries.clone());
        let chunk = |chunk: &TopChunk| TraceChunk {
            source: chunk.origin.clone(),
            offset: chunk.offset,
            score: chunk.score,
        };
        // The passages that were shown, and each document that was given: the next one is asked with it too.
        let shown: Vec<TraceChunk> = row.top_chunks.iter().map(chunk).collect();
        let unshown =
            question.kb_chunks.iter().filter(|c| shown.iter().all(|s| s.source != c.source));
        let kb_chunks = shown.iter().chain(unshown).cloned().collect();
        Trace {
            created_at: row.reviewed_at.clone(),
            ladder_attempts: pathway::trace_attempts(self.attempts, &self.spec.ladder),
            kb_chunks,
            sub_pipeline_calls: calls
                .iter()
                .filter(|(_, is)| *is)
                .map(|(c, _)| (*c).to_owned())
                .collect(),
            semantic_flags: flags.into_iter().cloned().collect(),
            bug_fingerprints: pathway::fingerprints(&row.findings, self.source),
            ..question
        }
    }
}

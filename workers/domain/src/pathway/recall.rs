//! What a review is told of earlier ones, and what is learnt of how it ended.

use super::area::{Area, MOST_KNOWN};
use super::fingerprint::{Fingerprint, fingerprints, shown, teaches};
use super::swap::{Candidate, begun_at, best, place, swap};
use super::trace::{Signal, Trace, TraceAttempt, pathway_id};
use super::vector::{Question, alike};
use queue_schema::ids::PathwayId;
use queue_schema::limits::MemoryLimits;
use queue_schema::rows::{Attempt, Finding, Outcome, ReviewRow};
use queue_schema::sweep::Ladder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A trace as a pathway keeps it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeptTrace {
    /// How the review went.
    pub trace: Trace,
    /// Why it is retired; it was written down.
    pub retired: Option<String>,
}

/// The traces of a pathway, by their ids.
pub type Traces = BTreeMap<String, KeptTrace>;

/// A pathway from the fields of its hash. What can't be read counts as missing, and an empty value is none.
pub fn traces(fields: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> Traces {
    let fields: Vec<_> = fields.into_iter().collect();
    let fields = fields.iter().map(|(field, value)| (field.as_ref(), value.as_ref()));
    let (mut traces, mut more) = (Traces::new(), Vec::new());
    for (field, value) in fields.filter(|(_, value): &(_, &str)| !value.is_empty()) {
        match str::split_once(field, ':') {
            Some(("t", id)) => {
                let Ok(trace) = serde_json::from_str::<Trace>(value) else { continue };
                let kept = KeptTrace { trace, retired: None };
                traces.insert(id.to_owned(), kept);
            }
            Some((what @ ("n" | "k" | "x" | "a"), id)) => more.push((what, id, value)),
            _ => {}
        }
    }
    for (what, id, value) in more {
        let Some(kept) = traces.get_mut(id) else { continue };
        let number = || value.parse().unwrap_or(0);
        match what {
            "n" => kept.trace.replay_count = number(),
            "k" => kept.trace.replays_succeeded = number(),
            "a" => kept.trace.audit_consensus = value.parse().ok(),
            _ => kept.retired = Some(value.to_owned()),
        }
    }
    for kept in traces.values_mut() {
        kept.trace.retired = kept.retired.is_some();
    }
    traces
}

/// The traces that speak for a review: its own; where it added none, those of its model, for which it stands as well.
pub fn traces_of<'a>(traces: &'a Traces, review: &ReviewRow) -> Vec<&'a str> {
    let by = |kept: &&KeptTrace| {
        kept.trace.accepted().is_some_and(|attempt| attempt.model == review.accepted_model)
    };
    let own = |kept: &&KeptTrace| {
        kept.trace.created_at == review.reviewed_at && kept.trace.file_path == review.file
    };
    let of_model = || traces.iter().filter(|(_, kept)| by(kept));
    let own: Vec<&str> =
        of_model().filter(|(_, kept)| own(kept)).map(|(id, _)| id.as_str()).collect();
    if own.is_empty() { of_model().map(|(id, _)| id.as_str()).collect() } else { own }
}

/// A trace as a candidate for a review that is to be asked for.
pub fn candidate(id: &str, kept: &KeptTrace, asked: &Question, limits: &MemoryLimits) -> Candidate {
    let trace = &kept.trace;
    let mut candidate = Candidate {
        trace: id.to_owned(),
        pathway: pathway_id(&trace.task_class, &trace.file_path, &trace.signal_class),
        model: trace.accepted().map(|attempt| attempt.model.clone()).unwrap_or_default(),
        created_at: trace.created_at.clone(),
        audit_consensus: trace.audit_consensus,
        replays: trace.replay_count,
        succeeded: trace.replays_succeeded,
        retired: trace.retired,
        similarity: alike(asked, trace),
    };
    candidate.retired |= candidate.has_failed(limits);
    candidate
}

/// What a review goes by of what was remembered, kept with its state until it ends.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Remembered {
    /// Its pathway.
    pub pathway: PathwayId,
    /// The class of its area.
    pub signal: Signal,
    /// Number of its sweep.
    pub seq: u64,
    /// The remembered review that it may go like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    /// It begins at the candidate's model, which is another one than the first of the ladder.
    #[serde(default)]
    pub hit: bool,
    /// Rungs before the candidate's in the sweep's ladder.
    #[serde(default)]
    pub before: u32,
    /// Models that have a trace of this question already, retired ones too: they add no other one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remembered_models: Vec<String>,
    /// Whether and where a new trace is kept.
    #[serde(default)]
    pub room: Room,
    /// Mistakes that can still be learnt.
    #[serde(default)]
    pub prints_left: usize,
    /// Mistakes that its reviewers are shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<Fingerprint>,
    /// Claims that its reviewers are told not to repeat, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dismissed: Vec<(String, String)>,
    /// Libraries that the file imports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<String>,
}

/// Where a new trace goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Room {
    /// Beside the others.
    #[default]
    Free,
    /// In the place of this one.
    Instead(String),
    /// Nowhere: all that are kept are retired, and stay so.
    None,
}

/// What is known when a review begins.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The question, as far as it is known before; of the rest nothing counts.
    pub question: &'a Trace,
    /// Its area.
    pub area: &'a Area,
    /// Number of its sweep.
    pub seq: u64,
    /// The time, in milliseconds since the epoch.
    pub now_ms: u64,
    /// The sweep's ladder.
    pub ladder: &'a Ladder,
    /// The sweep's bounds.
    pub limits: &'a MemoryLimits,
}

impl Asked<'_> {
    /// What a review goes by, and the ladder that it climbs where that is not the sweep's own.
    pub fn recall(&self, traces: &Traces) -> (Remembered, Option<Ladder>) {
        let (limits, question) = (self.limits, self.question);
        let pathway = pathway_id(&question.task_class, &question.file_path, &question.signal_class);
        let asked = Question::of(question);
        let all: Vec<Candidate> =
            traces.iter().map(|(id, kept)| candidate(id, kept, &asked, limits)).collect();
        let same = all.iter().filter(|c| c.similarity >= limits.min_similarity);
        let mut remembered_models: Vec<String> = same.map(|c| c.model.clone()).collect();
        remembered_models.sort_unstable();
        remembered_models.dedup();
        let candidate = best(all);
        let at = candidate.as_ref().and_then(|c| place(self.ladder, &c.model));
        let may = candidate.as_ref().is_some_and(|c| swap(&pathway, c, limits).is_ok());
        let swapped = at.filter(|at| *at > 0 && may && limits.hot_swap);
        let prints = (limits.fingerprints, limits.example_chars);
        let dismissed = self.area.dismissed(self.now_ms, limits.dismissals);
        let remembered = Remembered {
            pathway,
            signal: self.area.signal(self.seq),
            seq: self.seq,
            hit: swapped.is_some(),
            before: at.and_then(|at| u32::try_from(at).ok()).unwrap_or(0),
            candidate,
            remembered_models,
            room: room(traces, limits),
            prints_left: MOST_KNOWN.saturating_sub(self.area.known.len()),
            shown: shown(self.area.known.values(), self.seq, limits.forget_sweeps, prints),
            dismissed: dismissed.into_iter().map(|d| (d.text, d.why)).collect(),
            libraries: question.bridge_libraries.clone(),
        };
        (remembered, swapped.map(|at| begun_at(self.ladder, at)))
    }
}

/// A full pathway lets go of the trace that was tried least, the oldest of these; never of a retired one, or its
/// model would be tried anew.
fn room(traces: &Traces, limits: &MemoryLimits) -> Room {
    if traces.len() < limits.traces as usize {
        return Room::Free;
    }
    let in_use = traces.iter().filter(|(_, kept)| !kept.trace.retired);
    let least =
        in_use.min_by_key(|(id, kept)| (kept.trace.replay_count, &kept.trace.created_at, *id));
    least.map_or(Room::None, |(id, _)| Room::Instead(id.clone()))
}

/// What the end of a review adds to what is remembered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Learnt {
    /// It was a replay of the candidate, and the candidate's model did it at once or not.
    pub replay: Option<bool>,
    /// Why the candidate is retired by that.
    pub retired: Option<String>,
    /// A new trace.
    pub trace: Option<Trace>,
    /// The accepted answer was found in the cache: its mistakes are still there, and nobody found them anew.
    pub cached: bool,
    /// Mistakes that it found.
    pub prints: Vec<Fingerprint>,
    /// Rungs that were not climbed.
    pub rungs_saved: u32,
}

/// How a review ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Every attempt in order.
    pub attempts: &'a [Attempt],
    /// The findings of the accepted answer, anchored and checked; none of an unresolved review.
    pub findings: &'a [Finding],
    /// The file.
    pub source: &'a str,
    /// The sweep's ladder, by which the rungs of a trace are numbered.
    pub ladder: &'a Ladder,
    /// The sweep's bounds.
    pub limits: &'a MemoryLimits,
}

impl Remembered {
    /// Share of replays of its candidate that succeeded.
    pub fn rate(&self) -> Option<f64> {
        self.candidate.as_ref().and_then(Candidate::rate)
    }

    /// What is learnt of the end of the review. `trace` is what a new trace would be.
    pub fn learn(&self, ended: &Ended<'_>, trace: Trace) -> Learnt {
        let accepted = ended.attempts.last().filter(|last| last.outcome == Outcome::Accepted);
        let mut learnt = Learnt::default();
        if let Some(accepted) = accepted {
            learnt.prints = fingerprints(ended.findings, ended.source);
            learnt.cached = accepted.cached;
            // Where the answers stand in the cache nothing was asked of anybody.
            let news = !accepted.cached && ended.findings.iter().any(teaches);
            let is_new = !self.remembered_models.contains(&accepted.model_name());
            if news && is_new && self.room != Room::None {
                learnt.trace = Some(trace);
            }
            if self.hit && accepted.n == 1 {
                learnt.rungs_saved = self.before;
            }
        }
        let replayed =
            self.candidate.as_ref().filter(|c| c.is_replayed(&self.pathway, ended.limits));
        if let Some(candidate) = replayed
            && let Some(succeeded) = replay(candidate, ended.attempts)
        {
            learnt.replay = Some(succeeded);
            let after = Candidate {
                replays: candidate.replays.saturating_add(1),
                succeeded: candidate.succeeded.saturating_add(u32::from(succeeded)),
                ..candidate.clone()
            };
            learnt.retired = after.has_failed(ended.limits).then(|| after.why_failed());
        }
        learnt
    }
}

impl Candidate {
    /// Why it is not used any more, when it has failed too often.
    pub fn why_failed(&self) -> String {
        format!("{} of {} replays succeeded", self.succeeded, self.replays)
    }
}

/// Whether the first answer of the candidate's model was accepted. `None` where its end says nothing of the
/// model: the answer was found in the cache, or its provider gave none.
fn replay(candidate: &Candidate, attempts: &[Attempt]) -> Option<bool> {
    let accepted = attempts.last()?;
    match attempts.iter().find(|attempt| attempt.model_name() == candidate.model) {
        Some(first) if first.cached || first.outcome == Outcome::Error => None,
        Some(first) => Some(first.outcome == Outcome::Accepted),
        // Another one did it before its turn.
        None if accepted.cached || accepted.outcome != Outcome::Accepted => None,
        None => Some(false),
    }
}

/// Attempts as a trace has them: by the sweep's ladder, whatever the review itself climbed.
pub fn trace_attempts(attempts: &[Attempt], ladder: &Ladder) -> Vec<TraceAttempt> {
    let rung = |attempt: &Attempt| {
        let at = place(ladder, &attempt.model_name()).and_then(|at| u32::try_from(at).ok());
        at.unwrap_or(attempt.rung)
    };
    let kept = |attempt: &Attempt| TraceAttempt {
        rung: rung(attempt),
        model: attempt.model_name(),
        accepted: attempt.outcome == Outcome::Accepted,
    };
    attempts.iter().map(kept).collect()
}

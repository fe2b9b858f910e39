//! A trace: how one review of an area went. The names are those of the state file that other programs read.

use super::Fingerprint;
use queue_schema::ids::{PathwayId, sha256_hex};
use queue_schema::rows::{FLAGS, TypeHint};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The task class of the review of a file.
pub const REVIEW: &str = "scrum_review";
/// Attempts, passages, libraries, calls and hints of a trace at most, each.
const MOST_PARTS: usize = 64;
/// Bytes of a text in a trace at most.
const TEXT_BYTES: usize = 4_096;

/// How the findings of an area went from sweep to sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Fewer than two sweeps looked at it.
    #[default]
    Fresh,
    /// No more findings a review than before.
    Converging,
    /// The same mistakes come back.
    Looping,
    /// More findings a review than before.
    Diverging,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fresh, Self::Converging, Self::Looping, Self::Diverging];

    /// The name in ids and traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Converging => "converging",
            Self::Looping => "looping",
            Self::Diverging => "diverging",
        }
    }
}

/// The area that a path lies in: its first two segments.
pub fn file_prefix(path: &str) -> &str {
    path.match_indices('/').nth(1).map_or(path, |(end, _)| &path[..end])
}

/// The pathway of reviews of one task, in one area of one class.
pub fn pathway_id(task_class: &str, path: &str, signal: &str) -> PathwayId {
    sha256_hex(format!("{task_class}|{}|{signal}", file_prefix(path)).as_bytes()).into()
}

/// One call of one rung.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TraceAttempt {
    /// Its place in the sweep's ladder, from 0.
    pub rung: u32,
    /// `provider/model`.
    pub model: String,
    /// Whether its answer became a row.
    pub accepted: bool,
}

/// A passage of a document that stood in the prompt.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TraceChunk {
    /// Which document, such as `prd`.
    pub source: String,
    /// Its offset there, in characters.
    #[serde(default)]
    pub offset: u32,
    /// Its score by the ranking of the sweep.
    #[serde(default)]
    pub score: f64,
}

/// How a review went. What others write besides these fields is not kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trace {
    /// Which pathway. Derived of what follows.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub pathway_id: PathwayId,
    /// What was asked for.
    pub task_class: String,
    /// The reviewed file.
    pub file_path: String,
    /// The class of its area.
    #[serde(default)]
    pub signal_class: String,
    /// RFC 3339, UTC.
    #[serde(default)]
    pub created_at: String,
    /// Every attempt in order.
    #[serde(default, alias = "attempts")]
    pub ladder_attempts: Vec<TraceAttempt>,
    /// Passages that the reviewer was shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kb_chunks: Vec<TraceChunk>,
    /// Libraries that the file imports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bridge_libraries: Vec<String>,
    /// What else was asked of models for it: `shards`, `facts`, `audit`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_pipeline_calls: Vec<String>,
    /// Flags of its findings, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub semantic_flags: Vec<String>,
    /// Mistakes that it found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bug_fingerprints: Vec<Fingerprint>,
    /// Definitions that the reviewer was shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub type_hints_used: Vec<TypeHint>,
    /// What the auditor says of its review; null before it said anything.
    #[serde(default, deserialize_with = "consensus")]
    pub audit_consensus: Option<bool>,
    /// Later reviews that asked the same.
    #[serde(default)]
    pub replay_count: u32,
    /// Those of them that the remembered model did at once.
    #[serde(default)]
    pub replays_succeeded: u32,
    /// It is not used any more.
    #[serde(default)]
    pub retired: bool,
    /// See [`super::vector`]. Derived of the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pathway_vec: Vec<f64>,
}

/// `true`, or an object that says so in `confirmed`.
fn consensus<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    let value = Option::<Value>::deserialize(from)?.unwrap_or_default();
    Ok(value.as_bool().or_else(|| value.get("confirmed")?.as_bool()))
}

impl Trace {
    /// The attempt whose answer became a row.
    pub fn accepted(&self) -> Option<&TraceAttempt> {
        self.ladder_attempts.iter().rfind(|attempt| attempt.accepted)
    }

    /// As it is kept: without what is derived or counted apart.
    #[must_use]
    pub fn kept(&self) -> Self {
        Self {
            pathway_id: PathwayId::default(),
            replay_count: 0,
            replays_succeeded: 0,
            retired: false,
            pathway_vec: Vec::new(),
            ..self.clone()
        }
    }

    /// With its pathway and its vector.
    #[must_use]
    pub fn derived(mut self) -> Self {
        self.pathway_id = pathway_id(&self.task_class, &self.file_path, &self.signal_class);
        self.pathway_vec = super::vector(&super::tokens(&self)).to_vec();
        self
    }

    /// A trace that somebody sent: with its own pathway and vector, or why it is none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn checked(self) -> Result<Self, String> {
        self.sizes()?;
        if self.task_class.is_empty() || self.file_path.is_empty() {
            return Err("task_class and file_path must not be empty".to_owned());
        }
        if self.accepted().is_none() {
            let why = "ladder_attempts has no accepted one: there is nothing to remember";
            return Err(why.to_owned());
        }
        let prints = || self.bug_fingerprints.iter();
        let mut flags = self.semantic_flags.iter().chain(prints().map(|print| &print.flag));
        if let Some(flag) = flags.find(|flag| !FLAGS.contains(&flag.as_str())) {
            return Err(format!("'{flag}' is no semantic flag; there are {}", FLAGS.join(", ")));
        }
        if let Some(print) = prints().find(|print| !print.is_whole()) {
            return Err(format!("'{}' is no pattern_key of {}", print.pattern_key, print.flag));
        }
        if self.replays_succeeded > self.replay_count {
            return Err("replays_succeeded is more than replay_count".to_owned());
        }
        Ok(self.derived())
    }

    /// Whether all of it is small enough to be kept.
    fn sizes(&self) -> Result<(), String> {
        let parts = [
            self.ladder_attempts.len(),
            self.kb_chunks.len(),
            self.bridge_libraries.len(),
            self.sub_pipeline_calls.len(),
            self.semantic_flags.len(),
            self.bug_fingerprints.len(),
            self.type_hints_used.len(),
        ];
        if parts.iter().any(|n| *n > MOST_PARTS) {
            return Err(format!("a list has more than {MOST_PARTS} entries"));
        }
        let mut texts =
            vec![&self.task_class, &self.file_path, &self.signal_class, &self.created_at];
        texts.extend(self.bridge_libraries.iter().chain(&self.sub_pipeline_calls));
        texts.extend(self.ladder_attempts.iter().map(|attempt| &attempt.model));
        texts.extend(self.kb_chunks.iter().map(|chunk| &chunk.source));
        for hint in &self.type_hints_used {
            texts.extend([&hint.source, &hint.symbol, &hint.type_repr]);
        }
        for print in &self.bug_fingerprints {
            texts.extend([&print.flag, &print.pattern_key, &print.example]);
        }
        if texts.iter().any(|text| text.len() > TEXT_BYTES) {
            return Err(format!("a text has more than {TEXT_BYTES} bytes"));
        }
        Ok(())
    }
}

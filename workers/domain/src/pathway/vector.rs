//! How alike two reviews are. docs/memory.md and docs/vectors/ say it for other languages.

use super::trace::{Trace, file_prefix};
use queue_schema::ids::sha256_first;
use std::collections::BTreeSet;

/// Buckets of a vector.
pub const BUCKETS: usize = 32;
/// Libraries of a file that count, the first ones in the order of their bytes.
const MOST_LIBRARIES: usize = 16;

/// The tokens of a trace, in the order of their bytes, each once.
pub fn tokens(trace: &Trace) -> BTreeSet<String> {
    let mut tokens = question(trace);
    tokens.extend(outcome(trace));
    tokens
}

/// What is known of a review before it: the task, where the file lies and what it uses.
fn question(trace: &Trace) -> BTreeSet<String> {
    let path = trace.file_path.as_str();
    let mut tokens = BTreeSet::from([
        format!("task:{}", trace.task_class),
        format!("area:{}", file_prefix(path)),
        format!("file:{path}"),
        format!("signal:{}", trace.signal_class),
    ]);
    let (dirs, name) = path.rsplit_once('/').unwrap_or(("", path));
    if !dirs.is_empty() {
        tokens.insert(format!("dir:{dirs}"));
    }
    if let Some((_, ending)) = name.rsplit_once('.') {
        tokens.insert(format!("ending:{ending}"));
    }
    tokens.extend(trace.kb_chunks.iter().map(|chunk| format!("chunk:{}", chunk.source)));
    let libraries: BTreeSet<&String> = trace.bridge_libraries.iter().collect();
    tokens.extend(libraries.into_iter().take(MOST_LIBRARIES).map(|name| format!("library:{name}")));
    tokens
}

/// What only its end tells.
fn outcome(trace: &Trace) -> BTreeSet<String> {
    let mut tokens = BTreeSet::new();
    for attempt in &trace.ladder_attempts {
        let end = if attempt.accepted { "accepted" } else { "rejected" };
        tokens.insert(format!("attempt:{}:{}:{end}", attempt.rung, attempt.model));
    }
    tokens.extend(trace.sub_pipeline_calls.iter().map(|call| format!("call:{call}")));
    tokens.extend(trace.semantic_flags.iter().map(|flag| format!("flag:{flag}")));
    tokens.extend(trace.bug_fingerprints.iter().map(|print| format!("bug:{}", print.pattern_key)));
    tokens
}

/// Each token adds 1 to the bucket that the first byte of its SHA-256 names, modulo 32; then the vector is brought
/// to length 1, and each number is rounded to six decimals.
pub fn vector(tokens: &BTreeSet<String>) -> [f64; BUCKETS] {
    unit(&counts(tokens))
}

type Counts = [u32; BUCKETS];

fn counts(tokens: &BTreeSet<String>) -> Counts {
    let mut counts = [0; BUCKETS];
    for token in tokens {
        counts[usize::from(sha256_first(token.as_bytes())) % BUCKETS] += 1;
    }
    counts
}

fn unit(counts: &Counts) -> [f64; BUCKETS] {
    let length = f64::from(counts.iter().map(|n| n * n).sum::<u32>()).sqrt();
    counts.map(|n| if n == 0 { 0.0 } else { round(f64::from(n) / length, 1e6) })
}

/// The cosine of two vectors, 0 to 1, to four decimals.
pub fn similarity(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths == 0.0 { 0.0 } else { round((dot(a, b) / lengths).clamp(0.0, 1.0), 1e4) }
}

/// How alike a review that is to be asked for is to a remembered one, if it goes the same way. Of `asked` only what
/// is known before counts.
pub fn alike(asked: &Question, remembered: &Trace) -> f64 {
    // No token of a question is one of an outcome, so their counts add up.
    let end = counts(&outcome(remembered));
    let plus = |counts: &Counts| unit(&std::array::from_fn(|at| counts[at] + end[at]));
    similarity(&plus(&asked.0), &plus(&counts(&question(remembered))))
}

/// A question, taken apart once for all that it is compared with.
#[derive(Debug, Clone)]
pub struct Question(Counts);

impl Question {
    /// Of a review that is to be asked for.
    pub fn of(asked: &Trace) -> Self {
        Self(counts(&question(asked)))
    }
}

/// Half goes up, as it does in most languages when it is spelled out like this.
fn round(value: f64, places: f64) -> f64 {
    (value * places + 0.5).floor() / places
}

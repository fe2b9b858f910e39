//! Ready-made answers.

use queue_schema::jobs::facts::FactsStage;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A review in Markdown that the `structured` policy accepts: a score, three numbered suggestions,
/// each with a quote and a confidence. The quotes are made up; see [`markdown_review_quoting`].
pub fn markdown_review(file: &str) -> String {
    let quotes = ["let value = input.parse();", "fn handle(input: &str) {", "return Ok(());"];
    markdown_review_quoting(file, &quotes)
}

/// As [`markdown_review`], with lines of the real file as quotes, one suggestion for each.
pub fn markdown_review_quoting(file: &str, quotes: &[&str]) -> String {
    let claims = [
        ("The error of the parser is dropped", "return the error to the caller", 85),
        ("The input has no bound", "refuse input over the documented limit", 75),
        ("Success is reported before the write is known to be done", "await the write", 92),
    ];
    let mut review = format!(
        "## Score\nAlignment score: 7/10\n\nReview of `{file}` as a whole.\n\n## Suggested changes\n"
    );
    for (n, quote) in quotes.iter().enumerate() {
        let (claim, change, confidence) = claims[n % claims.len()];
        let _ = write!(
            review,
            "{}. **{claim}** (Confidence: {confidence}%)\n   - Where: `{file}`\n   - Quote: `{}`\n   \
             - Change: {change}\n",
            n + 1,
            quote.trim()
        );
    }
    review
        .push_str("\n## Contradictions\nNone. The file was checked against every passage given.\n");
    review
}

/// Lines of the file that a review prompt shows, fit to be quoted; at most `n`.
pub fn quotes_from(prompt: &str, n: usize) -> Vec<String> {
    let mut lines = prompt.lines();
    let Some(fence) = lines.find_map(|line| {
        let (fence, label) = line.strip_prefix("<<<")?.split_once(' ')?;
        matches!(label, "file" | "notes on the file").then_some(fence)
    }) else {
        return Vec::new();
    };
    let end = format!("{fence}>>>");
    let mut seen = std::collections::BTreeSet::new();
    lines
        .take_while(|line| *line != end)
        .map(str::trim)
        .filter(|line| !line.starts_with("path: "))
        .filter(|line| line.len() >= 12 && !line.contains('`') && seen.insert(*line))
        .take(n)
        .map(str::to_owned)
        .collect()
}

/// As [`quotes_from`], without comments: a finding about a comment alone holds nothing up.
pub fn code_quotes_from(prompt: &str, n: usize) -> Vec<String> {
    const COMMENTS: [&str; 5] = ["//", "#", "/*", "*", "\"\"\""];
    let is_code = |line: &String| !COMMENTS.iter().any(|mark| line.starts_with(mark));
    quotes_from(prompt, usize::MAX).into_iter().filter(is_code).take(n).collect()
}

/// A forensic answer: a pass that rests on verified components.
pub fn forensic_pass() -> String {
    let verified = entry("The parser returns its errors to the caller", 95);
    forensic("pass", &[("verified_components", vec![verified])]).to_string()
}

/// A forensic answer that asks for a patch.
pub fn forensic_needs_patch() -> String {
    forensic(
        "needs_patch",
        &[
            ("critical_failures", vec![entry("The error of the parser is dropped", 88)]),
            ("required_next_actions", vec![entry("Return the error to the caller", 88)]),
        ],
    )
    .to_string()
}

/// Notes on one shard.
pub fn shard_summary() -> String {
    "`handle(input: &str) -> Result<(), Error>` parses one line and stores it; \
     `Store { path: PathBuf, limit: usize }`. Invariant: `limit` is never 0. Errors are returned \
     with `?`. One TODO: \"bound the input\"."
        .to_owned()
}

/// An answer that no policy accepts: too short, no structure.
pub fn thin() -> String {
    "Looks fine to me.".to_owned()
}

/// Three lines of a review that a small model writes over and over.
pub fn round() -> String {
    "- Where: `src/main.rs`\n- Quote: `let value = input.parse();`\n- Change: return the error\n"
        .to_owned()
}

/// A review that gives away that its writer saw only a part.
pub fn leaked(file: &str) -> String {
    markdown_review(file).replace("as a whole", "based on shard 3 of 7")
}

fn entry(text: &str, confidence: u8) -> Value {
    json!({"text": text, "quote": "let value = input.parse()?;", "confidence": confidence,
        "evidence": "the `?` on the only call of parse()", "flags": []})
}

fn forensic(verdict: &str, filled: &[(&str, Vec<Value>)]) -> Value {
    let mut answer = json!({
        "verdict": verdict, "alignment_score": 8,
        "critical_failures": [], "pseudocode_flags": [], "prd_mismatches": [],
        "broken_pipelines": [], "missing_components": [], "risk_points": [],
        "verified_components": [], "required_next_actions": [],
    });
    for (name, entries) in filled {
        answer[*name] = json!(entries);
    }
    answer
}

/// Which call of fact extraction a system message belongs to.
pub fn facts_stage(system: &str) -> Option<FactsStage> {
    if system.contains("take out what it says of that file") {
        Some(FactsStage::Extract)
    } else if system.contains("You check statements about one source file") {
        Some(FactsStage::Verify)
    } else {
        None
    }
}

/// Two facts, two entities and how they belong together.
pub fn facts() -> String {
    json!({
        "entities": [
            {"name": "parse", "kind": "function"},
            {"name": "Input", "kind": "type"},
        ],
        "facts": ["`parse` drops the error of the parser", "`parse` has no bound on its input"],
        "relationships": [{"from": "parse", "relation": "reads", "to": "Input"}],
    })
    .to_string()
}

/// A verification of [`facts`]: the first one holds, the second does not.
pub fn verification() -> String {
    "1: supported, by the only call of parse()\n2: unsupported, the length is checked\n\nThe first \
     statement holds."
        .to_owned()
}

/// A good answer to a call of fact extraction; none for other calls.
pub fn facts_or(system: &str) -> Option<String> {
    Some(match facts_stage(system)? {
        FactsStage::Extract => facts(),
        FactsStage::Verify => verification(),
    })
}

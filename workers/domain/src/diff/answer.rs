//! What a reviewer says of a bundle: an answer, judged and read.

use super::bundle::Bundle;
use super::patch::Sign;
use super::place::placed;
use super::read::{Read, json, text as lines_of};
use crate::accept::{Answer, COPIED, EMPTY, cut, refusal, went_round, without_markers};
use crate::clean::clean;
use crate::material::Material;
use crate::parse;
use queue_schema::rows::{DiffRemark, DiffReview, DiffSeverity, DiffVerdict, Outcome};

/// Remarks of one answer that are kept: a model that runs away says more.
const MOST_REMARKS: usize = 100;

/// What a reviewer says of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opinion {
    /// What it would do with the change.
    pub verdict: DiffVerdict,
    /// What it says beside that; empty for nothing.
    pub note: String,
    /// It gave no verdict, and this one follows from its findings.
    pub derived: bool,
    /// All that it says, in its order, what it took back and what it found right included.
    pub remarks: Vec<DiffRemark>,
    /// The answer was cut: these are its finished findings.
    pub cut: bool,
}

impl Opinion {
    /// The opinion that a row holds.
    pub fn of(row: &DiffReview) -> Self {
        Self {
            verdict: row.verdict,
            note: row.verdict_note.clone(),
            derived: row.verdict_derived,
            remarks: row.remarks.clone(),
            cut: row.cut,
        }
    }

    /// The remarks that say that something is wrong, and stand by it.
    pub fn findings(&self) -> impl Iterator<Item = &DiffRemark> {
        self.remarks.iter().filter(|remark| remark.counts())
    }
}

/// Judges an answer about a bundle. `fence` is the marker around material in the prompt; empty when there was none.
///
/// # Errors
/// When it says nothing, declines, only repeats what it was given, or was cut before it said anything.
pub fn judge(
    answer: &Answer<'_>,
    bundle: &Bundle,
    fence: &str,
) -> Result<Opinion, (Outcome, String)> {
    let text = clean(answer.text);
    let text = text.trim();
    refusal(&Answer { text, ..*answer })?;
    if text.is_empty() {
        return Err((Outcome::Thin, EMPTY.to_owned()));
    }
    if let Some(piece) = answer.truncated.then(|| went_round(text)).flatten() {
        return Err((Outcome::Truncated, format!("{piece}; say each thing once, and stop")));
    }
    let text = without_markers(text, fence, &bundle.text)?;
    let text = text.trim();
    let sides = sides(bundle);
    let material = Material::of(sides.iter().map(String::as_str));
    if material.holds_all_of(text) {
        return Err((Outcome::Malformed, COPIED.to_owned()));
    }
    let mut read = read(text, answer.truncated, &material);
    read.said.truncate(MOST_REMARKS);
    if read.said.is_empty() {
        return nothing_found(text, read, answer.truncated);
    }
    let remarks = placed(read.said, bundle);
    let derived = read.verdict.is_none();
    let (verdict, note) = read.verdict.unwrap_or_else(|| (derive(&remarks), String::new()));
    Ok(Opinion { verdict, note, derived, remarks, cut: answer.truncated })
}

fn read(text: &str, truncated: bool, material: &Material) -> Read {
    if !truncated {
        return json(text, material).unwrap_or_else(|| lines_of(text, false));
    }
    if text.trim_start_matches("```json").trim_start().starts_with('{') {
        return json(&cut::finished(text), material).unwrap_or_default();
    }
    lines_of(text.rsplit_once('\n').map_or("", |(whole, _)| whole), true)
}

/// An answer without a finding: that there is none, or nothing at all.
fn nothing_found(text: &str, read: Read, truncated: bool) -> Result<Opinion, (Outcome, String)> {
    if truncated {
        let chars = text.chars().count();
        let reason = format!(
            "cut at the token limit after {chars} characters; be shorter, most important findings first"
        );
        return Err((Outcome::Truncated, reason));
    }
    match read.verdict {
        Some((verdict @ DiffVerdict::Ship, note)) => {
            Ok(Opinion { verdict, note, ..Opinion::default() })
        }
        Some((verdict, _)) => {
            let reason = format!(
                "the verdict is {}, but there is no finding: say what has to change",
                verdict.as_str()
            );
            Err((Outcome::Malformed, reason))
        }
        None if parse::is_clean_review(text) => Ok(Opinion { derived: true, ..Opinion::default() }),
        None => {
            let reason = "neither a finding nor a verdict; answer in the required form";
            Err((Outcome::Thin, reason.to_owned()))
        }
    }
}

/// The verdict that follows from what is said.
pub(super) fn derive(remarks: &[DiffRemark]) -> DiffVerdict {
    let gravest = remarks.iter().filter(|remark| remark.counts()).map(|remark| remark.severity);
    match gravest.max() {
        Some(DiffSeverity::Block) => DiffVerdict::Hold,
        Some(DiffSeverity::Warn) => DiffVerdict::ShipWithFixes,
        Some(DiffSeverity::Info) | None => DiffVerdict::Ship,
    }
}

/// The texts of a bundle without numbers and signs: for each file what it is now, and what it was.
fn sides(bundle: &Bundle) -> Vec<String> {
    let mut out = Vec::new();
    for file in &bundle.files {
        for not in [Sign::Removed, Sign::Added] {
            let lines = file.hunks.iter().flat_map(|hunk| &hunk.lines).filter(|l| l.sign != not);
            let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(&line.text)).collect();
            out.push(lines.join("\n"));
        }
    }
    out
}

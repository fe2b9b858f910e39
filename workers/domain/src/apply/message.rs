//! What stands in a commit.

use super::parse::Patch;
use crate::text::{clip_marked, counted, one_line};
use scrum_shown::shown;
use std::fmt::Write as _;

/// Characters of a rationale that are kept.
const RATIONALE: usize = 300;

/// Where a commit comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The sweep.
    pub sweep: &'a str,
    /// The review.
    pub review: &'a str,
    /// `provider/model` that proposed the patches.
    pub model: &'a str,
    /// The run of the applier.
    pub run: &'a str,
    /// The test that is new with the commit.
    pub test: Option<&'a str>,
}

/// The message of the commit of one file. What a model or a repository wrote is put on one line each,
/// behind a dash, and made safe to show: it can't pass for a trailer, and `git log` shows all of it.
pub fn commit(file: &str, patches: &[&Patch], origin: &Origin<'_>) -> String {
    let n = counted(patches.len(), "high-confidence fix", "high-confidence fixes");
    let mut out = format!("auto-apply: {n} in {}\n\n", seen(file));
    for patch in patches {
        let rationale = clip_marked(&seen(&patch.rationale), RATIONALE);
        let confidence = patch.confidence.map(|c| format!(" ({c} %)")).unwrap_or_default();
        let _ = writeln!(out, "- {rationale}{confidence}");
    }
    if let Some(test) = origin.test {
        let _ = write!(out, "\n{} fails without this change and passes with it.\n", seen(test));
    }
    let Origin { sweep, review, model, run, .. } = origin;
    let _ = write!(
        out,
        "\nScrum-Sweep: {sweep}\nScrum-Review: {review}\nScrum-Model: {}\nScrum-Run: {run}\n",
        seen(model)
    );
    out
}

fn seen(text: &str) -> String {
    one_line(&shown(text))
}

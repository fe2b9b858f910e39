//! The texts of comments. Only what this file itself writes is markup.

use super::inert::{inert_line, inert_text, span};
use super::marker::Marker;
use super::{Finding, Publication, State};
use crate::text::{clip_marked, counted};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Characters of a finding's title.
const TITLE: usize = 300;
/// Characters of the text of a finding.
const BODY: usize = 4_000;
/// Characters of a line above the findings.
const NOTE: usize = 500;
/// Lines above the findings.
const MOST_NOTES: usize = 40;
/// Characters kept free for the mark and for what is left out.
const KEPT_FREE: usize = 12_000;
/// Fingerprints that the mark of a summary lists.
const MOST_MARKED: usize = 300;

/// What a finding's comment is known by.
pub const FINDING: &str = "finding";
/// What a summary is known by.
pub const SUMMARY: &str = "summary";

/// The comment of a finding at its line.
pub fn inline(finding: &Finding, publication: &Publication) -> String {
    let marker = Marker::new(FINDING)
        .with("c", &publication.context)
        .with("f", &finding.fingerprint)
        .with("q", &finding.about)
        .with("h", &publication.head);
    format!("{}\n{}\n\n{}", marker.written(), title(finding), text(finding))
}

/// The same comment once its finding is gone.
pub fn gone(old: &str, publication: &Publication) -> String {
    let marker = Marker::read(old).unwrap_or_default().with("gone", &publication.head);
    let rest = old.trim_start().split_once('\n').map_or("", |(_, rest)| rest);
    let short = span(&short(&publication.head));
    format!("{}\n**Gone** in {short}.\n\n{}", marker.written(), rest.trim_start())
}

/// A summary whose mark says that the status could not be set: the next publishing finds it other than it should be, and
/// tries again.
pub fn without_status(summary: &str) -> String {
    let marker = Marker::read(summary).unwrap_or_default().with("status", "unset");
    let rest = summary.trim_start().split_once('\n').map_or("", |(_, rest)| rest);
    format!("{}\n{rest}", marker.written())
}

/// What has become of the findings, for the summary.
#[derive(Debug, Clone, Default)]
pub struct Placed {
    /// Commented at their lines, and the comment is still there and open.
    pub inline: BTreeSet<String>,
    /// All that were ever commented at a line.
    pub posted: BTreeSet<String>,
    /// Whose line the forge refused.
    pub refused: BTreeSet<String>,
    /// Comments of ours whose findings are gone.
    pub gone: usize,
}

/// The summary, of at most `most` characters.
pub fn summary(publication: &Publication, placed: &Placed, most: usize) -> String {
    let list = |names: &BTreeSet<String>| {
        names.iter().take(MOST_MARKED).map(String::as_str).collect::<Vec<_>>().join(",")
    };
    let marker = Marker::new(SUMMARY)
        .with("c", &publication.context)
        .with("h", &publication.head)
        .with("posted", &list(&placed.posted))
        .with("refused", &list(&placed.refused));
    let word = match publication.state {
        State::Passed => "Passed",
        State::Failed => "Held up",
        State::Unreviewed => "Not reviewed enough",
    };
    let mut out =
        format!("{}\n### Review: {word}\n\n{}\n", marker.written(), note(&publication.headline));
    for line in publication.notes.iter().take(MOST_NOTES) {
        let _ = writeln!(out, "- {}", note(line));
    }
    let (mut length, mut left_out) = (out.chars().count(), 0);
    for finding in &publication.findings {
        let piece = listed(finding, placed.inline.contains(&finding.fingerprint));
        let chars = piece.chars().count();
        if length + chars + KEPT_FREE > most {
            left_out += 1;
            continue;
        }
        length += chars;
        out.push_str(&piece);
    }
    if left_out > 0 {
        let left_out = counted(left_out, "finding is", "findings are");
        let _ = writeln!(out, "\n{left_out} left out here: the comment would be too long.");
    }
    if placed.gone > 0 {
        let gone = counted(placed.gone, "finding", "findings");
        let _ = writeln!(out, "\n{gone} of earlier reviews: not there any more.");
    }
    let _ = writeln!(out, "\nReviewed: {}", span(&short(&publication.head)));
    out
}

/// A finding in the summary: one line when it has a comment, else all of it.
fn listed(finding: &Finding, has_comment: bool) -> String {
    let place = match finding.line {
        Some(line) => span(&format!("{}:{line}", finding.path)),
        None => span(&finding.path),
    };
    let head = format!("\n{} · {place}", title(finding));
    if has_comment {
        format!("{head} · see the comment\n")
    } else {
        format!("{head}\n\n{}\n", text(finding))
    }
}

fn title(finding: &Finding) -> String {
    let severity = finding.severity.label();
    format!("**{severity}** {}", inert_title(finding))
}

/// A title as it stands in comments; by it one that has lost its mark is known.
pub(super) fn inert_title(finding: &Finding) -> String {
    inert_line(&clip_marked(&finding.title, TITLE))
}

fn text(finding: &Finding) -> String {
    let names: Vec<String> = finding.reviewers.iter().map(|name| span(name)).collect();
    let who = if finding.convergent() {
        format!("Said by {}.", names.join(", "))
    } else {
        format!("Said by {} alone.", names.join(""))
    };
    let body = inert_text(&finding.body, BODY);
    if body.is_empty() { who } else { format!("{body}\n\n{who}") }
}

fn note(line: &str) -> String {
    inert_line(&clip_marked(line, NOTE))
}

fn short(commit: &str) -> String {
    commit.chars().take(12).collect()
}

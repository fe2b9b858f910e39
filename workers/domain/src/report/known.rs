//! How the findings of a sweep stand against those of the sweeps before.

use super::SweepReport;
use super::escape::escape;
use super::finding::place_of;
use crate::text::{clip_marked, counted};
use queue_schema::rows::metrics::Known;
use queue_schema::rows::{Finding, FindingState, ReviewRow};
use std::fmt::Write as _;

/// Characters of the claim of a finding that is gone.
const CLAIM_SHOWN: usize = 120;
/// Findings of a file that are gone and named.
const GONE_SHOWN: usize = 20;

/// What a finding is called that was there before; a new one needs no word.
pub(super) const fn word(state: FindingState) -> Option<&'static str> {
    match state {
        FindingState::New => None,
        FindingState::Open => Some("known"),
        FindingState::Changed => Some("known, its code has changed"),
        FindingState::Reopened => Some("reopened"),
        FindingState::Dismissed => Some("dismissed"),
        FindingState::Fixed => Some("fixed"),
    }
}

/// The numbers of a sweep: those that it counted, or those of its rows.
pub fn of(report: &SweepReport, rows: Known) -> Known {
    report.metrics.as_ref().map_or(rows, |metrics| metrics.numbers.known)
}

/// `2 new, 3 still open, 1 gone; 1 dismissed is left out`; `None` where nothing was there before.
pub fn in_words(known: &Known) -> Option<String> {
    let news = known.new + known.reopened;
    if known.still_open() + known.fixed + known.dismissed + known.reopened == 0 {
        return None;
    }
    let mut said = format!("{news} new, {} still open, {} gone", known.still_open(), known.fixed);
    if known.reopened > 0 {
        let _ = write!(said, "; {} of the new reopened", known.reopened);
    }
    if known.unrepeated > 0 {
        let _ = write!(said, "; {} of the open not said again", known.unrepeated);
    }
    if known.dismissed > 0 {
        let are = if known.dismissed == 1 { "is" } else { "are" };
        let _ = write!(said, "; {} dismissed {are} left out", known.dismissed);
    }
    Some(said)
}

/// What a file's page says besides its findings: sentences, then those that are gone.
pub(super) fn lines(row: &ReviewRow) -> (Vec<String>, Vec<String>) {
    let mut said = Vec::new();
    let dismissed = |f: &&Finding| f.state == Some(FindingState::Dismissed);
    if let n @ 1.. = row.findings.iter().filter(dismissed).count() {
        let some = counted(n, "finding that a person dismissed is", "dismissed findings are");
        said.push(format!("{some} left out"));
    }
    if let n @ 1.. = row.findings_unrepeated {
        let some = counted(n as usize, "open finding was", "open findings were");
        said.push(format!("{some} not said again"));
    }
    let gone = row.findings_gone.iter().take(GONE_SHOWN).map(|gone| {
        let at = place_of(&row.file, gone.line, None);
        format!("{} (was at {at})", clip_marked(&gone.text, CLAIM_SHOWN))
    });
    let mut gone: Vec<String> = gone.collect();
    let more = row.findings_gone.len() - gone.len();
    gone.extend((more > 0).then(|| format!("and {more} more")));
    (said, gone)
}

/// The same in Markdown.
pub(super) fn section(out: &mut String, row: &ReviewRow) {
    let (said, gone) = lines(row);
    for line in said {
        let _ = writeln!(out, "{}\n", escape(&line));
    }
    if !gone.is_empty() {
        let list: Vec<String> = gone.iter().map(|line| format!("- {}", escape(line))).collect();
        let _ = writeln!(out, "Gone since the review before:\n\n{}\n", list.join("\n"));
    }
}

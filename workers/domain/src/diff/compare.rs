//! What is new since the review of the head before, what is still there, and what is gone.

use super::alike::Claim;
use super::tally::{Group, Tally, apart};
use crate::checks::squeezed;
use crate::findings::{Likeness, Older, matching_by_all};
use crate::pathway::identifiers;
use queue_schema::rows::{DiffFinding, DiffRemark, FindingState};
use std::collections::BTreeMap;

/// Says of each finding whether it is new; one that was there keeps its identity. Returns those that are gone: not
/// the ones of which nobody could say now whether they are, as those in a file that is left out.
pub fn compare(
    before: &[DiffFinding],
    tally: &mut Tally,
    left_out: &[(String, String)],
) -> Vec<DiffFinding> {
    // A finding has a row for each number of reviewers that it had; the last one counts.
    let latest: BTreeMap<&str, &DiffFinding> =
        before.iter().map(|row| (row.id.as_str(), row)).collect();
    let known = latest.into_values().filter(|row| row.state != Some(FindingState::Fixed));
    let mut by_path: BTreeMap<Option<&str>, Vec<&DiffFinding>> = BTreeMap::new();
    for row in known {
        by_path.entry(row.remark.path.as_deref()).or_default().push(row);
    }
    let mut gone = Vec::new();
    for group in &mut tally.findings {
        group.state = Some(FindingState::New);
    }
    for (path, old) in by_path {
        let mut now: Vec<&mut Group> =
            tally.findings.iter_mut().filter(|g| g.remark.path.as_deref() == path).collect();
        let news: Vec<Likeness> = now.iter().map(|group| likeness(&group.remark)).collect();
        let olds: Vec<Older> =
            old.iter().map(|row| Older::new(likeness(&row.remark), None)).collect();
        let found = matching_by_all(&olds, &news);
        for (group, at) in now.iter_mut().zip(&found) {
            if let Some(row) = at.and_then(|at| old.get(at)) {
                (group.id, group.state) = (row.id.clone(), Some(FindingState::Open));
            }
        }
        let lost = (0..old.len()).filter(|at| !found.contains(&Some(*at))).map(|at| old[at]);
        let seen = !left_out.iter().any(|(left, _)| Some(left.as_str()) == path);
        let judged = lost.filter(|row| seen && !tally.unreviewed.contains(&row.bundle));
        gone.extend(
            judged.map(|row| DiffFinding { state: Some(FindingState::Fixed), ..row.clone() }),
        );
    }
    // One that was there keeps its identity, whatever else is said now in the same words.
    let mut all: Vec<&mut Group> = tally.findings.iter_mut().collect();
    all.sort_by_key(|group| group.state != Some(FindingState::Open));
    apart(all.into_iter());
    gone
}

/// What a remark is known again by. Its lines are left out: between two heads they move.
fn likeness(remark: &DiffRemark) -> Likeness {
    let claim = Claim::new(remark);
    Likeness {
        code: remark.quote.as_deref().map_or_else(|| squeezed(&remark.what), squeezed),
        names: identifiers(&remark.what),
        symbol: remark.symbol.clone(),
        pattern: None,
        words: claim.words().clone(),
        lines: None,
    }
}

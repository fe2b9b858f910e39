//! Which reviews may become patches. The reviews of a sweep may be more than fit into memory: they are shown
//! to a [`Selector`] one by one.

use super::paths::PathRules;
use queue_schema::rows::{AuditVerdict, Finding, ReviewRow};
use serde::Serialize;
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

/// Reviews that were passed over whose reason is kept.
const REASONS_KEPT: usize = 10;

/// What a review must be like.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria {
    /// Least mean confidence, in percent.
    pub min_conf: u8,
    /// Least confidence of any finding, in percent.
    pub min_each: u8,
    /// Whether findings count that nothing confirms.
    pub unconfirmed: bool,
    /// Whether a test has to prove them: then those count that nothing confirms yet.
    pub prove: bool,
    /// Which paths may be changed.
    pub paths: PathRules,
    /// Files of one run at most.
    pub max_files: usize,
}

/// Why a review is passed over.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedOver {
    /// Its tier is too low.
    Tier(String),
    /// Its mean confidence is too low, or it has none.
    Mean(Option<f64>),
    /// One of its findings is too unsure.
    Least(Option<u8>),
    /// Nothing confirms any of its findings.
    Unconfirmed,
    /// An audit rejected all that could be applied.
    Rejected,
    /// The path may not be changed, for this reason.
    Denied(String),
    /// Others were better, and a run has room for so many.
    NoRoom(usize),
}

impl std::fmt::Display for PassedOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tier(tier) => write!(f, "its tier is {tier}"),
            Self::Mean(Some(avg)) => write!(f, "its mean confidence is {avg:.0} %"),
            Self::Mean(None) | Self::Least(None) => f.write_str("it gives no confidence"),
            Self::Least(Some(min)) => write!(f, "its least confidence is {min} %"),
            Self::Unconfirmed => f.write_str(
                "none of its findings is confirmed (apply.unconfirmed = true takes them all the same)",
            ),
            Self::Rejected => f.write_str("an audit rejected its findings"),
            Self::Denied(why) => write!(f, "its path {why}"),
            Self::NoRoom(most) => write!(f, "the best {most} were taken"),
        }
    }
}

/// A review that is sure enough.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The review.
    pub review_id: String,
    /// Path of its file.
    pub file: String,
    /// The content that was reviewed.
    pub blob: String,
    /// Mean confidence, in percent.
    pub confidence_avg: f64,
    /// The finding to prove first: its place in the review, and the claim. Only for a run that proves findings.
    #[serde(skip)]
    pub claim: Option<(u32, String)>,
}

impl Candidate {
    /// Best mean confidence first; of equals, by path.
    fn rank(&self, other: &Self) -> Ordering {
        let sure = other.confidence_avg.total_cmp(&self.confidence_avg);
        sure.then_with(|| self.file.cmp(&other.file))
    }
}

/// Reviews for a run, and those that it leaves alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Selection {
    /// Reviews that were looked at.
    pub looked_at: usize,
    /// Best first.
    pub chosen: Vec<Candidate>,
    /// How many others there are.
    pub passed_over: usize,
    /// The first of the others with the reason: by path those that are not sure enough, then, best first,
    /// those that there was no room for.
    pub reasons: Vec<(String, PassedOver)>,
}

/// Chooses among the reviews of a sweep, which has one review of a file.
#[derive(Debug)]
pub struct Selector<'a> {
    criteria: &'a Criteria,
    looked_at: usize,
    /// Best first: those that a run has room for, and as many more as reasons are kept.
    sure: Vec<Candidate>,
    /// By path, the first of them.
    unsure: BTreeMap<String, PassedOver>,
}

impl<'a> Selector<'a> {
    /// One that has seen nothing.
    pub fn new(criteria: &'a Criteria) -> Self {
        Self { criteria, looked_at: 0, sure: Vec::new(), unsure: BTreeMap::new() }
    }

    /// Looks at a review.
    pub fn look(&mut self, row: &ReviewRow) {
        self.looked_at += 1;
        match judge(row, self.criteria) {
            Ok(candidate) => {
                let at = self.sure.partition_point(|other| other.rank(&candidate).is_lt());
                self.sure.insert(at, candidate);
                self.sure.truncate(self.criteria.max_files + REASONS_KEPT);
            }
            Err(why) => {
                self.unsure.insert(row.file.clone(), why);
                if self.unsure.len() > REASONS_KEPT {
                    self.unsure.pop_last();
                }
            }
        }
    }

    /// What all of them come to.
    pub fn end(mut self) -> Selection {
        let most = self.criteria.max_files;
        let rest = self.sure.split_off(most.min(self.sure.len()));
        let rest = rest.into_iter().map(|c| (c.file, PassedOver::NoRoom(most)));
        let reasons = self.unsure.into_iter().chain(rest).take(REASONS_KEPT).collect();
        Selection {
            looked_at: self.looked_at,
            passed_over: self.looked_at - self.sure.len(),
            chosen: self.sure,
            reasons,
        }
    }
}

/// Whether a finding may become a patch. What an audit upheld is confirmed by that, and what it rejected is never applied.
pub fn is_patched(finding: &Finding, unconfirmed: bool) -> bool {
    let confirmed = finding.is_confirmed() || finding.is_audited(AuditVerdict::Upheld);
    finding.kind.is_actionable()
        && !finding.is_audited(AuditVerdict::Rejected)
        && (unconfirmed || confirmed)
}

fn judge(row: &ReviewRow, criteria: &Criteria) -> Result<Candidate, PassedOver> {
    if let Some(why) = criteria.paths.refusal(&row.file) {
        return Err(PassedOver::Denied(why));
    }
    if !matches!(row.gradient_tier.as_str(), "auto" | "dry_run") {
        return Err(PassedOver::Tier(row.gradient_tier.clone()));
    }
    let mean = row.confidence_avg.filter(|avg| *avg >= f64::from(criteria.min_conf));
    let confidence_avg = mean.ok_or(PassedOver::Mean(row.confidence_avg))?;
    if row.confidence_min.is_none_or(|min| min < criteria.min_each) {
        return Err(PassedOver::Least(row.confidence_min));
    }
    let unconfirmed = criteria.unconfirmed || criteria.prove;
    if !row.findings.iter().any(|f| is_patched(f, unconfirmed)) {
        let mut asks = row.findings.iter().filter(|f| f.kind.is_actionable()).peekable();
        let rejected = asks.peek().is_some() && asks.all(|f| f.is_audited(AuditVerdict::Rejected));
        return Err(if rejected { PassedOver::Rejected } else { PassedOver::Unconfirmed });
    }
    Ok(Candidate {
        review_id: row.review_id.clone(),
        file: row.file.clone(),
        blob: row.blob.clone(),
        confidence_avg,
        claim: if criteria.prove { to_prove(row) } else { None },
    })
}

/// The finding of a review that is to be proven: one whose place is known, the gravest, the surest, the first.
fn to_prove(row: &ReviewRow) -> Option<(u32, String)> {
    let some = (0_u32..).zip(&row.findings).filter(|(_, f)| is_patched(f, true));
    let best = some.min_by_key(|(n, f)| (!f.anchored, f.gravity(), Reverse(f.confidence), *n))?;
    Some((best.0, best.1.text.clone()))
}

#[cfg(test)]
mod tests;

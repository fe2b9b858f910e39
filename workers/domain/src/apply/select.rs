//! Which reviews may become patches.

use super::paths::PathRules;
use queue_schema::rows::ReviewRow;
use std::collections::BTreeMap;

/// What a review must be like.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria {
    /// Least mean confidence, in percent.
    pub min_conf: u8,
    /// Least confidence of any finding, in percent.
    pub min_each: u8,
    /// Which paths may be changed.
    pub paths: PathRules,
    /// Files of one run at most.
    pub max_files: usize,
}

/// Why a review is passed over.
#[derive(Debug, Clone, PartialEq)]
pub enum PassedOver {
    /// Its tier is too low.
    Tier(String),
    /// Its mean confidence is too low, or it has none.
    Mean(Option<f64>),
    /// One of its findings is too unsure.
    Least(Option<u8>),
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
            Self::Denied(why) => write!(f, "its path {why}"),
            Self::NoRoom(most) => write!(f, "the best {most} were taken"),
        }
    }
}

/// Reviews for a run, best first, and those that it leaves alone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selection<'a> {
    /// Best mean confidence first; of equals, by path.
    pub chosen: Vec<&'a ReviewRow>,
    /// The others, by path, with the reason.
    pub passed_over: Vec<(&'a ReviewRow, PassedOver)>,
}

/// Chooses among the latest reviews of each file.
pub fn select<'a>(rows: &'a [ReviewRow], criteria: &Criteria) -> Selection<'a> {
    let mut latest: BTreeMap<&str, &ReviewRow> = BTreeMap::new();
    for row in rows {
        let kept = latest.entry(&row.file).or_insert(row);
        if row.reviewed_at > kept.reviewed_at {
            *kept = row;
        }
    }
    let mut out = Selection::default();
    for row in latest.into_values() {
        match reason(row, criteria) {
            Some(why) => out.passed_over.push((row, why)),
            None => out.chosen.push(row),
        }
    }
    // Stable: of equals the first by path.
    out.chosen.sort_by(|a, b| {
        b.confidence_avg.unwrap_or(0.0).total_cmp(&a.confidence_avg.unwrap_or(0.0))
    });
    if out.chosen.len() > criteria.max_files {
        let rest = out.chosen.split_off(criteria.max_files);
        out.passed_over
            .extend(rest.into_iter().map(|r| (r, PassedOver::NoRoom(criteria.max_files))));
    }
    out
}

fn reason(row: &ReviewRow, criteria: &Criteria) -> Option<PassedOver> {
    if let Some(why) = criteria.paths.refusal(&row.file) {
        return Some(PassedOver::Denied(why));
    }
    if !matches!(row.gradient_tier.as_str(), "auto" | "dry_run") {
        return Some(PassedOver::Tier(row.gradient_tier.clone()));
    }
    if row.confidence_avg.is_none_or(|avg| avg < f64::from(criteria.min_conf)) {
        return Some(PassedOver::Mean(row.confidence_avg));
    }
    if row.confidence_min.is_none_or(|min| min < criteria.min_each) {
        return Some(PassedOver::Least(row.confidence_min));
    }
    None
}

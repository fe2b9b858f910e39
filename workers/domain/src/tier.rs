//! What may be done with a review, by the confidences of its findings.

use queue_schema::limits::TierLimits;
use queue_schema::rows::{Finding, ReviewRow};

/// What may be done with a review.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tiers {
    /// Least confidence of all findings; `None` without any.
    pub min: Option<u8>,
    /// Mean confidence of all findings; `None` without any.
    pub avg: Option<f64>,
    /// auto | `dry_run` | simulation | block, from the least.
    pub tier: &'static str,
    /// The same, from the mean.
    pub tier_avg: &'static str,
}

/// The gradient tier of a review.
///
/// `min` and `avg` are plain statistics of every confidence given, as readers of the row expect.
/// The tiers are stricter: each is the lower of what all findings say and of what the anchored
/// ones alone say. A finding whose quote is not in the file can thus lower a tier (with a low
/// confidence) and never raise one, and a review without any anchored confidence is blocked.
/// Where the calibrated confidence counts, it is what the tiers go by, of findings that have one.
pub fn tier(findings: &[Finding], limits: TierLimits) -> Tiers {
    let told: Vec<u8> = findings.iter().filter_map(|f| f.confidence).collect();
    let worth = |f: &Finding| match f.confidence_calibrated {
        Some(worth) if limits.calibrated => Some(worth),
        _ => f.confidence,
    };
    let all: Vec<u8> = findings.iter().filter_map(worth).collect();
    let anchored: Vec<u8> = findings.iter().filter(|f| f.anchored).filter_map(worth).collect();
    let least = |v: &[u8]| v.iter().min().copied().map(f64::from);
    let lower = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a.min(b));
    let most = highest(findings);
    Tiers {
        min: told.iter().min().copied(),
        avg: mean(&told),
        tier: at_most(name(lower(least(&all), least(&anchored)), limits), most),
        tier_avg: at_most(name(lower(mean(&all), mean(&anchored)), limits), most),
    }
}

/// The tiers of a review once more, where a test has proven one of its findings since they were told; the others stay
/// as they are.
pub fn renew(row: &mut ReviewRow, limits: TierLimits) {
    if row.findings.iter().any(|f| f.proven.is_some()) {
        let tiers = tier(&row.findings, limits);
        tiers.tier.clone_into(&mut row.gradient_tier);
        tiers.tier_avg.clone_into(&mut row.gradient_tier_avg);
    }
}

/// The tiers, lowest first.
const TIERS: [&str; 4] = ["block", "simulation", "dry_run", "auto"];

/// The highest tier that findings may have whatever their confidence, which is a reviewer's word on itself: `auto`
/// needs each of them confirmed, one whose confidence can't be read may be unsure, and one that fails a check by
/// program blocks all.
fn highest(findings: &[Finding]) -> &'static str {
    let mut acted_on = findings.iter().filter(|f| f.kind.is_actionable());
    if findings.iter().any(|f| !f.checks.is_empty()) {
        "block"
    } else if findings.iter().any(|f| f.confidence_unreadable) {
        "simulation"
    } else if acted_on.all(Finding::is_confirmed) {
        "auto"
    } else {
        "dry_run"
    }
}

/// The lower of two tiers.
fn at_most(tier: &'static str, most: &'static str) -> &'static str {
    let rank = |name: &str| TIERS.iter().position(|t| *t == name).unwrap_or(0);
    if rank(tier) > rank(most) { most } else { tier }
}

fn mean(values: &[u8]) -> Option<f64> {
    let sum: f64 = values.iter().map(|v| f64::from(*v)).sum();
    (!values.is_empty()).then(|| sum / values.len() as f64)
}

fn name(confidence: Option<f64>, limits: TierLimits) -> &'static str {
    match confidence {
        Some(c) if c >= f64::from(limits.auto) => "auto",
        Some(c) if c >= f64::from(limits.dry_run) => "dry_run",
        Some(c) if c >= f64::from(limits.simulation) => "simulation",
        _ => "block",
    }
}

#[cfg(test)]
mod tests;

//! Confidences held against the truth.

use super::{Label, count};
use queue_schema::rows::calibration::ReliabilityBin;

/// Width of a bin, in percentage points; the last one holds 100 as well.
const WIDTH: u8 = 10;

/// Mean square of the difference between confidence and truth, 0 to 1; 0 without a label.
pub fn brier(labels: &[Label]) -> f64 {
    let square = |label: &Label| (f64::from(label.confidence) / 100.0 - truth(*label)).powi(2);
    mean(labels.iter().map(square))
}

/// Expected calibration error, in percentage points: the differences of the bins, each by its share of the labels.
pub fn ece(labels: &[Label]) -> f64 {
    let all = labels.len().max(1) as f64;
    let part = |bin: &ReliabilityBin| f64::from(bin.labels) / all * (bin.said - bin.right).abs();
    bins(labels).iter().map(part).sum()
}

/// The reliability table: the bins that hold a label, ascending.
pub fn bins(labels: &[Label]) -> Vec<ReliabilityBin> {
    let bin = |from: u8| {
        let to = if from + WIDTH >= 100 { 100 } else { from + WIDTH - 1 };
        let within = labels.iter().filter(move |l| (from..=to).contains(&l.confidence));
        let n = within.clone().count();
        (n > 0).then(|| ReliabilityBin {
            from,
            to,
            labels: count(n),
            said: mean(within.clone().map(|l| f64::from(l.confidence))),
            right: 100.0 * mean(within.map(|label| truth(*label))),
        })
    };
    (0..100).step_by(WIDTH.into()).filter_map(bin).collect()
}

fn truth(label: Label) -> f64 {
    f64::from(u8::from(label.right))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (n, sum) = values.fold((0_u32, 0.0), |(n, sum), value| (n + 1, sum + value));
    sum / f64::from(n.max(1))
}

//! What the confidences of a model are worth: how they compare with what its findings proved to be, and a monotone
//! map from what it says to how often it is right.
//!
//! A judged finding is a [`Label`]. [`measure`] compares confidences with labels, [`isotonic`] and [`platt`] fit a
//! curve, [`labels`] says what judges a finding. Under [`Bounds::least`] labels nothing is fitted.

pub mod isotonic;
pub mod labels;
pub mod measure;
pub mod platt;

use queue_schema::rows::Finding;
use queue_schema::rows::calibration::{MapMethod, ReliabilityBin};
use queue_schema::sweep::{MapStep, ModelMap};

/// Parts of the labels, each of which is measured behind a map that the others make.
const FOLDS: usize = 5;

/// A finding of which is known whether it was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// What its model said, in percent.
    pub confidence: u8,
    /// Whether it was right.
    pub right: bool,
}

/// How many labels it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// For a map at all.
    pub least: u32,
    /// For isotonic regression; with fewer it is Platt scaling.
    pub isotonic_from: u32,
}

/// What the labels of a model come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrated {
    /// How many there are.
    pub labels: u32,
    /// How many were right.
    pub right: u32,
    /// Brier score of the confidences, 0 to 1.
    pub brier: f64,
    /// Their expected calibration error, in percentage points.
    pub ece: f64,
    /// The reliability table.
    pub bins: Vec<ReliabilityBin>,
    /// The map; `None` under [`Bounds::least`] labels.
    pub map: Option<Map>,
}

/// A map, and what it does to findings that it was not made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// How it was made.
    pub method: MapMethod,
    /// Ascending in both; the first one is from 0.
    pub steps: Vec<MapStep>,
    /// Brier score behind it.
    pub brier: f64,
    /// Expected calibration error behind it, in percentage points.
    pub ece: f64,
}

/// Compares the confidences of a model with the truth, and makes its map where there are enough labels. Their order
/// does not matter.
pub fn calibrate(labels: &[Label], bounds: Bounds) -> Calibrated {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    let n = count(labels.len());
    let map = (n >= bounds.least.max(1)).then(|| {
        let method = if n >= bounds.isotonic_from { MapMethod::Isotonic } else { MapMethod::Platt };
        let behind = held_out(&labels, method);
        let (brier, ece) = (measure::brier(&behind), measure::ece(&behind));
        Map { method, steps: fit(&labels, method), brier, ece }
    });
    Calibrated {
        labels: n,
        right: count(labels.iter().filter(|label| label.right).count()),
        brier: measure::brier(&labels),
        ece: measure::ece(&labels),
        bins: measure::bins(&labels),
        map,
    }
}

/// The map of some labels, which are sorted; nothing without one.
fn fit(labels: &[Label], method: MapMethod) -> Vec<MapStep> {
    let (Some(first), Some(last)) = (labels.first(), labels.last()) else { return Vec::new() };
    let (low, high) = (first.confidence, last.confidence);
    let curve: Box<dyn Fn(u8) -> f64> = match method {
        MapMethod::Isotonic => {
            let blocks = isotonic::blocks(labels);
            Box::new(move |said| isotonic::at(&blocks, said))
        }
        MapMethod::Platt => {
            let line = platt::fit(labels);
            Box::new(move |said| line.at(said))
        }
    };
    let mut steps: Vec<MapStep> = Vec::new();
    for from in 0..=100_u8 {
        // Of what nobody has said yet nothing is known: it is not raised.
        let seen = curve(from.clamp(low, high));
        let worth = if from < low { seen.min(f64::from(from) / 100.0) } else { seen };
        let to = (worth.clamp(0.0, 1.0) * 100.0).round() as u8;
        let to = steps.last().map_or(to, |before| before.to.max(to));
        if steps.last().is_none_or(|before| before.to != to) {
            steps.push(MapStep { from, to });
        }
    }
    steps
}

/// The labels with what a map of the others makes of their confidences.
fn held_out(labels: &[Label], method: MapMethod) -> Vec<Label> {
    let part = |fold: usize, inside: bool| -> Vec<Label> {
        let all = labels.iter().enumerate();
        all.filter(|(i, _)| (i % FOLDS == fold) == inside).map(|(_, label)| *label).collect()
    };
    let behind = (0..FOLDS).flat_map(|fold| {
        let map = map_of("", &part(fold, false), method);
        let of = move |label: Label| Label { confidence: map.worth(label.confidence), ..label };
        part(fold, true).into_iter().map(of)
    });
    behind.collect()
}

fn map_of(model: &str, labels: &[Label], method: MapMethod) -> ModelMap {
    ModelMap { model: model.to_owned(), labels: count(labels.len()), steps: fit(labels, method) }
}

/// Writes beside what a model said of each finding what that is worth, where there is a map of it.
pub fn apply(findings: &mut [Finding], maps: &[ModelMap], model: &str) {
    let Some(map) = maps.iter().find(|map| map.model == model) else { return };
    for finding in findings {
        finding.confidence_calibrated = finding.confidence.map(|said| map.worth(said));
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;

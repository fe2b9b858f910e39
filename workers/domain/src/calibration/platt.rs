//! Platt scaling: a logistic curve over the log-odds of the confidence. Two numbers, so that it takes few labels.

use super::Label;

/// Steps of Newton's method at most; it ends long before.
const MOST_STEPS: usize = 100;
/// A step that changes less ends it.
const ENOUGH: f64 = 1e-9;
/// How strongly the slope is held at 1, in labels: confidences that are all the same say nothing of it.
const HELD: f64 = 1.0;
/// The odds of 0 % and of 100 % have no end.
const EDGE: f64 = 0.01;

/// The curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    /// Slope; never below 0.
    pub slope: f64,
    /// Offset.
    pub offset: f64,
}

impl Curve {
    /// Its value at a confidence in percent, 0 to 1.
    pub fn at(&self, said: u8) -> f64 {
        logistic(self.slope * log_odds(said) + self.offset)
    }
}

/// The most likely curve, with the targets that Platt gives: no label counts as entirely right or wrong.
pub fn fit(labels: &[Label]) -> Curve {
    let right = labels.iter().filter(|label| label.right).count() as f64;
    let wrong = labels.len() as f64 - right;
    let (high, low) = ((right + 1.0) / (right + 2.0), 1.0 / (wrong + 2.0));
    let points: Vec<(f64, f64)> = labels
        .iter()
        .map(|label| (log_odds(label.confidence), if label.right { high } else { low }))
        .collect();
    let free = newton(&points, Curve { slope: 1.0, offset: 0.0 }, false);
    // Surer when it is wrong: then its confidence tells nothing, and the curve is flat.
    if free.slope < 0.0 { newton(&points, Curve { slope: 0.0, offset: 0.0 }, true) } else { free }
}

/// Newton's method, each step halved until it does not make things worse.
fn newton(points: &[(f64, f64)], from: Curve, flat: bool) -> Curve {
    let mut curve = from;
    let mut cost = loss(points, curve, flat);
    for _ in 0..MOST_STEPS {
        let (mut ga, mut gb) = (if flat { 0.0 } else { HELD * (curve.slope - 1.0) }, 0.0);
        let (mut haa, mut hab, mut hbb) = (HELD, 0.0, 1e-12);
        for (x, target) in points {
            let p = logistic(curve.slope * x + curve.offset);
            let (error, weight) = (p - target, p * (1.0 - p));
            gb += error;
            hbb += weight;
            if !flat {
                ga += error * x;
                haa += weight * x * x;
                hab += weight * x;
            }
        }
        let det = haa * hbb - hab * hab;
        let (da, db) = ((hbb * ga - hab * gb) / det, (haa * gb - hab * ga) / det);
        let mut part = 1.0;
        let next = loop {
            let next = Curve { slope: curve.slope - part * da, offset: curve.offset - part * db };
            let then = loss(points, next, flat);
            if then <= cost || part < ENOUGH {
                cost = then;
                break next;
            }
            part /= 2.0;
        };
        let moved = (next.slope - curve.slope).abs() + (next.offset - curve.offset).abs();
        curve = next;
        if moved < ENOUGH {
            break;
        }
    }
    curve
}

fn loss(points: &[(f64, f64)], curve: Curve, flat: bool) -> f64 {
    let of = |(x, target): &(f64, f64)| {
        let z = curve.slope * x + curve.offset;
        // log(1 + e^z) without running over.
        z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z
    };
    let held = if flat { 0.0 } else { HELD / 2.0 * (curve.slope - 1.0).powi(2) };
    points.iter().map(of).sum::<f64>() + held
}

fn log_odds(said: u8) -> f64 {
    let p = (f64::from(said) / 100.0).clamp(EDGE, 1.0 - EDGE);
    (p / (1.0 - p)).ln()
}

fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

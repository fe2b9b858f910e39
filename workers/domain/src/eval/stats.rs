//! Shares and means with intervals, and the test of two runs over the same cases.

use crate::random::Random;
use serde::{Deserialize, Serialize};

/// Samples that an interval is taken from.
const ROUNDS: usize = 1_000;
/// The seed of the samples: the same cases have the same intervals.
const SEED: u64 = 0x5C2_0E7A;
/// Ends of an interval that are nearer than this are one number.
const ALIKE: f64 = 1e-9;
/// Of a normal distribution, what 95 % lie within.
const Z: f64 = 1.96;

/// A number with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Figure {
    /// The number; null where there is nothing to divide by.
    pub value: Option<f64>,
    /// The lower end of its interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// What is counted of a group of cases that are not independent: those of one file.
pub type Part = (f64, f64);

/// A sum by another one, such as hits by seeded files, with an interval by resampling whole groups. Samples that all
/// come out alike say nothing of how far off they may be: then Wilson's interval stands instead for a share, what lies
/// between 0 and 1 (`is_share`), and none for another number.
pub fn ratio(groups: &[Part], is_share: bool) -> Figure {
    let value = divided(groups.iter().copied());
    let mut samples = resampled(groups, |drawn| divided(drawn.iter().copied()));
    let (mut low, mut high) = ends(&mut samples);
    if low.zip(high).is_none_or(|(low, high)| high - low < ALIKE) {
        let n: f64 = groups.iter().map(|(_, of)| of).sum();
        (low, high) = value.filter(|_| is_share).map(|value| wilson(value, n)).unzip();
    }
    Figure { value, low, high }
}

/// How much larger one ratio is than another one over the same groups. There is no interval where samples say nothing of
/// how far off it may be: of a single group with something in it, and where all of them come out alike but not at 0.
pub fn difference(groups: &[(Part, Part)]) -> Figure {
    let of = |drawn: &[(Part, Part)]| {
        let one = divided(drawn.iter().map(|(one, _)| *one))?;
        Some(one - divided(drawn.iter().map(|(_, other)| *other))?)
    };
    let value = of(groups);
    let mut samples = resampled(groups, of);
    let (low, high) = ends(&mut samples);
    let alike = low.zip(high).is_none_or(|(low, high)| high - low < ALIKE);
    let count = |((_, one), (_, other)): &&(Part, Part)| *one > 0.0 || *other > 0.0;
    let few = groups.iter().filter(count).count() < 2;
    if few || (alike && value.is_none_or(|value| value.abs() > ALIKE)) {
        return Figure { value, ..Figure::default() };
    }
    Figure { value, low, high }
}

/// What comes of samples of as many groups as there are, each drawn from all of them.
fn resampled<T: Copy>(groups: &[T], of: impl Fn(&[T]) -> Option<f64>) -> Vec<f64> {
    let mut random = Random::new(SEED);
    let sample = |_| {
        let drawn = (0..groups.len()).map(|_| groups[random.below(groups.len())]);
        of(&drawn.collect::<Vec<_>>())
    };
    (0..ROUNDS).filter_map(sample).collect()
}

fn divided(parts: impl Iterator<Item = Part>) -> Option<f64> {
    let (sum, of) = parts.fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
    (of > 0.0).then(|| sum / of)
}

/// The middle 95 % of some samples.
fn ends(samples: &mut [f64]) -> (Option<f64>, Option<f64>) {
    samples.sort_by(f64::total_cmp);
    let cut = samples.len() / 40;
    let high = samples.len().checked_sub(cut + 1);
    (samples.get(cut).copied(), high.and_then(|at| samples.get(at)).copied())
}

/// Wilson's interval of a share of `n`.
fn wilson(share: f64, n: f64) -> (f64, f64) {
    let (z2, spread) = (Z * Z, share * (1.0 - share) / n + Z * Z / (4.0 * n * n));
    let (middle, half) = (share + z2 / (2.0 * n), Z * spread.sqrt());
    let scale = 1.0 + z2 / n;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

/// McNemar's exact test: how likely it is by chance alone that of `a + b` cases on which two runs differ one has
/// as few or as many as `a`.
pub fn mcnemar(a: u64, b: u64) -> f64 {
    let n = a + b;
    // The logarithm of the number of ways to choose k of n, k after k, less that of 2^n.
    let mut log = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = log.exp();
    for k in 1..=a.min(b) {
        log += ((n - k + 1) as f64 / k as f64).ln();
        tail += log.exp();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_the_number_and_narrows_with_the_cases() {
        let some = |n: usize| {
            let groups: Vec<Part> = (0..n).map(|i| (f64::from(i % 4 != 0), 1.0)).collect();
            ratio(&groups, true)
        };
        let (few, many) = (some(20), some(400));
        for figure in [few, many] {
            assert_eq!(figure.value, Some(0.75));
            assert!(figure.low < Some(0.75) && Some(0.75) < figure.high, "{figure:?}");
        }
        let width = |f: Figure| f.high.unwrap() - f.low.unwrap();
        assert!(width(many) < width(few) / 2.0, "{few:?} {many:?}");
        assert_eq!(some(20), few, "the same cases have the same interval");
    }

    #[test]
    fn a_share_without_spread_has_the_interval_of_wilson() {
        let all = ratio(&[(1.0, 1.0); 10], true);
        assert_eq!((all.value, all.high), (Some(1.0), Some(1.0)));
        assert!((all.low.unwrap() - 0.722).abs() < 0.001, "{all:?}");
        assert_eq!(ratio(&[], true), Figure::default());
        assert_eq!(ratio(&[(1.0, 0.0)], false).value, None);
        let half = ratio(&[(1.0, 2.0); 5], true);
        let (low, high) = (half.low.unwrap(), half.high.unwrap());
        assert!((low - 0.2366).abs() < 1e-4 && (high - 0.7634).abs() < 1e-4, "{half:?}");
        let alike = ratio(&[(2.0, 1.0); 3], false);
        assert_eq!((alike.value, alike.low, alike.high), (Some(2.0), None, None));
    }

    #[test]
    fn cases_of_one_file_are_drawn_together() {
        let single: Vec<Part> = (0..40).map(|i| (f64::from(i % 2), 1.0)).collect();
        let clumped: Vec<Part> = (0..4).map(|i| (10.0 * f64::from(i % 2), 10.0)).collect();
        let width = |f: Figure| f.high.unwrap() - f.low.unwrap();
        assert!(width(ratio(&clumped, true)) > 1.5 * width(ratio(&single, true)));
    }

    #[test]
    fn two_runs_differ_by_more_than_chance_or_not() {
        assert!((mcnemar(0, 0) - 1.0).abs() < 1e-9);
        assert!((mcnemar(5, 5) - 1.0).abs() < 1e-9);
        // 2 * (1 + 10) / 2^10, and 2 / 2^5.
        assert!((mcnemar(1, 9) - 22.0 / 1024.0).abs() < 1e-9, "{}", mcnemar(1, 9));
        assert!((mcnemar(5, 0) - 0.0625).abs() < 1e-9);
        assert!(mcnemar(40_000, 41_000) < 0.001 && mcnemar(20_000, 20_000) > 0.9);
        let same = difference(&[((1.0, 2.0), (1.0, 2.0)), ((2.0, 2.0), (2.0, 2.0))]);
        assert_eq!((same.value, same.low, same.high), (Some(0.0), Some(0.0), Some(0.0)));
        let all = ((1.0, 1.0), (0.0, 1.0));
        for (groups, value) in [
            (&[((2.0, 4.0), (0.0, 4.0))][..], 0.5),
            (&[((1.0, 2.0), (1.0, 2.0))], 0.0),
            (&[((1.0, 2.0), (1.0, 2.0)), ((0.0, 0.0), (0.0, 0.0))], 0.0),
            (&[all, all], 1.0),
        ] {
            let one = difference(groups);
            assert_eq!((one.value, one.low, one.high), (Some(value), None, None), "{groups:?}");
        }
        let spread = difference(&[all, ((0.0, 1.0), (0.0, 1.0))]);
        assert_eq!((spread.low, spread.high), (Some(0.0), Some(1.0)));
    }
}

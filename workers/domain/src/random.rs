//! Numbers that follow a distribution, the same ones for the same seed: what is drawn from them is as reproducible as
//! anything else here.

/// Trials that are drawn one by one; more come from the normal distribution that they approach.
const ONE_BY_ONE: u64 = 40;

/// A stream of numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits (SplitMix64).
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Whole, from 0 and below `n`; 0 for none.
    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.bits() % n.max(1) as u64).unwrap_or(0)
    }

    /// Uniform, above 0 and below 1.
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Normal, with mean 0 and deviation 1.
    pub fn normal(&mut self) -> f64 {
        let (radius, turn) = (self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    }

    /// Gamma of scale 1 (Marsaglia and Tsang).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let part = self.uniform().powf(1.0 / shape);
            return self.gamma(shape + 1.0) * part;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Beta: a share between 0 and 1.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (a, b) = (self.gamma(a.max(1e-3)), self.gamma(b.max(1e-3)));
        if a + b > 0.0 { a / (a + b) } else { 0.5 }
    }

    /// How many of `n` trials succeed.
    pub fn binomial(&mut self, n: u64, p: f64) -> u64 {
        if n <= ONE_BY_ONE {
            return (0..n).map(|_| u64::from(self.uniform() < p)).sum();
        }
        let mean = n as f64 * p;
        let drawn = mean + self.normal() * (mean * (1.0 - p)).max(0.0).sqrt();
        (drawn.round().max(0.0) as u64).min(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_the_stream_of_splitmix64() {
        let mut random = Random::new(0);
        let first = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f_u64];
        assert_eq!(first, [random.bits(), random.bits(), random.bits()]);
        let below =
            |n| (0..200).map(|_| random.below(n)).collect::<std::collections::BTreeSet<_>>();
        assert_eq!([0, 1, 5].map(below).map(|seen| seen.len()), [1, 1, 5]);
    }

    /// How far the shares of drawn numbers below some bound are from those of the distribution, at most.
    fn farthest(draw: impl FnMut() -> f64, below: fn(f64) -> f64) -> f64 {
        let mut drawn: Vec<f64> = std::iter::repeat_with(draw).take(DRAWN).collect();
        drawn.sort_by(f64::total_cmp);
        let off = |(i, x): (usize, f64)| (i as f64 / DRAWN as f64 - below(x)).abs();
        drawn.into_iter().enumerate().map(off).fold(0.0, f64::max)
    }

    const DRAWN: usize = 3000;

    #[test]
    fn drawn_numbers_follow_their_distributions() {
        let mut random = Random::new(1);
        let arcsine = |x: f64| x.sqrt().asin() * std::f64::consts::FRAC_2_PI;
        for (name, off) in [
            ("uniform", farthest(|| random.uniform(), |x| x)),
            ("gamma 1", farthest(|| random.gamma(1.0), |x| 1.0 - (-x).exp())),
            ("gamma 2", farthest(|| random.gamma(2.0), |x| 1.0 - (1.0 + x) * (-x).exp())),
            ("beta 1 1", farthest(|| random.beta(1.0, 1.0), |x| x)),
            ("beta 1/2 1/2", farthest(|| random.beta(0.5, 0.5), arcsine)),
            ("beta 2 1", farthest(|| random.beta(2.0, 1.0), |x| x * x)),
        ] {
            // By chance it is more than 1.36 by the root of 3000 for one seed in twenty.
            assert!(off < 0.025, "{name}: {off}");
        }
        // A share of nothing is a share all the same.
        assert!((0..50).all(|_| (0.0..=1.0).contains(&random.beta(0.0, 0.0))));
    }

    #[test]
    fn trials_succeed_as_often_as_they_should_and_differ_as_much() {
        let mut random = Random::new(1);
        for (n, p) in [(7, 0.3), (40, 0.1), (41, 0.9), (1000, 0.5), (1000, 1.0), (9, 0.0)] {
            let drawn: Vec<f64> = (0..2000).map(|_| random.binomial(n, p) as f64).collect();
            let mean = drawn.iter().sum::<f64>() / 2000.0;
            let spread = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2000.0;
            let (want, differs) = (n as f64 * p, n as f64 * p * (1.0 - p));
            assert!((mean - want).abs() <= 0.06 * differs.sqrt(), "{n} {p}: {mean}");
            // What is rounded differs by a twelfth more.
            assert!((spread - differs).abs() <= 0.08 * differs + 0.1, "{n} {p}: {spread}");
            assert!(drawn.iter().all(|x| *x <= n as f64));
        }
    }
}

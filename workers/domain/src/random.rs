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

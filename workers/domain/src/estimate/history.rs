//! What the ledgers of earlier sweeps tell of the next one: how often an answer is accepted, how long answers are, what a
//! call costs; and how much that differs from call to call and from sweep to sweep.

use queue_schema::ledger::{Asked, Counts, Ledger};

/// How much the share of one sweep differs from that of another where too few tell, as a correlation.
const USUAL_CORRELATION: f64 = 0.02;
/// The same of means, as the variance of their logarithms.
const USUAL_BETWEEN: f64 = 0.02;
/// Sweeps that the usual differences weigh as much as.
const USUAL_WEIGHT: f64 = 2.0;
/// Variation from call to call where no squares were counted.
const USUAL_WITHIN: f64 = 0.25;

/// A sweep that is over.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Its ledger.
    pub ledger: Ledger,
    /// Whether facts were extracted.
    pub facts: bool,
    /// Whether findings were confirmed.
    pub confirm: bool,
    /// Whether findings were audited.
    pub audit: bool,
    /// Milliseconds from its beginning to its end.
    pub wall_ms: u64,
}

/// What one sweep counted of something: a sum over so many cases, perhaps with the sum of squares.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sum {
    /// Cases.
    pub n: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares; 0 where it was not counted.
    pub squares: f64,
}

/// A share between 0 and 1, as far as it is known: a beta distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Expected share.
    pub mean: f64,
    /// How well it is known: as if so many cases had told it.
    pub strength: f64,
}

/// A positive mean, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// Expected mean.
    pub mean: f64,
    /// Deviation of the logarithm of the next sweep's mean.
    pub between: f64,
    /// Deviation of one case, by the mean.
    pub within: f64,
}

/// A share from how many of how many there were in each sweep, and from what is taken for granted before.
pub fn share(seen: &[(f64, f64)], prior: Share) -> Share {
    let seen: Vec<(f64, f64)> = seen.iter().copied().filter(|(_, n)| *n > 0.0).collect();
    let (k, n) = seen.iter().fold((0.0, 0.0), |(k, n), of| (k + of.0, n + of.1));
    let mean = (k + prior.mean * prior.strength) / (n + prior.strength);
    let sweeps = seen.len() as f64;
    let spread = mean * (1.0 - mean);
    // Sweeps differ by more than chance: the intraclass correlation, by the method of moments.
    let excess: f64 = seen.iter().map(|(k, n)| n * (k / n - mean).powi(2)).sum::<f64>()
        / spread.max(1e-9)
        - (sweeps - 1.0);
    let squares: f64 = seen.iter().map(|(_, n)| n * n).sum();
    let room = n - squares / n.max(1.0) - (sweeps - 1.0);
    let told = if sweeps >= 2.0 && room > 0.0 { (excess / room).clamp(0.0, 0.5) } else { 0.0 };
    let told_by = if sweeps >= 2.0 { sweeps } else { 0.0 };
    let correlation =
        (told * told_by + USUAL_CORRELATION * USUAL_WEIGHT) / (told_by + USUAL_WEIGHT);
    let own = correlation / sweeps.max(1.0);
    let variance = 1.0 / (n + prior.strength + 1.0) + correlation + own;
    Share { mean, strength: (1.0 / variance - 1.0).max(0.5) }
}

/// A mean from the sums of each sweep; `None` where nothing was counted.
pub fn mean(seen: &[Sum]) -> Option<Mean> {
    let seen: Vec<Sum> = seen.iter().copied().filter(|of| of.n > 0.0 && of.sum > 0.0).collect();
    let (cases, sum) = seen.iter().fold((0.0, 0.0), |(n, s), of| (n + of.n, s + of.sum));
    if cases <= 0.0 {
        return None;
    }
    let mean = sum / cases;
    // Sweeps of before counted no squares.
    let counted = seen.iter().filter(|of| of.squares > 0.0);
    let (n, sum, squares) =
        counted.fold((0.0, 0.0, 0.0), |(n, s, q), of| (n + of.n, s + of.sum, q + of.squares));
    let within = if n > 1.0 {
        let of = sum / n;
        ((squares / n - of * of).max(0.0) * n / (n - 1.0) / (of * of)).clamp(0.0, 9.0)
    } else {
        USUAL_WITHIN
    };
    let logs: Vec<f64> = seen.iter().map(|of| (of.sum / of.n).ln()).collect();
    let sweeps = logs.len() as f64;
    let middle = logs.iter().sum::<f64>() / sweeps;
    let told = if sweeps >= 2.0 {
        let spread = logs.iter().map(|log| (log - middle).powi(2)).sum::<f64>() / (sweeps - 1.0);
        let chance = seen.iter().map(|of| within / of.n).sum::<f64>() / sweeps;
        (spread - chance).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let told_by = if sweeps >= 2.0 { sweeps } else { 0.0 };
    let between = (told * told_by + USUAL_BETWEEN * USUAL_WEIGHT) / (told_by + USUAL_WEIGHT);
    let variance = between * (1.0 + 1.0 / sweeps) + within / cases;
    Some(Mean { mean, between: variance.sqrt(), within: within.sqrt() })
}

/// The counters of one task of a sweep, of one model or of all; the built-in checks are no model.
pub fn counted(past: &Past, task: &str, model: Option<&str>) -> Counts {
    let is_it = |asked: &Asked| {
        asked.task == task
            && model.map_or(asked.provider != "builtin", |model| {
                format!("{}/{}", asked.provider, asked.model) == model
            })
    };
    let mut all = Counts::new();
    for (_, counts) in past.ledger.iter().filter(|(asked, _)| is_it(asked)) {
        for (metric, n) in counts {
            let sum = all.entry(metric.clone()).or_default();
            *sum = sum.saturating_add(*n);
        }
    }
    all
}

/// A counter.
pub fn n(counts: &Counts, metric: &str) -> f64 {
    counts.get(metric).copied().unwrap_or(0) as f64
}

/// Calls that were answered.
pub fn answered(counts: &Counts) -> f64 {
    let calls = counts.iter().filter(|(metric, _)| metric.starts_with("ms:"));
    calls.map(|(_, n)| *n as f64).sum()
}

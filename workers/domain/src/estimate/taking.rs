//! What calls of one kind take: tokens, dollars, time.

use super::history::{self, Mean, Past, Sum, answered, counted, n};
use crate::random::Random;
use queue_schema::ledger::Counts;
use queue_schema::sweep::Rung;

/// What a prompt has of the tokens that are guessed of it, where nothing is known of its model.
const READ: Mean = Mean { mean: 1.0, between: 0.15, within: 0.2 };
/// How unsure a guess is: deviation of its logarithm.
const UNSURE: f64 = 0.5;

/// Dollars for a token of a prompt, and of an answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Price(f64, f64);

impl Price {
    pub(super) fn is_known(self) -> bool {
        self.0 + self.1 > 0.0
    }

    /// What tokens cost: as calls of before did, else by the prices of rungs.
    fn of(counted: &[Counts], rungs: &[&Rung]) -> Self {
        let total = |metric: &str| counted.iter().map(|c| n(c, metric)).sum::<f64>();
        let (read, written) = (total("tokens_in"), total("tokens_out"));
        let usd = total("cost_micro_usd") / 1e6;
        let priced: Vec<&&Rung> = rungs.iter().filter(|rung| rung.has_price()).collect();
        let each = |of: fn(&Rung) -> Option<f64>| {
            let sum: f64 = priced.iter().map(|rung| of(rung).unwrap_or(0.0)).sum();
            sum / 1e6 / (priced.len().max(1)) as f64
        };
        let told = Self(each(|r| r.usd_per_million_in), each(|r| r.usd_per_million_out));
        if usd <= 0.0 || read + written <= 0.0 {
            return told;
        }
        let would = read * told.0 + written * told.1;
        if would > 0.0 {
            return Self(told.0 * usd / would, told.1 * usd / would);
        }
        Self(usd / (read + written), usd / (read + written))
    }
}

/// What calls of one kind take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taking {
    /// Tokens of a prompt: by a guessed one, or by a call.
    pub(super) tokens_in: Mean,
    /// Tokens of an answer.
    pub(super) tokens_out: Mean,
    pub(super) price: Price,
    /// Milliseconds of an answered call; none where nothing tells.
    ms: Option<Mean>,
    /// Calls that are made again, for each that is not.
    again: f64,
    /// Share of the calls that are answered.
    answered: f64,
}

impl Taking {
    /// Those of a rung, whose prompts are known but for how its model counts them. Answers are guessed to have so many
    /// tokens.
    pub(super) fn of_rung(past: &[Past], task: &str, rung: &Rung, written: f64) -> Self {
        let name = rung.name();
        let all: Vec<Counts> = past.iter().map(|past| counted(past, task, Some(&name))).collect();
        let read =
            all.iter().map(|c| Sum { n: n(c, "asked"), sum: n(c, "tokens_in"), squares: 0.0 });
        let read = history::mean(&read.collect::<Vec<_>>()).unwrap_or(READ);
        Self { tokens_in: read, ..Self::counted(&all, &[rung], (1.0, written)) }
    }

    /// Those of a task, whoever does it. Prompts and answers are guessed to have so many tokens.
    pub(super) fn of_task(past: &[Past], task: &str, rungs: &[&Rung], guess: (f64, f64)) -> Self {
        let all: Vec<Counts> = past.iter().map(|past| counted(past, task, None)).collect();
        Self::counted(&all, rungs, guess)
    }

    /// Without any ledger.
    pub(super) fn guessed(read: f64, written: f64) -> Self {
        Self::counted(&[], &[], (read, written))
    }

    fn counted(all: &[Counts], rungs: &[&Rung], (read, written): (f64, f64)) -> Self {
        let guessed = |mean: f64| Mean { mean, between: UNSURE, within: UNSURE };
        let of = |metric: &str, squares: &str| {
            let sum =
                |c: &Counts| Sum { n: answered(c), sum: n(c, metric), squares: n(c, squares) };
            history::mean(&all.iter().map(sum).collect::<Vec<_>>())
        };
        let total = |metric: &str| all.iter().map(|c| n(c, metric)).sum::<f64>();
        // Kept answers take no call.
        let calls = (total("attempts") - total("cached")).max(0.0);
        let answers: f64 = all.iter().map(answered).sum();
        Self {
            tokens_in: of("tokens_in", "").unwrap_or(guessed(read)),
            tokens_out: of("tokens_out", "tokens_out_sq").unwrap_or(guessed(written)),
            price: Price::of(all, rungs),
            ms: of("ms", ""),
            again: if calls > 0.0 { total("transient") / calls } else { 0.0 },
            answered: if calls > 0.0 { (answers / calls).clamp(0.0, 1.0) } else { 1.0 },
        }
    }
}

/// What one drawn sweep takes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    pub(super) calls: f64,
    pub(super) tokens: f64,
    pub(super) usd: f64,
    /// Of all calls, one after the other.
    pub(super) ms: f64,
}

impl Taken {
    /// Adds so many calls, with means that are drawn; `read` is what their prompts have together, as `tokens_in` counts it.
    pub(super) fn add(&mut self, random: &mut Random, calls: f64, read: f64, of: &Taking) {
        let answered = calls * of.answered;
        let again = calls * of.again;
        let again = again + random.normal() * (again + (UNSURE * again).powi(2)).sqrt();
        let tokens_in = read * of.answered * drawn(random, of.tokens_in);
        let tokens_out = all_of(random, answered, of.tokens_out);
        self.calls += calls + again.round().max(0.0);
        self.tokens += tokens_in + tokens_out;
        self.usd += tokens_in * of.price.0 + tokens_out * of.price.1;
        self.ms += of.ms.map_or(0.0, |ms| all_of(random, answered, ms));
    }

    /// Adds so many calls without any chance; each is answered with so many tokens.
    pub(super) fn sure(&mut self, calls: f64, read: f64, written: f64, of: &Taking) {
        self.calls += calls;
        self.tokens += read + calls * written;
        self.usd += read * of.price.0 + calls * written * of.price.1;
    }

    #[must_use]
    pub(super) fn plus(self, other: &Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            tokens: self.tokens + other.tokens,
            usd: self.usd + other.usd,
            ..self
        }
    }
}

/// The sum over so many calls of one drawn sweep, which differ from call to call.
fn all_of(random: &mut Random, calls: f64, of: Mean) -> f64 {
    let spread = calls.sqrt() * of.within * random.normal();
    drawn(random, of) * (calls + spread).max(0.0)
}

/// The mean of one drawn sweep.
pub(super) fn drawn(random: &mut Random, of: Mean) -> f64 {
    let log = random.normal() * of.between - of.between * of.between / 2.0;
    of.mean * log.exp()
}

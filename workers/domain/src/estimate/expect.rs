//! What a sweep is expected to take: many sweeps are drawn from what the ledgers tell, climbs to later rungs, retries,
//! facts and confirmations included, and the middle four fifths of them are the range.

use super::history::{self, Mean, Past, Share, Sum, answered, counted, n};
use super::taking::{Taken, Taking, drawn};
use super::{Estimate, Load};
use crate::random::Random;
use queue_schema::sweep::{Basis, Expected, Rung, Span, SweepSpec};
use std::collections::BTreeSet;

/// Sweeps that are drawn.
const DRAWS: usize = 2000;
/// The seed of the draws: the same ledgers give the same range.
const SEED: u64 = 0x5eed_2026;
/// Shares of the drawn sweeps that take less than the ends of a range, and than what is likely.
const ENDS: [f64; 3] = [0.1, 0.5, 0.9];
/// Answered calls of the first rung that it takes to go by the ledgers.
pub const LEAST_ANSWERS: f64 = 10.0;

/// Dollars are told in millionths.
const MICRO: f64 = 1e6;

/// What is taken for granted of a rung that nothing is known of.
const ACCEPTED: Share = Share { mean: 0.8, strength: 2.0 };
/// Of the tokens that an answer may have at most.
const WRITTEN: f64 = 0.4;
/// Of the reviews, so many have findings that are put to a second call.
const CONFIRMED: f64 = 0.3;
/// Tokens of a short answer.
const SHORT: f64 = 200.0;
/// How unsure the number of calls is that follow a review, where nothing tells.
const UNSURE: f64 = 0.4;

/// A rung as the next sweep will meet it.
struct Step {
    name: String,
    free: bool,
    share: Share,
    load: Load,
    max_tokens: f64,
    /// Its prompts by their guessed tokens.
    taking: Taking,
}

/// Shards as the next sweep will read them.
struct Shards {
    /// Attempts for each that is accepted.
    tries: f64,
    /// Their prompts by their guessed tokens.
    taking: Taking,
}

/// Calls that accepted reviews are followed by: so many for each, which take so much.
struct Extra {
    rate: Mean,
    taking: Taking,
}

/// Everything that a draw goes by.
struct Model {
    files: u64,
    steps: Vec<Step>,
    shards: Shards,
    extras: Vec<Extra>,
    /// Milliseconds of calls that go by in one of the clock.
    speed: Option<Mean>,
}

/// What is expected of a sweep, from its files and from the ledgers of earlier ones.
pub fn expect(estimate: &Estimate<'_>, past: &[Past]) -> Expected {
    let spec = estimate.spec();
    let model = Model::of(estimate, past);
    let seen = |rung: &str| -> f64 {
        past.iter().map(|past| answered(&counted(past, "review", Some(rung)))).sum()
    };
    let paid: Vec<&Step> = model.steps.iter().filter(|step| !step.free).collect();
    let first = paid.first().map(|step| step.name.clone());
    let basis = match &first {
        Some(first) if seen(first) < LEAST_ANSWERS => Basis::Files,
        _ => Basis::Ledger,
    };
    let names = |of: &dyn Fn(&&&Step) -> bool| -> Vec<String> {
        let names: BTreeSet<String> =
            paid.iter().filter(|step| of(step)).map(|step| step.name.clone()).collect();
        names.into_iter().collect()
    };
    let unpriced = names(&|step| !step.taking.price.is_known());
    let rests_on = |past: &&Past| answered(&counted(past, "review", first.as_deref())) > 0.0;
    let [calls, tokens, usd, ms] = match basis {
        Basis::Ledger => model.ranges(),
        Basis::Files => model.bounds(spec),
    };
    let has_price = paid.iter().any(|step| step.taking.price.is_known());
    Expected {
        basis,
        sweeps: u32::try_from(past.iter().filter(rests_on).count()).unwrap_or(u32::MAX),
        files: estimate.files(),
        calls: rounded(calls, 1.0),
        tokens: rounded(tokens, 1.0),
        usd: has_price.then_some(rounded(usd, MICRO)),
        ms: model.speed.filter(|_| basis == Basis::Ledger).map(|_| rounded(ms, 1.0)),
        unknown: names(&|step| seen(&step.name) <= 0.0),
        unpriced,
    }
}

/// In whole parts of one.
fn rounded(span: Span, parts: f64) -> Span {
    let of = |n: f64| (n * parts).round() / parts;
    Span { low: of(span.low), likely: of(span.likely), high: of(span.high) }
}

impl Model {
    fn of(estimate: &Estimate<'_>, past: &[Past]) -> Self {
        let spec = estimate.spec();
        let limits = &spec.limits;
        let step = |(rung, load): (&Rung, &Load)| {
            let name = rung.name();
            let all: Vec<_> = past.iter().map(|p| counted(p, "review", Some(&name))).collect();
            let seen: Vec<(f64, f64)> =
                all.iter().map(|c| (n(c, "accepted"), n(c, "attempts"))).collect();
            let max_tokens = f64::from(rung.max_tokens.unwrap_or(limits.max_tokens));
            Step {
                free: rung.context_tokens == Some(Rung::ANY_CONTEXT),
                share: history::share(&seen, ACCEPTED),
                load: *load,
                max_tokens,
                taking: Taking::of_rung(past, "review", rung, WRITTEN * max_tokens),
                name,
            }
        };
        let shard_tokens = WRITTEN * f64::from(limits.shard_max_tokens);
        let shards: Vec<_> = past.iter().map(|past| counted(past, "shard", None)).collect();
        let total = |metric: &str| shards.iter().map(|c| n(c, metric)).sum::<f64>();
        let accepted = total("accepted");
        let first = spec.shard_ladder.rungs.first().or(spec.ladder.rungs.first());
        let speed = past.iter().map(|past| Sum {
            n: past.wall_ms as f64,
            sum: past.ledger.values().map(|counts| n(counts, "ms")).sum(),
            squares: 0.0,
        });
        Self {
            files: estimate.files(),
            steps: spec.ladder.rungs.iter().zip(estimate.loads()).map(step).collect(),
            shards: Shards {
                tries: if accepted > 0.0 { total("attempts") / accepted } else { 1.0 },
                taking: match first {
                    Some(rung) => Taking::of_rung(past, "shard", rung, shard_tokens),
                    None => Taking::guessed(1.0, shard_tokens),
                },
            },
            extras: extras(estimate, past),
            speed: history::mean(&speed.collect::<Vec<_>>()),
        }
    }

    /// The ranges of calls, tokens, dollars and milliseconds, from drawn sweeps.
    fn ranges(&self) -> [Span; 4] {
        let mut random = Random::new(SEED);
        let all: Vec<Taken> = (0..DRAWS).map(|_| self.draw(&mut random)).collect();
        let span = |of: &dyn Fn(&Taken) -> f64| {
            let mut values: Vec<f64> = all.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            let at = |share: f64| values[(share * (DRAWS - 1) as f64).round() as usize];
            let [low, likely, high] = ENDS.map(at);
            Span { low, likely, high }
        };
        [span(&|t| t.calls), span(&|t| t.tokens), span(&|t| t.usd), span(&|t| t.ms)]
    }

    /// One sweep: its files climb the ladder until they are accepted, and what follows reviews follows.
    fn draw(&self, random: &mut Random) -> Taken {
        let mut taken = Taken::default();
        let all = self.files as f64;
        let (mut reach, mut accepted_of_models) = (self.files, 0_u64);
        // How the files that were not looked at differ from the others: in the same way for all rungs.
        let unseen = random.normal();
        for step in &self.steps {
            if reach == 0 {
                break;
            }
            let (files, part) = (reach as f64, reach as f64 / all);
            let share = random.beta(
                step.share.mean * step.share.strength,
                (1.0 - step.share.mean) * step.share.strength,
            );
            let accepted = random.binomial(reach, share);
            reach -= accepted;
            if step.free {
                continue;
            }
            accepted_of_models += accepted;
            // Which of the files it is that come so far, and which of them were looked at.
            let chance = random.normal() * (files * (1.0 - part)).sqrt()
                + unseen * files * step.load.unseen().sqrt();
            let asked = (files * step.load.asked() + chance * step.load.deviation()).max(0.0);
            taken.add(random, files, asked, &step.taking);
            let (calls, asked) = step.load.shards();
            let (calls, asked) =
                (calls * files * self.shards.tries, asked * files * self.shards.tries);
            taken.add(random, calls.round(), asked, &self.shards.taking);
        }
        for extra in &self.extras {
            let rate = drawn(random, extra.rate);
            let expected = rate * accepted_of_models as f64;
            let spread = (expected * (1.0 - rate).max(0.05)).max(0.0).sqrt() * random.normal();
            let calls = (expected + spread).round().max(0.0);
            taken.add(random, calls, calls, &extra.taking);
        }
        if let Some(speed) = self.speed {
            taken.ms /= drawn(random, speed).max(1e-6);
        }
        taken
    }

    /// From all files being accepted at the first rung that costs something, with short answers, to all of them climbing
    /// to the last one with the longest answers.
    fn bounds(&self, spec: &SweepSpec) -> [Span; 4] {
        let files = self.files as f64;
        let of = |step: &Step, written: f64| {
            let mut taken = Taken::default();
            taken.sure(files, step.load.asked() * files, written * step.max_tokens, &step.taking);
            let (calls, asked) = step.load.shards();
            let written = written * f64::from(spec.limits.shard_max_tokens);
            taken.sure(calls * files, asked * files, written, &self.shards.taking);
            taken
        };
        let extra = |times: f64| {
            let mut taken = Taken::default();
            for extra in &self.extras {
                let calls = files * extra.rate.mean * times;
                let (read, written) = (extra.taking.tokens_in.mean, extra.taking.tokens_out.mean);
                taken.sure(calls, read * calls, written * times, &extra.taking);
            }
            taken
        };
        let paid = || self.steps.iter().filter(|step| !step.free);
        let first = |written| paid().next().map(|step| of(step, written)).unwrap_or_default();
        let low = first(0.1).plus(&extra(0.5));
        let likely = first(WRITTEN).plus(&extra(1.0));
        let high = paid().fold(extra(1.5), |sum, step| sum.plus(&of(step, 1.0)));
        let span =
            |of: fn(&Taken) -> f64| Span { low: of(&low), likely: of(&likely), high: of(&high) };
        [span(|t| t.calls.round()), span(|t| t.tokens), span(|t| t.usd), Span::default()]
    }
}

/// What follows accepted reviews in this sweep: by the sweeps in which it followed too.
fn extras(estimate: &Estimate<'_>, past: &[Past]) -> Vec<Extra> {
    let spec = estimate.spec();
    let asked = estimate.loads().first().map_or(0.0, Load::asked);
    let facts = spec.facts.as_ref().map(|facts| {
        let read = estimate.facts.as_ref().map_or(0.0, |of| {
            of.tokens_in as f64 / (of.calls.max(1)) as f64
                - f64::from(facts.bounds.max_tokens) / 2.0
        });
        let written = WRITTEN * f64::from(facts.bounds.max_tokens);
        let rungs = vec![&facts.extractor, &facts.verifier];
        ("facts", 2.0, read.max(SHORT), written, rungs)
    });
    let confirm = spec.confirm.as_ref().map(|confirm| {
        let read = asked * f64::from(confirm.bounds.max_share) / 100.0;
        let next = spec.ladder.rungs.get(1).or(spec.ladder.rungs.first());
        ("confirm", CONFIRMED, read, SHORT, confirm.rung.as_ref().or(next).into_iter().collect())
    });
    let audit = spec.audit.as_ref().map(|audit| {
        let voters = audit.voters.len() as f64;
        ("audit", voters, asked, SHORT, audit.rungs().collect())
    });
    let with = |task: &str| -> Vec<Past> {
        let has = |past: &&Past| match task {
            "facts" => past.facts,
            "confirm" => past.confirm,
            _ => past.audit,
        };
        past.iter().filter(has).cloned().collect()
    };
    let extra = |(task, rate, read, written, rungs): (&str, f64, f64, f64, Vec<&Rung>)| {
        let past = with(task);
        let seen = past.iter().map(|past| Sum {
            n: n(&counted(past, "review", None), "accepted"),
            sum: n(&counted(past, task, None), "attempts"),
            squares: 0.0,
        });
        let seen: Vec<Sum> = seen.collect();
        let guess = Mean { mean: rate, between: UNSURE, within: UNSURE };
        // A sweep in which nothing followed counts as well; what is guessed weighs as much as one review.
        let (reviews, calls) = seen.iter().fold((1.0, rate), |(n, k), of| (n + of.n, k + of.sum));
        Extra {
            rate: Mean { mean: calls / reviews, ..history::mean(&seen).unwrap_or(guess) },
            taking: Taking::of_task(&past, task, &rungs, (read, written)),
        }
    };
    [facts, confirm, audit].into_iter().flatten().map(extra).collect()
}

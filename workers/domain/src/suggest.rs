//! Which order of rungs costs least, by what ledgers and evals tell of each model.
//!
//! A file climbs until a rung accepts it: it is asked of the n-th rung only if all before it were rejected. That a rung
//! accepts is taken to be independent of that: hard files, which all rungs reject, make every order dearer alike. The cost of an
//! order is the sum of the rungs' costs, each by the chance of coming there. For a given set of rungs an exchange of
//! neighbours shows that the order by cost for each accepted attempt is the cheapest; for the cost of a true finding the
//! same holds with the value of findings taken off, at the price at which that is worth it ([`best_order`]).

use crate::random::Random;

/// Models that are tried in all sets; of more, those with the most attempts.
pub const MOST_MODELS: usize = 12;
/// Times that the price of a true finding is set anew; it stands after a few.
const MOST_PRICES: usize = 60;
/// Draws from what the ledgers leave open.
const DRAWS: usize = 400;
const SEED: u64 = 0x5eed_2026;

/// What is known of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// `provider/model`.
    pub name: String,
    /// Attempts at reviews.
    pub attempts: u64,
    /// Those that were accepted.
    pub accepted: u64,
    /// What an attempt costs, in whatever counts.
    pub cost: f64,
    /// True findings of an accepted review; none where no eval tells.
    pub found: Option<f64>,
}

impl Candidate {
    /// The chance that an attempt is accepted. Never certain: it is that of one accepted and one rejected attempt more.
    pub fn share(&self) -> f64 {
        let all = self.accepted.saturating_add(self.rejected());
        (self.accepted as f64 + 1.0) / (all as f64 + 2.0)
    }

    /// Attempts that were not accepted; none where a damaged ledger has counted fewer than were.
    fn rejected(&self) -> u64 {
        self.attempts.saturating_sub(self.accepted)
    }
}

/// What an order is to be good at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// Accepted reviews.
    Accepted,
    /// True findings.
    True,
}

/// What an order comes to, for one file.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Worth {
    /// Expected cost.
    pub cost: f64,
    /// Chance that some rung accepts it.
    pub accepted: f64,
    /// Expected true findings.
    pub found: f64,
}

impl Worth {
    /// Cost of what is aimed at; none where there is none of it.
    pub fn price(&self, aim: Aim) -> Option<f64> {
        let of = match aim {
            Aim::Accepted => self.accepted,
            Aim::True => self.found,
        };
        (of > 0.0).then(|| self.cost / of)
    }
}

/// A rung, reduced to its numbers.
#[derive(Debug, Clone, Copy)]
struct Rung {
    share: f64,
    cost: f64,
    found: f64,
}

impl From<&Candidate> for Rung {
    fn from(of: &Candidate) -> Self {
        Self { share: of.share(), cost: of.cost, found: of.found.unwrap_or(0.0) }
    }
}

/// What an order of some models comes to.
pub fn worth(order: &[usize], of: &[Candidate]) -> Worth {
    let rungs: Vec<Rung> = of.iter().map(Rung::from).collect();
    worth_of(order, &rungs)
}

fn worth_of(order: &[usize], rungs: &[Rung]) -> Worth {
    let mut sum = Worth::default();
    let mut reach = 1.0;
    for rung in order.iter().map(|i| &rungs[*i]) {
        sum.cost += reach * rung.cost;
        sum.found += reach * rung.share * rung.found;
        reach *= 1.0 - rung.share;
    }
    sum.accepted = 1.0 - reach;
    sum
}

/// The cheapest order of these models for each accepted review, or for each true finding.
pub fn best_order(set: &[usize], of: &[Candidate], aim: Aim) -> Vec<usize> {
    let rungs: Vec<Rung> = of.iter().map(Rung::from).collect();
    best_of(set, &rungs, aim)
}

fn best_of(set: &[usize], rungs: &[Rung], aim: Aim) -> Vec<usize> {
    let by = |price: f64| {
        let mut order = set.to_vec();
        let key = |i: &usize| rungs[*i].cost / rungs[*i].share - price * rungs[*i].found;
        order.sort_by(|a, b| key(a).total_cmp(&key(b)).then(a.cmp(b)));
        order
    };
    let mut order = by(0.0);
    if aim == Aim::True {
        // Dinkelbach: the order that is best at the price of the order before is no dearer, and when it is the same one,
        // there is none cheaper.
        for _ in 0..MOST_PRICES {
            let Some(price) = worth_of(&order, rungs).price(aim) else { break };
            let next = by(price);
            let cheaper = worth_of(&next, rungs).price(aim).is_some_and(|then| then < price);
            if !cheaper {
                break;
            }
            order = next;
        }
    }
    order
}

/// A ladder that is worth its cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// The models, first rung first, by their places among the candidates.
    pub order: Vec<usize>,
    /// What it comes to.
    pub worth: Worth,
    /// Whether as many files are accepted as was asked for.
    pub reaches: bool,
    /// The price of what is aimed at in the middle four fifths of what the ledgers leave open.
    pub price: Option<(f64, f64)>,
    /// Share of what the ledgers leave open in which the same order of these models is the cheapest.
    pub settled: f64,
}

/// The cheapest ladder of at most `most` rungs by which so large a share of files is accepted; where no ladder comes so far,
/// that which comes farthest. `None` without a candidate.
pub fn suggest(of: &[Candidate], aim: Aim, least_accepted: f64, most: usize) -> Option<Suggestion> {
    let n = of.len().min(MOST_MODELS);
    let rungs: Vec<Rung> = of.iter().map(Rung::from).collect();
    let mut best: Option<(Vec<usize>, Worth, bool)> = None;
    for bits in 1_u32..(1 << n) {
        if bits.count_ones() as usize > most {
            continue;
        }
        let set: Vec<usize> = (0..n).filter(|i| bits & (1 << i) != 0).collect();
        let order = best_of(&set, &rungs, aim);
        let worth = worth_of(&order, &rungs);
        let reaches = worth.accepted >= least_accepted;
        let better = match &best {
            None => true,
            Some((kept, than, there)) if reaches == *there => {
                let price = |worth: &Worth| worth.price(aim).unwrap_or(f64::INFINITY);
                let by = if reaches {
                    price(&worth).total_cmp(&price(than))
                } else {
                    than.accepted.total_cmp(&worth.accepted)
                };
                by.then(order.len().cmp(&kept.len())).is_lt()
            }
            Some(_) => reaches,
        };
        if better {
            best = Some((order, worth, reaches));
        }
    }
    let (order, worth, reaches) = best?;
    let (price, settled) = doubt(&order, of, aim);
    Some(Suggestion { order, worth, reaches, price, settled })
}

/// What the ledgers leave open: attempts are few, and shares of them chance.
fn doubt(order: &[usize], of: &[Candidate], aim: Aim) -> (Option<(f64, f64)>, f64) {
    let mut random = Random::new(SEED);
    let (mut prices, mut same) = (Vec::new(), 0);
    for _ in 0..DRAWS {
        let draw = |of: &Candidate| Rung {
            share: random.beta(of.accepted as f64 + 1.0, of.rejected() as f64 + 1.0),
            ..Rung::from(of)
        };
        let rungs: Vec<Rung> = of.iter().map(draw).collect();
        prices.extend(worth_of(order, &rungs).price(aim));
        let mut set = order.to_vec();
        set.sort_unstable();
        same += usize::from(best_of(&set, &rungs, aim) == order);
    }
    prices.sort_by(f64::total_cmp);
    let at = |share: f64| prices[(share * (prices.len() - 1) as f64).round() as usize];
    let range = (!prices.is_empty()).then(|| (at(0.1), at(0.9)));
    (range, same as f64 / DRAWS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(attempts: u64, accepted: u64, cost: f64, found: f64) -> Candidate {
        let name = format!("p/{attempts}-{accepted}");
        Candidate { name, attempts, accepted, cost, found: Some(found) }
    }

    fn orders(set: &[usize]) -> Vec<Vec<usize>> {
        if set.is_empty() {
            return vec![Vec::new()];
        }
        let rest = |i: &usize| set.iter().copied().filter(|j| j != i).collect::<Vec<_>>();
        let behind = |i: usize| {
            orders(&rest(&i)).into_iter().map(move |o| [vec![i], o].concat()).collect::<Vec<_>>()
        };
        set.iter().copied().flat_map(behind).collect()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9)
    }

    proptest! {
        #[test]
        fn no_order_and_no_ladder_is_cheaper(
            models in prop::collection::vec(
                (30_u64..200, 0.02..0.98_f64, 0.01..9.0_f64, 0.05..3.0_f64), 1..6),
            least in 0.5..0.999_f64,
            most in 1_usize..6,
        ) {
            let of: Vec<Candidate> = models
                .iter()
                .map(|(n, share, cost, found)| {
                    candidate(*n, (*n as f64 * share) as u64, *cost, *found)
                })
                .collect();
            let all: Vec<usize> = (0..of.len()).collect();
            for aim in [Aim::Accepted, Aim::True] {
                let price = |order: &[usize]| worth(order, &of).price(aim).unwrap();
                let ours = price(&best_order(&all, &of, aim));
                let theirs = orders(&all).iter().map(|o| price(o)).fold(f64::INFINITY, f64::min);
                prop_assert!(close(ours, theirs), "{aim:?}: {ours} {theirs} {of:?}");
                // Every order of every set.
                let ladders: Vec<Vec<usize>> = (1_u32..1 << of.len())
                    .map(|bits| all.iter().copied().filter(|i| bits & (1 << i) != 0).collect())
                    .filter(|set: &Vec<usize>| set.len() <= most)
                    .flat_map(|set| orders(&set))
                    .collect();
                let found = suggest(&of, aim, least, most).unwrap();
                let reach = ladders.iter().filter(|l| worth(l, &of).accepted >= least);
                let cheapest = reach.map(|l| price(l)).fold(f64::INFINITY, f64::min);
                let farthest = ladders.iter().map(|l| worth(l, &of).accepted).fold(0.0, f64::max);
                prop_assert_eq!(found.reaches, cheapest.is_finite());
                if found.reaches {
                    prop_assert!(close(price(&found.order), cheapest), "{aim:?} {found:?}");
                } else {
                    prop_assert!(close(found.worth.accepted, farthest), "{aim:?} {found:?}");
                }
            }
        }
    }

    #[test]
    fn a_cheap_rung_comes_first_even_when_it_is_often_rejected() {
        // A third of the answers at a tenth of the price; the dear one is nearly always accepted.
        let of = [candidate(100, 98, 1.0, 1.0), candidate(100, 33, 0.1, 0.4)];
        let found = suggest(&of, Aim::Accepted, 0.98, 4).unwrap();
        assert_eq!((found.order.as_slice(), found.reaches), (&[1, 0][..], true));
        let (low, high) = found.price.unwrap();
        assert!(
            low < found.worth.cost / found.worth.accepted && high > low && found.settled > 0.99
        );
        let found = suggest(&of, Aim::True, 0.9, 4).unwrap();
        assert_eq!(found.order, [1, 0], "0.1 + 0.66 of 1.0 for 0.4 of 0.33 and 1.0 of 0.66");
        let of = [candidate(100, 98, 1.0, 3.0), candidate(100, 80, 0.9, 0.1)];
        assert_eq!(suggest(&of, Aim::True, 0.9, 4).unwrap().order, [0]);
        assert!(suggest(&[], Aim::Accepted, 0.9, 4).is_none());
        // Two that are alike: which comes first is not settled.
        let of = [candidate(30, 15, 1.0, 1.0), candidate(30, 14, 1.0, 1.0)];
        let found = suggest(&of, Aim::Accepted, 0.5, 4).unwrap();
        assert_eq!(found.order.len(), 1);
        let found = suggest(&of, Aim::Accepted, 0.7, 4).unwrap();
        assert!(found.order == [0, 1] && found.settled < 0.8, "{found:?}");
        // Nothing found is no price.
        let of = [candidate(100, 50, 1.0, 0.0)];
        assert_eq!(suggest(&of, Aim::True, 0.1, 4).unwrap().price, None);
        let of = [candidate(30, 15, 1.0, 1.0), candidate(30, 14, 1.0, 1.0)];
        let never = suggest(&of, Aim::Accepted, 0.999, 4).unwrap();
        assert_eq!((never.reaches, never.order.len()), (false, 2));
    }

    #[test]
    fn what_few_attempts_leave_open_is_the_range_of_a_price() {
        // Of shares by accepted and rejected attempts (one of each more), the tenth and the ninetieth percentile.
        for (attempts, accepted, share) in [
            (0, 0, (0.1, 0.9)),
            (2, 2, (0.4642, 0.9655)),
            (2, 0, (0.0345, 0.5358)),
            (5, 9, (0.7943, 0.9895)),
        ] {
            let of = [candidate(attempts, accepted, 1.0, 1.0)];
            let (low, high) = suggest(&of, Aim::Accepted, 0.0, 1).unwrap().price.unwrap();
            // For each accepted review it costs one by the share.
            let (low, high) = (1.0 / high, 1.0 / low);
            assert!(
                (low - share.0).abs() < 0.035 && (high - share.1).abs() < 0.035,
                "{low} {high}"
            );
        }
    }
}

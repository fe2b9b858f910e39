//! Two runs over the same cases, case by case.

use super::case::Case;
use super::figures::{COUNTS, Pair, grouped, paired};
use super::score::Outcome;
use super::stats::{Figure, difference, mcnemar};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How two runs differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The first one.
    pub a: String,
    /// The other one.
    pub b: String,
    /// Files with a fault that are in both.
    pub seeded: usize,
    /// Cases of one that the other one lacks.
    pub not_shared: usize,
    /// Faults that both found.
    pub both: usize,
    /// Faults that the first one found alone.
    pub only_a: usize,
    /// Faults that the other one found alone.
    pub only_b: usize,
    /// Faults that neither found.
    pub neither: usize,
    /// McNemar's exact test: how likely so uneven a number of single finds is by chance.
    pub p: f64,
    /// The first one's figures less the other one's, each with an interval.
    pub differences: BTreeMap<String, Figure>,
}

/// One side of a comparison.
pub struct Side<'a> {
    /// What it is called.
    pub label: &'a str,
    /// Its cases.
    pub cases: &'a [Case],
    /// What became of them.
    pub outcomes: &'a [Outcome],
}

/// Two runs held against each other; `None` for two that share no fault.
pub fn compare(a: &Side<'_>, b: &Side<'_>) -> Option<Comparison> {
    let of = |side: &Side<'_>| -> BTreeSet<String> {
        paired(side.cases, side.outcomes).iter().map(|(case, _)| case.id.clone()).collect()
    };
    let (ids_a, ids_b) = (of(a), of(b));
    let shared = |side: &Side<'_>| -> Vec<(String, usize)> {
        let all = side
            .cases
            .iter()
            .enumerate()
            .filter(|(_, c)| ids_a.contains(&c.id) && ids_b.contains(&c.id));
        let mut all: Vec<_> = all.map(|(at, case)| (case.id.clone(), at)).collect();
        all.sort();
        all
    };
    let pairs_of =
        |side: &Side<'_>| -> Vec<usize> { shared(side).into_iter().map(|(_, at)| at).collect() };
    let pick = |side: &Side<'_>| -> Vec<Case> {
        pairs_of(side).into_iter().map(|at| side.cases[at].clone()).collect()
    };
    let (cases_a, cases_b) = (pick(a), pick(b));
    let (pairs_a, pairs_b) = (paired(&cases_a, a.outcomes), paired(&cases_b, b.outcomes));
    let (mut seeded, mut both, mut only_a, mut only_b) = (0, 0, 0, 0);
    for ((case, one), (twin, other)) in
        pairs_a.iter().zip(&pairs_b).filter(|((case, _), _)| case.is_seeded())
    {
        debug_assert_eq!(case.id, twin.id);
        seeded += 1;
        match (one.hit, other.hit) {
            (true, true) => both += 1,
            (true, false) => only_a += 1,
            (false, true) => only_b += 1,
            (false, false) => {}
        }
    }
    if seeded == 0 {
        return None;
    }
    let told = |pairs: &[Pair<'_>]| pairs.iter().any(|(_, o)| o.cost_usd.is_some());
    let costs = told(&pairs_a) && told(&pairs_b);
    let names = COUNTS.iter().filter(|(name, ..)| costs || *name != "usd_per_found");
    let differences = names.map(|(name, count, _)| {
        let (one, other) = (grouped(&pairs_a, *count), grouped(&pairs_b, *count));
        let groups: Vec<_> = one
            .iter()
            .map(|(file, part)| (*part, other.get(file).copied().unwrap_or_default()))
            .collect();
        ((*name).to_owned(), difference(&groups))
    });
    Some(Comparison {
        a: a.label.to_owned(),
        b: b.label.to_owned(),
        seeded,
        not_shared: ids_a.symmetric_difference(&ids_b).count(),
        both,
        only_a,
        only_b,
        neither: seeded - both - only_a - only_b,
        p: mcnemar(only_a as u64, only_b as u64),
        differences: differences.collect(),
    })
}

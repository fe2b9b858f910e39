//! How many faults were found and what else was claimed, with intervals; of all cases and of each kind.

use super::case::Case;
use super::score::{Outcome, Verdict};
use super::stats::{Figure, Part, ratio};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bytes up to which a file is small, and medium.
const SIZES: [(u64, &str); 2] = [(4_000, "up to 4 kB"), (16_000, "4 to 16 kB")];
const LARGE: &str = "over 16 kB";

/// What some cases come to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Files with a fault, reviewed or not.
    pub seeded: usize,
    /// Faults that were found.
    pub found: usize,
    /// Clean files, reviewed or not.
    pub clean: usize,
    /// Files of both kinds without a review: errors, refusals, unresolved and skipped ones.
    pub not_reviewed: usize,
    /// Findings at a fault.
    pub right: usize,
    /// Findings of clean files, and those that the clean file has as well.
    pub wrong: usize,
    /// Findings that nobody can judge.
    pub undecided: usize,
    /// Faults found by all files with one.
    pub recall: Figure,
    /// Right findings by those that can be judged.
    pub precision: Figure,
    /// Findings that nobody can judge by all findings.
    pub undecided_share: Figure,
    /// False findings of clean files by reviewed clean files.
    pub false_per_clean: Figure,
    /// Dollars by faults found; null where nobody told a cost.
    pub usd_per_found: Figure,
    /// Seconds in calls by faults found.
    pub seconds_per_found: Figure,
}

/// A case and what became of it.
pub type Pair<'a> = (&'a Case, &'a Outcome);

/// Cases with their outcomes, which are in the same order.
pub fn paired<'a>(cases: &'a [Case], outcomes: &'a [Outcome]) -> Vec<Pair<'a>> {
    let by_id: BTreeMap<&str, &Outcome> = outcomes.iter().map(|o| (o.case.as_str(), o)).collect();
    cases.iter().filter_map(|case| Some((case, *by_id.get(case.id.as_str())?))).collect()
}

/// What is counted of a case, for one figure.
pub(super) type Count = fn(&Pair<'_>) -> Part;

/// One by all of them.
fn one(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// The figures that two runs are compared by: a name, what is counted of a case, whether it is a share.
pub(super) const COUNTS: [(&str, Count, bool); 6] = [
    ("recall", |(case, o)| (one(o.hit), one(case.is_seeded())), true),
    (
        "precision",
        |(_, o)| {
            let right = o.count(Verdict::Right) as f64;
            (right, right + o.count(Verdict::False) as f64)
        },
        true,
    ),
    (
        "undecided_share",
        |(_, o)| (o.count(Verdict::Undecided) as f64, o.findings.len() as f64),
        true,
    ),
    (
        "false_per_clean",
        |(case, o)| {
            let counts = !case.is_seeded() && o.is_reviewed();
            (if counts { o.count(Verdict::False) as f64 } else { 0.0 }, one(counts))
        },
        false,
    ),
    ("usd_per_found", |(_, o)| (o.cost_usd.unwrap_or(0.0), one(o.hit)), false),
    ("seconds_per_found", |(_, o)| (o.seconds, one(o.hit)), false),
];

/// What is counted, summed up by the files that cases are made of: those of one file are not independent.
pub(super) fn grouped<'a>(pairs: &[Pair<'a>], count: Count) -> BTreeMap<&'a str, Part> {
    let mut groups: BTreeMap<&str, Part> = BTreeMap::new();
    for pair in pairs {
        let (sum, of) = count(pair);
        let group = groups.entry(pair.0.file.as_str()).or_default();
        (group.0, group.1) = (group.0 + sum, group.1 + of);
    }
    groups
}

/// What these come to.
pub fn figures(pairs: &[Pair<'_>]) -> Figures {
    let figure = |at: usize| {
        let (_, count, is_share) = COUNTS[at];
        let groups: Vec<Part> = grouped(pairs, count).into_values().collect();
        ratio(&groups, is_share)
    };
    let count = |verdict| pairs.iter().map(|(_, o)| o.count(verdict)).sum();
    let of = |fits: fn(&Pair<'_>) -> bool| pairs.iter().filter(|pair| fits(pair)).count();
    let told = pairs.iter().any(|(_, o)| o.cost_usd.is_some());
    Figures {
        seeded: of(|(case, _)| case.is_seeded()),
        found: of(|(_, o)| o.hit),
        clean: of(|(case, _)| !case.is_seeded()),
        not_reviewed: of(|(_, o)| !o.is_reviewed()),
        right: count(Verdict::Right),
        wrong: count(Verdict::False),
        undecided: count(Verdict::Undecided),
        recall: figure(0),
        precision: figure(1),
        undecided_share: figure(2),
        false_per_clean: figure(3),
        usd_per_found: if told { figure(4) } else { Figure::default() },
        seconds_per_found: figure(5),
    }
}

/// Which kind a case is of; none where it is of no kind.
type Kind = fn(&Pair<'_>) -> Option<String>;

/// The figures of each kind of cases: by category, language, size, and how their files were read.
pub fn slices(pairs: &[Pair<'_>]) -> BTreeMap<String, BTreeMap<String, Figures>> {
    let by: [(&str, Kind); 4] = [
        ("category", |(case, _)| case.is_seeded().then(|| case.category.clone())),
        ("language", |(case, _)| Some(case.language.clone())),
        ("size", |(case, _)| {
            let size = SIZES.iter().find(|(most, _)| case.bytes <= *most);
            Some(size.map_or(LARGE, |(_, name)| name).to_owned())
        }),
        ("read", |(_, o)| Some(o.read.clone().unwrap_or_else(|| "not reviewed".to_owned()))),
    ];
    let mut out = BTreeMap::new();
    for (name, kind) in by {
        let mut kinds: BTreeMap<String, Vec<Pair<'_>>> = BTreeMap::new();
        for pair in pairs {
            if let Some(kind) = kind(pair) {
                kinds.entry(kind).or_default().push(*pair);
            }
        }
        let figures = kinds.into_iter().map(|(kind, pairs)| (kind, figures(&pairs)));
        out.insert(name.to_owned(), figures.collect());
    }
    out
}

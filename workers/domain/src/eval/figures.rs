//! How many faults were found and what else was claimed, with intervals; of all cases and of each kind.

use super::case::Case;
use super::score::{Judged, Outcome, Verdict};
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

/// Precision and recall of a run as it is, and as it would be without something.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sides {
    /// Precision as it is; null where no finding can be judged.
    pub precision_with: Option<f64>,
    /// What it would be.
    pub precision_without: Option<f64>,
    /// Faults found, by all faults; null without a fault.
    pub recall_with: Option<f64>,
    /// What it would be.
    pub recall_without: Option<f64>,
}

impl Sides {
    /// Both, by the findings that each case would have.
    pub(super) fn new<'a>(
        pairs: &[Pair<'a>],
        without: impl Fn(&'a Outcome) -> Vec<&'a Judged>,
    ) -> Self {
        let (precision_with, recall_with) = shares(pairs, |o| o.findings.iter().collect());
        let (precision_without, recall_without) = shares(pairs, without);
        Self { precision_with, precision_without, recall_with, recall_without }
    }
}

/// Precision and recall by the findings that a case is said to have.
fn shares<'a>(
    pairs: &[Pair<'a>],
    findings: impl Fn(&'a Outcome) -> Vec<&'a Judged>,
) -> (Option<f64>, Option<f64>) {
    let share = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
    let (mut right, mut judged, mut found, mut seeded) = (0, 0, 0, 0);
    for (case, outcome) in pairs {
        let findings = findings(outcome);
        let of = |verdict| findings.iter().filter(|f| f.verdict == verdict).count();
        right += of(Verdict::Right);
        judged += of(Verdict::Right) + of(Verdict::False);
        if case.is_seeded() {
            seeded += 1;
            found += usize::from(of(Verdict::Right) > 0);
        }
    }
    (share(right, judged), share(found, seeded))
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

//! Which findings of a file are those that are known already.

use super::LineMap;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// How alike two claims are that say the same, in thousandths.
const ALIKE: u32 = 500;

/// What a finding is compared by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Likeness {
    /// The key of its code without its layout.
    pub code: String,
    /// The identifiers that its claim names.
    pub names: BTreeSet<String>,
    /// The function that its code is in.
    pub symbol: Option<String>,
    /// The key of its pattern.
    pub pattern: Option<String>,
    /// The words of its claim.
    pub words: BTreeSet<String>,
    /// First and last line, from 1.
    pub lines: Option<(u32, u32)>,
}

/// An older finding, with where its lines are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Older {
    /// What it is compared by.
    pub like: Likeness,
    /// The lines that its own have become, see [`LineMap::at`]; `None` where that is not known.
    pub now: Option<(u32, u32)>,
}

impl Older {
    /// With the lines that a map gives it.
    pub fn new(like: Likeness, map: Option<&LineMap>) -> Self {
        let mapped = |(first, last): (u32, u32)| {
            let map = map?;
            Some((map.at(first).0, map.at(last).1))
        };
        let now = like.lines.and_then(mapped);
        Self { like, now }
    }
}

/// By what two findings are the same, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The same code, and their claims name the same.
    Code,
    /// The same pattern in the same function.
    Pattern,
    /// Their claims are alike, about lines that became each other.
    Claim,
}

impl Rule {
    const ALL: [Self; 3] = [Self::Code, Self::Pattern, Self::Claim];

    fn holds(self, old: &Older, new: &Likeness) -> bool {
        let both = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
        match self {
            Self::Code => old.like.code == new.code && old.like.names == new.names,
            Self::Pattern => {
                both(&old.like.pattern, &new.pattern) && both(&old.like.symbol, &new.symbol)
            }
            Self::Claim => same_lines(old, new) && alike(&old.like.words, &new.words) >= ALIKE,
        }
    }
}

/// For each new finding, which of the older ones it is, by the given rules in their order. Each older one is
/// used once, and where several fit, the nearest, then one in the same function, then the one whose claim is most alike. The order of the new
/// ones does not matter.
pub fn matching(old: &[Older], new: &[Likeness], rules: &[Rule]) -> Vec<Option<usize>> {
    let mut found = vec![None; new.len()];
    let mut used = vec![false; old.len()];
    for rule in rules {
        let mut pairs = Vec::new();
        for (i, one) in new.iter().enumerate().filter(|(i, _)| found[*i].is_none()) {
            for (j, known) in old.iter().enumerate().filter(|(j, _)| !used[*j]) {
                if rule.holds(known, one) {
                    let words = Reverse(alike(&known.like.words, &one.words));
                    let what = (one.lines, &one.code, &one.names, &one.words);
                    let renamed = known.like.symbol != one.symbol;
                    pairs.push((apart(known, one), renamed, words, j, what, i));
                }
            }
        }
        pairs.sort();
        for (_, _, _, j, _, i) in pairs {
            if found[i].is_none() && !used[j] {
                found[i] = Some(j);
                used[j] = true;
            }
        }
    }
    found
}

/// By all rules.
pub fn matching_by_all(old: &[Older], new: &[Likeness]) -> Vec<Option<usize>> {
    matching(old, new, &Rule::ALL)
}

/// Lines between where an older finding would be now and a new one; far where either is unknown.
fn apart(old: &Older, new: &Likeness) -> u32 {
    let (Some((first, last)), Some((from, to))) = (old.now, new.lines) else { return u32::MAX };
    // One that was taken out stood between two lines.
    let (first, last) = (first.min(last.saturating_add(1)), last.max(first.saturating_sub(1)));
    from.saturating_sub(last).max(first.saturating_sub(to))
}

/// Whether lines became each other; two findings without any are about the same: the file.
fn same_lines(old: &Older, new: &Likeness) -> bool {
    match (old.like.lines, old.now, new.lines) {
        (None, _, None) => true,
        (Some(_), Some((first, last)), Some((from, to))) => from <= last && first <= to,
        _ => false,
    }
}

/// How alike two sets of words are, in thousandths: twice what they share by what they have.
fn alike(a: &BTreeSet<String>, b: &BTreeSet<String>) -> u32 {
    let all = a.len() + b.len();
    if all == 0 {
        return 1_000;
    }
    u32::try_from(2_000 * a.intersection(b).count() / all).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(symbol: &str, pattern: &str, words: &str, lines: Option<(u32, u32)>) -> Likeness {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let words = words.split_whitespace().map(str::to_owned).collect();
        let (symbol, pattern) = (some(symbol), some(pattern));
        Likeness { symbol, pattern, words, lines, ..Likeness::default() }
    }

    #[test]
    fn a_rule_holds_of_the_same_pattern_or_of_claims_that_are_alike_about_the_same_lines() {
        use Rule::{Claim, Pattern};
        let (known, at) = ("a b", Some((2, 3)));
        for (rule, old, new, same) in [
            (Pattern, like("f", "p", "", at), like("f", "p", "", None), true),
            (Pattern, like("f", "p", "", at), like("g", "p", "", at), false),
            (Pattern, like("f", "p", "", at), like("f", "q", "", at), false),
            (Pattern, like("f", "", "", at), like("f", "", "", at), false),
            (Claim, like("", "", known, None), like("", "", known, None), true),
            (Claim, like("", "", known, at), like("", "", known, None), false),
            (Claim, like("", "", known, None), like("", "", known, at), false),
            (Claim, like("", "", known, at), like("", "", known, Some((3, 5))), true),
            (Claim, like("", "", known, at), like("", "", known, Some((4, 5))), false),
            (Claim, like("", "", known, at), like("", "", known, Some((1, 2))), true),
            (Claim, like("", "", known, at), like("", "", known, Some((1, 1))), false),
            // Half of the words, and a third.
            (Claim, like("", "", "a b", at), like("", "", "a c", at), true),
            (Claim, like("", "", "a b d", at), like("", "", "a c e", at), false),
        ] {
            let old = Older { now: old.lines, like: old };
            let found = matching(std::slice::from_ref(&old), std::slice::from_ref(&new), &[rule]);
            assert_eq!(found, [same.then_some(0)], "{rule:?}: {old:?} {new:?}");
        }
    }

    #[test]
    fn of_several_that_fit_the_nearest_is_meant_then_the_one_in_the_same_function() {
        let at = |line| Some((line, line));
        for (old, new, meant) in [
            ([("f", 10), ("f", 20)], ("f", 19), 1),
            ([("f", 10), ("f", 20)], ("f", 11), 0),
            ([("g", 10), ("f", 10)], ("f", 10), 1),
            ([("g", 10), ("f", 20)], ("f", 12), 0),
        ] {
            let old = old.map(|(symbol, line)| Older {
                like: like(symbol, "", "", at(line)),
                now: at(line),
            });
            let new = [like(new.0, "", "", at(new.1))];
            assert_eq!(matching(&old, &new, &[Rule::Code]), [Some(meant)], "{new:?}");
        }
    }
}
